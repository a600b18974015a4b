"""Moments of private columns up to the fourth, against scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mpc import Integer, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation
from tests.support.tables import releases, split, table

NAMES = ["number of rows", "mean", "standard deviation", "standard error of the mean", "skewness", "excess kurtosis"]
WHY = "undefined: varies too little for its declared range, or not at all"


def found(x, declared, engine="ideal", **options):
    return releases(lambda t: {"x": st.moments(t.x)}, {"x": declared}, split(table(x=x)), engine=engine, **options)["x"]


def check(x, declared, engine="ideal"):
    release = found(x, declared, engine)
    assert release["measures"] == NAMES
    known = pd.Series(x).dropna().to_numpy()
    n, mean, sd, sem, skewness, kurtosis = release["estimate"]
    assert n == len(known)
    width = declared.high - declared.low
    assert mean == pytest.approx(known.mean(), rel=1e-13, abs=2.0**-37 * width)
    assert sd == pytest.approx(known.std(ddof=1), rel=1e-6)
    assert sem == pytest.approx(stats.sem(known), rel=1e-6)
    low, high = stats.t.interval(0.95, n - 1, known.mean(), stats.sem(known))
    assert [release["ci_low"][1], release["ci_high"][1]] == pytest.approx([low, high], abs=1e-6 * sd + 2**-37 * width)
    if skewness != WHY:
        wanted = stats.skew(known)
        assert abs(skewness - wanted) <= 1e-6 * max(1, abs(wanted))
    if kurtosis != WHY:
        wanted = stats.kurtosis(known)
        assert abs(kurtosis - wanted) <= 1e-6 * (wanted + 3)
    return skewness, kurtosis


def made(name, n=500):
    random = np.random.default_rng(7)
    return {
        "normal": lambda: (random.normal(50, 10, n).clip(0, 100), Real(0, 100)),
        "skewed": lambda: (random.lognormal(2, 0.7, n).clip(0, 365), Real(0, 365)),
        "far": lambda: (random.normal(1e6, 1, n), Real(1e6 - 10, 1e6 + 10)),
        "years": lambda: (random.integers(1900, 2000, n).astype(float), Integer(1800, 2100)),
        "two values": lambda: (random.choice([0.0, 1.0], n, p=[0.9, 0.1]), Integer(-1, 2)),
        "limits": lambda: (np.asarray([-3.0] * 40 + [7.0] * 3), Real(-3, 7)),
        "two rows": lambda: (np.asarray([1.0, 4.0]), Real(0, 10)),
        "at one end": lambda: (random.normal(96, 1.5, n).clip(0, 100), Real(0, 100)),
        "sorted": lambda: (np.sort(random.exponential(5, n)).clip(0, 60), Real(0, 60)),
    }[name]()


@pytest.mark.parametrize(
    "name", ["normal", "skewed", "far", "years", "two values", "limits", "two rows", "at one end", "sorted"]
)
def test_moments(name):
    assert WHY not in check(*made(name))


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("name", ["skewed", "at one end"])
def test_moments_on_shares(name, engine):
    check(*made(name, 200), engine)


@pytest.mark.parametrize("wide", [1, 3, 10, 30, 100, 300, 1000, 3000, 10000])
@pytest.mark.parametrize("place", [0.5, 0.98])
def test_what_is_released_is_near_however_wide_the_range(wide, place):
    x = np.random.default_rng(wide).normal(0, 1, 400)
    low, high = 10.0 * wide * -place, 10.0 * wide * (1 - place) + 5
    shape = check(x.clip(low, high), Real(low, high))
    if wide >= 1000:
        assert shape[1] == WHY


def test_missing_few_and_constant():
    assert found([np.nan] * 5, Real(0, 1)) == "undefined: no rows"
    x = np.asarray([1.0, np.nan, np.nan, np.nan])
    assert found(x, Real(0, 9))["estimate"] == [1, pytest.approx(1), *["undefined: fewer than two rows"] * 4]
    assert found(np.full(30, 0.1), Real(0, 1))["estimate"][2:] == [WHY] * 4
    assert found(np.arange(4.0), Real(0, 9), minimum=5) == "suppressed (fewer than 5)"
    check(np.asarray([1.0, np.nan, 4.0, 8.0, np.nan, 2.0]), Real(0, 10))


def test_what_is_refused():
    def wrong(t):
        for argument in (t, t.x > 1, t.share(rows=10).x):
            with pytest.raises(ShapeError, match="a private column of numbers"):
                st.moments(argument)
        return {}

    releases(wrong, {"x": (0, 9)}, split(table(x=np.arange(9.0))))


def test_messages_and_rounds_do_not_depend_on_the_rows():
    class Rows(Table):
        x = Real(0, 100)

    scenario = Scenario(inputs={"rows": Rows.rows()}, parameters={"minimum_cohort": 5})

    @scenario.run
    async def run(study):
        study.release("x", st.moments(study.table("rows").x))

    random = np.random.default_rng(3)
    runs = []
    for x in (random.uniform(0, 100, 60), np.full(60, 7.0), np.full(60, np.nan)):
        frames = {name: {"rows": pd.DataFrame({"x": x[k::3]})} for k, name in enumerate("abc")}
        runs.append(simulate(scenario, frames, engine="replicated"))
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)
    assert runs[0].cost.rounds <= 50
    assert max(runs[0].cost.bytes_sent) < 8000
