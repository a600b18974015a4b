"""What a query means is what DuckDB means: missing values, divisions, counts, outer joins, dates."""

import pytest

from mpc import Scenario
from tests.support.sql import answer, differences, duckdb_answer
from tests.support.sql_tables import ALL, BROUGHT, CASES, JOINED, TOGETHER, VISITS, scenario

QUERIES = {
    "counts": "SELECT count(*) AS n, count(age) AS a, count(drug) AS d, count(DISTINCT drug) AS dd FROM people",
    "no rows": "SELECT count(*) AS n, sum(visits) AS s, avg(age) AS a FROM people WHERE age > 119.9",
    "or with missing": "SELECT count(*) AS n FROM people WHERE drug = 'none' OR age > 50",
    "not of or": "SELECT count(*) AS n FROM people WHERE NOT (drug = 'none' OR age > 50)",
    "not of and": "SELECT count(*) AS n FROM people WHERE NOT (drug = 'none' AND age > 50)",
    "is null": "SELECT count(*) AS n, sum(age) AS s FROM people WHERE drug IS NULL OR visits IS NULL",
    "is not true": "SELECT count(*) AS n FROM people WHERE (age > 50) IS NOT TRUE",
    "flags": "SELECT count(*) AS n FROM people WHERE ill AND NOT (visits > 3) AND ill = TRUE",
    "not in": "SELECT count(*) AS n FROM people WHERE drug NOT IN ('none', 'other')",
    "order of texts": "SELECT count(*) AS n FROM people WHERE drug < 'p' AND drug >= 'none'",
    "like": "SELECT count(*) AS n FROM people WHERE drug NOT LIKE '%o_e%' OR drug ILIKE 'NO%'",
    "divided": "SELECT sum(visits / 4) AS s, sum(visits) / 4 AS q, avg(visits / 2 + 1) AS a FROM people",
    "case": """SELECT sum(CASE WHEN age > 60 THEN visits WHEN drug = 'none' THEN 1 END) AS s,
               avg(CASE WHEN ill THEN age ELSE 0 END) AS a, count(CASE WHEN ill THEN age END) AS n FROM people""",
    "coalesce": "SELECT sum(coalesce(visits, 7)) AS s, sum(nullif(visits, 3)) AS t, avg(ifnull(age, 0)) FROM people",
    "filter": "SELECT count(*) FILTER (WHERE age > 50) AS n, sum(visits) FILTER (WHERE NOT ill) AS s FROM people",
    "dates": """SELECT count(*) AS n, sum(DATE '2020-01-01' - born) AS days, avg(year(born)) AS y FROM people
                WHERE born >= DATE '1900-01-31' + INTERVAL 1 MONTH AND born + INTERVAL 30 DAY < '2015-02-28'""",
    "spread": "SELECT stddev(age) AS s, variance(age) AS v, count_if(visits > 2) AS c FROM people",
    "middle": "SELECT median(age), quantile_cont(age, 0.25), min(visits), max(born) - DATE '2000-01-01' FROM people",
    "groups": "SELECT drug, count(*) AS n, avg(age) AS a, sum(visits) AS s FROM people GROUP BY drug ORDER BY drug",
    "groups in secret": "SELECT drug, ill, max(age) AS m, sum(visits) AS s, count(age) AS n FROM people GROUP BY ALL",
    "groups of numbers": "SELECT visits, count(*) AS n, sum(age) AS s FROM people GROUP BY visits ORDER BY visits",
    "groups of terms": "SELECT visits > 0 AS b, year(born) AS y, count(*) AS n FROM people GROUP BY b, y ORDER BY 2, 1",
    "four keys": """SELECT drug, ill, visits, year(born) AS y, count(*) AS n, median(age) AS m FROM people
                    GROUP BY drug, ill, visits, y""",
    "having": "SELECT drug, sum(visits) AS s FROM people GROUP BY drug HAVING count(*) > 5 AND NOT sum(visits) > 1000",
    "having over all": "SELECT drug FROM people GROUP BY drug HAVING avg(age) > (SELECT avg(age) FROM people)",
    "having a ratio": "SELECT drug FROM people GROUP BY drug HAVING sum(age) / nullif(sum(visits), 0) > 3",
    "a ratio": "SELECT drug, sum(age) / sum(visits) AS r FROM people WHERE visits > 0 GROUP BY drug ORDER BY r",
    "first ones": "SELECT visits, count(*) AS n FROM people GROUP BY visits ORDER BY n DESC, visits DESC LIMIT 5",
    "inner query": """SELECT d, max(n) AS n FROM (SELECT drug AS d, visits AS v, count(*) AS n FROM people
                      WHERE visits IS NOT NULL GROUP BY d, v) AS t GROUP BY d ORDER BY d""",
    "with": "WITH old AS (SELECT drug, age / 2 AS half FROM people WHERE age > 40) SELECT sum(half) AS s FROM old",
    "different counts": "SELECT drug, count(DISTINCT visits) AS n FROM people GROUP BY drug ORDER BY n, drug",
    "any and all": "SELECT drug, bool_or(ill) AS o, bool_and(ill) AS a FROM people GROUP BY drug",
}


