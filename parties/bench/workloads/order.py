"""Orders of rows: a random order, and orders by keys."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mpc.machine.operation import Handle
from parties.bench.workloads.base import Workload, largest_of, seeded
from protocols.order import random_order

_BOUND = 1 << 22


class Shuffle(Workload):
    """Rows of one number, put in a random order that nobody knows."""

    unit = "rows"

    @property
    def elements(self) -> int:
        return 2 * self.size

    async def prepare(self) -> None:
        self.clear = seeded("x", (self.size,), _BOUND)
        self.x = await self.share(0, self.clear, _BOUND)

    async def timed(self) -> Handle:
        mixed = random_order(self.run, self.size).apply(self.x)
        await self.run.settle(mixed.handle)
        return mixed.handle

    async def error(self, result: Handle) -> float:
        return largest_of(np.sort(await self.opened(result)) - np.sort(self.clear))


class Sort(Workload):
    """A vector of integers sorted, the smallest first."""

    unit = "rows"
    default = 100_000
    largest = 1 << 20
    bits: ClassVar[int] = 32

    @property
    def elements(self) -> int:
        return 2 * self.size

    async def prepare(self) -> None:
        bound = (1 << (self.bits - 1)) - 1
        self.clear = seeded("x", (self.size,), bound)
        self.x = await self.share(0, self.clear, bound, "int")

    async def timed(self) -> Handle:
        x = self.x.sort()
        await self.run.settle(x.handle)
        return x.handle

    async def error(self, result: Handle) -> float:
        return largest_of(await self.opened(result) - np.sort(self.clear))


class Sort64(Sort):
    """As `sort_32`, with integers of 62 bits, the widest that there are, and their sign."""

    bits = 63


class Quantile(Sort):
    """The exact median of integers of 32 bits."""

    @property
    def elements(self) -> int:
        return self.size

    async def timed(self) -> Handle:
        middle = self.x.median()
        self.frac = middle.frac
        await self.run.settle(middle.handle)
        return middle.handle

    async def error(self, result: Handle) -> float:
        middle = np.ldexp((await self.opened(result)).astype(np.float64), -self.frac)
        return float(np.abs(middle - np.median(self.clear)))
