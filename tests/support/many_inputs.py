"""A study of three compute parties and many organizations that only bring data, on one machine, measured.

    python tests/support/many_inputs.py --organizations 100 --rows 10000 --submitters 2
    python tests/support/many_inputs.py --organizations 10000 --habits

With --habits each organization is a device with one row, of the scenario `assistant_habits`, and a roll enrols all.

The compute parties are processes as ever; what the others bring is prepared and handed over by a few processes, each
for its part of them; the last device uses the command `comity submit`. Prints one JSON object: seconds from the first
start to the last result, processor seconds of all processes, bytes, memory, and how far the result is from pooling.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import runpy
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from mpc.tables.rows import ArrayRows
from parties.local.launch import Launched
from parties.local.launch import Member as Home
from parties.local.oracle import deviations, expected
from parties.local.ports import free_ports
from parties.organization.address import parse_address
from parties.organization.catalog import Catalog, Dataset
from parties.organization.consortium import Consortium, Member
from parties.organization.home import Home as DeviceHome
from parties.organization.home import create_home, open_home
from parties.organization.identity import Card
from parties.organization.roll import make_roll, roll_text
from parties.study.loader import folder as scenarios
from parties.study.loader import load
from parties.study.plan import BoundStudy, bind, read_study
from protocols.assembly import rows_of

WIDE = str(Path(__file__).with_name("wide_study.py"))
HABITS = "assistant_habits"
COMPUTE = ("north", "south", "west")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--organizations", type=int, default=100)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--submitters", type=int, default=2)
    parser.add_argument("--habits", action="store_true")
    parser.add_argument("--missing", type=int, default=0, help="so many devices never submit")
    parser.add_argument("--wait", type=float, default=900.0, help="how long compute parties wait")
    parser.add_argument("--submit", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.submit:
        submit(*given.submit)
    elif given.habits:
        with tempfile.TemporaryDirectory() as folder:
            print(
                json.dumps(measure_roll(Path(folder), given.organizations, given.submitters, given.missing, given.wait))
            )
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(Path(folder), given.organizations, given.rows, given.submitters)))


def measure(folder: Path, organizations: int, rows: int, submitters: int) -> dict[str, Any]:
    """Organizations that the study names."""
    names = [f"clinic-{i:05}" for i in range(organizations)]
    (which,) = load(WIDE).scenario.inputs
    write(folder, names, rows)
    homes = town(folder, names, which)
    lines = []
    for name in names:
        lines += [f"[organizations.{name}]", 'roles = ["input"]', f'{which} = "{which}"']
    study = write_study(folder, WIDE, lines)
    return {"organizations": organizations, "rows": rows} | run(folder, study, WIDE, homes, names, submitters, 300)


def measure_roll(folder: Path, devices: int, submitters: int, missing: int = 0, wait: float = 900.0) -> dict[str, Any]:
    """Devices that a roll enrols; the first ones submit, and `missing` never do. The study asks for the others."""
    began = time.perf_counter()
    homes = devices_town(folder, devices)
    names = [name for name in homes if name not in COMPUTE][: devices - missing]
    lines = ["[contributors]", 'roll = "devices.roll"', 'habits = "habits"']
    study = write_study(folder, HABITS, [*lines, *([f"at_least = {len(names)}"] if missing else [])])
    facts: dict[str, Any] = {"devices": devices, "roll_bytes": (folder / "devices.roll").stat().st_size}
    facts |= {"place_bytes": (folder / f"{names[-1]}.place").stat().st_size}
    facts |= {"set_up_seconds": round(time.perf_counter() - began, 2)}
    return facts | run(folder, study, HABITS, homes, names, submitters, wait, one_by_command=True)


def write_study(folder: Path, scenario: str, lines: list[str]) -> Path:
    study = folder / "study.toml"
    head = [f'scenario = "{scenario}"', 'purpose = "Many organizations"', 'engine = "replicated"']
    for name in COMPUTE:
        head += [f"[organizations.{name}]", 'roles = ["compute", "recipient"]']
    study.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    return study


def run(
    folder: Path,
    study: Path,
    scenario: str,
    homes: dict[str, Path],
    names: list[str],
    submitters: int,
    wait: float,
    *,
    one_by_command: bool = False,
) -> dict[str, Any]:
    """Run a study with contributions of `names`."""
    members = {name: Home(name, homes[name], "") for name in COMPUTE}
    by_command = names[-1:] if one_by_command else []
    started = time.perf_counter()
    launched = Launched(members, study, options=["--wait", str(wait)])
    memory = Memory({name: process.pid for name, process in launched.processes.items()})
    processes = []
    command: dict[str, Any] = {}
    try:
        for i in range(submitters):
            part = folder / f"submitter-{i}"
            part.write_text(
                "\n".join(str(homes[name]) for name in names[: len(names) - len(by_command)][i::submitters])
            )
            processes.append(subprocess.Popen([sys.executable, __file__, "--submit", str(study), str(part)]))
        codes: dict[Any, int] = {i: process.wait(2 * wait) for i, process in enumerate(processes)}
        handed_over = time.perf_counter() - started
        for name in by_command:
            codes[name], command = one_command(study, homes[name])
        ended = launched.wait(2 * wait)
        seconds = time.perf_counter() - started
    finally:
        launched.stop()
        memory.stop()
        for process in processes:
            process.kill()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    failed = {name: one.stderr for name, one in ended.items() if one.code} | {n: c for n, c in codes.items() if c}
    if failed:
        raise SystemExit(f"failed: {failed}")
    results = [one.result.document for one in ended.values() if one.result is not None]
    wanted = oracle(folder, names, scenario)
    return {
        "seconds": round(seconds, 2),
        "handed_over": round(handed_over, 2),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 2),
        "one_command": command,
        "phases": {k: round(v, 2) for k, v in results[0]["phases"].items()},
        "bytes_sent": [r["cost"]["bytes_sent"] for r in results if r],
        "peak_memory_mb": {name: round(peak / 2**20) for name, peak in memory.peak.items()},
        "deviation": deviations(results[0]["releases"], results[0]["kinds"], wanted)[0],
        "alike": all(r is not None and r["releases"] == results[0]["releases"] for r in results),
        "contributions": results[0]["contributions"],
        "releases": results[0]["releases"] if scenario == HABITS else {},
    }


class Memory(threading.Thread):
    """The peak memory of processes, in bytes by name, as long as it is looked at."""

    def __init__(self, processes: dict[str, int]) -> None:
        super().__init__(daemon=True)
        self.peak = dict.fromkeys(processes, 0)
        self._processes = processes
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.2):
            for name, number in self._processes.items():
                with suppress(OSError, StopIteration):
                    lines = Path(f"/proc/{number}/status").read_text().splitlines()
                    self.peak[name] = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) << 10

    def stop(self) -> None:
        self._over.set()


def one_command(study: Path, home: Path) -> tuple[int, dict[str, float]]:
    """The command that a real device uses: its exit code, and its cost."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    place = study.parent / f"{home.name}.place"
    command = [sys.executable, "-m", "parties.cli", "submit", str(study), "--home", str(home), "--place", str(place)]
    code = subprocess.run([*command, "--no-wait"], check=False, capture_output=True).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return code, {"seconds": round(time.perf_counter() - begun, 2), "processor_seconds": round(used, 2)}


