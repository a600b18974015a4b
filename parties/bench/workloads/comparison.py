"""Comparisons of integers."""

from __future__ import annotations

from mpc.runtime import Handle
from parties.bench.workloads.base import Workload, largest_of, seeded


class Equal(Workload):
    """Whether two integers of 62 bits are equal, for half of them."""

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
