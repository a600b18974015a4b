"""Measure the same workloads on another system, in the same call: its processes take turns with ours.

The other system may be a thousand times slower, so it is measured at the largest size, up to ours, that fits a budget
of time; its result names the size. Our measurement goes on in any case: if the other system fails or does not reply in
time, its processes are killed and the result says so.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from mpc.errors import ConfigError
from parties.bench.children import BenchFailed, Children
from parties.bench.mpyc_programs import Program, program
from parties.bench.setting import THREE, Setting

#: Seconds that a case should take with its inputs, repetitions and openings; and seconds to wait for a reply.
BUDGET_S = 10.0
PATIENCE_S = 120.0
OPPONENTS = ("mpyc",)

Measured = dict[str, Any]


def check(name: str) -> None:
    """Raises ConfigError where the other system cannot be run here."""
    if sys.platform == "win32":
        raise ConfigError(f"--against {name}: its processes are connected by Unix sockets, which Windows does not have")


@contextmanager
def against(name: str, setting: Setting = THREE, module: str = "parties.bench.mpyc_child") -> Iterator[Against]:
    """The other system among as many parties, ready to be measured; ended with the block.

    Raises ConfigError where it cannot be run.
    """
    check(name)
    with tempfile.TemporaryDirectory(prefix="comity-") as folder:  # mode 0700: its sockets are in it
        other = Against(name, setting, module, Path(folder))
        try:
            yield other
        finally:
            other.close()


class Against:
    """Processes of the other system, started when first needed."""

    def __init__(self, name: str, setting: Setting, module: str, folder: Path) -> None:
        self._name = name
        self._setting = setting
        self._module = module
        self._folder = folder
        self._children: Children | None = None
        self._starts = 0
        self._version = ""
        #: Workload -> result at the largest size that fits the budget, where a larger size did not fit.
        self._most: dict[str, Measured] = {}

    def measure(self, workload: str, size: int, repeat: int) -> Measured | None:
        """Seconds of the slowest party at the largest size up to `size` that fits the budget.

        None if the other system has no such operation. If it failed, `size` and all figures are None and `failed` says
        why.
        """
        workload_program = program(workload, size)
        if workload_program is None:
            return None
        known = self._most.get(workload)
        if known is not None and known["size"] < size:
            return known
        try:
            children = self._started()
            chosen = self._fitting(children, workload, size, repeat, workload_program)
            seconds, error = self._run(children, workload, chosen, repeat)
        except BenchFailed as failed:
            self.close()
            lines = str(failed).splitlines() or ["it ended"]
            return self._result(None, [], None) | {"failed": lines[-1]}
        result = self._result(chosen, seconds, error)
        if chosen < size:
            self._most[workload] = result
        return result

    def close(self) -> None:
        """Kill its processes."""
        if self._children is not None:
            self._children.kill()
            self._children.close()
            self._children = None

    def _started(self) -> Children:
        if self._children is None:
            folder = self._folder / str(self._starts)
            folder.mkdir()
            self._starts += 1
            parties = self._setting.organizations
            self._children = Children(self._module, parties)
            shared = {"parties": parties, "threshold": self._setting.threshold, "folder": str(folder)}
            self._children.tell_each([{"index": index} for index in range(parties)], shared)
            self._version = str(self._children.hear_all(PATIENCE_S)[0]["version"])
        return self._children

    def _fitting(self, children: Children, workload: str, size: int, repeat: int, workload_program: Program) -> int:
        """The size that takes about the budget, by growing from a small one; at most `size`."""
        tried = min(size, workload_program.small)
        while True:
            begun = monotonic()
            (once,), _ = self._run(children, workload, tried, 1)
            if tried == size:
                return tried
            estimate = monotonic() - begun + (repeat - 1) * once
            factor = min(10.0, (BUDGET_S / estimate) ** (1 / workload_program.power))
            if factor < 1.5:
                return tried
            tried = min(size, _rounded(tried * factor))

    def _run(self, children: Children, workload: str, size: int, repeat: int) -> tuple[list[float], float]:
        children.tell_all({"workload": workload, "size": size, "repeat": repeat})
        replies = children.hear_all(PATIENCE_S)
        seconds = [max(by_party) for by_party in zip(*(reply["seconds"] for reply in replies), strict=True)]
        return seconds, max(reply["error"] for reply in replies)

    def _result(self, size: int | None, seconds: Sequence[float], error: float | None) -> Measured:
        return {
            "name": self._name,
            "version": self._version,
            "size": size,
            "seconds": median(seconds) if seconds else None,
            "seconds_min": min(seconds, default=None),
            "seconds_max": max(seconds, default=None),
            "max_error": error,
        }


def _rounded(size: float) -> int:
    """Rounded down to one digit and zeros, or two digits from 10 to 19, so that sizes read well."""
    unit = 1
    while size >= 20 * unit:
        unit *= 10
    return int(size // unit) * unit
