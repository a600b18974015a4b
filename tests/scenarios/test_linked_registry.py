"""The scenario against its own oracle, and that one against statsmodels; what its messages show."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from protocols.simulate import Computation, dry_run, simulate
from scenarios.linked_registry import BANDS, DRUGS, PREDICTORS, plaintext, scenario
from tests.support.bounds import every_bound_holds
from tests.support.messages import by_operation
from tests.support.register_rows import assert_as_oracle, pooled, sample_tables

LOADED, SAMPLE = sample_tables("linked_registry")
#: What may lie between the model after its steps and the best one.
TOLERANCE = 1e-3
SMALL = {"patients": 64, "customers": 64, "deaths": 32, "steps": 2}


def settings(**given):
    return SimpleNamespace(**{**scenario.parameters, **given})


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_the_sample(engine):
    with every_bound_holds():
        found = simulate(scenario, SAMPLE, engine=engine).releases
    assert_as_oracle(LOADED, SAMPLE, found, rel=TOLERANCE)
    assert found["patients with a prescription"] > 900
    shown = [tuple(row[:2]) for row in found["deaths by drug and age"]["values"]]
    assert shown == [(drug, band) for drug in DRUGS for band in BANDS[1:]]  # few of the young die


def test_the_oracle_is_statsmodels():
    patients, prescriptions, deaths = pooled(LOADED, SAMPLE)
    wanted = plaintext(patients, prescriptions, deaths, settings())
    last = prescriptions.sort_values("on", kind="stable").groupby("person").tail(1)
    rows = patients.merge(last, on="person")
    rows = rows.assign(dead=rows.person.isin(deaths.person), age=2023 - rows.born.dt.year)
    rows.loc[(rows.born.dt.month == 1) & (rows.born.dt.day == 1), "age"] += 1
    rows = rows.dropna(subset=["smoker"]).astype({"smoker": float, "dead": float})
    odds = sm.stats.Table2x2(pd.crosstab(rows.smoker, rows.dead).to_numpy())
    found = wanted["smoking and death"]
    assert found["odds_ratio"] == pytest.approx(odds.oddsratio)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(odds.oddsratio_confint())
    model = sm.Logit(rows.dead, sm.add_constant(rows[PREDICTORS])).fit(disp=0)
    # Without the penalty, which moves coefficients by a small part of their standard errors.
    moved = np.abs(np.asarray(wanted["log odds of death"]["values"]) - model.params) / model.bse
    assert moved.max() < 0.25


def test_what_it_costs():
    plan = dry_run(Computation(scenario, list(SAMPLE), owners={"patients": [0], "prescriptions": [1], "deaths": [2]}))
    assert plan.rounds <= 350
    assert max(plan.bytes_sent) <= 16_000_000
    assert simulate(scenario, SAMPLE).cost == plan.cost


def few(kind):
    """Registers of one size, with other people in them."""
    chance = np.random.default_rng(3)
    sizes = {"patients": 50, "prescriptions": 60, "deaths": 20}
    persons = {name: np.arange(n) for name, n in sizes.items()}
    if kind == "nobody in common":
        persons = {name: 1000 * k + np.arange(n) for k, (name, n) in enumerate(sizes.items())}
    elif kind == "one person":
        persons["prescriptions"] = np.full(60, 7)
    patients = pd.DataFrame(
        {
            "person": [f"{p:03d}" for p in persons["patients"]],
            "born": [f"{1930 + int(y)}-06-01" for y in chance.integers(0, 60, 50)],
            "smoker": chance.random(50) < 0.5 if kind != "nobody in common" else None,
        }
    )
    prescriptions = pd.DataFrame(
        {
            "person": [str(p) for p in persons["prescriptions"]],
            "drug": chance.choice(DRUGS, 60),
            "dose": chance.uniform(0, 400, 60),
            "on": "2020-01-01",
        }
    )
    deaths = pd.DataFrame({"person": [f" {p} " for p in persons["deaths"]], "died": "2025-01-01"})
    return {
        "hospital": {"patients": patients},
        "pharmacy": {"prescriptions": prescriptions},
        "register": {"deaths": deaths},
    }


def test_few_persons_are_suppressed():
    for kind in ("nobody in common", "one person"):
        found = simulate(scenario, few(kind), engine="ideal", parameters=SMALL).releases
        groups = found.pop("deaths by drug and age")
        assert groups["values"] == []
        assert set(found.values()) == {"suppressed (fewer than 10)"}


@pytest.mark.parametrize("engine", ["replicated", pytest.param("shamir", marks=pytest.mark.slow)])
def test_messages_do_not_show_who_is_in_which_register(engine):
    """Sizes, numbers and order of the messages of each operation."""

    def sent(kind):
        run = simulate(scenario, few(kind), engine=engine, parameters=SMALL)
        return run.cost, by_operation(run.network.messages)

    first = sent("everybody in common")
    assert sent("nobody in common") == first
    assert sent("one person") == first
