"""The scenarios on the engine shamir, for three to seven organizations: against their oracles and their plans."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace

import pandas as pd
import pytest

from parties.local.samples import deal
from parties.study.loader import load
from protocols.simulate import Computation, dry_run, simulate
from tests.support.hospital_statistics import assert_same
from tests.support.marks import exhaustive

RISK, STATISTICS = "hospital_risk_model", "hospital_statistics"


def tables(name, count):
    """The sample rows, dealt to `count` organizations: organization -> input -> table."""
    dealt = deal(load(name), [f"organization {i}" for i in range(count)])
    return {who: {which: pd.read_csv(StringIO(text)) for which, text in own.items()} for who, own in dealt.items()}


def pooled(given):
    table = pd.concat([own["patients"] for own in given.values()], ignore_index=True)
    table.attrs["rows"] = [len(own["patients"]) for own in given.values()]
    return table


def settings(name, **given):
    return SimpleNamespace(**{**load(name).scenario.parameters, **given})


@pytest.mark.parametrize(
    ("count", "threshold"),
    [
        pytest.param(3, 1),
        pytest.param(4, 1, marks=pytest.mark.slow),
        pytest.param(5, 2, marks=pytest.mark.slow),
        pytest.param(5, 1, marks=pytest.mark.exhaustive),
        pytest.param(7, 3, marks=pytest.mark.slow),
    ],
)
def test_statistics(count, threshold):
    given = tables(STATISTICS, count)
    run = simulate(load(STATISTICS).scenario, given, engine="shamir", threshold=threshold)
    assert_same(run.releases, pooled(given))
    planned = dry_run(Computation(load(STATISTICS).scenario, sorted(given), engine="shamir", threshold=threshold))
    assert run.cost == planned.cost
    assert tuple(run.network.bytes_sent) == planned.cost.bytes_sent


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 4, 5, *exhaustive(7)])
def test_a_model(count):
    """Few steps: as the same steps in the clear, and the same counts as the oracle."""
    given = tables(RISK, count)
    chosen = {"epochs": 2, "rows": 200}
    scenario = load(RISK).scenario
    found = simulate(scenario, given, engine="shamir", parameters=chosen)
    clear = simulate(scenario, given, engine="ideal", parameters=chosen)
    assert found.releases == pytest.approx(clear.releases, abs=0.01)
    planned = dry_run(Computation(scenario, sorted(given), engine="shamir", parameters=chosen))
    assert found.cost == planned.cost
    oracle = scenario.oracle(pooled(given), settings(RISK, **chosen))
    for name in ("patients trained on", "patients tested on"):
        assert found.releases[name] == oracle[name]


@pytest.mark.slow
@pytest.mark.parametrize("count", [5])
def test_the_whole_model_is_as_good_as_the_oracle(count):
    given = tables(RISK, count)
    scenario = load(RISK).scenario
    found = simulate(scenario, given, engine="shamir", parameters={"rows": 120}).releases
    assert found == pytest.approx(scenario.oracle(pooled(given), settings(RISK, rows=120)), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("count", [16, 20])
def test_the_statistics_of_as_many_as_may_compute(count):
    """Bounds grow with the number of owners: there is room for all of them."""
    names = [f"organization {i:02}" for i in range(count)]
    planned = dry_run(Computation(load(STATISTICS).scenario, names, engine="shamir"))
    assert len(planned.cost.bytes_sent) == count
    given = tables(STATISTICS, count)
    assert_same(simulate(load(STATISTICS).scenario, given, engine="ideal").releases, pooled(given))
