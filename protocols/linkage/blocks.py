"""Rows of one table in public blocks at their owners, and how they leave as shares.

Only rows of the same block are compared. A block has the same number of places at each owner, so nobody learns how many
rows are in it. An owner with more rows than places counts those that it leaves out; the count is a secret, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mpc.errors import ConfigError
from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.tables.aggregates import Aggregate, Evaluate
from mpc.tables.expressions import Expression
from mpc.tables.local import share_parts
from mpc.tables.private import PrivateTable
from mpc.tables.private_array import PrivateArray
from mpc.tables.rows import absent
from mpc.tables.secret_columns import SecretColumn
from mpc.tables.selections import Selection
from mpc.tables.shared_table import typed
from mpc.tables.sharing import share_collected
from mpc.untyped import JsonObject
from mpc.values.basis import Basis
from mpc.values.cohorts import Cohort
from mpc.values.places import Lazy, Places, Shared
from mpc.values.secret import SecretArray
from protocols.linkage.encoding import WORD, Encoding, packed
from protocols.linkage.pairs import Sides

#: Most blocks of a table.
MOST_BLOCKS = 100_000
#: Seconds that an owner computes for the tokens of a field of a row, and their bits in the filter.
_FIELD_S = 11e-6


class Arranged(Aggregate):
    """Rows in blocks of `places` places: "words" (blocks, places, words) as `packed` gives them, "values k" and
    "present k" (blocks * places,) of payload column k, "beyond" (1,), the rows left out.

    block  a category, a flag or a small whole number of each row; None: all rows are one block
    """

    of_keys = True

    def __init__(
        self,
        encoding: Encoding,
        fields: Sequence[Expression],
        block: Expression | None,
        blocks: int,
        places: int,
        payload: Sequence[Expression],
        where: Expression | None,
    ) -> None:
        self.where = where
        self._encoding, self._fields, self._payload = encoding, list(fields), list(payload)
        self._block, self._blocks, self._places = block, blocks, places
        rows = blocks * places
        self._words = np.zeros((rows, encoding.words), np.int64)
        self._values = [np.zeros(rows, np.int64 if c.type in ("integer", "date") else np.float64) for c in payload]
        self._present = np.zeros((len(payload), rows))
        self._used = np.zeros(blocks, np.int64)
        self._beyond = 0

    def expressions(self) -> Sequence[Expression]:
        return [*self._fields, *([] if self._block is None else [self._block]), *self._payload]

    def settings(self) -> tuple[object, ...]:
        return (self._encoding.described(), self._blocks, self._places, len(self._fields))

    @property
    def work(self) -> float:
        return _FIELD_S * self._blocks * self._places * len(self._fields)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        keep = self._selected(evaluate, rows)
        block = np.zeros(rows, np.int64)
        if self._block is not None:
            given = np.broadcast_to(evaluate(self._block), (rows,))
            there = ~absent(given)
            block = np.where(there, given, self._block.low).astype(np.int64) - int(self._block.low)
            self._beyond += int(np.count_nonzero(keep & ~there))
            keep = keep & there
        chosen = np.flatnonzero(keep)
        place = self._next_places(block[chosen])
        fits = place >= 0
        self._beyond += int(np.count_nonzero(~fits))
        chosen, place = chosen[fits], place[fits]
        columns = [np.broadcast_to(evaluate(field), (rows,))[chosen] for field in self._fields]
        filters = self._encoding.filters(columns)
        self._words[place] = packed(filters, np.asarray(filters.any(1)))
        for k, column in enumerate(self._payload):
            values = np.broadcast_to(evaluate(column), (rows,))[chosen]
            gone = absent(values)
            self._values[k][place] = np.where(gone, 0, values)
            self._present[k, place] = ~gone

    def _next_places(self, block: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The next free place in the block of each row, in the order of the rows; -1 where the block is full."""
        order = np.argsort(block, kind="stable")
        counts = np.bincount(block, minlength=self._blocks)
        before = np.repeat(np.cumsum(counts) - counts, counts)
        rank = np.empty(len(block), np.int64)
        rank[order] = np.arange(len(block)) - before
        rank += self._used[block]
        self._used += counts
        return np.where(rank < self._places, block * self._places + rank, -1)

    def collected(self) -> JsonObject:
        named: dict[str, Any] = {"words": self._words.reshape(-1), "beyond": np.array([float(self._beyond)])}
        named |= {f"values {k}": row for k, row in enumerate(self._values)}
        return named | {f"present {k}": row for k, row in enumerate(self._present)}


