"""Training of a logistic regression by stochastic gradient descent, on columns that are standardised already."""

from __future__ import annotations

import csv
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mpc.machine.operation import Handle
from parties.bench.workloads.base import FRAC, Integers, Workload, largest_of, seeded
from parties.study.loader import folder
from protocols.models.logistic import LogisticRegression
from protocols.models.rows import public_order, split_rows

Reals = NDArray[np.float64]

_ONE = 1 << FRAC
_BATCH = 128
_RATE = 0.5


def descend(rows: Reals, outcome: Reals, epochs: int) -> Reals:
    """The weights after the same steps in float64, in the clear."""
    rows = np.column_stack([rows, np.ones(len(rows))])
    number = -(-len(rows) // _BATCH)
    batches = np.array_split(public_order(len(rows), 0), number)
    weights = np.zeros(rows.shape[1])
    for _ in range(epochs):
        for batch in batches:
            risk = 1 / (1 + np.exp(-rows[batch] @ weights))
            weights -= _RATE / min(_BATCH, len(rows)) * rows[batch].T @ (risk - outcome[batch])
    return weights


class _Training(Workload):
    """Errors are differences of weights from the same steps in float64. A sigmoid is within 4.2e-5, which moves a
    weight by at most 0.5 * 4.2e-5 * (largest |x|) a step, and much less where steps go back and forth."""

    tolerance = 2e-3
    epochs: int

    async def train(self, rows: Integers, outcome: Integers, bound: int) -> None:
        self.x = await self.share(0, rows, bound)
        self.y = await self.share(1, outcome, 1, "int")
        self.clear = descend(rows / _ONE, outcome.astype(np.float64), self.epochs)

    async def timed(self) -> Handle:
        model = LogisticRegression(
            epochs=self.epochs, batch_size=_BATCH, learning_rate=_RATE, penalty=None, standardize=False
        )
        await model.fit(self.x, self.y)
        weights = model.weights
        self.frac = weights.frac
        await self.run.settle(weights.handle)
        return weights.handle

    async def error(self, result: Handle) -> float:
        return largest_of(np.ldexp((await self.opened(result)).astype(np.float64), -self.frac) - self.clear)


class LogisticSgd(_Training):
    """Rows of 100 columns in [-2, 2] and a constant; 5 epochs of batches of 128, a learning rate of 0.5; the size is
    the number of rows."""

    unit = "rows"
    default = 10_000
    largest = 1 << 15
    features: ClassVar[int] = 100
    epochs = 5

    @property
    def elements(self) -> int:
        return self.size * (self.features + 1) + self.features + 1

    async def prepare(self) -> None:
        rows = seeded("x", (self.size, self.features), 2 * _ONE)
        planted = seeded("weights", (self.features,), _ONE // 4) / _ONE
        noise = seeded("noise", (self.size,), _ONE) / _ONE
        await self.train(rows, (rows / _ONE @ planted > noise).astype(np.int64), 2 * _ONE)


class LogisticBreastCancer(_Training):
    """427 of the 569 bundled patients, nine standardised columns and a constant, batches of 107; the size is the number
    of epochs."""

    unit = "epochs"
    default = 10
    largest = 1_000

    @property
    def epochs(self) -> int:  # type: ignore[override]
        return self.size

    async def prepare(self) -> None:
        table = []
        for path in sorted((folder() / "data" / "hospital_statistics").glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                lines = list(csv.reader(file))[1:]
            table += [[*map(float, line[:-1]), float(line[-1] == "true")] for line in lines]
        chosen = np.asarray(table)[split_rows(len(table), 0.25, 1)[0]]
        columns = chosen[:, :-1]
        standard = np.clip((columns - columns.mean(0)) / columns.std(0), -8, 8)
        await self.train(np.rint(standard * _ONE).astype(np.int64), chosen[:, -1].astype(np.int64), 8 * _ONE)
