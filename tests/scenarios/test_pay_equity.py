"""The scenario against its own oracle: employers that only bring sums, and small cells."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from protocols.simulate import simulate
from tests.support.register_rows import pooled, sample_tables

LOADED, SAMPLE = sample_tables("pay_equity")


def run(tables, engine="replicated", **parameters):
    return simulate(LOADED.scenario, tables, compute=sorted(tables)[:3], engine=engine, parameters=parameters)


def same(found, wanted):
    if isinstance(wanted, dict):
        return all(same(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, str):
        return found == wanted
    return found == pytest.approx(wanted, rel=1e-5, abs=1e-9)


def assert_as_oracle(tables, found, **parameters):
    defaults = SimpleNamespace(**{**LOADED.scenario.parameters, **parameters})
    wanted = LOADED.scenario.oracle(*pooled(LOADED, tables), parameters=defaults)
    assert set(wanted) == set(found)
    for name, value in wanted.items():
        assert same(found[name], value), name


@pytest.mark.exhaustive  # tests/e2e/test_demo.py does so between processes
def test_the_sample():
    found = run(SAMPLE, "ideal").releases
    assert_as_oracle(SAMPLE, found)
    gaps = [found[name]["coefficient"][1] for name in ("gap without adjustment", "gap, adjusted")]
    assert gaps[0] < 3 * gaps[1] < 0


@pytest.mark.exhaustive
def test_three_compute_and_the_others_only_bring():
    assert_as_oracle(SAMPLE, run(SAMPLE).releases)


@pytest.mark.slow
def test_few_women_in_a_role_suppress_the_gap_and_their_cell():
    tables = {name: {"employees": brings["employees"].copy()} for name, brings in SAMPLE.items()}
    for name, brings in tables.items():
        rows = brings["employees"]
        keep = (rows.role != "management") | (rows.female == "no") | (np.arange(len(rows)) < (30 if name < "b" else 0))
        brings["employees"] = rows[keep]
    found = run(tables, "ideal").releases
    assert found["women by role"]["values"][-1] == "suppressed (fewer than 10)"
    assert found["gap, adjusted"] == "suppressed (fewer than 10)"
    assert not isinstance(found["gap without adjustment"], str)
