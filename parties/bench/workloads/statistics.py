"""Statistics of shared rows: the rank sum of one group among two."""

from __future__ import annotations

import numpy as np

from mpc.machine.operation import Handle
from parties.bench.workloads.base import Workload, largest_of, seeded
from protocols.statistics import mannwhitneyu


class MannWhitney(Workload):
    """The Mann-Whitney test of integers of 17 bits, with ties, by a flag; one row of nine is missing."""

    unit = "rows"
    default = 100_000
    largest = 1 << 19

    async def prepare(self) -> None:
        self.there = seeded("rows", (self.size,), 4) > -4
        self.clear = seeded("x", (self.size,), 1 << 16)
        self.flag = seeded("flag", (self.size,), 1 << 20) > 0
        mask = (await self.share(2, self.there.astype(np.int64), 1, "int")) > 0
        self.x = (await self.share(0, self.clear, 1 << 16, "int")).masked(mask, "missing")
        self.group = (await self.share(1, self.flag.astype(np.int64), 1, "int")) > 0
        await self.run.settle(mask.handle, self.group.handle)
        self.before = max(self.before, mask.handle.depth, self.group.handle.depth)

    async def timed(self) -> Handle:
        parts = mannwhitneyu(self.x, self.group).parts
        handles = [part.handle for part in parts.values()]
        await self.run.settle(*handles)
        self.sums = parts["rank sums"].handle
        return max(handles, key=lambda handle: handle.depth)

    async def error(self, result: Handle) -> float:
        from scipy.stats import rankdata

        doubled = 2 * rankdata(self.clear[self.there])
        with_ = self.flag[self.there]
        wanted = np.asarray([doubled[~with_].sum(), doubled[with_].sum()])
        return largest_of(await self.opened(self.sums) - wanted)
