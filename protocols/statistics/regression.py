"""Ordinary least squares on columns whose rows are split between owners.

Everything is computed from correlations: of predictors and response, standardised inside. A slope comes out as
t = coefficient / standard error (which has a bound) and its standard error as a number with 31 significant bits and
a power of two, so that neither loses digits to the columns' scales; the coefficient is their product. The constant
term and its standard error both come out with a power of two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.basis import Cohort
from mpc.counts import behind, complete
from mpc.disclosure import Opened, Result
from mpc.errors import ShapeError
from mpc.private import PrivateArray
from mpc.secret import SecretArray, concatenate, where
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.roots import even_exponent, roots
from protocols.statistics.constant_term import INTERCEPT_BITS, constant_term
from protocols.statistics.correlations import standardise
from protocols.statistics.ldl import INVERSE, factor, inflation

#: 1 - R^2 below which a fit counts as exact: its standard errors would be rounding errors.
EXACT_FIT_BITS = 10
_NO_FIT = "too few rows, or a column that does not vary"
_COLLINEAR = "predictors nearly collinear"
_EXACT = "the fit is exact"
_FAR = "a predictor's mean is too far from 0, or the predictors nearly collinear there"


def ols(response: PrivateArray, predictors: Sequence[PrivateArray] | PrivateArray) -> Result:
    """Linear regression of `response` on a constant and `predictors`, over complete rows; the term "intercept" comes
    first.

    Opens       number of rows, R^2, per predictor t and the standard error, the intercept and its standard error;
                the other t, coefficients, p and the 95 % intervals follow from them
    Undefined   predictors nearly collinear (a pivot of the standardised cross-products below 2^-7, or a variance
                inflation factor above 128); fit exact (1 - R^2 < 2^-10); not more rows than coefficients. The
                intercept alone: see `constant_term`
    Error       standard errors 1e-5 relative; coefficients 2^-19 sqrt(rows / (1 - R^2)) standard errors (8e-5 of them
                for 569 rows and R^2 2/3), and 2^-26 of the intercept; R^2 1e-6. Declared ranges up to 100 times too
                wide change nothing; beyond, 2^-55 of the square of a range over its deviation comes to all of them
    Protection  fewer complete rows than the minimum, beyond as many as there are coefficients, suppress everything, and
                so does a flag that fewer have, or have not, and of two flags any of the four combinations
    Limits      at most 16 predictors
    """
    predictors = [predictors] if isinstance(predictors, PrivateArray) else list(predictors)
    p = len(predictors)
    if not 1 <= p <= 16:
        raise ShapeError(f"ols: between 1 and 16 predictors, not {p}")
    standard = standardise([*predictors, response])
    moments, spread = standard.moments, standard.roots
    factors = factor(standard.matrix)
    inflated, small = inflation(factors)
    constant = constant_term(moments, spread, factors)

    count = moments.count
    degrees = count - (p + 1)
    enough = (degrees >= 1) & standard.varies.all()
    regular = enough & factors.regular & small
    loose = factors.last >= 2.0**-EXACT_FIT_BITS
    proper = regular & loose
    unexplained = where(loose, factors.last, 1.0).bounded((1 << F) + (1 << 12))

    variances = concatenate([inflated._shifted(INVERSE + INTERCEPT_BITS), constant.inflated.reshape(1)])
    t, mantissa, exponent = _scores(
        -factors.response, variances, unexplained, where(degrees >= 1, degrees, 1), moments.source.most_rows
    )
    ratio = spread.root[p].broadcast_to((p,)).product(spread.inverse[:p], F, limit=2.1)
    error, power = _floating(
        mantissa.product(concatenate([ratio, spread.root[p].reshape(1)]), F, limit=4.3).bounded(int(4.3 * 2**F)),
        exponent
        + concatenate([spread.shift[:p], constant.exponent.reshape(1)])
        - spread.shift[p].broadcast_to((p + 1,)),
    )

    columns_of = [*predictors, response]
    what = complete(columns_of)
    free = Cohort.of(degrees, what=f"residual degrees of freedom of {what}")
    cohorts = (free, *behind(columns_of, moments.rows(what)))
    origin = (f"regression of {response.expression.text} over {what}",)

    def protected(x: SecretArray, valid: SecretArray, why: str) -> SecretArray:
        return x.without_mask().masked(valid, why).standing_on(*cohorts, origin=origin)

    there = proper & constant.defined
    parts = {
        "observations": protected(count, enough, _NO_FIT),
        "r_squared": protected(1 - factors.last, regular, _COLLINEAR),
        "t": protected(t, proper, _EXACT),
        "error": protected(error[:p], proper, _EXACT),
        "power": protected(power[:p], proper, _EXACT),
        "intercept": protected(constant.mantissa, there, _FAR),
        "intercept power": protected(constant.power, there, _FAR),
        "intercept error": protected(error[p], there, _FAR),
        "intercept error power": protected(power[p], there, _FAR),
    }
    terms = ["intercept", *(predictor.name for predictor in predictors)]
    unit = moments.exponent[p]
    units = [unit - moments.exponent[j] for j in range(p)]

    def finish(opened: Mapping[str, Opened]) -> Any:
        for name in ("observations", "r_squared", "t", "error", "power"):
            if not opened[name].ok:
                return opened[name].first_problem()

        def number(name: str, units: Any) -> Any:
            return np.ldexp(opened[name].values, opened[f"{name} power"].values.astype(int) + units)

        n, r_squared = int(opened["observations"].values), float(opened["r_squared"].values)
        scale = np.ldexp(opened["error"].values, opened["power"].values.astype(int) + units)
        slopes = columns(opened["t"].values * scale, opened["t"].values, scale, n - p - 1)
        problem = opened["intercept"].first_problem()
        if problem is None:
            b, e = number("intercept", unit), number("intercept error", unit)
            first = columns(b.reshape(1), (b / e).reshape(1) if e else np.zeros(1), e.reshape(1), n - p - 1)
        else:
            first = {key: [problem] for key in slopes}
        table = {name: first[name] + slopes[name] for name in slopes}
        return {"terms": terms, **table, "r_squared": r_squared, "observations": n, "residual_df": n - p - 1}

    return Result("regression", parts, finish, together=True)


def _scores(
    beta: SecretArray, inflated: SecretArray, unexplained: SecretArray, degrees: SecretArray, most: int
) -> tuple[SecretArray, SecretArray, SecretArray]:
    """t_j for beta, and the mantissa and exponent of sqrt(inflated_j * unexplained / degrees): the standard errors of
    standardised coefficients and, last, of the constant."""
    p = len(beta)
    frac = inflated.frac + F
    width = 62
    variance = inflated.times(unexplained.broadcast_to((p + 1,)))
    leading = leading_bit(variance, width)
    shifts = [min(a, 15) for a in even_exponent(width)[0]]
    normal = variance.times(leading.table([1 << (2 * a) for a in shifts]), bound=(1 << width) - 1)
    normal = normal._new(normal.handle, frac=width, type="fixed").cut(F) + leading.is_zero()
    root, inverse = roots(normal.bounded(1 << F))
    # variance = normal * 2^width / 4^a / 2^frac; its root: root * 2^(half - a).
    half = (width - frac) // 2

    bits = int(most).bit_length()
    rows = leading_bit(degrees.bounded(most), bits)
    row_shifts, row_back = even_exponent(bits)
    row_top = (bits + 1) // 2
    row_normal = degrees.times(rows.table([1 << (2 * a) for a in row_shifts]), bound=1 << (2 * row_top))
    row_normal = row_normal._new(row_normal.handle, frac=2 * row_top, type="fixed").cut(F).bounded(1 << F)
    row_root, row_inverse = roots(row_normal)

    # |beta_j| <= sqrt(inflated_j) and unexplained >= 2^-10, so |beta_j| / sqrt(variance_j) <= 2^5.
    up = leading.table([1 << a for a in shifts])[:p]
    partial = beta.product(inverse[:p], F, limit=34.0).times(up, bound=40 << (F + half))
    partial = partial._new(partial.handle, frac=F + half, type="fixed").cut(24, bound=40 << 24)
    t = partial.product(row_root.broadcast_to((p,)), 24, limit=40.5)
    t = t.times(rows.table([1 << b for b in row_back]).broadcast_to((p,)))
    t = t._new(t.handle, frac=24, type="fixed")

    mantissa = root.product(row_inverse.broadcast_to((p + 1,)), F, limit=2.1)
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


def columns(coefficient: Any, t: Any, error: Any, df: int) -> dict[str, list[Any]]:
    """What a table of coefficients shows, from opened ones, their t and standard errors."""
    from scipy import special  # scipy.stats takes a second to import

    reach = special.stdtrit(df, 0.975) * error
    return {
        "coefficient": coefficient.tolist(),
        "standard_error": error.tolist(),
        "t": t.tolist(),
        "p": (2 * special.stdtr(df, -np.abs(t))).tolist(),
        "ci_low": (coefficient - reach).tolist(),
        "ci_high": (coefficient + reach).tolist(),
    }
