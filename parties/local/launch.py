"""Several parties on this machine: real processes with homes, keys, cards and TLS of their own.

For `comity demo`, benchmarks and tests. A process gets the files and commands that an operator would give it. The
homes are temporary and removed; private keys do not outlive the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from parties import startup
from parties.local.ports import free_ports
from parties.organization.catalog import Catalog, Dataset
from parties.organization.consortium import Consortium
from parties.organization.identity import Identity
from parties.system.events import Event, Finished, from_line
from parties.system.privacy import write_private
from parties.system.stopping import end_if_told
from parties.text.echo import SCRIPT

#: Seconds after which a process that was asked to end is killed.
_TERMINATE_S = 2.0
#: Seconds for the other parties to notice that one has failed; a party that never met it would wait for it.
_AFTERWARDS_S = 15.0
#: Seconds to read what parties wrote, once all have ended: a busy machine takes its time.
_READ_S = 10.0


@dataclass
class Member:
    """One organization of a local consortium."""

    name: str
    home: Path
    address: str


@dataclass
class Ended:
    """How a party's process ended: its exit code, events and standard error, and whether we ended it."""

    name: str
    code: int
    events: list[Event] = field(default_factory=list)
    stderr: str = ""
    by_us: bool = False

    @property
    def result(self) -> Finished | None:
        """The event with the result, if the party reached one."""
        return next((event for event in self.events if isinstance(event, Finished)), None)


@contextmanager
def consortium(names: Sequence[str]) -> Iterator[dict[str, Member]]:
    """Homes of organizations that know each other's cards, on free loopback ports; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="comity-"))
    folder.chmod(0o700)
    try:
        ports = free_ports(len(names))
        members = {
            name: Member(name, folder / name, f"127.0.0.1:{port}") for name, port in zip(names, ports, strict=True)
        }
        cards = {}
        for member in members.values():
            host, _, port = member.address.partition(":")
            identity = Identity.create(member.home)
            Consortium.create(member.home, member.name, (host, int(port)))
            cards[member.name] = identity.card(member.name, member.address)
            write_private(member.home / f"{member.name}.card", cards[member.name].to_json().encode())
        for member in members.values():
            known = Consortium.load(member.home)
            for name, card in cards.items():
                if name != member.name:
                    known.add(card)
        yield members
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bring(member: Member, dataset: str, file: Path, schema: Path | None = None) -> None:
    """Add a file to an organization's catalog."""
    Catalog.load(member.home).add(Dataset(dataset, str(file.resolve()), None, schema))


class Launched:
    """The running processes of a study."""

    def __init__(
        self,
        members: Mapping[str, Member],
        study: Path,
        *,
        options: Sequence[str] = (),
        submitting: Collection[str] = (),
        on_event: Callable[[str, Event], None] | None = None,
        tried: bool = False,
        heard: Callable[[str, str], bool] = lambda name, line: False,
    ) -> None:
        """`submitting`: organizations that do not compute; `options` are for the others. `tried`: pass --tried.
        `heard` gets each line that a party's script prints, and returns whether it has shown the line."""
        self._heard = heard
        self._on_event = on_event
        self._lock = threading.Lock()
        self.ended = {name: Ended(name, -1) for name in members}
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self._threads: list[threading.Thread] = []
        environment = {**startup.environment(), **threads_per_party(len(members)), "PYTHONIOENCODING": "utf-8"}
        for name, member in members.items():
            verb = "submit" if name in submitting else "run"
            command = [*startup.command("parties.cli"), verb, str(study), "--home", str(member.home), "--events"]
            if tried:
                command.append("--tried")
            self.processes[name] = subprocess.Popen(
                command if name in submitting else [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=environment,
            )
            for target in (self._read_events, self._read_errors):
                thread = threading.Thread(target=target, args=(name,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _read_events(self, name: str) -> None:
        stream = self.processes[name].stdout
        assert stream is not None
        for line in stream:
            event = from_line(line)
            if event is None:
                continue
            with self._lock:
                self.ended[name].events.append(event)
                if self._on_event is not None:
                    self._on_event(name, event)

    def _read_errors(self, name: str) -> None:
        stream = self.processes[name].stderr
        assert stream is not None
        for line in stream:
            if not (line.startswith(SCRIPT) and self._heard(name, line.rstrip("\n"))):
                self.ended[name].stderr += line

    def wait(self, timeout_s: float | None = None, *, stop_on_error: bool = False) -> dict[str, Ended]:
        """Wait for all; with `stop_on_error`, after a failure the others have _AFTERWARDS_S (0 for code 2) to end."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        failed: float | None = None
        waiting = dict(self.processes)
        while waiting:
            end_if_told()
            for name, process in list(waiting.items()):
                try:
                    process.wait(0.02)
                except subprocess.TimeoutExpired:
                    continue
                del waiting[name]
                if stop_on_error and process.returncode == 2:
                    self.stop()
                elif process.returncode and failed is None:
                    failed = time.monotonic()
            if stop_on_error and failed is not None and time.monotonic() - failed > _AFTERWARDS_S:
                self.stop()
            if deadline is not None and time.monotonic() > deadline:
                self.stop()
                raise TimeoutError(f"{', '.join(waiting)} did not end in {timeout_s} s")
        until = time.monotonic() + _READ_S  # what a party has written is read; but who inherits its pipe may keep it
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for name, process in self.processes.items():
            self.ended[name].code = process.returncode
        return self.ended

    def stop(self) -> None:
        """End all processes, and wait until they are gone."""
        for name, process in self.processes.items():
            if process.poll() is None:
                self.ended[name].by_us = True
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(_TERMINATE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def threads_per_party(parties: int) -> dict[str, str]:
    """Environment variables that limit each of `parties` processes on one machine to its share of the cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    share = str(max(1, cores // parties))
    return {"OPENBLAS_NUM_THREADS": share, "OMP_NUM_THREADS": share, "MKL_NUM_THREADS": share, "COMITY_THREADS": share}
