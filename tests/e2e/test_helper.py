"""Two organizations and a helper: a third party without data that only computes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from parties.local.oracle import deviations
from tests.support.processes import NAMES, releases_alike, small_rows, small_town

pytestmark = pytest.mark.slow

TWO = ("county", "st-mary")


def test_a_helper_computes_and_learns_nothing(tmp_path):
    with small_town(tmp_path, helpers=("north",)) as town:
        for seed, name in enumerate(TWO):
            town.bring(name, small_rows(seed, 100))
        runs = town.start_all()
        assert [run.wait() for run in runs.values()] == [0, 0, 0]
        assert releases_alike([runs[name].result for name in TWO])
        largest, _ = deviations(runs["county"].result["releases"], runs["county"].result["kinds"], town.oracle())
        assert largest < 1e-6
        result = runs["north"].result
        assert result["releases"] == result["kinds"] == {}
        assert result["organizations"]["north"] == {"roles": ["compute"], "rows": None, "brought": []}
        assert not any(event["event"] == "brought" for event in runs["north"].events)


def test_the_helpers_report(tmp_path):
    """As a person sees it at the helper."""
    with small_town(tmp_path, helpers=("north",)) as town:
        runs = [town.start(name) for name in TWO]
        home = town.homes["north"].path
        command = [sys.executable, "-m", "parties.cli", "run", str(town.study), "--home", str(home)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
        assert ended.returncode == 0, ended.stderr
        assert [run.wait() for run in runs] == [0, 0]
        says = "No release is for north. The results go to county, st-mary."
        assert says in ended.stdout
        (folder,) = (home / "results").iterdir()
        assert says in (folder / "report.html").read_text()
        assert json.loads((folder / "result.json").read_text())["releases"] == {}


@pytest.mark.parametrize("compute", [0, 1, 2])
def test_without_a_helper_nothing_starts(tmp_path, compute):
    with small_town(tmp_path) as town:
        text = town.study.read_text()
        for name in NAMES[compute:]:
            head, _, tail = text.partition(f"[organizations.{name}]")
            text = head + f"[organizations.{name}]" + tail.replace('"compute", ', "", 1)
        town.study.write_text(text)
        run = town.start("county")
        assert run.wait() == 2
        assert "At least three organizations need the role" in run.stderr
        assert '[organizations.helper]\n    roles = ["compute"]' in run.stderr
        assert run.lines == []


def test_a_demo_of_two_organizations_has_a_helper(tmp_path: Path):
    command = [sys.executable, "-m", "parties.cli", "demo", "--organizations", "2", "--json", "--output", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["organizations"]["helper"]["roles"] == ["compute"]
    assert [entry["rows"] for entry in result["organizations"].values() if entry["rows"]] == [285, 284]
    assert result["oracle"]["max_relative_error"] <= 1e-5
