"""The rows of each owner as a table of its own."""

import numpy as np
import pandas as pd
import pytest

from mpc import Integer, Key, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols.simulate import Computation, dry_run, simulate


class Records(Table):
    person = Key()
    year = Integer(2000, 2030)
    income = Real(0, 100)


def records(n, seed):
    chance = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "person": [str(p) for p in chance.integers(0, 12, n)],
            "year": chance.integers(2000, 2031, n),
            "income": chance.uniform(0, 100, n),
        }
    )


FRAMES = {"a": records(40, 1), "b": records(0, 2), "c": records(25, 3)}
TABLES = {name: {"records": frame} for name, frame in FRAMES.items()}


def scenario_of(script):
    scenario = Scenario(inputs={"records": Records.rows(at_most=100)}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def run(study):
        script(study, study.table("records"))

    return scenario


@pytest.mark.parametrize("compute", [None, ["a", "b", "d"]])
@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_each_owners_rows_alone(engine, compute):
    """Also of owners that only bring rows."""

    def script(study, t):
        for k, own in enumerate(t.filter(t.year > 2005).by_owner()):
            study.release(f"rows {k}", own.count())
            study.release(f"income {k}", own.income.sum())
            people = own.group_by("person").agg(income=("income", "sum"), n="count")
            study.release(f"people {k}", people.count())
            study.release(f"most {k}", people.share(rows=50).n.sum())
        study.release("all", t.count())

    tables = TABLES if compute is None else {**TABLES, "d": {}}
    found = simulate(scenario_of(script), tables, engine=engine, compute=compute).releases
    order = sorted(FRAMES) if compute is None else ["a", "b", "c"]
    for k, name in enumerate(order):
        own = FRAMES[name][FRAMES[name].year > 2005]
        assert found[f"rows {k}"] == found[f"most {k}"] == len(own)
        assert found[f"income {k}"] == pytest.approx(own.income.sum(), rel=1e-6)
        assert found[f"people {k}"] == own.person.nunique()
    assert found["all"] == 65


def test_rows_of_different_owners_stay_apart():
    def script(study, t):
        first, second, _ = t.by_owner()
        assert first.source is t.by_owner()[0].source
        with pytest.raises(ShapeError, match="have other owners"):
            first.join(second, on="person")
        with pytest.raises(ShapeError, match="a flag of the same table"):
            first.filter(second.year > 2005)
        study.release("n", first.count())

    simulate(scenario_of(script), TABLES, engine="ideal")


def test_one_owner():
    def script(study, t):
        (own,) = t.by_owner()
        assert own.source is t.source
        study.release("n", own.count())

    assert simulate(scenario_of(script), {"a": TABLES["a"], "b": {}, "c": {}}, engine="ideal").releases == {"n": 40}


def test_the_plan_names_the_owner_of_each_part():
    def script(study, t):
        for own in t.by_owner():
            study.release(own.source.name, own.group_by("person").agg(n="count").count())

    plan = dry_run(Computation(scenario_of(script), ["a", "b", "c"]))
    assert [owners for owners, _ in plan.prepared] == [(0,), (1,), (2,)]
    assert [entry.name for entry in plan.releases] == [f"records of owner {k}" for k in (1, 2, 3)]
