"""Weighted mean and deviation against statsmodels, and the geometric mean against scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from mpc import Flag, Integer, Real, Scenario, Table
from mpc.errors import ConfigError, RangeError, ShapeError
from parties.report.kinds import Measures
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
FEW = "suppressed (fewer than 10)"


class Rows(Table):
    x = Real(1, 500)
    w = Real(0, 40)
    copies = Integer(0, 9)
    below = Real(-1, 1)
    old = Flag()


def frame_of(n=150, seed=1, missing=0.1):
    made = np.random.default_rng(seed)
    f = pd.DataFrame({"x": made.lognormal(3, 1, n).clip(1, 500), "w": made.gamma(2, 2, n).clip(0, 40)})
    f["copies"] = made.integers(1, 10, n).astype(float)
    f = f.mask(made.random(f.shape) < missing)
    return f.assign(below=0.5, old=made.random(n) < 0.5)


def everything(t):
    return {
        "mean": st.weighted_mean(t.x, t.w),
        "copies": st.weighted_mean(t.x, t.copies),
        "sd": st.weighted_std(t.x, t.w),
        "sd0": st.weighted_std(t.x, t.w, ddof=0),
        "geometric": st.geometric_mean(t.x),
    }


def run_of(f, script=everything, engine="ideal", minimum=10, **parameters):
    scenario = Scenario(inputs={"rows": Rows.rows()}, parameters={"minimum_cohort": minimum, **parameters})

    @scenario.run
    async def run(study):
        for name, found in script(study.table("rows")).items():
            study.release(name, found)

    names = "abcde" if engine == "shamir" else "abc"
    return simulate(scenario, {k: {"rows": f.iloc[i :: len(names)]} for i, k in enumerate(names)}, engine=engine)


def check(found, f):
    for release, weights in (("mean", "w"), ("copies", "copies")):
        rows = f[["x", weights]].dropna()
        known = DescrStatsW(rows.x, rows[weights])
        value = found[release]
        Measures.model_validate(value)
        assert value["measures"] == ["number of rows", "sum of weights", "weighted mean", "standard error"]
        wanted = [len(rows), known.sum_weights, known.mean, known.std_mean]
        np.testing.assert_allclose(value["estimate"], wanted, rtol=1e-7)
        np.testing.assert_allclose([value["ci_low"][2], value["ci_high"][2]], known.tconfint_mean(), rtol=1e-7)
    rows = f[["x", "w"]].dropna()
    for release, ddof in (("sd", 1), ("sd0", 0)):
        known = DescrStatsW(rows.x, rows.w, ddof=ddof)
        assert found[release]["estimate"][2] == pytest.approx(known.std, rel=1e-7)
    x = f.x.dropna()
    wanted = [len(x), stats.gmean(x), stats.gstd(x)]
    np.testing.assert_allclose(found["geometric"]["estimate"], wanted, rtol=1e-6)
    ends = np.exp(stats.t.interval(0.95, len(x) - 1, np.log(x).mean(), stats.sem(np.log(x))))
    np.testing.assert_allclose([found["geometric"]["ci_low"][1], found["geometric"]["ci_high"][1]], ends, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_as_statsmodels_and_scipy(engine):
    f = frame_of()
    check(run_of(f, engine=engine).releases, f)


@pytest.mark.parametrize("total", [64.0, np.nextafter(64.0, 0), 64 - 2**-25, 64 + 2**-25, 1.25, 2.5])
def test_sums_of_weights_beside_powers_of_two(total):
    f = frame_of(8, missing=0).assign(w=total / 8, copies=3)
    found = run_of(f, lambda t: {"sd": st.weighted_std(t.x, t.w, ddof=0)}, minimum=1).releases["sd"]
    assert found["estimate"][1:3:2] == [pytest.approx(total, rel=1e-8)]
    assert found["estimate"][2] == pytest.approx(f.x.std(ddof=0), rel=1e-7)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.iloc[:0],
        lambda f: f.iloc[:5],
        lambda f: f.assign(x=np.nan),
        lambda f: f.assign(w=0.0, copies=0),
        lambda f: f.assign(w=f.w.where(np.arange(len(f)) >= 5, 0), copies=f.copies.where(np.arange(len(f)) >= 5, 0)),
        lambda f: f.assign(w=np.where(np.arange(len(f)) < 6, 10.0, 0.0), copies=0),
    ],
)
def test_suppression(change):
    found = run_of(change(frame_of())).releases
    assert [found[name] for name in ("mean", "copies", "sd", "sd0")] == [FEW] * 4


def test_dominance_of_the_weighted_sum():
    f = frame_of(missing=0).assign(w=0.01)
    f.loc[0, ["x", "w"]] = 500.0, 40.0
    found = run_of(f, dominance_percent=10).releases
    assert found["mean"].startswith("suppressed")
    assert isinstance(run_of(frame_of(missing=0), dominance_percent=1).releases["mean"], dict)


def test_words():
    found = run_of(frame_of().iloc[:0], minimum=1).releases
    assert found["mean"] == found["sd"] == found["geometric"] == "undefined: no rows"
    light = run_of(frame_of(missing=0).assign(w=0.001), minimum=1).releases
    assert light["mean"] == "undefined: all weights together are less than a 64th of the largest declared one"
    one = run_of(frame_of(1, missing=0).assign(w=1.0), minimum=1).releases
    assert one["mean"]["estimate"][2] == pytest.approx(frame_of(1, missing=0).x[0])
    assert one["mean"]["estimate"][3].startswith("undefined: varies too little")
    assert one["geometric"]["estimate"][2] == "undefined: fewer than two rows"
    same = run_of(frame_of(missing=0).assign(x=7.0)).releases
    assert same["sd"]["estimate"][2].startswith("undefined: varies too little")
    assert same["geometric"]["estimate"][1] == pytest.approx(7)
    assert same["geometric"]["ci_low"][1].startswith("undefined: varies too little")
    unit = run_of(frame_of(8, missing=0).assign(w=0.125), minimum=1).releases
    assert unit["mean"]["estimate"][3] == unit["sd"]["estimate"][2] == "undefined: the weights add up to 1 or less"
    assert isinstance(unit["sd0"]["estimate"][2], float)


def test_what_is_refused():
    def script(t):
        with pytest.raises(ShapeError, match="private columns of numbers are wanted"):
            st.weighted_mean(t.x, t.old)
        with pytest.raises(RangeError, match="declare weights from 0 on"):
            st.weighted_std(t.x, t.below)
        with pytest.raises(ConfigError, match="expected 1 or 0"):
            st.weighted_std(t.x, t.w, ddof=2)
        with pytest.raises(RangeError, match="only numbers above 0 have a geometric mean"):
            st.geometric_mean(t.w)
        with pytest.raises(ShapeError, match="a private column of numbers is wanted"):
            st.geometric_mean(t.old)
        return {"n": t.count()}

    run_of(frame_of(), script)


@pytest.mark.slow
def test_views_and_cost():
    for script in (lambda t: {"m": st.weighted_mean(t.x, t.w)}, lambda t: {"g": st.geometric_mean(t.x)}):
        first, second = (run_of(frame_of(seed=k, missing=k / 9), script, "replicated") for k in (1, 2))
        assert by_operation(first.network.messages) == by_operation(second.network.messages)
        assert first.cost.rounds <= 70
        assert max(first.cost.bytes_sent) < 12_000
