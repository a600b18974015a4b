"""`st.ols`: NIST's linear regressions, and data sets of libraries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, p_values, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st

#: Words where digits would mean nothing.
COLLINEAR = "undefined: predictors nearly collinear"
GOOD = "undefined: R squared above 0.999999"
#: Of a very good fit a standard error is a few millionths of the response: coefficients near 0 then lack digits of it.
NEAR_0 = "R squared above 0.9999: where a coefficient is near 0, its error may be more than 1e-6 standard errors"


def coefficients(found: Any, known: Sequence[float], errors: Sequence[float], p: Any, r_squared: float) -> Compare:
    """Of any regression: coefficients relative to the larger of them and their standard errors."""
    yield estimate("coefficients", part(found, "coefficient"), known, scale=errors)
    yield standard_error("standard errors", part(found, "standard_error"), errors)
    yield estimate("R squared", part(found, "r_squared"), r_squared)
    if p is not None:
        yield from p_values("p", part(found, "p"), p)


def fitted(joint: Joint, frame: Any, response: str, **declared: Any) -> Compare:
    """A regression of one column on all others, against statsmodels."""
    sm = need("statsmodels.api")
    predictors = [name for name in frame.columns if name != response]
    found = joint.release(frame, lambda t: st.ols(t[response], t[predictors]), **declared)
    whole = frame.dropna().astype(float)
    # In units of their deviations: for columns of very unlike units statsmodels loses digits.
    units = whole[predictors].std()
    fit = sm.OLS(whole[response], sm.add_constant(whole[predictors] / units)).fit()
    per = np.array([1.0, *units])
    yield from coefficients(found, fit.params / per, fit.bse / per, fit.pvalues, fit.rsquared)
    if not isinstance(found, str):
        yield same("observations", found["observations"], int(fit.nobs))


def certified(joint: Joint, name: str) -> Compare:
    frame, response, known, errors, r_squared = NIST[name]
    rows = frame()
    predictors = [column for column in rows.columns if column != response]
    found = joint.release(rows, lambda t: st.ols(t[response], t[predictors]))
    yield from coefficients(found, known, errors, None, r_squared)


def powers(frame: Any, degree: int) -> Any:
    """y, x, x^2 … of a table of x and y."""
    return pd.DataFrame({"y": frame.y} | {f"x{k}": frame.x.astype(float) ** k for k in range(1, degree + 1)})


_WAMPLER = np.array([2152.32624678170, 2363.55173469681, 779.343524331583, 101.475507550350])
_WAMPLER = np.append(_WAMPLER, [5.64566512170752, 0.112324854679312])
#: Data set -> (table, response, coefficients, their standard errors, R squared), as certified.
NIST: dict[str, Any] = {
    "NIST Norris": (
        partial(sets.shipped, "norris"),
        "y",
        [-0.262323073774029, 1.00211681802045],
        [0.232818234301152, 0.429796848199937e-03],
        0.999993745883712,
    ),
    "NIST Pontius": (
        lambda: powers(sets.shipped("pontius"), 2),
        "y",
        [0.673565789473684e-03, 0.732059160401003e-06, -0.316081871345029e-14],
        [0.107938612033077e-03, 0.157817399981659e-09, 0.486652849992036e-16],
        0.999999900178537,
    ),
    "NIST Filip": (
        lambda: powers(sets.shipped("filip"), 10),
        "y",
        [
            *(-1467.48961422980, -2772.17959193342, -2316.37108160893, -1127.97394098372, -354.478233703349),
            *(-75.1242017393757, -10.8753180355343, -1.06221498588947, -0.0670191154593408),
            *(-0.246781078275479e-02, -0.402962525080404e-04),
        ],
        [
            *(298.084530995537, 559.779865474950, 466.477572127796, 227.204274477751, 71.6478660875927),
            *(15.2897178747400, 2.23691159816033, 0.221624321934227, 0.0142363763154724),
            *(0.535617408889821e-03, 0.896632837373868e-05),
        ],
        0.996727416185620,
    ),
    "NIST Longley": (
        lambda: sets.statsmodels("longley").astype(float),
        "TOTEMP",
        [
            *(-3482258.63459582, 15.0618722713733, -0.0358191792925910, -2.02022980381683, -1.03322686717359),
            *(-0.0511041056535807, 1829.15146461355),
        ],
        [
            *(890420.383607373, 84.9149257747669, 0.0334910077722432, 0.488399681651699, 0.214274163161675),
            *(0.226073200069370, 455.478499142212),
        ],
        0.995479004577296,
    ),
    "NIST Wampler1": (lambda: powers(sets.wampler(1), 5), "y", [1.0] * 6, [0.0] * 6, 1.0),
    "NIST Wampler2": (lambda: powers(sets.wampler(2), 5), "y", [10.0**-k for k in range(6)], [0.0] * 6, 1.0),
    "NIST Wampler3": (lambda: powers(sets.wampler(3), 5), "y", [1.0] * 6, _WAMPLER, 0.999995559025820),
    "NIST Wampler4": (lambda: powers(sets.wampler(4), 5), "y", [1.0] * 6, 1e2 * _WAMPLER, 0.957478440825662),
    "NIST Wampler5": (lambda: powers(sets.wampler(5), 5), "y", [1.0] * 6, 1e4 * _WAMPLER, 0.224668921574940e-02),
}


def models() -> dict[str, tuple[Any, str]]:
    """Public data sets as tables of numbers and flags, and which column is the response."""
    fair, anes, wine = sets.statsmodels("fair"), sets.statsmodels("anes96"), sets.sklearn("wine")
    cancer, rossi, crime = sets.sklearn("breast_cancer"), sets.shipped("rossi"), sets.statsmodels("statecrime")
    prisoners = rossi[["prio", "age"]].assign(fin=rossi.fin == 1, race=rossi.race == 1)
    tumours = cancer[["mean_area", "mean_texture", "mean_smoothness", "mean_symmetry"]]
    return {
        "scikit-learn diabetes": (sets.sklearn("diabetes")[["target", "age", "sex", "bmi", "bp", "s6"]], "target"),
        "scikit-learn breast_cancer": (tumours, "mean_area"),
        "scikit-learn wine": (wine[["alcohol", "malic_acid", "ash", "magnesium", "proline", "hue"]], "alcohol"),
        "statsmodels anes96": (anes[["income", "age", "educ", "PID", "selfLR"]].astype(int), "income"),
        "statsmodels engel": (sets.statsmodels("engel")[["foodexp", "income"]], "foodexp"),
        "statsmodels fair": (fair[["affairs", "rate_marriage", "age", "children", "religious", "educ"]], "affairs"),
        "statsmodels stackloss": (sets.statsmodels("stackloss"), "STACKLOSS"),
        "statsmodels statecrime": (crime[["murder", "hs_grad", "poverty", "single"]], "murder"),
        "lifelines rossi": (prisoners, "prio"),
    }


MODELS = (
    *("scikit-learn diabetes", "scikit-learn breast_cancer", "scikit-learn wine", "statsmodels anes96"),
    *("statsmodels engel", "statsmodels fair", "statsmodels stackloss", "statsmodels statecrime", "lifelines rossi"),
)


def public(joint: Joint, name: str) -> Compare:
    yield from fitted(joint, *models()[name])


def printed(joint: Joint) -> Compare:
    """`summary(lm(stack.loss ~ ., stackloss))` as R prints it."""
    frame = sets.statsmodels("stackloss")
    found = joint.release(frame, lambda t: st.ols(t.STACKLOSS, t[["AIRFLOW", "WATERTEMP", "ACIDCONC"]]))
    yield same("coefficients", np.round(found["coefficient"], 4), [-39.9197, 0.7156, 1.2953, -0.1521])
    yield same("standard errors", np.round(found["standard_error"], 4), [11.8960, 0.1349, 0.3680, 0.1563])
    yield same("R squared", round(found["r_squared"], 4), 0.9136)


def gaps(joint: Joint) -> Compare:
    frame = sets.with_gaps(sets.sklearn("wine")[["alcohol", "malic_acid", "ash", "magnesium"]])
    yield from fitted(joint, frame, "alcohol")


def correlated(joint: Joint, inflation: float) -> Compare:
    """Two predictors whose variance inflation factor is near a number; a thousand deviations from 0."""
    made = np.random.default_rng(11)
    a = made.normal(0, 1, 2000)
    r = np.sqrt(1 - 1 / inflation)
    b = r * a + np.sqrt(1 - r * r) * made.normal(0, 1, 2000)
    frame = pd.DataFrame({"y": a - b + made.normal(0, 1, 2000), "a": a + 1000, "b": b})
    yield from fitted(joint, frame, "y")


def scales(joint: Joint) -> Compare:
    """Columns in units from 1e-6 to 1e9, and an R squared of 0.9999."""
    made = np.random.default_rng(12)
    x = made.normal(0, 1, (1000, 3))
    y = x @ [1, -2, 3] + 0.03 * made.normal(0, 1, 1000)
    frame = pd.DataFrame({"y": 1e9 * y, "a": 1e-6 * x[:, 0], "b": x[:, 1], "c": 1e6 * x[:, 2]})
    yield from fitted(joint, frame, "y")


#: Data sets whose R squared is above 0.9999.
FITS = ("NIST Norris", "units from 1e-6 to 1e9")


def regression(data: str, compare: Any, by: str = STATSMODELS, *, public: bool = True, may_be: str = "") -> None:
    """Register a case, as a shortfall where it is known as one."""
    known: Any = {"shortfall": NEAR_0, "within": {"estimate": 5e-6}} if data in FITS else {}
    case("st.ols", data, rows="stay", by=by, public=public, may_be=may_be, **known)(compare)


for _name in NIST:
    _words = "" if _name == "NIST Norris" else GOOD if _name == "NIST Pontius" else COLLINEAR
    regression(_name, partial(certified, name=_name), "NIST certified", may_be=_words)
for _name in MODELS:
    regression(_name, partial(public, name=_name))
regression("stackloss, as printed", printed, "R lm")
regression("wine with missing values", gaps)
for _inflation in (10, 100, 200):
    _words = COLLINEAR if _inflation == 200 else ""
    regression(
        f"variance inflation {_inflation}", partial(correlated, inflation=_inflation), public=False, may_be=_words
    )
regression("units from 1e-6 to 1e9", scales, public=False)
