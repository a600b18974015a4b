"""A step of Newton's method of multinomial regression whose coefficients are public, and whose rows stay.

The information G about the public centres of columns is moved to their secret means m: of each block,
    h_j = g_0j - m_j g_00,    G'_ij = g_ij - m_i g_0j - m_j h_i.
So the constants and a predictor far from its centre are not collinear. G' is scaled to a diagonal of 1 and factored; a
step is solved for in secret, as `Scored` does it for one linear predictor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc.tables.expressions import Expression, Floats
from mpc.tables.private import PrivateArray, unit_exponent
from mpc.values.secret import SecretArray, concatenate, constant, stack, where
from mpc.values.wide_products import precise_product
from protocols.numeric.normalize import F
from protocols.statistics.floating import floating
from protocols.statistics.limits import within
from protocols.statistics.moments.correlations import scaled_to_one
from protocols.statistics.moments.descriptive import Scaled
from protocols.statistics.moments.moments import WIDE, JointMoments, cross_moments
from protocols.statistics.regression.constant_term import INTERCEPT_BITS
from protocols.statistics.regression.estimates import constant_of, deviations
from protocols.statistics.regression.ldl import INVERSE, Factors, factor_alone, inflation
from protocols.statistics.regression.multinomial_sums import MultinomialSums, Summed, summed
from protocols.statistics.regression.newton import SCORE, STEP, solved

#: Entries of the diagonal of G' / rows are at least 2^-SPREAD_BITS; an entry of the scaled matrix is off by 2^-_MATRIX.
SPREAD_BITS, _MATRIX = 15, 16
#: Fraction bits of scores per row; of those moved to the means, and of G'; of a step; of means for constant terms.
_WIDE, _FINE, _PART, _FAR = 50, 40, 20, 24
#: A score is at most 4 times the root of its information.
_MOST = 4
_STILL_SCALE = 14


@dataclass
class Multinomial:
    """The sums of a step, and what they give. Parts are in the order of levels, the constant first in each."""

    moments: JointMoments
    roots: Scaled
    factors: Factors
    sums: Summed
    predictors: int
    levels: int

    @classmethod
    def of(
        cls, columns: Sequence[PrivateArray], levels: Sequence[Expression], beta: Floats, known: Expression | None
    ) -> Multinomial:
        """Of rows that are known; beta (levels, columns + 1) of the columns as they are, the constant first."""
        moments = cross_moments(columns)
        pairs = [unit_exponent(column) for column in columns]
        centre, unit = np.asarray([c for c, _ in pairs]), np.ldexp(1.0, [e for _, e in pairs])
        of_z = np.column_stack([beta[:, 0] + beta[:, 1:] @ centre, beta[:, 1:] * unit])
        sums = MultinomialSums([c.expression for c in columns], levels, centre, unit, of_z, known)
        added = summed(columns[0].source, sums, of_z.size, 61 - moments.width, moments.count)
        spread = _about_means(moments, _per_row(moments, added.information).cut(WIDE), len(levels))
        roots, matrix, _ = scaled_to_one(spread, WIDE - SPREAD_BITS)
        return cls(moments, roots, factor_alone(matrix, _MATRIX), added, len(columns), len(levels))

    @property
    def varies(self) -> SecretArray:
        """Bit: each diagonal entry is enough."""
        return self.roots.positive.all()

    @property
    def within(self) -> SecretArray:
        """Bit: no row is above the window."""
        return self.sums.beyond == 0

    def step(self, scale: int) -> tuple[SecretArray, SecretArray]:
        """The step in units u about the centres of columns, and the bit that all is within its limits; 0 where it is
        not. scale: as of `Scored.step`"""
        d, good = self._solved(scale)
        size = len(d)
        parts = d.product(self.roots.inverse, _PART, limit=2.02 * STEP).times(self.roots.up)
        parts = where(good.broadcast_to((size,)), parts, 0).reshape(self.levels, self.predictors + 1)
        every = []
        for a in range(self.levels):
            slopes = parts[a, 1:]
            first = parts[a, 0] - precise_product(self.moments.fine, slopes).sum().cut(_PART)
            every += [first.reshape(1), slopes]
        step = concatenate(every)
        return step.rescaled(_PART + scale), good

    def still(self) -> SecretArray:
        """Bit: a further step would move no standardised coefficient by more than 2^-20."""
        d, good = self._solved(_STILL_SCALE)
        return good & within(d, 2.0 ** (_STILL_SCALE - 20))[0].all()

    def _solved(self, scale: int) -> tuple[SecretArray, SecretArray]:
        """In units of 2^-scale: the step of scaled parts about the means, and the bit that all is within its limits."""
        roots, k = self.roots, self.predictors + 1
        # Scores were shared as halves; per row they are at most 1.
        whole = _per_row(self.moments, self.sums.score).cut(_WIDE)
        whole = whole.rescaled(_WIDE - 1)
        small, a = within(whole, _MOST * 2.0**-scale)
        a = a.rescaled(_WIDE - 1 - scale).cut(_FINE).reshape(self.levels, k)
        parts = []
        for level in range(self.levels):
            first = a[level, 0]
            moved = precise_product(self.moments.fine, first.broadcast_to((k - 1,))).cut(_FINE)
            parts += [first.reshape(1), a[level, 1:] - moved]
        gap = concatenate(parts)
        edge = roots.down.rescaled(F - 2)  # 4 2^-a
        fits = (stack([gap, -gap]) <= edge.broadcast_to((2, len(gap)))).all(0)
        lifted = where(fits, gap, 0).times(roots.up, bound=(_MOST << _FINE) + (1 << 20)).cut(F)
        s = lifted.product(roots.inverse, SCORE, limit=2.02 * _MOST)
        d, solvable = solved(self.factors, s)
        return d, small.all() & fits.all() & solvable & self.factors.regular & self.varies

    def errors(self) -> tuple[SecretArray, SecretArray, SecretArray, SecretArray]:
        """Standard errors, the constants in units of the linear predictor and slopes in units u: mantissa and power of
        two; the bits that inflation factors are within their limit, and that those of constants are."""
        roots, k = self.roots, self.predictors + 1
        inflated, small = inflation(self.factors)
        inflated = inflated.shifted(INVERSE + INTERCEPT_BITS)
        centre = np.ldexp(self.moments.centre, -np.asarray(self.moments.exponent))
        far = -(self.moments.fine.cut(_FAR) + centre)
        run, variances, powers, near = far.run, [], [], []
        for a in range(self.levels):
            before, after = np.zeros(a * k), np.zeros((self.levels - 1 - a) * k)
            c = [constant(run, np.append(before, 1.0), frac=_FAR), far]
            c += [constant(run, after, frac=_FAR)] if len(after) else []
            value, power, fits = constant_of(concatenate(c), roots, self.factors)
            variances += [value.reshape(1), inflated[a * k + 1 : (a + 1) * k]]
            powers += [power.reshape(1), roots.shift[a * k + 1 : (a + 1) * k]]
            near.append(fits.reshape(1))
        odd, half = self.moments.unit
        over = (3.0 - odd) * 0.5  # 1 / odd
        every = concatenate(variances).product(
            over.cut(F - 4).broadcast_to((len(inflated),)), INVERSE + INTERCEPT_BITS, limit=129.0
        )
        root, _, exponent = deviations(every)
        slope = np.tile(np.arange(k) > 0, self.levels)
        factor = where(constant(run, slope), roots.inverse, 1.0).bounded(int(2.01 * 2**F))
        mantissa = root.product(factor, F, limit=2.1)
        exponents = concatenate(powers) + exponent - half.broadcast_to((len(inflated),))
        mantissa, power = floating(mantissa.bounded(int(2.1 * 2**F)), exponents)
        return mantissa, power, small, concatenate(near).all()


def _per_row(moments: JointMoments, x: SecretArray) -> SecretArray:
    """x v / 2^width of sums x of n units at most: exact, since n v < 2^width."""
    product = x.times(moments.power.broadcast_to(x.shape), bound=1 << 61)
    return product.rescaled(product.frac + moments.width)


def _about_means(moments: JointMoments, g: SecretArray, levels: int) -> SecretArray:
    """G' of G, with 56 fraction bits. Error of an entry: 2^-36"""
    k = len(moments.fine) + 1
    row = moments.fine.reshape(1, k - 1).broadcast_to((k - 1, k - 1))
    blocks: dict[tuple[int, int], SecretArray] = {}
    for a in range(levels):
        for b in range(a, levels):
            block = g[a * k : (a + 1) * k, b * k : (b + 1) * k]
            corner, side = block[0, 0].cut(_FINE), block[0, 1:].cut(_FINE)
            h = side - precise_product(moments.fine, corner.broadcast_to((k - 1,))).cut(_FINE)
            by_row = side.reshape(1, k - 1).broadcast_to((k - 1, k - 1))
            first = precise_product(row.T, by_row).cut(_FINE)
            second = precise_product(row, h.reshape(k - 1, 1).broadcast_to((k - 1, k - 1))).cut(_FINE)
            inner = block[1:, 1:].cut(_FINE) - first - second
            top = concatenate([corner.reshape(1), h]).reshape(1, k)
            rest = concatenate([h.reshape(k - 1, 1), inner], axis=1)
            blocks[a, b] = blocks[b, a] = concatenate([top, rest])
    rows = [concatenate([blocks[a, b] for b in range(levels)], axis=1) for a in range(levels)]
    return concatenate(rows).shifted(WIDE)
