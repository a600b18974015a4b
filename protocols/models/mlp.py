"""Multilayer perceptrons: predictions for secret rows, with secret or public weights.

    model = MLP(coefs, intercepts)                                  # as scikit-learn holds them; ReLU between layers
    model = Sequential([Dense(w1, b1, norm=20), relu, Dense(w2, b2)])
    chances = model.predict_proba(rows)

The bound of a layer's outputs follows from the bound of its inputs and the *norm* of its weights: the smaller the norm,
the more fraction bits are left. Left out: training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.machine.assumptions import resting_on
from mpc.values.fixed import encode, finite, frac_for
from mpc.values.operands import narrowed
from mpc.values.secret import SecretArray, constant
from protocols import numeric
from protocols.numeric import relu

#: A function from rows to rows: a `Dense`, an activation, or `lambda x: x.within(8)`.
Layer = Callable[[SecretArray], SecretArray]

#: Bits of a layer's inputs and of its norm, so that an exact product has at most 61.
_INPUTS, _NORM = 30, 31


class Dense:
    """A layer: x @ weights + bias.

    weights  (inputs, outputs), secret or public numbers
    bias     (outputs,), secret or public numbers, or None
    norm     a bound of the sum of |weight| over the inputs, for each output. Public weights have a known norm. For
             secret weights it is the number of inputs times their bound, unless a smaller norm is stated here. The run
             checks this assumption like `within`: if it does not hold, releases of predictions say "out of range"

    Shapes    (rows, inputs) -> (rows, outputs)
    Rounds    2; a stated norm costs once, beside the first rows, a comparison and an injection for each weight
    Bytes     those of `matmul_truncate` for rows * outputs elements, whatever the number of inputs
    Error     one unit of the output's last place, and another for a bias that is cut. The bound of the outputs, (bound
              of inputs) * norm + (bound of bias), has 29 bits. Weights are rounded to 2^-k if norm * 2^k had more than
              30 bits, and inputs to 30 bits
    Raises    ShapeError; RangeError for a norm that is not above 0, or public weights that are not finite
    Security  that of the engine; opens nothing
    """

    def __init__(self, weights: Any, bias: Any = None, *, norm: float | None = None) -> None:
        self.weights, self.bias = _held(weights), None if bias is None else _held(bias)
        shape = self.weights.shape
        if len(shape) != 2 or not shape[0] or not shape[1]:
            raise ShapeError(f"Dense: weights of shape {shape}; expected (inputs, outputs), with at least 1 of both")
        if self.bias is not None and self.bias.shape != shape[1:]:
            raise ShapeError(f"Dense: a bias of shape {self.bias.shape} for {shape[1]} outputs")
        if norm is not None and not 0 < norm < np.inf:
            raise RangeError(f"Dense: norm={norm}; expected a finite number above 0")
        self.inputs, self.outputs = shape
        #: Bound of the sum of |raw weight| over the inputs.
        self._most: int
        if isinstance(self.weights, SecretArray):
            self._limit(self.weights, norm)
        else:
            sums = np.abs(self.weights).sum(0)
            self._frac = frac_for(float(sums.max()), _NORM)
            self._most = int(np.abs(encode(self.weights, self._frac)).sum(0).max())

    def _limit(self, weights: SecretArray, norm: float | None) -> None:
        weights = weights.numeric()
        known = self.inputs * weights.limit
        stated = known if norm is None else min(norm, known)
        finest = frac_for(stated, _NORM)
        if weights.frac > finest:
            weights = weights.cut(finest)
            stated += self.inputs * 2.0**-finest  # a cut moves each weight by less than a unit
        self.weights, self._most = weights, self.inputs * weights.bound
        if norm is not None:
            sums = weights.bare().abs().sum(0).within(stated)
            self._most = min(self._most, sums.bound)
            self.weights = resting_on(self.weights, sums)

    def __call__(self, x: SecretArray) -> SecretArray:
        """The outputs for rows of inputs."""
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise ShapeError(f"Dense: inputs of shape {x.shape}; expected (rows, {self.inputs})")
        x = narrowed(x.numeric(), _INPUTS)
        weights = self.weights
        if not isinstance(weights, SecretArray):
            weights = constant(x.run, weights, frac=self._frac)
        bound = x.bound * self._most
        limit = float(np.ldexp(float(bound), -x.frac - weights.frac))
        if self.bias is not None:
            limit += self.bias.limit if isinstance(self.bias, SecretArray) else float(np.abs(self.bias).max())
        out = x.dot(weights, min(frac_for(limit), x.frac + weights.frac), bound=bound)
        if self.bias is None:
            return out
        return out + (self.bias.cut(out.frac) if isinstance(self.bias, SecretArray) else self.bias)


def _held(values: Any) -> Any:
    """A secret unchanged; public numbers as float64."""
    if isinstance(values, SecretArray):
        return values
    array = np.asarray(values)
    finite(array)
    return array.astype(np.float64)


class Sequential:
    """Layers, one after the other. The prediction of a row with an invalid element is undefined.

    Rounds    those of the layers (2 for a `Dense`, a comparison and an injection for `relu`), then those of `argmax`
              or `softmax`
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        if not layers:
            raise ShapeError("Sequential: no layers")
        dense = [layer for layer in layers if isinstance(layer, Dense)]
        for a, b in pairwise(dense):
            if a.outputs != b.inputs:
                raise ShapeError(f"Sequential: a layer with {a.outputs} outputs before a layer with {b.inputs} inputs")
        self.layers = tuple(layers)

    def scores(self, x: SecretArray) -> SecretArray:
        """The outputs of the last layer, (rows, outputs)."""
        return self._rows(x, lambda scores: scores)

    def predict_proba(self, x: SecretArray) -> SecretArray:
        """Probabilities of the classes, (rows, classes): `softmax` of the scores."""
        return self._rows(x, numeric.softmax)

    def predict(self, x: SecretArray) -> SecretArray:
        """The class with the highest score, (rows,), an integer from 0; of equal scores the first class."""
        return self._rows(x, numeric.argmax)

    __call__ = scores

    def _rows(self, x: SecretArray, last: Layer) -> SecretArray:
        inputs = x.numeric()
        out = inputs.without_mask()
        for layer in self.layers:
            out = layer(out)
        out = last(out)
        valid = inputs.valid
        if valid is None:
            return out
        if valid.shape != ():
            valid = valid.all(1).reshape(-1, *[1] * (out.ndim - 1))
        return out.masked(valid, inputs.why)


class MLP(Sequential):
    """Dense layers with ReLU between them: `coefs` (inputs, outputs) and `intercepts` (outputs,) of each layer, like
    `coefs_` and `intercepts_` of scikit-learn; `norms`: the norm of each layer, see `Dense`."""

    def __init__(
        self, coefs: Sequence[Any], intercepts: Sequence[Any], norms: Sequence[float | None] | None = None
    ) -> None:
        norms = [None] * len(coefs) if norms is None else norms
        if not len(coefs) == len(intercepts) == len(norms):
            raise ShapeError(f"MLP: {len(coefs)} coefs, {len(intercepts)} intercepts and {len(norms)} norms")
        dense = [Dense(w, b, norm=n) for w, b, n in zip(coefs, intercepts, norms, strict=True)]
        layers: list[Layer] = [layer for inner in dense for layer in (inner, relu)]
        super().__init__(layers[:-1])


__all__ = ["MLP", "Dense", "Layer", "Sequential", "relu"]
