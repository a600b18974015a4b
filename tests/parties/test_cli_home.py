"""`init`, `identity`, `peer` and `data`: one organization's home, from its making to its checked data."""

from __future__ import annotations

import errno
import json
import os
import stat

import pytest
from click.testing import CliRunner

from parties.cli.main import main
from parties.organization.home import home_path, open_home
from parties.organization.identity import Identity


def comity(*args, code=0, **extra):
    result = CliRunner().invoke(main, [str(arg) for arg in args], **extra)
    assert result.exit_code == code, result.output
    return result


def made(tmp_path, name, *more):
    home = tmp_path / name
    result = comity("init", name, "--listen", "127.0.0.1:7200", "--home", home, "--json", *more)
    return home, json.loads(result.stdout)


def test_init_makes_a_private_home_and_prints_card_and_words(tmp_path):
    home = tmp_path / "homes" / "county"
    result = comity("init", "county", "--listen", "127.0.0.1:7200", "--home", home)
    assert str(home / "county.card") in result.stdout
    words = next(line for line in result.stdout.splitlines() if line.startswith("words")).split()[1:]
    assert len(words) == 12
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()} == {0o600}
    shown = json.loads(comity("identity", "--home", home, "--json").stdout)
    assert shown["words"].split() == words
    assert shown["name"] == "county"
    assert shown["address"] == "127.0.0.1:7200"
    assert set(open_home(home).keys()) == {"county"}


def test_a_home_is_made_once(tmp_path):
    home, first = made(tmp_path, "county")
    result = comity("init", "county", "--listen", "127.0.0.1:7200", "--home", home, code=2)
    assert "exists already" in result.stderr
    assert json.loads(comity("identity", "--home", home, "--json").stdout) == first


@pytest.mark.parametrize(
    ("name", "listen"), [("St Mary", "127.0.0.1:1"), ("county", "7200"), ("county", "127.0.0.1:70000")]
)
def test_init_leaves_nothing_behind_when_something_is_wrong(tmp_path, name, listen):
    comity("init", name, "--listen", listen, "--home", tmp_path / "h", code=2)
    assert not (tmp_path / "h").exists()


@pytest.mark.parametrize("what", ["init", "data", "identity", "card"])
def test_a_disk_that_is_full_is_no_defect_and_costs_nothing(tmp_path, monkeypatch, what):
    home, _ = made(tmp_path, "county")
    _, _ = made(tmp_path, "north")
    rows = tmp_path / "rows.csv"
    rows.write_text("x\n1\n")
    command = {
        "init": ["init", "st-mary", "--listen", "127.0.0.1:1", "--home", tmp_path / "st-mary"],
        "data": ["data", "add", "rows", rows, "--home", home],
        "identity": ["identity", "--address", "10.0.0.1:1", "--home", home],
        "card": ["peer", "add", tmp_path / "north" / "north.card", "--yes", "--home", home],
    }[what]
    before = {path: path.read_bytes() for path in home.iterdir()}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        said = comity(*command, code=2).stderr
    assert said.startswith(f"error: {tmp_path}")
    assert "No space left on device" in said
    assert "defect" not in said
    assert {path: path.read_bytes() for path in home.iterdir()} == before
    comity(*command)


def test_a_party_that_listens_everywhere_has_an_address_that_can_be_called(tmp_path):
    comity("init", "a", "--listen", "0.0.0.0:7200", "--home", tmp_path / "a")
    address = json.loads(comity("identity", "--home", tmp_path / "a", "--json").stdout)["address"]
    assert not address.startswith("0.0.0.0")
    assert address.endswith(":7200")
    changed = comity("identity", "--address", "10.2.0.7:7201", "--home", tmp_path / "a", "--json").stdout
    assert json.loads(changed)["address"] == "10.2.0.7:7201"


def test_a_home_that_others_can_reach_is_refused_with_the_remedy(tmp_path):
    home, _ = made(tmp_path, "county")
    home.chmod(0o755)
    assert f"chmod 700 {home}" in comity("identity", "--home", home, code=2).stderr
    home.chmod(0o700)
    (home / "key.pem").chmod(0o640)
    assert "chmod 600" in comity("peer", "list", "--home", home, code=2).stderr