def write(folder: Path, names: list[str], rows: int) -> None:
    """A file of rows for each organization."""
    for seed, name in enumerate(names):
        header = ",".join(f"c{i}" for i in range(10))
        np.savetxt(folder / f"{name}.csv", numbers(seed, rows), "%.3f", ",", header=header, comments="")


def town(folder: Path, names: list[str], which: str) -> dict[str, Path]:
    """Homes of the compute parties and of organizations that bring a file each, who all know each other."""
    every = [*COMPUTE, *names]
    ports = dict(zip(every, free_ports(len(every)), strict=True))
    homes: dict[str, Path] = {}
    cards: dict[str, Card] = {}
    for name in every:
        address = f"127.0.0.1:{ports[name]}"
        home = create_home(folder / name, name, parse_address(address), address)
        homes[name], cards[name] = home.path, home.card()
    for name in every:
        consortium = Consortium.load(homes[name])
        for other, card in cards.items():
            if other != name:
                consortium.members[other] = Member(other, card, parse_address(str(card.address)))
        consortium.save()
    for name in names:
        Catalog.load(homes[name]).add(Dataset(which, str(folder / f"{name}.csv"), None, None))
    return homes


def devices_town(folder: Path, devices: int) -> dict[str, Path]:
    """Homes of the compute parties, and of devices with a row each, which know the cards of the compute parties; the
    devices' roll, and a place for each."""
    ports = dict(zip(COMPUTE, free_ports(len(COMPUTE)), strict=True))
    computing = {
        name: create_home(folder / name, name, ("127.0.0.1", port), f"127.0.0.1:{port}") for name, port in ports.items()
    }
    cards = [home.card() for home in computing.values()]
    for home in computing.values():
        for card in cards:
            if card.name != home.name:
                home.consortium.add(card)
    sample = runpy.run_path(str(scenarios() / "data" / HABITS / "make.py"))
    tables = list(sample["tables"](devices).items())
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores) as pool:
        made = list(pool.map(make_devices, [folder] * cores, [cards] * cores, [tables[i::cores] for i in range(cores)]))
    roll = make_roll([card for part in made for card in part], folder / "devices.roll")
    roll.path.write_bytes(roll_text(roll))
    for place in roll.places():
        (folder / f"{place.own.name}.place").write_text(place.to_json(), encoding="utf-8")
    return {name: folder / name for name in [*COMPUTE, *roll.names]}


