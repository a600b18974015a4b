"""Rows of a secret table in groups: a row for each group, with its keys and the results that a script asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from mpc.errors import ConfigError, ShapeError
from mpc.suggestions import also, closest
from mpc.tables.secret_columns import SecretCategory, SecretColumn, SecretDate, SecretKey, like_column, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.tables.table_functions import Aggregation, OfColumn
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray
from protocols.tables.groups import Groups, group_rows
from protocols.tables.tags import tags_of

#: Statistics whose result is of the kind of their column.
_ALIKE = ("min", "max")


class GroupedTable:
    """Rows of a table by one to three of its columns.

    groups  public upper limit of the number of groups; that it holds is checked, and a release says where it does not
    """

    def __init__(self, table: SecretTable, keys: Sequence[str], groups: int | None) -> None:
        if not keys:
            raise ShapeError("group_by: name at least one column")
        self._table = table
        self._names = tuple(keys)
        self._columns = [table.column(name) for name in keys]
        if groups is None:
            groups = prod(self._values(name, column) for name, column in zip(keys, self._columns, strict=True))
        if not isinstance(groups, int) or groups < 1:
            raise ShapeError(f"group_by: groups={groups!r}; expected a public number from 1 up")
        words = [self._words(name, column) for name, column in zip(keys, self._columns, strict=True)]
        self._groups: Groups = group_rows(table.rows, [word for key in words for word in key], groups=groups)
        self._sizes = [len(key) for key in words]

    def __repr__(self) -> str:
        return f"<{self._table!r} by {', '.join(self._names)}>"

    @staticmethod
    def _values(name: str, column: SecretColumn) -> int:
        """How many values a column can have, where that is few."""
        if isinstance(column, SecretCategory):
            return len(column.levels)
        if isinstance(column, SecretArray) and is_flag(column):
            return 2
        raise ConfigError(
            f"group_by: how many groups there are is secret; say how many there can be: group_by({name!r}, groups=1000)"
        )

    def _words(self, name: str, column: SecretColumn) -> list[SecretArray]:
        if isinstance(column, SecretKey):
            return list(tags_of(self._table, name))
        numbers = numbers_of(column)
        return [numbers.numeric() if numbers.type == "bool" else numbers]

    def agg(self, **results: Aggregation) -> SecretTable:
        """A row for each group, in the order of the keys: the keys, and for each name a statistic of a column, as in
        agg(patients="count", dose=("dose", "mean"), high=("dose", "quantile", 0.9)).

        Statistics: count, sum, mean, var, std, min, max, median, quantile, any, all. Missing values are left out.
        """
        columns: dict[str, SecretColumn] = {}
        found = iter(self._groups.keys)
        for name, column, size in zip(self._names, self._columns, self._sizes, strict=True):
            words = [next(found) for _ in range(size)]
            columns[name] = (
                column.tagged(tuple(words)) if isinstance(column, SecretKey) else like_column(column, words[0])
            )
        for name, wanted in results.items():
            if name in columns:
                raise ConfigError(f"agg: {name} is a key of the groups; give the result another name")
            columns[name] = self._result(name, wanted)
        exists = self._groups.found()
        return SecretTable(
            self._table.run,
            f"{self._table.name} by {', '.join(self._names)}",
            columns,
            len(exists),
            lambda: exists,
            unique=frozenset([frozenset(self._names)]),
        )

    def count(self) -> SecretTable:
        """A row for each group, with its number of rows as "count"."""
        return self.agg(count="count")

    def _result(self, name: str, wanted: Aggregation) -> SecretColumn:
        if wanted == "count":
            return self._groups.count()
        of, statistic, *numbers = parts_of(wanted, "agg", name)
        column = self._table.column(of)
        if isinstance(column, SecretKey) and statistic != "count":
            raise ShapeError(f"agg: {of} is a key; of keys there is a count alone")
        compute = self._statistics().get(statistic)
        if compute is None:
            meant = also(closest(statistic, self._statistics()))
            raise ConfigError(f"agg: no statistic {statistic!r}; there are {', '.join(self._statistics())}{meant}")
        values = tags_of(self._table, of)[0] if isinstance(column, SecretKey) else numbers_of(column)
        if isinstance(column, SecretCategory) and statistic not in ("count", *_ALIKE):
            raise ShapeError(f"agg: {of} is a category; count it, or take the mean of ({of} == level)")
        result = compute(values, *numbers)
        return (
            like_column(column, result)
            if statistic in _ALIKE or (isinstance(column, SecretDate) and statistic in ("median", "quantile"))
            else result
        )

    def _statistics(self) -> Mapping[str, Callable[..., SecretArray]]:
        groups: Any = self._groups
        names = ("count", "sum", "mean", "var", "std", "min", "max", "median", "quantile", "any", "all")
        return {name: getattr(groups, name) for name in names if hasattr(groups, name)}


def parts_of(wanted: Aggregation, verb: str, name: str) -> OfColumn:
    """The column, the statistic and perhaps its number. ConfigError for anything else."""
    if isinstance(wanted, str) or len(wanted) < 2:
        raise ConfigError(f'{verb}: {name}={wanted!r}; write {name}=("column", "mean"), or {name}="count"')
    return wanted
