"""The verbs of private tables that one owner can do alone, named as in pandas: row by row, by key, and by order.

Row by row a table of several owners can be changed, too. Rows are put together (grouped, joined, ordered) at one owner:
rows of several owners meet only in secret.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mpc.errors import ConfigError, ShapeError
from mpc.tables.expressions import Expression, both, public, same
from mpc.tables.grouping import Groups
from mpc.tables.kinds import without_category
from mpc.tables.prepare import building
from mpc.tables.prepare.key_groups import KeyGroups, names_of
from mpc.tables.prepare.nodes import How, Query, Select
from mpc.tables.private_array import PrivateArray
from mpc.tables.source import Source

if TYPE_CHECKING:
    from mpc.tables.private import PrivateTable

#: Why a verb is for the rows of one owner, for messages.
_SEVERAL = (
    'Rows of several owners meet only in secret: share() them first. Or at="owner" takes the rows of each owner by '
    "themselves"
)


def _key(on: str | Sequence[str] | None, side: str | Sequence[str] | None, name: str) -> str | Sequence[str]:
    """The columns of a join's key in one table."""
    if (on is None) == (side is None):
        raise ConfigError(f"join: say which columns are the key, with on=…, or with left_on=… and right_on=… ({name})")
    return side if on is None else on  # type: ignore[return-value]


