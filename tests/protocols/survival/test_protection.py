"""The rule for points on rows that were filtered, moved and joined, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Flag, Integer, Key, Scenario, Table
from mpc.errors import ConfigError, PolicyError, ShapeError
from protocols.simulate import Computation, dry_run, simulate
from protocols.survival import kaplan_meier, logrank, shown_points
from protocols.survival.arguments import MOST_POINTS
from tests.support.survival import GRID, NAMES, Patients, patients

CUTS = [60, 140]


def run_of(script, f, engine="ideal", minimum=5, **options):
    scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)}, parameters={"minimum_cohort": minimum})
    scenario.run(script)
    parts = np.split(np.arange(len(f)), CUTS)
    tables = {name: {"patients": f.iloc[part]} for name, part in zip("xyz", parts, strict=True)}
    return simulate(scenario, tables, engine=engine, **options).releases


def shown_of(curve):
    return [not isinstance(x, str) for x in curve["survival"]]


VERBS = {
    "as shared": lambda t: t,
    "sorted": lambda t: t.sort("exact"),
    "in fewer places": lambda t: t.compact(rows=220),
    "filtered": lambda t: t.filter(t.treated == 1),
    "filtered and in fewer places": lambda t: t.filter(t.treated == 1).compact(rows=180),
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ideal", "replicated"])
@pytest.mark.parametrize("verb", VERBS)
def test_rows_in_any_places(verb, engine):
    f = patients(220, 3)
    f["owner"] = np.searchsorted(CUTS, np.arange(len(f)), side="right")

    async def script(study):
        rows = VERBS[verb](study.table("patients").share(rows=120))
        study.release("by arm", kaplan_meier(rows.time, rows.dead, by=rows.arm, grid=GRID))

    found = run_of(script, f, engine)["by arm"]
    rows = f[f.treated.astype(bool)] if "filtered" in verb else f
    seen = 0
    for name, curve in zip(NAMES, found["curves"], strict=True):
        own = rows[rows.arm == name]
        shown = shown_points(own.time, own.dead, GRID, 5, own.owner)
        assert shown_of(curve) == shown.tolist()
        seen += int(shown.sum())
    assert seen >= 2


def test_rows_that_a_filter_leaves_out_are_none_or_enough():
    f = patients(220, 3)

    async def script(study):
        rows = study.table("patients").share(rows=120)
        few, many = rows.filter(rows.exact > 0.5), rows.filter(rows.exact > 3)
        study.release("few", kaplan_meier(few.time, few.dead, grid=GRID))
        study.release("many", kaplan_meier(many.time, many.dead, grid=GRID))

    f.loc[f.exact < 1, "exact"] = 1
    f.loc[[1, 70, 150], "exact"] = 0
    found = run_of(script, f)
    assert found["few"] == "suppressed (fewer than 5)"
    assert found["many"]["rows"] == int((f.exact > 3).sum())


@pytest.mark.parametrize("shared", [True, False])
def test_a_small_group_hides_the_others(shared):
    """All rows less those of the large groups are those of the small one."""
    f = patients(220, 3)
    f["arm"] = np.where(np.arange(220) % 2, "a", "b")
    f.loc[[3, 90, 160], "arm"] = "c"

    async def script(study):
        table = study.table("patients")
        rows = table.share(rows=120) if shared else table
        study.release("rows", table.count())
        study.release("by arm", kaplan_meier(rows.time, rows.dead, by=rows.arm, grid=GRID))

    curves = run_of(script, f)["by arm"]["curves"]
    assert curves[2] == curves[0] == "suppressed (fewer than 5)"
    assert (curves[1] == "suppressed (fewer than 5)") == (not shared)


def test_a_row_that_many_look_up_counts_once():
    """Thirty visits of a person are one person: a curve of joined rows stands on the rows of both tables."""

    class Visits(Table):
        person = Key()
        time = Integer(0, 20)
        dead = Flag()

    class Persons(Table):
        person = Key(unique=True)
        treated = Flag()

    scenario = Scenario(
        inputs={"visits": Visits.held_by("clinic"), "persons": Persons.held_by("registry")},
        parameters={"minimum_cohort": 5},
    )

    @scenario.run
    async def run(study):
        rows = study.table("visits").share(rows=300).join(study.table("persons").share(rows=300), on="person")
        study.release("curve", kaplan_meier(rows.time, rows.dead, grid=GRID))

    def found(persons):
        f = patients(240, 3)[["time", "dead"]]
        f["person"] = [f"p{k % persons}" for k in range(len(f))]
        known = pd.DataFrame({"person": [f"p{k}" for k in range(persons)], "treated": True})
        tables = {"clinic": {"visits": f}, "registry": {"persons": known}, "helper": {}}
        return simulate(scenario, tables, engine="ideal").releases["curve"]

    assert found(3) == "suppressed (fewer than 5)"
    assert sum(shown_of(found(240))) >= 3


def test_what_is_refused():
    scenario = Scenario(inputs={"patients": Patients.rows()})

    def refused(call):
        messages = []

        @scenario.run
        async def run(study):
            t = study.table("patients")
            with pytest.raises((ConfigError, ShapeError)) as error:
                call(t, t.share(rows=10))
            messages.append(str(error.value))

        dry_run(Computation(scenario, ["a", "b", "c"]))
        return messages[0]

    cases = {
        "expected 1 to": lambda t, s: kaplan_meier(t.time, t.dead, grid=range(1, MOST_POINTS + 2)),
        "above 0 and ascend": lambda t, s: kaplan_meier(t.time, t.dead, grid=[0, 3]),
        "are above 0": lambda t, s: kaplan_meier(s.time, s.dead, grid=[3, 3]),
        "time is": lambda t, s: kaplan_meier(t.dead, t.dead, grid=GRID),
        "event is": lambda t, s: kaplan_meier(t.time, s.dead, grid=GRID),
        "expected a flag": lambda t, s: kaplan_meier(s.time, s.time, grid=GRID),
        "groups are": lambda t, s: kaplan_meier(s.time, s.dead, by=s.time, grid=GRID),
        "step= is for private": lambda t, s: kaplan_meier(s.time, s.dead, grid=GRID, step=2),
        "is a Real: say step=": lambda t, s: logrank(t.exact, t.dead, t.arm),
        "expected a length above 0": lambda t, s: logrank(t.time, t.dead, t.arm, step=0.5),
        "say a longer step=": lambda t, s: logrank(t.exact, t.dead, t.arm, step=1e-3),
    }
    for words, call in cases.items():
        assert words in refused(call), words


def test_rows_that_no_count_covers_need_a_reason():
    async def script(study):
        rows = study.table("patients").share(rows=120)
        study.release("curve", kaplan_meier(rows.time.bare(), rows.dead.bare(), grid=GRID))

    with pytest.raises(PolicyError, match="unprotected"):
        run_of(script, patients(220, 3))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("minimum", [3, 5])
def test_no_subtraction_tells_few_events(seed, minimum):
    """Of a curve and of the log-rank test together, for a reader and for each owner, which subtracts its own rows."""
    f = patients(260, seed, events=[0.2, 0.5, 0.8, 0.95][seed])
    f["owner"] = np.searchsorted(CUTS, np.arange(len(f)), side="right")

    async def script(study):
        table = study.table("patients")
        study.release("by arm", kaplan_meier(table.time, table.dead, by=table.treated, grid=GRID))
        study.release("test", logrank(table.time, table.dead, table.treated))

    found = run_of(script, f, minimum=minimum)
    assert seed == 3 or not isinstance(found["test"], str)  # few rows without the event
    for side, curve in enumerate(found["by arm"]["curves"]):
        rows = f[f.treated.astype(int) == side]
        time, dead = rows.time.astype(float), rows.dead.astype(bool)
        at = [t for t, shown in zip(GRID, shown_of(curve), strict=True) if shown]
        for owner in (None, 0, 1, 2):
            view = dead & (rows.owner != owner)
            told = sorted({0, int(view.sum()), *[int((view & (time <= t)).sum()) for t in at]})
            assert all(gap >= minimum for gap in np.diff(told)), (owner, told)
            for t in at:
                assert ((rows.owner != owner) & (time > t)).sum() >= minimum
