"""Logistic regression with inference: Newton's method in secret, until estimates and standard errors are there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.machine.operation import Handle
from mpc.values.secret import SecretArray, concatenate
from parties.bench.workloads.base import FRAC, Workload, largest_of, seeded
from protocols.statistics import logit

Reals = NDArray[np.float64]

_ONE = 1 << FRAC
#: Of fewer rows the likelihood has no maximum, and nothing is compared.
_FEW = 12


def maximise(rows: Reals, outcome: Reals) -> tuple[Reals, Reals]:
    """z of each predictor, and the log-likelihood, in float64 in the clear."""
    rows = np.column_stack([np.ones(len(rows)), rows])
    b = np.zeros(rows.shape[1])
    for _ in range(25):
        risk = 1 / (1 + np.exp(-rows @ b))
        inverse = np.linalg.inv(rows.T @ (rows * (risk * (1 - risk))[:, None]))
        b = b + inverse @ (rows.T @ (outcome - risk))
    odds = rows @ b
    return (b / np.sqrt(np.diag(inverse)))[1:], np.asarray([(outcome * odds - np.logaddexp(0, odds)).sum()])


class Logit(Workload):
    """Rows of 20 predictors in [-2, 2] (fewer below 1,000 rows) and a constant, 10 iterations; the size is the rows.

    The error is that of z = coefficient / standard error, and of the log-likelihood, relative.
    """

    unit = "rows"
    default = 100_000
    largest = 1 << 20
    tolerance = 5e-4

    @property
    def predictors(self) -> int:
        """A model of fewer rows would have no maximum."""
        return min(max(self.size // 50, 1), 20)

    @property
    def elements(self) -> int:
        return self.size * (self.predictors + 1)

    async def prepare(self) -> None:
        clear = seeded("x", (self.size, self.predictors), 2 * _ONE)
        planted = seeded("effects", (self.predictors,), _ONE // 4) / _ONE
        odds = clear / _ONE @ planted - 1
        level = (seeded("noise", (self.size,), _ONE) / _ONE + 1) / 2
        outcome = (level < 1 / (1 + np.exp(-odds))).astype(np.int64)
        self.x = await self.share(0, clear, 2 * _ONE)
        self.y = await self.share(1, outcome, 1, "int")
        self.wanted = None if self.size < _FEW else maximise(clear / _ONE, outcome.astype(np.float64))

    async def timed(self) -> Handle:
        result = await logit(self.y, self.x)
        names = ("z", "z power", "log_likelihood")
        parts = [result.parts[name].bare() for name in names]
        self.fracs = [part.frac for part in parts]
        raw: SecretArray = concatenate([part.rescaled(0).reshape(-1) for part in parts])
        await self.run.settle(raw.handle)
        return raw.handle

    async def error(self, result: Handle) -> float:
        raw, p = (await self.opened(result)).astype(np.float64), self.predictors
        z = np.ldexp(raw[:p], raw[p : 2 * p].astype(np.int64) - self.fracs[0])
        likelihood = np.ldexp(raw[2 * p :], -self.fracs[2])
        if self.wanted is None:
            return 0.0
        return max(largest_of(z - self.wanted[0]), largest_of(likelihood / self.wanted[1] - 1))
