"""Rows by a key, at their owner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mpc.errors import ConfigError, ShapeError
from mpc.tables.prepare import building
from mpc.tables.prepare.nodes import Query, Select
from mpc.tables.private_array import PrivateArray
from mpc.untyped import Anything

if TYPE_CHECKING:
    from mpc.tables.prepare.verbs import Preparing
    from mpc.tables.private import PrivateTable


def names_of(verb: str, table: Preparing, names: str | PrivateArray | Sequence[str | PrivateArray]) -> tuple[str, ...]:
    """The names of a key's columns: one name, or a list of different ones, or a column of the table."""
    given = [names] if isinstance(names, str | PrivateArray) else list(names)
    found: list[str] = []
    for name in given:
        if isinstance(name, PrivateArray):
            same = [known for known in table._columns if table.column(known).expression is name.expression]
            name = same[0] if same else name
        if not isinstance(name, str):
            raise ShapeError(f"{verb}: {name!r} is not a column; give columns by name (`assign` makes new ones)")
        table.column(name)
        found.append(name)
    if not found or len(set(found)) < len(found):
        raise ConfigError(f"{verb}: a key is one column or several different ones, by name")
    return tuple(found)


class KeyGroups:
    """Rows by a key, at their owner: `agg` gives one row for each key."""

    def __init__(
        self, source: Select, by: tuple[str, ...], most_per_key: int | None, prepared: Callable[[Query], PrivateTable]
    ) -> None:
        if most_per_key is not None and most_per_key < 1:
            raise ConfigError(f"group_by(at_most_per_key={most_per_key}): a key has at least one row")
        self._source, self._by, self._most, self._prepared = source, by, most_per_key, prepared

    def __repr__(self) -> str:
        return f"<rows of {self._source.name} by {' and '.join(self._by)}>"

    def __getattr__(self, name: str) -> Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ConfigError(
            f'group_by({", ".join(map(repr, self._by))}) is by a key: write .agg(total=({name!r}, "sum"), n="count"), '
            "which gives a table with one row for each key"
        )

    def agg(self, *, within: Mapping[str, tuple[float, float]] | None = None, **measures: Anything) -> PrivateTable:
        """A private table with one row for each key: the key's columns, then the measures. Rows without a key are left
        out, and so are missing values from all measures.

        measures  name -> "count" (rows of the key), or (column, statistic) with "sum" (0 of no values), "mean", "min",
                  "max", "median", "count", "nunique", "any", "all"; or (column, "first" or "last", by): the value where
                  the column `by` is smallest or largest, of equal ones the smallest value
        within    name -> the range of a measure in place of the one that follows from the schema; its owner checks it

        The range of a sum follows from the column's and from the number of rows of a key, at most `at_most_per_key`.
        Raises RangeError where sums of whole numbers may be beyond ± 2^61; DataError at the owner, where a value is out
        of range or a key has too many rows.
        """
        query = building.grouped(self._source, self._by, measures, self._most, within or {})
        return self._prepared(query)
