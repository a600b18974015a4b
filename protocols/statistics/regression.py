"""Ordinary least squares on columns whose rows are split between owners.

Everything is computed from correlations: of predictors and response, standardised inside. Coefficients come out as
t = coefficient / standard error (which has a bound) and the standard error as a number with 31 significant bits and
a power of two, so that neither loses digits to the columns' scales; the coefficient is their product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.disclosure import Opened, Result
from mpc.errors import ShapeError
from mpc.private import PrivateArray
from mpc.secret import SecretArray, where
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.roots import even_exponent, inverse_root
from protocols.statistics.correlations import standardise
from protocols.statistics.ldl import INVERSE, factor, inflation

#: 1 - R^2 below which a fit counts as exact: its standard errors would be rounding errors.
EXACT_FIT_BITS = 10
_NO_FIT = "too few rows, or a column that does not vary"
_COLLINEAR = "predictors nearly collinear"
_EXACT = "the fit is exact"


def ols(response: PrivateArray, predictors: Sequence[PrivateArray]) -> Result:
    """Linear regression of `response` on `predictors` and a constant, over complete rows.

    Opens       number of rows, R^2, and per predictor t and the standard error; coefficients, p and the 95 % intervals
                follow from them
    Undefined   predictors nearly collinear (a pivot of the standardised cross-products below 2^-7, or a variance
                inflation factor above 128); fit exact (1 - R^2 < 2^-10); not more rows than coefficients
    Error       standard errors 1e-6 relative, coefficients 1e-5 standard errors
    Protection  fewer complete rows than the minimum suppress everything
    Limits      at most 16 predictors
    """
    p = len(predictors)
    if not 1 <= p <= 16:
        raise ShapeError(f"ols: between 1 and 16 predictors, not {p}")
    standard = standardise([*predictors, response])
    moments, roots = standard.moments, standard.roots
    factors = factor(standard.matrix)
    inflated, small = inflation(factors)

    count = moments.count
    degrees = count - (p + 1)
    enough = (degrees >= 1) & roots.positive.all()
    regular = enough & factors.regular & small
    loose = factors.last >= 2.0**-EXACT_FIT_BITS
    proper = regular & loose
    unexplained = where(loose, factors.last, 1.0).bounded((1 << F) + (1 << 12))

    t, mantissa, exponent = _scores(
        -factors.inverse[-1], inflated, unexplained, where(degrees >= 1, degrees, 1), moments.source.most_rows
    )
    ratio = roots.root[p].broadcast_to((p,)).product(roots.inverse[:p], F, limit=2.1)
    error, power = _floating(
        mantissa.product(ratio, F, limit=4.3).bounded(int(4.3 * 2**F)),
        exponent + roots.shift[:p] - roots.shift[p].broadcast_to((p,)),
    )
    r_squared = 1 - factors.last

    def protected(x: SecretArray, valid: SecretArray, why: str) -> SecretArray:
        return x.without_mask().masked(valid, why).about(count)

    parts = {
        "observations": protected(count, enough, _NO_FIT),
        "r_squared": protected(r_squared, regular, _COLLINEAR),
        "t": protected(t, proper, _EXACT),
        "error": protected(error, proper, _EXACT),
        "power": protected(power, proper, _EXACT),
    }
    terms = [predictor.name for predictor in predictors]
    units = [moments.exponent[p] - moments.exponent[j] for j in range(p)]

    def finish(opened: Mapping[str, Opened]) -> Any:
        for part in opened.values():
            if not part.ok:
                return part.first_problem()
        scale = np.ldexp(1.0, units) * np.ldexp(opened["error"].values, opened["power"].values.astype(int))
        n = int(opened["observations"].values)
        return {"terms": terms, **table(opened["t"].values, scale, float(opened["r_squared"].values), n)}

    return Result("regression", parts, finish, together=True)


def _scores(
    beta: SecretArray, inflated: SecretArray, unexplained: SecretArray, degrees: SecretArray, most: int
) -> tuple[SecretArray, SecretArray, SecretArray]:
    """t_j, and the mantissa and exponent of sqrt(inflated_j * unexplained / degrees): the standard error of a
    standardised coefficient."""
    p = len(beta)
    variance = inflated.times(unexplained.broadcast_to((p,)))
    width = INVERSE + F + 8
    leading = leading_bit(variance, width)
    top = width // 2
    shifts = [min(a, 12) for a in even_exponent(width)[0]]
    normal = variance.times(leading.table([1 << (2 * a) for a in shifts]), bound=1 << width)
    normal = normal._new(normal.handle, frac=width, type="fixed").cut(F) + leading.is_zero()
    normal = normal.bounded(1 << F)
    inverse = inverse_root(normal)
    root = normal.product(inverse, F, limit=1.01)
    # variance = normal * 2^width / 4^a / 2^(INVERSE + F); its root: root * 2^(4 - a), 4 = top - (INVERSE + F) / 2.
    half = top - (INVERSE + F) // 2

    bits = int(most).bit_length()
    rows = leading_bit(degrees.bounded(most), bits)
    row_shifts, row_back = even_exponent(bits)
    row_top = (bits + 1) // 2
    row_normal = degrees.times(rows.table([1 << (2 * a) for a in row_shifts]), bound=1 << (2 * row_top))
    row_normal = row_normal._new(row_normal.handle, frac=2 * row_top, type="fixed").cut(F).bounded(1 << F)
    row_inverse = inverse_root(row_normal)
    row_root = row_normal.product(row_inverse, F, limit=1.01)

    # |beta_j| <= sqrt(inflated_j) and unexplained >= 2^-10, so |beta_j| / sqrt(variance_j) <= 2^5.
    partial = beta.product(inverse, F, limit=34.0).times(
        leading.table([1 << a for a in shifts]), bound=40 << (F + half)
    )
    partial = partial._new(partial.handle, frac=F + half, type="fixed").cut(24, bound=40 << 24)
    t = partial.product(row_root.broadcast_to((p,)), 24, limit=40.5)
    t = t.times(rows.table([1 << b for b in row_back]).broadcast_to((p,)))
    t = t._new(t.handle, frac=24, type="fixed")

    mantissa = root.product(row_inverse.broadcast_to((p,)), F, limit=2.1)
    exponent = half - leading.table(shifts) - rows.table(row_back)
    return t, mantissa, exponent


def _floating(x: SecretArray, exponent: SecretArray) -> tuple[SecretArray, SecretArray]:
    """x * 2^exponent with x in [2^-4, 8) normalised to [1, 2) with 30 fraction bits: a function of the value alone."""
    width = F + 3
    leading = leading_bit(x, width)
    shifts = [min(width - 1 - j, 10) for j in range(width)]
    mantissa = x.times(leading.table([1 << s for s in shifts]), bound=1 << width)
    normal = mantissa._new(mantissa.handle, frac=width - 1, type="fixed")
    return normal, exponent - leading.table(shifts) + (width - 1 - F)


def table(t: Any, error: Any, r_squared: float, n: int) -> dict[str, Any]:
    """Coefficients, p and intervals from opened t and standard errors."""
    from scipy import special  # scipy.stats takes a second to import

    t, error = np.asarray(t, np.float64), np.asarray(error, np.float64)
    df = n - len(t) - 1
    coefficient = t * error
    reach = special.stdtrit(df, 0.975) * error
    return {
        "coefficient": coefficient.tolist(),
        "standard_error": error.tolist(),
        "t": t.tolist(),
        "p": (2 * special.stdtr(df, -np.abs(t))).tolist(),
        "ci_low": (coefficient - reach).tolist(),
        "ci_high": (coefficient + reach).tolist(),
        "r_squared": r_squared,
        "observations": n,
        "residual_df": df,
    }
