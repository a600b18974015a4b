"""Small tables of several organizations with missing values, for queries whose answers are compared with DuckDB's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mpc import Category, Date, Flag, Integer, Real, Scenario, Table


class People(Table):
    id = Integer(1, 1000)
    age = Real(0, 120)
    ill = Flag()
    drug = Category("statin", "none", "other")
    visits = Integer(-20, 20)
    born = Date("1890-01-01", "2020-12-31")


class Visits(Table):
    person = Integer(1, 1000)
    cost = Real(0, 1000)
    ward = Category("a", "b")


SCENARIO = {"people": People.rows(at_most=40), "visits": Visits.held_by("hospital", at_most=40)}


def frame(size: int, seed: int, gaps: float = 0.15) -> pd.DataFrame:
    """Rows of people, some of whose values are missing."""
    chance = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "id": np.arange(1, size + 1) + 100 * seed,
            "age": chance.integers(0, 240, size) / 2,
            "ill": pd.array(chance.random(size) < 0.4, "boolean"),
            "drug": chance.choice(np.array(["none", "statin", "other"], object), size),
            "visits": pd.array(chance.integers(-20, 21, size), "Int64"),
            "born": [np.datetime64(int(day), "D").astype(object) for day in chance.integers(-29000, 18000, size)],
        }
    )
    for name in ("age", "ill", "drug", "visits", "born"):
        made[name] = made[name].mask(chance.random(size) < gaps)
    made["drug"] = made["drug"].where(made["drug"].notna(), None)
    made["born"] = made["born"].where(made["born"].notna(), None)
    return made


PEOPLE = [frame(30, 1), frame(17, 2), frame(0, 3)]
VISITS = pd.DataFrame(
    {
        "person": pd.array([101, 101, 102, 205, 999, None, 110], "Int64"),
        "cost": [10.0, 20.5, None, 7.0, 3.0, 4.0, 100.0],
        "ward": ["a", "b", "b", None, "a", "a", "b"],
    }
)
BROUGHT: dict[str, dict[str, pd.DataFrame]] = {
    "county": {"people": PEOPLE[0], "visits": VISITS},
    "north": {"people": PEOPLE[1]},
    "south": {"people": PEOPLE[2]},
}
ALL = {"people": pd.concat(PEOPLE, ignore_index=True), "visits": VISITS}


class Cases(Table):
    id = Integer(1, 1000)
    place = Category("x", "y")


CASES = pd.DataFrame(
    {"id": pd.array([101, 102, 110, 205, None, 300], "Int64"), "place": ["x", "y", None, "x", "y", "x"]}
)
JOINED = {"cases": Cases.held_by("registry", at_most=10), "visits": Visits.held_by("hospital", at_most=10)}
TOGETHER: dict[str, dict[str, pd.DataFrame]] = {"county": {"cases": CASES}, "hospital": {"visits": VISITS}, "third": {}}


def scenario() -> Scenario:
    """People of three organizations and visits of one; without a script."""
    return Scenario(inputs=SCENARIO, parameters={"minimum_cohort": 1})
