"""Tables of shared rows: columns by kind, filters, assigned columns, and what stands behind them."""

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError, UnknownLength
from protocols.simulate import simulate
from tests.support.engines import ENGINES_SLOW


class People(Table):
    age = Real(0, 120)
    ill = Flag()
    drug = Category("none", "statin", "other")
    visits = Integer(0, 1000)


def frames(rows=(40, 25, 0), seed=3):
    chance = np.random.default_rng(seed)
    made = {}
    for i, n in enumerate(rows):
        frame = pd.DataFrame(
            {
                "age": chance.uniform(0, 120, n),
                "ill": chance.random(n) < 0.4,
                "drug": chance.choice(["none", "statin", "other"], n),
                "visits": chance.integers(0, 1001, n),
            }
        )
        frame.loc[frame.index[chance.random(n) < 0.1], "age"] = np.nan
        made[f"o{i}"] = {"people": frame}
    return made, pd.concat([each["people"] for each in made.values()], ignore_index=True)


def run_of(script, minimum=1, **options):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("people"))

    return lambda tables, **more: simulate(scenario, tables, **options, **more).releases


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_filters_and_columns_are_those_of_pandas(engine):
    def script(study, people):
        t = people.share(rows=50)
        old = t.filter(t.age > 40)
        chosen = old[old.ill][old.visits <= 700]
        study.release("rows", t.count())
        study.release("old", old.count())
        study.release("chosen", chosen.count())
        study.release("age", chosen.age.mean())
        study.release("ill among old", old.ill.sum())
        study.release("statin", (old.drug == "statin").sum())
        study.release("some drug", old.drug.isin(["statin", "other"]).sum())
        study.release("double", t.assign(twice=lambda t: t.visits * 2, one=1).filter(t.age > 40)["twice"].sum())
        study.release("renamed", t.select("age", "ill").rename(age="years").drop("ill").years.count())

    tables, p = frames()
    found = run_of(script)(tables, engine=engine)
    old = p[p.age > 40]
    chosen = old[(old.ill == 1) & (old.visits <= 700)]
    assert found["rows"] == len(p)
    assert found["old"] == len(old)
    assert found["chosen"] == len(chosen)
    assert found["age"] == pytest.approx(chosen.age.mean(), rel=1e-5)
    assert found["ill among old"] == old.ill.sum()
    assert found["statin"] == (old.drug == "statin").sum()
    assert found["some drug"] == old.drug.isin(["statin", "other"]).sum()
    assert found["double"] == 2 * old.visits.sum()
    assert found["renamed"] == p.age.count()


def test_rows_that_a_filter_leaves_out_are_none_or_enough():
    """The count of all rows minus that of the filtered rows is the count of the others."""

    def script(study, people):
        t = people.share(rows=50)
        study.release("all", t.count())
        study.release("nearly all", t.filter(t.visits < 990).count())
        study.release("ill, nearly all", t.filter(t.visits < 990).ill.sum())
        study.release("half", t.filter(t.visits < 500).count())
        study.release("twice", t.filter(t.visits < 500).filter(t.visits < 495).age.mean())
        study.release("everybody", t.filter(t.visits < 5000).count())

    tables, _ = frames(rows=(40, 40, 40))
    tables["o0"]["people"].loc[0, "visits"] = 999
    tables["o1"]["people"].loc[1, "visits"] = 497
    for each in tables.values():
        visits = each["people"].visits
        each["people"].visits = visits.where((visits == 999) | (visits < 990), 3).where(
            (visits == 497) | (visits < 495) | (visits > 500), 4
        )
    found = run_of(script, minimum=5)(tables, engine="ideal")
    small = "suppressed (fewer than 5)"
    assert found["all"] == found["everybody"] == 120
    assert found["nearly all"] == found["ill, nearly all"] == found["twice"] == small
    assert found["half"] != small


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (lambda t: len(t), UnknownLength, "`count\\(\\)` gives it, `capacity`"),
        (lambda t: t.agee, ConfigError, "no column 'agee'.*age"),
        (lambda t: t.filter(t.age), ShapeError, "is no flag: compare it"),
        (lambda t: t.filter(t.age.mean() > 3), ShapeError, "a flag of its own"),
        (lambda t: t.drug == "statins", ConfigError, "no level 'statins'.*statin"),
        (lambda t: t.drug + 1, ShapeError, "no order and no arithmetic"),
        (lambda t: t.assign(x=t.age[:3]), ShapeError, "x has the shape"),
        (lambda t: t[3], ShapeError, "rows have no"),
        (lambda t: t.rename(age="ill"), ConfigError, "a name of its own"),
    ],
)
def test_misuse_is_taught(wrong, error, text):
    def script(study, people):
        with pytest.raises(error, match=text):
            wrong(people.share(rows=60))
        study.release("n", people.count())

    run_of(script)(frames()[0], engine="ideal")


def test_parts_of_the_places_have_all_rows_together():
    def script(study, people):
        first, second = people.share(rows=60).split(0.7, seed=2)
        study.release("first", first.count())
        study.release("second", second.filter(second.visits > 500).count())
        study.release("rest", second.filter(~(second.visits > 500)).count())

    tables, p = frames()
    found = run_of(script)(tables, engine="ideal")
    assert found["first"] + found["second"] + found["rest"] == len(p)
    assert found["first"] > found["second"] + found["rest"]
