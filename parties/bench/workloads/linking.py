"""Fuzzy linkage of two tables in public blocks."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mpc.machine.operation import Handle
from mpc.tables.secret_columns import numbers_of
from mpc.values.basis import Basis
from mpc.values.places import Places, Shared
from mpc.values.secret import SecretArray
from parties.bench.workloads.base import Workload, largest_of, seeded
from protocols.linkage.blocks import Table, table_of
from protocols.linkage.bringing import Bringing
from protocols.linkage.encoding import WORD, packed
from protocols.linkage.pairs import partners
from protocols.linkage.plain import linked

_BITS = 1024
_THRESHOLD = Fraction(4, 5)
_BOUND = 1 << 22


class Linkage(Workload):
    """Two tables of as many rows, in blocks of 100 rows each; one column comes from each partner. Of the rows, 70 %
    are in both tables, with other bits in 7 % of their filter."""

    unit = "rows"
    default = 10_000
    largest = 20_000
    #: Rows of a block; a table with fewer rows is one block.
    block: ClassVar[int] = 100

    async def prepare(self) -> None:
        self.blocks = max(self.size // self.block, 1)
        self.rows = self.size // self.blocks
        left, right = _filters(self.blocks, self.rows)
        payload = seeded("payload", (self.blocks * self.rows,), _BOUND)
        self.clear = np.zeros(payload.shape, np.int64)
        for k in range(self.blocks):
            partner = linked(left[k], right[k], _THRESHOLD).partner
            there = np.flatnonzero(partner >= 0)
            self.clear[k * self.rows + there] = payload[k * self.rows + partner[there]]
        self.words = []
        for owner, filters in enumerate((left, right)):
            flat = filters.reshape(-1, _BITS)
            clear = packed(flat, np.ones(len(flat), np.bool_))
            self.words.append(await self.share(owner, clear, (1 << WORD) - 1, "int"))
        self.payload = await self.share(1, payload, _BOUND, "int")

    async def timed(self) -> Handle:
        ours, theirs = self._table("left", 0), self._table("right", 1)
        found = await partners(ours.sides, theirs.sides, _THRESHOLD)
        value = numbers_of(Bringing(ours, theirs, found).columns()["value"])
        await self.run.settle(value.handle)
        return value.handle

    async def error(self, result: Handle) -> float:
        return largest_of(await self.opened(result) - self.clear)

    def _table(self, name: str, side: int) -> Table:
        words = self.words[side]
        base = Shared(self.run, name, 1, len(words))
        place = Places(base, np.arange(len(words)), None)
        value: SecretArray = self.payload.with_basis(Basis((), (place,)))
        return table_of(words, _BITS, base, self.blocks, {"value": value} if side else {}, self.payload.sum())


class LinkageOfOneBlock(Linkage):
    """The same without blocks: each row is compared with each row of the other table."""

    default = 1_000
    largest = 10_000
    block = 1 << 30


def _filters(blocks: int, rows: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    shape = (blocks, rows, _BITS)
    left = seeded("filters", shape, 500) < -150
    right = np.roll(left, 1, axis=1) ^ (seeded("errors", shape, 500) < -430)
    others = seeded("others", shape, 500) < -150
    only = seeded("which", shape[:2], 500) < -200
    right[only] = others[only]
    return left, right
