"""The p% rule: a sum, mean or deviation of which two rows make up nearly all does not come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from mpc.errors import ConfigError
from parties.report.disclosed import read
from protocols import statistics as st
from protocols.simulate import Computation, dry_run, simulate
from tests.support.engines import ENGINES

SMALL = "suppressed (fewer than 3, or two dominate)"


class Firms(Table):
    turnover = Real(-50, 1000)
    workers = Integer(0, 10**6)
    export = Flag()
    branch = Category("food", "steel")


def scenario_of(script: Any, **parameters: Any) -> Scenario:
    given = {"minimum_cohort": 3, "dominance_percent": 10, **parameters}
    scenario = Scenario(inputs={"firms": Firms.rows()}, parameters=given)

    @scenario.run
    async def run(study: Study) -> None:
        for name, value in script(study.table("firms")).items():
            study.release(name, value)

    return scenario


def firms(turnover: Any, **columns: Any) -> pd.DataFrame:
    n = len(turnover)
    given = {"turnover": turnover, "workers": np.arange(n) + 5, "export": np.arange(n) % 2 == 0, "branch": "food"}
    return pd.DataFrame(given | columns)


def releases(script: Any, frame: pd.DataFrame, owner: Any, engine: str = "ideal", **parameters: Any) -> dict[str, Any]:
    tables = {name: {"firms": frame[np.asarray(owner) == i]} for i, name in enumerate("abc")}
    return simulate(scenario_of(script, **parameters), tables, engine=engine).releases


def dominated(x: Any, owner: Any, percent: int, others: bool) -> bool:
    views = [np.abs(x)] + [np.abs(x[owner != i]) for i in range(3) if others]
    for view in views:
        first, second = np.sort(np.r_[view, 0, 0])[::-1][:2]
        if view.sum() - first - second < percent / 100 * first:
            return True
    return False


@pytest.mark.parametrize("others", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_as_the_rule_in_the_clear(seed, others):
    rng = np.random.default_rng(seed)
    seen = set()
    for _ in range(8):
        n = int(rng.integers(12, 30))
        x, owner = np.round(rng.pareto(0.4, n).clip(0, 900), 1), rng.permutation(np.arange(n) % 3)
        x = x * rng.choice([-0.05, 1, 1, 1], n)
        percent = int(rng.choice([1, 10, 60]))
        found = releases(
            lambda p: {"sum": p.turnover.sum(), "mean": p.turnover.mean(), "scaled": p.turnover.mean() * 2 + 1},
            firms(x),
            owner,
            dominance_percent=percent,
            minimum_without_own_rows=others,
        )
        wanted = dominated(x, owner, percent, others)
        seen.add(wanted)
        assert [value == SMALL for value in found.values()] == [wanted] * 3
        if not wanted:
            assert found["sum"] == pytest.approx(x.sum(), abs=1e-6)
    assert seen == {True, False} or seed > 3


@pytest.mark.parametrize("engine", ENGINES)
def test_what_it_is_about(engine):
    x = np.r_[900.0, np.ones(29)]
    frame = firms(x, branch=np.where(np.arange(30) % 2 == 0, "food", "steel"))

    def script(p):
        return {
            "sum": p.turnover.sum(),
            "sd": p.turnover.std(),
            "exporters": p.turnover[p.export].mean(),
            "others": p.turnover[~p.export].mean(),
            "by branch": p.group_by("branch").turnover.mean(),
            "counts": p.group_by("branch").count(),
            "workers": p.workers.sum(),
            "test": st.ttest_ind(p.turnover[p.export], p.turnover[~p.export]),
            "described": st.describe(p).mean["turnover"],
            "flag": p.export.mean(),
        }

    found = releases(script, frame, np.arange(30) // 10, engine)
    for name in ("sum", "sd", "exporters", "test", "described"):
        assert found[name] == SMALL, name
    assert found["others"] == pytest.approx(1)
    assert found["by branch"]["values"] == [SMALL, SMALL]  # the steel works would tell the other branch from all firms
    assert found["counts"]["values"] == [15, 15]
    assert found["workers"] == sum(range(5, 35))
    assert found["flag"] == 0.5


@pytest.mark.parametrize(
    "x", [np.zeros(30), np.full(30, 1000.0), np.full(30, -50.0), np.r_[np.full(10, 7.0), np.zeros(20)]]
)
def test_edges(x):
    assert releases(lambda p: {"sum": p.turnover.sum()}, firms(x), np.arange(30) % 3)["sum"] == pytest.approx(x.sum())


def test_two_rows_and_none():
    two = releases(lambda p: {"sum": p.turnover.sum()}, firms(np.asarray([5.0, 4.0])), [0, 1])
    assert two["sum"] == SMALL
    frame = firms(np.arange(1.0, 31))
    found = releases(lambda p: {"sum": p.turnover[p.turnover > 100].sum()}, frame, np.arange(30) % 3)
    assert found["sum"] == SMALL


def test_the_plan_says_so():
    def script(p):
        return {"sum": p.turnover.sum(), "n": p.count(), "shared": p.share(rows=50)["turnover"].sum()}

    lines = dry_run(Computation(scenario_of(script), list("abc"), engine="ideal")).manifest()
    assert [line["dominance"] for line in lines] == [10, 0, 0]
    assert "no two of which make up nearly all of it (p% rule, 10 %)" in read(lines[0]).special
    none = dry_run(Computation(scenario_of(script, dominance_percent=0), list("abc"), engine="ideal")).manifest()
    assert [line["dominance"] for line in none] == [0, 0, 0]


@pytest.mark.parametrize("percent", [-1, 101, 2.5, "10", True])
def test_no_such_percentage(percent):
    with pytest.raises(ConfigError, match="whole number from 0"):
        dry_run(
            Computation(scenario_of(lambda p: {"n": p.count()}, dominance_percent=percent), list("abc"), engine="ideal")
        )


def test_more_owners_than_it_can_hold():
    with pytest.raises(ConfigError, match="at most 32"):
        dry_run(
            Computation(
                scenario_of(lambda p: {"sum": p.turnover.sum()}),
                [f"o{i}" for i in range(33)],
                compute=3,
                engine="replicated",
            )
        )


def test_rounds_and_bytes():
    """Comparisons beside those of the minimum, once for all statistics of a column."""

    def cost(percent):
        def script(p):
            return {"sum": p.turnover.sum(), "mean": p.turnover.mean(), "sd": p.turnover.std()}

        plan = dry_run(Computation(scenario_of(script, dominance_percent=percent), list("abc"), engine="replicated"))
        return plan.rounds, sum(plan.bytes_sent)  # which party sends how much goes with labels

    (rounds, sent), (more_rounds, more_sent) = cost(0), cost(10)
    assert more_rounds == rounds
    assert 1500 < more_sent - sent < 2200  # 27 comparisons, for three releases of one column
