"""The cumulative hazard of private and of shared rows, against its definition and recorded values of lifelines."""

from __future__ import annotations

import numpy as np
import pytest

from mpc import Scenario
from mpc.errors import ConfigError, ShapeError
from protocols.simulate import Computation, dry_run, simulate
from protocols.survival import nelson_aalen, shown_points
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES
from tests.support.survival import GRID, NAMES, Patients, patients

#: `NelsonAalenFitter(nelson_aalen_smoothing=False).fit(time, event)` of lifelines 0.30.3, and with smoothing its
#: hazard and ends of the interval, of WEEKS at AT.
WEEKS = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 20]
CENSORED = [5, 9, 13]
AT = [2, 5, 10, 20]
TOGETHER = [0.211111111111, 0.494123931624, 0.766851204351, 3.143041680542]
EACH = [0.217010663915, 0.506433740838, 0.808453942858, 3.234644419048]
LOW = [0.081301456857, 0.250645773372, 0.438579584171, 1.522134841021]
HIGH = [0.579247040254, 1.023257365997, 1.490260379898, 6.873848647118]


def hazard(time, event, grid, *, each=False):
    """H and its variance at the points of a grid, from the definition."""
    time, event = np.asarray(time, float), np.asarray(event, bool)
    found = []
    for point in grid:
        h = v = 0.0
        for t in np.unique(time[event & (time <= point)]):
            n, d = (time >= t).sum(), (event & (time == t)).sum()
            risk = n - np.arange(d) if each else np.full(d, n)
            h, v = h + (1 / risk).sum(), v + (1 / risk**2).sum()
        found.append((h, v))
    return np.asarray(found).T


def released(f, *, minimum=1, engine="ideal", parties=3):
    scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        table = study.table("patients")
        shared = table.share(rows=max(len(f), 1))
        for where, t in (("private", table), ("shared", shared)):
            study.release(where, nelson_aalen(t.time, t.dead, grid=GRID))
            study.release(f"{where} by arm", nelson_aalen(t.time, t.dead, by=t.arm, grid=GRID))
        study.release("each", nelson_aalen(shared.time, shared.dead, grid=GRID, ties="each"))

    parts = np.array_split(np.arange(len(f)), parties)
    return simulate(scenario, {f"o{k}": {"patients": f.iloc[part]} for k, part in enumerate(parts)}, engine=engine)


def check(found, f, tolerance, *, each=False):
    h, v = hazard(f.time, f.dead, GRID, each=each)
    assert found["rows"] == len(f)
    assert found["estimate"] == pytest.approx(h, rel=tolerance, abs=1e-10)
    assert found["se"] == pytest.approx(np.sqrt(v), rel=tolerance, abs=1e-10)
    for i in np.flatnonzero(h > 0):
        reach = np.exp(1.959963984540054 * np.sqrt(v[i]) / h[i])
        assert found["ci_low"][i] == pytest.approx(h[i] / reach, rel=10 * tolerance)
        assert found["ci_high"][i] == pytest.approx(h[i] * reach, rel=10 * tolerance)
    for i in np.flatnonzero(h == 0):
        assert found["ci_low"][i] == found["ci_high"][i] == "undefined: no event yet"


def check_all(run, f):
    known = f.dropna(subset=["time", "dead"])
    for where in ("private", "shared"):
        check(run[where], known, 1e-6)
        assert run[where]["what"] == "cumulative hazard"
        for name, one in zip(NAMES, run[f"{where} by arm"]["curves"], strict=True):
            own = known[known.arm == name]
            check(one, own, 1e-6)
    check(run["each"], known, 1e-6, each=True)


@pytest.mark.parametrize("engine", [e if e == "ideal" else pytest.param(e, marks=pytest.mark.slow) for e in ENGINES])
def test_as_its_definition(engine):
    f = patients(60, missing=0.05)
    check_all(released(f, engine=engine, parties=5 if engine == "shamir" else 3).releases, f)


