"""Hazards, restricted means and incidences of joined rows, with times at one owner and what divides them at another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Integer, Key, Real, Scenario, Table
from protocols.simulate import simulate
from protocols.survival import cumulative_incidence, nelson_aalen, restricted_mean

GRID = [4, 9, 14]
TAU = 12.5


class Times(Table):
    person = Key(unique=True)
    time = Integer(0, 20)
    days = Real(0, 20)


class Ends(Table):
    person = Key(unique=True)
    end = Category("alive", "relapse", "death")


def rows_of(size: int = 90) -> pd.DataFrame:
    random = np.random.default_rng(12)
    f = pd.DataFrame({
        "person": [f"p{k}" for k in range(size)],
        "time": random.integers(0, 21, size),
        "days": random.uniform(0, 20, size),
        "end": random.choice(["alive", "relapse", "death"], size),
    })  # fmt: skip
    f["days"] = f.days.astype(object)
    f.loc[[3, 17], "days"] = None
    return f


def table_of(time, event):
    """Times of events, rows at risk, events, and survival before each."""
    at = np.unique(time[event])
    risk = np.asarray([(time >= t).sum() for t in at])
    died = np.asarray([(event & (time == t)).sum() for t in at])
    return at, risk, died, np.append(1, np.cumprod(1 - died / risk))


@pytest.mark.parametrize("engine", ["ideal", pytest.param("replicated", marks=pytest.mark.slow)])
def test_joined_rows(engine):
    f = rows_of()
    held = {"times": Times.held_by("hospital"), "ends": Ends.held_by("registry")}
    scenario = Scenario(inputs=held, parameters={"minimum_cohort": 2})

    @scenario.run
    async def run(study):
        rows = study.table("times").share(rows=100).join(study.table("ends").share(rows=80), on="person")
        died = rows.end == "death"
        study.release("hazard", nelson_aalen(rows.time, died, grid=GRID))
        study.release("mean", restricted_mean(rows.days, died, tau=TAU))
        study.release("causes", cumulative_incidence(rows.time, rows.end, censored="alive", grid=GRID))

    ends = f[["person", "end"]].sample(70, random_state=1)
    tables = {"hospital": {"times": f[["person", "time", "days"]]}, "registry": {"ends": ends}, "helper": {}}
    found = simulate(scenario, tables, engine=engine).releases
    both = f[["person", "time", "days"]].merge(ends, on="person")
    time, dead = both.time.to_numpy(), (both.end == "death").to_numpy()

    at, risk, died, _ = table_of(time, dead)
    hazard = [(died / risk)[at <= t].sum() for t in GRID]
    assert found["hazard"]["estimate"] == pytest.approx(hazard, rel=1e-6)

    known = both.dropna(subset=["days"])
    at, _, _, survival = table_of(known.days.to_numpy(float), (known.end == "death").to_numpy())
    early = at < TAU
    area = (survival[: early.sum() + 1] * np.diff([0, *at[early], TAU])).sum()
    assert found["mean"]["estimate"][0] == pytest.approx(area, rel=1e-5)

    at, risk, _, survival = table_of(time, (both.end != "alive").to_numpy())
    for one in found["causes"]["curves"]:
        cause = np.asarray([((both.end == one["cause"]) & (both.time == t)).sum() for t in at])
        values = [(survival[:-1] * cause / risk)[at <= t].sum() for t in GRID]
        shown = [not isinstance(x, str) for x in one["estimate"]]
        assert any(shown)
        assert [x for x in one["estimate"] if not isinstance(x, str)] == pytest.approx(
            np.asarray(values)[shown], rel=1e-5
        )


def test_reals_that_stay():
    """Times are rounded up to the ends of steps."""
    f = rows_of().dropna(subset=["days"])
    scenario = Scenario(inputs={"rows": Ended.rows()}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def run(study):
        t = study.table("rows")
        study.release("mean", restricted_mean(t.days, t.end == "death", tau=7.25, step=0.5))
        study.release("hazard", nelson_aalen(t.days, t.end == "death", grid=GRID, step=0.1))

    found = simulate(scenario, {k: {"rows": f[i::2][["days", "end"]]} for i, k in enumerate("xy")}, engine="ideal")
    found = found.releases
    time, dead = f.days.to_numpy(float), (f.end == "death").to_numpy()
    at, _, _, survival = table_of(np.ceil(time * 2) / 2, dead)
    early = at < 7.25
    area = (survival[: early.sum() + 1] * np.diff([0, *at[early], 7.25])).sum()
    assert found["mean"]["estimate"][0] == pytest.approx(area, rel=1e-6)
    at, risk, died, _ = table_of(np.ceil(time * 10) / 10, dead)
    assert found["hazard"]["estimate"] == pytest.approx([(died / risk)[at <= t + 1e-9].sum() for t in GRID], rel=1e-6)


class Ended(Table):
    days = Real(0, 20)
    end = Category("alive", "relapse", "death")
