"""Survival statistics from their definitions, on rows in the clear, and tables of patients for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mpc import Category, Flag, Integer, Real, Scenario, Table
from protocols.simulate import simulate
from protocols.survival import kaplan_meier, logrank

NAMES = ("a", "b", "c")
GRID = [2, 5, 9, 15, 20]


class Patients(Table):
    time = Integer(0, 20)
    exact = Real(0, 20, unit="months")
    dead = Flag()
    arm = Category(*NAMES)
    treated = Flag()


def curve(time: Any, event: Any, grid: Any) -> tuple[np.ndarray, np.ndarray]:
    """S and Greenwood's sum at the points of a grid, by the product over distinct times."""
    time, event = np.asarray(time, float), np.asarray(event, bool)
    survival, spread = [], []
    for point in grid:
        s, v = 1.0, 0.0
        for t in np.unique(time[event & (time <= point)]):
            n, d = (time >= t).sum(), (event & (time == t)).sum()
            s *= 1 - d / n
            v += d / (n * (n - d)) if n > d else np.nan
        survival.append(s)
        spread.append(v)
    return np.asarray(survival), np.asarray(spread)


def chi_square(time: Any, event: Any, group: Any, names: Any) -> tuple[float, int, list[float]]:
    """Log-rank chi-square, degrees of freedom and expected events, from the definition."""
    time, event, group = np.asarray(time, float), np.asarray(event, bool), np.asarray(group)
    size = len(names)
    expected, spread = np.zeros(size), np.zeros((size, size))
    for t in np.unique(time[event]):
        risk = np.asarray([((time >= t) & (group == name)).sum() for name in names], float)
        n, d = risk.sum(), (event & (time == t)).sum()
        share = risk / n
        expected += d * share
        if n > 1:
            spread += d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
    seen = np.asarray([(event & (group == name)).sum() for name in names])
    kept = np.flatnonzero(np.diagonal(spread) > 0)[:-1]
    if not kept.size:
        return np.nan, 0, expected.tolist()
    apart = (seen - expected)[kept]
    return float(apart @ np.linalg.pinv(spread[np.ix_(kept, kept)]) @ apart), len(kept), expected.tolist()


def patients(rows: int, seed: int = 1, *, ties: int = 20, missing: float = 0.0, events: float = 0.6) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    f = pd.DataFrame(
        {
            "time": np.ceil(random.integers(0, ties + 1, rows) * 20 / ties).astype(object),
            "dead": (random.random(rows) < events).astype(object),
            "arm": random.choice(NAMES, rows).astype(object),
            "treated": (random.random(rows) < 0.5).astype(object),
        }
    )
    for name in ("time", "dead", "arm"):
        f.loc[random.random(rows) < missing, name] = None
    f["exact"] = f.time
    return f


def scenario_of(minimum: int, rows: int) -> Scenario:
    """All curves and tests of private rows, and of shared rows."""
    scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study: Any) -> None:
        table = study.table("patients")
        shared = table.share(rows=rows)
        for where, t in (("private", table), ("shared", shared)):
            study.release(f"{where} all", kaplan_meier(t.time, t.dead, grid=GRID))
            study.release(f"{where} by arm", kaplan_meier(t.time, t.dead, by=t.arm, grid=GRID))
            study.release(f"{where} test", logrank(t.time, t.dead, t.arm))

    return scenario


def released(f: pd.DataFrame, *, minimum: int = 1, cuts: Any = (1 / 3, 1 / 2), **options: Any) -> Any:
    """A run on a table whose rows several owners hold, cut at these parts of it."""
    limits = [0, *(int(len(f) * cut) for cut in cuts), len(f)]
    tables = {name: {"patients": f.iloc[a:b]} for name, a, b in zip("vwxyz", limits, limits[1:], strict=False)}
    return simulate(scenario_of(minimum, max(len(f), 1)), tables, **options)