@dataclass(frozen=True)
class Words(Rule):
    """Words within their bound; whatever an owner shares, its words are bits. The count is within its bound, and not
    negative."""

    def relations(self, parts: Any) -> list[SecretArray]:  # Any: the parts by name
        return [parts["beyond"]]


class Table(NamedTuple):
    """One side of a linkage, shared.

    base     the places of its rows: those of one owner, block by block, then those of the next owner
    blocks   how many
    sides    filters by blocks: each block has the places of the first owner, then those of the next one
    there    bits by `base`: where there is a row that can be linked
    columns  the payload by `base`
    beyond   the number of rows that were left out
    """

    base: Shared
    blocks: int
    sides: Sides
    there: SecretArray
    columns: dict[str, SecretColumn]
    beyond: SecretArray

    def by_block(self, x: SecretArray) -> SecretArray:
        """Rows in the order of `base`, (owners * blocks * places, …), as (blocks, owners * places, …). Local."""
        owners, rest = self.base.owners, x.shape[1:]
        shape = (owners, self.blocks, self.base.rows // self.blocks, *rest)
        to = (self.blocks, -1, *rest)
        return x.view(lambda a: np.moveaxis(a.reshape(shape), 0, 1).reshape(to))

    def by_owner(self, x: SecretArray) -> SecretArray:
        """Undo `by_block`."""
        owners, rest = self.base.owners, x.shape[2:]
        shape = (self.blocks, owners, self.base.rows // self.blocks, *rest)
        return x.view(lambda a: np.moveaxis(a.reshape(shape), 1, 0).reshape(-1, *rest))


def _counted(own: SecretArray, table: str) -> SecretArray:
    """The sum of the owners' counts (owners, 1) of rows that were left out: none, or enough of them."""
    own = own.reshape(-1)
    what = f"rows of {table} without a place in a block"
    total = own.sum(0)
    return total.standing_on(Cohort.of(total, own, what=what, or_none=True), origin=(f"count of {what}",))


def count_of(block: Expression | None) -> int:
    """The number of blocks. Raises ConfigError for a column that makes no blocks."""
    if block is None:
        return 1
    if block.type not in ("category", "flag", "integer"):
        raise ConfigError(f"link: block={block.text} is a {block.type}; use a category, a flag or a small whole number")
    blocks = int(block.high) - int(block.low) + 1
    if blocks > MOST_BLOCKS:
        raise ConfigError(f"link: block={block.text} has {blocks} values; at most {MOST_BLOCKS} blocks: cut it first")
    return blocks


def share_table(
    table: PrivateTable, encoding: Encoding, fields: Sequence[str], block: PrivateArray | None, places: int
) -> Table:
    """Share the rows of a table in blocks, with filters and with all columns that can be shared.

    Bytes   8 for each word of a filter and 16 for each payload column, a place and owner; comparisons of both
    """
    source, run = table.source, table.source.run
    if places < 1:
        raise ConfigError(f"link: {places} places a block; a public number, enough for the largest block of an owner")
    expression = None if block is None else block.expression
    blocks = count_of(expression)
    payload = [column for column in table if column.expression.type not in ("key", "text")]
    rows = blocks * places
    arranged = Arranged(
        encoding,
        [table.column(name).expression for name in fields],
        expression,
        blocks,
        places,
        [column.expression for column in payload],
        table.where,
    )
    local = source.local.ask(arranged)
    parts = [
        Part("words", (rows, encoding.words), 0, (1 << WORD) - 1, "int"),
        Part("beyond", (1,), 0, source.at_most, "int"),
    ]
    own = share_parts(source, local, parts, Words())
    run.shared[source.name, f"filters of {' and '.join(fields)}"] = 0.0
    base = Shared(run, source.name, len(source.owners), rows, Selection(source, table.where))
    shares = share_collected(payload, local, base) if payload else []
    columns = {c.name: typed(c, share) for c, share in zip(payload, shares, strict=True)}
    words = own["words"].reshape(-1, encoding.words)
    return table_of(words, encoding.bits, base, blocks, columns, _counted(own["beyond"], source.name))


def table_of(
    words: SecretArray,
    bits: int,
    base: Shared,
    blocks: int,
    columns: dict[str, SecretColumn],
    beyond: SecretArray,
) -> Table:
    """A side of a linkage from the words of its rows, (owners * blocks * places, words) as `packed` gives them."""
    table = Table(base, blocks, Sides(words, bits), words, columns, beyond)
    sides = Sides(table.by_block(words), bits)
    there = table.by_owner(sides.there(slice(None), slice(None)))
    place = Places(base, np.arange(len(words)), Lazy.of(there))
    there = there.with_basis(Basis((), (place,), origin=(f"rows of {base.table}",)))
    return table._replace(sides=sides, there=there)
