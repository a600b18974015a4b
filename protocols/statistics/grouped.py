"""Statistics by groups of rows, with small groups suppressed as cells of one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpc.disclosure import Opened, Result
from mpc.private import PrivateArray, count_cells
from mpc.secret import SecretArray, concatenate
from protocols.statistics.descriptive import deviations, means
from protocols.statistics.moments import column_moments
from protocols.statistics.tables import large_cells, levels


def grouped(column: PrivateArray, category: PrivateArray, statistic: str) -> Result:
    """`mean`, `std` or `count` of a column's valid rows in each group.

    Protection  groups under the minimum are suppressed as the cells of a table are (`tables.large_cells`); for a flag,
                so are groups where fewer rows than the minimum have it, or have it not
    """
    if category.expression.levels:
        parts = [column[category == level] for level in category.expression.levels]
    else:
        parts = [column[~category], column[category]]
    counts = column_moments(parts).count
    if statistic == "count":
        values = counts
    else:
        several = means(parts) if statistic == "mean" else deviations(parts)
        values = concatenate([value.reshape(1) for value in several])
    tables = [counts]
    if column.expression.type == "flag" and statistic != "count":
        both = count_cells(column.source, [category, column])
        tables += [both[:, 0], both[:, 1]]
    return _vector(values, tables, levels(category), column.unit if statistic != "count" else "")


def counts(category: PrivateArray) -> Result:
    """Rows of each group."""
    cells = count_cells(category.source, [category])
    return _vector(cells, [cells], levels(category), "")


def _vector(values: SecretArray, tables: list[SecretArray], labels: list[str], unit: str) -> Result:
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

    def guard(minimum: int) -> dict[str, SecretArray]:
        bits = large_cells(tables[0], minimum)
        for table in tables[1:]:
            bits = bits & large_cells(table, minimum)
        return {"values": bits}

    return Result("vector", {"values": values}, finish, guard)
