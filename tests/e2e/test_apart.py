"""Parties whose scripts have one text and do different things, as real processes: all end, and all say where."""

import os

import pytest

from tests.support.processes import NAMES, SUPPORT, releases_alike, small_town

SCRIPT = '''"""Something differs between parties.

Brings    every organization: rows
Learns    every recipient: the releases
Trust     one of three
"""
import math

from mpc import Flag, Real, Scenario, Study, Table


class Patients(Table):
    x = Real(0, 50)
    y = Real(0, 3)
    ill = Flag()


scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": 3})


@scenario.run
async def run(study: Study) -> None:
    patients = study.table("patients")
    BODY
'''
LINE = SCRIPT[: SCRIPT.index("BODY")].count("\n") + 1

OVER_A_SET = """for k, name in enumerate({"x", "y", "x again", "y again"}):
        study.release(f"mean {k}", patients[name[0]].mean() * (k + 1))"""
AT_ONCE = """study.release("x mean", patients.x.mean() * math.tau)"""
AFTER_A_WAIT = """mean = patients.x.mean()
    await study.settle(mean)
    more = mean * mean if math.tau == 7 else mean.within(40) + 1
    await study.settle(more)
    study.release("more", more)"""


def town_with(folder, body):
    town = small_town(folder)
    script = folder / "apart.py"
    script.write_text(SCRIPT.replace("BODY", body))
    town.write_study(script)
    return town


def all_say_where(runs, lines):
    assert [run.wait() for run in runs.values()] == [4, 4, 4], [run.said() for run in runs.values()]
    for name, run in runs.items():
        assert not [event for event in run.events if event["event"] == "result"]
        said = run.stderr + str(run.events)
        assert "does not do the same at all parties" in said, run.said()
        for line in lines:
            assert f"apart.py line {line}" in said, run.said()
        assert sum(other in said for other in NAMES) >= 2, (name, said)


def test_another_constant_at_one_party(tmp_path):
    with town_with(tmp_path, AT_ONCE) as town:
        program = (str(SUPPORT / "other_party.py"),)
        runs = {name: town.start(name, **({"program": program} if name == "north" else {})) for name in NAMES}
        all_say_where(runs, [LINE])


@pytest.mark.slow
def test_other_operations_at_one_party_after_a_wait(tmp_path):
    with town_with(tmp_path, AFTER_A_WAIT) as town:
        program = (str(SUPPORT / "other_party.py"),)
        runs = {name: town.start(name, **({"program": program} if name == "county" else {})) for name in NAMES}
        all_say_where(runs, [LINE + 2])


@pytest.mark.slow
def test_a_loop_over_a_set(tmp_path):
    """Each process has its own order, unless all have one hash seed: then all do the same; or the lint sees it."""
    with town_with(tmp_path, OVER_A_SET) as town:
        runs = {
            name: town.start(name, environment={**os.environ, "PYTHONHASHSEED": str(seed)})
            for seed, name in enumerate(NAMES, 1)
        }
        codes = {run.wait() for run in runs.values()}
        if codes == {1}:  # refused where it is read: a mistake of the scenario
            assert all("elements of a set" in run.stderr for run in runs.values())
        elif codes == {0}:
            assert releases_alike(run.result for run in runs.values())
        else:
            all_say_where(runs, [LINE + 1])
