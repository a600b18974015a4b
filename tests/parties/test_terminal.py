"""Commands on a real terminal, fed with texts of others that hold escapes: studies, scenarios, cards, data, results."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from mpc.errors import ConfigError
from parties.organization.home import create_home
from parties.organization.identity import Card, Identity
from tests.support.terminal import on_terminal

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are Unix's")

ESCAPES = ("\x1b[2K", "\x1b[1A", "\x1b[8m", "\x9b", "\u202e", "\u200b", "\x07")
SCENARIO = '''"""Counts.\x1b[2K\u202e

words  of another line
"""
from mpc import Category, Real, Scenario, Study, Table
class P(Table):
    income = Real(0, 100, unit="EUR\\x1b[8m")
    where = Category("here\\x1b[1A", "there\\u200b")
scenario = Scenario(inputs={"p": P.rows()}, parameters={"note": "a\\x1b[2K\\x07"})
@scenario.run
async def run(study: Study) -> None:
    study.release(NAME, study.table("p").income.mean())
'''
PRINTS = SCENARIO.replace(
    "@scenario.run", "print('loaded\\x1b[2K\\nerror: forged', 1, sep='\\x07')\n@scenario.run"
).replace("async def run(study: Study) -> None:", "async def run(study: Study) -> None:\n    print('running\\x9b1A')")
ORGANIZATIONS = "".join(f'[organizations.{o}]\nroles=["input","compute","recipient"]\np="d"\n' for o in "abc")


def study(folder, name="'mean'", purpose="count"):
    (folder / "s.py").write_text(SCENARIO.replace("NAME", name))
    (folder / "study.toml").write_text(f'scenario = "s.py"\npurpose = "{purpose}"\n{ORGANIZATIONS}')
    return str(folder / "study.toml")


def clean(text):
    return not any(escape in text for escape in ESCAPES)


def test_a_scenario_is_shown_without_its_escapes(tmp_path):
    study(tmp_path)
    code, shown = on_terminal(["scenario", "show", "s.py"], cwd=tmp_path)
    assert code == 0
    assert clean(shown)
    assert r"Counts.\x1b[2K\u202e" in shown
    assert r"here\x1b[1A" in shown
    assert "\n  words  of another line" in shown  # not where a line of ours begins


@pytest.mark.parametrize(
    ("name", "purpose", "where"),
    [
        (r"'every income\x1b[2K\x1b[1A'", "count", "the name of a release"),
        (r"'mean\nincome'", "count", "the name of a release"),
        ("'mean'", r"count\u001b[8m", "purpose"),
        ("'mean'", r"count\u202etnuoc", "purpose"),
        ("'mean'", r"count\n  Nobody learns anything.", "purpose"),
    ],
)
def test_names_and_purposes_with_escapes_are_refused(tmp_path, name, purpose, where):
    code, shown = on_terminal(["plan", study(tmp_path, name, purpose), "--all"])
    assert code == (2 if where == "purpose" else 1), shown
    assert where in shown
    assert "cannot be seen" in shown
    assert clean(shown)
    assert "\n  Nobody" not in shown


def test_a_plan_is_shown_without_escapes(tmp_path):
    code, shown = on_terminal(["plan", study(tmp_path), "--all", "--mock"])
    assert code == 0, shown
    assert clean(shown)


def test_what_a_scenario_prints_is_marked_visible_and_no_part_of_results(tmp_path):
    path = study(tmp_path)
    (tmp_path / "s.py").write_text(PRINTS.replace("NAME", "'mean'"))
    code, shown = on_terminal(["plan", path])
    assert code == 0, shown
    assert clean(shown)
    assert r"scenario: loaded\x1b[2K" in shown
    assert "\nscenario: error: forged" in shown
    assert r"scenario: running\x9b1A" in shown
    planned = subprocess.run(
        [sys.executable, "-m", "parties.cli", "plan", path, "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(planned.stdout)["scenario"] == "s"
    assert "scenario: loaded" in planned.stderr


def evil_card(folder, address):
    card = Identity.create(folder / "evil").card("county", address)
    (folder / "county.card").write_text(card.to_json())
    return card


ADDRESSES = ["mpc.county.example:7200\n\n    {words}\n\n\x1b[8m", "county\u202e:7200", "a\x1b[2K:1", "a b:7200"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_card_whose_address_is_more_than_an_address_is_refused(tmp_path, address):
    real = Identity.create(tmp_path / "real").fingerprint
    evil_card(tmp_path, address.format(words=real))
    with pytest.raises(ConfigError, match="address"):
        Card.from_json((tmp_path / "county.card").read_bytes())
    create_home(tmp_path / "me", "north", ("127.0.0.1", 7300), None)
    code, shown = on_terminal(
        ["peer", "add", str(tmp_path / "county.card"), "--home", str(tmp_path / "me")], answers={"[y/N]": "y"}
    )
    assert code == 2, shown
    assert clean(shown)
    assert f"\n    {real}" not in shown.replace("\r", "")


def test_a_peers_name_and_columns_of_a_file_are_shown_without_escapes(tmp_path):
    create_home(tmp_path / "me", "north", ("127.0.0.1", 7300), None)
    (tmp_path / "p.csv").write_text("age\x1b[2K,x\u202e\n1,2\n")
    (tmp_path / "s.toml").write_text('[columns.age]\ntype = "real"\nlow = 0\nhigh = 9\n')
    home = ["--home", str(tmp_path / "me")]
    assert (
        on_terminal(["data", "add", "d", str(tmp_path / "p.csv"), "--schema", str(tmp_path / "s.toml"), *home])[0] == 0
    )
    code, shown = on_terminal(["data", "check", "d", *home])
    assert code == 2
    assert clean(shown)
    card = json.loads(evil_card(tmp_path, None).to_json()) | {"name": "county\x1b[2K"}
    (tmp_path / "county.card").write_text(json.dumps(card))
    code, shown = on_terminal(["peer", "add", str(tmp_path / "county.card"), *home])
    assert code == 2
    assert clean(shown)


COUNTED = '''"""Counts by level."""
from mpc import Category, Scenario, Study, Table
from protocols.statistics import contingency
class P(Table):
    place = Category("here\\x1b[1A", "there\\u202e")
    moment = Category("<b>now</b>", "then\\x9b2K")
scenario = Scenario(inputs={"p": P.rows()}, parameters={"minimum_cohort": 1})
@scenario.run
async def run(study: Study) -> None:
    p = study.table("p")
    study.release("both", contingency(p.place, p.moment))
'''


@pytest.mark.slow
def test_results_are_shown_without_escapes(tmp_path):
    (tmp_path / "s.py").write_text(COUNTED)
    rows = [f"{where},{when}" for where in ("here\x1b[1A", "there\u202e") for when in ("<b>now</b>", "then\x9b2K")]
    data = []
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text("place,moment\n" + "\n".join(rows * 5) + "\n")
        data += ["--data", f"{name}.csv"]
    code, shown = on_terminal(["demo", "./s.py", *data, "--output", "out"], cwd=tmp_path)
    assert code == 0, shown
    page = (tmp_path / "out" / "report.html").read_text()
    result = (tmp_path / "out" / "result.json").read_text()
    for text in (page, result):
        assert clean(text)
    assert "<b>now" not in page
    # Only what rich writes itself is left: colours, and moving the cursor over its own progress lines.
    shown = re.sub(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A", "", shown)
    assert "\x1b" not in shown
    assert clean(shown)
    assert r"here\x1b[1A" in shown
