"""`st.poisson`, and `st.logit` with steps="released", of rows that stay: against statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mpc import Real
from parties.accuracy import sets
from parties.accuracy.cases.logistic import MODELS, models
from parties.accuracy.compared import Compare, Compared, estimate, p_values, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st


def against(found: Any, fit: Any) -> Compare:
    yield estimate("coefficients", part(found, "coefficient"), fit.params, scale=fit.bse)
    yield standard_error("standard errors", part(found, "standard_error"), fit.bse)
    for name, known in (("log_likelihood", fit.llf), ("null_log_likelihood", fit.llnull), ("aic", fit.aic)):
        yield estimate(name, part(found, name), known)
    yield from p_values("p", part(found, "p"), fit.pvalues)
    if not isinstance(found, str):
        yield same("observations", found["observations"], int(fit.nobs))


def counted(joint: Joint, frame: Any, outcome: str, exposure: str = "", alpha: float = 0.0) -> Compare:
    """A model of a count on all other columns: Poisson's, or with `alpha` a negative binomial one."""
    sm = need("statsmodels.api")
    predictors = [name for name in frame.columns if name not in (outcome, exposure)]

    async def script(study: Any, t: Any) -> Any:
        per = t[exposure] if exposure else None
        columns = [t[name] for name in predictors]
        if alpha:
            options = {"exposure": per, "iterations": 18, "study": study, "name": "m"}
            return await st.negativebinomial(t[outcome], columns, alpha=alpha, **options)
        return await st.poisson(t[outcome], columns, exposure=per, iterations=12, study=study, name="m")

    columns = {exposure: Real(1e-4, 100)} if exposure else None
    found = joint.release(frame, script, steps=True, columns=columns)
    whole = frame.dropna().astype(float)
    family = sm.families.NegativeBinomial(alpha=alpha) if alpha else sm.families.Poisson()
    per = whole[exposure] if exposure else None
    model = sm.GLM(whole[outcome], sm.add_constant(whole[predictors]), family=family, exposure=per)
    yield from against(found, model.fit(tol=1e-14, maxiter=100))


def counts() -> dict[str, tuple[Any, str]]:
    """Public data sets as tables of numbers and flags, and the count that is the outcome."""
    rand, punish, anes = (sets.statsmodels(name) for name in ("randhie", "cpunish", "anes96"))
    spector, choice, rossi = sets.statsmodels("spector"), sets.statsmodels("modechoice"), sets.shipped("rossi")
    limited, south, fin = rand.physlm > 0, punish.SOUTH == 1, rossi.fin == 1
    return {
        "statsmodels randhie": (rand[["disea"]].assign(limited=limited, visits=rand.mdvis.astype(int)), "visits"),
        "statsmodels cpunish": (
            punish[["INCOME", "PERPOVERTY"]].assign(south=south, executions=punish.EXECUTIONS.astype(int)),
            "executions",
        ),
        "statsmodels anes96": (anes[["age", "educ"]].assign(news=anes.TVnews.astype(int)), "news"),
        "statsmodels spector": (spector[["GPA"]].assign(psi=spector.PSI == 1, tuce=spector.TUCE.astype(int)), "tuce"),
        "statsmodels modechoice": (choice[["psize", "hinc"]].assign(wait=choice.ttme.astype(int)), "wait"),
        "lifelines rossi": (rossi[["age"]].assign(fin=fin, prio=rossi.prio.astype(int)), "prio"),
    }


def unequal(joint: Joint) -> Compare:
    """Exposures from minutes to years, and rates that differ 50-fold."""
    made = np.random.default_rng(31)
    x, t = made.normal(0, 1, 3000), 10 ** made.uniform(-3, 1, 3000)
    y = made.poisson(t * np.exp(0.3 + x))
    yield from counted(joint, pd.DataFrame({"x": x, "z": made.random(3000) < 0.3, "t": t, "y": y}), "y", "t")


def rare(joint: Joint) -> Compare:
    """An event in 300 rows."""
    made = np.random.default_rng(32)
    x = made.normal(50, 10, 9000)
    yield from counted(joint, pd.DataFrame({"x": x, "y": made.poisson(np.exp(-7.5 + 0.03 * x))}), "y")


def large(joint: Joint) -> Compare:
    """Counts of thousands, and a predictor far from 0."""
    made = np.random.default_rng(33)
    year = made.integers(1990, 2020, 600)
    frame = pd.DataFrame({"year": year, "y": made.poisson(np.exp(7 + 0.05 * (year - 2000)))})
    yield from counted(joint, frame, "y")


def flag(joint: Joint, name: str) -> Compare:
    sm, (frame, outcome) = need("statsmodels.api"), models()[name]
    predictors = [column for column in frame.columns if column != outcome]

    async def script(study: Any, t: Any) -> Any:
        columns = [t[column] for column in predictors]
        return await st.logit(t[outcome], columns, steps="released", iterations=12, study=study, name="m")

    found = joint.release(frame, script, steps=True)
    whole = frame.dropna().astype(float)
    fit = sm.Logit(whole[outcome], sm.add_constant(whole[predictors])).fit(disp=0, maxiter=100, tol=1e-13)
    yield from against(found, fit)


def separated(joint: Joint) -> Compare:
    made = np.random.default_rng(34)
    a = made.normal(0, 1, 300)

    async def script(study: Any, t: Any) -> Any:
        return await st.logit(t.y, [t.a], steps="released", study=study, name="m")

    found = joint.release(pd.DataFrame({"a": a, "y": a > 0.1}), script, steps=True)
    yield Compared("words", "same", float(not str(found).startswith("undefined: ")))


for _name in MODELS:

    @case("st.logit, released", _name, rows="stay", by=STATSMODELS)
    def _flag(joint: Joint, name: str = _name) -> Compare:
        yield from flag(joint, name)


COUNTS = (
    *("statsmodels randhie", "statsmodels cpunish", "statsmodels anes96", "statsmodels spector"),
    *("statsmodels modechoice", "lifelines rossi"),
)
for _name in COUNTS:
    for _function, _alpha in (("st.poisson", 0.0), ("st.negativebinomial", 0.7)):

        @case(_function, _name, rows="stay", by=STATSMODELS)
        def _count(joint: Joint, name: str = _name, alpha: float = _alpha) -> Compare:
            yield from counted(joint, *counts()[name], alpha=alpha)


for _data, _compare in (("exposures 10,000-fold", unequal), ("an event in 300 rows", rare), ("large counts", large)):
    case("st.poisson", _data, rows="stay", by=STATSMODELS, public=False)(_compare)
case("st.logit, released", "separated", rows="stay", by=STATSMODELS, public=False, may_be="undefined: ")(separated)