def test_the_home_is_the_option_or_the_variable_or_the_default(tmp_path, monkeypatch):
    home, _ = made(tmp_path, "county")
    monkeypatch.setenv("COMITY_HOME", str(home))
    assert json.loads(comity("identity", "--json").stdout)["home"] == str(home)
    monkeypatch.delenv("COMITY_HOME")
    assert home_path().name == ".comity"
    missing = comity("identity", "--home", tmp_path / "none", code=2)
    assert f"comity init NAME --listen HOST:PORT --home {tmp_path / 'none'}" in missing.stderr


def test_a_passphrase_locks_the_key(tmp_path, monkeypatch):
    home = tmp_path / "h"
    args = ("init", "county", "--listen", "127.0.0.1:1", "--passphrase", "--home", home)
    comity(*args, input="open sesame\nopen sesame\n")
    assert comity("identity", "--home", home, "--json", input="open sesame\n").exit_code == 0
    assert "passphrase" in comity("identity", "--home", home, code=2, input="wrong\n").stderr
    monkeypatch.setenv("COMITY_PASSPHRASE", "open sesame")
    comity("identity", "--home", home)


def test_peers_are_added_after_their_words_were_heard(tmp_path):
    home, _ = made(tmp_path, "county")
    _, north = made(tmp_path, "north")
    card = north["card"]
    refused = comity("peer", "add", card, "--home", home, code=130, input="n\n")
    assert north["words"] in refused.stderr
    assert json.loads(comity("peer", "list", "--home", home, "--json").stdout) == {"peers": []}
    assert "north added" in comity("peer", "add", card, "--home", home, input="y\n").stdout
    comity("peer", "add", card, "--yes", "--address", "10.0.0.9:7", "--home", home)
    (peer,) = json.loads(comity("peer", "list", "--home", home, "--json").stdout)["peers"]
    assert peer == {"name": "north", "address": "10.0.0.9:7", "words": north["words"], "key": north["key"]}
    assert "10.0.0.9:7" in comity("peer", "list", "--home", home).stdout
    assert set(open_home(home).keys()) == {"county", "north"}
    comity("peer", "remove", "north", "--home", home)
    assert "none yet" in comity("peer", "list", "--home", home).stdout
    assert "Known: nobody" in comity("peer", "remove", "north", "--home", home, code=2).stderr


def several(tmp_path, *names):
    """Homes of organizations, and the cards of all."""
    return {name: made(tmp_path, name) for name in names}


def peers(home):
    return [peer["name"] for peer in json.loads(comity("peer", "list", "--home", home, "--json").stdout)["peers"]]


def test_many_cards_are_shown_and_asked_for_one_by_one(tmp_path):
    known = several(tmp_path, "county", "kiel", "north", "south")
    home = known["county"][0]
    cards = [known[name][1]["card"] for name in known]
    result = comity("peer", "add", *cards, "--home", home, code=130, input="y\nn\ny\n")
    assert peers(home) == ["kiel", "south"]
    for name in ("kiel", "north", "south"):
        assert known[name][1]["words"] in result.stderr
        assert f"Did {name} read these words to you?" in result.stderr
    assert "(2 of 3)" in result.stderr
    assert "county.card is this organization's own card: left out" in result.stderr
    assert "north is not added" in result.stderr
    # Again: who is known is said to be, and only the others are asked for.
    result = comity("peer", "add", *cards, cards[2], "--home", home, input="y\n")
    assert result.stdout == "north added\n"
    assert "kiel is known already, with this card" in result.stderr
    assert "is the same card as" in result.stderr
    assert peers(home) == ["kiel", "north", "south"]
    nothing = comity("peer", "add", *cards, "--home", home, "--json")
    assert json.loads(nothing.stdout) == {"added": [], "left_out": cards, "refused": []}


