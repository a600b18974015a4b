"""Results and the disk, as real processes: what can fail here is tried beforehand, and nothing is lost."""

import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.processes import ENVIRONMENT, NAMES, PROGRAM, SUPPORT, Town, small_town

pytestmark = pytest.mark.slow

#: Per piece and direction: time to do something to a disk while the run goes on.
DELAY_S = 0.03


class Shown:
    """`comity run`, or another command of one organization, as a person starts it."""

    def __init__(
        self, town: Town, name: str, *options: str, program: Sequence[str] = PROGRAM, verb: str = "run"
    ) -> None:
        command = [sys.executable, *program, verb, str(town.study), "--home", str(town.homes[name].path), *options]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, **ENVIRONMENT},
        )
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    def until(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not any(text in line for line in self.lines):
            assert time.monotonic() < deadline, self.lines
            assert self.process.poll() is None, self.lines
            time.sleep(0.02)

    def end(self, seconds: float = 90) -> tuple[int, str, str]:
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(seconds)
        self._thread.join(5)
        return code, out, "".join(self.lines)


def no_space(shown: Shown) -> None:
    """From now on this process can write no file: as a disk that is full."""
    resource.prlimit(shown.process.pid, resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize("how", ["a file in the way", "no folder", "no space"])
def test_what_can_fail_here_fails_before_anybody_is_waited_for(tmp_path, how):
    with small_town(tmp_path) as town:
        options = {
            "a file in the way": ("--output", str(town.study / "results")),
            "no folder": ("--output", "/proc/comity-results"),
            "no space": (),
        }[how]
        begun = time.monotonic()
        shown = Shown(town, "county", *options)
        if how == "no space":
            resource.prlimit(shown.process.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
        code, out, err = shown.end()
        assert code == 2
        assert not out
        assert "results cannot be written there" in err or "is a file" in err or "not a directory" in err.lower(), err
        assert "waiting for" not in err
        assert time.monotonic() - begun < 60


@pytest.mark.parametrize("as_json", [False, True])
def test_a_disk_that_is_full_at_the_end(tmp_path, as_json):
    """Results are printed, the exit code says that they were not written, and the others have theirs."""
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        folder = tmp_path / "out"
        shown = Shown(town, "county", "--output", str(folder), *(["--json"] if as_json else []))
        runs = [town.start(name) for name in NAMES[1:]]
        runs[0].until("agreed")
        no_space(shown)
        code, out, err = shown.end()
        assert code == 2, err
        assert "could not be written: file too large" in err
        if as_json:
            assert json.loads(out)["releases"]
        else:
            assert "mean" in out
        assert not list(folder.glob("*.json"))
        assert [run.wait() for run in runs] == [0, 0]


def test_a_folder_that_is_removed_and_a_plot_that_fails(tmp_path):
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        folder = tmp_path / "out"
        folder.mkdir()
        program = (str(SUPPORT / "plotless_party.py"),)
        shown = Shown(town, "county", "--output", str(folder), program=program)
        runs = [town.start(name) for name in NAMES[1:]]
        runs[0].until("agreed")
        shutil.rmtree(folder)
        code, out, err = shown.end()
        assert code == 2, err
        assert "report.html could not be written: ValueError (plotless_party.py, line" in err
        assert "a plot that fails" not in err
        assert "mean" in out
        assert [path.name for path in folder.iterdir()] == ["result.json"]
        assert json.loads((folder / "result.json").read_text())["releases"]
        assert [run.wait() for run in runs] == [0, 0]


def test_a_file_in_place_of_the_folder_sends_results_to_the_home(tmp_path):
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S) as town:
        folder = tmp_path / "out"
        shown = Shown(town, "county", "--output", str(folder))
        runs = [town.start(name) for name in NAMES[1:]]
        runs[0].until("agreed")
        Path(folder).write_text("in the way")
        code, out, err = shown.end()
        assert code == 2, err
        assert "could not be written" in err
        (spare,) = (town.homes["county"].path / "results").iterdir()
        assert sorted(path.name for path in spare.iterdir()) == ["report.html", "result.json"]
        assert "mean" in out
        assert [run.wait() for run in runs] == [0, 0]


def test_a_recipient_outside_whose_disk_is_full_leaves_its_parts_with_the_others(tmp_path):
    """It says that it has them only when they are on its disk; here it has printed them, and they can come again."""
    with small_town(tmp_path, proxied=True, delay_s=DELAY_S, names=(*NAMES, "valley"), outside=("valley",)) as town:
        shown = Shown(town, "valley", verb="submit")
        runs = [town.start(name, "--wait", "60") for name in NAMES]
        runs[0].until("status", where=lambda event: "contributions of 1 organizations are here" in event["text"])
        no_space(shown)
        code, out, err = shown.end()
        assert code == 2, err
        assert "could not be kept" in err
        assert "mean" in out
        assert [run.wait() for run in runs] == [0, 0, 0]
        files = [next((town.homes[name].path / "outgoing").rglob("valley.sealed")) for name in NAMES]
        again = Shown(town, "valley", *(f"--from={path}" for path in files), verb="results")
        code, out, err = again.end()
        assert code == 0, err
        assert "mean" in out
