"""Organizations that contribute and learn without computing, as processes beside `comity run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from parties.contributors.sealing import read_header
from parties.local.oracle import deviations
from parties.organization.identity import Identity
from tests.support.many_inputs import measure_roll
from tests.support.processes import ENVIRONMENT, NAMES, SUPPORT, Running, Town, releases_alike, small_rows, small_town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LIAR = (str(SUPPORT / "lying_submitter.py"),)


def clinics(count: int) -> tuple[str, ...]:
    return tuple(f"clinic-{i}" for i in range(count))


def with_clinics(folder: Path, count: int, names: Sequence[str] = NAMES, extra: str = "") -> Town:
    return small_town(folder, names=(*names, *clinics(count)), outside=clinics(count), extra=extra)


def comity(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parties.cli", *map(str, arguments), "--home", str(home)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=150, check=False, env={**os.environ, **ENVIRONMENT}
    )


def compute(town: Town, *options: str, names: Sequence[str] = NAMES) -> dict[str, Running]:
    return {name: town.start(name, *options) for name in names}


def right(town: Town, runs: Sequence[Running]) -> None:
    results = [run.result for run in runs]
    assert releases_alike(results)
    assert deviations(results[0]["releases"], results[0]["kinds"], town.oracle())[0] < 1e-6


def sealed_files(town: Town, folder: str) -> list[Path]:
    return sorted(path for name in NAMES for path in (town.homes[name].path / folder).glob("*/*.sealed"))


@pytest.mark.parametrize(
    ("names", "engine"),
    [(NAMES, "replicated"), (("bonn", "county", "kiel", "north", "st-mary"), "shamir")],
    ids=["replicated", "shamir"],
)
def test_they_get_what_the_others_get(tmp_path, names, engine):
    count = 4 if engine == "replicated" else 2
    with with_clinics(tmp_path, count, names, f'engine = "{engine}"') as town:
        town.write_study(extra=f'engine = "{engine}"', recipients=[*names, *clinics(count)[1:]])
        runs = town.start_all()
        assert {name: run.wait(300) for name, run in runs.items()} == dict.fromkeys(runs, 0)
        learning = [run for name, run in runs.items() if name != "clinic-0"]
        right(town, learning)
        assert runs["clinic-0"].result["releases"] == {}
        # Receipts of all compute parties are kept; what was contributed and fetched is not.
        for name in clinics(count):
            (kept,) = (town.homes[name].path / "receipts").glob("*/*.json")
            assert set(json.loads(kept.read_text())["receipts"]) == set(names)
        assert sealed_files(town, "contributions") == []
        assert sealed_files(town, "outgoing") == []
        assert all(run.result["contributions"] == {"of": count, "left_out": []} for run in learning)


@pytest.mark.exhaustive
def test_it_may_be_gone_when_all_have_it_and_fetch_its_results_as_files(tmp_path):
    with with_clinics(tmp_path, 2) as town:
        runs = compute(town, "--wait", "120")
        gone = town.start("clinic-0", "--wait", "120")
        for name in NAMES:
            gone.until("receipt", 150, lambda event, name=name: event["party"] == name)
        gone.kill()
        stays = town.start("clinic-1", "--wait", "120")
        assert stays.wait(150) == 0
        for run in runs.values():
            run.until("result", 150)
            run.until("status", 150, lambda event: event["text"].startswith("waiting for clinic-0 to fetch"))
        right(town, [*runs.values(), stays])
        late = comity("results", town.study, "--json", "--wait", "60", home=town.homes["clinic-0"].path)
        assert late.returncode == 0, late.stderr
        assert json.loads(late.stdout)["releases"] == stays.result["releases"]
        assert [run.wait(150) for run in runs.values()] == [0, 0, 0]


@pytest.mark.exhaustive
def test_results_that_nobody_fetched_stay_as_files(tmp_path):
    with with_clinics(tmp_path, 1) as town:
        runs = compute(town, "--wait", "25")
        handed = comity("submit", town.study, "--no-wait", "--wait", "120", home=town.homes["clinic-0"].path)
        assert handed.returncode == 0, handed.stderr
        assert "county, north, st-mary have it" in handed.stdout
        assert [run.wait(150) for run in runs.values()] == [0, 0, 0]
        files = sealed_files(town, "outgoing")
        assert len(files) == 3
        assert all("clinic-0 has not fetched its results" in " ".join(run.lines) for run in runs.values())
        options = [part for path in files for part in ("--from", path)]
        read = comity("results", town.study, "--json", *options, home=town.homes["clinic-0"].path)
        assert read.returncode == 0, read.stderr
        assert json.loads(read.stdout)["releases"] == runs["county"].result["releases"]
        few = comity("results", town.study, *options[:4], home=town.homes["clinic-0"].path)
        assert few.returncode == 2
        assert "the part of st-mary is missing" in few.stderr


def test_a_resubmission_replaces(tmp_path):
    with with_clinics(tmp_path, 2) as town:
        right_rows = (tmp_path / "clinic-0.csv").read_text()
        town.bring("clinic-0", small_rows(77, rows=500))
        runs = compute(town, "--wait", "150")
        home = town.homes["clinic-0"].path
        assert comity("submit", town.study, "--no-wait", home=home).returncode == 0
        town.bring("clinic-0", right_rows)
        assert comity("submit", town.study, "--no-wait", home=home).returncode == 0
        assert len(sealed_files(town, "contributions")) == 6
        town.start("clinic-1")
        for run in runs.values():
            run.until("result", 150)
        right(town, list(runs.values()))
        assert sealed_files(town, "contributions") == []


def test_contributions_are_spent_before_anything_is_opened(tmp_path):
    with with_clinics(tmp_path, 1) as town:
        runs = compute(town, "--wait", "150", "--grace", "3")
        assert comity("submit", town.study, "--no-wait", home=town.homes["clinic-0"].path).returncode == 0
        for run in runs.values():
            run.until("status", 150, lambda event: event["text"] == "contributions of 1 organizations are here")
        # From here on values are opened; whoever dies now cannot start again with the same contribution.
        runs["north"].kill()
        assert sealed_files(town, "contributions") == []
        for run in runs.values():
            run.wait(150)
        again = compute(town, "--wait", "10")
        assert [run.wait(150) for run in again.values()] == [3, 3, 3]
        assert "no contribution of clinic-0" in again["county"].stderr


def test_a_study_that_keeps_contributions_says_so_to_those_who_contribute(tmp_path):
    with with_clinics(tmp_path, 1) as town:
        option = comity("run", town.study, "--keep-contributions", home=town.homes["north"].path)
        assert option.returncode == 2
        assert "keep_contributions = true" in option.stderr
        town.write_study(extra="keep_contributions = true", recipients=NAMES)
        runs = compute(town, "--wait", "100")
        handed = comity("submit", town.study, "--no-wait", home=town.homes["clinic-0"].path)
        assert handed.returncode == 0, handed.stderr
        assert "this study keeps contributions" in handed.stderr
        for run in runs.values():
            run.until("result", 150)
        assert len(sealed_files(town, "contributions")) == 3
        for run in runs.values():
            run.wait(150)
        again = compute(town, "--wait", "25")
        assert [run.wait(150) for run in again.values()] == [0, 0, 0]
        right(town, list(again.values()))


def test_a_contribution_beyond_its_bounds_is_counted_and_left_out(tmp_path):
    with with_clinics(tmp_path, 3) as town:
        runs = compute(town)
        others = [town.start(name) for name in clinics(2)]
        liar = town.start("clinic-2", program=LIAR)
        assert [run.wait(150) for run in (*runs.values(), *others, liar)] == [0] * 6
        town.names = tuple(name for name in town.names if name != "clinic-2")
        right(town, [*runs.values(), *others, liar])
        for run in (*runs.values(), *others):
            assert run.result["contributions"] == {"of": 3, "left_out": ["clinic-2"]}
            note = "left out, because numbers that it shared are beyond their bounds or contradict each other: clinic-2"
            assert note in run.result["notes"], run.result["notes"]


@pytest.mark.exhaustive
def test_another_study_is_shown_as_a_difference_and_stops_nobody_else(tmp_path):
    with with_clinics(tmp_path, 1) as town:
        other = town.write_study(extra="[parameters]\nminimum_cohort = 5", to=tmp_path / "other.toml")
        runs = compute(town)
        wrong = town.start("clinic-0", study=other)
        assert wrong.wait(150) == 4
        assert "runs a different study" in wrong.stderr
        assert "minimum_cohort" in wrong.stderr
        assert town.start("clinic-0").wait(150) == 0
        assert [run.wait(150) for run in runs.values()] == [0, 0, 0]
        right(town, list(runs.values()))
        assert any("refused clinic-0: its study is another one" in line for run in runs.values() for line in run.lines)


def test_strangers_and_members_outside_of_the_study_are_refused(tmp_path):
    with with_clinics(tmp_path, 1) as town:
        runs = compute(town)
        runs["north"].until("status", 150, lambda event: event["text"].startswith("waiting for contributions"))
        # Another home under clinic's name, whose card nobody has.
        stranger = Identity.create(tmp_path / "stranger")
        real = town.homes["clinic-0"].path
        before = {name: (real / name).read_bytes() for name in ("key.pem", "sealing.pem", "certificate.pem")}
        for name in before:
            (real / name).write_bytes((stranger.home / name).read_bytes())
        (real / "clinic-0.card").write_text(stranger.card("clinic-0").to_json())
        refused = town.start("clinic-0", "--wait", "100")
        assert refused.wait(150) == 4
        assert "does not know our key, or refused it" in refused.stderr
        for name, content in before.items():
            (real / name).write_bytes(content)
        assert town.start("clinic-0").wait(150) == 0
        assert [run.wait(150) for run in runs.values()] == [0, 0, 0]
        right(town, list(runs.values()))


@pytest.mark.exhaustive
def test_who_never_contributes_is_named(tmp_path):
    with with_clinics(tmp_path, 2) as town:
        runs = compute(town, "--wait", "25")
        there = town.start("clinic-1", "--wait", "120")
        assert [run.wait(150) for run in runs.values()] == [3, 3, 3]
        for run in runs.values():
            assert "no contribution of clinic-0 has come to all compute parties" in run.stderr
        assert there.wait(150) == 3
        assert "ended the run: PeerTimeout" in there.stderr
        assert "The contribution is with all compute parties" in there.stderr
        # It is still there: with the other one's, the study runs.
        assert len(sealed_files(town, "contributions")) == 3
        again = compute(town, "--wait", "120")
        assert town.start("clinic-0", "--no-wait").wait(150) == 0
        for run in again.values():
            run.until("result", 150)
        right(town, list(again.values()))


@pytest.mark.exhaustive
def test_who_has_it_and_who_has_not(tmp_path):
    with with_clinics(tmp_path, 1) as town:
        # county waits for the others, and takes contributions meanwhile
        runs = {"county": town.start("county", "--wait", "150")}
        runs["county"].until("status", 150, lambda event: event["text"].startswith("waiting for"))
        ended = town.start("clinic-0", "--wait", "15")
        assert ended.wait(150) == 3
        assert "the contribution is with county, and not with north (" in ended.stderr
        assert "start the same command again" in ended.stderr
        runs |= {name: town.start(name, "--wait", "150") for name in ("north", "st-mary")}
        assert town.start("clinic-0", "--wait", "150").wait(150) == 0
        assert [run.wait(150) for run in runs.values()] == [0, 0, 0]
        right(town, list(runs.values()))


def test_by_files_alone(tmp_path):
    with with_clinics(tmp_path, 1) as town:
        out = tmp_path / "out"
        written = comity("submit", town.study, "--to", out, "--json", home=town.homes["clinic-0"].path)
        assert written.returncode == 0, written.stderr
        files = {path.stem.rpartition("-for-")[2]: path for path in out.glob("*.sealed")}
        assert set(files) == set(NAMES)
        wrong = comity("contributions", "add", files["county"], home=town.homes["north"].path)
        assert wrong.returncode == 4
        assert "is for another organization than north" in wrong.stderr
        early = compute(town, "--wait", "25", names=NAMES[:2])
        for name in NAMES:
            added = comity("contributions", "add", files[name], home=town.homes[name].path)
            assert added.returncode == 0, added.stderr
        shown = comity("contributions", "list", "--json", home=town.homes["north"].path)
        assert [one["organization"] for one in json.loads(shown.stdout)["contributions"]] == ["clinic-0"]
        runs = {**early, "st-mary": town.start("st-mary", "--wait", "25")}
        for run in runs.values():
            run.until("result", 150)
        right(town, list(runs.values()))


@pytest.mark.exhaustive
def test_a_damaged_file_ends_the_run_before_it_begins(tmp_path):
    with with_clinics(tmp_path, 1) as town:
        out = tmp_path / "out"
        assert comity("submit", town.study, "--to", out, home=town.homes["clinic-0"].path).returncode == 0
        (path,) = out.glob("*-for-north.sealed")
        content = bytearray(path.read_bytes())
        content[-3] ^= 4
        path.write_bytes(bytes(content))
        refused = comity("contributions", "add", path, home=town.homes["north"].path)
        assert refused.returncode == 4
        assert "the signature on the sealed file of clinic-0 is wrong" in refused.stderr
        folder = town.homes["north"].path / "contributions" / read_header(bytes(content)).study.hex()
        folder.mkdir(parents=True)
        (folder / "clinic-0.1.sealed").touch(0o600)
        (folder / "clinic-0.1.sealed").write_bytes(bytes(content))
        run = town.start("north", "--wait", "10")
        assert run.wait(150) == 4
        assert "the signature on the sealed file of clinic-0 is wrong" in run.stderr
        assert "ask clinic-0 to submit again" in run.stderr


@pytest.mark.exhaustive
def test_each_has_its_own_command(tmp_path):
    with with_clinics(tmp_path, 1) as town:
        for name, verb, words in (
            ("clinic-0", "run", "use `comity submit`"),
            ("north", "submit", "use `comity run`"),
        ):
            ended = comity(verb, town.study, home=town.homes[name].path)
            assert ended.returncode == 2
            assert words in ended.stderr
        # What does not fit the schema is told before anybody is called.
        town.bring("clinic-0", "x,y,ill\n1,1,true\n99,1,true\n")
        ended = comity("submit", town.study, "--wait", "5", home=town.homes["clinic-0"].path)
        assert ended.returncode == 2
        assert "1 of 2 values" in ended.stderr


def test_killed_compute_party_is_named_to_those_who_wait(tmp_path):
    with with_clinics(tmp_path, 2) as town:
        runs = compute(town, "--wait", "150", "--grace", "3")
        waits = town.start("clinic-0", "--wait", "15")
        for name in NAMES:
            waits.until("receipt", 150, lambda event, name=name: event["party"] == name)
        runs["st-mary"].until("agreed", 150)
        time.sleep(1)
        runs["north"].kill()
        assert [runs[name].wait(150) for name in ("county", "st-mary")] == [3, 3]
        assert waits.wait(150) == 3
        assert "ended the run: PeerLost" in waits.stderr
        assert "The contribution is with all compute parties" in waits.stderr


def test_hundreds_of_devices_submit(tmp_path):
    """Three hundred devices of `assistant_habits`, each with a home and one row; a roll enrols them."""
    found = measure_roll(tmp_path, 300, submitters=2)
    assert found["deviation"] < 1e-6
    assert found["alike"]
    assert found["contributions"] == {"of": 300, "left_out": []}
    assert max(found["bytes_sent"]) < 300 * 4000 + 200_000
