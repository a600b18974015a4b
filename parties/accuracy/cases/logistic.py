"""`st.logit` of shared rows, against statsmodels."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import Compare, Compared, estimate, p_values, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st


def fitted(joint: Joint, frame: Any, outcome: str, iterations: int = 10) -> Compare:
    """A model of a flag on all other columns."""
    sm = need("statsmodels.api")
    predictors = [name for name in frame.columns if name != outcome]
    found = joint.release(frame, lambda t: st.logit(t[outcome], t[predictors], iterations=iterations))
    whole = frame.dropna().astype(float)
    fit = sm.Logit(whole[outcome], sm.add_constant(whole[predictors])).fit(disp=0, maxiter=100, tol=1e-13)
    yield estimate("coefficients", part(found, "coefficient"), fit.params, scale=fit.bse)
    yield standard_error("standard errors", part(found, "standard_error"), fit.bse)
    ratios = part(found, "odds_ratio")
    yield estimate("odds ratios", ratios if isinstance(ratios, str) else ratios[1:], np.exp(fit.params[1:]))
    yield estimate("log-likelihood", part(found, "log_likelihood"), fit.llf)
    yield estimate("pseudo R squared", part(found, "pseudo_r_squared"), fit.prsquared, scale=0.01)
    yield estimate("AIC", part(found, "aic"), fit.aic)
    yield from p_values("p", part(found, "p"), fit.pvalues)
    if not isinstance(found, str):
        yield same("observations", found["observations"], int(fit.nobs))


def models() -> dict[str, tuple[Any, str]]:
    """Public data sets as tables of numbers and flags, and the flag that is the outcome."""
    spector, fair, anes = sets.statsmodels("spector"), sets.statsmodels("fair"), sets.statsmodels("anes96")
    cancer, heart = sets.sklearn("breast_cancer"), sets.statsmodels("heart")
    rossi, lung = sets.shipped("rossi"), sets.shipped("lung")
    grade, psi = spector.GRADE == 1, spector.PSI == 1
    affair, benign, dead = fair.affairs > 0, cancer.target == 1, lung.status == 1
    return {
        "statsmodels spector": (spector[["GPA", "TUCE"]].assign(PSI=psi, grade=grade), "grade"),
        "statsmodels fair": (fair[["rate_marriage", "age", "religious", "educ"]].assign(affair=affair), "affair"),
        "statsmodels anes96": (anes[["age", "educ", "PID"]].astype(int).assign(vote=anes.vote == 1), "vote"),
        "statsmodels heart": (heart[["age"]].assign(dead=heart.censors == 1), "dead"),
        "scikit-learn breast_cancer": (cancer[["mean_texture", "mean_smoothness"]].assign(benign=benign), "benign"),
        "lifelines rossi": (rossi[["age", "prio"]].assign(fin=rossi.fin == 1, arrest=rossi.arrest == 1), "arrest"),
        "lifelines lung": (lung[["age", "ph.ecog"]].set_axis(["age", "ecog"], axis=1).assign(dead=dead), "dead"),
    }


MODELS = (
    *("statsmodels spector", "statsmodels fair", "statsmodels anes96", "statsmodels heart"),
    *("scikit-learn breast_cancer", "lifelines rossi", "lifelines lung"),
)


def public(joint: Joint, name: str) -> Compare:
    yield from fitted(joint, *models()[name])


def printed(joint: Joint) -> Compare:
    """Spector and Mazzeo's data as in Greene, Econometric Analysis (5th ed.), table 21.1."""
    frame, outcome = models()["statsmodels spector"]
    found = joint.release(frame, lambda t: st.logit(t[outcome], t[["GPA", "TUCE", "PSI"]]))
    yield same("coefficients", np.round(found["coefficient"], 3), [-13.021, 2.826, 0.095, 2.379])
    yield same("standard errors", np.round(found["standard_error"], 3), [4.931, 1.263, 0.142, 1.065])
    yield same("log-likelihood", round(found["log_likelihood"], 2), -12.89)


def rare(joint: Joint) -> Compare:
    """An outcome of one row in 200."""
    made = np.random.default_rng(21)
    x = made.normal(50, 10, 6000)
    y = made.random(6000) < 1 / (1 + np.exp(6.5 - 0.08 * (x - 40)))
    yield from fitted(joint, pd.DataFrame({"x": x, "z": made.random(6000) < 0.5, "y": y}), "y", 12)


def strong(joint: Joint) -> Compare:
    """Predictors that nearly separate the outcomes: a pseudo R squared of 0.9."""
    made = np.random.default_rng(22)
    x = made.normal(0, 1, (800, 2))
    y = made.random(800) < 1 / (1 + np.exp(-12 * (x[:, 0] - x[:, 1])))
    yield from fitted(joint, pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}), "y", 14)


def correlated(joint: Joint) -> Compare:
    """Two predictors whose variance inflation factor is about 50."""
    made = np.random.default_rng(23)
    a = made.normal(0, 1, 1500)
    b = 0.99 * a + np.sqrt(1 - 0.99**2) * made.normal(0, 1, 1500)
    y = made.random(1500) < 1 / (1 + np.exp(-(a - b)))
    yield from fitted(joint, pd.DataFrame({"a": a, "b": b, "y": y}), "y")


def undefined(joint: Joint, words: str, collinear: bool) -> Compare:
    """Words in place of numbers: predictors that separate outcomes, or that say the same."""
    made = np.random.default_rng(24)
    a = made.normal(0, 1, 300)
    y = made.random(300) < 0.5 if collinear else a > 0.1
    b = a + 1e-3 * made.normal(0, 1, 300) if collinear else made.normal(0, 1, 300)
    found = joint.release(pd.DataFrame({"a": a, "b": b, "y": y}), lambda t: st.logit(t.y, t[["a", "b"]]))
    yield Compared("words", "same", float(found != words))


for _name in MODELS:
    case("st.logit", _name, rows="shared", by=STATSMODELS)(partial(public, name=_name))
case("st.logit", "spector, as printed", rows="shared", by="Greene (2003)")(printed)
for _data, _compare in (
    ("an outcome of 1 in 200", rare),
    ("nearly separated", strong),
    ("variance inflation 50", correlated),
):
    case("st.logit", _data, rows="shared", by=STATSMODELS, public=False)(_compare)
for _words, _collinear in (
    ("undefined: predictors nearly collinear", True),
    ("undefined: the predictors separate the outcomes perfectly", False),
):
    _data = "collinear" if _collinear else "separated"
    case("st.logit", _data, rows="shared", by="the rule", public=False)(
        partial(undefined, words=_words, collinear=_collinear)
    )
