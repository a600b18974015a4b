"""What a script prints is shown once, however often it is executed."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mpc.releases.speaking import held, holding
from parties.cli.main import main
from parties.text.echo import scenario_print

SCRIPT = '''"""Prints when it is loaded, and when it runs."""
from mpc import Flag, Scenario, Table

print("loaded")


class People(Table):
    smoker = Flag()


scenario = Scenario(inputs={"people": People.rows()}, parameters={"fails": False})


@scenario.run
async def run(study):
    share = await study.release("share", study.table("people").smoker.mean())
    print("running")
    if study.parameters.fails:
        1 / 0
'''
STUDY = """
scenario = "s.py"
purpose = "x"
[parameters]
fails = FAILS
[organizations.a]
roles = ["input", "compute", "recipient"]
people = "p"
[organizations.b]
roles = ["input", "compute", "recipient"]
people = "p"
[organizations.c]
roles = ["compute"]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.py").write_text(SCRIPT.replace("await ", ""))
    (tmp_path / "study.toml").write_text(STUDY.replace("FAILS", "false"))
    return tmp_path


def said(capfd, *command, code=0):
    result = CliRunner().invoke(main, list(command))
    assert result.exit_code == code, result.output
    lines = [*result.stderr.splitlines(), *capfd.readouterr().err.splitlines()]  # of this process, and of its child
    return sorted(line for line in lines if line.startswith("scenario: "))


@pytest.mark.parametrize("options", [(), ("--mock",)])
def test_a_plan_shows_it_once(here, capfd, options):
    assert said(capfd, "plan", "study.toml", *options) == ["scenario: loaded", "scenario: running"]


def test_a_plan_with_organizations_that_only_contribute_shows_it_once(here, capfd):
    outside = '[organizations.d]\nroles = ["input"]\npeople = "p"\n'
    (here / "study.toml").write_text(STUDY.replace("FAILS", "false") + outside)
    assert said(capfd, "plan", "study.toml") == ["scenario: loaded", "scenario: running"]


def test_a_run_that_is_tried_shows_nothing_of_that(here, capfd):
    assert said(capfd, "run", "study.toml", "--home", "none", code=2) == ["scenario: loaded"]


def test_a_run_that_cannot_be_planned_says_it_before_the_error(here, capfd):
    (here / "study.toml").write_text(STUDY.replace("FAILS", "true"))
    assert said(capfd, "run", "study.toml", "--home", "none", code=1) == ["scenario: loaded", "scenario: running"]


def test_what_is_held_is_not_shown(capsys):
    with held() as lines:
        scenario_print("a\nb")
        assert holding(["more"] * 5000)
    assert lines[:3] == ["scenario: a", "scenario: b", "more"]
    assert len(lines) == 1000
    scenario_print("c", 4, sep="-")
    assert capsys.readouterr().err == "scenario: c-4\n"
    assert not holding(["x"])


@pytest.mark.slow
def test_a_demo_shows_it_once(here, capfd):
    (here / "p.csv").write_text("smoker\n" + "yes\nno\n" * 20)
    data = [word for _ in range(3) for word in ("--data", "p.csv")]
    assert said(capfd, "demo", "s.py", *data) == ["scenario: loaded", "scenario: running"]