def test_cards_that_contradict_each_other_or_what_is_known_add_nobody(tmp_path):
    known = several(tmp_path, "county", "kiel", "north")
    home = known["county"][0]
    card = known["kiel"][1]["card"]
    other = Identity.create(tmp_path / "other")
    (tmp_path / "two.card").write_text(other.card("north").to_json())
    (tmp_path / "twin.card").write_text(open_home(known["north"][0]).identity.card("west").to_json())
    (tmp_path / "us.card").write_text(other.card("county").to_json())
    north = known["north"][1]["card"]
    for bad, words in (
        ((north, tmp_path / "two.card"), "are different cards of north"),
        ((north, tmp_path / "twin.card"), "hold the same key, of north and of west"),
        ((tmp_path / "us.card",), "the name of this organization itself"),
        ((tmp_path / "none.card",), "cannot be read"),
    ):
        result = comity("peer", "add", card, *bad, "--yes", "--home", home, code=2)
        assert words in result.stderr
        assert peers(home) == []
    assert "own card" in comity("peer", "add", known["county"][1]["card"], "--yes", "--home", home, code=2).stderr
    assert "one CARD" in comity("peer", "add", card, north, "--address", "a:1", "--home", home, code=2).stderr
    comity("peer", "add", north, "--yes", "--home", home)
    result = comity("peer", "add", card, tmp_path / "two.card", "--yes", "--home", home, code=2)
    assert "comity peer remove north" in result.stderr
    assert peers(home) == ["north"]


def test_a_new_card_of_a_known_key_changes_the_address_unasked(tmp_path):
    known = several(tmp_path, "county", "north")
    home, north = known["county"][0], known["north"][1]["card"]
    comity("peer", "add", north, "--yes", "--home", home)
    comity("identity", "--address", "10.0.0.9:7", "--home", known["north"][0])
    assert "its card is replaced" in comity("peer", "add", north, "--home", home).stdout
    assert "10.0.0.9:7" in comity("peer", "list", "--home", home).stdout


def test_a_changed_card_is_refused(tmp_path):
    home, _ = made(tmp_path, "county")
    made(tmp_path, "north")
    text = (tmp_path / "north" / "north.card").read_text()
    (tmp_path / "forged.card").write_text(text.replace("127.0.0.1:7200", "127.0.0.1:6666"))
    result = comity("peer", "add", tmp_path / "forged.card", "--yes", "--home", home, code=2)
    assert "it was changed" in result.stderr
    assert "cannot be read" in comity("peer", "add", tmp_path / "no.card", "--yes", "--home", home, code=2).stderr


SCHEMA = '[columns.age]\ntype = "real"\nlow = 0\nhigh = 120\nunit = "years"\nmissing = ["NA"]\n'


def test_datasets_are_added_listed_checked_and_removed(tmp_path):
    home, _ = made(tmp_path, "county")
    (tmp_path / "p.csv").write_text("age\n50\nNA\n61\n")
    (tmp_path / "s.toml").write_text(SCHEMA)
    comity("data", "add", "lab.patients", tmp_path / "p.csv", "--schema", tmp_path / "s.toml", "--home", home)
    assert "p.csv" in comity("data", "list", "--home", home).stdout
    found = json.loads(comity("data", "check", "lab.patients", "--home", home, "--json").stdout)
    assert "Next" not in comity("data", "check", "lab.patients", "--home", home, "--json").stderr
    assert found == {"dataset": "lab.patients", "file": "p.csv", "rows": 3, "missing": {"age": 1}, "dropped": 0}
    assert "3 rows" in comity("data", "check", "lab.patients", "--home", home).stdout
    (tmp_path / "p.csv").write_text("age\n50\n-1\n161\n")
    result = comity("data", "check", "lab.patients", "--home", home, code=2)
    assert "error: lab.patients, column age: 2 of 3 values are outside 0..120 years" in result.stderr
    assert "already" in comity("data", "add", "lab.patients", tmp_path / "p.csv", "--home", home, code=2).stderr
    comity("data", "add", "lab.patients", tmp_path / "p.csv", "--replace", "--home", home)
    assert "--scenario" in comity("data", "check", "lab.patients", "--home", home, code=2).stderr
    comity("data", "remove", "lab.patients", "--home", home)
    assert "none yet" in comity("data", "list", "--home", home).stdout
    assert "no dataset 'lab.patients'" in comity("data", "check", "lab.patients", "--home", home, code=2).stderr


