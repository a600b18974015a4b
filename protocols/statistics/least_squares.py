"""Least squares in secret, from the factors of standardised columns: what stays unexplained, t, and standard errors."""

from __future__ import annotations

from mpc.values.secret import SecretArray
from protocols.numeric.normalize import Exponent, F, leading_bit
from protocols.numeric.roots import even_exponent, roots
from protocols.statistics.correlations import Standardised
from protocols.statistics.held import held
from protocols.statistics.ldl import ENTRY, Factors
from protocols.statistics.moments import WIDE

#: Fraction bits of the unexplained part, in units of 4^-a_y (`Scaled`); below 4^-FIT it has too few digits.
FINE, FIT = 36, 11
#: Fraction bits of slopes; of the gaps times slopes.
_SLOPE, _PART = 24, 44


def unexplained_part(standard: Standardised, factors: Factors) -> SecretArray:
    """(1 - R^2) C_yy with 36 fraction bits, C being the scaled spread. The last pivot of the matrix, with 28 fraction
    bits, lacks digits of it for a good fit.

    For slopes c of the scaled columns it is the minimum of C_yy - 2 c C_xy + c C_xx c, so an error of the slopes counts
    only by its square. With v = C c it is C_yy - v_y + c (v_x - C_xy), and v_x - C_xy nearly vanishes: differences of
    numbers with 52 fraction bits, and a small term.

    Error  2^-35 for predictors that are not collinear (`Factors.regular`); C_yy for others
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
    # Slopes are minus the response's row of L^-1.
    gap = (product.reshape(p + 1) + wide[p].cut(F + _SLOPE)).bounded(3 << (F + _SLOPE))
    # Errors of regular factors are below 2^-14, so the gaps are below 2^-8. If factors are not regular, slopes are 0.
    inner = gap[:p].cut(_PART).product(slope.cut(_SLOPE - 4), _PART, limit=2.0**-3).sum()
    spread = (gap[p] + inner.cut(F + _SLOPE)).cut(FINE)
    return held(spread, 1 + 2.0**-10).bounded((1 << FINE) + (1 << 20))


def scores(
    beta: SecretArray,
    inflated: SecretArray,
    unexplained: SecretArray,
    leading: Exponent,
    degrees: SecretArray,
    most: int,
) -> tuple[SecretArray, SecretArray, SecretArray]:
    """t_j of beta, and mantissa and exponent of sqrt(inflated_j * unexplained / degrees): standard errors of the
    coefficients of standardised columns and, last, of the constant and of the mean of residuals.

    leading  the power of 4 that `unexplained` reaches, at least 4^-11 (else 1)
    most     largest number of degrees of freedom
    """
    p, k = len(beta), len(inflated)
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
    root, inverse = roots(normal.bounded(1 << F))
    # variance = normal * 2^width / 4^a / 2^frac; its root: root * 2^(half - a).
    half = (width - frac) // 2

    bits = int(most).bit_length()
    rows = leading_bit(degrees.bounded(most), bits)
    row_shifts, row_back = even_exponent(bits)
    row_top = (bits + 1) // 2
    row_normal = degrees.times(rows.table([1 << (2 * a) for a in row_shifts]), bound=1 << (2 * row_top))
    row_normal = row_normal.rescaled(2 * row_top).cut(F).bounded(1 << F)
    row_root, row_inverse = roots(row_normal)

    # |beta_j| <= sqrt(inflated_j) and rest >= 1/4, so |beta_j| / sqrt(variance_j) <= 2.
    up = size.table([1 << a for a in shifts])[:p]
    partial = beta.product(inverse[:p], F, limit=34.0).times(up, bound=3 << (F + half))
    partial = partial.rescaled(F + half).cut(F, bound=3 << F)
    t = partial.product(row_root.broadcast_to((p,)), F, limit=3.1)
    t = t.times(rows.table([1 << b for b in row_back]).broadcast_to((p,)))
    t = t.times(leading.table([1 << b for b in fit]).broadcast_to((p,)))
    t = t.rescaled(F)

    mantissa = root.product(row_inverse.broadcast_to((k,)), F, limit=2.1)
    exponent = half - size.table(shifts) - rows.table(row_back) - leading.table(fit).broadcast_to((k,))
    return t, mantissa, exponent
