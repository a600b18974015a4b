"""Survival of treated and untreated patients of several hospitals: curves, tests, restricted means, and Cox regression.

Brings    every hospital: its own patients, one row each (`Patients`), at most `rows` of them: months from the diagnosis
          to death or to the last visit, whether the patient died, the treatment, age and stage at the diagnosis
Learns    every recipient: the released numbers, nothing about one hospital or one patient
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  number of patients; the curve of each arm at the points of `grid`, with its standard error, interval, median,
          patients at risk and deaths; the log-rank test of the arms; the mean of the months lived within the first
          `tau`, by arm, and the difference; the hazard ratios of treatment, age and stage (Cox). Points of a curve are
          merged until `minimum_cohort` deaths lie between them, and the curve ends where fewer patients are at risk
Costs     about 1,550 rounds, of which Cox regression takes 1,450, and 12 MB a party with the engine replicated

For curves, test and means patients stay at their hospitals, which count deaths and last visits of each month: these are
exact. For Cox regression the rows are shared; nobody sees a month, an age or a stage. The curve of all patients is left
out: beside the curve of one arm, it would tell points of the other that are not shown.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from protocols import survival

if TYPE_CHECKING:
    import pandas as pd

ARMS = ("untreated", "treated")
PREDICTORS = ("treated", "age", "advanced stage")


class Patients(Table):
    months = Integer(0, 120, unit="months")
    died = Flag()
    arm = Category(*ARMS)
    age = Real(18, 100, unit="years")
    stage = Category("early", "advanced")


scenario = Scenario(
    inputs={"patients": Patients.rows(at_most=1 << 17)},
    parameters={"grid": [6, 12, 18, 24, 30, 36, 42, 48, 54, 60], "tau": 48, "rows": 450, "minimum_cohort": 10},
)


@scenario.run
async def run(study: Study) -> None:
    patients, p = study.table("patients"), study.parameters
    study.release("patients", patients.count())
    months, died, arm = patients.months, patients.died, patients.arm
    study.release("survival by arm", survival.kaplan_meier(months, died, by=arm, grid=p.grid))
    study.release("treated against untreated", survival.logrank(months, died, arm))
    study.release("restricted mean by arm", survival.restricted_mean(months, died, by=arm, tau=p.tau))
    rows = patients.share(rows=p.rows)
    predictors = {"treated": rows.arm == "treated", "age": rows.age, "advanced stage": rows.stage == "advanced"}
    study.release("hazards", await survival.cox(rows.months, rows.died, predictors))


@scenario.plaintext
def plaintext(patients: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled table, with statsmodels."""
    from scipy import stats
    from statsmodels.duration.hazard_regression import PHReg
    from statsmodels.duration.survfunc import SurvfuncRight, survdiff

    least, small = parameters.minimum_cohort, f"suppressed (fewer than {parameters.minimum_cohort})"
    brought = patients.attrs.get("rows", [len(patients)])
    rows = patients.assign(owner=np.repeat(np.arange(len(brought)), brought))
    known = rows.dropna(subset=["months", "died", "arm"])
    arms = [known[known.arm == name] for name in ARMS]
    out: dict[str, Any] = {"patients": small if _few(rows, least) else len(rows)}

    def fit(arm: pd.DataFrame) -> Any:
        return SurvfuncRight(arm.months.to_numpy(float), arm.died.to_numpy(int))

    # All patients less those of one arm are those of the other.
    told = any(_few(arm, least) for arm in arms)
    curves = [small if told else _curve(arm, fit, parameters) for arm in arms]
    out["survival by arm"] = {"grid": list(parameters.grid), "groups": list(ARMS), "curves": curves}

    out["treated against untreated"] = small
    died = [arm.died.astype(bool) for arm in arms]
    if not any(_few(arm[side], least) for arm, d in zip(arms, died, strict=True) for side in (d, ~d)):
        statistic, p = survdiff(known.months.to_numpy(float), known.died.to_numpy(int), known.arm.to_numpy())
        out["treated against untreated"] = {
            "groups": list(ARMS),
            "rows": [len(arm) for arm in arms],
            "observed": [int(d.sum()) for d in died],
            "chi_square": float(statistic),
            "df": 1,
            "p": float(p),
        }

    values: list[list[Any]] = [[small] * 3 if told else _mean(arm, fit, parameters) for arm in arms]
    difference: Any = small
    z, p = difference, difference
    if not any(isinstance(value[1], str) for value in values):
        difference = values[1][1] - values[0][1]
        z = difference / np.hypot(values[0][2], values[1][2])
        p = float(2 * stats.norm.sf(abs(z)))
    out["restricted mean by arm"] = {
        "estimate": [values[0][1], values[1][1], difference],
        "statistic": [None, None, z],
        "p": [None, None, p],
        "table": {"rows": list(ARMS), "values": values},
    }

    out["hazards"] = small
    whole = rows.dropna()
    x = np.column_stack([whole.arm == "treated", whole.age, whole.stage == "advanced"]).astype(float)
    if _enough_for_cox(whole, least):
        # Centred and scaled for the optimiser; the coefficients are those of the predictors as they are.
        unit = x.std(0)
        time, dead = whole.months.to_numpy(float), whole.died.to_numpy(int)
        fitted = PHReg(time, (x - x.mean(0)) / unit, status=dead, ties="breslow").fit(disp=0)
        coefficient, error = fitted.params / unit, fitted.bse / unit
        reach = stats.norm.ppf(0.975) * error
        out["hazards"] = {
            "terms": list(PREDICTORS),
            "coefficient": coefficient.tolist(),
            "standard_error": error.tolist(),
            "p": (2 * stats.norm.sf(np.abs(coefficient / error))).tolist(),
            "hazard_ratio": np.exp(coefficient).tolist(),
            "hazard_ci_low": np.exp(coefficient - reach).tolist(),
            "hazard_ci_high": np.exp(coefficient + reach).tolist(),
            "log_likelihood": float(fitted.llf),
            "observations": len(whole),
            "events": int(dead.sum()),
        }
    return out


