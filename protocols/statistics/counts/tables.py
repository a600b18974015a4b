"""Counts in tables: histograms and contingency tables.

Small cells are suppressed (`protocols.suppression`). A contingency table with a small cell releases nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import ConfigError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray, count_cells
from mpc.untyped import Json, JsonObject
from protocols.suppression import table_guard


def histogram(column: PrivateArray, edges: Sequence[float]) -> Result:
    """Counts of the valid rows in public bins; the last bin includes its upper edge.

    Values outside of all bins are not counted: choose edges that cover the declared range.
    """
    counts = count_cells(column.source, [column.cut(edges)])
    limits = [float(e) for e in edges]
    unit = column.unit

    def finish(opened: Mapping[str, Opened]) -> Any:
        value: dict[str, Any] = {"edges": limits, "counts": _integers(opened["counts"].cells())}
        if unit:
            value["unit"] = unit
        return value

    return Result("histogram", {"counts": counts}, finish, table_guard("counts", *counts.basis.cohorts))


def contingency(rows: PrivateArray, columns: PrivateArray) -> Result:
    """Counts by two categories (or flags), with Pearson's chi-square from the opened counts.

    Protection: if any cell is under the minimum, neither cells nor margins nor chi-square come out.
    """
    if rows.source is not columns.source:
        raise ConfigError(f"{rows.name} and {columns.name} are columns of different tables: take both from one table")
    counts = count_cells(rows.source, [rows, columns])
    row_names, column_names = levels(rows), levels(columns)

    def finish(opened: Mapping[str, Opened]) -> Any:
        part = opened["counts"]
        if not part.ok:
            return part.first_problem()
        observed = part.values
        return {
            "rows": row_names,
            "columns": column_names,
            "counts": _integers(part.cells()),
            **chi_square(observed),
        }

    return Result("crosstab", {"counts": counts}, finish, together=True)


def chi_square(observed: Json) -> JsonObject:
    """Pearson's chi-square without correction, its degrees of freedom and p, from opened counts; words in place of
    numbers if an expected count is 0, or the table has a single row or column."""
    from scipy import special  # scipy.stats takes a second to import

    table = np.asarray(observed, np.float64)
    empty = not (table.sum(1).all() and table.sum(0).all())
    if empty or 1 in table.shape:
        why = "undefined: a row or column without counts" if empty else "undefined: a single row or column"
        return {"chi_square": why, "df": (table.shape[0] - 1) * (table.shape[1] - 1), "p": why}
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    df = (table.shape[0] - 1) * (table.shape[1] - 1)
    statistic = float(((table - expected) ** 2 / expected).sum())
    return {"chi_square": statistic, "df": df, "p": float(special.chdtrc(df, statistic))}


def levels(category: PrivateArray) -> list[str]:
    """Names of the levels of a category; "no" and "yes" for a flag."""
    return list(category.expression.levels) or ["no", "yes"]


def _integers(cells: Any) -> Any:
    if isinstance(cells, list):
        return [_integers(c) for c in cells]
    return int(cells) if isinstance(cells, float) else cells
