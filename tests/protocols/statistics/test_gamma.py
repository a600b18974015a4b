"""Gamma regression of rows that stay, by steps that are released: against statsmodels, and what has no answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from mpc import Category, Flag, Real, Scenario, Study, Table
from mpc.errors import ConfigError, RangeError
from protocols import statistics as st
from protocols.simulate import Computation, dry_run, simulate
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation


class Stays(Table):
    age = Real(0, 120)
    smoker = Flag()
    arm = Category("a", "b", "c")
    cost = Real(1e-3, 1e5)


FORMULA = "cost ~ age + smoker"


def stays(n=300, seed=1, shape=2.0, missing=0.0):
    random = np.random.default_rng(seed)
    f = pd.DataFrame({"age": random.uniform(20, 90, n).round(1), "smoker": random.random(n) < 0.4})
    f["arm"] = random.choice(list("abc"), n)
    mean = np.exp(3 + 0.02 * f.age + 0.5 * f.smoker - 0.4 * (f.arm == "b"))
    f["cost"] = (mean * random.gamma(shape, 1 / shape, n)).clip(1e-3, 1e5)
    f = f.astype(object)
    return f.mask(random.random(f.shape) < missing)


def run(f, formula=FORMULA, engine="ideal", iterations=16, minimum=1, at_most=1 << 20, columns=Stays):
    scenario = scenario_of(formula, iterations, minimum, at_most, columns)
    tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
    if engine != "ideal":
        return simulate(scenario, tables, engine=engine).releases
    with every_bound_holds():
        return simulate(scenario, tables, engine=engine).releases


def scenario_of(formula=FORMULA, iterations=16, minimum=1, at_most=1 << 20, columns=Stays):
    scenario = Scenario(inputs={"p": columns.rows(at_most=at_most)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study: Study) -> None:
        model = await st.gamma(formula, study.table("p"), iterations=iterations, study=study, name="m")
        study.release("model", model)

    return scenario


def known(f, formula=FORMULA):
    f = f[[name for name in f if name in formula]].dropna()
    f = f.astype({"age": float, "smoker": int, "cost": float})
    family = sm.families.Gamma(link=sm.families.links.Log())
    return smf.glm(formula, f, family=family).fit(tol=1e-13, maxiter=200)


def assert_same(found, fit, digits=1e-6, errors=5e-6):
    assert not isinstance(found, str), found
    assert found["observations"] == fit.nobs
    values = pd.DataFrame({key: found[key] for key in ("coefficient", "standard_error", "p")}, index=found["terms"])
    values = values.loc[fit.params.index]
    assert (abs(values.coefficient - fit.params) < digits * fit.bse).all()
    np.testing.assert_allclose(values.standard_error, fit.bse, rtol=errors)
    np.testing.assert_allclose(values.p, fit.pvalues, atol=1e-5)
    assert found["scale"] == pytest.approx(fit.scale, rel=errors)
    assert found["deviance"] == pytest.approx(fit.deviance, rel=1e-6, abs=1e-6)
    assert found["null_deviance"] == pytest.approx(fit.null_deviance, rel=1e-6)
    assert found["log_likelihood"] == pytest.approx(fit.llf, abs=3e-6 * fit.nobs + 1e-3)
    assert found["null_log_likelihood"] == pytest.approx(fit.llnull, abs=3e-6 * fit.nobs + 1e-3)
    assert found["aic"] == pytest.approx(fit.aic, abs=1e-5 * fit.nobs + 1e-2)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_gamma_is_that_of_statsmodels(engine):
    f = stays(missing=0.02)
    found = run(f, "cost ~ C(arm) + smoker + age", engine)
    assert_same(found["model"], known(f, "cost ~ C(arm) + smoker + age"))
    assert found["m, step 16 of 16"]["values"] == found["model"]["coefficient"]
    assert "events" not in found["model"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "shape", "at_most"), [(300, 400.0, 1 << 26), (3000, 0.2, 1 << 26), (40, 1.0, 1 << 20), (400, 5000.0, 1 << 26)]
)
def test_scales_from_small_to_large(n, shape, at_most):
    f = stays(n, 3, shape)
    assert_same(run(f, iterations=30, at_most=at_most)["model"], known(f), digits=1e-5, errors=1e-5)


@pytest.mark.slow
def test_what_has_no_answer():
    f = stays(60, 4)
    ages = pd.to_numeric(f.age)
    exact = f.assign(cost=np.exp(1 + 0.02 * ages + 0.5 * f.smoker.astype(float)))
    assert run(exact)["model"] == "undefined: the response hardly varies about its mean"
    wild = f.assign(cost=np.where(np.arange(60) % 30 == 7, 9e4, 0.01))
    assert run(wild)["model"].startswith("undefined: ")
    assert run(f.assign(cost=5.0))["model"].startswith("undefined: the response hardly varies")


@pytest.mark.slow
def test_what_has_no_answer_of_predictors():
    f = stays(60, 4)
    assert run(f.assign(age=50.0))["model"].startswith("undefined: a predictor hardly varies")
    assert run(f, "cost ~ age + I(age + 1)")["model"] == "undefined: predictors nearly collinear"
    for few in (f[:0], f[:1], f[:3], f.assign(cost=None)):
        assert run(few)["model"].startswith(("undefined: not more rows", "suppressed"))
    extreme = f.assign(cost=np.where(np.arange(60) < 30, 1e-3, 1e5))
    assert_same(run(extreme)["model"], known(extreme), errors=1e-5)  # half of the rows at each end of the range


def test_small_groups_suppress_every_step():
    f = stays(100, 5)
    f.loc[f.index[4:], "smoker"] = False
    assert set(run(f, minimum=10, iterations=5).values()) == {"suppressed (fewer than 10)"}


def test_misuse_is_taught():
    class Free(Stays):
        cost = Real(0, 10)

    with pytest.raises(RangeError, match="declare it above 0"):
        dry_run(Computation(scenario_of(columns=Free), ["a", "b", "c"]))
    with pytest.raises(RangeError, match="4 to 40"):
        dry_run(Computation(scenario_of(iterations=3), ["a", "b", "c"]))

    scenario = Scenario(inputs={"p": Stays.rows()})

    @scenario.run
    async def shared(study: Study) -> None:
        await st.gamma("cost ~ age", study.table("p").share(rows=9), study=study, name="m")

    with pytest.raises(ConfigError, match="leave out share"):
        dry_run(Computation(scenario, ["a", "b", "c"]))


@pytest.mark.slow
def test_messages_and_costs_are_those_of_the_plan():
    planned = dry_run(Computation(scenario_of(iterations=5), ["a", "b", "c"]))
    for f in (stays(60, 1), stays(30, 2, missing=0.5), stays(3, 3)):
        tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
        one = simulate(scenario_of(iterations=5), tables, engine="replicated")
        assert one.cost.rounds == planned.rounds
        assert sum(one.cost.bytes_sent) == sum(planned.bytes_sent)
    more = dry_run(Computation(scenario_of(iterations=6), ["a", "b", "c"]))
    assert more.rounds - planned.rounds <= 130 + 20 * 2
    assert (sum(more.bytes_sent) - sum(planned.bytes_sent)) / 3 <= 12_000 + 2_000 * 2


@pytest.mark.slow
def test_messages_do_not_depend_on_rows_where_nothing_is_released():
    runs = []
    for f in (stays(90), stays(40, 2, missing=0.5)):
        tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
        runs.append(simulate(scenario_of(iterations=5, minimum=1000), tables, engine="replicated"))
    assert runs[1].cost == runs[0].cost
    assert by_operation(runs[1].network.messages) == by_operation(runs[0].network.messages)
