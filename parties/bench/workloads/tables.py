"""Verbs of secret tables: sums of groups, the median of the rows that are there, and the number of distinct keys."""

from __future__ import annotations

import numpy as np

from mpc.machine.operation import Handle
from mpc.values.secret import SecretArray
from parties.bench.workloads.base import Workload, largest_of, seeded
from protocols.tables.groups import group_rows
from protocols.tables.keys import distinct

_BOUND = (1 << 31) - 1


class _Rows(Workload):
    """Rows of which some are missing."""

    unit = "rows"
    largest = 1 << 20

    async def rows(self) -> SecretArray:
        """Bits of nine rows of ten, and `there` in the clear."""
        self.there = seeded("rows", (self.size,), 4) > -4
        return (await self.share(2, self.there.astype(np.int64), 1, "int")) > 0


class GroupBy(_Rows):
    """The sum of a column and the number of rows in each of 1,000 groups (of a third as many groups as rows, where
    there are fewer than 3,000 rows)."""

    @property
    def elements(self) -> int:
        return 3 * self.size

    @property
    def groups(self) -> int:
        return max(min(1000, self.size // 3), 1)

    async def prepare(self) -> None:
        half = self.groups // 2
        self.keys = seeded("keys", (self.size,), half)
        self.clear = seeded("x", (self.size,), 1 << 20)
        self.key = await self.share(0, self.keys, max(half, 1), "int")
        self.x = await self.share(1, self.clear, 1 << 20, "int")
        self.mask = await self.rows()
        await self.run.settle(self.mask.handle)
        self.before = max(self.before, self.mask.handle.depth)

    async def timed(self) -> Handle:
        by = group_rows(self.mask, [self.key], groups=self.groups + 1)
        self.counted, total, self.found = by.count(), by.sum(self.x), by.exists
        await self.run.settle(total.handle, self.counted.handle, self.found.handle)
        return total.handle

    async def error(self, result: Handle) -> float:
        sums, counts = await self.opened(result), await self.opened(self.counted.handle)
        found = await self.opened(self.found.handle)
        keys, place = np.unique(self.keys[self.there], return_inverse=True)
        wanted = np.zeros(len(keys), np.int64)
        np.add.at(wanted, place, self.clear[self.there])
        size = len(keys)
        apart = [sums[:size] - wanted, counts[:size] - np.bincount(place), found - (np.arange(len(found)) < size)]
        return largest_of(np.concatenate(apart))


class Median(_Rows):
    """The exact median of the integers of 32 bits in the rows that are there; how many these are stays secret."""

    @property
    def elements(self) -> int:
        return 2 * self.size

    async def prepare(self) -> None:
        self.clear = seeded("x", (self.size,), _BOUND)
        mask = await self.rows()
        self.x = (await self.share(0, self.clear, _BOUND, "int")).masked(mask, "missing")
        await self.run.settle(mask.handle)
        self.before = max(self.before, mask.handle.depth)

    async def timed(self) -> Handle:
        middle = self.x.median()
        self.frac = middle.frac
        await self.run.settle(middle.handle)
        return middle.handle

    async def error(self, result: Handle) -> float:
        middle = np.ldexp((await self.opened(result)).astype(np.float64), -self.frac)
        return float(np.abs(middle - np.median(self.clear[self.there])))


class Distinct(_Rows):
    """The number of distinct keys of 32 bits among the rows that are there."""

    @property
    def elements(self) -> int:
        return 2 * self.size

    async def prepare(self) -> None:
        few = max(self.size // 3, 1)  # each key about 1.5 times
        self.keys = seeded("keys", (self.size,), few) * (_BOUND // few)
        self.mask = await self.rows()
        self.key = await self.share(0, self.keys, _BOUND, "int")
        await self.run.settle(self.mask.handle)
        self.before = max(self.before, self.mask.handle.depth)

    async def timed(self) -> Handle:
        number = distinct(self.mask, [self.key])
        await self.run.settle(number.handle)
        return number.handle

    async def error(self, result: Handle) -> float:
        return largest_of(await self.opened(result) - len(np.unique(self.keys[self.there])))
