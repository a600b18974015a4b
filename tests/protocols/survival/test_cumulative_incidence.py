"""Incidences of competing causes, of private and of shared rows, against statsmodels and their definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols.simulate import Computation, dry_run, simulate
from protocols.survival import cumulative_incidence, shown_points
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES

GRID = [2, 5, 9, 15, 20]
CAUSES = ["relapse", "death"]


class Patients(Table):
    time = Integer(0, 20)
    exact = Real(0, 20)
    end = Category("alive", *CAUSES)
    relapsed = Flag()
    died = Flag()
    treated = Flag()


def patients(rows, seed=1, *, shares=(0.3, 0.4, 0.3), missing=0.0):
    random = np.random.default_rng(seed)
    end = random.choice(["alive", *CAUSES], rows, p=shares).astype(object)
    f = pd.DataFrame({
        "time": random.integers(0, 21, rows).astype(object), "end": end, "relapsed": end == "relapse",
        "died": (end == "death") | (random.random(rows) < 0.2) & (end == "relapse"),
        "treated": (random.random(rows) < 0.5).astype(object),
    })  # fmt: skip
    f["exact"] = f.time
    f.loc[random.random(rows) < missing, "end"] = None
    f.loc[random.random(rows) < missing, "time"] = None
    f["died"] = f.died.astype(object)
    f.loc[random.random(rows) < missing, "died"] = None
    return f


def definition(time, end, cause, grid):
    """F and its variance at the points of a grid."""
    time, end = np.asarray(time, float), np.asarray(end, object)
    found = []
    for point in grid:
        at = np.unique(time[(end != "alive") & (time <= point)])
        n = np.asarray([(time >= t).sum() for t in at], float)
        d = np.asarray([((end != "alive") & (time == t)).sum() for t in at], float)
        c = np.asarray([((end == cause) & (time == t)).sum() for t in at], float)
        before = np.concatenate([[1.0], np.cumprod(1 - d / n)[:-1]]) if len(at) else np.zeros(0)
        f = np.cumsum(before * c / n)
        rest = (f[-1] if len(f) else 0.0) - f
        left = np.where(n > d, n - d, np.inf)
        v = rest**2 * d / (n * left) - 2 * rest * before * c / n**2 + before**2 * c * (n - c) / n**3
        found.append((f[-1] if len(f) else 0.0, v.sum()))
    return np.asarray(found).T


def released(f, *, minimum=1, engine="ideal", parties=3, grid=GRID):
    scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        table = study.table("patients")
        for where, t in (("private", table), ("shared", table.share(rows=max(len(f), 1)))):
            study.release(where, cumulative_incidence(t.time, t.end, censored="alive", grid=grid))
            by = cumulative_incidence(t.time, t.end, censored="alive", by=t.treated, grid=grid)
            study.release(f"{where} by", by)
            flags = {"relapse": t.relapsed, "death": t.died}
            study.release(f"{where} flags", cumulative_incidence(t.time, flags, grid=grid))

    parts = np.array_split(np.arange(len(f)), parties)
    return simulate(scenario, {f"o{k}": {"patients": f.iloc[part]} for k, part in enumerate(parts)}, engine=engine)


def check(found, f, tolerance, grid=GRID):
    assert found["rows"] == len(f)
    time = np.asarray(f.time, float)
    value, variance = definition(f.time, f.end, found["cause"], grid)
    assert found["estimate"] == pytest.approx(value, rel=tolerance, abs=1e-6)
    assert found["at_risk"] == [int((time > t).sum()) for t in grid]
    upto = [int(((f.end == found["cause"]) & (time <= t)).sum()) for t in grid]
    assert found["events"] == np.diff([0, *upto]).tolist()
    for i, (value_at, v) in enumerate(zip(value, variance, strict=True)):
        if not 0 < value_at < 1 - 1e-9:
            assert found["ci_low"][i].startswith("undefined")
            continue
        assert found["se"][i] == pytest.approx(np.sqrt(max(v, 0)), rel=10 * tolerance, abs=2e-5)
        if v > 1e-9:
            reach = np.exp(1.959963984540054 * np.sqrt(v) / (value_at * abs(np.log(value_at))))
            assert found["ci_low"][i] == pytest.approx(value_at**reach, rel=1e-3, abs=1e-5)
            assert found["ci_high"][i] == pytest.approx(value_at ** (1 / reach), rel=1e-3, abs=1e-5)


def check_all(run, f):
    known = f.dropna(subset=["time", "end"])
    timed = f.dropna(subset=["time", "died"])
    later = np.where(timed.died.astype(bool), "death", "alive")
    first = timed.assign(end=np.where(timed.relapsed.astype(bool), "relapse", later))
    for where, tolerance in (("private", 1e-6), ("shared", 1e-5)):
        assert run[where]["causes"] == CAUSES
        for one in run[where]["curves"]:
            check(one, known, tolerance)
        for one in run[f"{where} flags"]["curves"]:
            check(one, first, tolerance)
        curves = run[f"{where} by"]["curves"]
        assert [(one["group"], one["cause"]) for one in curves] == [(g, c) for g in ("no", "yes") for c in CAUSES]
        for one in curves:
            check(one, known[known.treated.astype(bool) == (one["group"] == "yes")], tolerance)


@pytest.mark.parametrize("engine", [e if e == "ideal" else pytest.param(e, marks=pytest.mark.slow) for e in ENGINES])
def test_as_its_definition(engine):
    f = patients(60, missing=0.05)
    check_all(released(f, engine=engine, parties=5 if engine == "shamir" else 3).releases, f)


def test_as_statsmodels():
    f = patients(90, seed=4)
    f.loc[f.time == 20, "end"] = "alive"  # statsmodels divides by the rows that are left
    known = CumIncidenceRight(f.time.astype(float), f.end.map({"alive": 0, "relapse": 1, "death": 2}).astype(int))
    scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)}, parameters={"minimum_cohort": 1})
    grid = [3, 8, 17]

    @scenario.run
    async def run(study):
        table = study.table("patients")
        shared = table.share(rows=90)
        study.release("private", cumulative_incidence(table.time, table.end, censored="alive", grid=grid))
        study.release("shared", cumulative_incidence(shared.exact, shared.end, censored="alive", grid=grid))

    found = simulate(scenario, {"x": {"patients": f[:40]}, "y": {"patients": f[40:]}}, engine="ideal").releases
    place = np.searchsorted(known.times, grid, side="right") - 1
    for where, tolerance in (("private", 1e-6), ("shared", 1e-5)):
        for c in range(2):
            one = found[where]["curves"][c]
            assert one["estimate"] == pytest.approx(known.cinc[c][place], rel=tolerance)
            assert one["se"] == pytest.approx(known.cinc_se[c][place], rel=tolerance)


CASES = {
    "all censored": lambda f: f.assign(end="alive", relapsed=False, died=False),
    "one cause": lambda f: f.assign(end="death", relapsed=False, died=True),
    "all at time 0": lambda f: f.assign(time=0),
    "ties everywhere": lambda f: f.assign(time=9),
    "no time twice": lambda f: f.assign(time=np.arange(len(f)) % 21)[:20],
    "an empty group": lambda f: f.assign(treated=True),
    "one row": lambda f: f[:1],
    "two rows": lambda f: f[:2],
}


@pytest.mark.parametrize("case", CASES)
def test_edges(case):
    f = CASES[case](patients(20, seed=5))
    with every_bound_holds():
        run = released(f)
    check_all(run.releases, f)


def test_no_rows():
    run = released(patients(6).assign(time=None)).releases
    for where in ("private", "shared"):
        assert [one["rows"] for one in run[where]["curves"]] == [0, 0]
        assert run[where]["curves"][0]["estimate"] == [0.0] * len(GRID)


@pytest.mark.slow
def test_each_cause_has_its_points():
    """Enough events of a cause lie between the points of its curve; rows at risk are shown where all curves are."""
    f = patients(240, seed=3, shares=(0.3, 0.6, 0.1))
    owner = np.repeat(np.arange(3), 80)
    run = released(f, minimum=5).releases
    for where in ("private", "shared"):
        shown = [shown_points(f.time, f.end == cause, GRID, 5, owner) for cause in CAUSES]
        assert shown[0].sum() > shown[1].sum() > 0
        for one, points in zip(run[where]["curves"], shown, strict=True):
            for name in ("estimate", "se", "ci_low", "events"):
                assert [not isinstance(x, str) for x in one[name]] == points.tolist()
            assert [not isinstance(x, str) for x in one["at_risk"]] == (shown[0] & shown[1]).tolist()
            value, _ = definition(f.time, f.end, one["cause"], GRID)
            assert [x for x in one["estimate"] if not isinstance(x, str)] == pytest.approx(value[points], rel=1e-5)
    few = released(f.assign(treated=np.arange(240) < 4), minimum=5).releases
    assert few["private by"]["curves"] == few["shared by"]["curves"] == ["suppressed (fewer than 5)"] * 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_no_subtraction_tells_few_events(seed):
    """Of a cause, and of the rows that were censored or had any event, for a reader and for each owner, which subtracts
    its own rows."""
    minimum, grid = 4, list(range(1, 20, 2))
    f = patients(260, seed, shares=[(0.3, 0.4, 0.3), (0.1, 0.8, 0.1), (0.6, 0.2, 0.2)][seed])
    owner = np.repeat(np.arange(3), [87, 87, 86])
    run = released(f, minimum=minimum, grid=grid).releases
    time = np.asarray(f.time, float)
    some = 0
    for where in ("private", "shared"):
        for one in run[where]["curves"]:
            at = [t for t, cell in zip(grid, one["events"], strict=True) if not isinstance(cell, str)]
            some += len(at)
            for view in (np.full(len(f), True), *[owner != k for k in range(3)]):
                had = view & (f.end == one["cause"]).to_numpy()
                told = sorted({0, int(had.sum()), *[int((had & (time <= t)).sum()) for t in at]})
                assert all(gap >= minimum for gap in np.diff(told)), told
                assert all((view & (time > t)).sum() >= minimum for t in at)
            known = [t for t, cell in zip(grid, one["at_risk"], strict=True) if not isinstance(cell, str)]
            assert set(known) <= set(at)
    assert some > 10


def test_what_is_refused():
    scenario = Scenario(inputs={"patients": Patients.rows()})

    @scenario.run
    async def run(study):
        t = study.table("patients")
        shared = t.share(rows=10)
        with pytest.raises(ConfigError, match="expected the level of rows without an event: 'alive'"):
            cumulative_incidence(t.time, t.end, grid=GRID)
        with pytest.raises(ConfigError, match="names a level of a category"):
            cumulative_incidence(t.time, {"death": t.died}, censored="alive", grid=GRID)
        with pytest.raises(ConfigError, match="0 causes"):
            cumulative_incidence(t.time, {}, grid=GRID)
        with pytest.raises(ShapeError, match="expected a category, or a dict"):
            cumulative_incidence(t.time, t.died, grid=GRID)
        with pytest.raises(ShapeError, match="step= is for private"):
            cumulative_incidence(shared.time, shared.end, censored="alive", grid=GRID, step=2)
        with pytest.raises(ShapeError, match="a cause is"):
            cumulative_incidence(shared.time, {"death": shared.time}, grid=GRID)

    dry_run(Computation(scenario, ["a", "b", "c"]))


@pytest.mark.slow
def test_messages_do_not_depend_on_rows():
    f = patients(24, seed=1)
    runs = [
        released(rows, minimum=3, engine="replicated")
        for rows in (f, f.assign(end="death", time=3), f.assign(time=None, end=None))
    ]
    assert runs[0].cost == runs[1].cost == runs[2].cost


def test_what_it_costs():
    def plan(rows):
        scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)})

        @scenario.run
        async def run(study):
            t = study.table("patients").share(rows=rows)
            study.release("f", cumulative_incidence(t.time, t.end, censored="alive", grid=GRID))

        return dry_run(Computation(scenario, ["v", "w", "x"]))

    few, many = plan(1000), plan(4000)
    assert many.rounds <= few.rounds + 14
    assert max(many.bytes_sent) < 4.5 * max(few.bytes_sent)
