"""Sharing inputs, and opening shared numbers."""

from __future__ import annotations

from typing import Any

from mpc.machine.opening import open_to
from mpc.machine.operation import Handle
from parties.bench.workloads.base import Workload, largest_of, seeded

_BOUND = 1 << 22


class Input(Workload):
    """Share the numbers that one party holds."""

    @property
    def elements(self) -> int:
        return 2 * self.size

    async def prepare(self) -> None:
        self.clear = seeded("x", (self.size,), _BOUND)

    async def timed(self) -> Handle:
        x = self.input(0, self.clear)
        await self.run.settle(x)
        return x

    async def error(self, result: Handle) -> float:
        return largest_of(await self.opened(result) - self.clear)


class Open(Workload):
    """Open shared numbers to all parties."""

    @property
    def elements(self) -> int:
        return 2 * self.size

    async def prepare(self) -> None:
        self.clear = seeded("x", (self.size,), _BOUND)
        self.x = await self.share(0, self.clear, _BOUND)

    async def timed(self) -> Handle:
        opened = open_to(self.run, self.x.handle, range(self.run.parties))
        await self.run.settle(opened)
        return opened

    async def error(self, result: Handle) -> float:
        opened: Any = result.share
        return largest_of(opened - self.clear)
