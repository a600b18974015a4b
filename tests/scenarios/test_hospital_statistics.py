"""The scenario against its own oracle: on the bundled sample, with ranges too wide, and on awkward tables."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from support.bounds import every_bound_holds

from protocols.simulate import dry_run, simulate
from scenarios.hospital_statistics import MEASUREMENTS, Patients, plaintext, scenario

HOSPITALS = ["county", "north", "st-mary"]


def patients():
    data = load_breast_cancer(as_frame=True).frame
    f = pd.DataFrame({name: data["mean " + name.replace("_", " ")] for name in MEASUREMENTS})
    return f.assign(malignant=data.target == 0)


def parts(f, cuts=(120, 400)):
    limits = [0, *cuts, len(f)]
    f.attrs["rows"] = np.diff(limits).tolist()
    return {name: {"patients": f.iloc[a:b]} for name, (a, b) in zip(HOSPITALS, pairwise(limits), strict=True)}


def assert_same(found, f, parameters=None, tolerance=1e-6):
    """Means, deviations, R^2 and correlations to `tolerance`, standard errors to ten times that, coefficients and
    interval limits to 1e-4 standard errors; counts and texts as they are."""
    expected = plaintext(f, SimpleNamespace(minimum_cohort=10) if parameters is None else parameters)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        got = found[name]
        if isinstance(value, float):
            assert got == pytest.approx(value, rel=tolerance), name
        elif name == "correlation":
            assert got["labels"] == value["labels"]
            np.testing.assert_allclose(got["values"], value["values"], atol=tolerance)
        elif name == "malignant by measurements" and isinstance(value, dict):
            error = np.asarray(value["standard_error"])
            assert got["terms"] == value["terms"]
            assert (got["observations"], got["residual_df"]) == (value["observations"], value["residual_df"])
            assert got["r_squared"] == pytest.approx(value["r_squared"], abs=tolerance)
            np.testing.assert_allclose(got["standard_error"], error, rtol=10 * tolerance)
            for part in ("coefficient", "ci_low", "ci_high"):
                assert (np.abs(np.subtract(got[part], value[part])) <= 1e-4 * error).all(), part
            np.testing.assert_allclose(got["t"], value["t"], atol=1e-4)
            np.testing.assert_allclose(got["p"], value["p"], atol=1e-4)
        elif isinstance(value, dict):
            assert got.keys() - {"unit"} == value.keys() - {"unit"}
            for key, entry in value.items():
                if isinstance(entry, float) or (isinstance(entry, list) and isinstance(entry[0], float)):
                    np.testing.assert_allclose(got[key], entry, rtol=10 * tolerance)
                else:
                    assert got[key] == entry, (name, key)
        else:
            assert got == value, name


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
    plan = dry_run(scenario, organizations=HOSPITALS)
    assert plan.rounds <= 310
    assert plan.operations <= 3500
    assert max(plan.bytes_sent) <= 180_000
    run = simulate(scenario, parts(patients()))
    assert run.cost == plan.cost
