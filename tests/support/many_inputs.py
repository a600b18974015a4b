"""A study of three compute parties and many organizations that only bring data, on one machine, measured.

    python tests/support/many_inputs.py --organizations 100 --rows 10000 --submitters 2
    python tests/support/many_inputs.py --organizations 500 --habits

With --habits each organization is a device with one row, of the scenario `assistant_habits`.

The compute parties are processes as ever; what the others bring is prepared and handed over by a few processes, each
for its part of them. Prints one JSON object: seconds from the first start to the last result, processor seconds of all
processes, bytes, and how far the result is from pooling.
"""

from __future__ import annotations

import argparse
import json
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from parties.local.launch import Launched
from parties.local.launch import Member as Home
from parties.local.oracle import deviations, expected
from parties.local.ports import free_ports
from parties.organization.address import parse_address
from parties.organization.catalog import Catalog, Dataset
from parties.organization.consortium import Consortium, Member
from parties.organization.home import create_home, open_home
from parties.organization.identity import Card
from parties.study.loader import folder as scenarios
from parties.study.loader import load
from parties.study.plan import open_study

WIDE = str(Path(__file__).with_name("wide_study.py"))
HABITS = "assistant_habits"
COMPUTE = ("north", "south", "west")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--organizations", type=int, default=100)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--submitters", type=int, default=2)
    parser.add_argument("--habits", action="store_true")
    parser.add_argument("--submit", type=Path, nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.submit:
        submit(given.submit[0], given.submit[1:])
    else:
        scenario, rows = (HABITS, 1) if given.habits else (WIDE, given.rows)
        print(json.dumps(measure(given.organizations, rows, given.submitters, scenario)))


def measure(organizations: int, rows: int, submitters: int, scenario: str = WIDE) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return _measure(Path(folder), organizations, rows, submitters, scenario)


def _measure(folder: Path, organizations: int, rows: int, submitters: int, scenario: str) -> dict[str, Any]:
    names = [f"clinic-{i:05}" for i in range(organizations)]
    (which,) = load(scenario).scenario.inputs
    write(folder, names, rows, scenario)
    homes = town(folder, names, which)
    study = folder / "study.toml"
    lines = [f'scenario = "{scenario}"', 'purpose = "Many organizations"', 'engine = "replicated"']
    for name in COMPUTE:
        lines += [f"[organizations.{name}]", 'roles = ["compute", "recipient"]']
    for name in names:
        lines += [f"[organizations.{name}]", 'roles = ["input"]', f'{which} = "{which}"']
    study.write_text("\n".join(lines) + "\n", encoding="utf-8")
    members = {name: Home(name, homes[name], "") for name in COMPUTE}
    started = time.perf_counter()
    launched = Launched(members, study, options=["--wait", "300"])
    processes = []
    try:
        for i in range(submitters):
            own = [str(homes[name]) for name in names[i::submitters]]
            processes.append(subprocess.Popen([sys.executable, __file__, "--submit", str(study), *own]))
        ended = launched.wait(300)
        seconds = time.perf_counter() - started
        codes = [process.wait(60) for process in processes]
    finally:
        launched.stop()
        for process in processes:
            process.kill()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    failed = {name: one.stderr for name, one in ended.items() if one.code} | {i: c for i, c in enumerate(codes) if c}
    if failed:
        raise SystemExit(f"failed: {failed}")
    results = [one.result.document for one in ended.values() if one.result is not None]
    wanted = oracle(folder, names, scenario)
    return {
        "organizations": organizations,
        "rows": rows,
        "seconds": round(seconds, 2),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 2),
        "phases": {k: round(v, 2) for k, v in results[0]["phases"].items()},
        "bytes_sent": [r["cost"]["bytes_sent"] for r in results if r],
        "deviation": deviations(results[0]["releases"], results[0]["kinds"], wanted)[0],
        "alike": all(r is not None and r["releases"] == results[0]["releases"] for r in results),
        "left_out": results[0]["contributions"]["left_out"],
    }


def write(folder: Path, names: list[str], rows: int, scenario: str) -> None:
    """A file of rows for each organization."""
    if scenario == HABITS:
        sample = runpy.run_path(str(scenarios() / "data" / HABITS / "make.py"))
        for name, table in zip(names, sample["tables"](len(names)).values(), strict=True):
            table.to_csv(folder / f"{name}.csv", index=False)
        return
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


def submit(study: Path, homes: list[Path]) -> None:
    """Prepare and hand over for several organizations, one after the other."""
    from parties.run.contributing import call, open_own

    bound = open_study(study)
    for path in homes:
        own = open_own(open_home(path), bound, lambda event: None)
        call(own, own.sealed(), fetch=False, wait=300, events=lambda event: None)


if __name__ == "__main__":
    main()
