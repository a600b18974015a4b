"""Ordinary least squares on columns whose rows are split between owners.

All is computed from the correlations of predictors and response, which are standardised inside. For a slope, two
numbers are opened: t = coefficient / standard error, which has a bound; and the standard error, with 31 significant
bits and a power of two. So neither loses digits to the scales of columns, and the coefficient is their product. The
constant term and its standard error are both opened with a power of two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import behind, complete
from mpc.tables.private import PrivateArray
from mpc.untyped import Json
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, concatenate, where
from protocols.numeric.normalize import Exponent, F, leading_bit
from protocols.numeric.roots import even_exponent, roots
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics import arguments
from protocols.statistics.constant_term import INTERCEPT_BITS, constant_term
from protocols.statistics.correlations import Correlated, standardise
from protocols.statistics.floating import floating
from protocols.statistics.held import held
from protocols.statistics.ldl import ENTRY, INVERSE, Factors, factor, inflation
from protocols.statistics.moments import WIDE

#: Fraction bits of the unexplained part, in units of 4^-a_y (`Scaled`); below 4^-_FIT it has too few digits.
_FINE, _FIT = 36, 11
#: A column with a spread below 2^-30, in units u of its range, would cause errors above the stated ones.
SPREAD_BITS = 30
_FEW = "not more rows than coefficients"
_LITTLE = f"a column {TOO_LITTLE}"
_COLLINEAR = "predictors nearly collinear"
_GOOD = "R squared above 0.999999, more digits than this computation has"
#: Fraction bits of slopes; of the gaps times slopes; of the square of an inverse root.
_SLOPE, _PART, _SQUARE = 24, 44, 24
_FAR = "a predictor's mean is too far from 0, or the predictors nearly collinear there"


def ols(response: PrivateArray, predictors: Sequence[PrivateArray] | PrivateArray) -> Result:
    """Linear regression of `response` on a constant and `predictors`, over complete rows. The first term is
    "intercept".

    Opens       number of rows, R^2, t and the standard error of each predictor, the intercept and its standard error;
                the other t, coefficients, p and the 95 % intervals follow from them
    Undefined   with at most as many rows as coefficients; for a column whose deviation is below 2^-16 of its declared
                range; for predictors nearly collinear (a pivot of the standardised cross-products below 2^-7, or a
                variance inflation factor above 128); for 1 - R^2 below 2^-22 to 2^-20. The intercept alone may be
                undefined, too: see `constant_term`
    Error       standard errors: relative 1e-5, and 2^-35 / (1 - R^2), at most 4e-5. Coefficients:
                2^-19 sqrt(rows / (1 - R^2)) standard errors (8e-5 of them for 569 rows and R^2 = 2/3), and for the
                intercept relative 2^-26. R^2: 2^-34
    Protection  the number of complete rows less the number of coefficients must reach the minimum; so must the number
                of complete rows with a flag, without it, and with each of the four combinations of two flags. Else
                everything is suppressed
    Limits      at most 16 predictors
    """
    predictors = arguments.columns("ols", predictors)
    (response,) = arguments.columns("ols", [response])
    p = len(predictors)
    if not 1 <= p <= 16:
        raise ShapeError(f"ols: expected 1 to 16 predictors, got {p}")
    standard = standardise([*predictors, response])
    moments, spread = standard.moments, standard.roots
    factors = factor(standard.matrix)
    inflated, small = inflation(factors)
    constant = constant_term(moments, spread, factors)

    count = moments.count
    degrees = count - (p + 1)
    rows, varies = degrees >= 1, standard.varies(SPREAD_BITS).all()
    regular = factors.regular & small
    unexplained = unexplained_part(standard, factors)
    square = spread.inverse[p].product(spread.inverse[p], _SQUARE, limit=4.1)
    leading = Exponent(unexplained.broadcast_to((_FIT,)) >= np.ldexp(1.0, -2 * np.arange(_FIT, 0, -1)))

    variances = concatenate([inflated.shifted(INVERSE + INTERCEPT_BITS), constant.inflated.reshape(1)])
    t, mantissa, exponent = _scores(
        factors.response.product(-spread.root[p], F, limit=1.01 * ENTRY),
        variances,
        unexplained,
        leading,
        where(rows, degrees, 1),
        moments.source.most_rows,
    )
    slopes = mantissa[:p].product(spread.inverse[:p], F, limit=4.3)
    error, power = floating(
        concatenate([slopes, mantissa[p].reshape(1)]).bounded(int(4.3 * 2**F)),
        exponent
        + concatenate([spread.shift[:p], constant.exponent.reshape(1)])
        - spread.shift[p].broadcast_to((p + 1,)),
    )

    columns_of = [*predictors, response]
    what = complete(columns_of)
    free = Cohort.of(degrees, what=f"residual degrees of freedom of {what}")
    cohorts = (free, *behind(columns_of, moments.rows(what)))
    origin = (f"regression of {response.expression.text} over {what}",)

    def protected(x: SecretArray, *masks: tuple[SecretArray, str]) -> SecretArray:
        x = x.without_mask()
        for bit, why in masks:
            x = x.masked(bit, why)
        return x.standing_on(*cohorts, origin=origin)

    fitted = (rows, _FEW), (varies, _LITTLE), (regular, _COLLINEAR)
    all_defined = rows & varies & regular & leading.nonzero
    slopes_defined = (all_defined, _GOOD)
    constant_defined = ((all_defined & constant.defined), _FAR)
    parts = {
        "observations": protected(count, fitted[0]),
        "r_squared": protected(1 - unexplained.product(square, _FINE, limit=1.01), *fitted),
        "t": protected(t, *fitted, (leading.nonzero, _GOOD)),
        "error": protected(error[:p], slopes_defined),
        "power": protected(power[:p], slopes_defined),
        "intercept": protected(constant.mantissa, constant_defined),
        "intercept power": protected(constant.power, constant_defined),
        "intercept error": protected(error[p], constant_defined),
        "intercept error power": protected(power[p], constant_defined),
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


def unexplained_part(standard: Correlated, factors: Factors) -> SecretArray:
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
    spread = (gap[p] + inner.cut(F + _SLOPE)).cut(_FINE)
    return held(spread, 1 + 2.0**-10).bounded((1 << _FINE) + (1 << 20))


def _scores(
    beta: SecretArray,
    inflated: SecretArray,
    unexplained: SecretArray,
    leading: Exponent,
    degrees: SecretArray,
    most: int,
) -> tuple[SecretArray, SecretArray, SecretArray]:
    """t_j of beta, and mantissa and exponent of sqrt(inflated_j * unexplained / degrees): standard errors of the
    coefficients of standardised columns and, last, of the constant.

    leading  the power of 4 that `unexplained` reaches, at least 4^-11 (else 1)
    most     largest number of degrees of freedom
    """
    p = len(beta)
    frac = inflated.frac + F
    width = 62
    # unexplained = rest / 4^b with rest in [1/4, 1).
    fit = list(range(_FIT))[::-1]
    rest = unexplained.times(leading.table([1 << (2 * b) for b in fit]), bound=(1 << _FINE) + (1 << 20))
    rest = rest.rescaled(_FINE).cut(F, bound=(1 << F) + (1 << 12)) + leading.is_zero()
    rest = rest.bounded((1 << F) + (1 << 12))
    variance = inflated.times(rest.broadcast_to((p + 1,)))
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

    mantissa = root.product(row_inverse.broadcast_to((p + 1,)), F, limit=2.1)
    exponent = half - size.table(shifts) - rows.table(row_back) - leading.table(fit).broadcast_to((p + 1,))
    return t, mantissa, exponent


def columns(coefficient: Json, t: Json, error: Json, df: int) -> dict[str, list[Json]]:
    """The columns of a table of coefficients, from opened coefficients, t and standard errors."""
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
