"""`st.ols` and `st.logit` by a formula: categories, products, weights, against statsmodels' formula interface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.cases.regression import coefficients
from parties.accuracy.compared import Compare, estimate, p_values, part, same
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import need
from parties.accuracy.registry import case
from protocols import statistics as st

_BY = "statsmodels 0.15"


def elections() -> Any:
    """Voters of 1996: income, age, and the party that they are near to, in words."""
    frame = sets.statsmodels("anes96")[["age", "educ", "income", "PID", "vote"]].astype({"vote": int})
    near = np.asarray(["democrat", "independent", "republican"])[np.digitize(frame.PID, [2, 5])]
    return frame.assign(party=near, old=frame.age > 60).drop(columns="PID")


def fitted(joint: Joint, frame: Any, formula: str, weights: str = "") -> Compare:
    """A linear model, its terms, and what it says besides."""
    smf = need("statsmodels.formula.api")
    given = {} if not weights else {"weights": weights}
    found = joint.release(frame, lambda t: st.ols(formula, data=t, **{key: t[name] for key, name in given.items()}))
    clear = frame.assign(**{name: frame[name] * 1 for name in frame if frame[name].dtype == bool})
    fit = smf.wls(formula, clear, weights=clear[weights]).fit() if weights else smf.ols(formula, clear).fit()
    order = list(fit.params.index)
    yield same("terms", sorted(part(found, "terms")), sorted(order))
    params, errors, p = (np.asarray(x.loc[part(found, "terms")]).tolist() for x in (fit.params, fit.bse, fit.pvalues))
    yield from coefficients(found, params, errors, p, fit.rsquared)
    tests = part(found, "tests")
    wald = fit.wald_test_terms(scalar=True).table.loc[tests["terms"]].astype(float)
    yield estimate("F of terms", tests["f"], wald.statistic, scale=1.0)
    yield from p_values("p of terms", tests["p"], wald.pvalue)
    yield estimate("residual standard error", part(found, "residual_standard_error"), np.sqrt(fit.scale))
    if not weights:
        yield estimate("AIC", part(found, "aic"), fit.aic)


@case(
    "st.ols",
    "statsmodels anes96: income by party and age",
    rows="stay",
    by=_BY,
)
def income(joint: Joint) -> Compare:
    yield from fitted(joint, elections(), "income ~ C(party) + age + educ")


@case(
    "st.ols",
    "statsmodels anes96: products",
    rows="stay",
    by=_BY,
    shortfall="F of a term is 1.1e-6 off on the engine ideal, which rounds down always, and within 1e-6 on the others",
    within={"estimate": 2e-6},
)
def products(joint: Joint) -> Compare:
    yield from fitted(joint, elections(), "income ~ C(party)*old + I((age - 45)**2) + np.log(educ)")


@case("st.ols", "statsmodels anes96: weights", rows="stay", by=_BY)
def weighted(joint: Joint) -> Compare:
    frame = elections()
    yield from fitted(joint, frame.assign(weight=1 / (1 + frame.educ)), "income ~ C(party) + age", "weight")


@case("st.logit", "statsmodels anes96: vote by party", rows="shared", by=_BY)
def votes(joint: Joint) -> Compare:
    frame = elections().assign(vote=lambda f: f.vote == 1)
    formula = "vote ~ old + C(party) + income"
    found = joint.release(frame, lambda rows: st.logit(formula, rows))
    clear = frame.assign(vote=frame.vote * 1, old=frame.old * 1)
    fit = need("statsmodels.formula.api").logit(formula, clear).fit(disp=0, tol=1e-12)
    frame_of = pd.DataFrame({"b": fit.params, "se": fit.bse}).loc[part(found, "terms")]
    yield estimate("coefficient", part(found, "coefficient"), frame_of.b, scale=frame_of.se)
    yield estimate("standard error", part(found, "standard_error"), frame_of.se)
    yield estimate("log-likelihood", part(found, "log_likelihood"), fit.llf)
