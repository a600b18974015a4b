"""Restricted means of private and of shared rows, against their definition and recorded values of lifelines."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mpc import Scenario
from mpc.errors import ConfigError, ShapeError
from protocols.simulate import Computation, dry_run, simulate
from protocols.survival import restricted_mean
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES
from tests.support.survival import Patients, patients

TAU = 14
SMALL = "undefined: the variance is 0, or too small for its digits"
ENDED = "undefined: no row is under observation until tau"


def area(time, event, tau):
    """The restricted mean and its standard error, from the definition; None where the curve ends before tau."""
    time, event = np.asarray(time, float), np.asarray(event, bool)
    at = np.unique(time[event & (time < tau)])
    risk = np.asarray([(time >= t).sum() for t in at], float)
    died = np.asarray([(event & (time == t)).sum() for t in at], float)
    survival = np.concatenate([[1.0], np.cumprod(1 - died / risk)])
    if not len(time) or (survival[-1] > 1e-12 and time.max() < tau):
        return None
    limits = np.concatenate([[0.0], at, [tau]])
    areas = np.cumsum((survival * np.diff(limits))[::-1])[::-1]
    left = risk - died
    terms = np.where(left > 0, areas[1:] ** 2 * died / (risk * np.where(left > 0, left, 1)), 0)
    return areas[0], np.sqrt(terms.sum())


def released(f, *, tau=TAU, minimum=1, engine="ideal", parties=3):
    scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        table = study.table("patients")
        shared = table.share(rows=max(len(f), 1))
        for where, t in (("private", table), ("shared", shared)):
            study.release(where, restricted_mean(t.time, t.dead, tau=tau))
            study.release(f"{where} by treatment", restricted_mean(t.time, t.dead, by=t.treated, tau=tau))
            study.release(f"{where} by arm", restricted_mean(t.time, t.dead, by=t.arm, tau=tau))
        study.release("exact", restricted_mean(shared.exact, shared.dead, tau=tau))

    parts = np.array_split(np.arange(len(f)), parties)
    return simulate(scenario, {f"o{k}": {"patients": f.iloc[part]} for k, part in enumerate(parts)}, engine=engine)


def check(found, groups, tau, tolerance):
    for i, (time, dead) in enumerate(groups):
        known = area(time, dead, tau)
        rows, mean, error = found["table"]["values"][i]
        assert rows == len(time)
        events = int((np.asarray(dead, bool) & (np.asarray(time, float) < tau)).sum())
        if known is None:
            assert mean == error == found["estimate"][i] == ENDED
            continue
        assert mean == found["estimate"][i] == pytest.approx(known[0], rel=tolerance, abs=1e-7)
        if not events:
            assert error == found["ci_low"][i] == "undefined: no event before tau"
        elif not known[1]:
            assert error == found["ci_low"][i] == SMALL
        else:
            assert error == pytest.approx(known[1], rel=10 * tolerance, abs=1e-7)
            assert found["ci_low"][i] == pytest.approx(known[0] - 1.959963984540054 * known[1], rel=1e-4, abs=1e-5)
    if len(groups) == 2:
        both = [area(time, dead, tau) for time, dead in groups]
        if None in both:
            assert found["estimate"][2] == found["p"][2] == ENDED
        elif "undefined: no event before tau" in [values[2] for values in found["table"]["values"]]:
            assert found["p"][2] == found["ci_high"][2] == "undefined: no event before tau"
            assert found["estimate"][2] == pytest.approx(both[1][0] - both[0][0], abs=1e-5)
        elif not both[0][1] or not both[1][1]:
            assert found["p"][2] == found["statistic"][2] == SMALL
        elif both[0][1] + both[1][1] > 1e-6:
            z = (both[1][0] - both[0][0]) / np.hypot(both[0][1], both[1][1])
            assert found["statistic"][2] == pytest.approx(z, rel=1e-4, abs=1e-5)
            assert found["p"][2] == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-3, abs=1e-6)


def check_all(run, f, tau=TAU):
    known = f.dropna(subset=["time", "dead"])
    for where, tolerance in (("private", 1e-7), ("shared", 2e-6)):
        check(run[where], [(known.time, known.dead)], tau, tolerance)
        sides = [known[known.treated.astype(bool) == side] for side in (False, True)]
        check(run[f"{where} by treatment"], [(x.time, x.dead) for x in sides], tau, tolerance)
        arms = [known[known.arm == name] for name in ("a", "b", "c")]
        check(run[f"{where} by arm"], [(x.time, x.dead) for x in arms], tau, tolerance)
    exact = f.dropna(subset=["exact", "dead"])
    check(run["exact"], [(exact.exact, exact.dead)], tau, 2e-6)


@pytest.mark.parametrize("engine", [e if e == "ideal" else pytest.param(e, marks=pytest.mark.slow) for e in ENGINES])
def test_as_its_definition(engine):
    f = patients(80, missing=0.05)
    f["exact"] = np.random.default_rng(8).uniform(0, 20, len(f))
    check_all(released(f, engine=engine, parties=5 if engine == "shamir" else 3).releases, f)


CASES = {
    "all censored": lambda f: f.assign(dead=False),
    "one event": lambda f: f.assign(dead=np.arange(len(f)) == 7),
    "all events at time 0": lambda f: f.assign(dead=True, time=0),
    "ties everywhere": lambda f: f.assign(time=9, dead=True),
    "ties at tau": lambda f: f.assign(time=TAU, dead=True),
    "everybody at the end": lambda f: f.assign(time=20, dead=True),
    "censored early": lambda f: f.assign(time=np.minimum(f.time.astype(int), 5), dead=False),
    "an empty group": lambda f: f.assign(treated=True),
    "one row": lambda f: f[:1],
    "two rows": lambda f: f[:2],
}


@pytest.mark.parametrize("case", CASES)
def test_edges(case):
    f = CASES[case](patients(24, seed=5))
    f["exact"] = f.time
    with every_bound_holds():
        run = released(f)
    check_all(run.releases, f)


@pytest.mark.parametrize("tau", [0.5, 5.5, 20, 25])
def test_any_tau(tau):
    f = patients(40, seed=6)
    time = np.ceil(f.time.astype(float))  # of private rows: whole steps
    run = released(f, tau=tau).releases
    check(run["private"], [(time, f.dead)], tau, 1e-7)
    check(run["shared"], [(f.time, f.dead)], tau, 2e-6)
    if tau == 25:
        assert run["private"]["estimate"] == [ENDED] or area(f.time, f.dead, tau) is not None


def test_no_rows():
    run = released(patients(6).assign(time=None, exact=None)).releases
    assert run["private"]["estimate"] == run["shared"]["estimate"] == [ENDED]


@pytest.mark.slow
def test_suppression():
    """As a curve with a single point: events before tau, rows after it, events after it."""
    f = patients(120, seed=3)
    small = "suppressed (fewer than 8)"
    run = released(f, minimum=8).releases
    assert isinstance(run["private"]["estimate"][0], float)
    assert run["shared"]["estimate"] == pytest.approx(run["private"]["estimate"], rel=1e-5)
    late = released(f, minimum=8, tau=20).releases
    assert int((f.time == 20).sum()) < 8
    assert late["private"]["estimate"] == late["shared"]["estimate"] == [small]
    few = f.assign(treated=np.arange(120) < 5)
    by = released(few, minimum=8).releases
    for where in ("private", "shared"):
        assert by[f"{where} by treatment"]["estimate"] == [small] * 3
        assert by[f"{where} by treatment"]["p"][2] == small
    assert released(f[:6], minimum=8).releases["private"] == small


def test_what_is_refused():
    scenario = Scenario(inputs={"patients": Patients.rows()})

    @scenario.run
    async def run(study):
        t = study.table("patients")
        shared = t.share(rows=10)
        for tau in (0, -3, float("nan"), True):
            with pytest.raises(ConfigError, match="expected a time above 0"):
                restricted_mean(t.time, t.dead, tau=tau)
        with pytest.raises(ConfigError, match="is a Real: say step="):
            restricted_mean(t.exact, t.dead, tau=5)
        with pytest.raises(ShapeError, match="step= is for private"):
            restricted_mean(shared.time, shared.dead, tau=5, step=2)

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
    def plan(rows):
        scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)})

        @scenario.run
        async def run(study):
            t = study.table("patients").share(rows=rows)
            study.release("mean", restricted_mean(t.time, t.dead, by=t.treated, tau=TAU))

        return dry_run(Computation(scenario, ["v", "w", "x"]))

    few, many = plan(1000), plan(4000)
    assert many.rounds <= few.rounds + 14
    assert max(many.bytes_sent) < 4.5 * max(few.bytes_sent)