def test_as_lifelines():
    f = patients(len(WEEKS)).assign(time=WEEKS, dead=[k not in CENSORED for k in range(len(WEEKS))])
    scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def run(study):
        table = study.table("patients")
        shared = table.share(rows=20)
        study.release("private", nelson_aalen(table.time, table.dead, grid=AT))
        study.release("shared", nelson_aalen(shared.exact, shared.dead, grid=AT))
        study.release("each", nelson_aalen(shared.time, shared.dead, grid=AT, ties="each"))

    f["exact"] = f.time
    found = simulate(scenario, {"x": {"patients": f[:8]}, "y": {"patients": f[8:]}}, engine="ideal").releases
    assert found["private"]["estimate"] == pytest.approx(TOGETHER, rel=1e-9)
    assert found["shared"]["estimate"] == pytest.approx(TOGETHER, rel=1e-9)
    assert found["each"]["estimate"] == pytest.approx(EACH, rel=1e-9)
    assert found["each"]["ci_low"] == pytest.approx(LOW, rel=1e-8)
    assert found["each"]["ci_high"] == pytest.approx(HIGH, rel=1e-8)


CASES = {
    "all censored": lambda f: f.assign(dead=False),
    "one event": lambda f: f.assign(dead=np.arange(len(f)) == 7),
    "all events at time 0": lambda f: f.assign(dead=True, time=0),
    "ties everywhere": lambda f: f.assign(time=9, dead=True),
    "an empty group": lambda f: f.assign(arm=np.where(f.arm == "b", "a", f.arm)),
    "one row": lambda f: f[:1],
}


@pytest.mark.parametrize("case", CASES)
def test_edges(case):
    f = CASES[case](patients(24, seed=5))
    with every_bound_holds():
        check_all(released(f).releases, f)


def test_no_rows():
    run = released(patients(6).assign(time=None)).releases
    assert run["private"]["rows"] == run["shared"]["rows"] == 0
    assert run["private"]["estimate"] == run["shared"]["estimate"] == [0.0] * len(GRID)


def test_points_are_shown_as_those_of_survival():
    f = patients(150, seed=3)
    f["owner"] = np.repeat(np.arange(3), 50)
    run = released(f, minimum=6).releases
    shown = shown_points(f.time, f.dead, GRID, 6, f.owner)
    assert 0 < shown.sum() < len(GRID)
    h, _ = hazard(f.time, f.dead, GRID)
    for where in ("private", "shared"):
        for name in ("estimate", "se", "ci_low", "at_risk", "events"):
            assert [not isinstance(x, str) for x in run[where][name]] == shown.tolist()
        assert [x for x in run[where]["estimate"] if not isinstance(x, str)] == pytest.approx(h[shown], rel=1e-6)
    assert released(f[:9], minimum=6).releases["shared by arm"]["curves"] == ["suppressed (fewer than 6)"] * 3


def test_what_is_refused():
    scenario = Scenario(inputs={"patients": Patients.rows()})

    @scenario.run
    async def run(study):
        t = study.table("patients")
        shared = t.share(rows=10)
        with pytest.raises(ConfigError, match="expected 'together' or 'each'"):
            nelson_aalen(t.time, t.dead, grid=GRID, ties="efron")
        with pytest.raises(ShapeError, match="is for shared rows"):
            nelson_aalen(t.time, t.dead, grid=GRID, ties="each")
        with pytest.raises(ShapeError, match="step= is for private"):
            nelson_aalen(shared.time, shared.dead, grid=GRID, step=2)

    dry_run(Computation(scenario, ["a", "b", "c"]))


@pytest.mark.slow
def test_messages_do_not_depend_on_rows():
    f = patients(24, seed=1)
    runs = [
        released(rows, minimum=3, engine="replicated")
        for rows in (f, f.assign(dead=True, time=3, arm="b"), f.assign(time=None, dead=None))
    ]
    assert runs[0].cost == runs[1].cost == runs[2].cost


def test_what_it_costs():
    """Rounds do not grow with the rows, but for those of sorting; bytes in proportion to them."""

    def plan(rows, ties):
        scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)})

        @scenario.run
        async def run(study):
            t = study.table("patients").share(rows=rows)
            study.release("h", nelson_aalen(t.time, t.dead, grid=GRID, ties=ties))

        return dry_run(Computation(scenario, ["v", "w", "x"]))

    few, many, each = plan(1000, "together"), plan(4000, "together"), plan(1000, "each")
    assert many.rounds <= few.rounds + 12
    assert max(many.bytes_sent) < 4.5 * max(few.bytes_sent)
    assert each.rounds < few.rounds
    assert max(few.bytes_sent) - max(each.bytes_sent) < 3000 * 300
