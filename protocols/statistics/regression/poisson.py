"""Regression of counts with inference, of rows that stay with their owners: Poisson and negative binomial."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mpc.errors import ConfigError, RangeError
from mpc.releases.disclosure import Result
from mpc.releases.study import Study
from mpc.tables.private import PrivateArray, PrivateTable
from protocols.statistics.regression.families import Poisson
from protocols.statistics.regression.negative_binomial import NegativeBinomial
from protocols.statistics.regression.released_steps import STEPS, Fitted, Steps, by_released_steps, chosen


async def poisson(
    outcome: PrivateArray | str,
    predictors: Sequence[PrivateArray] | PrivateTable,
    *,
    exposure: PrivateArray | None = None,
    iterations: int = STEPS,
    steps: Steps = "released",
    study: Study,
    name: str,
) -> Result:
    """Poisson regression of a count on a constant and `predictors`, with a logarithmic link. Rows stay with their
    owners, and the coefficients of each step are releases.

        visits = await st.poisson("visits ~ age + C(arm)", people, exposure=people.years, study=study, name="visits")
        study.release("visits", visits)

    outcome     a column of counts from 0 on; or a formula over the table in place of predictors
    predictors  1 to 16 columns: a list, or the table of a formula. Rows with a missing value do not count
    exposure    a column above 0, such as person-years: the model is of the count per exposure
    iterations  public number of steps: 4 to 40. The first is the constant alone, each other one reads the rows once
    study, name the steps are releases of this study, "name, step 1 of 9" and so on. All organizations that compute must
                be recipients, since all go on from what a step released

    Opens       each step: the coefficients, of which those before the last tell more of the rows than the fit alone
                does. At the end number of rows, sums of the outcome and of the exposure, the standard error of each
                coefficient (of the inverse information), and the sums of y eta, y log y and log y!. z, p, 95 %
                intervals, rate ratios, log-likelihoods, deviance, AIC, BIC and McFadden's R^2 follow from them
    Undefined   with at most as many rows as coefficients; for a predictor whose deviation is below 2^-15 of its
                declared range; for predictors nearly collinear among weighted rows (`ldl`); where all counts are 0;
                where the last step moved a coefficient by more than 1e-3 of its standard error or 1e-4 of itself;
                where a row's mean is above twice the largest declared count; where all means together are below a 64th
                of that. The words say which
    Error       coefficients: a few times 2^-33 sqrt(W) range / deviation of standard errors, for weights that
                add up to W (the sum of the counts): below 1e-6 for 100,000 events and a deviation of a fifth of the
                declared range. Standard errors: relative 1e-6. Log-likelihood: 2^-32 of the declared range of its sums
    Protection  as `ols`: rows less coefficients, rows with and without each flag, at each combination of levels and of
                two flags; and rows with a count above 0. The same for every step, and for the end
    Rounds      a step about 130, and 20 a predictor; the end about 200
    Bytes       from each party, of any number of rows: a step about 12 kB, and 2 kB a predictor
    Equals      statsmodels' `GLM(y, add_constant(X), family=Poisson(), exposure=t).fit()`, `smf.glm`, `Poisson`
    Source      McCullagh and Nelder, Generalized Linear Models, 2nd ed. (1989), sections 2.5 and 6.2
    """
    if chosen("poisson", steps, outcome, predictors) == "secret":
        raise ConfigError("poisson: the rows must stay with their owners, and steps be released: leave out share()")
    return await by_released_steps(
        "poisson", Fitted.of("poisson", outcome, predictors, exposure), Poisson, study, name, iterations
    )


async def negativebinomial(
    outcome: PrivateArray | str,
    predictors: Sequence[PrivateArray] | PrivateTable,
    *,
    alpha: float = 1.0,
    exposure: PrivateArray | None = None,
    iterations: int = 14,
    steps: Steps = "released",
    study: Study,
    name: str,
) -> Result:
    """Negative binomial regression (NB2) of a count, for counts that vary more than Poisson's: their variance is
    mean + alpha mean^2. Rows stay with their owners, and the coefficients of each step are releases.

    alpha   the public dispersion, from 0.001 to 1,000; it is not estimated
    All else is as `poisson` says. Steps of Fisher's scoring come nearer more slowly than there, hence 14 of them. With
    an exposure, there is no log-likelihood of the constant alone

    Equals  statsmodels' `GLM(y, add_constant(X), family=NegativeBinomial(alpha=alpha), exposure=t).fit()`
    Source  Hilbe, Negative Binomial Regression, 2nd ed. (2011), chapter 8
    """
    if not 1e-3 <= alpha <= 1e3:
        raise RangeError(f"negativebinomial: alpha={alpha!r}; expected 0.001 to 1000")
    if chosen("negativebinomial", steps, outcome, predictors) == "secret":
        raise ConfigError("negativebinomial: the rows must stay with their owners: leave out share()")
    model = Fitted.of("negativebinomial", outcome, predictors, exposure)
    family = partial(NegativeBinomial, alpha=float(alpha))
    return await by_released_steps("negativebinomial", model, family, study, name, iterations)
