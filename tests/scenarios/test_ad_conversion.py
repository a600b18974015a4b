"""The scenario against its own oracle; small campaigns, and what messages show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from protocols.simulate import simulate
from tests.support.bounds import every_bound_holds
from tests.support.messages import by_operation
from tests.support.register_rows import assert_as_oracle, sample_tables

LOADED, SAMPLE = sample_tables("ad_conversion")
SMALL = {"persons": 64, "customers": 64}


def run(tables, engine="ideal", **parameters):
    return simulate(LOADED.scenario, tables | {"helper": {}}, engine=engine, parameters=parameters)


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_the_sample(engine):
    with every_bound_holds():
        found = run(SAMPLE, engine).releases
    assert_as_oracle(LOADED, SAMPLE, found, rel=1e-5)
    # Few saw the radio campaign; the newsletter is left out with it, else the total would tell about the radio.
    assert [row[0] for row in found["campaigns"]["values"]] == ["video", "banner", "search"]


def few(common):
    """A shop that knows `common` of 50 persons, all of whom saw two campaigns."""
    chance = np.random.default_rng(5)
    persons = [f"u{k}@example.org" for k in range(50)]
    impressions = pd.DataFrame(
        {"person": persons * 2, "campaign": ["video"] * 50 + ["search", "banner"] * 25, "seen": "2026-05-01"}
    )
    impressions.loc[:49, "seen"] = "2026-04-01"
    customers = persons[:common] + [f"v{k}@example.org" for k in range(100, 150 - common)]
    purchases = pd.DataFrame({"person": customers, "amount": chance.uniform(0, 200, 50), "bought": "2026-06-05"})
    return {"platform": {"impressions": impressions}, "shop": {"purchases": purchases}}


def test_the_last_campaign_before_the_sales_counts():
    tables = few(24)
    found = run(tables, minimum_cohort=2, **SMALL).releases
    assert_as_oracle(LOADED, tables, found, rel=1e-5, minimum_cohort=2)
    assert [row[:3] for row in found["campaigns"]["values"]] == [["banner", 25, 12], ["search", 25, 12]]


def test_few_conversions_are_suppressed():
    tables = few(4)
    found = run(tables, **SMALL).releases
    assert_as_oracle(LOADED, tables, found, rel=1e-5)
    assert found["campaigns"]["values"] == []
    assert found["sales of a conversion"] == "suppressed (fewer than 10)"


def test_messages_do_not_show_how_many_buy():
    first, second = (run(few(common), "replicated", **SMALL) for common in (0, 50))
    assert first.cost == second.cost
    assert by_operation(first.network.messages) == by_operation(second.network.messages)


def test_what_it_costs():
    cost = run(SAMPLE, "replicated").cost
    assert cost.rounds <= 160
    assert max(cost.bytes_sent) <= 4_000_000
