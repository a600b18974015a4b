"""What plan, approval and reports say of each release: what it comes from, and what guards it; nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from parties.cli.main import main
from parties.cli.progress import Display
from parties.report.disclosed import NO_MINIMUM, NOTHING, announce, read, release_lines, who_learns_what
from parties.system.events import Event, Status, Unprotected, Warned

SCRIPT = '''"""Guarded, unguarded and derived releases.

Brings    every organization: its people
Learns    every recipient: the releases
Trust     no more compute parties than the threshold put their shares together
"""
from mpc import Category, Flag, Real, Scenario, Table
from protocols import order

class People(Table):
    age = Real(0, 120)
    smoker = Flag()
    ward = Category("a", "b", "c")

scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": MINIMUM})

@scenario.run
async def run(study):
    people = study.table("people")
    for year in range(12):
        study.release(f"above {year}", people.age[people.age > year].mean())
    study.release("wards", people.group_by("ward").count())
    study.release("smokers", people.smoker.mean())
    rows = people.share(rows=40)
    study.release("median", order.quantile(rows["age"], 0.5))
    study.release("oldest", rows["age"].sort()[39], unprotected="the maximum is public anyway")
    study.release("youngest", rows["age"].sort()[0], unprotected="it is 0 in every register")
    study.release("rule", study.parameters.minimum_cohort)
'''

STUDY = """
scenario = "./script.py"
purpose = "Try"
[organizations.county]
roles = ["input", "compute", "recipient"]
people = "people"
[organizations.north]
roles = ["input", "compute", "recipient"]
people = "people"
[organizations.st-mary]
roles = ["input", "compute"]
people = "people"
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return written(tmp_path, 10)


