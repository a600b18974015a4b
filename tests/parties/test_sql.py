"""Scenarios that are only SQL and tables, and `comity sql`."""

import json

import pytest
from click.testing import CliRunner

from mpc.errors import ConfigError
from parties.cli.main import main
from parties.data.misplaced import kind
from parties.study import loader
from parties.study.sqlfile import read_sql_file
from protocols.simulate import Computation, dry_run, simulate

TABLES = """
[tables.patients]
holder = "registry"
at_most = 60
unique = ["id"]
[tables.patients.columns.id]
type = "key"
[tables.patients.columns.age]
type = "integer"
low = 0
high = 120
[tables.patients.columns.drug]
type = "category"
levels = ["none", "statin"]

[tables.visits]
at_most = 50
[tables.visits.columns.patient]
type = "key"
[tables.visits.columns.cost]
type = "real"
low = 0
high = 1000
"""
FILE = """
about = "Visits by drug."

sql = '''
SELECT drug, count(*) AS visits
FROM visits JOIN patients ON patient = id
GROUP BY drug ORDER BY drug
'''

[parameters]
minimum_cohort = 1

[queries]
"old ones" = "SELECT count(*) AS n FROM patients WHERE age > 65"
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "by_drug.toml"
    file.write_text(FILE + TABLES, encoding="utf-8")
    return file


def comity(*args, code=0):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result


# ---- scenarios
def test_the_file_is_a_scenario_and_its_own_source(path):
    loaded = loader.load(str(path))
    assert loaded.name == "by_drug"
    assert loaded.doc == "Visits by drug."
    assert loaded.sources == {"by_drug.toml": path.read_bytes()}
    assert loaded.scenario.inputs["patients"].holder == "registry"
    assert loaded.scenario.inputs["visits"].holder is None
    assert loaded.scenario.parameters == {"minimum_cohort": 1}
    assert kind(path) == "scenario"
    assert loader.docstring(path) == "Visits by drug."


def test_each_query_is_a_release_at_its_line(path):
    loaded = loader.load(str(path))
    made = dry_run(Computation(loaded.scenario, ["a", "b", "c"], owners={"patients": (0,), "visits": (1, 2)}))
    lines = {line["name"]: line["source"] for line in made.manifest()}
    assert lines == {"result": "by_drug.toml:4", "old ones": "by_drug.toml:14"}


def test_it_runs(path):
    import pandas as pd

    patients = pd.DataFrame({"id": ["a", "b", "c"], "age": [70, 30, 80], "drug": ["none", "statin", "statin"]})
    visits = [
        pd.DataFrame({"patient": ["a", "b", "b"], "cost": [1.0] * 3}),
        pd.DataFrame({"patient": ["c", "x"], "cost": [2.0, 3.0]}),
    ]
    brought = {"a": {"patients": patients}, "b": {"visits": visits[0]}, "c": {"visits": visits[1]}}
    found = simulate(loader.load(str(path)).scenario, brought, engine="ideal").releases
    assert found["result"]["values"] == [["none", 1], ["statin", 3]]
    assert found["old ones"]["values"] == [2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "declares no table"),
        (TABLES, "has no query; write  sql"),
        (FILE + TABLES + "\n[others]", "no such key 'others'"),
        (FILE + TABLES.replace('holder = "registry"', "holders = 3"), "no such key 'holders'.*did you mean 'holder'"),
        (FILE + TABLES.replace("at_most = 60", 'at_most = "60"'), "at_most must be a whole number"),
        (FILE + TABLES.replace('unique = ["id"]', 'unique = ["ids"]'), "unique: no column 'ids'.*'id'"),
        (FILE + TABLES.replace('type = "key"', 'type = "keys"'), "type must be one of"),
        (FILE.replace("sql = '''", "matches = true\nsql = '''") + TABLES, "matches must be a whole number"),
        ("queries = 3" + TABLES, "queries"),
        ("sql = 3" + TABLES, "sql must be text"),
    ],
)
def test_mistakes_in_the_file_are_named(text, words):
    with pytest.raises(ConfigError, match=f"(?s)study.toml: .*{words}"):
        read_sql_file(text.encode(), "study.toml")


def test_mistakes_in_the_query_name_the_line_of_both(path):
    path.write_text(path.read_text().replace("SELECT drug,", "SELECT drugs,"), encoding="utf-8")
    loaded = loader.load(str(path))
    with pytest.raises(ConfigError, match="SQL, line 1, column 8: no column 'drugs'") as caught:
        dry_run(Computation(loaded.scenario, ["a", "b", "c"], owners={"patients": (0,), "visits": (1, 2)}))
    assert caught.value.source == "by_drug.toml line 4"


# ---- comity sql
def test_the_plan_says_what_happens_where(path):
    shown = comity("sql", path).output
    assert "registry" in shown
    assert "organization-1, organization-2, organization-3" in shown
    assert "in secret" in shown
    assert "join: visits with patients by patient = id" in shown
    assert "old ones" in shown
    assert "rounds" in shown


def test_the_plan_as_json_adds_up(path):
    made = json.loads(comity("sql", path, "--json").output)
    steps = made["queries"]["result"]["steps"]
    assert {step["where"] for step in steps} >= {"registry", "in secret"}
    assert next(step["places"] for step in steps if step["does"].startswith("join")) == 150
    assert sum(sum(step["bytes_sent"]) for step in steps) <= sum(made["bytes_sent"])
    assert [line["name"] for line in made["releases"]] == ["result", "old ones"]
    assert made["owners"] == {"patients": ["registry"], "visits": [f"organization-{k}" for k in (1, 2, 3)]}


def test_a_query_beside_its_tables(tmp_path):
    schema, query = tmp_path / "tables.toml", tmp_path / "query.sql"
    schema.write_text(TABLES, encoding="utf-8")
    query.write_text("SELECT avg(age) AS age FROM patients", encoding="utf-8")
    assert (
        comity("sql", query, "--schema", schema, "--json").output
        == comity("sql", query.read_text(), "--schema", schema, "--json").output
    )
    shown = comity("sql", "SELECT age FROM patients", "--schema", schema, "--rows", "patients=7").output
    assert "This release would be refused" in shown
    assert "7" in shown


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["SELECT 1"], "give --schema FILE"),
        (["SELECT agee FROM patients", "--schema", "tables.toml"], "did you mean 'age'"),
        (
            ["SELECT count(*) FROM patients", "--schema", "tables.toml", "--rows", "patient=3"],
            "did you mean 'patients'",
        ),
        (["SELECT count(*) FROM patients", "--schema", "tables.toml", "--rows", "patients=no"], "--rows patients=1000"),
        (["query.sql", "--schema", "tables.toml"], "query.sql: cannot be read"),
    ],
)
def test_mistakes_of_the_command(args, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables.toml").write_text(TABLES, encoding="utf-8")
    assert words in comity("sql", *args, code=2).output
