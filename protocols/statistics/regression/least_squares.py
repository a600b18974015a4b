"""Least squares in secret from the factors of standardised columns: slopes, what they leave, standard errors."""

from __future__ import annotations

from dataclasses import dataclass

from mpc.values.secret import SecretArray, concatenate, where
from protocols.numeric.normalize import Exponent, F, leading_bit
from protocols.numeric.roots import even_exponent, roots
from protocols.statistics.held import held
from protocols.statistics.limits import within
from protocols.statistics.moments.correlations import Standardised
from protocols.statistics.moments.moments import WIDE
from protocols.statistics.regression.ldl import ENTRY, Factors

#: Fraction bits of the unexplained part, in units of 4^-a_y (`Scaled`); below 4^-FIT it has too few digits.
FINE, FIT = 36, 11
#: Fraction bits of slopes before the step, and after it; of the gaps times slopes.
_SLOPE, REFINED, _PART = 24, 34, 44
#: A step is in units of 2^-_SCALE, and has _DIGITS fraction bits; of rows of L^-1 as many as leave room.
_SCALE, _DIGITS, _ROW = 14, 24, 20
#: Largest part of a step, and of N (gap / root).
_STEP, _ROTATED = 16.0, 16.0


@dataclass
class Fit:
    """unexplained  (1 - R^2) C_yy with FINE fraction bits, C being the scaled spread
    slopes  (p,) of the scaled columns, REFINED fraction bits: C_xy = C_xx slopes up to 2^-33
    """

    unexplained: SecretArray
    slopes: SecretArray


def least_squares(standard: Standardised, factors: Factors) -> Fit:
    """Slopes, and what they leave unexplained. Slopes from factors of 28 fraction bits leave gaps C_xy - C_xx slopes
    that are known with 52 fraction bits; one step of Newton's method closes them (iterative refinement).

    The last pivot of the matrix, with 28 fraction bits, lacks digits of the unexplained part of a good fit. For slopes
    c it is the minimum of C_yy - 2 c C_xy + c C_xx c, so an error of the slopes counts only by its square. With v = C c
    it is C_yy - v_y + c (v_x - C_xy), and v_x - C_xy nearly vanishes: differences of numbers with 52 fraction bits, and
    a small term.

    Error   of slopes 2^-32, and 2^-18 of what the step adds; of the unexplained part 2^-35: for predictors that are not
            collinear (`Factors.regular`). C_yy for others
    Source  Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. (2002), chapter 12
    """
    p = len(factors.mantissa)
    roots, wide = standard.roots, standard.scaled
    ratio = roots.root[p].broadcast_to((p,)).product(roots.inverse[:p], _SLOPE, limit=2.1)
    # A slope of standardised columns is an entry of L^-1, hence at most 16; 0 where the factors are not regular.
    slope = factors.response.product(ratio, _SLOPE, limit=2.1 * ENTRY)
    high = wide.cut(F)
    low = (wide - high.shifted(WIDE)).bounded(wide.run.engine.rounding << (WIDE - F))
    column = slope.reshape(p, 1)
    # |(C c)_i|^2 <= C_ii (c C c), and c C c is the explained part: at most 1, and a little for errors of the slopes.
    product = high[:, :p].dot(column, F + _SLOPE, bound=2 << (F + _SLOPE))
    product = product + low[:, :p].dot(column, F + _SLOPE)
    # The response's row of L^-1 has minus the slopes.
    gap = (product.reshape(p + 1) + wide[p].cut(F + _SLOPE)).bounded(3 << (F + _SLOPE))
    # Errors of regular factors are below 2^-14, so the gaps are below 2^-8. If factors are not regular, slopes are 0.
    inner = gap[:p].cut(_PART).product(slope.cut(_SLOPE - 4), _PART, limit=2.0**-3).sum()
    spread = (gap[p] + inner.cut(F + _SLOPE)).cut(FINE)
    unexplained = held(spread, 1 + 2.0**-10).bounded((1 << FINE) + (1 << 20))
    step = _step(gap[:p], roots.inverse[:p], factors)
    more = step.product(roots.inverse[:p], F, limit=2.05 * _STEP).rescaled(F + _SCALE).cut(REFINED)
    slopes = (more - slope.shifted(REFINED)).bounded(int(2.2 * ENTRY * 2**REFINED))
    return Fit(unexplained, slopes)


