"""The result of training: secret weights of standardised columns, log odds and coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.values.basis import Basis, union
from mpc.values.secret import SecretArray, concatenate
from mpc.values.stated import Stated
from protocols.models.rows import Design
from protocols.models.standardize import FRAC, RAW_WIDTH, Scaler, weights_of

#: Fraction bits of weights; their limit, checked once an epoch.
WEIGHT_FRAC = 20
WEIGHT_LIMIT = 64
#: Fraction bits of slopes in units of columns; fraction bits of their products with means.
_SLOPE = 24
_SHIFT = 18
_FEW = "too few rows count"


class Fitted:
    """A trained model.

    weights    (p,); with an intercept, its weight is the last
    enough     bit: enough rows count; None: it is public that they do
    basis      the rows behind the weights: all rows, and the rows of each outcome
    published  the rows behind released coefficients: also the four combinations of each two flags
    """

    def __init__(
        self,
        design: Design,
        scale: Scaler | None,
        weights: SecretArray,
        intercept: bool,
        enough: SecretArray | None,
        basis: Basis,
        published: Basis,
    ) -> None:
        self.names, self.exponent = design.names, design.exponent
        self.scale = scale
        self.weights = weights
        self.intercept = intercept
        self.enough = enough
        self.basis = basis
        self.published = published
        self._slopes: tuple[SecretArray, SecretArray] | None = None

    def log_odds(self, design: Design) -> SecretArray:
        """x . weights (rows,), for rows with the columns of training."""
        if design.names != self.names or design.exponent != self.exponent:
            raise ShapeError(
                f"the model was trained on the columns {', '.join(self.names)} with their bounds; these are "
                f"{', '.join(design.names)}"
            )
        if self.scale is not None:
            rows = self.scale.transform(design.in_units(), weights_of(design.valid))
        else:
            rows = design.at_common_scale(RAW_WIDTH)
        p = len(self.names)
        odds = rows.dot(self.weights[:p].reshape(p, 1), FRAC).reshape(design.rows)
        if self.intercept:
            odds = odds + self.weights[p]
        odds = odds.with_basis(union(design.basis, self.basis))
        if design.valid is not None:
            odds = odds.masked(design.valid, "missing")
        return self.defined(odds)

    def defined(self, x: SecretArray) -> SecretArray:
        """x, undefined if too few rows counted in training."""
        return x if self.enough is None else x.masked(self.enough, _FEW)

    def _in_units(self) -> tuple[SecretArray, SecretArray]:
        """Slopes (columns,) in units of 2^exponent, and the intercept (); computed once."""
        if self._slopes is not None:
            return self._slopes
        p = len(self.names)
        weights = self.weights[:p]
        base = self.weights[p] if self.intercept else self.weights[0] * 0
        if self.scale is None:
            shifts = np.asarray(self.exponent)
            slopes = weights.invoke(
                "scale",
                by=1 << (shifts - shifts.min()),
                result=Stated(bound=weights.bound << int(shifts.max() - shifts.min())),
            )
            self._slopes = slopes.rescaled(slopes.frac - int(shifts.min())), base
            return self._slopes
        mean, up, factor = (x.reshape(p) for x in (self.scale.mean, self.scale.up, self.scale.factor))
        slopes = weights.product(factor, _SLOPE).times(up)
        # Training moved each column by mean / deviation.
        moves = mean.times(up).cut(22).product(factor, _SHIFT)
        self._slopes = slopes, base - weights.product(moves, _SHIFT).sum()
        return self._slopes

    def coefficients(self) -> tuple[SecretArray, SecretArray]:
        """Slopes in units of the columns, and the intercept."""
        slopes, base = self._in_units()
        parts = [slopes[j : j + 1] for j in range(len(self.names))]
        parts = [part.rescaled(part.frac + e) for part, e in zip(parts, self.exponent, strict=True)]
        slopes, base = (self.defined(x.with_basis(self.published)) for x in (concatenate(parts), base))
        return slopes, base

    def release(self) -> Result:
        """The coefficients by name. The public units of columns are applied after the opening, so no digits are
        lost."""
        slopes, base = (self.defined(part.with_basis(self.published)) for part in self._in_units())
        exponent, labels = np.asarray(self.exponent), ["intercept", *self.names]

        def finish(opened: Mapping[str, Opened]) -> Any:
            problem = opened["slopes"].first_problem() or opened["intercept"].first_problem()
            if problem is not None:
                return problem
            values = np.ldexp(opened["slopes"].values, -exponent)
            return {"labels": labels, "values": [float(opened["intercept"].values), *values.tolist()]}

        return Result("vector", {"slopes": slopes, "intercept": base}, finish, together=True)
