"""Organizations as real processes on loopback: homes, data, one study file, and `comity run` for each.

    with Town(tmp_path) as town:
        town.bring("county", text_of_a_csv_file)         # and the others
        town.write_study()
        runs = town.start_all("--grace", "3")
        runs["county"].until("progress")                  # an event of that process
        runs["north"].kill()
        assert runs["county"].wait(12) == 3

Whatever is left running is killed when the block ends. Between a pair there can be a proxy: `Town(..., proxied=True)`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from parties.local.oracle import expected
from parties.local.ports import free_ports
from parties.organization.catalog import Catalog
from parties.organization.catalog import Dataset as Entry
from parties.organization.home import Home, create_home, open_home
from parties.study.loader import load
from tests.support.tcp_proxy import Proxy

NAMES = ("county", "north", "st-mary")
SUPPORT = Path(__file__).parent
ENVIRONMENT = {"COMITY_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
PROGRAM = ("-m", "parties.cli")
#: A few lines of everything: tests/support/small_study.py.
SMALL = SUPPORT / "small_study.py"


class Running:
    """One `comity run --events`, from outside."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.events: list[dict[str, Any]] = []
        self.ended_at: float | None = None
        self._errors: list[str] = []
        self._peak = self._read_bytes = 0
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, **ENVIRONMENT, **(environment or {})},
        )
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._read, self._read_errors, self._look)
        ]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.events.append(json.loads(line))
                self._news.notify_all()
        self.process.wait()
        with self._news:
            self.ended_at = time.monotonic()
            self._news.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    def until(
        self, kind: str, seconds: float = 120, where: Callable[[dict[str, Any]], bool] = lambda event: True
    ) -> dict[str, Any]:
        """Wait for an event; an AssertionError with everything the process said when there is none."""
        deadline = time.monotonic() + seconds
        seen = 0
        with self._news:
            while True:
                for event in self.events[seen:]:
                    if event["event"] == kind and where(event):
                        return event
                seen = len(self.events)
                left = deadline - time.monotonic()
                if left <= 0 or self.ended_at is not None:
                    raise AssertionError(f"no such {kind} from {self.name}\n{self.said()}")
                self._news.wait(left)

    def step(self, operations: int, seconds: float = 120) -> None:
        """Wait until this many operations are done."""
        self.until("progress", seconds, lambda event: event["operations"] >= operations)

    def wait(self, seconds: float = 120) -> int:
        """The exit code; an AssertionError when the process is still there after `seconds`."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} is still running after {seconds} s\n{self.said()}") from None
        for thread in self._threads:
            thread.join(5)
        return code

    def kill(self, how: signal.Signals = signal.SIGKILL) -> float:
        """Send a signal; the time it was sent."""
        self.process.send_signal(how)
        return time.monotonic()

    @property
    def stderr(self) -> str:
        return "".join(self._errors)

    @property
    def result(self) -> dict[str, Any]:
        return next(event["document"] for event in self.events if event["event"] == "result")

    @property
    def lines(self) -> list[str]:
        """Its status lines."""
        return [event["text"] for event in self.events if event["event"] == "status"]

    def said(self) -> str:
        return f"{self.name}: {self.events[-5:]}\n{self.stderr}"

    @property
    def peak_memory(self) -> int:
        """Most bytes it ever had in memory, as far as it was looked at while it ran."""
        return self._peak

    @property
    def bytes_read(self) -> int:
        """Bytes read from files, as far as it was looked at while it ran (mapped files are not among them)."""
        return self._read_bytes

    def _look(self) -> None:
        status = Path(f"/proc/{self.process.pid}/status")
        while self.process.poll() is None:
            with suppress(OSError, StopIteration):
                lines = status.read_text().splitlines()
                self._peak = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) << 10
                self._read_bytes = int((status.parent / "io").read_text().split()[1])
            time.sleep(0.05)


class Proxies:
    """A proxy between each pair, in a thread of its own: `proxies[a, b]` is where a calls b."""

    def __init__(self, ports: Mapping[str, int], pairs: Iterable[tuple[str, str]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._proxies = {pair: Proxy(ports[pair[1]]) for pair in pairs}
        for proxy in self._proxies.values():
            self._do(proxy.start)

    def _do(self, function: Callable[..., Any]) -> None:
        asyncio.run_coroutine_threadsafe(function(), self._loop).result(10)

    def port(self, caller: str, called: str) -> int:
        return self._proxies[caller, called].port

    def set(self, name: str, value: Any, *pairs: tuple[str, str]) -> None:
        """Set an attribute of the proxies of some pairs (default: of all)."""

        async def change() -> None:
            for pair in pairs or self._proxies:
                setattr(self._proxies[pair], name, value)

        self._do(change)

    def cut(self, *pairs: tuple[str, str]) -> None:
        async def change() -> None:
            for pair in pairs or self._proxies:
                self._proxies[pair].cut()

        self._do(change)

    def connections(self, *pair: str) -> int:
        return self._proxies[pair[0], pair[1]].connections

    def stop(self) -> None:
        for proxy in self._proxies.values():
            self._do(proxy.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


class Town:
    """Organizations that know each other's cards; helpers only compute, and those outside do not."""

    def __init__(
        self,
        folder: Path,
        *,
        proxied: bool = False,
        names: Sequence[str] = NAMES,
        helpers: Sequence[str] = (),
        outside: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.names = tuple(names)
        self.helpers = tuple(helpers)
        self.outside = tuple(outside)
        self.study = folder / "study.toml"
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.running: list[Running] = []
        self.homes: dict[str, Home] = {}
        for name, port in self.ports.items():
            self.homes[name] = create_home(folder / name, name, ("127.0.0.1", port), f"127.0.0.1:{port}")
        # The higher index, that is the later name, calls.
        pairs = [(caller, called) for caller in names for called in names if called < caller]
        self.proxies = Proxies(self.ports, pairs) if proxied else None
        for name, home in self.homes.items():
            for other in names:
                if other != name:
                    behind = self.proxies is not None and (name, other) in pairs
                    port = self.proxies.port(name, other) if self.proxies and behind else self.ports[other]
                    self.know(home, other, port)

    def know(self, home: Home, other: str, port: int) -> None:
        home.consortium.add(self.homes[other].card(), address=f"127.0.0.1:{port}")

    def __enter__(self) -> Town:
        return self

    def __exit__(self, *_: object) -> None:
        for running in self.running:
            if running.process.poll() is None:
                running.kill()
                running.process.wait()
        if self.proxies is not None:
            self.proxies.stop()

    def bring(self, name: str, data: str | Path, *, schema: Path | None = None) -> None:
        """An organization's rows: the text of a CSV file, or a file."""
        if isinstance(data, str):
            path = self.folder / f"{name}.csv"
            path.write_text(data, encoding="utf-8")
            data = path
        home = open_home(self.homes[name].path)
        Catalog.load(home.path).add(Entry("patients", str(data), None, schema), replace=True)

    def write_study(
        self,
        scenario: str | Path = SMALL,
        *,
        recipients: Iterable[str] | None = None,
        extra: str = "",
        to: Path | None = None,
    ) -> Path:
        """The study file: the same for all, or for one organization another (`to`)."""
        lines = [f'scenario = "{scenario}"', 'purpose = "A test"', extra]
        for name in self.names:
            lines.append(f"[organizations.{name}]")
            if name in self.helpers:
                lines.append('roles = ["compute"]')
                continue
            computes = [] if name in self.outside else ["compute"]
            roles = ["input", *computes, *(["recipient"] if recipients is None or name in recipients else [])]
            lines += [f"roles = {json.dumps(roles)}", 'patients = "patients"']
        path = to or self.study
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def oracle(self) -> dict[str, Any]:
        """What the small study should give, from all organizations' CSV files together."""
        import pandas as pd

        pooled = pd.concat(
            [pd.read_csv(self.folder / f"{name}.csv") for name in self.names if name not in self.helpers]
        )
        wanted = expected(load(str(SMALL)).scenario, {"patients": pooled}, None)
        assert wanted is not None
        return wanted

    def start(
        self,
        name: str,
        *options: str,
        study: Path | None = None,
        program: Sequence[str] = PROGRAM,
        environment: Mapping[str, str] | None = None,
    ) -> Running:
        verb = "submit" if name in self.outside else "run"
        command = [sys.executable, *program, verb, str(study or self.study)]
        running = Running(name, [*command, "--home", str(self.homes[name].path), "--events", *options], environment)
        self.running.append(running)
        return running

    def start_all(self, *options: str) -> dict[str, Running]:
        return {name: self.start(name, *options) for name in self.names}


def small_rows(seed: int, rows: int = 40) -> str:
    """A CSV file for the small study."""
    random = np.random.default_rng(seed)
    x, y = random.normal(20, 5, rows).clip(0, 50), random.normal(1, 0.3, rows).clip(0, 3)
    ill = random.random(rows) < 0.5
    lines = [f"{a:.4f},{b:.5f},{str(bool(c)).lower()}" for a, b, c in zip(x, y, ill, strict=True)]
    return "\n".join(["x,y,ill", *lines]) + "\n"


def small_town(
    folder: Path,
    *,
    proxied: bool = False,
    delay_s: float = 0.0,
    names: Sequence[str] = NAMES,
    helpers: Sequence[str] = (),
    outside: Sequence[str] = (),
    extra: str = "",
) -> Town:
    """A town whose organizations have data for the small study, and the study."""
    town = Town(folder, proxied=proxied, names=names, helpers=helpers, outside=outside)
    for seed, name in enumerate(names):
        if name not in helpers:
            town.bring(name, small_rows(seed))
    town.write_study(extra=extra)
    if town.proxies is not None and delay_s:
        town.proxies.set("delay_s", delay_s)
    return town


def releases_alike(results: Iterable[dict[str, Any]]) -> bool:
    return all(a["releases"] == b["releases"] and a["study"] == b["study"] for a, b in pairwise(results))