def _step(gap: SecretArray, inverse: SecretArray, factors: Factors) -> SecretArray:
    """R^-1 (gap / root), for correlations R, in units of 2^-_SCALE: what is missing of the slopes of standardised
    columns. 0 where it, or what it is computed from, is beyond its limit.

    R^-1 = N^T D^-1 N, with the rows N of L^-1 and the pivots D.
    """
    p = len(gap)
    short, gap = within(gap, 2.0**-_SCALE)
    rest = gap.rescaled(gap.frac - _SCALE).cut(F, bound=(1 << F) + 2).product(inverse, F, limit=2.05)
    rows = factors.rows.cut(_ROW).bounded(int(ENTRY * 2**_ROW) + 2)
    rotated = rows.dot(rest.reshape(p, 1), _DIGITS).reshape(p)
    fits, rotated = within(rotated, _ROTATED)
    lifted = rotated.product(factors.mantissa, _DIGITS, limit=2.05 * _ROTATED).times(factors.power)
    small, lifted = within(lifted, _STEP)
    step = rows.T.dot(lifted.reshape(p, 1), _DIGITS).reshape(p)
    inside, step = within(step, _STEP)
    good = factors.regular & concatenate([short, fits, small, inside]).all()
    return where(good.broadcast_to((p,)), step, 0).bounded(int(_STEP * 2**_DIGITS) + 1)


def standard_errors(
    inflated: SecretArray, unexplained: SecretArray, leading: Exponent, degrees: SecretArray, most: int
) -> tuple[SecretArray, SecretArray]:
    """Mantissa and exponent of sqrt(inflated_j * unexplained / degrees): standard errors of the coefficients of
    standardised columns and, last, of the constant and of the mean of residuals.

    leading  the power of 4 that `unexplained` reaches, at least 4^-11 (else 1)
    most     largest number of degrees of freedom
    """
    k = len(inflated)
    frac = inflated.frac + F
    width = 62
    # unexplained = rest / 4^b with rest in [1/4, 1).
    fit = list(range(FIT))[::-1]
    rest = unexplained.times(leading.table([1 << (2 * b) for b in fit]), bound=(1 << FINE) + (1 << 20))
    rest = rest.rescaled(FINE).cut(F, bound=(1 << F) + (1 << 12)) + leading.is_zero()
    rest = rest.bounded((1 << F) + (1 << 12))
    variance = inflated.times(rest.broadcast_to((k,)))
    size = leading_bit(variance, width)
    shifts = [min(a, 15) for a in even_exponent(width)[0]]
    normal = variance.times(size.table([1 << (2 * a) for a in shifts]), bound=(1 << width) - 1)
    normal = normal.rescaled(width).cut(F) + size.is_zero()
    root, _ = roots(normal.bounded(1 << F))
    # variance = normal * 2^width / 4^a / 2^frac; its root: root * 2^(half - a).
    half = (width - frac) // 2

    bits = int(most).bit_length()
    rows = leading_bit(degrees.bounded(most), bits)
    row_shifts, row_back = even_exponent(bits)
    row_top = (bits + 1) // 2
    row_normal = degrees.times(rows.table([1 << (2 * a) for a in row_shifts]), bound=1 << (2 * row_top))
    row_normal = row_normal.rescaled(2 * row_top).cut(F).bounded(1 << F)
    _, row_inverse = roots(row_normal)

    mantissa = root.product(row_inverse.broadcast_to((k,)), F, limit=2.1)
    exponent = half - size.table(shifts) - rows.table(row_back) - leading.table(fit).broadcast_to((k,))
    return mantissa, exponent
