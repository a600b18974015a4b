"""The share of rows with a flag and sampling weights: against the formulas of linearisation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from mpc import Flag, Integer, Real, Scenario, Table
from mpc.errors import RangeError, ShapeError
from parties.report.kinds import Measures
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
FEW = "suppressed (fewer than 10)"


class Survey(Table):
    ill = Flag()
    weight = Real(0, 5000)
    copies = Integer(0, 10)
    below = Real(-1, 1)


def survey(n=200, seed=1):
    made = np.random.default_rng(seed)
    frame = pd.DataFrame({"ill": (made.random(n) < 0.3).astype(object), "weight": made.gamma(2, 300, n).clip(0, 5000)})
    return frame.assign(copies=made.integers(1, 10, n), below=0.5)


def run_of(frame, script=lambda t: st.weighted_proportion(t.ill, t.weight), engine="ideal", minimum=10):
    scenario = Scenario(inputs={"survey": Survey.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        study.release("share", script(study.table("survey")))

    names = "abcde" if engine == "shamir" else "abc"
    tables = {name: {"survey": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, engine=engine)


def known(frame, weights="weight"):
    """As R's survey computes it."""
    f = frame.dropna()
    y, w, n = f.ill.to_numpy(float), f[weights].to_numpy(float), len(f)
    p = (w * y).sum() / w.sum()
    error = np.sqrt(n / (n - 1) * ((w * (y - p)) ** 2).sum()) / w.sum()
    reach = stats.t.ppf(0.975, n - 1) * error / (p * (1 - p))
    ends = special.expit(special.logit(p) + np.array([-reach, reach]))
    return p, error, *ends, n * (w**2).sum() / w.sum() ** 2, w.sum() ** 2 / (w**2).sum()


@pytest.mark.parametrize("engine", ENGINES)
def test_share_error_and_interval(engine):
    f = survey()
    f.loc[::9, "weight"] = np.nan
    f.loc[::7, "ill"] = None
    found = run_of(f, engine=engine).releases["share"]
    Measures.model_validate(found)
    p, error, low, high, effect, rows = known(f)
    assert found["measures"] == ["proportion", "standard error", "design effect (Kish)", "effective rows"]
    np.testing.assert_allclose(found["estimate"], [p, error, effect, rows], rtol=1e-6)
    np.testing.assert_allclose([found["ci_low"][0], found["ci_high"][0]], [low, high], rtol=1e-6)
    assert found["table"]["values"] == [[len(f.dropna())]]


def test_whole_weights_and_equal_ones():
    f = survey()
    found = run_of(f, lambda t: st.weighted_proportion(t.ill, t.copies, name="ill")).releases["share"]
    assert found["measures"][0] == "ill"
    np.testing.assert_allclose(found["estimate"][:2], known(f, "copies")[:2], rtol=1e-6)
    found = run_of(f.assign(weight=7.0)).releases["share"]
    p = f.ill.mean()
    np.testing.assert_allclose(found["estimate"], [p, np.sqrt(p * (1 - p) / (len(f) - 1)), 1, len(f)], rtol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.iloc[:0],
        lambda f: f.iloc[:1],
        lambda f: f.assign(ill=False),
        lambda f: f.assign(ill=None),
        lambda f: f.assign(weight=0.0),
        lambda f: f.assign(weight=np.where(np.arange(len(f)) < 5, 10.0, 0.0)),
        lambda f: f.assign(ill=np.arange(len(f)) < 4),
    ],
)
def test_suppression(change):
    assert run_of(change(survey())).releases["share"] == FEW


def test_words_without_a_minimum():
    assert run_of(survey().iloc[:0], minimum=1).releases["share"] == "undefined: no rows"
    found = run_of(survey().assign(weight=0.0), minimum=1).releases["share"]
    assert found["estimate"] == ["undefined: all weights are 0"] * 4
    one = run_of(survey().iloc[:1].assign(ill=True), minimum=1).releases["share"]
    assert one["estimate"][0] == pytest.approx(1)
    assert one["estimate"][1] == "undefined: a single row"
    same = run_of(survey().assign(ill=True), minimum=1).releases["share"]
    assert same["ci_low"][0] == "undefined: all weight is on one side"


def test_what_is_refused():
    with pytest.raises(ShapeError, match="is no flag"):
        run_of(survey(), lambda t: st.weighted_proportion(t.weight, t.weight))
    with pytest.raises(ShapeError, match="numbers are wanted"):
        run_of(survey(), lambda t: st.weighted_proportion(t.ill, t.ill))
    with pytest.raises(RangeError, match="declare weights from 0 on"):
        run_of(survey(), lambda t: st.weighted_proportion(t.ill, t.below))


def test_views_and_cost():
    first, second = (run_of(survey(seed=k), engine="replicated") for k in (1, 2))
    assert by_operation(first.network.messages) == by_operation(second.network.messages)
    assert first.cost.rounds <= 60
    assert max(first.cost.bytes_sent) < 15_000


def test_few_rows_without_a_weight_suppress_nothing():
    """Rows with missing values are no group of people, of weights either."""
    f = survey().assign(copies=np.random.default_rng(3).integers(1, 10, 200))
    f.loc[:2, "weight"] = np.nan
    found = run_of(f).releases["share"]
    assert found["table"]["values"] == [[197]]
    model = run_of(f, lambda t: st.ols(t.copies, [t.ill], weights=t.weight)).releases["share"]
    assert model["observations"] == 197
