"""The scenario against its own oracle, small subgroups, and what messages show."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.simulate import simulate
from scenarios.clinical_trial import forest
from tests.support.bounds import every_bound_holds
from tests.support.register_rows import pooled, sample_tables

LOADED, SAMPLE = sample_tables("clinical_trial")


def run(tables, engine="ideal", **parameters):
    return simulate(LOADED.scenario, tables, engine=engine, parameters=parameters)


def same(found, wanted):
    if isinstance(wanted, dict):
        return all(same(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, str) or wanted is None:
        return found == wanted
    return found == pytest.approx(wanted, rel=1e-4, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_the_sample(engine):
    with every_bound_holds():
        found = run(SAMPLE, engine).releases
    wanted = LOADED.scenario.oracle(*pooled(LOADED, SAMPLE), parameters=None)
    assert set(wanted) == set(found)
    for name, value in wanted.items():
        assert same(found[name], value), name
    severe = found["effect by subgroup"]["measures"].index("severe cases")
    assert found["effect by subgroup"]["ci_high"][severe] < -8


@pytest.mark.slow
def test_a_small_subgroup_is_suppressed_and_the_plot_goes_on():
    tables = {site: {"patients": brings["patients"].copy()} for site, brings in SAMPLE.items()}
    for brings in tables.values():
        rows = brings["patients"]
        rows.loc[np.arange(len(rows)) >= 2, "female"] = "no"
    found = run(tables).releases
    assert found["effect, women"].startswith("suppressed")
    shown = found["effect by subgroup"]
    assert shown["estimate"][0].startswith("suppressed")
    assert len(shown["estimate"]) == 7


def test_words_stand_in_the_forest():
    effect = {"terms": ["Intercept", "C(arm)[T.new drug]"], "coefficient": [1, 2]}
    effect |= {"ci_low": [0, 1], "ci_high": [2, 3], "p": [0.1, 0.2]}
    found = forest({"women": "suppressed (fewer than 10)", "men": effect})
    assert found["estimate"] == ["suppressed (fewer than 10)", 2]
    assert found["p"] == ["suppressed (fewer than 10)", 0.2]
