"""A function of ours that runs somebody's script, in a child process with limits; its result comes back as JSON.

Planning executes a scenario: its module, and its script on shapes alone. The child has a limit of time and of memory,
and, where the system allows (see `parties.study.confine`), no network, no file to write and no other program. On Linux
it is a fork, which takes milliseconds; elsewhere a fresh interpreter.

A script that does not end is ended, and the line that was running is named: a watchdog thread in C writes it, so that
neither a long call nor a script that catches everything can hold it up.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import mpc.errors
from mpc.errors import ComityError, ScenarioError
from mpc.machine.operation import place
from parties import startup
from parties.study.confine import confine
from parties.text.echo import echo_message
from protocols.mistakes import whose

#: Largest result of a child.
_MOST_RESULT = 64 << 20
#: The child ends itself; a while later it is ended.
_GRACE_S = 3.0
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in ', re.MULTILINE)


@dataclass(frozen=True)
class Limits:
    """What a script may take while it is planned."""

    seconds: float = 60.0
    memory: int = 4 << 30


class Unexpected(Exception):
    """A defect that showed in the child: its class and place, not its message."""

    def __init__(self, kind: str, where: str) -> None:
        super().__init__(f"{kind} ({where})")
        self.kind, self.where = kind, where


def confined(
    target: str, arguments: Mapping[str, Any], limits: Limits, *, readable: Sequence[Path] = ()
) -> tuple[Any, list[str]]:
    """The JSON result of `module:function(**arguments)` in a child, and what of its rights could not be taken away.

    Raises what the function raises of `mpc.errors`, ScenarioError beyond the limits, Unexpected for a defect.
    """
    asked = {
        "target": target,
        "arguments": dict(arguments),
        "seconds": limits.seconds,
        "memory": limits.memory,
        "readable": [str(path) for path in readable],
    }
    answer, trace, code = _forked(asked) if sys.platform == "linux" else _fresh(asked)
    try:
        told = json.loads(answer) if answer else None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise _ended(trace, code, limits)
    if "error" in told:
        raise _error(told["error"])
    return told["result"], list(told["missing"])


# ---- the child
def _child(asked: Mapping[str, Any]) -> bytes:
    """Do what is asked, with fewer rights; the answer as JSON."""
    try:
        missing = confine([Path(path) for path in asked["readable"]], asked["memory"])
        module, _, function = asked["target"].partition(":")
        with warnings.catch_warnings(record=True) as noticed:
            warnings.simplefilter("always", RuntimeWarning)
            result = getattr(importlib.import_module(module), function)(**asked["arguments"])
        _forgotten(noticed)
        return json.dumps({"result": result, "missing": missing}).encode()
    except ComityError as error:
        if "COMITY_DEBUG" in os.environ:
            echo_message("".join(traceback.format_exception(error)).rstrip())
        kind, text = type(error).__name__, str(error)
        if getattr(error, "kind", "") == MemoryError.__name__:
            text += f"\nWhile it is planned it may use {asked['memory'] / (1 << 30):g} GiB"
        told = {"kind": kind, "text": text, "source": error.source, "code": error.exit_code}
        return json.dumps({"error": told}).encode()
    except BaseException as error:  # whatever it is, the parent tells it
        if "COMITY_DEBUG" in os.environ:
            echo_message("".join(traceback.format_exception(error)).rstrip())
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}, line {last.lineno}"
        return json.dumps({"error": {"defect": type(error).__name__, "where": where}}).encode()


def _forgotten(noticed: Sequence[warnings.WarningMessage]) -> None:
    """ScenarioError for a call of an `async def` without `await`, of which Python only warns."""
    for each in noticed:
        found = re.match(r"coroutine '(?:.*<locals>\.)?([\w.]+)' was never awaited", str(each.message))
        if found:
            raise ScenarioError(f"the script calls {found[1]}(…) and does not wait for it: write  await {found[1]}(…)")


def _forked(asked: Mapping[str, Any]) -> tuple[bytes, str, int]:
    results, answers = os.pipe()
    traces, watchdog = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: BLAS looks after its own
        pid = os.fork()
    if pid == 0:
        _in_the_fork(asked, answers, watchdog)
    os.close(answers)
    os.close(watchdog)
    try:
        answer = _read(results, time.monotonic() + asked["seconds"] + _GRACE_S)
        trace = _read(traces, time.monotonic() + 1).decode("utf-8", "replace")
    finally:
        for descriptor in (results, traces):
            os.close(descriptor)
        for end in (os.killpg, os.kill):  # after and before it has a group of its own
            try:
                end(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        _, status = os.waitpid(pid, 0)
    return answer, trace, os.waitstatus_to_exitcode(status)


def _in_the_fork(asked: Mapping[str, Any], answers: int, watchdog: int) -> NoReturn:
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        kept = {0, 1, 2, answers, watchdog}
        opened: Iterable[int] = range(3, 1024)
        with suppress(OSError):
            opened = [int(name) for name in os.listdir("/proc/self/fd")]
        for descriptor in set(opened) - kept:
            with suppress(OSError):  # that of the listing itself
                os.close(descriptor)
        # What the script prints is no output of ours.
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  for as long as this process lives
        sys.stdout = sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        kept_variables = startup.environment()
        os.environ.clear()
        os.environ.update(kept_variables)
        _end_after(asked["seconds"], watchdog)
        answer = _child(asked)
        _end_after(0, watchdog)
        sys.stdout.flush()
        view = memoryview(answer)
        while view:
            view = view[os.write(answers, view) :]
    finally:
        os._exit(0)


def _end_after(seconds: float, watchdog: int) -> None:
    """End this process when the time is over (0: never), and write the lines that it was running to `watchdog`.

    A signal finds the line between two steps of the interpreter. What does not come back to the interpreter is ended by
    a thread a moment later, whose look at a running program may miss the line.
    """

    def over(number: int, frame: object) -> None:
        faulthandler.dump_traceback(file=watchdog, all_threads=False)
        os._exit(1)

    if hasattr(signal, "setitimer"):  # not on Windows
        signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    if seconds:
        faulthandler.dump_traceback_later(seconds + _GRACE_S / 2, exit=True, file=watchdog)
    else:
        faulthandler.cancel_dump_traceback_later()


def _read(descriptor: int, deadline: float) -> bytes:
    """All that comes until the other end is closed, or the time is over."""
    parts: list[bytes] = []
    size = 0
    while size < _MOST_RESULT:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            break
        part = os.read(descriptor, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
    return b""


def _fresh(asked: Mapping[str, Any]) -> tuple[bytes, str, int]:
    # What is loaded here is loaded there before files are closed to it: compiled kernels look where to keep theirs.
    packages = ("mpc", "protocols", "parties")
    ours = [name for name in sys.modules if name.split(".")[0] in packages and not name.endswith("__main__")]
    try:
        ended = subprocess.run(
            startup.command("parties.study.confined"),
            input=json.dumps({**asked, "modules": ours}).encode(),
            capture_output=True,
            env=startup.environment(),
            timeout=asked["seconds"] + 10 * _GRACE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return b"", (error.stderr or b"").decode("utf-8", "replace"), -9
    return ended.stdout[:_MOST_RESULT], ended.stderr.decode("utf-8", "replace"), ended.returncode


def main() -> None:
    """The fresh interpreter: asked on standard input, answers on standard output."""
    asked = json.loads(sys.stdin.buffer.read())
    answers, sys.stdout = sys.stdout, sys.stderr
    for name in asked["modules"]:
        importlib.import_module(name)
    _end_after(asked["seconds"], 2)
    answers.buffer.write(_child(asked))
    answers.buffer.flush()


# ---- what is told of it
def _ended(trace: str, code: int, limits: Limits) -> ScenarioError:
    if code >= 0 and not trace:
        return ScenarioError("the script ended the process that planned it")
    if trace:
        text = (
            f"the script did not end within {limits.seconds:g} s while it was planned: does it loop for ever? "
            "--plan-timeout SECONDS allows longer"
        )
    else:
        text = (
            f"planning was ended by signal {-code}: the script may take more memory than the machine has "
            f"(at most {limits.memory >> 30} GiB while it is planned)"
        )
    error = ScenarioError(text)
    running = next((line for line in _lines(trace) if whose(line[0]) == "script"), None)
    error.source = None if running is None else place(running)
    return error


def _lines(trace: str) -> list[tuple[str, int]]:
    """The places in a dump of faulthandler, innermost first."""
    return [(file, int(line)) for file, line in _FRAME.findall(trace)]


def _error(told: Mapping[str, Any]) -> Exception:
    if "defect" in told:
        return Unexpected(str(told["defect"]), str(told["where"]))
    kind = getattr(mpc.errors, str(told["kind"]), None)
    text = str(told["text"])
    known = isinstance(kind, type) and issubclass(kind, ComityError)
    error: ComityError = kind(text) if known and kind is not None else ComityError(text)
    error.source = None if told["source"] is None else str(told["source"])
    error.exit_code = int(told["code"])
    return error


if __name__ == "__main__":
    main()
