"""What an enrolled organization does and sends does not grow with the number of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpc.releases.study import runtime_of
from parties.organization import merkle
from parties.organization.catalog import Dataset
from parties.organization.home import Home, create_home
from parties.organization.place import Place, digest_of
from parties.organization.roll import line_of
from parties.run.contributing import Own, open_own
from parties.study.document import canonical
from parties.study.plan import open_study

COMPUTE = ("north", "south", "west")
FEW, MANY = 40, 4000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A device that knows the compute parties, and nobody else."""
    folder = tmp_path_factory.mktemp("cost")
    device = create_home(folder / "device", "device", ("127.0.0.1", 1), None)
    for name in COMPUTE:
        device.consortium.add(create_home(folder / name, name, ("127.0.0.1", 1), "127.0.0.1:1").card())
    (folder / "habits.csv").write_text("music,weather,alarms,questions,lights,at_night\n1,2,3,4,5,1\n")
    device.catalog.add(Dataset("habits", str(folder / "habits.csv"), None, None))
    lines = ['scenario = "assistant_habits"', 'purpose = "Requests"', 'engine = "replicated"']
    lines += [f'[organizations.{name}]\nroles = ["compute", "recipient"]' for name in COMPUTE]
    lines += ["[contributors]", 'roll = "devices.roll"', 'habits = "habits"']
    (folder / "study.toml").write_text("\n".join(lines))
    return device


def one_of(home: Home, devices: int) -> tuple[Own, Path]:
    """The device's side of a study with so many devices, and its place."""
    line = line_of(home.card())
    leaves = [merkle.leaf(line)] * devices
    path = home.path.parent / f"{devices}.place"
    digest = digest_of(merkle.root(leaves), devices)
    path.write_text(Place(path, digest, devices, 7, line, merkle.proof(leaves, 7)).to_json())
    return open_own(home, open_study(home.path.parent / "study.toml", path), lambda event: None), path


def test_a_hundred_times_as_many_others_cost_a_device_nothing_but_a_few_hashes(home):
    few, many = (one_of(home, devices) for devices in (FEW, MANY))
    owns = few[0], many[0]
    # Operations of the script, as the device runs it: trees over all devices get a level each time they double.
    operations = [runtime_of(own.study).operations for own in owns]
    assert operations[1] - operations[0] <= 10 * (MANY // FEW).bit_length()
    # What it shares, and the sealed bytes that it sends.
    sealed = [own.sealed() for own in owns]
    assert sealed[0].values == sealed[1].values == 42
    for name in COMPUTE:
        assert len(sealed[0].envelopes[name]) == len(sealed[1].envelopes[name])
    # What it agrees to: a number and a digest stand for all of them.
    sizes = [len(canonical(own.document)) for own in owns]
    assert abs(sizes[1] - sizes[0]) < 16
    # What it must be given: a hash of 32 bytes each time their number doubles.
    places = [path.stat().st_size for _, path in (few, many)]
    assert places[1] - places[0] < 80 * 8


def test_the_study_of_a_device_knows_no_other_device(home):
    own, _ = one_of(home, MANY)
    assert set(own.home.keys()) == {*COMPUTE, "device"}
    assert own.bound.plan.participants[3:11] == (*(f"enrolled {i}" for i in range(1, 8)), "device")
