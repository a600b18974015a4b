"""Three `comity run` processes, as three organizations start them."""

import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from parties.cli.main import main
from parties.local.oracle import deviations
from tests.support.marks import exhaustive
from tests.support.processes import ENVIRONMENT, NAMES, SMALL, releases_alike, small_rows, small_town


def comity(*arguments: object, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parties.cli", *map(str, arguments)]
    command += ["--home", str(home)] if home else []
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, env={**os.environ, **ENVIRONMENT}
    )


def here(*arguments: object, home: Path) -> None:
    """A command in this process, which succeeds."""
    ended = CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])
    assert ended.exit_code == 0, ended.output


def test_three_processes_give_the_same_releases(tmp_path):
    with small_town(tmp_path) as town:
        runs = town.start_all()
        assert [run.wait() for run in runs.values()] == [0, 0, 0]
        results = [run.result for run in runs.values()]
        assert releases_alike(results)
        largest, details = deviations(results[0]["releases"], results[0]["kinds"], town.oracle())
        assert largest < 1e-6
        assert set(details) == set(results[0]["releases"])
        # What an organization brought is shown to itself only.
        for name, run in runs.items():
            rows = {who: entry["rows"] for who, entry in run.result["organizations"].items()}
            assert rows == {who: 40 if who == name else None for who in NAMES}
            assert set(run.result["phases"]) == {"start", "local", "agree", "joint"}


@pytest.mark.slow
def test_by_hand_with_the_commands_of_the_readme(tmp_path):
    """Homes by init, cards by peer add, data by data add, in this process; runs in three, started in another order."""
    from parties.local.ports import free_ports

    homes = {name: tmp_path / name for name in NAMES}
    for name, port in zip(NAMES, free_ports(3), strict=True):
        here("init", name, "--listen", f"127.0.0.1:{port}", home=homes[name])
    for name in NAMES:
        for other in NAMES:
            if other != name:
                here("peer", "add", "--yes", homes[other] / f"{other}.card", home=homes[name])
        rows = tmp_path / f"{name}.csv"
        rows.write_text(small_rows(len(name)))
        here("data", "add", "clinic.patients", rows, home=homes[name])
    study = tmp_path / "study.toml"
    lines = [f'scenario = "{SMALL}"', 'purpose = "Started by hand"']
    for name in NAMES:
        roles = 'roles = ["input", "compute", "recipient"]'
        lines += [f"[organizations.{name}]", roles, 'patients = "clinic.patients"']
    study.write_text("\n".join(lines))
    running = []
    for name in ("st-mary", "county", "north"):
        command = [sys.executable, "-m", "parties.cli", "run", str(study), "--home", str(homes[name]), "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        running.append(subprocess.Popen(command, env={**os.environ, **ENVIRONMENT}, **pipes))
        time.sleep(1)
    results = []
    for process in running:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        results.append(json.loads(out))
    assert releases_alike(results)
    for result in results:
        for file in map(Path, result["files"].values()):
            assert file.parents[2] == homes[result["organization"]]
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.slow
def test_who_is_no_recipient_learns_nothing(tmp_path):
    with small_town(tmp_path) as town:
        town.write_study(recipients=("county", "st-mary"))
        runs = town.start_all()
        assert [run.wait() for run in runs.values()] == [0, 0, 0]
        assert runs["north"].result["releases"] == {}
        assert releases_alike([runs["county"].result, runs["st-mary"].result])
        assert runs["county"].result["releases"]["patients"] == 120


@pytest.mark.slow
@pytest.mark.parametrize("late", ["county", *exhaustive("st-mary")])  # who is called, and who calls
def test_a_late_party_is_waited_for(tmp_path, late):
    with small_town(tmp_path) as town:
        runs = {name: town.start(name) for name in NAMES if name != late}
        for run in runs.values():
            run.until("status", where=lambda event: event["text"].startswith(f"waiting for {late}"))
        time.sleep(3)
        runs[late] = town.start(late)
        assert [run.wait() for run in runs.values()] == [0, 0, 0]
        assert releases_alike([run.result for run in runs.values()])


@pytest.mark.slow
def test_one_that_never_comes_is_named(tmp_path):
    """North as a person sees it: lines on stderr, and nothing on stdout."""
    with small_town(tmp_path) as town:
        run = town.start("st-mary", "--wait", "4")
        ended = comity("run", town.study, "--wait", "4", home=town.homes["north"].path)
        assert run.wait() == 3
        assert re.match("error: (still waiting for county|county has not come, as )", run.stderr)
        assert ended.returncode == 3
        assert ended.stdout == ""
        assert re.search(r"waiting for county \(127\.0\.0\.1:|county has not come, as ", ended.stderr)
        assert re.search("^error: (still waiting for county|county has not come, as )", ended.stderr, re.MULTILINE)
        assert "Traceback" not in run.stderr + ended.stderr
