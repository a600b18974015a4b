"""Equivalence of means and equal variances, of private and shared rows, against statsmodels and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from mpc import Category, Integer, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from protocols.statistics.hypotheses.equivalence import equivalence

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
ARMS = ["placebo", "low", "high"]


class Trial(Table):
    before = Real(0, 300)
    after = Real(0, 300)
    arm = Category(*ARMS)


def trial(n=90):
    chance = np.random.default_rng(1)
    frame = pd.DataFrame({"before": chance.normal(140, 15, n), "arm": chance.choice(ARMS, n)})
    frame["after"] = frame.before - chance.normal(2, 8, n) - chance.normal(0, 9, n) * (frame.arm == "high")
    frame["after"] = frame.after.mask(chance.random(n) < 0.1)
    return frame


def released(script, frame, minimum=5, **options):
    scenario = Scenario(inputs={"trial": Trial.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("trial"))

    names = "abcde" if options.get("engine") == "shamir" else "abc"
    tables = {name: {"trial": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, **options).releases


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("shared", "near"), [(False, 1e-5), (True, 2e-3)])
def test_as_statsmodels_and_scipy(engine, shared, near):
    def script(study, t):
        t = t.share(rows=40) if shared else t
        arms = [t.filter(t.arm == arm).after if shared else t.after[t.arm == arm] for arm in ARMS]
        study.release("welch", st.tost_ind(arms[0], arms[1], -8, 8))
        study.release("pooled", st.tost_ind(arms[0], arms[1], -8, 8, equal_var=True))
        study.release("paired", st.tost_rel(t.before, t.after, -5, 5))
        study.release("bartlett", st.bartlett(*arms, names=ARMS))
        if shared:
            study.release("median", st.levene(*arms, names=ARMS))
            study.release("mean", st.levene(*arms, center="mean"))

    frame = trial()
    found = released(script, frame, engine=engine)
    arms = [frame.after[frame.arm == arm].dropna() for arm in ARMS]
    both = frame.dropna()
    theirs = {
        "welch": ttost_ind(arms[0], arms[1], -8, 8, usevar="unequal")[0],
        "pooled": ttost_ind(arms[0], arms[1], -8, 8, usevar="pooled")[0],
        "paired": ttost_paired(both.before, both.after, -5, 5)[0],
        "bartlett": stats.bartlett(*arms).pvalue,
        "median": stats.levene(*arms).pvalue,
        "mean": stats.levene(*arms, center="mean").pvalue,
    }
    for name, value in found.items():
        assert value["p"][-1] == pytest.approx(theirs[name], abs=near)
    if shared:
        assert found["median"]["measures"] == ["Brown-Forsythe test"]
        assert found["median"]["statistic"][0] == pytest.approx(stats.levene(*arms).statistic, rel=near)


def test_the_interval_of_90_percent_and_equivalence_say_the_same():
    n, sd = np.asarray([30.0, 40.0]), np.asarray([5.0, 9.0])
    for gap in (0.0, 1.5, 2.5, 8.0):
        found = equivalence(n, np.asarray([gap, 0.0]), sd, -4, 5, False)
        inside = found[0].ci_low > -4 and found[0].ci_high < 5
        assert (found[-1].p < 0.05) == inside


def test_edges_are_words_and_misuse_is_taught():
    def script(study, t):
        rows = t.share(rows=40)
        some, none = rows.filter(rows.arm == "low").after, rows.filter(rows.arm == "high").after
        study.release("empty", st.levene(some, none))
        study.release("constant", st.bartlett(t.before, t.after))
        study.release("small", st.tost_ind(t.after[t.arm == "placebo"], t.after[t.arm == "low"], -1, 1))
        with pytest.raises(ShapeError, match="shared rows are wanted"):
            st.levene(t.before, t.after)
        with pytest.raises(ShapeError, match="compare two or more"):
            st.bartlett(t.before)
        with pytest.raises(ConfigError, match="the lower one first"):
            st.tost_rel(t.before, t.after, 3, 1)
        with pytest.raises(ConfigError, match="center"):
            st.levene(some, none, center="mode")

    frame = trial(60).assign(arm=["placebo"] * 3 + ["low"] * 57, before=100.0)
    found = released(script, frame, minimum=5)
    assert all(isinstance(value, str) for value in found.values()), found
    assert found["constant"].startswith("undefined: ")
    assert found["small"] == "suppressed (fewer than 5)"


class Whole(Table):
    age = Integer(0, 120)
    arm = Category(*ARMS)


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_middles_of_whole_numbers_keep_their_fractions(engine):
    random = np.random.default_rng(5)
    rows = pd.DataFrame({"age": random.integers(60, 70, 50), "arm": random.choice(ARMS, 50)})
    scenario = Scenario(inputs={"rows": Whole.rows()}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def run(study):
        t = study.table("rows").share(rows=17)
        for center in ("median", "mean"):
            study.release(center, st.levene(*[t.filter(t.arm == arm).age for arm in ARMS], center=center))

    tables = {name: {"rows": rows.iloc[k::3]} for k, name in enumerate("abc")}
    found = simulate(scenario, tables, engine=engine).releases
    arms = [rows.age[rows.arm == arm].astype(float) for arm in ARMS]
    for center in ("median", "mean"):
        wanted = stats.levene(*arms, center=center)
        assert found[center]["statistic"][0] == pytest.approx(wanted.statistic, rel=1e-3)
