"""Checked assumptions in a script: what fails blanks what rests on it, whatever is between; nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from mpc import Flag, Real, Scenario, Table
from protocols import order
from protocols.simulate import simulate
from tests.support.engines import ENGINES

X = np.random.default_rng(1).uniform(0, 1000, 90)


class Rows(Table):
    x = Real(0, 1000)
    f = Flag()


def released(script, engine, minimum=1):
    scenario = Scenario(
        inputs={"rows": Rows.rows()}, parameters={"minimum_cohort": minimum, "minimum_without_own_rows": False}
    )
    scenario.run(script)
    tables = {name: {"rows": {"x": X[i::3], "f": np.arange(30) % 2}} for i, name in enumerate("abc")}
    return simulate(scenario, tables, engine=engine).releases


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_group_breaks_nothing(engine):
    async def script(study):
        rows = study.table("rows")
        none = rows.x[rows.x > 2000].mean().within(100)
        study.release("none", none)
        study.release("ratio", rows.x.mean() / none)
        study.release("other ratio", none / rows.x.mean())
        study.release("log", none.log())
        study.release("mean", rows.x.mean())
        study.release("twice", (rows.x.sum() * 2).within(1e9) / rows.x.sum())

    found = released(script, engine)
    assert [found[name] for name in ("none", "ratio", "other ratio", "log")] == ["undefined: no rows"] * 4
    assert found["mean"] == pytest.approx(X.mean())
    assert found["twice"] == pytest.approx(2)


@pytest.mark.parametrize("minimum", [1, 5])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_group_that_is_too_large_blanks_its_own_releases(engine, minimum):
    async def script(study):
        rows = study.table("rows")
        total = rows.x.sum().within(10)
        kept = order.compact([rows.share(rows=40)["x"]], 20)[0]
        study.release("total", total)
        study.release("share", total / rows.count())
        study.release("larger", total > rows.x.mean())
        study.release("kept", kept.mean())
        study.release("number kept", kept.count())
        study.release("mean", rows.x.mean())
        study.release("groups", rows.group_by("f").x.mean())

    found = released(script, engine, minimum)
    line = script.__code__.co_firstlineno
    for name, place in (("total", 2), ("share", 2), ("larger", 2), ("kept", 3), ("number kept", 3)):
        assert found[name] == f"out of range: the assumption at test_assumptions.py line {line + place} did not hold"
    assert found["mean"] == pytest.approx(X.mean())
    assert len(found["groups"]["values"]) == 2
    assert all(isinstance(value, float) for value in found["groups"]["values"])