def _few(chosen: pd.DataFrame, least: int) -> bool:
    """Whether there are few of these rows, or few of all owners but any one."""
    without = [len(chosen) - own for own in chosen.owner.value_counts()]
    return len(chosen) < least or any(0 < rest < least for rest in without)


def _enough_for_cox(whole: pd.DataFrame, least: int) -> bool:
    """Each combination of two flags has enough rows, and more rows than coefficients are left."""
    flags = [whole.died.astype(bool), whole.arm == "treated", whole.stage == "advanced"]
    both = [(a == x) & (b == y) for a, b in combinations(flags, 2) for x in (True, False) for y in (True, False)]
    return len(whole) - len(PREDICTORS) >= least and not any(_few(whole[pair], least) for pair in both)


def _curve(arm: pd.DataFrame, fit: Callable[[Any], Any], parameters: Any) -> dict[str, Any]:
    """The curve of an arm, with words where points are not shown."""
    time, died, grid = arm.months.to_numpy(float), arm.died.to_numpy(int), list(parameters.grid)
    found, least = fit(arm), parameters.minimum_cohort
    shown = survival.shown_points(time, died, grid, least, arm.owner)
    out: dict[str, Any] = {"rows": len(arm), "survival": [], "se": [], "at_risk": [], "events": []}
    out |= {"median": "undefined"}
    before = 0
    for point, there in zip(grid, shown, strict=True):
        place = int(np.searchsorted(found.surv_times, point, side="right")) - 1
        deaths = int(died[time <= point].sum())
        entry: list[Any] = [f"suppressed (fewer than {least})"] * 4
        if there:
            value, error = float(found.surv_prob[place]), float(found.surv_prob_se[place])
            entry = [value, error, int((time > point).sum()), deaths - before]
            before = deaths
            if value <= 0.5 and isinstance(out["median"], str):
                out["median"] = float(point)
        for name, number in zip(("survival", "se", "at_risk", "events"), entry, strict=True):
            out[name].append(number)
    return out


def _mean(arm: pd.DataFrame, fit: Callable[[Any], Any], parameters: Any) -> list[Any]:
    """Rows, restricted mean and its standard error of an arm; shown as a curve with a point just before tau is."""
    time, died, tau, least = (
        arm.months.to_numpy(float),
        arm.died.to_numpy(int),
        parameters.tau,
        parameters.minimum_cohort,
    )
    if not survival.shown_points(time, died, [tau - 0.5], least, arm.owner)[0]:
        return [len(arm), *[f"suppressed (fewer than {least})"] * 2]
    found = fit(arm)
    before = found.surv_times < tau
    widths = np.diff([0.0, *found.surv_times[before], tau])
    areas = np.cumsum((np.append(1.0, found.surv_prob[before]) * widths)[::-1])[::-1]
    events, risk = found.n_events[before], found.n_risk[before]
    error = np.sqrt((areas[1:] ** 2 * events / (risk * np.maximum(risk - events, 1))).sum())
    return [len(arm), float(areas[0]), float(error)]
