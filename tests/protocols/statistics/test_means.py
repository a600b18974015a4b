"""Tests of means of private and of shared columns, against scipy and statsmodels."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.oneway import anova_oneway

from mpc import Category, Flag, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols import statistics as st
from protocols.simulate import simulate

ENGINES = ["ideal", "replicated", pytest.param("shamir", marks=pytest.mark.slow)]
ARMS = ["placebo", "low", "high"]


class Trial(Table):
    before = Real(0, 300)
    after = Real(0, 300)
    arm = Category(*ARMS)
    woman = Flag()


def trial(n=90, seed=1):
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({"before": chance.normal(140, 15, n), "arm": chance.choice(ARMS, n)})
    frame["after"] = frame.before - chance.normal(5, 8, n) - 4.0 * (frame.arm == "high")
    frame["woman"] = chance.random(n) < 0.5
    for name in ("before", "after"):
        frame[name] = frame[name].mask(chance.random(n) < 0.1)
    return frame


def released(script, frame, minimum=5, **options):
    scenario = Scenario(inputs={"trial": Trial.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("trial"))

    tables = {name: {"trial": frame.iloc[k::3]} for k, name in enumerate("abc")}
    return simulate(scenario, tables, **options).releases


def only(document, name):
    return {key: values[0] for key, values in document.items() if key not in ("measures", "table")}[name]


#: Shared rows are rounded to their resolution, and deviations to 2^-12.
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("shared", "near"), [(False, 1e-5), (True, 2e-3)])
def test_as_scipy(engine, shared, near):
    def script(study, t):
        t = t.share(rows=60) if shared else t
        arms = [t.filter(t.arm == arm).after if shared else t.after[t.arm == arm] for arm in ARMS]
        study.release("one", st.ttest_1samp(t.before, 138))
        study.release("paired", st.ttest_rel(t.before, t.after))
        study.release("two", st.ttest_ind(arms[0], arms[2], names=("placebo", "high")))
        study.release("anova", st.f_oneway(*arms, names=ARMS))
        study.release("welch", st.f_oneway(*arms, equal_var=False))

    frame = trial()
    found = released(script, frame, engine=engine)
    before, both = frame.before.dropna(), frame.dropna(subset=["before", "after"])
    groups = [frame.after[frame.arm == arm].dropna() for arm in ARMS]

    one = stats.ttest_1samp(before, 138)
    assert only(found["one"], "statistic") == pytest.approx(one.statistic, rel=near, abs=near)
    assert only(found["one"], "df") == one.df
    assert only(found["one"], "p") == pytest.approx(one.pvalue, rel=10 * near)
    low, high = one.confidence_interval()
    assert (only(found["one"], "ci_low"), only(found["one"], "ci_high")) == pytest.approx((low, high), rel=near)
    assert found["one"]["table"]["values"][0][0] == len(before)

    paired = stats.ttest_rel(both.before, both.after)
    assert only(found["paired"], "statistic") == pytest.approx(paired.statistic, rel=near)
    assert only(found["paired"], "estimate") == pytest.approx((both.before - both.after).mean(), rel=near)
    assert only(found["paired"], "df") == paired.df

    two = stats.ttest_ind(groups[0], groups[2], equal_var=False)
    assert found["two"]["statistic"] == pytest.approx(two.statistic, rel=near)
    assert found["two"]["p"] == pytest.approx(two.pvalue, rel=20 * near)

    for name, equal in (("anova", True), ("welch", False)):
        wanted = anova_oneway(groups, use_var="equal" if equal else "unequal")
        assert only(found[name], "statistic") == pytest.approx(wanted.statistic, rel=5 * near)
        assert only(found[name], "p") == pytest.approx(wanted.pvalue, rel=20 * near)
        assert only(found[name], "df") == 2
        assert only(found[name], "residual_df") == pytest.approx(wanted.df_denom, rel=5 * near)
    assert found["anova"]["table"]["rows"] == ARMS
    assert [row[0] for row in found["anova"]["table"]["values"]] == [len(group) for group in groups]


@pytest.mark.parametrize("shared", [False, True])
def test_small_groups_and_groups_that_do_not_vary(shared):
    def script(study, t):
        rows = t.share(rows=60) if shared else t
        few = rows.filter(rows.arm == "low").before if shared else t.before[t.arm == "low"]
        rest = rows.filter(rows.arm == "high").before if shared else t.before[t.arm == "high"]
        study.release("few", st.f_oneway(few, rest))
        study.release("same", st.ttest_rel(rows.before, rows.before))
        study.release("flat", st.ttest_1samp(rows.after, 3))

    frame = trial().assign(after=120.0)
    frame.loc[frame[frame.arm == "low"].index[2:], "arm"] = "high"
    found = released(script, frame, engine="ideal")
    assert found["few"] == "suppressed (fewer than 5)"
    assert found["same"].startswith("undefined: ")
    assert found["flat"].startswith("undefined: ")


def test_misuse_is_taught():
    def script(study, t):
        shared = t.share(rows=60)
        with pytest.raises(ShapeError, match="f_oneway: 1 groups"):
            st.f_oneway(t.before)
        with pytest.raises(ShapeError, match="all private or all shared"):
            st.ttest_ind(t.before, shared.before)
        with pytest.raises(ShapeError, match="all private or all shared"):
            st.ttest_1samp(shared.arm, 3)
        with pytest.raises(ShapeError, match="2 names for 3 groups"):
            st.f_oneway(t.before, t.after, t.before, names=["a", "b"])
        study.release("n", t.count())

    released(script, trial(), engine="ideal")
