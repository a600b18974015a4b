"""A file of one kind where another one is wanted: every command says what it is and which command takes it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from parties.cli.main import main
from parties.data.misplaced import kind

SCENARIO = "from mpc import Flag, Scenario, Table\n\n\nclass P(Table):\n    f = Flag()\n\n\nscenario = Scenario()\n"
FILES = {
    "county.csv": "age\n50\n",
    "my_study.py": SCENARIO,
    "hello.py": "from mpyc.runtime import mpc\n",
    "study.toml": 'scenario = "my_study.py"\npurpose = "x"\n',
    "program.toml": 'purpose = "x"\n[organizations.a]\nroles = ["compute"]\n',
    "three.toml": 'purpose = "x"\n' + "".join(f"[organizations.{name}]\nroles = ['compute']\n" for name in "abc"),
    "schema.toml": '[columns.age]\ntype = "real"\n',
    "north.card": "{}",
    "saved.txt": 'scenario = "my_study.py"\n',
    "lines.txt": "age\n50\n",
    "mailed.json": '{"comity_card": 1}',
    "other.py": "print(1)\n",
    "a.sealed": "",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    CliRunner().invoke(main, ["init", "county", "--listen", "127.0.0.1:7200", "--home", "home"])
    monkeypatch.setenv("COMITY_HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_file_is_known_by_name_and_content(here):
    found = {name: kind(here / name) for name in FILES}
    assert found == {
        "county.csv": "data",
        "my_study.py": "scenario",
        "hello.py": "program",
        "study.toml": "study",
        "program.toml": "program study",
        "three.toml": "program study",
        "schema.toml": "schema",
        "north.card": "card",
        "saved.txt": "study",
        "lines.txt": "data",
        "mailed.json": "card",
        "other.py": None,
        "a.sealed": "sealed",
    }
    assert kind(here / "nowhere.csv") is None


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("demo county.csv", ("is a data file, not a scenario", "--data INPUT=county.csv")),
        ("demo study.toml", ("is a study, not a scenario", "comity plan study.toml")),
        ("demo hello.py", ("is a program for MPyC, not a scenario", "comity mpyc --local 3 hello.py")),
        ("scenario show north.card", ("is the card of an organization", "comity peer add north.card")),
        ("data check x --scenario lines.txt", ("no dataset 'x'",)),
        ("plan my_study.py", ("is a scenario, not a study", "comity demo my_study.py")),
        ("plan hospital_statistics", ("is a scenario, not a study", "comity demo hospital_statistics")),
        ("plan program.toml", ("program.toml: scenario: ",)),
        ("plan county.csv", ("is a data file, not a study", "comity data add NAME county.csv")),
        ("run hello.py", ("not a study", "comity mpyc --local 3 hello.py")),
        ("submit schema.toml", ("is the schema of a dataset, not a study", "--schema schema.toml")),
        ("results my_study.py", ("is a scenario, not a study",)),
        ("mpyc my_study.py", ("is a scenario, not a program for MPyC", "comity demo my_study.py")),
        ("mpyc study.toml", ("is a study, not a program for MPyC", "comity run study.toml")),
        ("mpyc program.toml", ("name a STUDY and a PROGRAM",)),
        ("mpyc --local 3 my_study.py", ("is a scenario, not a program for MPyC",)),
        ("mpyc study.toml hello.py", ("not the study of an MPyC program", "comity run study.toml")),
        ("mpyc three.toml county.csv", ("is a data file, not a program for MPyC",)),
        ("peer add county.csv", ("not an organization's card", "comity data add NAME county.csv")),
        ("data add x county.csv --schema study.toml", ("is a study, not the schema of a dataset",)),
        ("contributions add county.csv", ("is a data file, not a sealed file",)),
        ("contributions add a.sealed", ("a.sealed: a sealed file that is cut off", "Ask for the file again")),
        ("demo nowhere.csv", ("no such file",)),
        ("demo hospital_statistic", ("did you mean 'hospital_statistics'?",)),
        ("demo hospital_statistics county.csv", ("--data county.csv",)),
        ("demo --set minimum_cohort 20", ("no such file",)),
        ("demo --data patient=county.csv", ("an input is named like patients=FILE",)),
        ("data list --home nowhere", ("comity init NAME --listen HOST:PORT --home nowhere", "COMITY_HOME")),
    ],
)
def test_every_command_names_the_one_that_takes_the_file(here, command, told):
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 2, result.output
    for words in told:
        assert words in result.stderr


def test_a_card_that_is_too_large_is_told_with_its_size(here):
    (here / "big.card").write_bytes(b" " * 3_000_000)
    result = CliRunner().invoke(main, ["peer", "add", "big.card"])
    assert result.exit_code == 2
    assert "it has 3.0 MB, and a card at most 16.4 kB" in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.xlsx", b"PK\x03\x04", "save the sheet as CSV"),
        ("a.sqlite", b"SQLite format 3\0", "sqlite:///"),
        ("a.sav", b"$FL2", "Save it as CSV or Parquet"),
        ("a.json", b"[]", "Comity reads CSV files (.csv, "),
        ("schema.toml", b"[columns.a]", "--schema "),
        ("b.csv", b"PK\x03\x04\0\0", "a workbook of Excel"),
        ("c.csv", b"PAR1", "a Parquet file by its content"),
        ("d.parquet", b"age\n50\n", "not a Parquet file by its content"),
        ("e.csv", b"\x1f\x8b\x08", "name it .csv.gz"),
    ],
)
def test_data_of_a_kind_that_is_not_read_is_refused_when_it_is_added(here, name, content, told):
    (here / name).write_bytes(content)
    result = CliRunner().invoke(main, ["data", "add", "x", name])
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert "none yet" in CliRunner().invoke(main, ["data", "list"]).stdout
