"""The scenario against its own oracle; small cells, and one traveller with many trips."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from protocols.simulate import simulate
from scenarios.city_mobility import PAIRS, ZONES
from tests.support.bounds import every_bound_holds
from tests.support.messages import by_operation
from tests.support.register_rows import assert_as_oracle, sample_tables

LOADED, SAMPLE = sample_tables("city_mobility")
FEW = "suppressed (fewer than 10)"


def run(tables, engine="ideal"):
    return simulate(LOADED.scenario, tables, engine=engine)


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_the_sample(engine):
    with every_bound_holds():
        found = run(SAMPLE, engine).releases
    assert_as_oracle(LOADED, SAMPLE, found, rel=1e-5)
    cells = dict(zip(PAIRS, found["from zone to zone"]["values"], strict=True))
    assert cells["east to centre"] == 381
    assert [pair for pair in PAIRS if cells[pair] == FEW and "harbour" not in pair] == []


def operators(seed, sizes=(300, 200, 250)):
    """Trips to and from four zones; of bicycles none to the north."""
    chance = np.random.default_rng(seed)
    tables = {}
    for name, size in zip(("metro", "buses", "bicycles"), sizes, strict=True):
        zones = ZONES[1:5] if name != "bicycles" else [ZONES[1], *ZONES[3:5]]
        trips = pd.DataFrame(
            {
                "traveller": [f"t{k}" for k in chance.integers(0, 150, size)],
                "origin": chance.choice(zones, size),
                "destination": chance.choice([*zones, None], size),
                "hour": chance.integers(6, 12, size),
                "minutes": np.where(chance.random(size) < 0.1, np.nan, chance.uniform(1, 60, size)),
            }
        )
        tables[name] = {"trips": trips}
    return tables


@pytest.mark.parametrize("seed", range(4))
def test_as_the_oracle(seed):
    tables = operators(seed)
    assert_as_oracle(LOADED, tables, run(tables).releases, rel=1e-4)


def test_one_traveller_fills_no_cell():
    tables = operators(1)
    before = run(tables).releases
    trips = tables["metro"]["trips"]
    alone = trips.iloc[:1].assign(origin="harbour", destination="harbour")
    tables["metro"]["trips"] = pd.concat([trips, *[alone] * 30], ignore_index=True)
    found = run(tables).releases
    assert_as_oracle(LOADED, tables, found, rel=1e-4)
    assert found["from zone to zone"]["values"][0] == FEW
    assert found["trips"] == before["trips"] + 1


def test_messages_do_not_show_how_many_trips():
    first, second = (run(operators(seed, sizes), "replicated") for seed, sizes in ((1, (300, 0, 9)), (2, (50, 900, 1))))
    assert first.cost == second.cost
    assert by_operation(first.network.messages) == by_operation(second.network.messages)


def test_what_it_costs():
    cost = run(SAMPLE, "replicated").cost
    assert cost.rounds <= 40
    assert max(cost.bytes_sent) <= 100_000
