"""Linear regression of rows that stay: each owner reduces its own, the parties combine and solve in secret."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.machine.operation import Handle
from mpc.tables.local import LocalPass
from mpc.tables.private import PrivateTable
from mpc.tables.rows import ArrayRows
from mpc.tables.schema import RealColumn, Schema
from mpc.tables.source import Source
from mpc.values.secret import SecretArray, concatenate
from parties.bench.workloads.base import FRAC, Workload, largest_of, seeded
from protocols.statistics import ols

Reals = NDArray[np.float64]

#: Rows of an owner that differ; more rows repeat them.
_BLOCK = 1 << 16
_AT_MOST = 1 << 26


def scores(blocks: list[Reals], times: list[Reals]) -> Reals:
    """t of each predictor, in the clear: of rows (response last) that occur so many times."""
    rows, times_of = np.concatenate(blocks), np.concatenate(times)
    n = times_of.sum()
    centred = rows - np.average(rows, axis=0, weights=times_of)
    products = centred.T @ (centred * times_of[:, None])
    inverse = np.linalg.inv(products[:-1, :-1])
    slopes = inverse @ products[:-1, -1]
    rest = products[-1, -1] - slopes @ products[:-1, -1]
    return np.asarray(slopes / np.sqrt(np.diag(inverse) * rest / (n - len(slopes) - 1)), np.float64)


#: Of fewer rows nothing is compared.
_FEW = 12


class Ols(Workload):
    """Rows of 10 predictors (fewer below 500 rows), in memory at all owners in equal parts; the size is all their rows.
    From rows in memory to t and standard errors in secret. So a small size measures the joint part.

    The error is that of t, in units of the largest.
    """

    unit = "rows"
    largest = 30_000_000
    default = 10_000_000
    tolerance = 2e-5

    @property
    def predictors(self) -> int:
        """As few as leave degrees of freedom."""
        return min(max(self.size // 50, 1), 10)

    @property
    def elements(self) -> int:
        return self.size // self.run.parties * (self.predictors + 1)

    async def prepare(self) -> None:
        p, owners = self.predictors, self.run.parties
        effects = seeded("effects", (p,), 1 << FRAC) / 2.0**FRAC
        lengths = [(self.size + i) // owners for i in range(owners)]
        blocks, times = [], []
        for owner, length in enumerate(lengths):
            whole = min(length, _BLOCK)
            parts = seeded(f"rows {owner}", (whole, p + 1), 1 << FRAC) / 2.0**FRAC
            parts[:, p] += parts[:, :p] @ effects
            blocks.append(parts)
            times.append(length // max(whole, 1) + (np.arange(whole) < length % max(whole, 1)).astype(np.float64))
        self.wanted = None if self.size < _FEW else scores(blocks, times)
        self.schema = Schema("rows", tuple(RealColumn(f"x{j}", minimum=-16.0, maximum=16.0) for j in range(p + 1)))
        self.rows = None
        if not self.run.dry:
            own, length = blocks[self.run.index], lengths[self.run.index]
            self.rows = ArrayRows({f"x{j}": np.resize(own[:, j], length) for j in range(p + 1)})

    async def timed(self) -> Handle:
        local = LocalPass(self.run, "rows", self.rows)
        table = PrivateTable(Source(self.run, "rows", self.schema, range(self.run.parties), _AT_MOST, local))
        *predictors, response = table
        result = ols(response, predictors)
        names = ("coefficient", "coefficient power", "error", "error power")
        parts = [result.parts[name].bare() for name in names]
        self.fracs = [part.frac for part in parts]
        raw: SecretArray = concatenate([part.rescaled(0) for part in parts])
        await self.run.settle(raw.handle)
        return raw.handle

    async def error(self, result: Handle) -> float:
        opened = (await self.opened(result)).astype(np.float64).reshape(4, self.predictors)
        if self.wanted is None:
            return 0.0
        mantissa, power, error, error_power = (np.ldexp(x, -frac) for x, frac in zip(opened, self.fracs, strict=True))
        t = np.ldexp(mantissa / error, (power - error_power).astype(int))
        return largest_of(t - self.wanted) / largest_of(self.wanted)
