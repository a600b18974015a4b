"""Cox's proportional hazards model of shared rows with hidden times: Newton's method in secret."""

from __future__ import annotations

from typing import Literal

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Result
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.people import need_same_people
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray
from protocols.models.rows import Columns, Design
from protocols.survival.proportional import STEPS, Words, beginning, fitted, levels_of
from protocols.survival.risk_sets import HIGHEST

_WORDS = Words(
    few="not more events than coefficients",
    far=f"a row's log hazard is more than {HIGHEST:g} from that of the mean, as where a predictor nearly separates "
    "who has the event earlier; or hazards vary too much",
    moving="not converged: a predictor nearly separates who has the event earlier, or predictors are nearly collinear, "
    "or more iterations are needed",
    ratio="hazard_ratio",
)


async def cox(
    time: SecretArray,
    event: SecretArray,
    predictors: Columns,
    *,
    ties: Literal["breslow", "efron"] = "breslow",
    strata: SecretArray | SecretCategory | None = None,
    iterations: int = STEPS,
) -> Result:
    """Cox regression of the hazard of an event on `predictors`: shared rows with hidden exact times, all in secret.

    time, event  columns of shared rows as in `kaplan_meier`: until the event or the end of observation, and a flag
    predictors   1 to 20 columns of the same rows: a table (`rows[["age", "treated"]]`), a dict, or a list; flags and
                 numbers. Rows with a missing value do not count
    ties         events of one time share the risk set of all of them ("breslow"), or leave it one after the other, each
                 as the mean of all ("efron": better where many events have the same time)
    strata       a category, a flag or whole numbers of the same rows, such as the hospital: each stratum has a baseline
                 hazard of its own, and rows are compared within it alone. Rows without it do not count
    iterations   public number of steps of Newton's method, from all coefficients 0: 4 to 20

    Opens       number of rows and of events; of each predictor z = coefficient / standard error, and the standard error
                (of the inverse information at the optimum); the log partial likelihoods of the model and of no
                predictors. p, 95 % intervals, hazard ratios, AIC and the likelihood ratio test follow from them
    Undefined   with at most as many events as coefficients; for a predictor whose deviation is below 2^-16 of its
                bound; for a value of a predictor more than 32 deviations from its mean; for predictors nearly collinear
                (`ldl`); where the log hazard of a row is more than 8 from that of the mean; where the last step moved
                the log hazard of a row by more than 2^-13 (a predictor that tells who has the event first has no finite
                coefficient); for a predictor whose information is below 2^-7 of the number of events. The words say
                which
    Error       of an estimate: 1e-4 standard errors and relative 1e-6; of standard errors relative 1e-4; of the
                likelihoods 1e-6 an event
    Protection  complete rows less coefficients, rows with and without the event, and each of the four combinations of
                two flags (event or predictors) must reach the minimum; else everything is suppressed
    Rounds      a sort by time; an iteration about 120, and 21 a predictor; about 150 besides. Efron's ties: 20 more for
                an iteration, strata: 12 more
    Bytes       an iteration, from each party: about 390, and 130 a predictor, for each place of a row; with Efron's
                ties 630, and 260 a predictor; strata add up to 210
    Limits      131,072 places of rows
    Raises      ShapeError for other columns; ConfigError for other ties; RangeError beyond the limits, and for other
                numbers of iterations
    Equals      statsmodels' `PHReg(time, X, status=event, ties=…).fit()`; R's `coxph(ties=…)`; with Efron's ties
                lifelines' `CoxPHFitter`
    Source      Cox, JRSS B 34 (1972); Breslow, in the discussion of it; Efron, JASA 72 (1977); Kalbfleisch and
                Prentice, The Statistical Analysis of Failure Time Data, 2nd ed. (2002), chapter 4
    """
    if ties not in ("breslow", "efron"):
        raise ConfigError(f"cox: ties={ties!r}; expected 'breslow' or 'efron'")
    design = beginning("cox", predictors, iterations)
    flag, when = _outcome(time, event, design)
    keys = [when] if strata is None else [levels_of("cox", "strata", strata, design), when]
    origin = f"Cox regression, {ties.capitalize()}'s ties"
    return await fitted(
        _WORDS, origin, design, flag, keys, iterations, stratified=strata is not None, efron=ties == "efron"
    )


def _outcome(time: Anything, event: Anything, design: Design) -> tuple[SecretArray, SecretArray]:
    """The flag, and the time in numbers."""
    if not isinstance(time, SecretArray) or time.shape != (design.rows,) or is_flag(time) or time.type == "bool":
        raise ShapeError(f"cox: time is {time!r}; expected a column of numbers of the predictors' {design.rows} places")
    if not isinstance(event, SecretArray) or event.shape != (design.rows,) or not is_flag(event):
        raise ShapeError(f"cox: event is {event!r}; expected a flag of the predictors' {design.rows} places")
    need_same_people(time.basis.places, event.basis.places)
    return event.numeric(), time
