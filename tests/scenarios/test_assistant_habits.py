"""The scenario against its own oracle: devices with one row each, which submit and do not compute."""

from __future__ import annotations

import runpy

import pandas as pd
import pytest

from parties.study.loader import folder
from protocols.simulate import simulate
from tests.support.register_rows import assert_as_oracle, sample_tables

LOADED, SAMPLE = sample_tables("assistant_habits")
COMPUTE = ["north", "south", "west"]


def devices(count):
    make = runpy.run_path(str(folder() / "data" / "assistant_habits" / "make.py"))
    return {name: {"habits": row} for name, row in make["tables"](count).items()}


def run(tables, engine="ideal"):
    return simulate(LOADED.scenario, {name: {} for name in COMPUTE} | tables, engine=engine, compute=COMPUTE)


@pytest.mark.parametrize(("count", "engine"), [(24, "replicated"), (60, "ideal")])
def test_devices(count, engine):
    tables = devices(count)
    found = run(tables, engine).releases
    assert_as_oracle(LOADED, tables, found, rel=1e-5)
    assert found["devices"] == count


def test_the_sample_is_what_makes_it():
    made = devices(len(SAMPLE))
    assert list(SAMPLE) == list(made)
    for name, brought in SAMPLE.items():
        pd.testing.assert_frame_equal(brought["habits"], made[name]["habits"].reset_index(drop=True))


def test_few_devices_are_suppressed():
    tables = devices(10)
    found = run(tables).releases
    assert_as_oracle(LOADED, tables, found, rel=1e-5)
    assert set(found.values()) == {"suppressed (fewer than 10)"}