class Preparing(ABC):
    """A private table, as far as its owners change it."""

    def __init__(
        self,
        source: Source,
        where: Expression | None = None,
        columns: Mapping[str, Expression] | None = None,
        order: Sequence[tuple[str, bool]] = (),
    ) -> None:
        self._source = source
        self._where = where
        self._columns = dict(columns if columns is not None else source.columns)
        #: What `sort` says: columns in turn, and whether each descends.
        self._order = tuple(order)

    @abstractmethod
    def column(self, name: str) -> PrivateArray:
        """One column, by name."""

    @abstractmethod
    def _of(
        self,
        source: Source,
        where: Expression | None = None,
        columns: Mapping[str, Expression] | None = None,
        order: Sequence[tuple[str, bool]] = (),
    ) -> PrivateTable:
        """A private table."""

    def _with(
        self,
        columns: Mapping[str, Expression] | None = None,
        *,
        where: Expression | None = None,
        order: Sequence[tuple[str, bool]] | None = None,
    ) -> PrivateTable:
        """This table with other columns, another condition or another order."""
        return self._of(
            self._source,
            self._where if where is None else where,
            self._columns if columns is None else columns,
            self._order if order is None else order,
        )

    # ---- row by row
    def select(self, *names: str) -> PrivateTable:
        """The same rows with these columns alone, in this order."""
        for name in names:
            self.column(name)
        order = [by for by in self._order if by[0] in names]
        return self._with({name: self._columns[name] for name in names}, order=order)

    def drop(self, *names: str) -> PrivateTable:
        """The same rows without these columns."""
        for name in names:
            self.column(name)
        return self.select(*(name for name in self._columns if name not in names))

    def rename(self, **names: str) -> PrivateTable:
        """The same rows with other names for some columns: column `old` is called as in `rename(old="new")`."""
        for name in names:
            self.column(name)
        renamed = {names.get(name, name): expression for name, expression in self._columns.items()}
        if len(renamed) < len(self._columns):
            raise ConfigError('rename: each column has a name of its own: rename(old="new")')
        order = [(names.get(name, name), down) for name, down in self._order]
        return self._with(renamed, order=order)

    def assign(self, **values: PrivateArray | float | Callable[[PrivateTable], PrivateArray]) -> PrivateTable:
        """The same rows with further columns, or others under the same names, each computed row by row.

        values  name -> a column or row-wise expression of this table, a number, or a function that makes such an
                expression of the table with the columns before it
        """
        table: PrivateTable = self._with()
        for name, value in values.items():
            value = value(table) if callable(value) else value
            if isinstance(value, PrivateArray):
                if value.source is not self._source:
                    raise ShapeError(f"assign: {name} is of table {value.source.name}; join the tables first")
                if value.where is not None and not same(value.where, both(self._where, value.where)):
                    raise ShapeError(f"assign: {name} has values of some rows only; select rows with `filter`")
                expression = value.expression
            elif isinstance(value, int | float) and not isinstance(value, bool):
                expression = public(value)
            else:
                raise ShapeError(
                    f"assign: {name}: a row-wise expression such as {self._source.name}.x * 2, or a number"
                )
            if name.startswith("_"):
                raise ConfigError(f"assign: a column cannot be named {name!r}")
            table = table._with({**table._columns, name: expression})
        return table

    def fillna(self, **values: Any) -> PrivateTable:  # Any: as of a column's `fillna`
        """The same rows; where a column has no value, it has this one: fillna(income=0); see `RowWise.fillna`."""
        return self.assign(**{name: self.column(name).fillna(value) for name, value in values.items()})

    # ---- at the owner of the rows, before anything is shared
    def by_owner(self) -> list[PrivateTable]:
        """The rows of each owner as a table of its own, in the order of the owners' names in the study.

        So each owner can put its rows together alone, and what they have of the same key meets in secret.
        """
        sources = [self._source.of_owner(place) for place in range(len(self._source.owners))]
        return [self._of(source, self._where, self._columns, self._order) for source in sources]

    def _selected(self, verb: str, at: Literal["owner"] | None) -> Select:
        """This table as the input of a query that one owner can run."""
        owners = len(self._source.owners)
        if at not in (None, "owner"):
            raise ConfigError(f'{verb}: at={at!r}; expected "owner": the rows of each owner by themselves')
        if owners > 1 and at is None:
            raise ShapeError(f"{verb}: {self._source.name} has rows of {owners} owners. {_SEVERAL}")
        return building.select(self._source.query, self._where, self._columns)

    def _prepared(self, query: Query, *others: Preparing) -> PrivateTable:
        return self._of(self._source.prepared(query, *(other._source for other in others)))

    def group_by(
        self,
        key: str | PrivateArray | Sequence[str | PrivateArray],
        *more: str,
        minimum: int | None = None,
        at: Literal["owner"] | None = None,
        at_most_per_key: int | None = None,
    ) -> Groups | KeyGroups:
        """The rows by a category, or by a key.

        By a category (a column's name, or a row-wise category) the groups' statistics are secrets of all owners' rows.
        By a key (a column of keys, whole numbers or dates, or several columns, by name) their owner groups the rows:
        `.agg(…)` gives a private table with one row for each key.

        at               "owner": the rows of each owner by themselves, where several bring rows
        at_most_per_key  of a key: so many rows each one has at most; its owner checks it
        """
        if at is None and at_most_per_key is None and not more and isinstance(key, str | PrivateArray):
            category = self.column(key) if isinstance(key, str) else key
            if category.source is not self._source or category.expression.type in ("category", "flag"):
                return Groups(self._with(), category, minimum)
            if len(self._source.owners) > 1:
                why = without_category("group_by", category.name, category.expression.type)
                raise ShapeError(f"{why}. {_SEVERAL}")
        names = names_of("group_by", self, [*([key] if isinstance(key, str | PrivateArray) else key), *more])
        source = self._selected("group_by", at)
        building.no_number(source, names, "group_by")
        return KeyGroups(source, names, at_most_per_key, self._prepared)

    def join(
        self,
        other: PrivateTable,
        on: str | Sequence[str] | None = None,
        *,
        left_on: str | Sequence[str] | None = None,
        right_on: str | Sequence[str] | None = None,
        how: How = "inner",
        suffix: str = "_right",
        at_most: int | None = None,
        at: Literal["owner"] | None = None,
    ) -> PrivateTable:
        """The rows of two tables of one owner that have the same key. Rows without a key match none.

        on       the key: one column or several, of the same name in both tables; else left_on and right_on
        how      "inner"; "left" keeps all rows of this table; "semi" keeps its rows with a match, "anti" those without
        suffix   of the other table's columns whose name this table has, too
        at_most  rows of the result, public and checked by the owner (default: as many as this table has, which is
                 enough where no two rows of the other one have the same key)
        at       "owner": the rows of each owner by themselves, where several bring rows of both tables
        """
        if not isinstance(other, Preparing):
            raise ShapeError("join: two private tables of one owner; rows of others meet only in secret: share() both")
        if other._source.owners != self._source.owners:
            raise ShapeError(
                f"join: {self._source.name} and {other._source.name} have other owners, and rows of several owners "
                "meet only in secret: share() both, then join"
            )
        left, right = self._selected("join", at), other._selected("join", at)
        here = names_of("join", self, _key(on, left_on, "left_on"))
        there = names_of("join", other, _key(on, right_on, "right_on"))
        if len(here) != len(there):
            raise ConfigError(f"join: {len(here)} and {len(there)} columns; left_on and right_on name as many")
        building.no_number(left, here, "join")
        query = building.joined(left, right, how, list(zip(here, there, strict=True)), suffix, at_most)
        return self._prepared(query, other)

    def drop_duplicates(self, on: str | Sequence[str], *, at: Literal["owner"] | None = None) -> PrivateTable:
        """One row of each key, of one owner's rows: the smallest one by all columns of the table in turn, so that it
        does not depend on the order of a file. Rows without a key are left out."""
        return self._first("drop_duplicates", on, (), at)

    def latest(
        self, *, per: str | Sequence[str], by: str | Sequence[str], at: Literal["owner"] | None = None
    ) -> PrivateTable:
        """The row of each key with the largest `by`, of one owner's rows. Rows without a key are left out, and rows
        without a `by` come last. Of equal ones it is the smallest row by the other columns of the table in turn."""
        names = names_of("latest", self, by)
        return self._first("latest", per, [(name, True) for name in names], at)

    def _first(
        self, verb: str, per: str | Sequence[str], by: Sequence[tuple[str, bool]], at: Literal["owner"] | None
    ) -> PrivateTable:
        source, names = self._selected(verb, at), names_of(verb, self, per)
        building.no_number(source, names, verb)
        return self._prepared(building.ordered(source, names, by, 1))

    def sort(self, *by: str, descending: bool = False) -> PrivateTable:
        """The same rows, of which a later `head(n)` takes the first by these columns. Rows have no order otherwise."""
        order = [(name, descending) for name in names_of("sort", self, by)]
        return self._with(order=order)

    def head(
        self,
        n: int,
        *,
        by: str | Sequence[str] | None = None,
        descending: bool = False,
        at: Literal["owner"] | None = None,
    ) -> PrivateTable:
        """The first `n` of one owner's rows by an order: by the columns `by`, or as `sort` says. Rows without a value
        come last; equal ones are ordered by the other columns of the table in turn, the smallest first."""
        order = self._order if by is None else [(name, descending) for name in names_of("head", self, by)]
        if not order:
            raise ConfigError(
                'head: rows have no order of their own; name the column that orders them: head(n, by="x")'
            )
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise ConfigError(f"head({n!r}): a number of rows, 1 or more")
        return self._prepared(building.ordered(self._selected("head", at), (), order, n))
