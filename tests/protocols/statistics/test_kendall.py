"""Kendall's tau-b of shared rows with ties and missing values, against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mpc import Integer, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols import statistics as st
from protocols.simulate import compute, simulate
from protocols.statistics.ranks.kendall import _ones_before_zeros, tau_b
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]


class Pairs(Table):
    x = Integer(0, 50)
    y = Real(0, 50)


def pairs(n=60, seed=1):
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": chance.integers(0, 9, n).astype(float)})
    frame["y"] = np.round(frame.x + chance.normal(5, 4, n)).clip(0, 50)
    return frame.mask(chance.random((n, 2)) < 0.08)


def run_of(frame, minimum=3, **options):
    scenario = Scenario(inputs={"pairs": Pairs.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        rows = study.table("pairs").share(rows=25)
        study.release("tau", st.kendalltau(rows.x, rows.y))

    names = "abcde" if options.get("engine") == "shamir" else "abc"
    return simulate(scenario, {name: {"pairs": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}, **options)


@pytest.mark.parametrize("engine", ENGINES)
def test_as_scipy(engine):
    frame = pairs()
    found, whole = run_of(frame, engine=engine).releases["tau"], frame.dropna()
    theirs = stats.kendalltau(whole.x, whole.y, method="asymptotic")
    assert found["estimate"][0] == pytest.approx(theirs.statistic)
    assert found["p"][0] == pytest.approx(theirs.pvalue)
    assert found["ci_low"][0] < theirs.statistic < found["ci_high"][0]
    assert found["table"]["values"] == [[len(whole)]]


@pytest.mark.parametrize("n", [1, 2, 3, 8, 21])
def test_inversions_are_counted_exactly(n):
    chance = np.random.default_rng(n)
    for _ in range(4):
        r = chance.integers(0, n + 1, n)
        width = n.bit_length()
        found = compute(lambda r, s, w=width: _ones_before_zeros(r, w) - _ones_before_zeros(s, w), r, np.sort(r))
        assert found == sum(r[i] > r[j] for i in range(n) for j in range(i + 1, n))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pairs(30).assign(x=4.0), "undefined: a column with one value alone"),
        (pairs(30).assign(y=np.nan), "undefined: fewer than two rows"),
        (pairs(1), "undefined: fewer than two rows"),
    ],
)
def test_edges_are_words(frame, words):
    assert run_of(frame, minimum=1, engine="ideal").releases["tau"]["estimate"] == [words]


def test_agreement_of_all_pairs_and_few_rows():
    line = pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0)})
    for sign in (1, -1):
        found = run_of(line.assign(y=25 + sign * line.y), engine="ideal").releases["tau"]
        assert found["estimate"] == [sign]
        assert found["ci_low"] == ["undefined: all pairs agree"]
    for n in (2, 3, 4):
        found = tau_b(n, 2, [[n, n], [n, n]])
        assert np.isfinite(found.p)
        assert found.ci_low == "undefined: fewer than five rows"


def test_few_rows_suppress_and_misuse_is_taught():
    assert run_of(pairs(12), minimum=30, engine="ideal").releases["tau"] == "suppressed (fewer than 30)"
    with pytest.raises(ShapeError, match="kendalltau"):
        st.kendalltau([1, 2], [3, 4])


@pytest.mark.slow
def test_messages_do_not_depend_on_the_rows():
    runs = [run_of(frame, engine="replicated") for frame in (pairs(60), pairs(60, 2).assign(x=3.0), pairs(60) * np.nan)]
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)
