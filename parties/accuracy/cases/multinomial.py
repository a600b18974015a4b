"""`st.mnlogit`, of rows that stay: against statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, p_values, part, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st


def levels(joint: Joint, frame: Any, outcome: str) -> Compare:
    """A model of a column of texts on all other columns."""
    sm = need("statsmodels.api")
    predictors = [name for name in frame.columns if name != outcome]

    async def script(study: Any, t: Any) -> Any:
        columns = [t[name] for name in predictors]
        return await st.mnlogit(t[outcome], columns, iterations=14, study=study, name="m")

    found = joint.release(frame, script, steps=True)
    whole = frame.dropna()
    codes = pd.Categorical(whole[outcome], sorted(whole[outcome].unique())).codes
    x = sm.add_constant(whole[predictors].astype(float))
    fit = sm.MNLogit(codes, x).fit(disp=0, method="newton", maxiter=100, tol=1e-13)
    params, errors, p = (np.asarray(a).T.ravel() for a in (fit.params, fit.bse, fit.pvalues))
    yield estimate("coefficients", part(found, "coefficient"), params, scale=errors)
    yield standard_error("standard errors", part(found, "standard_error"), errors)
    for name, known in (("log_likelihood", fit.llf), ("null_log_likelihood", fit.llnull), ("aic", fit.aic)):
        yield estimate(name, part(found, name), known)
    yield from p_values("p", part(found, "p"), p)


def three(numbers: Any) -> Any:
    """Thirds of a column of numbers, as texts."""
    return pd.cut(numbers, [-np.inf, *np.quantile(numbers, [1 / 3, 2 / 3]), np.inf], labels=list("abc")).astype(str)


def tables() -> dict[str, Any]:
    """Public data sets as tables of numbers and flags, with a level of three as the column `level`."""
    anes, rossi = sets.statsmodels("anes96"), sets.shipped("rossi")
    rand, choice = sets.statsmodels("randhie").iloc[:4000], sets.statsmodels("modechoice")
    wine, diabetes = sets.sklearn("wine"), sets.sklearn("diabetes")
    party = anes.PID.map(lambda x: "a" if x < 2 else "b" if x < 5 else "c")
    return {
        "statsmodels anes96": anes[["age", "educ", "selfLR"]].assign(level=party),
        "statsmodels randhie": rand[["disea"]].assign(limited=rand.physlm > 0, level=three(rand.lncoins + rand.mdvis)),
        "statsmodels modechoice": choice[["psize", "hinc"]].assign(level=three(choice.invt)),
        "sklearn wine": wine[["ash", "magnesium"]].assign(level=wine.target.map({0: "a", 1: "b", 2: "c"})),
        "sklearn diabetes": diabetes[["bmi", "bp"]].assign(level=three(diabetes.target)),
        "lifelines rossi": rossi[["age"]].assign(fin=rossi.fin == 1, level=three(rossi.prio + rossi.week / 100)),
    }


for _name in (
    *("statsmodels anes96", "statsmodels randhie", "statsmodels modechoice"),
    *("sklearn wine", "sklearn diabetes", "lifelines rossi"),
):

    @case("st.mnlogit", _name, rows="stay", by=STATSMODELS)
    def _public(joint: Joint, name: str = _name) -> Compare:
        yield from levels(joint, tables()[name], "level")


@case("st.mnlogit", "a level of 1 in 60 rows, a year", rows="stay", by=STATSMODELS, public=False)
def _rare(joint: Joint) -> Compare:
    made = np.random.default_rng(37)
    x, year = made.normal(0, 1, 6000), made.integers(1980, 2020, 6000)
    odds = np.column_stack([np.zeros(6000), x + 0.02 * (year - 2000), 0.7 * x - 4.0])
    risk = np.exp(odds) / np.exp(odds).sum(1, keepdims=True)
    code = (made.random(6000)[:, None] > risk.cumsum(1)).sum(1).clip(0, 2)
    yield from levels(joint, pd.DataFrame({"x": x, "year": year, "level": np.asarray(list("abc"))[code]}), "level")
