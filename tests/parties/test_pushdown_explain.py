"""The SQL that is pushed down, as an owner sees it; and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import ibis
import numpy as np
import pytest
from click.testing import CliRunner

from mpc.tables import expressions as ex
from mpc.tables.aggregates import Aggregate, Count, Crosstab, Sum
from mpc.tables.moments import Moments
from mpc.tables.readers import PLAIN
from parties.cli.main import main
from parties.data.pushdown.passes import asked
from parties.data.pushdown.tables import Engine, clean, counted
from tests.support.aggregating import AGE, SMOKER, WARD, People, at, people

SQL = Path(__file__).with_name("sql")


def some() -> list[Aggregate]:
    old = ex.logical("&", ex.comparison(">", AGE, ex.public(60.5)), SMOKER)
    ones = np.ones(3)
    moments = Moments([AGE] * 3, 0 * ones, ones, [None, at(0), at(2)])
    return [Count([AGE], old), Crosstab([WARD, SMOKER], [3, 2]), Sum([AGE]), moments]


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "trino"])
def test_the_sql_is_this(dialect):
    kinds = {"age": "float64", "smoker": "boolean", "ward": "string"}
    columns = [(column, column.name, PLAIN) for column in People.schema.columns if column.name in kinds]
    engine = Engine(ibis.table(kinds, name="people"), dialect, "")
    served = dialect != "duckdb"
    table = clean(engine, columns, drop=not served, watch=served)
    done = asked(some(), table, 1000, None, compensated=not served)
    parts = [("Check", [counted(engine, columns)]), *((f"Pass {k}", q) for k, q in enumerate(done.queries, 1))]
    lines = [f"-- {title}\n{ibis.to_sql(q, dialect=dialect)}\n" for title, queries in parts for q in queries]
    assert "\n".join(lines) == (SQL / f"{dialect}.sql").read_text()


def comity(*arguments):
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


SCHEMA = """
[columns.age]
type = "real"
low = 0
high = 120
[columns.ward]
type = "category"
levels = ["surgery", "medicine", "other"]
"""


@pytest.fixture
def home(tmp_path):
    comity("init", "clinic", "--listen", "127.0.0.1:7200", "--home", tmp_path / "home")
    people(1, 100).to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "people.toml").write_text(SCHEMA)
    where = ("--home", tmp_path / "home")
    comity("data", "add", "people", tmp_path / "people.csv", "--schema", tmp_path / "people.toml", *where)
    return tmp_path / "home"


def test_an_owner_sees_what_is_pushed_down(home):
    text = comity("data", "explain", "people", "--home", home)
    assert "people.csv: 100 rows" in text
    assert "below 16,777,216 reading is as quick. As a larger file:" in text
    assert "duckdb computes 4 of 4 aggregates." in text
    assert "FROM read_csv(" in text.replace(" from ", " FROM ")
    assert "Pass 1\n  SELECT" in text
    shown = json.loads(comity("data", "explain", "people", "--home", home, "--json"))
    assert shown["database"] == "duckdb"
    assert (shown["aggregates"], shown["pushed_down"], shown["left"], shown["columns"]) == (4, 4, {}, {})
    assert [len(queries) for queries in shown["passes"]] == [1, 1]
    assert "FSUM" in shown["passes"][1][0]
    assert "…" in shown["passes"][1][0]


def test_of_a_scenario(home):
    data = Path(__file__).parents[2] / "scenarios/data/hospital_statistics/north.csv"
    comity("data", "add", "people", data, "--replace", "--home", home)
    more = ("--scenario", "hospital_statistics", "--home", home, "--json")
    shown = json.loads(comity("data", "explain", "people", *more))
    assert shown["pushed_down"] == shown["aggregates"] > 20


def test_columns_that_the_party_reads_are_named_with_the_reason(home, tmp_path):
    frame = people(1, 100)
    frame["age"] = frame["age"].map(lambda age: f" {age}")
    frame.to_csv(tmp_path / "people.csv", index=False)
    text = comity("data", "explain", "people", "--home", home)
    assert "duckdb computes 1 of 4 aggregates; this party computes the others from the rows." in text
    assert "1 x Sum: column age is read by this party" in text
    assert "column age: 100 entries are in a form that only this party reads" in text
    assert "Check of the rows" not in text
