"""Everything computed carries its cohorts: rows are refused, small groups suppressed, HAVING is in secret."""

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import PolicyError
from protocols.simulate import simulate


class People(Table):
    age = Real(0, 120)
    ill = Flag()
    place = Category("large", "small", "none")
    visits = Integer(0, 20)


#: 30 rows at "large" and 4 at "small".
FRAME = pd.DataFrame(
    {
        "age": np.arange(34) + 20.0,
        "ill": np.arange(34) % 2 == 0,
        "place": ["large"] * 30 + ["small"] * 4,
        "visits": [1, 2] * 15 + [3] * 4,
    }
)
PARTS = {"a": FRAME[::3], "b": FRAME[1::3], "c": FRAME[2::3]}


def released(query, *, minimum=10, others=False, unprotected="", engine="ideal"):
    scenario = Scenario(
        inputs={"people": People.rows(at_most=15)},
        parameters={"minimum_cohort": minimum, "minimum_without_own_rows": others},
    )

    @scenario.run
    async def run(study):
        study.release("answer", study.sql(query), unprotected=unprotected)

    brought = {name: {"people": part} for name, part in PARTS.items()}
    return simulate(scenario, brought, engine=engine).releases["answer"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT age FROM people",
        "SELECT age, ill FROM people WHERE age > 40 ORDER BY age LIMIT 3",
        "SELECT max(age) AS oldest FROM people",
        "SELECT place, max(age) AS oldest FROM people GROUP BY place",
        "SELECT half FROM (SELECT age / 2 AS half, place FROM people) AS t WHERE place = 'large'",
    ],
)
def test_single_rows_are_refused_without_a_reason(query):
    with pytest.raises(PolicyError, match="unprotected"):
        released(query)
    assert released(query, unprotected="made-up rows")


@pytest.mark.parametrize("query", ["SELECT count(*) AS n, avg(age) AS a FROM people WHERE place = 'small'"])
def test_values_of_few_rows_are_suppressed(query):
    assert released(query)["values"] == ["suppressed (fewer than 10)"] * 2
    assert released(query, minimum=4)["values"] == pytest.approx([4, 51.5])


GROUPED = [
    "SELECT place, count(*) AS n, avg(age) AS a FROM people GROUP BY place ORDER BY place",  # by public levels
    "SELECT place, count(*) AS n, sum(visits) AS a FROM people GROUP BY place, visits > 9 ORDER BY place",  # of a term
    "SELECT p, count(*) AS n, sum(a) AS a FROM (SELECT place AS p, age AS a FROM people) AS t GROUP BY p ORDER BY p",
]


@pytest.mark.parametrize("query", GROUPED)
def test_small_groups_are_suppressed(query):
    """ "small" could be had as the total less "large": so both fall where the total of all rows would tell."""
    found = released(query)["values"]
    assert all(row[0] != "small" or str(row[1]).startswith("suppressed") for row in found)
    assert not any(4 in row for row in found)


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_groups_of_secret_rows_are_suppressed(engine):
    query = "SELECT visits, count(*) AS n FROM people GROUP BY visits ORDER BY visits"
    assert released(query, minimum=1, engine=engine)["values"] == [[1, 15], [2, 15], [3, 4]]
    found = released(query, engine=engine)["values"]
    assert [3, 4] not in found
    assert all(row in ([1, 15], [2, 15]) for row in found)


def test_having_filters_groups_in_secret():
    """A group that HAVING drops does not come out, and neither does how many there are."""
    query = "SELECT visits, count(*) AS n FROM people GROUP BY visits HAVING count(*) > 10 ORDER BY visits"
    assert released(query, minimum=1)["values"] == [[1, 15], [2, 15]]
    none = "SELECT visits, count(*) AS n FROM people GROUP BY visits HAVING count(*) > 100"
    assert released(none, minimum=1)["values"] == []


def test_the_last_of_a_few_is_no_way_around_the_minimum():
    query = "SELECT place, count(*) AS n FROM people GROUP BY place HAVING count(*) < 10 ORDER BY n LIMIT 1"
    assert not any(4 in row for row in released(query)["values"])
