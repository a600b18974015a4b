"""Ordinary least squares on columns whose rows are split between owners.

All is computed from the correlations of predictors and response, which are standardised inside. Coefficients and
standard errors are opened with 30 significant bits and a power of two, so that neither loses digits to the scales of
columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import at_levels, behind, complete, weighing
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.untyped import Json
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, concatenate, where
from mpc.values.wide_products import precise_product
from protocols.numeric.division import normal
from protocols.numeric.normalize import Exponent, F
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics import arguments
from protocols.statistics.floating import floating
from protocols.statistics.limits import Reason, defined
from protocols.statistics.moments.correlations import standardise
from protocols.statistics.regression import terms
from protocols.statistics.regression.constant_term import INTERCEPT_BITS, constant_term
from protocols.statistics.regression.formulas import CONSTANT, Term, private_model
from protocols.statistics.regression.ldl import INVERSE, factor, inflation
from protocols.statistics.regression.least_squares import FINE, FIT, REFINED, least_squares, standard_errors

#: A column with a spread below 2^-30, in units u of its range, would cause errors above the stated ones.
SPREAD_BITS = 30
_FEW = "not more rows than coefficients"
_LIGHT = "all weights together are less than a 64th of the largest declared one"
_LITTLE = f"a column {TOO_LITTLE}"
_COLLINEAR = "predictors nearly collinear"
_GOOD = "R squared above 0.999999, more digits than this computation has"
#: Fraction bits of the mantissas of coefficients.
_COEFFICIENT = 30
_FAR = "a predictor's mean is too far from 0, or the predictors nearly collinear there"


def ols(
    response: PrivateArray | str,
    predictors: Sequence[PrivateArray] | PrivateArray | PrivateTable = (),
    *,
    data: PrivateTable | None = None,
    weights: PrivateArray | None = None,
) -> Result:
    """Linear regression of `response` on a constant and `predictors`, over complete rows. The first term is the
    constant.

    response    a column; or a formula over the table `data`: `st.ols("y ~ C(arm) + baseline", data=table)`. Terms then
                have the names of statsmodels, and each is tested
    predictors  columns; of a formula the table, in place of `data`
    weights     of weighted least squares: a column of numbers from 0 on, such as 1 / variance of the response

    Opens       number of rows, R^2, coefficient and standard error of each predictor, the intercept and its standard
                error, the residual standard error; of a term of several columns the part of the variance that it
                explains beside the others. t, p, the 95 % intervals, F, the log-likelihood, AIC and BIC follow from
                them
    Undefined   with at most as many rows as coefficients; for a column whose deviation is below 2^-16 of its declared
                range; for predictors nearly collinear (a pivot of the standardised cross-products below 2^-7, or a
                variance inflation factor above 128); for 1 - R^2 below 2^-22 to 2^-20. The intercept alone may be
                undefined, too: see `constant_term`
    Error       standard errors: relative 1e-5, and 2^-35 / (1 - R^2), at most 4e-5. Coefficients:
                2^-28 sqrt(rows / (1 - R^2)) standard errors (2e-7 of them for 569 rows and R^2 = 2/3), and relative
                2^-29; of the intercept, more where means are many deviations from 0. R^2: 2^-34, and (1 - R^2) 2^-25
    Protection  the number of complete rows less the number of coefficients must reach the minimum; so must the number
                of complete rows with a flag, without it, and with each of the four combinations of two flags; of a
                formula, with each combination of levels (or intervals between knots) of the factors of a term, and
                of levels of two factors; and rows with a weight above 0. Else everything is suppressed
    Weights     where all together are less than a 64th of the largest declared one (up to a factor of 2), the result
                is undefined. With weights there is no log-likelihood, AIC or BIC
    Rounds      about 170, and 16 a predictor
    Bytes       from each party, of any number of rows: about 60 kB for three predictors, 130 kB for ten, and 180 kB for
                the formula "y ~ C(arm)*sex + base" with three arms
    Limits      at most 16 predictors, of a formula columns
    Equals      statsmodels' `OLS(y, add_constant(X)).fit()`, `smf.ols(formula, data).fit()`, of terms
                `wald_test_terms`; with weights `WLS` and `smf.wls`
    Source      Searle, Linear Models (1971), chapters 3 and 5
    """
    if isinstance(response, str):
        model = private_model("ols", response, predictors if data is None else data)
        groups = [[f.column if f.bins is None else f.bins for f in group] for group in model.groups]
        return _fitted(model.response, model.columns, CONSTANT, model.terms, groups, weights)
    if data is not None:
        raise ShapeError('ols: data= is for a formula: st.ols("y ~ C(arm) + baseline", data=table)')
    if isinstance(predictors, PrivateTable):
        predictors = list(predictors)
    (response,) = arguments.columns("ols", [response])
    return _fitted(response, arguments.columns("ols", predictors), "intercept", None, (), weights)


def _fitted(
    response: PrivateArray,
    predictors: Sequence[PrivateArray],
    constant_name: str,
    by_term: Sequence[Term] | None,
    groups: Sequence[Sequence[PrivateArray]],
    weights: PrivateArray | None,
) -> Result:
    p = len(predictors)
    if not 1 <= p <= 16:
        raise ShapeError(f"ols: expected 1 to 16 predictors, got {p}")
    standard = standardise([*predictors, response], weights)
    moments, spread = standard.moments, standard.roots
    factors = factor(standard.matrix)
    inflated, small = inflation(factors)
    fit = least_squares(standard, factors)
    constant = constant_term(moments, spread, factors, fit.slopes)

    count = moments.count
    degrees = count - (p + 1)
    rows, varies = degrees >= 1, standard.varies(SPREAD_BITS).all()
    regular = factors.regular & small
    unexplained = fit.unexplained
    left = precise_product(precise_product(unexplained, spread.inverse[p]), spread.inverse[p])
    leading = Exponent(unexplained.broadcast_to((FIT,)) >= np.ldexp(1.0, -2 * np.arange(FIT, 0, -1)))

    several = terms.explained(standard.matrix, terms.of_several(by_term or (), p))
    # Spreads are sums of squares times v / 2^w (`JointMoments`).
    odd, half = moments.unit
    variances = concatenate([inflated.shifted(INVERSE + INTERCEPT_BITS), constant.inflated.reshape(1), odd.reshape(1)])
    free_rows = where(rows, degrees, 1)
    mantissa, exponent = standard_errors(variances, unexplained, leading, free_rows, moments.source.most_rows)
    slopes = mantissa[:p].product(spread.inverse[:p], F, limit=4.3)
    error, power = floating(
        concatenate([slopes, mantissa[p:]]).bounded(int(4.3 * 2**F)),
        exponent
        + concatenate([spread.shift[:p], constant.exponent.reshape(1), half.reshape(1)])
        - spread.shift[p].broadcast_to((p + 2,)),
    )
    coefficient = normal(fit.slopes, _COEFFICIENT)
    signed = where(coefficient.negative, -coefficient.mantissa, coefficient.mantissa)
    coefficient_power = coefficient.exponent.table([i + 1 - REFINED for i in range(coefficient.exponent.width)])
    coefficient_power = coefficient_power + spread.shift[:p] - spread.shift[p].broadcast_to((p,))

    columns_of = [*predictors, response, *([] if weights is None else [weights])]
    what = complete(columns_of)
    free = Cohort.of(degrees, what=f"residual degrees of freedom of {what}")
    cohorts = (free, *behind(columns_of, moments.rows(what)), *at_levels(columns_of, groups))
    if weights is not None:
        cohorts += weighing(columns_of, weights)
    origin = (f"regression of {response.expression.text} over {what}",)

    def protected(x: SecretArray, *reasons: Reason) -> SecretArray:
        return defined(x, *reasons).standing_on(*cohorts, origin=origin)

    heavy = rows if weights is None else rows & moments.nonempty
    fitted = (rows, _FEW), (heavy, _LIGHT), (varies, _LITTLE), (regular, _COLLINEAR)
    all_defined = heavy & varies & regular & leading.nonzero
    slopes_defined = (all_defined, _GOOD)
    constant_defined = ((all_defined & constant.defined), _FAR)
    parts = {
        "observations": protected(count, fitted[0]),
        "r_squared": protected(1 - left.cut(FINE).bounded(int(1.01 * 2**FINE)), *fitted),
        "coefficient": protected(signed, slopes_defined),
        "coefficient power": protected(coefficient_power, slopes_defined),
        "error": protected(error[:p], slopes_defined),
        "error power": protected(power[:p], slopes_defined),
        "intercept": protected(constant.mantissa, constant_defined),
        "intercept power": protected(constant.power, constant_defined),
        "intercept error": protected(error[p], constant_defined),
        "intercept error power": protected(power[p], constant_defined),
        "residual": protected(error[p + 1], slopes_defined),
        "residual power": protected(power[p + 1], slopes_defined),
    }
    if several is not None:
        part, part_power, part_regular = several
        explained_defined = ((all_defined & part_regular), _COLLINEAR)
        parts["explained"] = protected(part, *fitted, explained_defined)
        parts["explained power"] = protected(part_power, *fitted, explained_defined)
    names = [constant_name, *(predictor.name for predictor in predictors)]
    unit = moments.exponent[p]
    units = [unit - moments.exponent[j] for j in range(p)]

    def finish(opened: Mapping[str, Opened]) -> Any:
        for name, opened_part in opened.items():
            if not name.startswith("intercept") and not opened_part.ok:
                return opened_part.first_problem()

        def number(name: str, units: Any) -> Any:
            return np.ldexp(opened[name].values, opened[f"{name} power"].values.astype(int) + units)

        n, r_squared = int(opened["observations"].values), float(opened["r_squared"].values)
        b, e = number("coefficient", units), number("error", units)
        t = b / np.where(e, e, np.nan)
        slopes = columns(b, t, e, n - p - 1)
        problem = opened["intercept"].first_problem()
        if problem is None:
            b, e = number("intercept", unit), number("intercept error", unit)
            first = columns(b.reshape(1), (b / e).reshape(1) if e else np.zeros(1), e.reshape(1), n - p - 1)
        else:
            first = {key: [problem] for key in slopes}
        table = {name: first[name] + slopes[name] for name in slopes}
        found = {"terms": names, **table, **terms.summary(opened, r_squared, n, p, unit)}
        if weights is not None:
            found = terms.of_weights(found, moments.weight_exponent)
        if by_term is not None:
            found["tests"] = terms.tests(by_term, t, opened, r_squared, n - p - 1)
        return {**found, "observations": n, "residual_df": n - p - 1}

    return Result("regression", parts, finish, together=True)


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
