"""Logistic regression of shared rows against statsmodels: accuracy, edges, protection, and what it costs."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from mpc import Flag, Key, Real, Scenario, Table
from mpc.errors import ConfigError, RangeError, ShapeError
from protocols import statistics as st
from protocols.models import rows as model_rows
from protocols.simulate import Computation, dry_run, simulate
from tests.support.bounds import every_bound_holds
from tests.support.engines import MORE_PARTIES


class People(Table):
    ill = Flag()
    smoker = Flag()
    male = Flag()
    age = Real(0, 120)
    year = Real(1900, 2100)
    dose = Real(-1000, 1000)
    rural = Flag()


class Here(Table):
    key = Key(unique=True)
    ill = Flag()
    age = Real(0, 120)


class There(Table):
    key = Key(unique=True)
    dose = Real(-1000, 1000)


NAMES = ["smoker", "male", "age", "year", "dose"]
#: Of estimates in standard errors, of standard errors, of p-values, of the log-likelihood: see `logit`.
ESTIMATE, ERROR, P, ROW, ROOT = 1e-4, 1e-4, 1e-4, 1e-7, 1e-5


def frame(rows=300, seed=1, base=0.0, **effects):
    r = np.random.default_rng(seed)
    f = pd.DataFrame(
        {
            "smoker": r.random(rows) < 0.35,
            "male": r.random(rows) < 0.5,
            "age": r.uniform(20, 90, rows),
            "year": r.normal(1990, 6, rows),
            "dose": r.standard_t(3, rows) * 5,
        }
    )
    effects = {"smoker": 0.8, "age": 0.04, "year": -0.05, "dose": 0.03, "male": 0.0, **effects}
    odds = base + sum(effect * (f[name] - f[name].mean()) for name, effect in effects.items())
    f["rural"] = np.arange(rows) % 3 == 0
    f.insert(0, "ill", r.random(rows) < 1 / (1 + np.exp(-odds)))
    return f


def tables_of(f, parties=3, cuts=None):
    cuts = np.linspace(0, len(f), parties + 1).astype(int) if cuts is None else cuts
    return {f"org{i}": {"people": f.iloc[a:b]} for i, (a, b) in enumerate(pairwise(cuts))}


def study_of(f, names=NAMES, *, engine="ideal", places=None, minimum=5, cuts=None, script=None, **how):
    """A scenario with a model of shared rows, and the tables of as many organizations as the engine has parties."""
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": minimum})
    _, *more = engine.split()
    tables = tables_of(f, int(more[0]) if more else 3, cuts)
    most = max(len(table["people"]) for table in tables.values())

    @scenario.run
    async def go(study):
        rows = study.table("people").share(rows=places or most)
        result = script(rows) if script else st.logit(rows.ill, rows[list(names)], **how)
        study.release("model", await result)

    return scenario, tables


def run(f, names=NAMES, *, engine="ideal", **how) -> Any:
    scenario, tables = study_of(f, names, engine=engine, **how)
    return simulate(scenario, tables, engine=engine.split()[0]).releases["model"]


def fitted(f, names=NAMES):
    f = f[["ill", *names]].dropna().astype(float)
    return sm.Logit(f["ill"], sm.add_constant(f[list(names)])).fit(disp=0, maxiter=100, tol=1e-13)


def check(found, fit, *, estimate=ESTIMATE):
    table = SimpleNamespace(**{k: np.asarray(v) for k, v in found.items() if isinstance(v, list) and k != "terms"})
    errors = fit.bse.to_numpy()
    assert np.abs((table.coefficient - fit.params) / errors).max() < estimate
    np.testing.assert_allclose(table.standard_error, errors, rtol=ERROR)
    np.testing.assert_allclose(table.z, fit.tvalues, atol=2 * estimate, rtol=ERROR)
    np.testing.assert_allclose(table.p, fit.pvalues, atol=P)
    tiny = fit.pvalues.to_numpy() < 1e-6
    np.testing.assert_allclose(table.p[tiny], fit.pvalues[tiny], rtol=1e-2)
    low, high = fit.conf_int().to_numpy().T
    np.testing.assert_allclose(table.ci_low, low, atol=3 * estimate * errors.max())
    np.testing.assert_allclose(table.odds_ratio, np.exp(fit.params), rtol=2 * estimate * errors.max())
    np.testing.assert_allclose(np.log(table.odds_ci_high), high, atol=3 * estimate * errors.max())
    rows = int(fit.nobs)
    assert found["observations"] == rows
    assert found["residual_df"] == fit.df_resid
    assert found["log_likelihood"] == pytest.approx(fit.llf, abs=ROW * rows + ROOT * rows**0.5)
    assert found["null_log_likelihood"] == pytest.approx(fit.llnull, abs=1e-4)
    assert found["pseudo_r_squared"] == pytest.approx(fit.prsquared, abs=1e-5)
    assert found["aic"] == pytest.approx(fit.aic, abs=1e-3)
    assert found["bic"] == pytest.approx(fit.bic, abs=1e-3)
    assert found["deviance"] == pytest.approx(-2 * fit.llf, abs=1e-3)


@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize("names", [["age"], NAMES])
def test_as_statsmodels(engine, names):
    f = frame()
    found = run(f, names, engine=engine)
    assert found["terms"] == ["intercept", *names]
    check(found, fitted(f, names))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_every_bound_holds(seed):
    f = frame(250 + 50 * seed, seed=seed, base=-seed / 2)
    with every_bound_holds():
        found = run(f)
    check(found, fitted(f))


def test_missing_values_padding_and_an_owner_without_rows():
    f = frame(400).astype(object)
    f.loc[f.index % 7 == 1, "age"] = None
    f.loc[f.index % 11 == 2, "ill"] = None
    f.loc[f.index % 13 == 3, "smoker"] = None
    found = run(f, cuts=[0, 0, 150, 400], places=1000)
    assert found["observations"] == len(f.dropna())
    check(found, fitted(f))


def test_rows_that_a_filter_keeps():
    f = frame(1500)

    def script(rows):
        kept = rows.filter(rows.age > 40)
        return st.logit(kept.ill, kept[["smoker", "dose"]])

    found = run(f, script=script)
    check(found, fitted(f[f.age > 40], ["smoker", "dose"]))


class Student(Table):
    grade = Flag()
    gpa = Real(0, 4)
    tuce = Real(0, 40)
    psi = Flag()


def test_a_published_model():
    """The grades of 32 students: Greene, Econometric Analysis, 5th ed. (2003), table 21.1."""
    data = sm.datasets.spector.load_pandas().data.rename(columns=str.lower)[["grade", "gpa", "tuce", "psi"]]
    scenario = Scenario(inputs={"students": Student.rows()}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def go(study):
        rows = study.table("students").share(rows=32)
        study.release("model", await st.logit(rows.grade, rows[["gpa", "tuce", "psi"]]))

    tables = {name: {"students": data.iloc[a:b]} for name, a, b in [("a", 0, 10), ("b", 10, 32), ("c", 32, 32)]}
    found = simulate(scenario, tables).releases["model"]
    np.testing.assert_allclose(found["coefficient"], [-13.021347, 2.826113, 0.095158, 2.378688], rtol=1e-5)
    np.testing.assert_allclose(found["standard_error"], [4.931317, 1.262941, 0.141554, 1.064564], rtol=1e-5)
    assert found["log_likelihood"] == pytest.approx(-12.889634, abs=1e-4)
    assert found["null_log_likelihood"] == pytest.approx(-20.591731, abs=1e-5)
    assert found["events"] == 11


@pytest.mark.slow
@pytest.mark.parametrize("base", [-3.5, 3.5])
def test_a_rare_outcome(base):
    f = frame(3000, base=base, seed=3)
    assert min(f.ill.sum(), (~f.ill).sum()) < 200
    check(run(f), fitted(f))


@pytest.mark.slow
def test_outliers_and_columns_far_from_0():
    f = frame(2000, seed=5)
    f.loc[:3, "dose"] = [-900.0, 950.0, 1000.0, -1000.0]
    f["year"] = 2099 + f.year % 1
    with every_bound_holds():
        found = run(f)
    check(found, fitted(f))


@pytest.mark.slow
def test_a_steep_model():
    f = frame(2000, seed=2, age=0.3)
    check(run(f, iterations=14), fitted(f))
    assert "not converged" in run(f, iterations=4)


def undefined(f, names=NAMES, **how):
    with every_bound_holds():
        found = run(f, names, minimum=1, **how)
    assert isinstance(found, str), found
    assert found.startswith("undefined: ")
    return found


def test_a_constant_column():
    assert "a predictor hardly varies" in undefined(frame().assign(year=1990.0))


@pytest.mark.slow
def test_collinear_columns():
    f = frame()
    assert "collinear" in undefined(f.assign(year=2000 - f.age / 2))
    r = np.random.default_rng(1)
    assert "collinear" in undefined(f.assign(year=2000 - f.age / 2 + r.normal(size=len(f)) / 10))
    assert "collinear" in undefined(f.assign(male=f.smoker))


@pytest.mark.slow
def test_nearly_collinear_columns_keep_their_digits():
    f = frame(1500)
    f["year"] = 2000 - f.age / 2 + np.random.default_rng(1).normal(size=len(f)) * 1.5
    inflated = 1 / (1 - np.corrcoef(f.age, f.year)[0, 1] ** 2)
    assert 40 < inflated < 60
    found = run(f, engine="replicated")
    check(found, fitted(f))


def test_rows_of_a_join():
    f = frame(240, seed=6)
    keys = [f"p{i}" for i in f.index]
    here, there = f[["ill", "age"]].assign(key=keys), f[["dose"]].assign(key=keys)
    scenario = Scenario(inputs={"here": Here.rows(), "there": There.rows()}, parameters={"minimum_cohort": 5})

    @scenario.run
    async def go(study):
        left, right = (study.table(name).share(rows=240) for name in ("here", "there"))
        both = left.join(right, on="key")
        study.release("model", await st.logit(both.ill, both[["age", "dose"]]))

    tables = {"a": {"here": here}, "b": {"there": there.sample(frac=0.8, random_state=1)}, "c": {}}
    kept = f.loc[there.sample(frac=0.8, random_state=1).index]
    found = simulate(scenario, tables, engine="ideal").releases["model"]
    check(found, fitted(kept, ["age", "dose"]))


@pytest.mark.slow
def test_perfect_separation():
    f = frame(120)
    assert "separate" in undefined(f.assign(ill=f.age > 50))
    assert "separate" in undefined(f.assign(ill=f.age + 10 * f.smoker > 55), ["age", "smoker", "dose"])
    assert "separate" in undefined(f.assign(ill=f.smoker), ["smoker"])


@pytest.mark.slow
def test_nearly_separated():
    f = frame(200)
    assert "separate" in undefined(f.assign(ill=f.ill | f.smoker))


@pytest.mark.slow
@pytest.mark.parametrize("outcome", [False, True])
def test_one_outcome(outcome):
    f = frame(100).assign(ill=outcome)
    assert undefined(f) == "undefined: the outcome is the same in all rows"
    assert run(f, minimum=5) == "suppressed (fewer than 5)"


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1, 3, 6])
def test_few_rows(rows):
    f = frame(60).iloc[:rows]
    assert undefined(f, places=20) == "undefined: not more rows than coefficients"
    assert run(f, minimum=5, places=20) == "suppressed (fewer than 5)"


@pytest.mark.slow
def test_protection():
    f = frame(400, seed=4)
    small = "suppressed (fewer than 10)"

    def found(f, names=NAMES):
        return run(f, names, minimum=10)

    check(found(f), fitted(f))
    few = f.copy()
    few["ill"] = f.index < 9  # rows with the outcome
    assert found(few, ["age"]) == small
    few = f.copy()
    few["smoker"] = f.index < 9
    assert found(few, ["smoker"]) == small
    assert isinstance(found(few, ["age"]), dict)
    few = f.copy()
    few["smoker"] = few.male & ((f.index < 18) | ~few.male)  # a combination of two predictors
    assert min(few.smoker.sum(), (~few.smoker).sum()) < 20
    assert found(few, ["smoker", "male"]) == small
    degrees = frame(14, seed=4)  # rows less coefficients
    degrees["ill"] = degrees.index % 2 == 0
    assert run(degrees, ["age", "dose", "year"], minimum=11).startswith("suppressed")


@pytest.mark.exhaustive
def test_many_flags_are_counted_together_with_the_same_outcome(monkeypatch):
    names, told = ["smoker", "male", "rural"], set()
    for few, rows, minimum in [(12, 300, 10), (30, 300, 10), (22, 260, 10), (60, 400, 10), (40, 200, 5)]:
        f = frame(rows, seed=few, base=-0.5)
        f["smoker"] = f.index % rows < few
        f = f.sample(frac=1, random_state=few).astype({"male": object})
        f.loc[f.index % 17 == 3, "male"] = None
        found = []
        for least in (4, 99):
            monkeypatch.setattr(model_rows, "_FEW_FLAGS", least)
            found.append(run(f, names, minimum=minimum, places=rows))
        if isinstance(found[0], str):
            assert found[0] == found[1]
        else:
            np.testing.assert_allclose(found[0]["coefficient"], found[1]["coefficient"], rtol=1e-4, atol=1e-5)
        told.add(isinstance(found[0], str))
    assert told == {False, True}


def test_what_it_refuses():
    f = frame(30)
    for script, error, words in [
        (lambda rows: st.logit(rows.age, rows[["dose"]]), RangeError, "expected a flag"),
        (lambda rows: st.logit(rows.ill, rows[["age"]], iterations=2), RangeError, "4 to 30"),
        (lambda rows: st.logit(rows.ill, [rows.age] * 21), ShapeError, "1 to 20 predictors"),
    ]:
        with pytest.raises(error, match=words):
            run(f, script=script)
    scenario = Scenario(inputs={"people": People.rows()})

    @scenario.run
    async def private(study):
        people = study.table("people")
        study.release("model", await st.logit(people.ill, [people.age]))

    with pytest.raises(ConfigError, match="these rows stay with their owners: share them"):
        simulate(scenario, tables_of(f), engine="ideal")


@pytest.mark.slow
def test_messages_and_cost_do_not_depend_on_the_rows():
    one, other = frame(60, seed=1), frame(60, seed=9, base=-2).assign(year=1950.0)
    runs = []
    for f in (one, other):
        scenario, tables = study_of(f, ["age", "year"])
        runs.append(simulate(scenario, tables, engine="replicated"))
    assert isinstance(runs[1].releases["model"], str)
    assert runs[0].cost == runs[1].cost
    assert runs[0].network.bytes_sent == runs[1].network.bytes_sent
    scenario, tables = study_of(one, ["age", "year"])
    planned = dry_run(Computation(scenario, sorted(tables), engine="replicated"))
    assert planned.cost == runs[0].cost


def cost(names, places, **how):
    scenario, tables = study_of(frame(30), names, places=places, **how)
    plan = dry_run(Computation(scenario, sorted(tables), engine="replicated"))
    # Who of the three sends what is drawn from labels: of one iteration, the mean is a figure.
    return plan.rounds, sum(plan.bytes_sent) / len(plan.bytes_sent)


def test_what_it_costs():
    """Rounds and bytes an iteration, as the docstring says."""
    for names in (["age"], NAMES):
        p = len(names)
        rounds, sent = zip(*[cost(names, 1000, iterations=i) for i in (6, 7)], strict=True)
        assert rounds[1] - rounds[0] <= 100 + 16 * p
        assert sent[1] - sent[0] <= 3000 * (130 + 13 * p) + 200_000
