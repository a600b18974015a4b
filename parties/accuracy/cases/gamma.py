"""`st.gamma`, of rows that stay: against statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mpc import Real
from parties.accuracy import sets
from parties.accuracy.cases.released_steps import against
from parties.accuracy.compared import Compare, estimate, part
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st


def positive(joint: Joint, frame: Any, outcome: str, low: float = 0.0) -> Compare:
    """A model of a number above 0 on all other columns."""
    sm = need("statsmodels.api")
    predictors = [name for name in frame.columns if name != outcome]

    async def script(study: Any, t: Any) -> Any:
        columns = [t[name] for name in predictors]
        return await st.gamma(t[outcome], columns, iterations=25, study=study, name="m")

    whole = frame.dropna().astype(float)
    least, most = float(whole[outcome].min()), float(whole[outcome].max())
    declared = {outcome: Real(low or least / 2, 2 * most)}
    found = joint.release(frame, script, steps=True, columns=declared)
    family = sm.families.Gamma(link=sm.families.links.Log())
    fit = sm.GLM(whole[outcome], sm.add_constant(whole[predictors]), family=family).fit(tol=1e-14, maxiter=200)
    yield from against(found, fit)
    for name in ("scale", "deviance", "null_deviance"):
        yield estimate(name, part(found, name), getattr(fit, name))


def numbers() -> dict[str, tuple[Any, str]]:
    """Public data sets as tables of numbers and flags, and the number above 0 that is the outcome."""
    rossi, choice, anes = sets.shipped("rossi"), sets.statsmodels("modechoice"), sets.statsmodels("anes96")
    spector, punish, diabetes = sets.statsmodels("spector"), sets.statsmodels("cpunish"), sets.sklearn("diabetes")
    return {
        "lifelines rossi": (rossi[["age"]].assign(fin=rossi.fin == 1, week=rossi.week.astype(float)), "week"),
        "statsmodels modechoice": (choice[["psize", "hinc"]].assign(invt=choice.invt.astype(float)), "invt"),
        "statsmodels anes96": (anes[["educ", "TVnews"]].assign(age=anes.age.astype(float)), "age"),
        "statsmodels spector": (spector[["TUCE"]].assign(psi=spector.PSI == 1, gpa=spector.GPA), "gpa"),
        "statsmodels cpunish": (punish[["PERPOVERTY"]].assign(income=punish.INCOME.astype(float)), "income"),
        "sklearn diabetes": (diabetes[["bmi", "bp", "s5", "target"]], "target"),
    }


def costs(joint: Joint) -> Compare:
    """A scale of 4, and a declared range of ten decades."""
    made = np.random.default_rng(35)
    x = made.normal(0, 1, 4000)
    y = np.exp(6 + 0.5 * x) * made.gamma(0.25, 4, 4000)
    frame = pd.DataFrame({"x": x, "z": made.random(4000) < 0.3, "y": y.clip(1e-3)})
    yield from positive(joint, frame, "y", 1e-4)


def measured(joint: Joint) -> Compare:
    """A scale of 1/400."""
    made = np.random.default_rng(36)
    x = made.normal(50, 10, 500)
    yield from positive(joint, pd.DataFrame({"x": x, "y": np.exp(0.02 * x + made.normal(0, 0.05, 500))}), "y")


for _name in ("lifelines rossi", *(f"statsmodels {x}" for x in ("modechoice", "anes96", "spector", "cpunish"))):

    @case("st.gamma", _name, rows="stay", by=STATSMODELS)
    def _public(joint: Joint, name: str = _name) -> Compare:
        yield from positive(joint, *numbers()[name])


@case("st.gamma", "sklearn diabetes", rows="stay", by=STATSMODELS)
def _diabetes(joint: Joint) -> Compare:
    yield from positive(joint, *numbers()["sklearn diabetes"])


case("st.gamma", "a scale of 4, ten decades", rows="stay", by=STATSMODELS, public=False)(costs)
case("st.gamma", "a scale of 1/400", rows="stay", by=STATSMODELS, public=False)(measured)
