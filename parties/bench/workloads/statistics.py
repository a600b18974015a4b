"""Statistics of shared rows: the rank sum of one group among two; an outcome by an exposure in strata."""

from __future__ import annotations

import numpy as np

from mpc.machine.operation import Handle
from mpc.tables.secret_columns import SecretCategory
from mpc.values.secret import SecretArray
from parties.bench.workloads.base import Workload, largest_of, seeded
from protocols.statistics import mannwhitneyu, mantel_haenszel


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


_STRATA = 20


class MantelHaenszel(Workload):
    """Mantel and Haenszel's measures of two flags in 20 strata, with the test of homogeneity: from shared rows to the
    numbers that a study would open. The error is that of the sums over strata, relative to all rows."""

    unit = "rows"
    default = 100_000
    largest = 1 << 20
    tolerance = 1e-9

    @property
    def elements(self) -> int:
        return (_STRATA + 8) * self.size

    async def prepare(self) -> None:
        self.ill = (seeded("ill", (self.size,), 4) > 1).astype(np.int64)
        self.exposed = (seeded("exposed", (self.size,), 4) > -1).astype(np.int64)
        self.stratum = seeded("stratum", (self.size,), 1 << 20) % _STRATA
        columns = (self.ill, 1), (self.exposed, 1), (self.stratum, _STRATA - 1)
        self.columns = [await self.share(k, clear, bound, "int") for k, (clear, bound) in enumerate(columns)]

    async def timed(self) -> Handle:
        ill, exposed, stratum = self.columns
        strata = SecretCategory(stratum, [str(k) for k in range(_STRATA)])
        parts = mantel_haenszel(ill, exposed, strata).parts
        results: list[SecretArray] = list(parts.values())
        await self.run.settle(*[part.handle for part in results])
        self.sums = parts["sums"]
        return max((part.handle for part in results), key=lambda handle: handle.depth)

    async def error(self, result: Handle) -> float:
        opened = np.ldexp((await self.opened(self.sums.handle)).astype(np.float64), -self.sums.frac)
        cells = np.zeros((2, 2, _STRATA))
        np.add.at(cells, (self.exposed, self.ill, self.stratum), 1)
        (d, c), (b, a) = cells
        n = np.maximum(a + b + c + d, 1)
        wanted = np.asarray([(x * y / n).sum() for x, y in ((a, d), (b, c), (a, c), (b, d))])
        return largest_of((opened[:4] - wanted) / self.size)
