"""Rows that were shared: a table whose every value is secret, and whose number of rows is secret, too.

The *capacity*, the number of places for rows, is public. A secret mask, `rows`, tells which places hold a row. Filters
clear bits of it; nothing changes length. So no size of a selection, a group or a join shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError, ShapeError, UnknownLength
from mpc.suggestions import also, instead
from mpc.tables.missing_values import filled, has_value
from mpc.tables.secret_columns import SecretColumn, SecretKey, like_column, numbers_of
from mpc.values.basis import Basis, union
from mpc.values.people import need_same_people
from mpc.values.places import Lazy, indicator
from mpc.values.secret import SecretArray, constant
from mpc.values.value import is_secret

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime
    from mpc.tables.expressions import Expression
    from mpc.tables.source import Source
    from mpc.tables.table_functions import Aggregation, GroupedRows, How, Keep, Validate


@dataclass(frozen=True, eq=False)
class Held:
    """Whose rows stand in which places: block i has `rows` places, those of owner i's rows that fulfil `where`."""

    source: Source
    where: Expression | None
    rows: int


class SecretTable(Mapping[str, SecretColumn]):
    """Shared rows; columns are attributes.

    capacity  the public number of places for rows
    held      whose rows are in which places; None: the rows were moved
    unique    sets of columns: rows have different values in each of them
    """

    def __init__(
        self,
        run: Runtime,
        name: str,
        columns: Mapping[str, SecretColumn],
        capacity: int,
        there: Callable[[], SecretArray],
        *,
        held: Held | None = None,
        kept: tuple[Lazy, ...] = (),
        shown: tuple[str, ...] | None = None,
        unique: frozenset[frozenset[str]] = frozenset(),
    ) -> None:
        self.run = run
        self.name = name
        self.capacity = capacity
        self.held = held
        self.unique = unique
        #: Before filters.
        self._columns = dict(columns)
        self._shown = tuple(columns) if shown is None else shown
        self._there = there
        #: Bits of the rows after the first filter, after the second one, …
        self._kept = kept
        self._masked: dict[str, SecretColumn] = {}

    # ---- what is public
    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self._shown

    def __repr__(self) -> str:
        return f"<secret table {self.name}, {self.capacity} places: {', '.join(self._shown)}>"

    def __len__(self) -> NoReturn:
        raise UnknownLength(
            f"{self.name}: the number of rows is secret; `count()` gives it, `capacity` is the public number of places"
        )

    def __bool__(self) -> NoReturn:
        raise UnknownLength(f"{self.name}: whether there are rows is secret; `count()` gives their number as a secret")

    def __iter__(self) -> Iterator[str]:
        return iter(self._shown)

    # ---- columns
    def __getattr__(self, name: str) -> Any:  # Any: a script uses the column by its kind
        if name.startswith("_"):
            raise AttributeError(name)
        return self.column(name)

    def column(self, name: str) -> SecretColumn:
        """One column, by name. Its elements are defined where there is a row with a value."""
        if name not in self._shown:
            methods = [each for each in dir(type(self)) if not each.startswith("_")]
            meant = instead(name, [*self._shown, *methods])
            raise ConfigError(f"table {self.name} has no column {name!r}; it has {', '.join(self._shown)}{also(meant)}")
        if name not in self._masked:
            self._masked[name] = self._filtered(self._columns[name])
        return self._masked[name]

    def _filtered(self, column: SecretColumn) -> SecretColumn:
        if isinstance(column, SecretKey) or not self._kept:
            return column
        numbers = numbers_of(column)
        basis = numbers.basis.filtered(self._kept)
        return like_column(column, numbers.masked(self._kept[-1].bits(), "no such row").with_basis(basis))

    def __getitem__(self, key: Any) -> Any:
        """A column by name, a table of some columns by a list of names, or the rows where a flag holds."""
        if isinstance(key, str):
            return self.column(key)
        if is_secret(key):
            return self.filter(key)
        if isinstance(key, Sequence) and all(isinstance(name, str) for name in key):
            return self.select(*key)
        raise ShapeError(
            f"{self.name}[…]: a column's name, a list of names, or a condition such as table.age > 3; rows have no "
            "numbers"
        )

    @property
    def rows(self) -> SecretArray:
        """Bits (capacity,): which places hold a row."""
        there = self._there()
        if not self._kept:
            return there
        return (there.bare() & self._kept[-1].bits()).with_basis(there.basis.filtered(self._kept))

    def numbers(self) -> list[SecretArray]:
        """The numbers of all columns but keys: for library code."""
        columns = [self.column(name) for name in self._shown]
        return [numbers_of(column) for column in columns if not isinstance(column, SecretKey)]

    def count(self) -> SecretArray:
        """The number of rows. Its release needs as many rows as the minimum."""
        rows = self.rows
        basis = rows.basis.plain().reduced(0, rows.bare(), name="count")
        return indicator(rows.bare()).sum().bare().bounded(self.capacity).with_basis(basis)

    # ---- verbs that leave rows in their places
    def _like(self, **changes: Any) -> SecretTable:  # Any: each argument of the constructor has its type
        settings: dict[str, Any] = {
            "run": self.run,
            "name": self.name,
            "columns": self._columns,
            "capacity": self.capacity,
            "there": self._there,
            "held": self.held,
            "kept": self._kept,
            "shown": self._shown,
            "unique": self.unique,
        }
        return SecretTable(**(settings | changes))

    def select(self, *names: str) -> SecretTable:
        """The same rows with these columns alone. Free."""
        for name in names:
            self.column(name)
        return self._like(shown=tuple(dict.fromkeys(names)))

    def drop(self, *names: str) -> SecretTable:
        """The same rows without these columns. Free."""
        for name in names:
            self.column(name)
        return self._like(shown=tuple(name for name in self._shown if name not in names))

    def rename(self, **names: str) -> SecretTable:
        """The same rows with other names for some columns: column `old` is called as in `rename(old="new")`. Free."""
        for name in names:
            self.column(name)
        columns = {names.get(name, name): self._columns[name] for name in self._shown}
        if len(columns) < len(self._shown):
            raise ConfigError('rename: each column has a name of its own: rename(old="new")')
        unique = frozenset(frozenset(names.get(name, name) for name in some) for some in self.unique)
        return self._like(columns=columns, shown=tuple(columns), unique=unique)

    def filter(self, condition: SecretArray) -> SecretTable:
        """The rows where the condition holds; one that is missing does not hold. How many these are stays secret.

        Rows that a filter leaves out must be none or enough before a release about the others. Rounds: an AND.
        Raises ShapeError for anything but a flag of these rows.
        """
        if not is_secret(condition) or condition.shape != (self.capacity,):
            raise ShapeError(f"filter: {condition!r}; select rows of {self.name} with a flag of its own: table.age > 3")
        condition = condition.as_flag()
        for name in self._shown:
            if not isinstance(self._columns[name], SecretKey):
                need_same_people(numbers_of(self._columns[name]).basis.places, condition.basis.places)
        bits = condition.bare() if condition.valid is None else condition.bare() & condition.valid.bare()
        bits = self._kept[-1].bits() & bits if self._kept else bits
        # A condition may stand on other rows as well, such as those of a mean that it compares with.
        besides = Basis(tuple(c for c in condition.basis.cohorts if not c.shape), (), condition.basis.loose)
        table = self if besides.public else self.about(besides)
        return table._like(kept=(*self._kept, Lazy.of(bits)))

    @property
    def kept(self) -> tuple[Lazy, ...]:
        """Bits of the rows after the first filter, after the second one, …: for library code."""
        return self._kept

    @property
    def filtered(self) -> bool:
        """Whether a filter may have cleared rows."""
        return bool(self._kept)

    def about(self, besides: Basis) -> SecretTable:
        """The same rows, which stand on other rows as well: for library code."""

        def joined(column: SecretColumn) -> SecretColumn:
            if isinstance(column, SecretKey):
                return column
            numbers = numbers_of(column)
            return like_column(column, numbers.with_basis(union(numbers.basis, besides)))

        def there() -> SecretArray:
            rows = self._there()
            return rows.with_basis(union(rows.basis, besides))

        return self._like(columns={name: joined(column) for name, column in self._columns.items()}, there=there)

    def assign(self, **columns: Any) -> SecretTable:  # Any: secrets, public values, or functions of the table
        """The same rows with further columns: secrets of `capacity` elements, public numbers, or functions of the
        table. A column of the same name is replaced."""
        added: dict[str, SecretColumn] = {}
        for name, column in columns.items():
            value = column(self) if callable(column) else column
            if not isinstance(value, SecretColumn):
                value = constant(self.run, np.broadcast_to(np.asarray(value), (self.capacity,)))
            numbers = None if isinstance(value, SecretKey) else numbers_of(value)
            if numbers is not None and numbers.shape != (self.capacity,):
                raise ShapeError(
                    f"assign: {name} has the shape {numbers.shape}; {self.name} has {self.capacity} places"
                )
            added[name] = value
        shown = (*self._shown, *(name for name in added if name not in self._shown))
        unique = frozenset(some for some in self.unique if not some & added.keys())
        return self._like(columns=self._columns | added, shown=shown, unique=unique)

    # ---- missing values
    def notna(self, column: str) -> SecretArray:
        """A flag: whether a row has a value in a column, such as one that a join with how="left" found.

        Of a column whose rows several rows may have found, a release of it needs a reason; how="semi" and "anti" count.
        """
        return has_value(self, column)

    def fillna(self, **values: Any) -> SecretTable:  # Any: a number, a level, a day or a column, by the column's kind
        """The same rows; where a column has no value, it has this public one, or that of another column of the table:
        fillna(income=0), fillna(week_8=table.week_4).

        The rows with a value of their own, and those without, must be none or enough before a release about the column.
        """
        return self.assign(**{name: filled(self, name, value) for name, value in values.items()})

    # ---- rows at public places
    def at(self, places: NDArray[np.int64]) -> SecretTable:
        """The rows at these public places, such as a random half of the places. Local, but for tags of keys."""
        table = self.run.functions.tables.tagged(self)

        def chosen(column: SecretColumn) -> SecretColumn:
            if not isinstance(column, SecretKey):
                return like_column(column, numbers_of(column)[places])
            assert column.tags is not None
            return column.tagged(tuple(word[places] for word in column.tags))

        return self._like(
            columns={name: chosen(table.column(name)) for name in self._shown},
            capacity=len(places),
            there=lambda: self.rows[places],
            held=None,
            kept=(),
        )

    def split(self, first: float, *, seed: int = 0) -> tuple[SecretTable, SecretTable]:
        """Two tables: a public random part `first` of the places, padding included, and the others. Sends nothing.

        The number of rows in each part stays secret. Raises RangeError for a part that is not between 0 and 1.
        """
        train, test = self.run.functions.split_places(self.capacity, 1 - first, seed)
        return self.at(train), self.at(test)

    # ---- verbs that move rows
    def sort(self, *by: str, descending: bool = False) -> SecretTable:
        """The rows in the order of one or more columns; missing values come last. Nobody learns the order."""
        return self.run.functions.tables.sorted(self, by, descending)

    def head(self, rows: int, *, by: str | Sequence[str] = (), descending: bool = False) -> SecretTable:
        """The first rows, in the order of columns; without `by`, as they stand (their order after `sort`).

        The result has `rows` places, or those of this table if it has fewer; fewer rows fill fewer of them.
        """
        return self.run.functions.tables.head(self, rows, _names(by), descending)

    def compact(self, *, rows: int) -> SecretTable:
        """The rows, in their order, in `rows` places, so that what follows costs less.

        That there are no more rows is checked in secret: else what is released of it comes out as "out of range".
        """
        return self.run.functions.tables.compacted(self, rows)

    def concat(self, other: SecretTable) -> SecretTable:
        """The rows of both tables, which have the same columns."""
        return self.run.functions.tables.concatenated(self, other)

    def group_by(self, *keys: str | Sequence[str], groups: int | None = None) -> GroupedRows:
        """Rows in groups of equal values of one to three columns: group_by("region").agg(people="count").

        groups  public upper limit of the number of groups; not needed where all keys are categories or flags. That
                there are no more is checked in secret: else what is released comes out as "out of range"

        Which groups there are, and how large they are, stays secret; releases suppress small ones.
        """
        return self.run.functions.tables.grouped(self, _names(keys), groups)

    def pivot(
        self, on: str, *, index: str | Sequence[str], values: Aggregation = "count", groups: int | None = None
    ) -> SecretTable:
        """A row for each group by `index`, and a column for each level of the category `on`.

        values  "count", or a statistic of a column, as in agg: pivot("drug", index="region", values=("dose", "mean"))
        groups  as in group_by

        Rows without a level are in no column. Which groups there are stays secret; a row with a small cell falls.
        Raises ShapeError where `on` is no category.
        """
        return self.run.functions.tables.pivoted(self, on, _names(index), values, groups)

    def join(
        self,
        other: SecretTable,
        *,
        on: str | Sequence[str],
        how: How = "inner",
        validate: Validate | None = None,
        matches: int | None = None,
        suffix: str = "_right",
    ) -> SecretTable:
        """The rows of both tables with the same key; nobody learns which these are, or how many.

        on        a key, or up to three keys that must all be the same, which both tables have under the same name
        how       "inner": rows with a match; "left": all rows of this table, columns of the other one missing where
                  there is no match; "outer": the rows of the other table without a match, too; "semi" and "anti": the
                  rows of this table with a match, and those without one
        validate  "1:1", "m:1" or "1:m": of which table each key is in one row at most; its owners check that. Default:
                  as the schema says (Key(unique=True)), or the verb that made the table (group_by, latest)
        matches   where keys repeat in both tables: how many rows of the other table have the same key, at most. That is
                  checked in secret: else what is released of the join comes out as "out of range"
        suffix    for columns of the other table that this one has as well

        A row without a key has no match. The result has the places of this table, times `matches`; for "1:m", those of
        the other one. Rows that stand as they were shared cost a lookup, in bytes and rounds, others a sort of both
        tables; columns that come by a sort are released for a reason alone.
        Raises ConfigError where neither table has one row a key, and `matches` does not say how many.
        """
        return self.run.functions.tables.joined(self, other, _names(on), how, validate, matches, suffix)

    def drop_duplicates(self, *keys: str | Sequence[str], keep: Keep = "first") -> SecretTable:
        """One row for each combination of up to three columns: the first one, or the "last". Rounds: those of a sort.

        Which rows stay is a condition, as in `filter`: rows that are left out are none or enough.
        """
        names = _names(keys)
        kept = self.filter(self.run.functions.tables.one_of_each(self, names, keep))
        return kept._like(unique=kept.unique | {frozenset(names)})

    def rank(self, *by: str, within: str | Sequence[str] = (), descending: bool = False) -> SecretArray:
        """The rank of each row by columns, from 1 on, among all rows or those equal in the columns `within`; equal rows
        have the mean of their ranks."""
        return self.run.functions.tables.window(self, "rank", "", by, _names(within), descending, 0)

    def lag(
        self, column: str, *, by: str | Sequence[str], within: str | Sequence[str] = (), rows: int = 1
    ) -> SecretArray:
        """The value of the row that is `rows` rows before each row, in the order `by`; missing where there is none."""
        return self.run.functions.tables.window(self, "shift", column, _names(by), _names(within), False, rows)

    def lead(
        self, column: str, *, by: str | Sequence[str], within: str | Sequence[str] = (), rows: int = 1
    ) -> SecretArray:
        """The value of the row that is `rows` rows after each row, in the order `by`; missing where there is none."""
        return self.run.functions.tables.window(self, "shift", column, _names(by), _names(within), False, -rows)

    def cumsum(self, column: str, *, by: str | Sequence[str], within: str | Sequence[str] = ()) -> SecretArray:
        """The sum of a column over the rows up to each row, in the order `by`."""
        return self.run.functions.tables.window(self, "cumsum", column, _names(by), _names(within), False, 0)

    def value_counts(self, column: str, *, groups: int | None = None) -> SecretTable:
        """How many rows have each value of a column, as "count"; the most frequent first."""
        counted = self.group_by(column, groups=groups).agg(count="count")
        return counted.sort("count", descending=True)


def _names(names: str | Sequence[str | Sequence[str]]) -> tuple[str, ...]:
    """Names that were given one by one, or in a list."""
    if isinstance(names, str):
        return (names,)
    return tuple(name for some in names for name in ((some,) if isinstance(some, str) else some))
