"""What tables tell by subtraction: rows that a verb leaves out are none or enough, and several places are no people."""

import pandas as pd
import pytest

from mpc import Category, Integer, Key, Scenario, Table
from mpc.errors import PolicyError
from protocols.simulate import simulate

SUPPRESSED = "suppressed (fewer than 5)"


class Register(Table):
    person = Key(unique=True)
    age = Integer(0, 120)


class Visits(Table):
    person = Key()
    cost = Integer(0, 1000)
    ward = Category("a", "b")


def released(script, visits=(), engine="ideal"):
    """Of 30 people from 20 to 49 years, and of visits (person, cost, ward)."""
    register = pd.DataFrame({"person": [str(i) for i in range(30)], "age": range(20, 50)})
    frame = pd.DataFrame(list(visits), columns=["person", "cost", "ward"]).astype({"person": str})
    scenario = Scenario(
        inputs={"register": Register.held_by("hospital"), "visits": Visits.held_by("clinic")},
        parameters={"minimum_cohort": 5},
    )

    @scenario.run
    async def run(study):
        script(study, study.table("register").share(rows=33), study.table("visits").share(rows=80))

    tables = {"hospital": {"register": register}, "clinic": {"visits": frame}, "other": {}}
    return simulate(scenario, tables, engine=engine).releases


def youngest(r, limit):
    return r.filter(r.age < limit)


VERBS = {
    "head": lambda r, limit: r.head(limit - 20, by="age").age,
    "sort": lambda r, limit: youngest(r, limit).sort("age").age,
    "compact": lambda r, limit: youngest(r, limit).compact(rows=limit - 20).age,
    "filter, then head": lambda r, limit: youngest(r, limit).head(limit - 20, by="age").age,
    "compact, then sort": lambda r, limit: youngest(r, limit).compact(rows=limit - 20).sort("age").age,
    "a column of filtered rows": lambda r, limit: r.assign(known=youngest(r, limit).age).filter(r.age >= 0).known,
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_rows_that_lose_their_places_are_none_or_enough(verb):
    """All rows less these tell the age of the one that is left out."""

    def script(study, r, _):
        for limit in (49, 45, 50):
            study.release(f"up to {limit}", verb(r, limit).sum())

    found = released(script)
    assert found == {"up to 49": SUPPRESSED, "up to 45": sum(range(20, 45)), "up to 50": sum(range(20, 50))}


def test_groups_of_first_rows():
    def script(study, r, v):
        for rows in (38, 35):
            study.release(f"{rows}", v.head(rows, by="cost").group_by("ward").agg(cost=("cost", "sum")))

    found = released(script, [(i, i, "ab"[i % 2]) for i in range(40)])
    assert found["38"]["values"] == []
    assert found["35"]["values"] == [["a", sum(range(0, 35, 2))], ["b", sum(range(1, 35, 2))]]


@pytest.mark.parametrize("verb", ["lag", "lead"])
def test_rows_that_come_to_no_other_row_are_none_or_enough(verb):
    """The sum of all rows less that of the rows before each tells the last one."""

    def script(study, r, v):
        study.release("in one order", getattr(r, verb)("age", by="age").sum())
        study.release("of each person", getattr(v, verb)("cost", by="cost", within="person").sum())

    found = released(script, [(i % 20, i, "a") for i in range(60)])
    wanted = sum(range(40)) if verb == "lag" else sum(range(20, 60))
    assert found == {"in one order": SUPPRESSED, "of each person": wanted}


def test_rows_without_a_match_tell_of_those_with_one():
    """All visits less those without a match are those of the people looked up."""

    def script(study, r, v):
        for least in (49, 45, 60):
            study.release(f"from {least}", v.join(r.filter(r.age >= least), on="person", how="anti").count())

    found = released(script, [(i, 1, "a") for i in range(30)] + [(29, 1, "a")] * 10)
    assert found == {"from 49": SUPPRESSED, "from 45": 25, "from 60": 40}


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
def test_later_visits_of_one_person_are_of_a_person(engine):
    """The first visit counts for a person; a selection or group of later ones is not nobody's."""

    def script(study, r, v):
        joined = v.join(r, on="person")
        study.release("by ward", joined.group_by("ward").agg(age=("age", "sum")))
        study.release("first ones", joined.filter(joined.cost < 5).age.sum())

    found = released(script, [(i, 1, "a") for i in range(30)] + [(29, 9, "b")] * 6, engine)
    assert found["by ward"]["values"] == []
    assert found["first ones"] == SUPPRESSED


REPEATED = {
    "concat": lambda r, v: r.concat(r).sort("age"),
    "matches": lambda r, v: r.sort("age").join(v, on="person", matches=10).compact(rows=100),
}


@pytest.mark.parametrize("verb", REPEATED.values(), ids=REPEATED)
def test_places_of_the_same_row_are_not_counted_as_people(verb):
    """Four people in eight places are four, in whatever order."""
    with pytest.raises(PolicyError, match="nothing is known of the rows"):
        released(lambda study, r, v: study.release("age", verb(r, v).age.sum()), [(29, 1, "a")] * 10)
