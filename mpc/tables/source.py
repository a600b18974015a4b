"""A table of a run: who owns its rows, and this party's own reading of them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from mpc.tables import expressions
from mpc.tables.dates import DateColumn
from mpc.tables.expressions import Expression
from mpc.tables.keys import KeyColumn, second
from mpc.tables.local import LocalPass
from mpc.tables.prepare.nodes import Query, Scan
from mpc.tables.rows import Rows
from mpc.tables.schema import CategoryColumn, Column, FlagColumn, IntegerColumn, RealColumn, Schema
from mpc.tables.texts import TextColumn
from mpc.untyped import Opaque

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime
    from mpc.tables.dominance import Dominance


class Source:
    """A table of the run: who owns its rows, and this party's own reading of them.

    `memo` keeps what the run computed about it, so that a mean and a standard deviation of one column share their
    moments. It belongs to the scope, so it depends on the program alone and is the same at all parties.
    """

    def __init__(
        self,
        run: Runtime,
        name: str,
        schema: Schema,
        owners: Sequence[int],
        at_most: int,
        local: LocalPass,
        dominance: Dominance | None = None,
        *,
        query: Query | None = None,
        tables: Mapping[str, Rows] | None = None,
        family: dict[bytes, Source] | None = None,
        part: str = "",
    ) -> None:
        self.run = run
        self.name = name
        self.schema = schema
        self.owners = tuple(owners)
        self.at_most = at_most
        self.local = local
        #: The rule of dominance for sums of its columns, besides minimums.
        self.dominance = dominance
        self.columns = {column.name: source_column(column) for column in schema.columns}
        #: What its owners compute it by: an input of the run, or a query of inputs.
        self.query: Query = query or Scan(Schema(name, schema.columns), at_most, name)
        #: This party's own rows of what the query reads, inputs by their names and prepared tables by their digests, so
        #: that each is computed once; none where it brings no rows.
        self._tables = dict(tables or {})
        self._family = family if family is not None else {}
        #: The columns that were shared, by the digest of the condition on their rows.
        self.shared: dict[bytes, dict[bytes, Expression]] = {}
        #: Of the rows of one of several owners: which, in words behind the name.
        self._part = part

    @cached_property
    def by_role(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Its owners that compute, and those that do not."""
        parties = self.run.parties
        inside = tuple(owner for owner in self.owners if owner < parties)
        return inside, tuple(owner for owner in self.owners if owner >= parties)

    @property
    def memo(self) -> MutableMapping[Opaque, Opaque]:
        return self.run.scope.memo(self)

    def second_word(self, key: str) -> Expression:
        """The second word of the tags of a key column, of the type "key" as the first is."""
        column = self.schema[key]
        return Expression(type="key", low=column.low, high=column.high, column=second(key))

    @property
    def key(self) -> tuple[str, bytes]:
        """Equal for the same table."""
        return self.name, self.query.digest

    def prepared(self, query: Query, *others: Source, listed: bool = True, once: bool = False) -> Source:
        """The table that each owner computes by a query of this table and of others, when it is first read.

        The same query gives the same object.

        listed  it is among the tables that a plan says an owner prepares
        once    it is read once: its rows are not kept
        """
        known = self._family.get(query.digest)
        if known is not None:
            return known
        tables = dict(self._tables)
        for other in others:
            tables |= other._tables

        def beat() -> None:
            self.run.busy.read += 1

        rows = next(iter(tables.values())).prepared(query, dict(tables), beat) if tables else None
        if rows is not None:
            tables[query.digest.hex()] = rows
        if listed:
            self.run.prepared[query.digest + self._part.encode()] = (self.owners, query.sentence)
        made = self._made(query, rows, tables, self.owners, self._family, self._part, once=once)
        self._family[query.digest] = made
        return made

    def of_owner(self, place: int) -> Source:
        """The rows of one owner alone, as a table of its own; the same object each time."""
        if len(self.owners) == 1:
            return self
        part = f"{self._part} of owner {place + 1}"
        key = ("owner", place)
        if key not in self.memo:
            tables = self._tables if self.run.reads == self.owners[place] else {}
            rows = self.query.known(tables)
            self.memo[key] = self._made(self.query, rows, tables, self.owners[place : place + 1], {}, part)
        made: Source = self.memo[key]
        return made

    def _made(
        self,
        query: Query,
        rows: Rows | None,
        tables: Mapping[str, Rows],
        owners: Sequence[int],
        family: dict[bytes, Source],
        part: str,
        *,
        once: bool = False,
    ) -> Source:
        name = f"{query.name}{part}"
        local = LocalPass(self.run, f"{name} {query.digest.hex()}", rows, once=once)
        local.on_read = lambda: self.local.on_read()
        return Source(
            self.run, name, query.schema, owners, query.most, local, self.dominance,
            query=query, tables=tables, family=family, part=part,
        )  # fmt: skip

    @property
    def most_rows(self) -> int:
        """Public upper limit of the rows of all owners together."""
        return self.at_most * len(self.owners)


_KINDS: dict[type[Column], expressions.Type] = {
    RealColumn: "real",
    IntegerColumn: "integer",
    FlagColumn: "flag",
    CategoryColumn: "category",
    DateColumn: "date",
    KeyColumn: "key",
    TextColumn: "text",
}


def source_column(column: Column) -> Expression:
    """A column of a table as a row-wise expression."""
    kind = next(name for type_, name in _KINDS.items() if isinstance(column, type_))
    levels = column.levels if isinstance(column, CategoryColumn) else ()
    return Expression(type=kind, low=column.low, high=column.high, levels=levels, column=column.name)
