"""Start three parties and three bare processes on this machine, run the cases, and join what they measured.

Parties and bare processes take turns case by case, so that both meet the same noise.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from queue import Queue
from statistics import median
from typing import IO, Any

from parties.bench.profile import joined
from parties.bench.workloads import WORKLOADS
from parties.launch import Member, consortium, threads_per_party

#: What is measured where nothing is asked for: half a minute.
SHORT = ("multiply_int", "multiply", "matmul", "chain", "input", "open")
NAMES = ("first", "second", "third")
_END_S = 15.0
#: Bytes of memory for each number that goes in or comes out, from so many of them on.
_PER_ELEMENT = 12 * 8
_MANY = 100_000

Case = tuple[str, int]
Result = dict[str, Any]


class BenchFailed(Exception):
    """A process ended with an error, or a result was wrong; message and exit code are those of the measurement."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code if code > 0 else 3


def cases(workloads: Sequence[str], sizes: Sequence[int]) -> list[Case]:
    """Every workload at every size; without workloads the short ones, without sizes each at its own."""
    return [(workload, size) for workload in (workloads or SHORT) for size in (sizes or [WORKLOADS[workload].default])]


def measure(
    wanted: Sequence[Case],
    repeat: int,
    on_result: Callable[[Result], None] = lambda result: None,
    *,
    profile: bool = False,
) -> list[Result]:
    """Measure each case; kernels must be compiled before. Raises BenchFailed.

    `profile` adds to each result where time, bytes and rounds of one more repetition went.
    """
    results = []
    with consortium(NAMES) as members, ExitStack() as stack:
        parties = stack.enter_context(_children("parties.bench.party", members))
        bare = stack.enter_context(_children("parties.bench.floor", members))
        parties.tell_all({"cases": [list(case) for case in wanted], "repeat": repeat})
        bare.tell_all({})
        bare.tell_all({"ports": [told["port"] for told in bare.hear_all()]}, placed=False)
        bare.hear_all()
        parties.hear_all()
        for number, (workload, size) in enumerate(wanted):
            parties.tell_all({"case": number, "profile": profile}, placed=False)
            told = parties.hear_all()
            error, limit = max(one["error"] for one in told), WORKLOADS[workload].tolerance
            if not error <= limit:
                raise BenchFailed(
                    f"{workload} of {size:,}: a wrong result, off by {error:.3g} (at most {limit:.3g})", 1
                )
            links = [one["links"] for one in told]
            rounds = told[0]["rounds"]
            bare.tell_all({"links": links, "rounds": rounds, "repeat": repeat}, placed=False)
            floor = [one["seconds"] for one in bare.hear_all()]
            seconds = [max(of_all) for of_all in zip(*(one["seconds"] for one in told), strict=True)]
            result: Result = {
                "workload": workload,
                "size": size,
                "seconds": median(seconds),
                "seconds_min": min(seconds),
                "seconds_max": max(seconds),
                "floor_seconds": median(max(of_all) for of_all in zip(*floor, strict=True)),
                "bytes_per_party": max(sum(row) for row in links),
                "rounds": rounds,
                "max_error": error,
                **_memory(told),
            }
            if profile:
                sent = [sum(row) for row in links]
                result["profile"] = joined([one["profile"] for one in told], sent.index(max(sent)))
            results.append(result)
            on_result(result)
    return results


def _memory(told: Sequence[dict[str, Any]]) -> dict[str, int | None]:
    """The memory of the party that takes most, and its limit where the workload is large enough for it to mean much."""
    elements = told[0]["elements"]
    taken = [one["memory"] for one in told if one["memory"] is not None]
    return {
        "memory_bytes": max(taken, default=None),
        "memory_limit": _PER_ELEMENT * elements if elements >= _MANY else None,
    }


class _Children:
    """Three processes of one kind."""

    def __init__(self, module: str, members: Mapping[str, Member]) -> None:
        environment = {**os.environ, **threads_per_party(len(members))}
        self._members = list(members.values())
        self._errors: list[IO[str]] = []
        self.processes: list[subprocess.Popen[str]] = []
        self._heard: Queue[tuple[int, str]] = Queue()
        for _ in self._members:
            errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  closed with the processes
            self._errors.append(errors)
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", module],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    encoding="utf-8",
                    env=environment,
                )
            )
        for index in range(len(self.processes)):
            threading.Thread(target=self._read, args=(index,), daemon=True).start()

    def _read(self, index: int) -> None:
        stream = self.processes[index].stdout
        assert stream is not None
        with stream:
            for line in stream:
                self._heard.put((index, line))
        self._heard.put((index, ""))

    def tell_all(self, message: dict[str, Any], *, placed: bool = True) -> None:
        """One line to each; `placed`: with its home and index."""
        for index, (member, process) in enumerate(zip(self._members, self.processes, strict=True)):
            place = {"home": str(member.home), "index": index, "names": [m.name for m in self._members]}
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps({**message, **place} if placed else message) + "\n")
                process.stdin.flush()
            except BrokenPipeError:
                self._failed()

    def hear_all(self) -> list[dict[str, Any]]:
        """One line from each."""
        heard: dict[int, dict[str, Any]] = {}
        while len(heard) < len(self.processes):
            index, line = self._heard.get()
            if not line:
                self._failed()
            heard[index] = json.loads(line)
        return [heard[index] for index in sorted(heard)]

    def _failed(self) -> None:
        self.end()
        failed = [i for i, process in enumerate(self.processes) if process.returncode] or [0]
        # The one that says what is wrong, rather than those that lost it.
        failed.sort(key=lambda i: self.processes[i].returncode == 3)
        errors = self._errors[failed[0]]
        errors.seek(0)
        code = self.processes[failed[0]].returncode
        raise BenchFailed(errors.read().strip() or f"a process ended with exit code {code}", code)

    def end(self) -> None:
        """Let all processes end; stop those that do not."""
        for process in self.processes:
            if process.stdin is not None and not process.stdin.closed:
                with suppress(BrokenPipeError):
                    process.stdin.close()
        for process in self.processes:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        self.end()
        for errors in self._errors:
            errors.close()


@contextmanager
def _children(module: str, members: Mapping[str, Member]) -> Iterator[_Children]:
    children = _Children(module, members)
    try:
        yield children
    finally:
        children.close()
