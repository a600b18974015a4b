"""Rows by the levels of a category: a result for each group, small groups suppressed together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mpc.errors import ConfigError, ShapeError
from mpc.tables.expressions import both, unary
from mpc.tables.kinds import need_category
from mpc.tables.private_array import PrivateArray
from mpc.untyped import Anything

if TYPE_CHECKING:
    from mpc.releases.disclosure import Result
    from mpc.tables.private import PrivateTable


class Groups:
    """A table by the levels of one of its categories (or flags); columns are attributes.

    minimum  rows a group must have to be released (default: the release's)
    """

    def __init__(self, table: PrivateTable, category: PrivateArray, minimum: int | None) -> None:
        if not isinstance(category, PrivateArray):
            raise ShapeError(
                f"group_by: {category!r} is not one category. Give a column's name, or a category of the table; for "
                "two of them, protocols.statistics.contingency(a, b), or filter by the one and group by the other"
            )
        need_category("group_by", category.name, category.expression.type)
        if category.source is not table.source:
            raise ShapeError(
                f"group_by: {category.name} is of table {category.source.name}; group the rows of {table.source.name} "
                "by a category of their own"
            )
        self._table = table
        self._category = category
        self._minimum = minimum

    def __repr__(self) -> str:
        return f"<{self._table!r} by {self._category.name}>"

    def __getattr__(self, name: str) -> GroupedArray:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("mean", "std") and name not in self._table.columns:
            raise ConfigError(f"group_by: {name} of which column? Write groups.{self._table.columns[0]}.{name}()")
        return GroupedArray(self._table.column(name), self._category, self._minimum)

    def __getitem__(self, name: str) -> GroupedArray:
        return GroupedArray(self._table.column(name), self._category, self._minimum)

    def agg(self, *, within: Mapping[str, tuple[float, float]] | None = None, **measures: Anything) -> PrivateTable:
        """A private table with one row for each level, for rows of one owner: see `KeyGroups.agg`."""
        return self._table.group_by([self._category]).agg(within=within, **measures)

    def count(self) -> Result:
        """Rows of each group."""
        by, where = self._category, both(self._table.where, self._category.where)
        rows = PrivateArray(by.source, by.expression, by.name, where)
        result = by.source.run.functions.counts(rows)
        result.minimum = self._minimum
        return result


class GroupedArray:
    """One column of a grouped table. Rows missing the value or the category do not count."""

    def __init__(self, column: PrivateArray, category: PrivateArray, minimum: int | None) -> None:
        self._column = column
        self._category = category
        self._minimum = minimum

    def __repr__(self) -> str:
        return f"<{self._column!r} by {self._category.name}>"

    def _statistic(self, name: str) -> Result:
        result = self._column.source.run.functions.grouped(self._column, self._category, name)
        result.minimum = self._minimum
        return result

    def mean(self) -> Result:
        """Mean of each group."""
        return self._statistic("mean")

    def std(self) -> Result:
        """Standard deviation of each group."""
        return self._statistic("std")

    def count(self) -> Result:
        """Valid rows of each group."""
        column, by = self._column, self._category
        if column.expression.type not in ("category", "date", "key"):
            return self._statistic("count")
        where = both(both(column.where, by.where), unary("not", unary("isna", column.expression)))
        result = by.source.run.functions.counts(PrivateArray(by.source, by.expression, by.name, where))
        result.minimum = self._minimum
        return result
