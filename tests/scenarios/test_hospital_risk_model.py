"""The scenario against its own oracle, and that one against scikit-learn."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score

from parties.local.samples import samples
from parties.study.loader import load
from protocols.models import split_rows
from protocols.simulate import Computation, dry_run, simulate
from scenarios.hospital_risk_model import FEATURES, plaintext, scenario
from tests.support.bounds import every_bound_holds

HOSPITALS = ["county", "north", "st-mary"]
#: What may lie between the model after its steps and the best one.
TOLERANCE = 0.01


def frames():
    found = samples(load("hospital_risk_model"))
    return {name: pd.read_csv(found[name]["patients"]) for name in HOSPITALS}


def pooled(parts):
    table = pd.concat(parts.values(), ignore_index=True)
    table.attrs["rows"] = [len(part) for part in parts.values()]
    return table


def settings(**given):
    return SimpleNamespace(**{**scenario.parameters, **given})


def run(parts, engine="ideal", **parameters):
    tables = {name: {"patients": part} for name, part in parts.items()}
    return simulate(scenario, tables, engine=engine, parameters=parameters)


def scikit_learn(parts, parameters):
    """The same rows, the same split, another library."""
    padded = [part.reindex(range(parameters.rows)) for part in parts.values()]
    table = pd.concat(padded, ignore_index=True)
    train, test = split_rows(len(table), parameters.test_size, parameters.seed)
    train, test = table.iloc[train].dropna(), table.iloc[test].dropna()
    mean, deviation = train[FEATURES].mean(), train[FEATURES].std(ddof=0)
    z, held_out = (((t[FEATURES] - mean) / deviation).clip(-8, 8) for t in (train, test))
    model = LogisticRegression(C=parameters.C, tol=1e-10, max_iter=10_000).fit(z, train["malignant"].astype(bool))
    wanted, score = test["malignant"].astype(bool), model.decision_function(held_out)
    return {
        "patients trained on": len(train),
        "patients tested on": len(test),
        "accuracy": accuracy_score(wanted, score > 0),
        "AUC": roc_auc_score(wanted, score),
    }


@pytest.mark.parametrize("parameters", [{}, {"seed": 5, "C": 0.1, "test_size": 0.4, "rows": 270}])
def test_the_oracle_is_scikit_learn(parameters):
    chosen = settings(**parameters)
    assert plaintext(pooled(frames()), chosen) == pytest.approx(scikit_learn(frames(), chosen), abs=1e-9)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_sample(seed):
    with every_bound_holds():
        found = run(frames(), seed=seed).releases
    wanted = plaintext(pooled(frames()), settings(seed=seed))
    assert list(found) == list(wanted)
    assert found == pytest.approx(wanted, abs=TOLERANCE)
    assert found["patients trained on"] == wanted["patients trained on"]
    assert found["accuracy"] > 0.9


def test_in_shares_as_the_plan_says():
    plan = dry_run(Computation(scenario, HOSPITALS, parameters={"epochs": 2}))
    simulated = run(frames(), "replicated", epochs=2)
    assert simulated.cost == plan.cost
    clear = run(frames(), epochs=2).releases
    assert simulated.releases == pytest.approx(clear, abs=TOLERANCE)


def test_coefficients_only_if_the_study_says_so():
    plan = dry_run(Computation(scenario, HOSPITALS))
    assert [entry.name for entry in plan.releases] == ["patients trained on", "patients tested on", "accuracy", "AUC"]
    found = run(frames(), publish_model=True).releases["coefficients"]
    assert found["labels"] == ["intercept", *FEATURES]
    assert np.isfinite(found["values"]).all()


def test_missing_values_and_an_empty_hospital():
    parts = frames()
    parts["north"] = parts["north"].iloc[:0]
    parts["county"].loc[10:40, "radius"] = np.nan
    with every_bound_holds():
        found = run(parts).releases
    assert found == pytest.approx(plaintext(pooled(parts), settings()), abs=2 * TOLERANCE)


def test_few_patients_are_suppressed():
    parts = {name: part.iloc[:3] for name, part in frames().items()}
    found = run(parts, rows=60).releases
    assert set(found.values()) == {"suppressed (fewer than 10)"}


def test_few_patients_with_a_diagnosis_are_suppressed():
    parts = frames()
    parts = {name: part[~part["malignant"] | (np.arange(len(part)) < 2)] for name, part in parts.items()}
    found = run(parts, publish_model=True, epochs=2).releases
    for name in ("accuracy", "AUC", "coefficients"):
        assert found[name] == "suppressed (fewer than 10)", name
    assert found["patients trained on"] == plaintext(pooled(parts), settings())["patients trained on"]


def test_what_it_costs():
    plan = dry_run(Computation(scenario, HOSPITALS))
    assert plan.operations <= 2400
    assert max(plan.bytes_sent) <= 3_800_000
    assert plan.rounds <= 1000
