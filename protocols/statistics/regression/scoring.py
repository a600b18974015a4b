"""A step of scoring (Newton's method) of a generalized linear model whose coefficients are public, and whose rows stay.

At coefficients beta, owners add up weights, weighted moments of the predictors u, and scores sum r and sum r u. With
the weighted mean m, the weighted covariance C and the sum of weights W, the step is
    delta = C^-1 (sum r u - m sum r) / W,    delta_0 = sum r / W - m . delta,
solved in secret with the correlations of C. All sums are multiplied by the secret power of two v that brings W into the
top binade of its bound (`JointMoments`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc.tables.expressions import Expression
from mpc.tables.private import PrivateArray, unit_exponent
from mpc.values.secret import SecretArray, concatenate, stack, where
from mpc.values.wide_products import precise_product
from protocols.numeric.normalize import F
from protocols.statistics.floating import floating
from protocols.statistics.limits import within
from protocols.statistics.moments.correlations import Standardised, standardise
from protocols.statistics.moments.moments import LIGHT
from protocols.statistics.regression.constant_term import INTERCEPT_BITS, far
from protocols.statistics.regression.estimates import deviations
from protocols.statistics.regression.families import Working
from protocols.statistics.regression.ldl import INVERSE, Factors, factor_alone, inflation
from protocols.statistics.regression.newton import SCORE, STEP, solved
from protocols.statistics.regression.scores import Scores, Summed, summed

#: A column with a spread below 2^-SPREAD_BITS, in units u of its range, has too few digits.
SPREAD_BITS = 30
#: A correlation is off by at most 2^-_MATRIX; fraction bits of scores per weight, and of parts of a step.
_MATRIX, _WIDE, _FINE, _PART = 16, 50, 40, 20
#: Scores are at most 4 times the weights.
_MOST = 4
#: The scale at which `Scored.still` judges.
_STILL_SCALE = 14


@dataclass
class Scored:
    """The moments and sums of a step, and what they give."""

    columns: Sequence[PrivateArray]
    working: Working
    standard: Standardised
    factors: Factors
    sums: Summed
    names: list[str]
    units: list[float]
    exponent: int

    @classmethod
    def of(cls, columns: Sequence[PrivateArray], working: Working, known: Expression | None) -> Scored:
        """Of rows that are known, all columns of which have the same selection."""
        source = columns[0].source
        weight = PrivateArray(source, working.weight, working.weight.text, known)
        standard = standardise(columns, weight)
        moments = standard.moments
        pairs = [unit_exponent(column) for column in columns]
        centre, unit = np.asarray([c for c, _ in pairs]), np.ldexp(1.0, [e for _, e in pairs])
        assert working.beyond is not None
        wide = 61 - moments.width
        ahead = working.exponent - moments.weight_exponent
        frac = min(wide - 1, wide - 5 + ahead)
        scores = Scores(
            [column.expression for column in columns], centre, unit, working.residual,
            float(np.ldexp(1.0, working.exponent)), list(working.extra.values()), working.beyond, known,
        )  # fmt: skip
        sums = summed(source, scores, len(columns), len(working.extra), frac, wide - 1)
        sums.score = sums.score.rescaled(frac - ahead)
        factors = factor_alone(standard.matrix, _MATRIX)
        units = [u for _, u in working.extra.values()]
        return cls(columns, working, standard, factors, sums, list(working.extra), units, moments.weight_exponent)

    @property
    def varies(self) -> SecretArray:
        """Bit: each column varies enough."""
        return self.standard.varies(SPREAD_BITS).all()

    @property
    def heavy(self) -> SecretArray:
        """Bit: the weights together are enough."""
        return self.standard.moments.nonempty

    @property
    def within(self) -> SecretArray:
        """Bit: no row is above the window."""
        return self.sums.beyond == 0

    def step(self, scale: int) -> tuple[SecretArray, SecretArray]:
        """The step in units u, the constant first, and the bit that all is within its limits; 0 where it is not.

        scale  the step is at most 2^-scale times what it may be at 0, and has as many digits more
        Error  of a part, for its column's deviation: 2^-19-scale
        """
        moments, roots, k = self.standard.moments, self.standard.roots, len(self.columns)
        d, first, good = self._solved(scale)
        slopes = d.product(roots.inverse, _PART, limit=2.02 * STEP).times(roots.up)
        slopes = where(good.broadcast_to((k,)), slopes, 0)
        constant = first.cut(F).product(moments.inverse, F, limit=2.02 * _MOST).cut(_PART)
        constant = constant - precise_product(moments.fine, slopes).sum().cut(_PART)
        step = concatenate([where(good, constant, 0).reshape(1), slopes])
        return step.rescaled(_PART + scale), good

    def still(self) -> SecretArray:
        """Bit: a further step would move no standardised coefficient by more than 2^-20."""
        d, first, good = self._solved(_STILL_SCALE)
        every = concatenate([d, first.cut(d.frac).reshape(1)])
        return good & within(every, 2.0 ** (_STILL_SCALE - 20))[0].all()

    def _solved(self, scale: int) -> tuple[SecretArray, SecretArray, SecretArray]:
        """In units of 2^-scale: the step of standardised columns, sum r v / 2^w, and the bit that all is within its
        limits."""
        moments, roots, k = self.standard.moments, self.standard.roots, len(self.columns)
        score, total = self.sums.score, moments.total
        limit = total.rescaled(total.frac - 2).cut(score.frac)
        near = (stack([score, -score]) <= limit.broadcast_to((2, k + 1))).all()
        score = where(near.broadcast_to((k + 1,)), score, 0).bounded(limit.bound)
        # |score| <= 4 W, but for the cut of W, and W v <= 2^width; v <= 2^(width + LIGHT)
        power, width = moments.power.broadcast_to((k + 1,)), moments.width
        most = (_MOST << (width + score.frac)) + ((score.run.engine.rounding + 1) << (width + LIGHT))
        whole = score.times(power, bound=most).rescaled(score.frac + width)
        small, a = within(whole.cut(_WIDE), _MOST * 2.0**-scale)
        a = a.rescaled(_WIDE - scale)
        first = a[0].cut(_FINE)
        gap = a[1:].cut(_FINE) - precise_product(moments.fine, first.broadcast_to((k,))).cut(_FINE)
        edge = roots.down.rescaled(F - 2)  # 4 2^-a
        fits = (stack([gap, -gap]) <= edge.broadcast_to((2, k))).all(0)
        lifted = where(fits, gap, 0).times(roots.up, bound=(_MOST << _FINE) + (1 << 20)).cut(F)
        s = lifted.product(roots.inverse, SCORE, limit=2.02 * _MOST)
        d, solvable = solved(self.factors, s)
        good = near & small.all() & fits.all() & solvable & self.factors.regular & self.varies & self.heavy
        return d, first, good

    def errors(self) -> tuple[SecretArray, SecretArray, SecretArray, SecretArray]:
        """Standard errors in units u, the constant last and in those of the linear predictor: mantissa and power of
        two; the bits that inflation factors are within their limit, and that the constant's is."""
        moments, roots, p = self.standard.moments, self.standard.roots, len(self.columns)
        inflated, small = inflation(self.factors)
        away = far(moments, roots, self.factors)
        odd, half = moments.unit
        over = (3.0 - odd) * 0.5  # 1 / odd
        variances = concatenate([inflated.shifted(INVERSE + INTERCEPT_BITS), away.inflated.reshape(1)])
        variances = variances.product(over.cut(F - 4).broadcast_to((p + 1,)), INVERSE + INTERCEPT_BITS, limit=129.0)
        root, _, exponent = deviations(variances)
        mantissa = concatenate([root[:p].product(roots.inverse, F, limit=2.1), root[p:]])
        powers = concatenate([roots.shift, away.exponent.reshape(1)]) + exponent - half.broadcast_to((p + 1,))
        mantissa, power = floating(mantissa.bounded(int(2.1 * 2**F)), powers)
        return mantissa, power, small, away.defined
