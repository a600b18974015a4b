"""`st.linear_model` and what follows from it, against NIST's certified values, statsmodels and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.cases.formulas import elections
from parties.accuracy.cases.regression import MODELS, NIST, coefficients, models
from parties.accuracy.compared import Compare, estimate, p_values, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st

#: Words where digits would mean nothing: of polynomials, and of a perfect fit.
WORDS = "undefined: "


def of_columns(joint: Joint, frame: Any, response: str, then: Callable[[Any, Any], Any] | None = None) -> Any:
    """The release of a model of one column on all others, or of what `then(model, table)` gives of it."""
    predictors = [name for name in frame.columns if name != response]

    async def script(study: Any, t: Any) -> Any:
        model = await st.linear_model(t[response], [t[name] for name in predictors], study=study, name="model")
        return {"wanted": model.vif() if then is None else then(model, t)}

    released = joint.release(frame, script, steps=True)
    return released["model"] if then is None else released["wanted"]


def known(frame: Any, response: str) -> tuple[Any, Any]:
    """statsmodels' model, and what its coefficients are to be divided by: for columns of very unlike units it loses
    digits, so they are in units of their deviations."""
    sm = need("statsmodels.api")
    whole = frame.dropna().astype(float)
    predictors = [name for name in frame.columns if name != response]
    units = whole[predictors].std()
    return sm.OLS(whole[response], sm.add_constant(whole[predictors] / units)), np.array([1.0, *units])


def certified(joint: Joint, name: str) -> Compare:
    frame, response, coefficient, errors, r_squared = NIST[name]
    found = of_columns(joint, frame(), response)
    yield from coefficients(found, coefficient, errors, None, r_squared)


def public(joint: Joint, name: str) -> Compare:
    frame, response = models()[name]
    model, per = known(frame, response)
    fit = model.fit()
    yield from coefficients(
        of_columns(joint, frame, response), fit.params / per, fit.bse / per, fit.pvalues, fit.rsquared
    )


def _robust_of(kind: Any, model: Any, table: Any) -> Any:
    return model.robust(kind)


def _ridge_of(alpha: float, model: Any, table: Any) -> Any:
    return model.ridge(alpha)


def robust(joint: Joint, frame: Any, response: str) -> Compare:
    model, per = known(frame, response)
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        found = of_columns(joint, frame, response, partial(_robust_of, kind))
        fit = model.fit(cov_type=kind)
        yield standard_error(kind, part(found, "standard_error"), fit.bse / per)
        yield from p_values(f"p, {kind}", part(found, "p"), fit.pvalues)


def clusters() -> dict[str, tuple[Any, str, str]]:
    """Tables, response, and the category that is the cluster."""
    fair, anes, wine = sets.statsmodels("fair"), sets.statsmodels("anes96"), sets.sklearn("wine")
    grunfeld, rossi, diabetes = sets.statsmodels("grunfeld"), sets.shipped("rossi"), sets.sklearn("diabetes")
    near = np.asarray(["democrat", "independent", "republican"])[np.digitize(anes.PID, [2, 5])]

    def named(x: Any) -> Any:
        return "c" + x.astype(int).astype(str)

    return {
        "statsmodels grunfeld by firm": (grunfeld[["invest", "value", "capital"]].assign(c=grunfeld.firm.astype(str)),
                                         "invest", "c"),
        "statsmodels fair by occupation": (
            fair[["affairs", "age", "religious"]].assign(c=named(fair.occupation)), "affairs", "c"),
        "statsmodels anes96 by party": (anes[["income", "age", "educ"]].assign(c=near), "income", "c"),
        "scikit-learn wine by grower": (wine[["alcohol", "ash", "hue"]].assign(c=named(wine.target)), "alcohol", "c"),
        "lifelines rossi by education": (rossi[["prio", "age"]].assign(c=named(rossi.week // 13)), "prio", "c"),
        "scikit-learn diabetes by age": (
            diabetes[["target", "bmi", "bp"]].assign(c=named(np.digitize(diabetes.age, [-0.05, 0, 0.05]))),
            "target", "c"),
    }  # fmt: skip


CLUSTERS = (
    *("statsmodels grunfeld by firm", "statsmodels fair by occupation", "statsmodels anes96 by party"),
    *("scikit-learn wine by grower", "lifelines rossi by education", "scikit-learn diabetes by age"),
)


def clustered(joint: Joint, name: str) -> Compare:
    frame, response, cluster = clusters()[name]
    predictors = [c for c in frame.columns if c not in (response, cluster)]

    async def script(study: Any, t: Any) -> Any:
        model = await st.linear_model(t[response], [t[c] for c in predictors], study=study, name="model")
        return model.clustered(t[cluster])

    found = joint.release(frame, script, steps=True)
    model, per = known(frame.drop(columns=cluster), response)
    groups = pd.Categorical(frame[cluster]).codes
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups})
    yield standard_error("clustered", part(found, "standard_error"), fit.bse / per)
    yield from p_values("p", part(found, "p"), fit.pvalues)
    yield same("clusters", part(found, "clusters"), len(set(groups)))


def followed(joint: Joint, name: str) -> Compare:
    """Variance inflation, a test of all slopes but the first, and ridge estimates."""
    frame, response = models()[name]
    model, _ = known(frame, response)
    sm = need("statsmodels.stats.outliers_influence")
    found = of_columns(joint, frame, response, lambda m, t: m.vif())
    columns = range(1, model.exog.shape[1])
    inflation = [sm.variance_inflation_factor(model.exog, j) for j in columns]
    yield estimate("variance inflation", part(found, "values"), inflation)
    names = [c for c in frame.columns if c != response]
    found = of_columns(joint, frame, response, lambda m, t: m.wald(*names[1:] or names))
    fit = model.fit()
    rows = np.eye(len(names) + 1)[2 if len(names) > 1 else 1 :]
    test = fit.f_test(rows)
    yield estimate("F", part(found, "statistic"), float(np.squeeze(test.fvalue)))
    yield from p_values("p of F", part(found, "p"), float(test.pvalue))


def ridge(joint: Joint, name: str) -> Compare:
    frame, response = models()[name]
    whole = frame.dropna().astype(float)
    x = whole.drop(columns=response)
    for alpha in (0.1, 10.0):
        found = of_columns(joint, frame, response, partial(_ridge_of, alpha))
        fit = need("sklearn.linear_model").Ridge(alpha, solver="svd").fit(x, whole[response])
        size = np.abs(fit.coef_).max()
        yield estimate(f"alpha {alpha}", part(found, "values"), [fit.intercept_, *fit.coef_], scale=1e-3 * size)


def factors() -> dict[str, tuple[Any, str, str]]:
    """Tables, formula, and the factor whose adjusted means are asked for."""
    cancer, wine, rossi = sets.sklearn("breast_cancer"), sets.sklearn("wine"), sets.shipped("rossi")
    fair, diabetes = sets.statsmodels("fair"), sets.sklearn("diabetes")

    def named(x: Any) -> Any:
        return "c" + x.astype(int).astype(str)

    return {
        "statsmodels anes96": (elections(), "income ~ C(party) + age + educ", "party"),
        "statsmodels fair": (fair.assign(job=named(fair.occupation)), "affairs ~ C(job) + age + religious", "job"),
        "scikit-learn wine": (wine.assign(grower=named(wine.target)), "alcohol ~ C(grower) + ash + hue", "grower"),
        "scikit-learn breast_cancer": (
            cancer.assign(kind=named(cancer.target)), "mean_texture ~ C(kind) + mean_symmetry", "kind"),
        "lifelines rossi": (rossi.assign(quarter=named(rossi.week // 13)), "prio ~ C(quarter) + age", "quarter"),
        "scikit-learn diabetes": (
            diabetes.assign(group=named(np.digitize(diabetes.age, [-0.05, 0.05]))), "target ~ C(group) + bmi", "group"),
    }  # fmt: skip


FACTORS = (
    *("statsmodels anes96", "statsmodels fair", "scikit-learn wine", "scikit-learn breast_cancer", "lifelines rossi"),
    "scikit-learn diabetes",
)


def margins(joint: Joint, name: str) -> Compare:
    frame, formula, factor = factors()[name]
    used = [c for c in frame.columns if c in formula]
    frame = frame[used]

    async def script(study: Any, t: Any) -> Any:
        return (await st.linear_model(formula, data=t, study=study, name="model")).margins(factor)

    found = joint.release(frame, script, steps=True)
    fit = need("statsmodels.formula.api").ols(formula, frame).fit()
    levels = sorted(set(frame[factor]))
    design = np.tile(fit.model.exog.mean(0), (len(levels), 1))
    names = list(fit.params.index)
    for i, row in enumerate(design):
        for level in levels[1:]:
            row[names.index(f"C({factor})[T.{level}]")] = levels[i] == level
    at = fit.get_prediction(design, transform=False)
    count = len(levels)
    yield estimate("adjusted means", part(found, "estimate")[:count], at.predicted_mean)
    errors = [row[0] for row in part(found, "table")["values"]]
    yield standard_error("their errors", errors[:count], at.se_mean)


def inflated(joint: Joint, inflation: float) -> Compare:
    """Two predictors with a variance inflation factor near a number; residuals whose variance follows one of them."""
    made = np.random.default_rng(41)
    a = made.normal(0, 1, 2000)
    r = np.sqrt(1 - 1 / inflation)
    b = r * a + np.sqrt(1 - r * r) * made.normal(0, 1, 2000)
    frame = pd.DataFrame({"y": a - b + np.exp(a) * made.normal(0, 1, 2000), "a": a + 1000, "b": b})
    yield from robust(joint, frame, "y")


def scales(joint: Joint) -> Compare:
    """Columns in units from 1e-6 to 1e9, and an R squared of 0.9999."""
    made = np.random.default_rng(42)
    x = made.normal(0, 1, (1000, 3))
    y = x @ [1, -2, 3] + 0.03 * (1 + x[:, 0] ** 2) * made.normal(0, 1, 1000)
    yield from robust(joint, pd.DataFrame({"y": 1e9 * y, "a": 1e-6 * x[:, 0], "b": x[:, 1], "c": 1e6 * x[:, 2]}), "y")


def levers(joint: Joint) -> Compare:
    """Rows with a leverage of 0.9."""
    made = np.random.default_rng(43)
    x = made.normal(0, 1, 60)
    x[0] = 25.0
    yield from robust(joint, pd.DataFrame({"y": x + made.normal(0, 1, 60), "x": x}), "y")


for _name in NIST:
    _words = "" if _name in ("NIST Norris", "NIST Longley") else WORDS
    case("st.linear_model", _name, rows="stay", by="NIST certified", may_be=_words)(partial(certified, name=_name))
for _name in MODELS:
    case("st.linear_model", _name, rows="stay", by=STATSMODELS)(partial(public, name=_name))
    case("LinearModel.vif, wald", _name, rows="stay", by=STATSMODELS)(partial(followed, name=_name))
    case("LinearModel.ridge", _name, rows="stay", by="scikit-learn")(partial(ridge, name=_name))

    @case("LinearModel.robust", _name, rows="stay", by=STATSMODELS)
    def _robust(joint: Joint, name: str = _name) -> Compare:
        yield from robust(joint, *models()[name])


for _name in CLUSTERS:
    case("LinearModel.clustered", _name, rows="stay", by=STATSMODELS)(partial(clustered, name=_name))
for _name in FACTORS:
    case("LinearModel.margins", _name, rows="stay", by=STATSMODELS)(partial(margins, name=_name))
for _inflation in (100, 1000, 100_000):
    case(
        "LinearModel.robust",
        f"variance inflation {_inflation}",
        rows="stay",
        by=STATSMODELS,
        public=False,
        may_be=WORDS if _inflation > 1000 else "",
    )(partial(inflated, inflation=_inflation))
case("LinearModel.robust", "units from 1e-6 to 1e9", rows="stay", by=STATSMODELS, public=False)(scales)
case("LinearModel.robust", "a leverage of 0.9", rows="stay", by=STATSMODELS, public=False)(levers)
