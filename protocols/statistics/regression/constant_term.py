"""The constant term of a regression and its standard error, from the centred fit.

With g_j = mean_j / deviation_j, correlations R of the predictors, R^-1 = N^T D^-1 N and slopes beta of standardised
columns,
    b0 = mean_y - deviation_y * sum beta_j g_j
    Var(b0) = deviation_y^2 (1 - R^2) / (rows - p - 1) * (1 + sum_k (N g)_k^2 / d_k).
The g_j can be large (100 and more for a year), so all are divided by a secret power of two 2^T above 1 + sum |g_j|,
which is computed from their sizes: so the quotients keep their digits. Deviations are those of `Scaled`, sqrt(q) times
the deviation of the population; therefore 1/q takes the place of the 1 above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpc.values.secret import SecretArray, concatenate, constant, where
from mpc.values.wide_products import precise_product
from protocols.numeric.division import normal
from protocols.numeric.normalize import Exponent, F, leading_bit
from protocols.statistics.moments.descriptive import Scaled
from protocols.statistics.moments.moments import JointMoments
from protocols.statistics.regression.ldl import INFLATION, INVERSE, Factors

#: Fraction bits of a mean in units of its column; bits before the point of mean / deviation.
_FRAC, _ROOM = 36, 20
#: Fraction bits of g / 2^T; most of the sum of its products with slopes.
_WIDE, _MOST = 34, 32
#: Largest (N g)_k, and largest 1/q + sum, in units of 2^T.
_ENTRY, _LIMIT = 4.0, INFLATION
#: Fraction bits that 1/q + sum has more than variance inflation factors.
INTERCEPT_BITS = 4


@dataclass
class Far:
    """How far the means of the predictors are from 0.

    g         (columns,) mean / deviation in units of 2^-a (`Scaled`), _FRAC fraction bits
    scaled    (p,) g / 2^T, _WIDE fraction bits;  size  the exponent of 2^T;  exponent  T
    inflated  takes the place of a variance inflation factor in the standard error of the constant, in units of
              4^exponent
    defined   bit: all numbers are within their limits
    """

    g: SecretArray
    scaled: SecretArray
    size: Exponent
    exponent: SecretArray
    inflated: SecretArray
    defined: SecretArray


def far(moments: JointMoments, spread: Scaled, factors: Factors) -> Far:
    """Of moments of the predictors, and of further columns after them.

    Undefined  for a column with |mean| / deviation or range / deviation above about 2^19 (less, by the bits of its
               range's centre in units of its width); for predictors whose means lie in a direction in which the
               predictors are nearly collinear
    Rounds     about 40, beside the variance inflation
    """
    p = len(factors.mantissa)
    centre = np.ldexp(moments.centre, -np.asarray(moments.exponent))
    bits = [int(np.frexp(abs(c) + 1)[1]) for c in centre]
    fits = all(b <= _ROOM for b in bits)
    if not fits:
        centre, bits = np.zeros(len(centre)), [1] * len(centre)

    mean = moments.fine.cut(_FRAC) + centre
    most = [_ROOM - b for b in bits]
    up = [[1 << min(a, room) for room in most] for a in spread.shifts]
    # |mean_j| < 2^bits_j, and the factor is at most 2^most_j.
    g = mean.times(spread.leading.table(up), bound=1 << (_ROOM + _FRAC))
    g = g.rescaled(_FRAC)
    near = concatenate([_shift_at_most(spread, j, room).reshape(1) for j, room in enumerate(most)]).all()

    of_x = g[:p]
    size = where(of_x < 0, -of_x, of_x).sum() + 1.0
    width = int(size.bound).bit_length()
    leading = leading_bit(size, width)
    part = of_x.times(leading.table([1 << (width - 1 - i) for i in range(width)]).broadcast_to((p,)), bound=1 << width)
    scaled = part.rescaled(width).cut(_WIDE, bound=(1 << _WIDE) + 1)  # g / 2^T; their absolute values add up to 1
    part = scaled.cut(F).product(spread.inverse[:p], 26, limit=2.01)
    exponent = leading.table([i + 1 - _FRAC for i in range(width)])

    # Entries of L^-1 are at most 16, so those of its product with them at most 32.
    rotated = factors.rows.dot(part.reshape(p, 1), F).reshape(p).bounded(int(33 * 2**F))
    inflated, small = _inflated(rotated, factors, moments.inverse, leading)
    defined = near & small if fits else near & constant(near.run, np.asarray(False))
    return Far(g, scaled, leading, exponent, inflated, defined)


@dataclass
class Constant:
    """b0 = mantissa * 2^power, in units of the response.

    inflated, exponent, defined   as `Far` has them
    """

    mantissa: SecretArray
    power: SecretArray
    inflated: SecretArray
    exponent: SecretArray
    defined: SecretArray


def constant_term(moments: JointMoments, spread: Scaled, factors: Factors, slopes: SecretArray) -> Constant:
    """The constant term of the regression with these factors, and slopes of the scaled columns (`Fit`).

    Undefined  as `far`
    Error      2^-28 sqrt(rows / (1 - R^2)) standard errors (those of slopes, and 2^-32 of 2^T), and relative 2^-29
    Rounds     about 60, beside the variance inflation
    """
    p = len(factors.mantissa)
    away = far(moments, spread, factors)
    width = away.size.width

    # b0 / deviation_y * 2^a = g_y - 2^T sum c_j (g / 2^T)_j
    frac = min(_MOST, 53 - (width - _FRAC))
    slope = precise_product(slopes, away.scaled).sum().cut(frac).bounded(int(36 * 2**frac))
    shifted = slope.times(away.size.table([1 << max(i + 1 - _FRAC, 0) for i in range(width)]))
    b0 = away.g[p].cut(frac) - shifted.rescaled(frac)
    parts = normal(b0, 30)
    mantissa = where(parts.negative, -parts.mantissa, parts.mantissa)
    power = parts.exponent.table([i + 1 - frac for i in range(parts.exponent.width)]) - spread.shift[p]
    return Constant(mantissa, power, away.inflated, away.exponent, away.defined)


def _shift_at_most(spread: Scaled, j: int, most: int) -> SecretArray:
    """Bit: 2^a of column j, which is 1 / deviation up to a factor of two, is at most 2^most."""
    position = next(i for i, a in enumerate(spread.shifts) if a <= most)
    return spread.leading.reaches(position)[j]


def _inflated(
    rotated: SecretArray, factors: Factors, inverse: SecretArray, size: Exponent
) -> tuple[SecretArray, SecretArray]:
    """4^-T / q + sum_k rotated_k^2 / pivot_k, 26 fraction bits; and the bit that the sum and its parts keep their
    limits.

    The sum is at least 2^-12: 1 + sum |g_j| is more than half of 2^T, and no eigenvalue of R exceeds p <= 16.
    """
    p = len(rotated)
    frac = INVERSE + INTERCEPT_BITS
    near = (concatenate([rotated, -rotated]) <= _ENTRY).all()
    rotated = where(near.broadcast_to((p,)), rotated, 0).bounded(int(_ENTRY * 2**F) + 1)
    squares = rotated.product(rotated, 40).times(factors.power).cut(frac)
    terms = squares.product(factors.mantissa.cut(24), frac)
    scale = [2 * (i + 1 - _FRAC) for i in range(size.width)]
    whole = size.table([1 << (frac - s) if 0 <= s <= frac else 0 for s in scale])
    total = terms.sum() + inverse.product(whole.rescaled(frac), frac)
    small = (total <= _LIMIT) & (total >= 2.0**-13)
    return where(small, total, 1.0).bounded(int(_LIMIT * 2**frac) + 1), near & small
