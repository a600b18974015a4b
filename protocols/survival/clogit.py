"""Conditional logistic regression of matched sets in shared rows: Newton's method in secret."""

from __future__ import annotations

from mpc.errors import ShapeError
from mpc.releases.disclosure import Result
from mpc.tables.secret_columns import SecretCategory
from mpc.values.people import need_same_people
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray
from protocols.models.rows import Columns
from protocols.survival.proportional import STEPS, Words, beginning, fitted, levels_of
from protocols.survival.risk_sets import HIGHEST

_WORDS = Words(
    few="not more cases than coefficients",
    far=f"a row's log odds are more than {HIGHEST:g} from those of the mean, as where a predictor nearly separates "
    "cases from the others of their sets; or odds vary too much",
    moving="not converged: a predictor nearly separates cases from the others of their sets, or predictors are nearly "
    "collinear, or more iterations are needed",
    ratio="odds_ratio",
)
_SEVERAL = "a set has more than one case"


async def clogit(
    case: SecretArray, predictors: Columns, sets: SecretArray | SecretCategory, *, iterations: int = STEPS
) -> Result:
    """Conditional logistic regression: cases beside the others of their matched set, all in secret.

    case         a flag of shared rows; each set has one case at most, and any number of others
    predictors   1 to 20 columns of the same rows, as `cox` has them
    sets         whole numbers, a category or a flag that tell which rows belong together. The rows of a set may come
                 from several organizations, in any order
    iterations   public number of steps of Newton's method, from all coefficients 0: 4 to 20

    Opens       number of rows and of cases; of each predictor z = coefficient / standard error, and the standard error;
                the log-likelihoods of the model and of no predictors. p, 95 % intervals and odds ratios follow. No
                number of a set
    Undefined   where a set has more than one case; where no set has a case and others, predictors are said to be
                nearly collinear; else as `cox`
    Error, Protection, Limits   as `cox`
    Rounds, Bytes   as `cox` within strata
    Equals      statsmodels' `ConditionalLogit(case, X, groups=sets).fit()` where each set has one case; R's `clogit`
    Source      Breslow and Day, Statistical Methods in Cancer Research I (1980), chapter 7; Cox, JRSS B 34 (1972)
    """
    design = beginning("clogit", predictors, iterations)
    if not isinstance(case, SecretArray) or case.shape != (design.rows,) or not is_flag(case):
        raise ShapeError(f"clogit: case is {case!r}; expected a flag of the predictors' {design.rows} places")
    need_same_people(case.basis.places, design.basis.places)
    keys = [levels_of("clogit", "sets", sets, design)]
    return await fitted(
        _WORDS, "conditional logistic regression", design, case.numeric(), keys, iterations, stratified=True,
        alone=_SEVERAL,
    )  # fmt: skip
