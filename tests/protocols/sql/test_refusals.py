"""What cannot be done is refused with the place in the text, the reason and a remedy."""

import pytest

from mpc import Category, Date, Flag, Integer, Key, Real, Scenario, Table
from mpc.errors import ComityError, ConfigError
from protocols.simulate import Computation, dry_run


class People(Table):
    id = Key()
    age = Real(0, 120)
    ill = Flag()
    drug = Category("none", "statin")
    visits = Integer(0, 20)
    born = Date("1900-01-01", "2020-12-31")


class Visits(Table):
    person = Key()
    cost = Real(0, 1000)
    ward = Category("a", "b")


def planned(query, **how):
    """The plan of a query over people of two organizations and visits of one."""
    scenario = Scenario(
        inputs={"people": People.rows(at_most=20), "visits": Visits.held_by("hospital")},
        parameters={"minimum_cohort": 1},
    )

    @scenario.run
    async def run(study):
        study.release("answer", study.sql(query, **how), unprotected="a test")

    return dry_run(Computation(scenario, ["a", "b", "c"], owners={"people": (0, 1), "visits": (2,)}))


REFUSED = {
    "SELECT count(*) FROM persons": "line 1, column 22: no table 'persons'; there is people, visits",
    "SELECT\n  avg(agee) FROM people": "line 2, column 7: no column 'agee'.*did you mean 'age'",
    "SELECT avg(v.age) FROM people p": "no table 'v' in FROM; there is p",
    "SELECT count(*) FROM people, (SELECT drug AS d FROM people GROUP BY d) t": "nothing says which rows of .* belong",
    "SELECT avg(drug) FROM people": "column 8: AVG.* this aggregate is not for a category",
    "SELECT avg(id) FROM people": "this aggregate is not for a key",
    "SELECT sum(born) FROM people": "this aggregate is not for a date",
    "SELECT count(*) FROM people WHERE id = 'x'": "a key is compared only with the key of another table",
    "SELECT count(*) FROM people WHERE drug = 'aspirin'": "no level 'aspirin'; the column is declared with 'none'",
    "SELECT count(*) FROM people WHERE drug": "is no condition; compare it with something",
    "SELECT count(*) FROM people WHERE age": "is no condition",
    "SELECT count(*) FROM people WHERE age = NULL": "never holds; write IS NULL",
    "SELECT count(*) FROM people WHERE age > 'x'": "real columns are not compared with 'x'",
    "SELECT count(*) FROM people WHERE born > '2020-13-01'": "'2020-13-01' is no date",
    "SELECT count(*) FROM people WHERE born + INTERVAL 1 MONTH > '2020-01-01'": "months and years differ in length",
    "SELECT count(*) FROM people WHERE born > current_date": "organizations must agree on the day",
    "SELECT sum(visits // 2) FROM people": "/ divides real numbers, and whole quotients",
    "SELECT sum(visits % 2) FROM people": "declare a column for the remainder",
    "SELECT round(avg(age), 2) FROM people": "release the number, and round it when it is shown",
    "SELECT sum(age / visits) FROM people": "column 12: people.age / people.visits: .*divisor ranges from 0",
    "SELECT sum(age) OVER () FROM people": "window functions are not supported",
    "SELECT avg(sum(age)) FROM people": "an aggregate of aggregates",
    "SELECT avg(DISTINCT age) FROM people": "DISTINCT goes with COUNT of one column",
    "SELECT mode(age) FROM people": "no such aggregate; there are count, sum",
    "SELECT drug, age FROM people GROUP BY drug": "age differs between the rows of a group; name it in GROUP BY",
    "SELECT age, count(*) FROM people GROUP BY age": "a real number, and equal real numbers are chance",
    "SELECT drug, count(*) FROM people GROUP BY ROLLUP (drug)": "ROLLUP.*not supported",
    "SELECT drug FROM people GROUP BY drug ORDER BY drug NULLS FIRST": "NULLS FIRST is not supported",
    "SELECT drug FROM people GROUP BY drug ORDER BY 2": "column 2 of the result; there are 1",
    "SELECT drug FROM people GROUP BY drug LIMIT 2 OFFSET 1": "OFFSET is not supported",
    "SELECT drug FROM people GROUP BY drug LIMIT 0": "write a whole number from 1 up",
    "SELECT count(*) FROM people QUALIFY 1 = 1": "QUALIFY is not supported",
    "SELECT count(*) FROM people TABLESAMPLE 10%": "SAMPLE is not supported",
    "SELECT count(*) FROM people UNION SELECT count(*) FROM visits": "UNION, INTERSECT and EXCEPT are not supported",
    "SELECT count(*) FROM people p RIGHT JOIN visits v ON p.id = v.person": "swap the tables of a LEFT JOIN",
    "SELECT count(*) FROM people p LEFT JOIN visits v ON p.id = v.person AND p.age > 3": "conditions about v alone",
    "SELECT count(*) FROM people p NATURAL JOIN visits v": "METHOD is not supported",
    "SELECT count(*) FROM people WHERE id IN (SELECT person FROM visits) OR age > 3": "stands alone or between AND",
    "SELECT count(*) FROM people WHERE id NOT IN (SELECT person FROM visits)": "NOT IN depends on missing values",
    "SELECT count(*) FROM people WHERE EXISTS (SELECT 1 FROM visits WHERE cost > age)": "in equalities only",
    "SELECT count(*) FROM people WHERE age > (SELECT cost FROM visits)": "gives one aggregate",
    "SELECT sum(v.cost) FROM visits v, people p WHERE v.person = p.id": r"rows of v.* say how many.*rows=\{",
    "SELECT sum(visits.cost), 1 FROM visits": "the same for any data; leave it out",
    "SELECT drug FROM people GROUP BY drug HAVING sum(age) / sum(visits) > 3": r"write NULLIF\(SUM\(",
    "DELETE FROM people": "only SELECT is supported",
    "SELECT count(*) FROM people; SELECT 1": "found 2 statements",
    "SELECT count(* FROM people": "line 1, column .*this is no SQL that can be read",
    "SELECT 1": "a query without FROM reads nothing",
    "SELECT count(*) FROM people WHERE drug LIKE ANY ('a', 'b')": "the pattern must be a text|not supported",
    "SELECT count(*) FROM people WHERE visits BETWEEN SYMMETRIC 5 AND 2": "SYMMETRIC is not supported",
    "SELECT drug || 'x' FROM people": "texts are levels of categories here",
    "SELECT count(*) FROM (SELECT count(*) AS n FROM people) AS t": "a single value stands where it is used",
}


@pytest.mark.parametrize("query", REFUSED)
def test_it_is_refused_with_its_place_and_a_remedy(query):
    with pytest.raises(ComityError, match=r"(?s)SQL.*" + REFUSED[query]) as caught:
        planned(query)
    assert str(caught.value).startswith("SQL")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"rows": {"people": 0}}, "rows of people=0; expected a public whole number from 1 up"),
        ({"matches": True}, "matches=True"),
        ({"unique": {"peple": "id"}}, "unique: no table 'peple'.*did you mean 'people'"),
        ({"unique": {"people": "agee"}}, "table people has no column 'agee'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(how, words):
    with pytest.raises(ConfigError, match=words):
        planned("SELECT count(*) FROM people", **how)
