"""Comparisons of integers, and a choice by a comparison."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mpc.machine.operation import Handle
from mpc.values.secret import where
from parties.bench.workloads.base import FRAC, Workload, largest_of, seeded


class Less(Workload):
    """x < y for integers of 61 bits and their sign: their difference has 63, and no comparison is wider."""

    bits: ClassVar[int] = 61

    @property
    def elements(self) -> int:
        return 3 * self.size

    async def prepare(self) -> None:
        bound = (1 << self.bits) - 1
        self.x_clear, self.y_clear = seeded("x", (self.size,), bound), seeded("y", (self.size,), bound)
        # A tenth of the pairs are equal or differ by 1.
        self.y_clear[::10] = self.x_clear[::10]
        self.y_clear[::20] = np.minimum(self.x_clear[::20] + 1, bound)
        self.x = await self.share(0, self.x_clear, bound, "int")
        self.y = await self.share(1, self.y_clear, bound, "int")

    async def timed(self) -> Handle:
        less = self.x < self.y
        await self.run.settle(less.handle)
        return less.handle

    async def error(self, result: Handle) -> float:
        return largest_of(await self.opened(result) - (self.x_clear < self.y_clear))


class Less32(Less):
    """x < y for integers below 2^31 in magnitude: their difference has 33 bits."""

    bits = 31


class Equal(Workload):
    """Whether integers of 62 bits equal 0, as half of them do."""

    @property
    def elements(self) -> int:
        return 2 * self.size

    async def prepare(self) -> None:
        bound = (1 << 62) - 1
        self.x_clear = seeded("x", (self.size,), bound) | 1
        self.x_clear[::2] = 0
        self.x = await self.share(0, self.x_clear, bound, "int")

    async def timed(self) -> Handle:
        same = self.x == 0
        await self.run.settle(same.handle)
        return same.handle

    async def error(self, result: Handle) -> float:
        return largest_of(await self.opened(result) - (self.x_clear == 0))


class Select(Workload):
    """One of two fixed-point numbers below 2^15, by a bit that an earlier comparison gave."""

    @property
    def elements(self) -> int:
        return 4 * self.size

    async def prepare(self) -> None:
        bound = (1 << (15 + FRAC)) - 1
        self.x_clear, self.y_clear = seeded("x", (self.size,), bound), seeded("y", (self.size,), bound)
        self.key_clear = seeded("key", (self.size,), bound)
        self.x, self.y = await self.share(0, self.x_clear, bound), await self.share(1, self.y_clear, bound)
        self.bit = await self.share(2, self.key_clear, bound) < 0
        await self.run.settle(self.bit.handle)
        self.before = max(self.before, self.bit.handle.depth)

    async def timed(self) -> Handle:
        chosen = where(self.bit, self.x, self.y)
        self.frac = chosen.frac
        await self.run.settle(chosen.handle)
        return chosen.handle

    async def error(self, result: Handle) -> float:
        exact = np.where(self.key_clear < 0, self.x_clear, self.y_clear)
        return largest_of(np.ldexp(await self.opened(result) - (exact << (self.frac - FRAC)), -self.frac))