@pytest.mark.parametrize("name", QUERIES)
def test_it_means_what_duckdb_means(name):
    wanted = duckdb_answer(QUERIES[name], ALL)
    found = answer(QUERIES[name], scenario(), BROUGHT)
    assert not differences(found, wanted, ordered="ORDER BY" in QUERIES[name])


@pytest.mark.parametrize("engine", ["replicated", "shamir"])
@pytest.mark.parametrize("name", ["groups", "groups in secret", "inner query", "case"])
def test_it_means_the_same_on_shares(name, engine):
    found = answer(QUERIES[name], scenario(), BROUGHT, engine=engine)
    assert not differences(found, duckdb_answer(QUERIES[name], ALL), ordered="ORDER BY" in QUERIES[name])


JOINS = {
    "inner": "SELECT count(*) AS n, sum(cost) AS s FROM visits JOIN cases ON person = id",
    "comma": "SELECT place, count(cost) AS n FROM visits v, cases c WHERE v.person = c.id AND cost > 8 GROUP BY place",
    "left": "SELECT count(*) AS n, count(place) AS p, sum(cost) AS s FROM visits LEFT JOIN cases ON person = id",
    "left, with where": "SELECT count(*) AS n FROM visits LEFT JOIN cases ON person = id WHERE place = 'x'",
    "left, with where of both": """SELECT count(*) AS n FROM visits LEFT JOIN cases ON person = id
                                   WHERE place = 'x' OR cost > 3""",
    "left, without match": """SELECT count(*) AS n, sum(cost) AS s FROM visits LEFT JOIN cases ON person = id
                              WHERE place IS NULL""",
    "left, with a condition": """SELECT count(*) AS n, count(place) AS p FROM visits
                                 LEFT JOIN cases ON person = id AND place = 'x'""",
    "left, of many": """SELECT id, count(cost) AS n, sum(cost) AS s, count(*) AS rows FROM cases
                        LEFT JOIN visits ON person = id AND ward <> 'b' GROUP BY id ORDER BY id""",
    "left, then chosen": """SELECT sum(CASE WHEN place IS NULL THEN cost ELSE 0 END) AS s,
                            sum(coalesce(size, 7)) AS t, sum(size + cost) AS u FROM visits
                            LEFT JOIN (SELECT id, place, id / 10 AS size FROM cases) AS c ON person = id""",
    "using": """SELECT count(id) AS n, count(*) AS m FROM (SELECT person AS id, cost FROM visits) AS v
                JOIN cases USING (id)""",
    "where in": "SELECT count(*) AS n FROM cases WHERE id IN (SELECT person FROM visits WHERE cost > 8)",
    "where exists": "SELECT count(*) AS n FROM cases c WHERE EXISTS (SELECT 1 FROM visits v WHERE v.person = c.id)",
    "where not exists": """SELECT place, count(*) AS n FROM cases
                           WHERE NOT EXISTS (SELECT 1 FROM visits WHERE person = id) GROUP BY place""",
    "semi join": "SELECT count(*) AS n FROM cases SEMI JOIN visits ON person = id",
    "anti join": "SELECT count(*) AS n FROM cases ANTI JOIN visits ON person = id",
    "a value for each": """SELECT count(*) AS n FROM cases
                           WHERE 15 < (SELECT sum(cost) FROM visits WHERE person = id)""",
    "inner groups": """SELECT place, sum(total) AS s FROM cases
                       JOIN (SELECT person, sum(cost) AS total FROM visits GROUP BY person) AS t ON t.person = id
                       GROUP BY place ORDER BY place""",
}


@pytest.mark.parametrize("name", JOINS)
@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_joins_mean_what_duckdb_means(name, engine):
    wanted = duckdb_answer(JOINS[name], {"cases": CASES, "visits": VISITS})
    given = Scenario(inputs=JOINED, parameters={"minimum_cohort": 1})
    found = answer(JOINS[name], given, TOGETHER, engine=engine, unique={"cases": "id"})
    assert not differences(found, wanted, ordered="ORDER BY" in JOINS[name])


def test_rows_with_many_partners_on_both_sides_need_a_limit():
    query = "SELECT count(*) AS n, sum(cost) AS s FROM visits JOIN cases ON person = id"
    wanted = duckdb_answer(query, {"cases": CASES, "visits": VISITS})
    given = Scenario(inputs=JOINED, parameters={"minimum_cohort": 1})
    assert not differences(answer(query, given, TOGETHER, matches=3), wanted, ordered=True)


def test_rows_of_several_owners_are_looked_up_where_the_author_says_that_keys_differ():
    query = "SELECT drug, count(*) AS n FROM visits JOIN people ON person = id GROUP BY drug"
    wanted = duckdb_answer(query, ALL)
    found = answer(query, scenario(), BROUGHT, unique={"people": "id"})
    assert not differences(found, wanted, ordered=False)
