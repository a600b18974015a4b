"""One rule for what is wrong with a scenario: exit code 1 of every command, and of the error that `simulate` raises."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mpc.errors import ComityError
from parties.cli.main import main
from parties.study.loader import load
from protocols.simulate import simulate

SCRIPT = """
from mpc import Flag, Real, Scenario, Table
BEFORE


class People(Table):
    age = Real(0, 120)
    smoker = Flag()


scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 10})


@scenario.run
async def run(study):
    people = study.table("people")
    LINE
"""
STUDY = 'scenario = "s.py"\npurpose = "x"\n' + "".join(
    f'[organizations.{name}]\nroles = ["input", "compute", "recipient"]\npeople = "p"\n' for name in "abc"
)
#: Line of the script, line of its module, and the exit code.
MISTAKES = [
    ("people.age.max()", "", 1),
    ("people.agee", "", 1),
    ("study.table('nope')", "", 1),
    ("people.age.log()", "", 1),
    ("study.release('x', None)", "", 1),
    ("study.release('x', 1); study.release('x', 2)", "", 1),
    ("study.release('x', [people.count()] * 2, labels=['a', 'a'])", "", 1),
    ("study.release('x', people.count(), minimum=0)", "", 1),
    ("1 / 0", "", 1),
    ("raise ValueError('mine')", "", 1),
    ("pass", "import os", 1),
    ("pass", "def (", 1),
    ("pass", "1 / 0", 1),
    ("pass", "Real(5, 1)", 1),
    ("pass", "scenario = None; raise SystemExit", 1),
    ("study.release('x', people.share(rows=40)['age'].sort()[0])", "", 5),
]


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "p.csv").write_text("age,smoker\n" + "50,1\n" * 20)

    def write(line, before=""):
        (tmp_path / "s.py").write_text(SCRIPT.replace("BEFORE", before).replace("LINE", line))
        return tmp_path

    return write


def code(*command):
    result = CliRunner().invoke(main, list(command))
    assert "This is a defect" not in result.stderr
    return result.exit_code


@pytest.mark.parametrize(("line", "before", "expected"), MISTAKES)
def test_a_mistake_in_a_scenario_has_one_exit_code(written, line, before, expected):
    written(line, before)
    assert code("plan", "study.toml") == expected
    assert code("run", "study.toml", "--home", "none") == expected
    assert code("submit", "study.toml", "--home", "none") == expected
    if before:
        assert code("scenario", "show", "./s.py") == expected
    rows = {"people": {"age": [50.0] * 20, "smoker": [True] * 20}}
    if "SystemExit" in before:
        return
    with pytest.raises(ComityError) as caught:
        simulate(load("./s.py").scenario, dict.fromkeys("abc", rows), engine="ideal")
    assert caught.value.exit_code == expected


@pytest.mark.parametrize(("line", "before", "expected"), [MISTAKES[0], MISTAKES[2], MISTAKES[10]])
def test_a_demo_has_it_too(written, line, before, expected):
    written(line, before)
    data = [word for _ in range(3) for word in ("--data", "p.csv")]
    assert code("demo", "s.py", *data) == expected


def test_what_is_wrong_with_a_study_or_an_option_has_another_one(written):
    folder = written("study.release('n', people.count())")
    (folder / "study.toml").write_text(STUDY + "[parameters]\nminimum_cohort = 'ten'\n")
    assert code("plan", "study.toml") == code("run", "study.toml", "--home", "none") == 2
    assert code("plan", "nowhere.toml") == 2
    assert code("demo", "nowhere.py") == 2
    assert code("demo", "s.py", "--data", "p.csv", "--set", "minimum=3") == 2


def test_the_line_of_a_file_that_cannot_be_loaded_is_named(written):
    written("pass", "1 / 0")
    ended = CliRunner().invoke(main, ["plan", "study.toml"])
    assert "s.py, line 3: the scenario fails when it is loaded" in ended.stderr
