"""Cox regression: Newton's method over risk sets of hidden times, until estimates and standard errors are there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.machine.operation import Handle
from mpc.values.secret import SecretArray, concatenate
from parties.bench.workloads.base import FRAC, Workload, largest_of, seeded
from protocols.survival import cox

Reals = NDArray[np.float64]

_ONE = 1 << FRAC
_DAYS = 1 << 11
#: Of fewer rows the likelihood has no maximum, and nothing is compared.
_FEW = 100


def maximise(rows: Reals, time: Reals, event: Reals) -> Reals:
    """z of each predictor, in float64 in the clear (Breslow)."""
    order = np.argsort(-time, kind="stable")
    rows, time, event = rows[order], time[order], event[order]
    last = np.searchsorted(-time, -time, side="right") - 1  # of the run of equal times
    rows = rows - rows.mean(0)
    b = np.zeros(rows.shape[1])
    for _ in range(20):
        hazard = np.exp(rows @ b)
        whole = np.cumsum(hazard)[last]
        mean = np.cumsum(hazard[:, None] * rows, 0)[last] / whole[:, None]
        passed = np.cumsum((event / whole)[::-1])[::-1]
        first = np.searchsorted(-time, -time, side="left")
        weight = hazard * passed[first]
        information = rows.T @ (rows * weight[:, None]) - mean.T @ (mean * event[:, None])
        inverse = np.linalg.inv(information)
        b = b + inverse @ (rows - mean).T @ event
    return np.asarray(b / np.sqrt(np.diag(inverse)), np.float64)


class Cox(Workload):
    """Rows of 5 predictors in [-2, 2] (fewer below 200 rows) with times in days, 8 iterations; the size is the rows.

    The error is that of z = coefficient / standard error.
    """

    unit = "patients"
    default = 10_000
    largest = 1 << 17
    tolerance = 5e-3

    @property
    def predictors(self) -> int:
        """A model of fewer rows would have no maximum."""
        return min(max(self.size // 40, 1), 5)

    @property
    def elements(self) -> int:
        return self.size * (self.predictors + 2)

    async def prepare(self) -> None:
        clear = seeded("x", (self.size, self.predictors), 2 * _ONE)
        planted = seeded("effects", (self.predictors,), _ONE // 3) / _ONE
        level = (seeded("noise", (self.size,), _ONE - 1) / _ONE + 1) / 2
        time = np.clip(np.ceil(-np.log(level) * 400 / np.exp(clear / _ONE @ planted)), 1, _DAYS).astype(np.int64)
        event = (seeded("event", (self.size,), 4) > -2).astype(np.int64)
        self.x = await self.share(0, clear, 2 * _ONE)
        self.time = await self.share(1, time, _DAYS, "int")
        self.event = await self.share(2, event, 1, "int")
        self.wanted = None
        if self.size >= _FEW:
            self.wanted = maximise(clear / _ONE, time.astype(np.float64), event.astype(np.float64))

    async def timed(self) -> Handle:
        result = await cox(self.time, self.event, self.x)
        parts = [result.parts[name].bare() for name in ("z", "z power")]
        self.frac = parts[0].frac
        raw: SecretArray = concatenate([part.rescaled(0).reshape(-1) for part in parts])
        await self.run.settle(raw.handle)
        return raw.handle

    async def error(self, result: Handle) -> float:
        if self.wanted is None:
            return 0.0
        raw, p = (await self.opened(result)).astype(np.float64), self.predictors
        return largest_of(np.ldexp(raw[:p], raw[p:].astype(np.int64) - self.frac) - self.wanted)
