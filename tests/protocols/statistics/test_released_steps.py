"""Logistic and Poisson regression of rows that stay, by steps that are released: against statsmodels, and what has no
answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from mpc.errors import ConfigError, RangeError
from protocols import statistics as st
from protocols.simulate import Computation, dry_run, simulate
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES, ENGINES_SLOW
from tests.support.messages import by_operation


class People(Table):
    age = Real(0, 120)
    smoker = Flag()
    arm = Category("a", "b", "c")
    years = Real(0.01, 20)
    visits = Integer(0, 100)
    ill = Flag()


def people(n=400, seed=1, missing=0.0):
    random = np.random.default_rng(seed)
    f = pd.DataFrame({"age": random.uniform(20, 90, n).round(1), "smoker": random.random(n) < 0.4})
    f["arm"] = random.choice(list("abc"), n)
    f["years"] = random.uniform(0.1, 10, n).round(3)
    effect = 0.03 * (f.age - 50) + 0.5 * f.smoker - 0.4 * (f.arm == "b")
    f["visits"] = random.poisson(f.years * np.exp(effect - 0.5)).clip(0, 100)
    f["ill"] = random.random(n) < 1 / (1 + np.exp(1 - effect))
    f = f.astype(object)
    return f.mask(random.random(f.shape) < missing)


def scenario_of(script, minimum=1, columns=People, at_most=1 << 20):
    scenario = Scenario(inputs={"p": columns.rows(at_most=at_most)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study: Study) -> None:
        study.release("model", await script(study, study.table("p")))

    return scenario


def run(script, f, engine="ideal", **options):
    tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
    scenario = scenario_of(script, **options)
    if engine != "ideal":
        return simulate(scenario, tables, engine=engine)
    with every_bound_holds():
        return simulate(scenario, tables, engine=engine)


def poisson(formula="visits ~ age + smoker", exposure=True, iterations=9):
    async def script(study, p):
        return await st.poisson(
            formula, p, exposure=p.years if exposure else None, iterations=iterations, study=study, name="m"
        )

    return script


def logit(formula="ill ~ age + smoker", iterations=9):
    async def script(study, p):
        return await st.logit(formula, p, steps="released", iterations=iterations, study=study, name="m")

    return script


def known(f, formula, family, exposure=None):
    used = [name for name in f if name in formula or name == exposure]
    types = {"age": float, "smoker": int, "visits": float, "ill": int, "years": float}
    f = f[used].dropna().astype({name: kind for name, kind in types.items() if name in used})
    exposure = None if exposure is None else f[exposure]
    return smf.glm(formula, f, family=family, exposure=exposure).fit(tol=1e-13, maxiter=60)


def assert_same(found, fit):
    assert not isinstance(found, str), found
    assert found["observations"] == fit.nobs
    values = pd.DataFrame({key: found[key] for key in ("coefficient", "standard_error", "p")}, index=found["terms"])
    values = values.rename(index=lambda name: name.replace("intercept", "Intercept")).loc[fit.params.index]
    assert (abs(values.coefficient - fit.params) < 1e-6 * fit.bse).all()
    np.testing.assert_allclose(values.standard_error, fit.bse, rtol=2e-6)
    np.testing.assert_allclose(values.p, fit.pvalues, atol=1e-6)
    assert found["log_likelihood"] == pytest.approx(fit.llf, abs=1e-5)
    assert found["null_log_likelihood"] == pytest.approx(fit.llnull, abs=1e-5)
    assert found["deviance"] == pytest.approx(fit.deviance, abs=1e-5)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize(
    "formula", ["visits ~ age + smoker", pytest.param("visits ~ C(arm)*smoker + age", marks=pytest.mark.slow)]
)
def test_poisson_is_that_of_statsmodels(engine, formula):
    f = people(missing=0.02)
    found = run(poisson(formula), f, engine).releases
    assert_same(found["model"], known(f, formula, sm.families.Poisson(), "years"))
    assert [name for name in found if name != "model"] == [f"m, step {i} of 9" for i in range(1, 10)]
    assert found["m, step 9 of 9"]["values"] == found["model"]["coefficient"]
    assert found["m, step 1 of 9"]["values"][1:] == [0.0] * (len(found["model"]["terms"]) - 1)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_logit_is_that_of_statsmodels(engine):
    f = people(500, 2, missing=0.02)
    found = run(logit("ill ~ age + smoker + C(arm)"), f, engine).releases["model"]
    assert_same(found, known(f, "ill ~ age + smoker + C(arm)", sm.families.Binomial()))
    assert found["events"] == f[["age", "smoker", "arm", "ill"]].dropna().ill.sum()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_negative_binomial_is_that_of_statsmodels(engine):
    f = people(300, 7, missing=0.02)

    async def script(study, p):
        return await st.negativebinomial("visits ~ age + smoker", p, alpha=0.5, study=study, name="m")

    fit = known(f, "visits ~ age + smoker", sm.families.NegativeBinomial(alpha=0.5))
    assert_same(run(script, f, engine).releases["model"], fit)

    async def per_year(study, p):
        options = {"exposure": p.years, "study": study, "name": "m"}
        return await st.negativebinomial("visits ~ age + smoker", p, alpha=0.5, iterations=20, **options)

    if engine == "ideal":
        fit = known(f, "visits ~ age + smoker", sm.families.NegativeBinomial(alpha=0.5), "years")
        found = run(per_year, f).releases["model"]
        assert found["null_log_likelihood"].startswith("undefined: with an exposure")
        assert_same({**found, "null_log_likelihood": fit.llnull}, fit)


def test_without_an_exposure_and_by_columns():
    f = people(300, 3)

    async def script(study, p):
        return await st.poisson(p.visits, [p.age, p.smoker], study=study, name="m")

    assert_same(run(script, f).releases["model"], known(f, "visits ~ age + smoker", sm.families.Poisson()))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_hard_ones(seed):
    """Rare outcomes, wide ranges, a mean far from 0, very unequal owners."""
    random = np.random.default_rng(seed)
    n = [40, 300, 3000, 20_000, 200, 1000][seed]

    class Wide(Table):
        year = Integer(0, 3000)
        dose = Real(0, 1e4)
        smoker = Flag()
        visits = Integer(0, 2000)
        ill = Flag()

    f = pd.DataFrame({"year": random.integers(1990, 2010, n), "dose": random.gamma(2, 20, n).round(3)})
    f["smoker"] = random.random(n) < 0.2
    effect = 0.05 * (f.year - 2000) + 0.01 * f.dose + 0.3 * f.smoker
    f["visits"] = random.poisson(np.exp(effect.clip(-5, 6) + [0, 1, -2, -3, 3, 0][seed]))
    f["ill"] = random.random(n) < 1 / (1 + np.exp([0, 1, 4, 5, -1, 2][seed] - effect))
    tables = {"a": {"p": f[: n // 50]}, "b": {"p": f[n // 50 : n // 49]}, "c": {"p": f[n // 49 :]}}
    for script, formula, family in (
        (poisson("visits ~ year + dose + smoker", False, 14), "visits ~ year + dose + smoker", sm.families.Poisson()),
        (logit("ill ~ year + dose + smoker", 14), "ill ~ year + dose + smoker", sm.families.Binomial()),
    ):
        found = simulate(scenario_of(script, columns=Wide), tables, engine="ideal").releases["model"]
        floats = f.astype({"year": float, "dose": float, "smoker": int, "visits": float, "ill": int})
        fit = smf.glm(formula, floats.assign(year=floats.year), family=family).fit(tol=1e-14, maxiter=80)
        values = pd.DataFrame({k: found[k] for k in ("coefficient", "standard_error")}, index=found["terms"])
        values = values.loc[fit.params.index]
        assert (abs(values.coefficient - fit.params) < 3e-5 * fit.bse).all()
        np.testing.assert_allclose(values.standard_error, fit.bse, rtol=1e-5)


@pytest.mark.slow
def test_what_has_no_answer():
    f = people(200, 4)
    far = f.assign(ill=pd.to_numeric(f.age) > 55)
    assert (
        run(logit(iterations=12), far).releases["model"].startswith(("undefined: not converged", "undefined: the lin"))
    )
    assert run(poisson(), f.assign(visits=0)).releases["m, step 1 of 9"].startswith("undefined: the outcome is 0")
    assert run(poisson(), f.assign(visits=0)).releases["model"].startswith("undefined: the outcome is 0")
    assert run(poisson(), f.assign(age=50.0)).releases["model"].startswith("undefined: a predictor hardly varies")
    twice = run(poisson("visits ~ age + I(age + 1)"), f).releases["model"]
    assert twice == "undefined: predictors nearly collinear"
    assert run(poisson(), f[:3]).releases["model"] in (
        "undefined: not more rows than coefficients",
        "suppressed (fewer than 1)",
    )
    for few in (f[:0], f[:1]):
        assert isinstance(run(poisson(), few).releases["model"], str)
    steep = f.assign(visits=np.exp(pd.to_numeric(f.age) / 15).clip(0, 100).astype(int))
    assert run(poisson(exposure=False, iterations=4), steep).releases["model"].startswith("undefined: not converged")


FORMULA = "visits ~ age + smoker"


@pytest.mark.slow
def test_small_groups_suppress_every_step():
    f = people(200, 5)
    f.loc[f.index[4:], "smoker"] = False
    found = run(poisson(), f, minimum=10).releases
    assert set(found.values()) == {"suppressed (fewer than 10)"}
    most = people(200, 6)
    most["visits"] = np.where(np.arange(200) < 4, 0, pd.to_numeric(most.visits) + 1)
    assert_same(
        run(poisson(), most, minimum=10).releases["model"], known(most, FORMULA, sm.families.Poisson(), "years")
    )
    few = people(200, 6)
    few.loc[few.index[7:], "visits"] = 0
    assert set(run(poisson(), few, minimum=10).releases.values()) == {"suppressed (fewer than 10)"}


@pytest.mark.slow
def test_messages_depend_on_what_was_released_alone():
    """The plan knows how many there are. Who sends is drawn from labels, which cover the released coefficients."""
    script = poisson("visits ~ age + C(arm)", iterations=5)
    planned = dry_run(Computation(scenario_of(script), ["a", "b", "c"]))
    runs = [
        run(script, f, "replicated")
        for f in (people(60, 1), people(30, 2, missing=0.5), people(20, 3).assign(visits=0), people(4, 3))
    ]
    for one in runs:
        assert one.cost.rounds == planned.rounds
        assert sum(one.cost.bytes_sent) == sum(planned.bytes_sent)
        assert sum(one.cost.messages) == sum(planned.cost.messages)
    hidden = [run(script, f, "replicated", minimum=100) for f in (people(60, 1), people(9, 2), people(50, 3))]
    for one in hidden[1:]:
        assert one.cost == hidden[0].cost
        assert by_operation(one.network.messages) == by_operation(hidden[0].network.messages)


def test_what_a_step_costs():
    def cost(formula, iterations):
        script = poisson(formula, iterations=iterations)
        return dry_run(Computation(scenario_of(script), ["a", "b", "c"]))

    for formula, k in (("visits ~ age", 1), ("visits ~ age + smoker + C(arm)", 4)):
        some, more = cost(formula, 8), cost(formula, 9)
        assert more.rounds - some.rounds <= 150 + 25 * k
        assert (sum(more.bytes_sent) - sum(some.bytes_sent)) / 3 <= 14_000 + 3_000 * k


def test_misuse_is_taught():
    f = people(30)

    async def shared(study, p):
        return await st.logit("ill ~ age", p.share(rows=20), steps="released", study=study, name="m")

    async def private(study, p):
        return await st.logit("ill ~ age", p)

    async def nameless(study, p):
        return await st.logit("ill ~ age", p, steps="released")

    async def other(study, p):
        return await st.logit("ill ~ age", p, steps="some")

    for script, words in (
        (shared, "leave out share"), (private, 'steps="released"'), (nameless, "pass study=study"), (other, "expected"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            run(script, f)
    with pytest.raises(RangeError, match="4 to 40"):
        run(poisson(iterations=3), f)

    class Negative(People):
        visits = Integer(-1, 5)

    class Free(People):
        years = Real(0, 20)

    for columns, words in ((Negative, "declared from 0 on"), (Free, "declare it above 0")):
        with pytest.raises(RangeError, match=words):
            dry_run(Computation(scenario_of(poisson(), columns=columns), ["a", "b", "c"]))
