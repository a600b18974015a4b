"""Correlations with test and interval, partial ones, and covariances, against scipy and numpy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mpc import Flag, Real, Scenario, Table
from mpc.errors import RangeError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from protocols.statistics.hypotheses.correlated import inferred

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]


class People(Table):
    age = Real(0, 120)
    pressure = Real(50, 250)
    weight = Real(20, 220)
    smoker = Flag()


def people(n=120, seed=1):
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": chance.normal(55, 12, n)})
    frame["weight"] = 50 + 0.4 * frame.age + chance.normal(0, 9, n)
    frame["pressure"] = 90 + 0.3 * frame.age + 0.3 * frame.weight + chance.normal(0, 10, n)
    frame["smoker"] = chance.random(n) < 0.4
    frame["weight"] = frame.weight.mask(chance.random(n) < 0.1)
    return frame


def released(script, frame, minimum=5, **options):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("people"))

    names = "abcde" if options.get("engine") == "shamir" else "abc"
    tables = {name: {"people": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, **options).releases


def only(found):
    return {key: values[0] for key, values in found.items() if key != "table"}


def check(found, x, y, near, fixed=0):
    found, theirs = only(found), stats.pearsonr(x, y)
    assert found["estimate"] == pytest.approx(theirs.statistic, abs=near)
    df = len(x) - 2 - fixed
    t = theirs.statistic * np.sqrt(df / (1 - theirs.statistic**2))
    assert found["df"] == df
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-2, abs=1e-9)
    if not fixed:
        assert found["p"] == pytest.approx(theirs.pvalue, rel=1e-2, abs=1e-9)
        assert (found["ci_low"], found["ci_high"]) == pytest.approx(tuple(theirs.confidence_interval()), abs=10 * near)


def left(frame, column, fixed):
    design = np.column_stack([np.ones(len(frame)), frame[fixed].astype(float)])
    y = frame[column].astype(float)
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_as_scipy_and_numpy(engine):
    def script(study, t):
        rows = t.share(rows=45)
        study.release("private", st.pearsonr(t.age, t.weight))
        study.release("shared", st.pearsonr(rows.age, rows.weight))
        study.release("flag", st.pearsonr(rows.smoker, rows.age))
        study.release("one fixed", st.partial_corr(t.pressure, t.weight, [t.age]))
        study.release("two fixed", st.partial_corr(t.pressure, t.weight, t[["age", "smoker"]]))
        study.release("covariance", st.covariance([t.age, t.weight, t.pressure]))

    frame = people()
    found, whole = released(script, frame, engine=engine), frame.dropna()
    check(found["private"], whole.age, whole.weight, 1e-7)
    check(found["shared"], whole.age, whole.weight, 4e-6)
    check(found["flag"], frame.smoker.astype(float), frame.age, 4e-6)
    for name, fixed in (("one fixed", ["age"]), ("two fixed", ["age", "smoker"])):
        check(found[name], left(whole, "pressure", fixed), left(whole, "weight", fixed), 1e-6, len(fixed))
    names = ["age", "weight", "pressure"]
    assert found["covariance"]["labels"] == names
    assert np.allclose(found["covariance"]["values"], whole[names].cov(), rtol=1e-6)


def test_edges_are_words():
    def script(study, t):
        study.release("constant", st.pearsonr(t.age, t.weight))
        study.release("fixed", st.partial_corr(t.pressure, t.smoker, [t.weight, t.weight * 1.0]))
        study.release("itself", st.pearsonr(t.pressure, t.pressure))
        study.release("explained", st.partial_corr(t.pressure, t.smoker, [t.pressure]))
        study.release("one row", st.pearsonr(t.pressure[t.pressure > 220], t.weight[t.pressure > 220]))
        study.release("covariance", st.covariance([t.age, t.weight]))

    frame = people().assign(age=50.0)
    frame.loc[0, "pressure"] = 230.0
    frame.loc[0, "weight"] = 70.0
    found = released(script, frame, minimum=1, engine="ideal")
    assert found["constant"].startswith("undefined: a column")
    assert "nearly collinear" in found["fixed"]
    assert only(found["itself"])["p"] == "undefined: too near 1 or -1 for a test"
    assert "nearly collinear" in found["explained"]
    assert found["one row"] == "undefined: fewer than two rows"
    assert str(found["covariance"]["values"][0][1]).startswith("undefined")


def test_few_rows_suppress_and_misuse_is_taught():
    def script(study, t):
        rows = t.share(rows=45)
        some = t.filter(t.pressure > 200)
        study.release("few", st.pearsonr(some.age, some.weight))
        study.release("few smokers", st.pearsonr(t.age, t.smoker))
        study.release("few smokers, shared", st.pearsonr(rows.age, rows.smoker))
        with pytest.raises(ShapeError, match="both private or shared"):
            st.pearsonr(t.age, rows.age)
        with pytest.raises(ShapeError, match="held fixed"):
            st.partial_corr(t.age, t.weight, [])
        with pytest.raises(ShapeError, match="partial_corr"):
            st.partial_corr(rows.age, t.weight, [t.pressure])
        with pytest.raises(RangeError, match="places"):
            st.pearsonr(rows.age[:1], rows.weight[:1])

    frame = people()
    frame.loc[:2, "pressure"] = 210.0
    frame["smoker"] = np.arange(len(frame)) < 3
    found = released(script, frame)
    assert set(found.values()) == {"suppressed (fewer than 5)"}


@pytest.mark.parametrize(("n", "r"), [(2, 1.0), (3, 0.4), (0, 0.0), (50, 1.0), (50, -0.99999999)])
def test_without_numbers_where_nothing_follows(n, r):
    found = inferred("correlation", n, r)
    for number in (found.ci_low, found.statistic, found.p):
        assert isinstance(number, str) or np.isfinite(number)
    assert isinstance(found.ci_low, str)
