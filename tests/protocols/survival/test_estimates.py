"""Curves and tests of private and of shared rows, against statsmodels and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from mpc import Flag, Integer, Key, Scenario, Table
from mpc.releases.disclosure import Opened
from protocols.simulate import Computation, dry_run, simulate
from protocols.statistics import hidden_cells
from protocols.survival import kaplan_meier, logrank, shown_points
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES
from tests.support.survival import GRID, NAMES, Patients, chi_square, curve, patients, released

#: Relative error of estimates, by where the rows are.
EXACT = {"private": 1e-6, "shared": 1e-4}


def numbers(cells):
    return np.asarray([np.nan if isinstance(x, str) else x for x in cells], float)


def check_curve(found, f, tolerance):
    if not len(f):
        assert found["rows"] == 0
        return
    survival, spread = curve(f.time, f.dead, GRID)
    assert found["rows"] == len(f)
    assert numbers(found["survival"]) == pytest.approx(survival, rel=tolerance, abs=1e-9)
    inside = (survival > 0) & (survival < 1)
    error = survival * np.sqrt(spread)
    assert numbers(found["se"])[inside] == pytest.approx(error[inside], rel=10 * tolerance)
    reach = 1.959963984540054 * np.sqrt(spread[inside]) / np.abs(np.log(survival[inside]))
    low = survival[inside] ** np.exp(reach)
    assert numbers(found["ci_low"])[inside] == pytest.approx(low, rel=20 * tolerance, abs=1e-6)
    time, dead = np.asarray(f.time, float), np.asarray(f.dead, bool)
    assert found["at_risk"] == [int((time > t).sum()) for t in GRID]
    assert found["events"] == np.diff([0, *[int((dead & (time <= t)).sum()) for t in GRID]]).tolist()
    below = np.flatnonzero(survival <= 0.5 + 1e-12)
    if below.size and abs(survival[below[0]] - 0.5) > 1e-9:
        assert found["median"] == GRID[below[0]]


def check(run, f):
    known = f.dropna(subset=["time", "dead"])
    armed = known.dropna(subset=["arm"])
    for where, tolerance in EXACT.items():
        check_curve(run[f"{where} all"] | {"grid": GRID}, known, tolerance)
        by_arm = run[f"{where} by arm"]
        assert by_arm["groups"] == list(NAMES)
        for name, one in zip(NAMES, by_arm["curves"], strict=True):
            check_curve(one, armed[armed.arm == name], tolerance)
        test = run[f"{where} test"]
        statistic, df, expected = chi_square(armed.time, armed.dead, armed.arm, NAMES)
        assert test["observed"] == [int((armed.dead.astype(bool) & (armed.arm == name)).sum()) for name in NAMES]
        assert test["expected"] == pytest.approx(expected, rel=tolerance, abs=1e-5)
        assert test["df"] == df
        if df:
            assert test["chi_square"] == pytest.approx(statistic, rel=20 * tolerance, abs=1e-4)
        else:
            assert test["chi_square"].startswith("undefined")


@pytest.mark.parametrize("engine", ENGINES)
def test_as_statsmodels(engine):
    f = patients(150, missing=0.05)
    run = released(f, engine=engine).releases
    check(run, f)
    known = f.dropna(subset=["time", "dead", "arm"])
    one = known[known.arm == "b"]
    other = SurvfuncRight(one.time.astype(float), one.dead.astype(int))
    place = np.searchsorted(other.surv_times, GRID, side="right") - 1
    inside = (other.surv_prob[place] > 0) & (other.surv_prob[place] < 1)
    for where, tolerance in EXACT.items():
        found = run[f"{where} by arm"]["curves"][1]
        assert numbers(found["survival"]) == pytest.approx(other.surv_prob[place], rel=tolerance, abs=1e-9)
        assert numbers(found["se"])[inside] == pytest.approx(other.surv_prob_se[place][inside], rel=10 * tolerance)
        statistic, p = survdiff(known.time.astype(float), known.dead.astype(int), known.arm.astype(str))
        assert run[f"{where} test"]["chi_square"] == pytest.approx(statistic, rel=20 * tolerance)
        assert run[f"{where} test"]["p"] == pytest.approx(p, abs=1e-4)


CASES = {
    "all censored": lambda f: f.assign(dead=False),
    "one event": lambda f: f.assign(dead=np.arange(len(f)) == 7),
    "all events at time 0": lambda f: f.assign(dead=True, time=0),
    "ties everywhere": lambda f: f.assign(time=9),
    "everybody at the end": lambda f: f.assign(time=20, dead=True),
    "an empty group": lambda f: f.assign(arm=np.where(f.arm == "b", "a", f.arm)),
    "a group without events": lambda f: f.assign(dead=f.dead & (f.arm != "c")),
    "one row": lambda f: f[:1],
    "two rows": lambda f: f[:2],
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ideal", "replicated"])
@pytest.mark.parametrize("case", CASES)
def test_edges(engine, case):
    f = CASES[case](patients(40, seed=5))
    with every_bound_holds():
        run = released(f, engine=engine)
    check(run.releases, f)


def test_a_survival_of_0_is_0_whatever_rounding_adds():
    """Rows that stay: the last product of shares is 0, up to a few last places."""
    scenario = Scenario(inputs={"patients": Patients.rows()})
    found = []

    def opened(values):
        array = np.asarray(values, float)
        return Opened(array, np.zeros(array.shape, np.int8), (), 1)

    @scenario.run
    async def run(study):
        t = study.table("patients")
        result = kaplan_meier(t.time, t.dead, grid=[5, 20])
        parts = {"survival": [[0.25, 2.0**-38]], "variance": [[2.0**25, 2.0**30]], "events": [[3, 4]]}
        parts |= {"at_risk": [[1, 0]], "rows": [4]}
        found.append(result.finish({name: opened(values) for name, values in parts.items()}))

    dry_run(Computation(scenario, ["a", "b", "c"]))
    assert found[0]["survival"] == [0.25, 0.0]
    assert found[0]["se"][1] == found[0]["ci_low"][1] == "undefined: nobody is left at risk"
    assert found[0]["se"][0] == pytest.approx(0.25 * 2.0**-2.5)


@pytest.mark.parametrize("cuts", [(0, 1), (0, 0), (0.5, 0.5)])
def test_owners_without_rows(cuts):
    f = patients(40, seed=6)
    check(released(f, cuts=cuts, engine="replicated").releases, f)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.integers(1, 60), seed=st.integers(0, 1000), ties=st.integers(1, 20), missing=st.sampled_from([0, 0.2]),
    events=st.sampled_from([0.1, 0.6, 0.95]),
)  # fmt: skip
def test_any_rows(rows, seed, ties, missing, events):
    f = patients(rows, seed, ties=ties, missing=missing, events=events)
    with every_bound_holds():
        run = released(f, engine="ideal")
    check(run.releases, f)


@pytest.mark.slow
def test_five_parties():
    f = patients(40, seed=7, missing=0.05)
    check(released(f, engine="shamir", cuts=(0.2, 0.4, 0.4, 0.8)).releases, f)


def hidden_groups(f, minimum):
    """Arms that are hidden as cells of a table are."""
    counts = [np.asarray([(f.arm[f.owner != owner] == name).sum() for name in NAMES]) for owner in (-1, 0, 1, 2)]
    return hidden_cells(counts[0], minimum, counts[1:])


@pytest.mark.slow
@pytest.mark.parametrize("minimum", [2, 5, 10])
@pytest.mark.parametrize("seed", range(6))
def test_points_are_shown_by_the_rule(minimum, seed):
    f = patients(220, seed, missing=0.03, events=[0.2, 0.6, 0.9][seed % 3])
    run = released(f, minimum=minimum, engine="ideal", cuts=[(1 / 3, 1 / 2), (0.02, 0.6)][seed % 2]).releases
    a, b = [int(len(f) * cut) for cut in [(1 / 3, 1 / 2), (0.02, 0.6)][seed % 2]]
    f = f.assign(owner=np.searchsorted([a, b], np.arange(len(f)), side="right"))
    known = f.dropna(subset=["time", "dead"])
    some = 0
    for where in EXACT:
        for name in (None, *NAMES):
            rows = known if name is None else known.dropna(subset=["arm"])
            rows = rows if name is None else rows[rows.arm == name]
            found = run[f"{where} all"] if name is None else run[f"{where} by arm"]["curves"][NAMES.index(name)]
            shown = shown_points(rows.time, rows.dead, GRID, minimum, rows.owner)
            if name is not None and hidden_groups(known, minimum)[NAMES.index(name)]:
                shown[:] = False
            if isinstance(found, str):
                assert not shown.any()
                continue
            assert [not isinstance(x, str) for x in found["survival"]] == shown.tolist()
            some += int(shown.sum())
            survival = curve(rows.time, rows.dead, GRID)[0]
            assert numbers(found["survival"])[shown] == pytest.approx(survival[shown], rel=1e-6)
            dead = np.asarray(rows.dead, bool)
            upto = np.asarray([(dead & (np.asarray(rows.time, float) <= t)).sum() for t in GRID])[shown]
            assert numbers(found["events"])[shown].tolist() == np.diff([0, *upto]).tolist()
    assert some or minimum == 10


def test_a_curve_of_few_rows_is_suppressed_as_a_whole():
    run = released(patients(9, seed=2), minimum=10, engine="ideal").releases
    small = "suppressed (fewer than 10)"
    assert run["private all"] == run["shared all"] == run["private test"] == run["shared test"] == small
    assert run["shared by arm"]["curves"] == [small] * 3


def test_times_between_steps_are_rounded_up():
    f = patients(90, seed=3)
    f["exact"] = np.random.default_rng(3).uniform(0, 20, len(f))
    scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def run(study):
        t = study.table("patients")
        study.release("grid", kaplan_meier(t.exact, t.dead, grid=GRID))
        study.release("steps", kaplan_meier(t.exact, t.dead, grid=GRID, step=0.5))
        study.release("test", logrank(t.exact, t.dead, t.treated, step=0.25))
        shared = t.share(rows=90)
        study.release("shared", kaplan_meier(shared.exact, shared.dead, grid=GRID))
        study.release("shared test", logrank(shared.exact, shared.dead, shared.treated))

    found = simulate(scenario, {"x": {"patients": f[:50]}, "y": {"patients": f[50:]}}, engine="ideal").releases
    coarse = np.asarray([0, *GRID])[np.searchsorted([0, *GRID], f.exact)]
    for name, time in {"grid": coarse, "steps": np.ceil(f.exact * 2) / 2, "shared": f.exact}.items():
        assert numbers(found[name]["survival"]) == pytest.approx(curve(time, f.dead, GRID)[0], rel=1e-6)
    for name, time in {"test": np.ceil(f.exact * 4) / 4, "shared test": f.exact}.items():
        statistic, *_ = chi_square(time, f.dead, f.treated.astype(int), [0, 1])
        assert found[name]["chi_square"] == pytest.approx(statistic, rel=1e-4)
        assert found[name]["groups"] == ["no", "yes"]


def test_times_at_points():
    """Tenths have no exact binary form: a time at a point is up to it, in all forms."""
    f = patients(120, seed=4)
    f["exact"] = [k / 10 for k in np.random.default_rng(4).integers(0, 200, len(f))]
    f["time"] = np.floor(f.exact.astype(float))
    tenths, halves = [k / 10 for k in range(3, 200, 7)], [k + 0.5 for k in range(2, 20)]
    scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def run(study):
        t = study.table("patients")
        shared = t.share(rows=120)
        for name, x, grid in (("tenths", "exact", tenths), ("halves", "time", halves)):
            study.release(f"{name} private", kaplan_meier(t[x], t.dead, grid=grid))
            study.release(f"{name} shared", kaplan_meier(shared[x], shared.dead, grid=grid))
        study.release("tenths steps", kaplan_meier(t.exact, t.dead, grid=tenths, step=0.1))

    found = simulate(scenario, {"x": {"patients": f[:50]}, "y": {"patients": f[50:]}}, engine="ideal").releases
    for name, one in found.items():
        time, grid = (f.exact, tenths) if name.startswith("tenths") else (f.time, halves)
        at_risk = [int((time.astype(float) > t).sum()) for t in grid]
        assert one["at_risk"] == at_risk, name
        if name != "tenths private":  # times between the points of the grid are rounded up
            assert numbers(one["survival"]) == pytest.approx(curve(time, f.dead, grid)[0], rel=1e-6), name


def test_joined_rows():
    class Times(Table):
        person = Key(unique=True)
        time = Integer(0, 20)
        dead = Flag()

    class Arms(Table):
        person = Key(unique=True)
        treated = Flag()

    f = patients(120, seed=9)
    f["person"] = [f"p{i}" for i in range(len(f))]
    scenario = Scenario(
        inputs={"times": Times.held_by("hospital"), "arms": Arms.held_by("registry")}, parameters={"minimum_cohort": 3}
    )

    @scenario.run
    async def run(study):
        rows = study.table("times").share(rows=130).join(study.table("arms").share(rows=100), on="person")
        study.release("curve", kaplan_meier(rows.time, rows.dead, by=rows.treated, grid=GRID))
        study.release("test", logrank(rows.time, rows.dead, rows.treated))

    arms = f[["person", "treated"]].sample(90, random_state=1)
    tables = {"hospital": {"times": f[["person", "time", "dead"]]}, "registry": {"arms": arms}, "helper": {}}
    found = simulate(scenario, tables, engine="replicated").releases
    both = f[["person", "time", "dead"]].merge(arms, on="person")
    for side, one in zip([False, True], found["curve"]["curves"], strict=True):
        rows = both[both.treated == side]
        shown = shown_points(rows.time, rows.dead, GRID, 3)
        assert shown.any()
        assert [not isinstance(x, str) for x in one["survival"]] == shown.tolist()
        assert numbers(one["survival"])[shown] == pytest.approx(curve(rows.time, rows.dead, GRID)[0][shown], rel=1e-6)
    statistic, *_ = chi_square(both.time, both.dead, both.treated.astype(int), [0, 1])
    assert found["test"]["chi_square"] == pytest.approx(statistic, rel=1e-4)
