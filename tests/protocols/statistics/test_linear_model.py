"""Linear models whose moments are released: robust and clustered errors, tests, adjusted means, ridge; what has no
answer, and what is suppressed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from sklearn.linear_model import Ridge
from statsmodels.stats.outliers_influence import variance_inflation_factor

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from mpc.errors import ConfigError, ShapeError
from protocols import statistics as st
from protocols.simulate import Computation, dry_run, simulate
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation

FORMULA = "y ~ C(arm) + age + smoker"


class People(Table):
    arm = Category("a", "b", "c")
    ward = Category(*"pqrstuvw")
    age = Real(0, 120)
    smoker = Flag()
    y = Real(-100, 200)
    w = Real(0, 5)


class Others(Table):
    x = Real(0, 1)


def people(n=400, seed=1, missing=0.0):
    random = np.random.default_rng(seed)
    f = pd.DataFrame({"arm": random.choice(list("abc"), n), "ward": random.choice(list("pqrstuvw"), n)})
    f["age"] = random.uniform(20, 90, n).round(1)
    f["smoker"] = random.random(n) < 0.4
    f["w"] = random.uniform(0.1, 3, n).round(2)
    of_ward = f.ward.map(dict(zip("pqrstuvw", random.normal(0, 2, 8), strict=True)))
    f["y"] = 0.5 * f.age + 3 * (f.arm == "b") + 2 * f.smoker + of_ward + random.normal(0, 1 + f.age / 10)
    gone = random.random((n, 3)) < missing
    f = f.astype(object)
    for j, name in enumerate(("arm", "age", "y")):
        f.loc[gone[:, j], name] = None
    return f


def clear(f):
    """The complete rows, as statsmodels takes them."""
    types = {"age": float, "smoker": int, "y": float, "w": float}
    return f.dropna().astype(types)


def scenario_of(script, minimum=1, columns=People, at_most=1 << 20):
    scenario = Scenario(
        inputs={"p": columns.rows(at_most=at_most), "o": Others.rows()}, parameters={"minimum_cohort": minimum}
    )

    @scenario.run
    async def run(study: Study) -> None:
        for name, value in (await script(study, study.table("p"))).items():
            study.release(name, value)

    return scenario


PARTIES = {"ideal": 4, "replicated": 3, "shamir": 5}


def run(script, f, engine="ideal", parts=None, **options):
    names = list("abcdefg")[: len(parts) if parts else PARTIES[engine]]
    parts = parts or [f.iloc[k :: len(names)] for k in range(len(names))]
    other = pd.DataFrame({"x": [0.5]})
    tables = {name: {"p": part, "o": other} for name, part in zip(names, parts, strict=True)}
    scenario = scenario_of(script, **options)
    if engine != "ideal":
        return simulate(scenario, tables, engine=engine)
    with every_bound_holds():
        return simulate(scenario, tables, engine=engine)


def of_model(then=lambda m, p: {}, formula=FORMULA, weights=False):
    async def script(study, p):
        model = await st.linear_model(formula, data=p, weights=p.w if weights else None, study=study, name="model")
        return then(model, p)

    return script


def everything(model, p):
    return {
        **{kind: model.robust(kind) for kind in ("HC0", "HC1", "HC2", "HC3")},
        "ward": model.clustered(p.ward),
        **({"owner": model.clustered("owner", use_t=True)} if len(p.source.owners) > 3 else {}),
    }


def assert_same(found, fit, rtol=1e-8):
    assert not isinstance(found, str), found
    values = pd.DataFrame({key: found[key] for key in ("coefficient", "standard_error", "p", "ci_low", "ci_high")})
    values.index = [str(name).replace("intercept", "const") for name in found["terms"]]
    names = fit.model.exog_names
    values = values.loc[names]
    np.testing.assert_allclose(values.coefficient, fit.params, rtol=rtol, atol=1e-9)
    np.testing.assert_allclose(values.standard_error, fit.bse, rtol=rtol)
    np.testing.assert_allclose(values.p, fit.pvalues, atol=1e-8)
    np.testing.assert_allclose(values[["ci_low", "ci_high"]], fit.conf_int(), rtol=1e-6, atol=1e-8)
    assert found["observations"] == fit.nobs


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("weights", [False, True])
def test_errors_are_those_of_statsmodels(engine, weights):
    f = people(missing=0.02)
    found = run(of_model(everything, weights=weights), f, engine).releases
    rows = clear(f)
    fit = smf.wls(FORMULA, rows, weights=rows.w).fit() if weights else smf.ols(FORMULA, rows).fit()
    assert_same(found["model"], fit)
    assert ("aic" in found["model"]) != weights
    assert found["model"]["r_squared"] == pytest.approx(fit.rsquared, rel=1e-9)
    tests = found["model"]["tests"]
    wald = fit.wald_test_terms(scalar=True).table.loc[tests["terms"]].astype(float)
    np.testing.assert_allclose(tests["f"], wald.statistic, rtol=1e-8)
    order = found["model"]["terms"]
    np.testing.assert_allclose(found["model"]["covariance"], fit.cov_params().loc[order, order], rtol=1e-7)
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        assert_same(found[kind], fit.get_robustcov_results(kind, use_t=False))
        assert found[kind]["errors"] == kind
    by_ward = fit.get_robustcov_results("cluster", groups=pd.Categorical(rows.ward).codes, use_t=False)
    assert_same(found["ward"], by_ward)
    assert (found["ward"]["clusters"], found["ward"]["errors"]) == (8, "clustered by ward")
    if engine == "replicated":  # three organizations, which are too few for clusters
        return
    parties = PARTIES[engine]
    owner = pd.Series(np.arange(len(f)) % parties, f.index).loc[rows.index]
    assert_same(found["owner"], fit.get_robustcov_results("cluster", groups=owner, use_t=True))


def test_by_columns_and_what_follows():
    f = people(300, 2)
    rows = clear(f)

    async def script(study, p):
        model = await st.linear_model(p.y, [p.age, p.smoker], study=study, name="model")
        return {
            "vif": model.vif(),
            "wald": model.wald("age", "smoker"),
            "one": model.wald("age"),
            "ridge": model.ridge(50),
            "smoker": model.margins("smoker"),
            "HC3": model.robust(use_t=True),
        }

    found = run(script, f).releases
    fit = sm.OLS(rows.y, sm.add_constant(rows[["age", "smoker"]])).fit()
    assert_same(found["model"], fit)
    assert_same(found["HC3"], fit.get_robustcov_results("HC3", use_t=True))
    vif = [variance_inflation_factor(fit.model.exog, j) for j in (1, 2)]
    np.testing.assert_allclose(found["vif"]["values"], vif, rtol=1e-9)
    assert found["wald"]["statistic"][0] == pytest.approx(fit.fvalue, rel=1e-9)
    assert found["one"]["statistic"][0] == pytest.approx(fit.tvalues["age"] ** 2, rel=1e-9)
    assert found["one"]["p"][0] == pytest.approx(fit.pvalues["age"], rel=1e-6)
    ridge = Ridge(50).fit(rows[["age", "smoker"]], rows.y)
    np.testing.assert_allclose(found["ridge"]["values"], [ridge.intercept_, *ridge.coef_], rtol=1e-8)
    assert found["ridge"]["labels"] == ["intercept", "age", "smoker"]
    assert found["smoker"]["measures"] == ["False", "True", "True - False"]


def test_margins_are_predictions_at_the_means():
    f = people(300, 3)
    rows = clear(f)
    found = run(of_model(lambda m, p: {"arm": m.margins("arm"), "term": m.margins("C(arm)")}), f).releases
    fit = smf.ols(FORMULA, rows).fit()
    design = np.tile(fit.model.exog.mean(0), (3, 1))
    names = fit.model.exog_names
    for level in "bc":
        design[:, names.index(f"C(arm)[T.{level}]")] = [level == row for row in "abc"]
    at = fit.get_prediction(design, transform=False)
    arm = found["arm"]
    assert found["term"] == arm
    assert arm["measures"] == ["a", "b", "c", "b - a", "c - a"]
    np.testing.assert_allclose(arm["estimate"][:3], at.predicted_mean, rtol=1e-9)
    np.testing.assert_allclose(np.ravel(arm["table"]["values"])[:3], at.se_mean, rtol=1e-8)
    low_high = np.transpose([arm["ci_low"][:3], arm["ci_high"][:3]])
    np.testing.assert_allclose(low_high, at.conf_int(), rtol=1e-8)
    assert arm["estimate"][3] == pytest.approx(fit.params["C(arm)[T.b]"], rel=1e-9)
    assert arm["p"][3] == pytest.approx(fit.pvalues["C(arm)[T.b]"], rel=1e-6)


def test_products_have_tests_but_no_margins():
    f = people(300, 4)
    formula = "y ~ C(arm)*smoker + age"
    found = run(of_model(lambda m, p: {"both": m.wald("C(arm)", "C(arm):smoker")}, formula), f).releases
    fit = smf.ols(formula, clear(f)).fit()
    names = [name for name in fit.params.index if "arm" in name]
    test = fit.f_test(", ".join(f"{name} = 0" for name in names))
    assert found["both"]["statistic"][0] == pytest.approx(float(np.squeeze(test.fvalue)), rel=1e-9)
    assert found["both"]["df"] == [4.0]
    for factor in ("arm", "smoker"):
        with pytest.raises(ConfigError, match="part of a product"):
            run(of_model(lambda m, p, factor=factor: {"m": m.margins(factor)}, formula), f)


@pytest.mark.parametrize("seed", range(4))
def test_hard_ones(seed):
    """Means far from 0, ranges far too wide, owners with very few rows, residuals that only a few rows have."""
    random = np.random.default_rng(seed)
    n = [60, 3000, 20_000, 500][seed]

    class Wide(Table):
        year = Integer(0, 3000)
        dose = Real(0, 1e4)
        rare = Flag()
        y = Real(-1e4, 1e4)

    f = pd.DataFrame({"year": random.integers(1990, 2010, n), "dose": random.gamma(2, 20, n).round(3)})
    f["rare"] = random.random(n) < 0.2
    f["y"] = 0.5 * (f.year - 2000) + 0.1 * f.dose + random.normal(0, 1, n) * np.exp(random.normal(0, 1 + seed / 2, n))

    def kinds(m, p):
        return {kind: m.robust(kind) for kind in ("HC0", "HC3")} | {"owner": m.clustered("owner")}

    parts = [f[: n // 20], f[n // 20 : n // 10], f[n // 10 : n // 2], f[n // 2 :]]
    found = run(of_model(kinds, "y ~ year + dose + rare"), f, parts=parts, columns=Wide).releases
    per = {"year": f.year - 2000.0, "dose": f.dose, "rare": f.rare * 1.0}
    fit = sm.OLS(f.y, sm.add_constant(pd.DataFrame(per))).fit()
    owner = np.repeat([0, 1, 2, 3], [len(part) for part in parts])
    for name, known in (
        ("model", fit),
        ("HC0", fit.get_robustcov_results("HC0", use_t=False)),
        ("HC3", fit.get_robustcov_results("HC3", use_t=False)),
        ("owner", fit.get_robustcov_results("cluster", groups=owner, use_t=False)),
    ):
        got = pd.DataFrame({key: found[name][key] for key in ("coefficient", "standard_error")}, found[name]["terms"])
        bse = pd.Series(np.asarray(known.bse), ["Intercept", *per])
        for term in per:
            assert got.coefficient[term] == pytest.approx(fit.params[term], abs=1e-6 * fit.bse[term])
            assert got.standard_error[term] == pytest.approx(bse[term], rel=1e-5)


def test_what_has_no_answer():
    f = people(200, 5)
    kinds = of_model(everything)

    def words(f, script=kinds, **options):
        found = run(script, f, **options).releases
        assert len(set(found.values())) == 1, found
        return found["model"]

    assert words(f.assign(age=50.0)).startswith("undefined: a column hardly varies")
    assert words(f.assign(y=50.0)).startswith("undefined: a column hardly varies")
    assert words(f, of_model(everything, "y ~ age + I(age + 1)")) == "undefined: predictors nearly collinear"
    assert words(f.assign(y=pd.to_numeric(f.age))).startswith("undefined: R squared")
    few = ("undefined: not more rows than coefficients", "suppressed (fewer than 1)")
    for rows in (f[:5], f[:1], f[:0], f.assign(age=None)):
        assert words(rows) in few
    assert (
        words(f[:8].assign(smoker=[True, False] * 4, arm=list("abcabcab")), minimum=10) == "suppressed (fewer than 10)"
    )
    light = run(of_model(everything, weights=True), f.assign(w=0.0)).releases
    assert set(light.values()) <= {"undefined: " + WEIGHTS, "suppressed (fewer than 1)"}
    follow = of_model(lambda m, p: {"v": m.vif(), "w": m.wald("age"), "m": m.margins("arm"), "r": m.ridge(1)})
    assert words(f.assign(age=50.0), follow).startswith("undefined: a column hardly varies")


WEIGHTS = "all weights together are less than a 64th of the largest declared one"


def test_rows_with_a_leverage_of_one_and_clusters():
    f = people(60, 6)
    f["smoker"] = np.arange(60) == 0
    found = run(of_model(everything), f).releases
    assert not isinstance(found["HC1"], str)
    for kind in ("HC2", "HC3"):
        assert found[kind].startswith("undefined: a row's leverage is above")
    f = people(60, 7)
    f.loc[3, "ward"] = None
    assert run(of_model(everything), f).releases["ward"].startswith("undefined: a row has no cluster")
    alone = run(of_model(everything), f.assign(ward="p")).releases["ward"]
    assert alone in ("undefined: fewer than two clusters", "suppressed (fewer than 1)")
    fit = smf.ols(FORMULA, clear(f.assign(ward=np.where(np.arange(60) % 2, "p", "q")))).fit()
    two = run(of_model(everything), f.assign(ward=np.where(np.arange(60) % 2, "p", "q"))).releases["ward"]
    known = fit.get_robustcov_results("cluster", groups=np.arange(60) % 2, use_t=False)
    assert_same(two, known, rtol=1e-6)
    parts = [f.iloc[:20], f.iloc[20:30], f.iloc[30:], f.iloc[:0]]
    told = run(of_model(everything), f, parts=parts).releases["owner"]
    assert told.startswith("undefined: fewer than four organizations with rows")
    parts = [f.iloc[:10], f.iloc[10:20], f.iloc[20:40], f.iloc[40:], f.iloc[:0]]
    owner = run(of_model(everything), f, parts=parts).releases["owner"]
    assert owner["clusters"] == 4


@pytest.mark.slow
def test_small_groups_are_suppressed():
    f = people(300, 8)
    f["ward"] = np.where(np.arange(300) < 4, "p", list("qrstuv") * 50)
    found = run(of_model(everything), f, minimum=5).releases
    assert found["ward"] == "suppressed (fewer than 5)"
    assert not isinstance(found["owner"], str)
    parts = [f.iloc[:50], f.iloc[50:150], f.iloc[150:297], f.iloc[297:]]
    found = run(of_model(everything), f, parts=parts, minimum=5).releases
    assert found["owner"] == "suppressed (fewer than 5)"
    assert not isinstance(found["HC3"], str)
    f = people(300, 8)
    f["smoker"] = np.arange(300) < 4
    assert set(run(of_model(everything), f, minimum=5).releases.values()) == {"suppressed (fewer than 5)"}


@pytest.mark.slow
def test_messages_depend_on_what_was_released_alone():
    script = of_model(everything)
    planned = dry_run(Computation(scenario_of(script), ["a", "b", "c"]))
    frames = (people(60, 1), people(30, 2, missing=0.3), people(20, 3).assign(y=0.0), people(4, 3))
    for f in frames:
        one = run(script, f, "replicated")
        assert one.cost.rounds == planned.rounds
        assert sum(one.cost.bytes_sent) == sum(planned.bytes_sent)
    hidden = [run(script, f, "replicated", minimum=100) for f in (people(60, 1), people(9, 2), people(50, 3))]
    for other in hidden[1:]:
        assert other.cost == hidden[0].cost
        assert by_operation(other.network.messages) == by_operation(hidden[0].network.messages)


def test_what_it_costs():
    def cost(then, k=2):
        formula = "y ~ " + " + ".join(["age", "smoker", "C(arm)"][:k])
        return dry_run(Computation(scenario_of(of_model(then, formula)), ["a", "b", "c"]))

    alone = cost(lambda m, p: {})
    assert alone.rounds <= 38
    assert sum(alone.bytes_sent) / 3 <= 5_000
    for then, rounds, size in (
        (lambda m, p: {"m": m.robust()}, 20, 1_000),
        (lambda m, p: {"m": m.clustered(p.ward)}, 24, 6_000),
        (lambda m, p: {"m": m.vif()}, 1, 100),
    ):
        more = cost(then)
        assert more.rounds - alone.rounds <= rounds
        assert (sum(more.bytes_sent) - sum(alone.bytes_sent)) / 3 <= size


def test_misuse_is_taught():
    f = people(30)

    async def nameless(study, p):
        return await st.linear_model(FORMULA, data=p, study=study, name="")

    async def data(study, p):
        return await st.linear_model(p.y, [p.age], data=p, study=study, name="m")

    async def none(study, p):
        return await st.linear_model(p.y, [], study=study, name="m")

    async def two(study, p):
        return await st.linear_model(p.y, [study.table("o").x], study=study, name="m")

    async def elsewhere(study, p):
        model = await st.linear_model(p.y, [p.age], study=study, name="m")
        return {"c": model.clustered(study.table("o").x)}

    for script, words in (
        (nameless, "the model is a release"),
        (of_model(lambda m, p: {"x": m.robust("HC9")}), "expected one of HC0"),
        (of_model(lambda m, p: {"x": m.clustered(p.age)}), "expected a category"),
        (of_model(lambda m, p: {"x": m.clustered("site")}), "expected a category"),
        (of_model(lambda m, p: {"x": m.wald("dose")}), "has no term 'dose'"),
        (of_model(lambda m, p: {"x": m.wald()}), "name at least one term"),
        (of_model(lambda m, p: {"x": m.margins("age")}), "is no category or flag"),
        (of_model(lambda m, p: {"x": m.ridge(0)}), "expected a number above 0"),
        (elsewhere, "expected a category"),
    ):
        with pytest.raises(ConfigError, match=words):
            run(script, f)
    with pytest.raises(ConfigError, match="fewer than four organizations"):
        run(of_model(lambda m, p: {"x": m.clustered("owner")}), f, parts=[f[:10], f[10:20], f[20:]])
    for script in (data, none, two):
        with pytest.raises(ShapeError):
            run(script, f)
