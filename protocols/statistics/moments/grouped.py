"""Statistics by groups of rows; small groups are suppressed like the cells of a table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from mpc.releases.disclosure import Opened, Result
from mpc.tables.conditions import steps
from mpc.tables.counts import counted, few_values, rows_where
from mpc.tables.dominance import not_dominated
from mpc.tables.expressions import both, unary
from mpc.tables.private import PrivateArray, count_cells
from mpc.tables.selections import Selection, joint_cells
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray
from protocols.statistics.counts.tables import levels
from protocols.statistics.moments.descriptive import of_parts
from protocols.statistics.moments.moments import column_moments
from protocols.suppression import table_guard


def grouped(column: PrivateArray, category: PrivateArray, statistic: str) -> Result:
    """`mean`, `std` or `count` of a column's valid rows in each group.

    Protection  groups under the minimum are suppressed like the cells of a table (`protocols.suppression`). For a flag,
                so are groups where fewer rows than the minimum have it, or lack it
    """
    if category.expression.levels:
        parts = [column[category == level] for level in category.expression.levels]
    else:
        parts = [column[~category], column[category]]
    moments = column_moments(parts)
    chosen = Selection(column.source, both(column.where, category.where), (category.expression,), (column.expression,))
    by = f"{rows_where(column.source, column.where)} by {category.name}"
    counts = counted(moments.by_owner, by, chosen)
    tables = list(counts.basis.cohorts)
    if statistic == "count":
        values = counts
    else:
        if column.source.dominance is not None and column.expression.type != "flag":
            tables = [not_dominated(parts, tables[0], column.source.dominance)]
        tables += _by_flags(column, category)
        name = "mean" if statistic == "mean" else "standard deviation"
        values = of_parts(parts, statistic).standing_on(*tables, origin=(f"{name} of {column.name} of {by}",))
    return _vector(values, tables, levels(category), column.unit if statistic != "count" else "")


def _by_flags(column: PrivateArray, category: PrivateArray) -> list[Cohort]:
    """Tables by group of the rows with each combination of the flags in a column; and of the rows with each value, for
    whole numbers with few values."""
    expression = column.expression
    flags = [expression] if expression.type == "flag" else [flag for flag, none in steps(expression) if not none]
    tables = []
    if flags:
        by = [PrivateArray(column.source, flag, flag.text, column.where) for flag in flags]
        (cells,) = count_cells(column.source, [category, *by]).basis.cohorts
        tables += [cells.at(slice(None), *sides) for sides in product(range(2), repeat=len(flags))]
    where = both(both(column.where, category.where), unary("not", unary("isna", expression)))
    for few in few_values(expression):
        cells = joint_cells(column.source, [category.expression, few], where)
        cells.what = f"{rows_where(column.source, column.where)} by {category.name} and {few.text}"
        tables += [cells.at(slice(None), k) for k in range(len(few.levels))]
    return tables


def counts(category: PrivateArray) -> Result:
    """Rows of each group."""
    cells = count_cells(category.source, [category])
    return _vector(cells, list(cells.basis.cohorts), levels(category), "")


def _vector(values: SecretArray, tables: list[Cohort], labels: list[str], unit: str) -> Result:
    whole = values.type == "int"

    def finish(opened: Mapping[str, Opened]) -> Any:
        cells = opened["values"].cells()
        value: dict[str, Any] = {
            "labels": labels,
            "values": [int(c) if whole and isinstance(c, float) else c for c in cells],
        }
        if unit:
            value["unit"] = unit
        return value

    return Result("vector", {"values": values}, finish, table_guard("values", *tables))
