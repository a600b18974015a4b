"""Median absolute deviation and trimmed mean of shared rows, against scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mpc import Integer, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from parties.report.kinds import Measures
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
FEW = "suppressed (fewer than 5)"


class Rows(Table):
    pain = Integer(-50, 50)
    weight = Real(-100, 100)


def frame_of(n, seed=1, missing=0.1):
    made = np.random.default_rng(seed)
    f = pd.DataFrame({"pain": made.integers(-50, 51, n).astype(float), "weight": made.uniform(-100, 100, n).round(3)})
    return f.mask(made.random(f.shape) < missing)


def run_of(script, f, engine="ideal", minimum=1, places=None):
    scenario = Scenario(inputs={"rows": Rows.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        t = study.table("rows")
        script(study, t.share(rows=places or len(f) + 2), t)

    names = "abcde" if engine == "shamir" else "abc"
    return simulate(scenario, {k: {"rows": f.iloc[i :: len(names)]} for i, k in enumerate(names)}, engine=engine)


def both(study, rows, _):
    for c in ("pain", "weight"):
        study.release(f"mad {c}", st.mad(rows[c]))
        study.release(f"normal {c}", st.mad(rows[c], scale="normal"))
        study.release(f"trimmed {c}", st.trimmed_mean(rows[c], 0.15))


def check(found, f):
    for c in ("pain", "weight"):
        x = f[c].dropna().to_numpy(float)
        off = 1e-9 if c == "pain" else 2e-6
        assert found[f"mad {c}"] == pytest.approx(stats.median_abs_deviation(x), abs=off)
        assert found[f"normal {c}"] == pytest.approx(stats.median_abs_deviation(x, scale="normal"), abs=1e-4)
        value = found[f"trimmed {c}"]
        Measures.model_validate(value)
        left = len(x) - 2 * (len(x) * 15 // 100)
        assert value["estimate"] == pytest.approx([stats.trim_mean(x, 0.15), left], rel=0, abs=off)


@pytest.mark.parametrize("engine", ENGINES)
def test_as_scipy(engine):
    f = frame_of(40)
    check(run_of(both, f, engine).releases, f)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_few_rows(n):
    f = frame_of(n, n, missing=0)
    check(run_of(both, f).releases, f)


def test_ties_constants_and_ends_of_the_range():
    f = pd.DataFrame({"pain": [3.0] * 9 + [-50, 50, 50, 50], "weight": [-100.0] * 5 + [100.0] * 5 + [np.nan] * 3})
    check(run_of(both, f).releases, f)
    f = f.assign(pain=-50.0, weight=100.0)
    check(run_of(both, f).releases, f)


def test_no_rows():
    found = run_of(both, frame_of(6).assign(pain=np.nan, weight=np.nan)).releases
    assert found["mad pain"] == "undefined: no valid element"
    assert found["trimmed weight"]["estimate"] == ["undefined: no rows", 0]


def test_without_cuts_it_is_the_mean():
    f = frame_of(20)
    found = run_of(lambda s, rows, _: s.release("t", st.trimmed_mean(rows.pain, 0)), f, minimum=5).releases["t"]
    assert found["estimate"] == pytest.approx([f.pain.mean(), f.pain.count()])


def test_suppression():
    """Of 51 rows any two owners have 34, of which 15 % are 5 rows at each end; of 50 rows it is 33, and 4."""
    found = run_of(both, frame_of(51, missing=0), minimum=5).releases
    assert isinstance(found["trimmed pain"], dict)
    found = run_of(both, frame_of(50, missing=0), minimum=5).releases
    assert found["trimmed pain"] == FEW
    assert isinstance(found["mad pain"], float)
    assert run_of(both, frame_of(8, missing=0), minimum=5, places=30).releases["mad pain"] == FEW


def test_what_is_refused():
    def script(study, rows, table):
        for function in (st.mad, st.trimmed_mean):
            with pytest.raises(ShapeError, match="have no joint order; share them"):
                function(table.pain)
            with pytest.raises(ShapeError, match="a column of numbers of shared rows is wanted"):
                function(rows.pain > 0)
        for scale in (0, -1.0, "other", float("nan")):
            with pytest.raises(ConfigError, match="expected a number above 0"):
                st.mad(rows.pain, scale=scale)
        for proportion in (0.5, -0.1, 0.4999, "half"):
            with pytest.raises(ConfigError, match="expected one from 0 to below 1/2"):
                st.trimmed_mean(rows.pain, proportion)
        study.release("n", rows.count())

    run_of(script, frame_of(6))


@pytest.mark.slow
def test_views_and_cost():
    def script(study, rows, _):
        study.release("mad", st.mad(rows.pain))
        study.release("trimmed", st.trimmed_mean(rows.pain, 0.2))

    first, second = (run_of(script, frame_of(20, k, k / 5), "replicated", places=22) for k in (1, 3))
    assert by_operation(first.network.messages) == by_operation(second.network.messages)
    assert first.cost == second.cost
    assert first.cost.rounds < 90
    assert max(first.cost.bytes_sent) < 3 * 22 * 5_000