def written(folder: Path, minimum: int) -> Path:
    (folder / "script.py").write_text(SCRIPT.replace("MINIMUM", str(minimum)), encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    return folder / "study.toml"


PUBLIC_ANYWAY = f'NOT PROTECTED (the author\'s reason: "the maximum is public anyway"): {NO_MINIMUM}'


def plan(study: Path, *options: str) -> str:
    ended = CliRunner().invoke(main, ["plan", str(study), *options])
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_plan_says_first_what_nothing_guards(study: Path) -> None:
    lines = plan(study).splitlines()
    first = next(i for i, line in enumerate(lines) if "county and north learn 18 releases" in line)
    assert (
        lines[first + 1].strip()
        == f'NOT PROTECTED (the author\'s reason: "the maximum is public anyway"): {NO_MINIMUM}'
    )
    assert lines[first + 2].split()[:4] == ["oldest", "age", "of", "rows"]
    assert "a single row of people can show" in lines[first + 2]
    assert 'NOT PROTECTED (the author\'s reason: "it is 0 in every register")' in "\n".join(
        lines[first + 3 : first + 6]
    )


def test_plan_says_how_many_it_leaves_out(study: Path) -> None:
    text, everything = plan(study), plan(study, "--all")
    assert "… and 9 more of script.py:21 (--all lists them)" in text
    assert "above 3 " not in text
    for year in range(12):
        assert f"above {year} " in everything
    for shown in (text, everything):
        for name in ("oldest", "youngest", "wards", "smokers", "median", "rule"):
            assert f" {name} " in shown


def test_plan_says_what_guards_each(study: Path) -> None:
    text = " ".join(plan(study).split())
    assert "each held back where fewer than 10 rows stand behind it, or fewer than 10 without those of any one" in text
    assert "mean of age of rows of people where age > 0 (script.py:21)" in text
    assert "10 or more rows of people on each side" in text
    assert "small cells suppressed" in text
    assert "rule derived (script.py:28)" in text


def test_json_has_the_lines_that_are_agreed(study: Path) -> None:
    found = json.loads(plan(study, "--json"))["releases"]
    by_name = {line["name"]: read(line) for line in found}
    assert len(by_name) == 18
    assert not by_name["oldest"].protected
    assert (
        by_name["oldest"].protection
        == f'NOT PROTECTED (the author\'s reason: "the maximum is public anyway"): {NO_MINIMUM}'
    )
    assert by_name["median"].protected
    assert by_name["median"].protection.startswith(
        "suppressed unless 10 or more rows of people on each side, also without the rows of any one organization"
    )
    assert by_name["wards"].protection.startswith("small cells suppressed, and another one")
    assert by_name["rule"].protection == "derived from public and opened values"


@pytest.mark.parametrize(
    ("minimum", "said"), [(1, "NOT PROTECTED (the minimum is 1)"), (2, "who knows one of two rows")]
)
def test_low_minimums_are_told_in_plain_words(tmp_path: Path, minimum: int, said: str) -> None:
    assert said in plan(written(tmp_path, minimum))


def test_with_a_minimum_of_1_every_release_is_listed(tmp_path: Path) -> None:
    text = plan(written(tmp_path, 1))
    assert "more of" not in text
    assert all(f"above {year} " in text for year in range(12))


@pytest.mark.slow
def test_the_mock_run_says_it_too(study: Path) -> None:
    text = plan(study, "--mock", "--plan-timeout", "240")
    shown = text[text.index("What results look like") :]
    assert shown.index("NOT PROTECTED (the author's reason") < shown.index("above 0")
    assert "oldest" in shown


def test_approval_says_it(study: Path) -> None:
    ended = CliRunner().invoke(main, ["scenario", "show", str(study.parent / "script.py")])
    assert ended.exit_code == 0, ended.output
    after = ended.output[ended.output.index("releases, for three organizations") :]
    assert after.splitlines()[1].strip().startswith("NOT PROTECTED (the author's reason")
    told = CliRunner().invoke(main, ["scenario", "show", str(study.parent / "script.py"), "--json"])
    assert {read(line).name for line in json.loads(told.stdout)["releases"]} >= {"oldest", "median", "rule"}


def test_a_run_says_it_before_anybody_is_waited_for(study: Path) -> None:
    told: list[Event] = []
    announce(told.append, json.loads(plan(study, "--json"))["releases"])
    (unprotected,) = told
    assert isinstance(unprotected, Unprotected)
    assert sum("NOT PROTECTED" in line for line in unprotected.lines) == 2
    told.clear()
    announce(told.append, [])
    assert told == [Warned([NOTHING])]


@pytest.mark.parametrize("quiet", [False, True])
def test_what_must_be_read_is_on_stderr_whatever_else_is_quiet(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with Display(quiet=quiet) as display:
        display.event(Unprotected(["NOT PROTECTED (why)"]))
        display.event(Warned([NOTHING]))
        display.event(Status("waiting " + "for long " * 20))
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[:2] == ["  NOT PROTECTED (why)", f"  {NOTHING}"]
    assert len(lines) == (2 if quiet else 3)  # a line of ours is not broken


def test_a_scenario_that_releases_nothing_is_said_to_do_so(study: Path) -> None:
    script = study.parent / "script.py"
    kept = SCRIPT.replace("MINIMUM", "10").split("    for year")[0]
    script.write_text(f"{kept}    people.age.mean()\n", encoding="utf-8")
    for command in (["plan", str(study)], ["scenario", "show", str(script)]):
        ended = CliRunner().invoke(main, command)
        assert ended.exit_code == 0, ended.output
        assert NOTHING in ended.stdout


def line(**changes: Any) -> dict[str, Any]:
    part = {"guard": "rows", "counts": ["10 or more rows of t"], "gap": "", "of": ["mean of x of rows of t"]}
    return {
        "name": "x", "kind": "number", "parts": {"value": []}, "recipients": ["a"], "minimum": 10,
        "protection": {"value": part}, "others": True, "together": False, "unprotected": "", "source": "s.py:1",
        "apart": [], **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"unprotected": "why"},
        {"minimum": 1},
        {"minimum": 0},
        {"protection": {"value": {"guard": "none", "counts": [], "gap": "a single row of t can show", "of": []}}},
        {
            "parts": {"a": [], "b": []},
            "protection": {
                "a": {"guard": "rows", "counts": ["10 or more rows of t"], "gap": "", "of": []},
                "b": {"guard": "none", "counts": [], "gap": "", "of": []},
            },
        },
    ],
)
def test_what_has_no_guard_in_any_part_is_never_called_protected(changes: dict[str, Any]) -> None:
    one = read(line(**changes))
    assert not one.protected
    assert one.protection.startswith("NOT PROTECTED (")
    assert one.protection.endswith(NO_MINIMUM)
    assert release_lines([one])[0].startswith("NOT PROTECTED (")


def test_recipients_of_different_releases_are_told_apart() -> None:
    lines = who_learns_what([line(), line(name="y", recipients=["a", "b"]), line(name="z", others=False)])
    assert [text for text in lines if not text.startswith(" ")] == ["a learns 2 releases:", "a and b learn 1 release:"]
    assert any("stand behind it:" in text for text in lines)


def test_parts_that_differ_in_their_guards_are_named() -> None:
    part = {"guard": "rows", "counts": ["10 or more rows of t"], "gap": "", "of": []}
    parts = {"element 1": part, "element 2": {**part, "counts": ["10 or more rows of u"]}}
    one = read(line(parts={"element 1": [], "element 2": []}, protection=parts))
    assert one.guards == ("10 or more rows of t (element 1)", "10 or more rows of u (element 2)")
    together = read(line(parts={"element 1": [], "element 2": []}, protection=parts, together=True))
    assert together.guards == ("10 or more rows of t", "10 or more rows of u")
