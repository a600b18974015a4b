"""Random queries: each is refused, or its answer is DuckDB's."""

import numpy as np
import pytest

from mpc import Scenario
from mpc.errors import ComityError
from tests.support.sql import answer, differences, duckdb_answer
from tests.support.sql_tables import ALL, BROUGHT, CASES, JOINED, TOGETHER, VISITS, scenario

LEVELS = {"drug": ("statin", "none", "other"), "place": ("x", "y"), "ward": ("a", "b")}


class Writer:
    """Writes terms and conditions of columns: numbers, categories."""

    def __init__(self, seed, numbers, categories):
        self.chance = np.random.default_rng(seed)
        self.numbers, self.categories = numbers, categories

    def one_of(self, *choices):
        return choices[self.chance.integers(len(choices))]

    def number(self, depth):
        if depth <= 0 or self.chance.random() < 0.3:
            return self.one_of(*self.numbers, str(self.chance.integers(-5, 60)))
        a, b = self.number(depth - 1), self.number(depth - 1)
        return self.one_of(
            f"({a} {self.one_of('+', '-', '*')} {b})",
            f"({a} / {self.one_of('2', '4', '-8')})",
            f"CASE WHEN {self.condition(depth - 1)} THEN {a} {self.one_of('', f'ELSE {b}')} END",
            f"coalesce({a}, {b})",
            f"nullif({a}, {self.chance.integers(-3, 5)})",
            f"abs({a})",
        )

    def condition(self, depth):
        if depth > 0 and self.chance.random() < 0.55:
            a, b = self.condition(depth - 1), self.condition(depth - 1)
            return self.one_of(f"({a} AND {b})", f"({a} OR {b})", f"(NOT {a})", f"({a} IS NOT TRUE)")
        category = self.one_of(*self.categories)
        level = self.one_of(*LEVELS[category])
        return self.one_of(
            f"{self.number(depth - 1)} {self.one_of('<', '<=', '>', '>=', '=', '<>')} {self.number(0)}",
            f"{self.number(0)} BETWEEN {self.chance.integers(-10, 20)} AND {self.chance.integers(20, 70)}",
            f"{self.one_of(*self.numbers, category)} IS {self.one_of('', 'NOT ')}NULL",
            f"{category} {self.one_of('=', '<>', '<')} '{level}'",
            f"{category} {self.one_of('', 'NOT ')}IN ('{level}')",
            f"{category} {self.one_of('', 'NOT ')}LIKE '%{self.one_of(*'nsoabxy')}%'",
        )

    def query(self, source, keys):
        made = [
            self.one_of(
                "count(*)",
                f"count_if({self.condition(1)})",
                f"sum({self.one_of(*self.numbers)}) FILTER (WHERE {self.condition(1)})",
                *(f"{name}({self.number(2)})" for name in ("count", "sum", "avg")),
            )
            for _ in range(self.chance.integers(1, 4))
        ]
        outputs = ", ".join(f"{each} AS a{k}" for k, each in enumerate(made))
        where = f" WHERE {self.condition(2)}" if self.chance.random() < 0.8 else ""
        if self.chance.random() < 0.5:
            return f"SELECT {outputs} FROM {source}{where}"
        by = ", ".join(self.chance.choice(keys, self.chance.integers(1, 3), replace=False))
        having = f" HAVING count(*) > {self.chance.integers(0, 3)}" if self.chance.random() < 0.4 else ""
        return f"SELECT {by}, count(*) AS n, {outputs} FROM {source}{where} GROUP BY {by}{having}"


def compared(query, given, brought, tables, **how):
    """Whether the query has an answer, which is DuckDB's."""
    try:
        found = answer(query, given, brought, **how)
    except ComityError:
        return False
    assert not differences(found, duckdb_answer(query, tables), ordered=False, relative=1e-5), query
    return True


@pytest.mark.parametrize("seed", range(3))
def test_queries_of_one_table(seed):
    writer = Writer(seed, ["age", "visits"], ["drug"])
    queries = [writer.query("people", ["drug", "ill", "visits"]) for _ in range(10)]
    assert sum(compared(query, scenario(), BROUGHT, ALL) for query in queries) > 5


@pytest.mark.parametrize("source", ["visits JOIN cases", "visits LEFT JOIN cases", "cases LEFT JOIN visits"])
def test_queries_of_two_owners(source):
    writer = Writer(len(source), ["cost", "id", "person"], ["place", "ward"])
    tables = {"cases": CASES, "visits": VISITS}
    answered = 0
    for _ in range(10):
        query = writer.query(f"{source} ON person = id", ["place", "ward", "id", "person"])
        given = Scenario(inputs=JOINED, parameters={"minimum_cohort": 1})
        answered += compared(query, given, TOGETHER, tables, unique={"cases": "id"})
    assert answered > 5