def test_what_makes_something_ends_with_what_to_do_next(tmp_path):
    """On standard error, and not with `--json`: the command that comes next, as it is to be typed."""
    home, north = tmp_path / "county", made(tmp_path, "north")[1]["card"]
    (tmp_path / "p.csv").write_text("age\n50\n")
    (tmp_path / "s.toml").write_text(SCHEMA)
    data = ("data", "add", "p", tmp_path / "p.csv", "--home", home)
    for command, last in (
        (("init", "county", "--listen", "127.0.0.1:1", "--home", home), "comity peer add county.card"),
        (("identity", "--address", "10.0.0.1:1", "--home", home), "comity peer add county.card"),
        (("peer", "add", north, "--yes", "--home", home), f"comity data add NAME FILE --home {home}"),
        (data, f"comity data check p --scenario SCENARIO --home {home}"),
        ((*data, "--schema", tmp_path / "s.toml", "--replace"), f"comity data check p --home {home}"),
        (("scenario", "new", "mine", "--into", tmp_path), "--data A.csv --data B.csv --data C.csv"),
        (("demo", "--export", tmp_path / "ex"), f"--data {tmp_path / 'ex' / 'st-mary.csv'}"),
    ):
        said = comity(*command).stderr
        assert said.startswith("Next: ")
        assert said.endswith(f"{last}\n"), said
    comity("peer", "remove", "north", "--home", home)
    quiet = comity("peer", "add", north, "--yes", "--home", home, "--json")
    assert "Next" not in quiet.stderr
    assert "Next" not in comity("identity", "--home", home).stderr  # it makes nothing


def test_rows_that_are_dropped_are_told_line_by_line(tmp_path):
    home, _ = made(tmp_path, "county")
    (tmp_path / "p.csv").write_text("age\n50\n-1\n161\n")
    (tmp_path / "s.toml").write_text(f'on_invalid = "drop"\n{SCHEMA}')
    comity("data", "add", "p", tmp_path / "p.csv", "--schema", tmp_path / "s.toml", "--home", home)
    lines = comity("data", "check", "p", "--rows", "--home", home).stdout.splitlines()
    assert "p.csv: 1 rows, 2 dropped because a value does not fit" in lines
    assert "column age, p.csv: rows 2, 3" in lines


def test_a_dataset_is_checked_against_a_scenario(tmp_path):
    home, _ = made(tmp_path, "county")
    (tmp_path / "ages.py").write_text(
        "from mpc import Real, Scenario, Table\n\nclass P(Table):\n    age = Real(0, 60)\n\n"
        "scenario = Scenario(inputs={'p': P.rows()})\n\n@scenario.run\nasync def run(study):\n    pass\n"
    )
    (tmp_path / "p.csv").write_text("age\n50\n61\n")
    comity("data", "add", "people", tmp_path / "p.csv", "--home", home)
    result = comity("data", "check", "people", "--scenario", tmp_path / "ages.py", "--home", home, code=2)
    assert "1 of 2 values are outside 0..60" in result.stderr
    result = comity(
        "data", "check", "people", "--scenario", tmp_path / "ages.py", "--input", "q", "--home", home, code=2
    )
    assert "--input: p" in result.stderr


def test_a_password_in_a_url_is_never_shown(tmp_path):
    home, _ = made(tmp_path, "county")
    url = "postgres://reader:secret@db.example/clinic"
    shown = [
        comity("data", "add", "register", url, "--table", "patients", "--home", home, "--json").stdout,
        comity("data", "list", "--home", home).stdout,
        comity("data", "list", "--home", home, "--json").stdout,
    ]
    assert not any("secret" in text for text in shown)
    assert all("db.example/clinic" in text for text in shown)
