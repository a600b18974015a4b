"""Pivot tables: a row for each group, and a column for each level of a public category."""

from __future__ import annotations

from collections.abc import Sequence

from mpc.errors import ConfigError, ShapeError
from mpc.tables.secret_columns import SecretCategory, SecretColumn, SecretKey, like_column, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.tables.table_functions import Aggregation
from mpc.values.secret import SecretArray
from protocols.tables.grouped_table import GroupedTable, parts_of


def pivoted(table: SecretTable, on: str, index: Sequence[str], values: Aggregation, groups: int | None) -> SecretTable:
    """One grouping by `index`; for each level of the category `on`, `values` of the group's rows that have this level.

    Rounds: those of `group_by` and its statistics, side by side for all levels; bytes: a statistic for each level.
    Raises ShapeError where `on` is no category, ConfigError where a level has the name of a column of `index`.
    """
    category = table.column(on)
    if not isinstance(category, SecretCategory):
        raise ShapeError(f"pivot: {on} has no public levels to name columns by; pivot a Category, or group by {on}")
    if on in index:
        raise ConfigError(f"pivot: {on} gives the columns; give other columns as index")
    if taken := [level for level in category.levels if level in index]:
        raise ConfigError(f"pivot: {taken[0]!r} is a level of {on} and a column of the index: rename the column")
    of, *statistic = (on, "count") if values == "count" else parts_of(values, "pivot", "values")
    column = table.column(of)
    if isinstance(column, SecretKey):
        raise ShapeError(f'pivot: {of} is a key, which has no statistics; values="count" counts rows')
    wide = table.assign(**{level: _of_level(column, category == level) for level in category.levels})
    return GroupedTable(wide, index, groups).agg(**{level: (level, *statistic) for level in category.levels})


def _of_level(column: SecretColumn, chosen: SecretArray) -> SecretColumn:
    """A column whose values are missing in all rows but those chosen."""
    numbers = numbers_of(column)
    bits = chosen.bare() if chosen.valid is None else chosen.bare() & chosen.valid.bare()
    return like_column(column, numbers.masked(bits, "another level").with_basis(numbers.basis.where(bits)))
