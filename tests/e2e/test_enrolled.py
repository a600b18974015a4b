"""Devices that a roll enrols, as processes of `comity submit` beside three of `comity run`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from parties.local.oracle import deviations
from parties.organization.catalog import Dataset
from parties.organization.home import create_home
from parties.organization.roll import make_roll, read_roll
from tests.support.many_inputs import COMPUTE, HABITS, devices_town, measure_roll, oracle, write_study
from tests.support.processes import SUPPORT, Running, releases_alike

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DEVICES = 30
LINES = ["[contributors]", 'roll = "devices.roll"', 'habits = "habits"']
COMITY = ("-m", "parties.cli")
LIAR = (str(SUPPORT / "lying_submitter.py"),)


class Street:
    """Compute parties, devices, their roll and their study in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.homes = devices_town(folder, DEVICES)
        self.devices = [name for name in self.homes if name not in COMPUTE]
        self.study = write_study(folder, HABITS, LINES)
        self.running: list[Running] = []

    def start(self, *arguments: object, program: Sequence[str] = COMITY) -> Running:
        command = [sys.executable, *program, *map(str, arguments), "--events", "--wait", "300"]
        running = Running(str(arguments[-1]), command)
        self.running.append(running)
        return running

    def submit(self, name: str, *, place: Path | None = None, program: Sequence[str] = COMITY) -> Running:
        place = place or self.folder / f"{name}.place"
        home = self.homes.get(name, self.folder / name)
        return self.start("submit", self.study, "--no-wait", "--place", place, "--home", home, program=program)


@contextmanager
def street(folder: Path) -> Iterator[Street]:
    there = Street(folder)
    try:
        yield there
    finally:
        for running in there.running:
            if running.process.poll() is None:
                running.kill()
                running.process.wait()


def test_thirty_devices_an_impostor_a_liar_one_that_comes_twice_and_one_that_is_killed(tmp_path):
    with street(tmp_path) as there:
        twice, killed, by_mail, *honest, liar = there.devices
        runs = [there.start("run", there.study, "--home", there.homes[name]) for name in COMPUTE]
        for run in runs:
            run.until(
                "status", 200, lambda event: event["text"].startswith("waiting for 30 of 30 contributions: device-")
            )

        # Twice: the second contribution counts, which the oracle reads.
        right = (tmp_path / f"{twice}.csv").read_text()
        (tmp_path / f"{twice}.csv").write_text(right.replace(right.splitlines()[1], "199,199,199,199,199,True"))
        first = there.submit(twice)
        # Killed: its contribution is made, and may have come to some of them; it comes again.
        ends = there.submit(killed)
        ends.until("contribution", 150)
        ends.kill()
        assert first.wait(150) == 0, first.stderr
        (tmp_path / f"{twice}.csv").write_text(right)
        others = [there.submit(twice), there.submit(killed), there.submit(liar, program=LIAR)]
        assert [other.wait(150) for other in others] == [0, 0, 0]

        # An impostor has a roll of its own making, so it finds itself there; the compute parties have another roll.
        impostor = create_home(tmp_path / "device-impostor", "device-impostor", ("127.0.0.1", 1), None)
        shutil.copy(there.homes[twice] / "consortium.json", impostor.path / "consortium.json")
        known = (impostor.path / "consortium.json").read_text().replace(twice, impostor.name)
        (impostor.path / "consortium.json").write_text(known)
        impostor.catalog.add(Dataset("habits", str(tmp_path / f"{twice}.csv"), None, None))
        forged = tmp_path / "forged.place"
        cards = [*read_roll(tmp_path / "devices.roll").cards(), impostor.card()]
        forged.write_text(make_roll(cards, tmp_path / "forged.roll").place(impostor.name).to_json())
        refused = there.submit(impostor.name, place=forged)
        assert refused.wait(150) == 4
        assert "does not know our key, or refused it" in refused.stderr
        # With the place of another device it does not even call.
        stolen = there.submit(impostor.name, place=tmp_path / f"{killed}.place")
        assert stolen.wait(150) == 2
        assert "'device-impostor' does not take part" in stolen.stderr

        # By mail: files, which each compute party adds.
        sealed = tmp_path / "sealed"
        place = ("--place", tmp_path / f"{by_mail}.place")
        wrote = comity("submit", there.study, "--to", sealed, *place, "--home", there.homes[by_mail])
        assert wrote.returncode == 0, wrote.stderr
        for name in COMPUTE:
            (path,) = sealed.glob(f"*-for-{name}.sealed")
            home = there.homes[name]
            assert comity("contributions", "add", path, "--home", home).returncode == 4
            assert (
                comity("contributions", "add", path, "--home", home, "--roll", tmp_path / "devices.roll").returncode
                == 0
            )

        for batch in (honest[i : i + 3] for i in range(0, len(honest), 3)):
            submitted = [there.submit(name) for name in batch]
            assert [one.wait(150) for one in submitted] == [0] * len(batch)
        assert [run.wait(150) for run in runs] == [0, 0, 0]
        results = [run.result for run in runs]
        assert releases_alike(results)
        wanted = oracle(tmp_path, [name for name in there.devices if name != liar], HABITS)
        assert deviations(results[0]["releases"], results[0]["kinds"], wanted)[0] < 1e-6
        assert results[0]["contributions"] == {"of": DEVICES, "left_out": [liar]}
        assert set(results[0]["organizations"]) == set(COMPUTE)
        assert (
            "30 organizations enrolled by devices.roll; contributions of 30 organizations came" in results[0]["notes"]
        )
        for name in COMPUTE:
            assert not list((there.homes[name] / "contributions").glob("*/*.sealed"))


def comity(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *COMITY, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)


def test_some_never_submit(tmp_path):
    """Two of thirty devices never come, and the study asks for 28: they count as devices without rows."""
    found = measure_roll(tmp_path, DEVICES, submitters=2, missing=2, wait=40)
    assert found["deviation"] < 1e-6
    assert found["alike"]
    assert found["contributions"] == {"of": DEVICES - 2, "left_out": []}
    assert found["releases"]["devices"] == DEVICES - 2
    again = comity("run", tmp_path / "study.toml", "--home", tmp_path / "north")
    assert again.returncode == 2
    assert "With at_least a study has one run" in again.stderr
