"""Predictions of a multilayer perceptron: rows of one organization, weights of another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mpc.machine.operation import Handle
from mpc.values.secret import SecretArray
from parties.bench.workloads.base import FRAC, Workload, largest_of, seeded
from protocols.models.mlp import MLP, Dense

#: Inputs, hidden units of each layer, and classes.
_LAYERS = (784, 128, 128, 10)
#: Fraction bits of weights.
_WEIGHTS = 20


class MlpPredict(Workload):
    """Scores of a batch of rows in [0, 1] by a network 784-128-128-10 with ReLU; the size is the number of rows.

    Weights and biases are secret; their stated norms were checked before. Errors are differences from float64:
    a layer adds a unit of its last place to `norm` times the error of its inputs. With norms of at most 26, 12 and 12
    and 23, 19 and 16 fraction bits that is 12 * (12 * 2^-23 + 2^-19) + 2^-16 < 2^-14 together.
    """

    unit = "rows"
    default = 128
    largest = 1 << 10
    tolerance = 2.0**-14

    @property
    def elements(self) -> int:
        return self.size * (_LAYERS[0] + _LAYERS[-1]) + sum((before + 1) * after for before, after in pairwise(_LAYERS))

    async def prepare(self) -> None:
        inputs = seeded("x", (self.size, _LAYERS[0]), 1 << FRAC)
        np.abs(inputs, out=inputs)
        self.x = await self.share(0, inputs, 1 << FRAC)
        coefs, intercepts, norms = [], [], []
        clear = inputs / 2.0**FRAC
        for number, (before, after) in enumerate(pairwise(_LAYERS), 1):
            # Outputs are about as large as inputs.
            bound = int((3 / before) ** 0.5 * (1 << _WEIGHTS))
            weights, bias = (
                seeded(f"weights {number}", (before, after), bound),
                seeded(f"bias {number}", (after,), 1 << 14),
            )
            coefs.append(await self.share(1, weights, bound, frac=_WEIGHTS))
            intercepts.append(await self.share(1, bias, 1 << 14))
            norms.append(float(np.abs(weights).sum(0).max()) / (1 << _WEIGHTS))
            clear = np.maximum(clear, 0) if number > 1 else clear
            clear = clear @ (weights / 2.0**_WEIGHTS) + bias / 2.0**FRAC
        self.clear = clear
        self.model = MLP(coefs, intercepts, norms)
        secret = [layer.weights for layer in self.model.layers if isinstance(layer, Dense)]
        for norm in {check for w in secret if isinstance(w, SecretArray) for check in w.handle.assumptions}:
            if norm.bit is not None:
                await self.run.settle(norm.bit.handle)

    async def timed(self) -> Handle:
        scores = self.model.scores(self.x)
        self.frac = scores.frac
        await self.run.settle(scores.handle)
        return scores.handle

    async def error(self, result: Handle) -> float:
        return largest_of(np.ldexp((await self.opened(result)).astype(np.float64), -self.frac) - self.clear)
