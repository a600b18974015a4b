"""A small relational algebra: what an owner computes from its own tables before anything is shared.

A query is public and the same at all parties; only the owner of the rows runs it. Each node has a schema, whose ranges
follow from the declared ones, and a public upper limit of its rows. Missing values follow pandas: a row without a key
is in no group and joins nothing; a sum of no values is 0, and their mean is missing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

from mpc.machine.digest import digest
from mpc.tables.expressions import Expression
from mpc.tables.keys import second
from mpc.tables.schema import Column, Schema

#: What a group gives: of its rows ("rows"), or of the values of one column that are not missing.
Statistic = Literal["rows", "count", "sum", "mean", "min", "max", "median", "nunique", "any", "all", "first", "last"]
#: Rows of a table.
T = TypeVar("T")
How = Literal["inner", "left", "semi", "anti"]


@dataclass(frozen=True)
class Query(ABC):
    """A table that an owner can compute.

    schema  its columns; its name says in words which rows these are
    most    public upper limit of the rows of one owner
    """

    schema: Schema
    most: int

    @property
    def name(self) -> str:
        """Its rows in words, for messages and the plan."""
        return self.schema.name

    @property
    @abstractmethod
    def inputs(self) -> tuple[Query, ...]:
        """The tables that it is computed from."""

    @abstractmethod
    def settings(self) -> tuple[object, ...]:
        """What it does with them: public values."""

    @cached_property
    def digest(self) -> bytes:
        """The same at all parties that run the same script."""
        columns = tuple((column.name, column.describe()) for column in self.schema.columns)
        return digest((type(self).__name__, columns, self.most, self.settings(), self.inputs))

    @property
    def sentence(self) -> str:
        """What the owner prepares, in words."""
        return self.name

    def known(self, tables: Mapping[str, T]) -> T | None:
        """Its rows, where they are in `tables`: of an input by its name, of a query by its digest."""
        return tables.get(self.digest.hex())

    def scans(self) -> Iterator[Scan]:
        """The tables of the run that it reads, each as often as it is read."""
        for query in self.inputs:
            yield from query.scans()


@dataclass(frozen=True)
class Scan(Query):
    """An input of the run, by its name: the rows as their owner brings them."""

    table: str

    @property
    def inputs(self) -> tuple[Query, ...]:
        return ()

    def settings(self) -> tuple[object, ...]:
        return (self.table,)

    def known(self, tables: Mapping[str, T]) -> T | None:
        return tables.get(self.table)

    def scans(self) -> Iterator[Scan]:
        yield self


@dataclass(frozen=True)
class Select(Query):
    """Row by row: the rows that fulfil a condition, and columns computed from each."""

    source: Query
    where: Expression | None
    columns: tuple[tuple[str, Expression], ...]

    @property
    def inputs(self) -> tuple[Query, ...]:
        return (self.source,)

    def settings(self) -> tuple[object, ...]:
        return self.where, self.columns

    @property
    def needed(self) -> list[str]:
        """The source's columns that it reads, in order."""
        expressions = [e for _, e in self.columns] + ([] if self.where is None else [self.where])
        names = set().union(*(e.columns() for e in expressions))
        return sorted(names | {second(e.column) for _, e in self.columns if e.type == "key"})


@dataclass(frozen=True)
class Measure:
    """One value of a group.

    column  what `statistic` is of; "" for the number of rows
    order   of first and last: the column that orders them; equal ones are taken by the smallest value
    result  the column that it makes
    """

    statistic: Statistic
    column: str
    order: str
    result: Column

    def text(self, source: Query) -> str:
        """In words, with what its columns are in the source."""
        if self.statistic == "rows":
            return f"{self.result.name} (number of rows)"
        by = f" by {_defined(source, self.order)}" if self.order else ""
        return f"{self.result.name} ({_WORDS[self.statistic]} {_defined(source, self.column)}{by})"


def _defined(source: Query, column: str) -> str:
    """What a column is, in words."""
    text = dict(source.columns)[column].text if isinstance(source, Select) else column
    return text.removeprefix("(").removesuffix(")") if text.count("(") == 1 else text


_WORDS = {
    "count": "number of", "sum": "sum of", "mean": "mean of", "min": "least", "max": "largest", "median": "median of",
    "nunique": "different values of", "any": "any", "all": "all", "first": "first", "last": "last",
}  # fmt: skip


@dataclass(frozen=True)
class Aggregate(Query):
    """One row for each different key: the key's columns, then the measures.

    most_per_key  rows of one key that are allowed; None: any number
    """

    source: Query
    by: tuple[str, ...]
    measures: tuple[Measure, ...]
    most_per_key: int | None = None

    @property
    def inputs(self) -> tuple[Query, ...]:
        return (self.source,)

    def settings(self) -> tuple[object, ...]:
        measures = tuple((m.statistic, m.column, m.order, m.result.name) for m in self.measures)
        return self.by, measures, self.most_per_key

    @property
    def sentence(self) -> str:
        limit = f" (at most {self.most_per_key:,} rows each)" if self.most_per_key is not None else ""
        return f"{self.name}{limit}: {', '.join(measure.text(self.source) for measure in self.measures)}"


@dataclass(frozen=True)
class Join(Query):
    """Rows of two tables that have the same key.

    on        pairs of columns: of the left table, of the right one
    taken     the right table's columns that come out: (name there, name in the result)
    at_most   rows that may come out, checked at the owner; None: no more than the left table has
    """

    left: Query
    right: Query
    how: How
    on: tuple[tuple[str, str], ...]
    taken: tuple[tuple[str, str], ...]

    @property
    def inputs(self) -> tuple[Query, ...]:
        return self.left, self.right

    def settings(self) -> tuple[object, ...]:
        return self.how, self.on, self.taken


@dataclass(frozen=True)
class Ordered(Query):
    """Rows by an order, and the first of them: of each key, or of the whole table.

    per         the columns of the key; without any, the whole table
    by          (column, descending) in turn; rows without such a value come last
    first       how many rows, of each key or of the table

    Rows that are equal in `by` are ordered by all columns of the table in turn, smallest first and missing last, so
    that the result does not depend on the order of a file.
    """

    source: Query
    per: tuple[str, ...]
    by: tuple[tuple[str, bool], ...]
    first: int

    @property
    def inputs(self) -> tuple[Query, ...]:
        return (self.source,)

    def settings(self) -> tuple[object, ...]:
        return self.per, self.by, self.first

    @property
    def order(self) -> list[tuple[str, bool]]:
        """The whole order, with the columns that decide between equal rows."""
        named = [name for name, _ in self.by]
        return [*self.by, *((name, False) for name in self.schema.names if name not in named)]


@dataclass(frozen=True)
class Stacked(Query):
    """The rows of several tables with the same columns, one table after the other."""

    parts: tuple[Query, ...]

    @property
    def inputs(self) -> tuple[Query, ...]:
        return self.parts

    def settings(self) -> tuple[object, ...]:
        return ()