def make_devices(folder: Path, cards: list[Card], tables: list[tuple[str, Any]]) -> list[Card]:
    """Make the homes of devices with these tables; the devices' cards."""
    made = []
    for name, table in tables:
        table.to_csv(folder / f"{name}.csv", index=False)
        home = create_home(folder / name, name, ("127.0.0.1", 1), None)
        home.consortium.members.update({c.name: Member(c.name, c, parse_address(str(c.address))) for c in cards})
        home.consortium.save()
        home.catalog.add(Dataset("habits", str(folder / f"{name}.csv"), None, None))
        made.append(home.card())
    return made


def numbers(seed: int, rows: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    common = random.normal(0, 8, (rows, 1))
    return (50 + common + random.normal(0, 10, (rows, 10))).clip(0, 100)


def oracle(folder: Path, names: list[str], scenario: str) -> dict[str, Any]:
    import pandas as pd

    pooled = pd.concat([pd.read_csv(folder / f"{name}.csv") for name in names])
    loaded = load(scenario).scenario
    wanted = expected(loaded, {next(iter(loaded.inputs)): pooled}, SimpleNamespace(**loaded.parameters))
    assert wanted is not None
    return wanted


def submit(study: Path, list_of_homes: Path) -> None:
    """Prepare and hand over for several organizations, one after the other. Rows of devices are read with pandas: to
    open an embedded database for each device would take most of the time on a machine that stands for thousands."""
    from parties.run import contributing

    homes = [Path(line) for line in list_of_homes.read_text().splitlines()]
    devices = (study.parent / f"{homes[0].name}.place").exists()
    bound = opened(study, homes[0], devices)
    if devices:
        vars(contributing)["check_data"] = in_memory
    for home in homes:
        if devices:
            bound = bind(read_study(study, study.parent / f"{home.name}.place"), bound.loaded)
        own = contributing.open_own(open_home(home), bound, lambda event: None)
        contributing.call(own, own.sealed(), fetch=False, wait=900, events=lambda event: None)


def opened(study: Path, home: Path, device: bool) -> BoundStudy:
    plan = read_study(study, study.parent / f"{home.name}.place" if device else None)
    return bind(plan, load(plan.scenario, base=study.parent))


class InMemory(ArrayRows):
    """Rows that need no check."""

    brought = None


def in_memory(home: DeviceHome, bound: BoundStudy, events: object) -> dict[str, InMemory]:
    """In place of `check_data`: a device's row."""
    import pandas as pd

    rows = {}
    for name in bound.plan.datasets(home.name):
        table = pd.read_csv(home.catalog.dataset(name).source)
        rows[name] = InMemory(
            next(iter(rows_of(table, bound.computation.schemas[name]).batches([str(column) for column in table])))
        )
    return rows


if __name__ == "__main__":
    main()
