"""Multinomial logistic regression of rows that stay: against statsmodels, and what has no answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from mpc.errors import ConfigError, RangeError, ShapeError
from protocols import statistics as st
from protocols.simulate import Computation, dry_run, simulate
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation


class People(Table):
    age = Real(0, 120)
    year = Integer(1900, 2100)
    wide = Integer(0, 3000)
    smoker = Flag()
    arm = Category("x", "y", "z")
    stage = Category("I", "II", "III")


FORMULA = "stage ~ age + smoker"


def people(n=400, seed=1, missing=0.0):
    random = np.random.default_rng(seed)
    f = pd.DataFrame({"age": random.uniform(20, 90, n).round(1), "smoker": random.random(n) < 0.4})
    f["year"] = random.integers(1990, 2020, n)
    f["wide"] = f.year
    f["arm"] = random.choice(list("xyz"), n)
    effect = 0.03 * (f.age - 50) + 0.5 * f.smoker
    odds = np.column_stack([np.zeros(n), effect - 0.3, 0.8 * (f.arm == "y") - effect])
    risk = np.exp(odds) / np.exp(odds).sum(1, keepdims=True)
    f["stage"] = np.asarray(["I", "II", "III"])[(random.random(n)[:, None] > risk.cumsum(1)).sum(1).clip(0, 2)]
    f = f.astype(object)
    return f.mask(random.random(f.shape) < missing)


def scenario_of(formula=FORMULA, iterations=9, minimum=1, at_most=1 << 20):
    scenario = Scenario(inputs={"p": People.rows(at_most=at_most)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study: Study) -> None:
        p = study.table("p")
        model = await st.mnlogit(formula, p, iterations=iterations, study=study, name="m")
        study.release("model", model)

    return scenario


def run(f, formula=FORMULA, engine="ideal", **options):
    scenario = scenario_of(formula, **options)
    tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
    if engine != "ideal":
        return simulate(scenario, tables, engine=engine).releases
    with every_bound_holds():
        return simulate(scenario, tables, engine=engine).releases


def known(f, *predictors):
    f = f[[*dict.fromkeys([*(p[0] if isinstance(p, tuple) else p for p in predictors), "stage"])]].dropna()
    x = {f"{p[0]}[{p[1]}]" if isinstance(p, tuple) else p: (f[p[0]] == p[1]) if isinstance(p, tuple) else f[p]
         for p in predictors}  # fmt: skip
    y = pd.Categorical(f.stage, ["I", "II", "III"]).codes
    return sm.MNLogit(y, sm.add_constant(pd.DataFrame(x).astype(float))).fit(disp=0, maxiter=100, tol=1e-14)


def assert_same(found, fit):
    assert not isinstance(found, str), found
    params, bse = (np.asarray(x).T.ravel() for x in (fit.params, fit.bse))
    assert (abs(np.asarray(found["coefficient"]) - params) < 1e-5 * bse).all()
    np.testing.assert_allclose(found["standard_error"], bse, rtol=1e-5)
    np.testing.assert_allclose(found["p"], np.asarray(fit.pvalues).T.ravel(), atol=1e-5)
    assert found["log_likelihood"] == pytest.approx(fit.llf, abs=1e-5)
    assert found["null_log_likelihood"] == pytest.approx(fit.llnull, abs=1e-5)
    assert found["observations"] == fit.nobs


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_it_is_that_of_statsmodels(engine):
    f = people(missing=0.02)
    found = run(f, engine=engine)
    assert_same(found["model"], known(f, "age", "smoker"))
    assert found["model"]["terms"][3:] == ["III, Intercept", "III, age", "III, smoker"]
    assert found["m, step 9 of 9"]["values"] == found["model"]["coefficient"]
    levels = f[["age", "smoker", "stage"]].dropna().stage.value_counts()
    assert found["model"]["levels"] == levels.sort_index().to_dict()


@pytest.mark.slow
def test_levels_of_a_predictor_and_a_mean_far_from_0():
    f = people(600, 2)
    found = run(f, "stage ~ age + C(arm) + year", at_most=1 << 26)["model"]
    fit = known(f, "age", ("arm", "y"), ("arm", "z"), "year")
    params, bse = (np.asarray(x).T.reshape(2, 5) for x in (fit.params, fit.bse))
    order = [found["terms"][:5].index(f"II, {t}") for t in ("Intercept", "age", "C(arm)[T.y]", "C(arm)[T.z]", "year")]
    ours = np.reshape(found["coefficient"], (2, 5))[:, order]
    assert (abs(ours - params) < 1e-4 * bse).all()
    np.testing.assert_allclose(np.reshape(found["standard_error"], (2, 5))[:, order], bse, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_a_small_table_by_columns(engine):
    f = people(45, 3)
    scenario = Scenario(inputs={"p": People.rows()}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def script(study: Study) -> None:
        p = study.table("p")
        study.release("model", await st.mnlogit(p.stage, [p.age], iterations=12, study=study, name="m"))

    tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
    found = simulate(scenario, tables, engine=engine).releases["model"]
    assert_same(found, known(f, "age"))
    assert found["terms"] == ["II, intercept", "II, age", "III, intercept", "III, age"]


@pytest.mark.slow
def test_what_has_no_answer():
    f = people(90, 4)
    assert run(f.assign(stage=np.where(np.arange(90) % 2, "I", "II")))["model"] in (
        "undefined: a level of the outcome has no row",
        "suppressed (fewer than 1)",
    )
    assert run(f.assign(age=50.0))["model"].startswith("undefined: a predictor hardly varies")
    assert run(f, "stage ~ wide")["model"].startswith("undefined: a predictor hardly varies")
    assert run(f, "stage ~ age + I(age + 1)")["model"].startswith("undefined: predictors nearly collinear")
    apart = f.assign(stage=np.where(pd.to_numeric(f.age) > 60, "III", np.where(pd.to_numeric(f.age) > 40, "II", "I")))
    assert run(apart, iterations=14)["model"].startswith("undefined: ")
    for few in (f[:0], f[:1], f[:5], f.assign(stage=None)):
        assert run(few, iterations=4)["model"].startswith(("undefined: ", "suppressed"))


def test_small_groups_suppress_every_step():
    f = people(100, 5)
    f.loc[f.index[4:], "stage"] = np.where(np.arange(96) % 2, "I", "II")
    f.loc[f.index[:4], "stage"] = "III"
    assert set(run(f, minimum=10, iterations=4).values()) == {"suppressed (fewer than 10)"}


@pytest.mark.slow
def test_a_level_with_few_of_a_flag_suppresses():
    f = people(200, 6)
    f.loc[f.stage == "II", "smoker"] = False
    f.loc[f.index[f.stage == "II"][:3], "smoker"] = True
    assert set(run(f, minimum=10, iterations=4).values()) == {"suppressed (fewer than 10)"}


@pytest.mark.slow
def test_enough_rows_everywhere_are_no_reason_to_suppress():
    f = people(400, 8)
    found = run(f, "stage ~ age + smoker + C(arm)", minimum=10)["model"]
    fit = known(f, "age", "smoker", ("arm", "y"), ("arm", "z"))
    assert found["log_likelihood"] == pytest.approx(fit.llf, abs=1e-5)


@pytest.mark.slow
def test_few_rows_at_a_level_of_a_predictor_suppress():
    f = people(200, 7)
    f.loc[f.stage == "II", "arm"] = "y"
    f.loc[f.index[f.stage == "II"][:3], "arm"] = "x"  # the reference of both
    found = run(f, "stage ~ age + C(arm)", minimum=10, iterations=4)
    assert set(found.values()) == {"suppressed (fewer than 10)"}


def test_misuse_is_taught():
    def plan(formula, iterations=9):
        dry_run(Computation(scenario_of(formula, iterations), ["a", "b", "c"]))

    with pytest.raises(ConfigError, match="expected a Category"):
        plan("age ~ smoker")
    with pytest.raises(ConfigError, match="a category alone"):
        plan('C(stage, Treatment("II")) ~ age')
    with pytest.raises(RangeError, match="4 to 40"):
        plan(FORMULA, 3)
    with pytest.raises(ShapeError, match="at most 20"):
        plan("stage ~ C(arm)*smoker*age")


@pytest.mark.slow
def test_messages_and_costs_are_those_of_the_plan():
    planned = dry_run(Computation(scenario_of(iterations=5), ["a", "b", "c"]))
    for f in (people(90, 1), people(40, 2, missing=0.5), people(4, 3)):
        tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
        one = simulate(scenario_of(iterations=5), tables, engine="replicated")
        assert one.cost.rounds == planned.rounds
        assert sum(one.cost.bytes_sent) == sum(planned.bytes_sent)
    for formula, d in (("stage ~ age", 4), ("stage ~ age + smoker + C(arm)", 10)):
        some, more = (dry_run(Computation(scenario_of(formula, i), ["a", "b", "c"])) for i in (8, 9))
        each = (sum(more.bytes_sent) - sum(some.bytes_sent)) / 3
        assert more.rounds - some.rounds <= 90 + 16 * d
        assert each <= 4_000 + 500 * d * d


@pytest.mark.slow
def test_messages_do_not_depend_on_rows_where_nothing_is_released():
    runs = []
    for f in (people(90, 1), people(40, 2, missing=0.5), people(4, 3)):
        tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
        runs.append(simulate(scenario_of("stage ~ age", 5, minimum=1000), tables, engine="replicated"))
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)
