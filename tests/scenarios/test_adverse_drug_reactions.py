"""The scenario against its own oracle, and pairs with few reports."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from protocols.simulate import simulate
from scenarios.adverse_drug_reactions import side_by_side
from tests.support.bounds import every_bound_holds
from tests.support.register_rows import pooled, sample_tables

LOADED, SAMPLE = sample_tables("adverse_drug_reactions")


def run(tables, engine="ideal", **parameters):
    return simulate(LOADED.scenario, tables, engine=engine, parameters=parameters)


def same(found, wanted):
    if isinstance(wanted, dict):
        return all(same(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, str) or wanted is None:
        return found == wanted
    return found == pytest.approx(wanted, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("engine", ["ideal", pytest.param("replicated", marks=pytest.mark.slow)])
def test_the_sample(engine):
    with every_bound_holds():
        found = run(SAMPLE, engine).releases
    wanted = LOADED.scenario.oracle(*pooled(LOADED, SAMPLE), parameters=SimpleNamespace(minimum_cohort=10))
    assert set(wanted) == set(found)
    for name, value in wanted.items():
        assert same(found[name], value), name
    falls = found["elvapram and falls, adjusted for age"]
    assert falls["ci_low"][0] < 1 < found["elvapram and falls"]["ci_low"][2]


def test_a_rare_pair_is_suppressed_and_the_others_come_out():
    tables = {}
    for name, brings in SAMPLE.items():
        rows = brings["reports"]
        rare = (rows.drug == "bexorin") & (rows.reaction == "liver injury")
        tables[name] = {"reports": rows[~rare | (rare.cumsum() <= 2)]}
    found = run(tables).releases
    assert found["bexorin and liver injury"] == "suppressed (fewer than 10)"
    assert found["signals"]["estimate"][0] == "suppressed (fewer than 10)"
    # Of more than eight tables before it, a later one counts all as come out.
    assert not any(isinstance(x, str) for x in found["signals"]["estimate"][1:4])


def test_words_stand_beside_numbers():
    found = side_by_side({"a": "suppressed (fewer than 10)"})
    assert found["estimate"] == found["ci_low"] == ["suppressed (fewer than 10)"]
