"""The scenario against its own oracle: on the bundled sample, with ranges too wide, and on awkward tables."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from protocols.simulate import Computation, dry_run, simulate
from scenarios.hospital_statistics import MEASUREMENTS, Patients, scenario
from tests.support.bounds import every_bound_holds
from tests.support.hospital_statistics import assert_same

HOSPITALS = ["county", "north", "st-mary"]


def patients():
    data = load_breast_cancer(as_frame=True).frame
    f = pd.DataFrame({name: data["mean " + name.replace("_", " ")] for name in MEASUREMENTS})
    return f.assign(malignant=data.target == 0)


def parts(f, cuts=(120, 400)):
    limits = [0, *cuts, len(f)]
    f.attrs["rows"] = np.diff(limits).tolist()
    return {name: {"patients": f.iloc[a:b]} for name, (a, b) in zip(HOSPITALS, pairwise(limits), strict=True)}


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
@pytest.mark.parametrize("wide", [1, 100])
def test_the_sample(engine, wide):
    f = patients()
    ranges = {c.name: (c.low, c.high * wide) for c in Patients.schema.columns if c.name != "malignant"}
    with every_bound_holds():
        run = simulate(scenario, parts(f), engine=engine, ranges={"patients": ranges})
    assert_same(run.releases, f)


def test_missing_values_and_an_empty_hospital():
    f = patients()
    f.loc[10:40, "radius"] = np.nan
    f.loc[200:260, "texture"] = np.nan
    with every_bound_holds():
        run = simulate(scenario, parts(f, (0, 300)), engine="ideal")
    assert run.releases["texture missing"] == 61
    assert_same(run.releases, f)


def test_few_patients_are_suppressed():
    f = patients().iloc[:9]
    with every_bound_holds():
        releases = simulate(scenario, parts(f, (3, 6)), engine="ideal").releases
    for name, value in releases.items():
        if name.endswith("missing"):
            continue  # 0 of 9: what it leaves is small
        cells = value["counts"] if isinstance(value, dict) and "counts" in value else [value]
        if isinstance(value, dict) and "labels" in value:
            cells = [cell for row in value["values"] for cell in row]
        assert set(cells) == {"suppressed (fewer than 10)"}, name


def test_what_it_costs():
    plan = dry_run(Computation(scenario, HOSPITALS))
    assert plan.rounds <= 310
    assert plan.operations <= 3500
    assert max(plan.bytes_sent) <= 180_000
    run = simulate(scenario, parts(patients()))
    assert run.cost == plan.cost
