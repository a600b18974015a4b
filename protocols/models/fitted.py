"""What training gives: secret weights of standardised columns, and what follows from them."""

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
from protocols.models.standardize import FRAC, WIDTH_AS_GIVEN, Scaler, weights_of

#: Fraction bits of weights; the limit that they are held to, once an epoch.
WEIGHT_FRAC = 20
WEIGHT_LIMIT = 64
#: Fraction bits of slopes in units, and of their products with means.
_SLOPE = 24
_SHIFT = 18
_FEW = "too few rows count"


class Fitted:
    """Weights (p,), the last one the intercept's where there is one, and what they are about.

    enough     bit: enough rows count; None: it is public that they do
    basis      the rows behind the weights: all, and those of each outcome
    published  the rows behind coefficients that are released: of two flags, those of all four combinations, too
    """

    def __init__(
        self,
        given: Design,
        scale: Scaler | None,
        weights: SecretArray,
        intercept: bool,
        enough: SecretArray | None,
        basis: Basis,
        published: Basis,
    ) -> None:
        self.names, self.exponent = given.names, given.exponent
        self.scale = scale
        self.weights = weights
        self.intercept = intercept
        self.enough = enough
        self.basis = basis
        self.published = published
        self._slopes: tuple[SecretArray, SecretArray] | None = None

    def log_odds(self, given: Design) -> SecretArray:
        """x . weights (rows,), for rows as the model was trained on."""
        if given.names != self.names or given.exponent != self.exponent:
            raise ShapeError(
                f"the model was trained on the columns {', '.join(self.names)} with their bounds; these are "
                f"{', '.join(given.names)}"
            )
        marks = weights_of(given.valid)
        if self.scale is not None:
            rows = self.scale.transform(given.in_units(), marks)
        else:
            rows = given.at_common_scale(WIDTH_AS_GIVEN)
        p = len(self.names)
        odds = rows.dot(self.weights[:p].reshape(p, 1), FRAC).reshape(given.rows)
        if self.intercept:
            odds = odds + self.weights[p]
        odds = odds.with_basis(union(given.basis, self.basis))
        if given.valid is not None:
            odds = odds.masked(given.valid, "missing")
        return self.defined(odds)

    def defined(self, x: SecretArray) -> SecretArray:
        """x, undefined where too few rows counted."""
        return x if self.enough is None else x.masked(self.enough, _FEW)

    def _in_units(self) -> tuple[SecretArray, SecretArray]:
        """Slopes (columns,) by units of 2^exponent, and the intercept (); once."""
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
        # Means over deviations, as the columns were moved by them.
        moved = mean.times(up).cut(22).product(factor, _SHIFT)
        self._slopes = slopes, base - weights.product(moved, _SHIFT).sum()
        return self._slopes

    def coefficients(self) -> tuple[SecretArray, SecretArray]:
        """Slopes by units of the columns as given, and the intercept."""
        slopes, base = self._in_units()
        parts = [slopes[j : j + 1] for j in range(len(self.names))]
        parts = [part.rescaled(part.frac + e) for part, e in zip(parts, self.exponent, strict=True)]
        slopes, base = (self.defined(x.with_basis(self.published)) for x in (concatenate(parts), base))
        return slopes, base

    def release(self) -> Result:
        """All of them by name; the columns' public units are put in when they are opened, so that none loses digits."""
        slopes, base = (self.defined(part.with_basis(self.published)) for part in self._in_units())
        exponent, labels = np.asarray(self.exponent), ["intercept", *self.names]

        def finish(opened: Mapping[str, Opened]) -> Any:
            problem = opened["slopes"].first_problem() or opened["intercept"].first_problem()
            if problem is not None:
                return problem
            values = np.ldexp(opened["slopes"].values, -exponent)
            return {"labels": labels, "values": [float(opened["intercept"].values), *values.tolist()]}

        return Result("vector", {"slopes": slopes, "intercept": base}, finish, together=True)
