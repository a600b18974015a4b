"""Call one of our functions, which runs somebody's script, in a child process with limits; its result is JSON.

Planning executes a scenario: its module, and its script on shapes alone. The child has limits of time and memory. Where
the system allows it (see `parties.study.confine`), it cannot use the network, write files or start programs. On Linux
it is a fork, which takes milliseconds; elsewhere a fresh interpreter.

A script that takes too long is stopped, and the error names the line that was running: a watchdog thread in C writes
it, so that neither a long call nor a script that catches all exceptions can hold it up.
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
#: The child ends itself when its time is over; the parent ends it some seconds later.
_GRACE_S = 3.0
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in ', re.MULTILINE)


@dataclass(frozen=True)
class Limits:
    """The time and memory that a script may take while it is planned."""

    seconds: float = 60.0
    memory: int = 4 << 30


class Unexpected(Exception):
    """A defect in the child: the class and place of the error, not its message."""

    def __init__(self, kind: str, where: str) -> None:
        super().__init__(f"{kind} ({where})")
        self.kind, self.where = kind, where


def confined(
    target: str, arguments: Mapping[str, Any], limits: Limits, *, readable: Sequence[Path] = ()
) -> tuple[Any, list[str]]:
    """The JSON result of `module:function(**arguments)` in a child, and in words the rights that the child kept.

    Raises the function's errors of `mpc.errors`, ScenarioError beyond the limits, Unexpected for a defect.
    """
    request = {
        "target": target,
        "arguments": dict(arguments),
        "seconds": limits.seconds,
        "memory": limits.memory,
        "readable": [str(path) for path in readable],
    }
    output, trace, code = _forked(request) if sys.platform == "linux" else _fresh(request)
    try:
        reply = json.loads(output) if output else None
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise _ended(trace, code, limits)
    if "error" in reply:
        raise _error(reply["error"])
    return reply["result"], list(reply["missing"])


# ---- the child
def _child(request: Mapping[str, Any]) -> bytes:
    """Execute a request with fewer rights. Returns the reply as JSON."""
    try:
        missing = confine([Path(path) for path in request["readable"]], request["memory"])
        module, _, function = request["target"].partition(":")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", RuntimeWarning)
            result = getattr(importlib.import_module(module), function)(**request["arguments"])
        _check_awaited(warned)
        return json.dumps({"result": result, "missing": missing}).encode()
    except ComityError as error:
        if "COMITY_DEBUG" in os.environ:
            echo_message("".join(traceback.format_exception(error)).rstrip())
        kind, text = type(error).__name__, str(error)
        if getattr(error, "kind", "") == MemoryError.__name__:
            text += f"\nWhile it is planned it may use {request['memory'] / (1 << 30):g} GiB"
        failure = {"kind": kind, "text": text, "source": error.source, "code": error.exit_code}
        return json.dumps({"error": failure}).encode()
    except BaseException as error:  # the parent reports any error
        if "COMITY_DEBUG" in os.environ:
            echo_message("".join(traceback.format_exception(error)).rstrip())
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}, line {last.lineno}"
        return json.dumps({"error": {"defect": type(error).__name__, "where": where}}).encode()


def _check_awaited(warned: Sequence[warnings.WarningMessage]) -> None:
    """Raises ScenarioError for a call of an `async def` without `await`, of which Python only warns."""
    for warning in warned:
        match = re.match(r"coroutine '(?:.*<locals>\.)?([\w.]+)' was never awaited", str(warning.message))
        if match:
            raise ScenarioError(f"the script calls {match[1]}(…) and does not wait for it: write  await {match[1]}(…)")


def _forked(request: Mapping[str, Any]) -> tuple[bytes, str, int]:
    results, outputs = os.pipe()
    traces, watchdog = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads: BLAS handles its own
        pid = os.fork()
    if pid == 0:
        _run_forked(request, outputs, watchdog)
    os.close(outputs)
    os.close(watchdog)
    try:
        output = _read(results, time.monotonic() + request["seconds"] + _GRACE_S)
        trace = _read(traces, time.monotonic() + 1).decode("utf-8", "replace")
    finally:
        for descriptor in (results, traces):
            os.close(descriptor)
        for end in (os.killpg, os.kill):  # the child with its process group, or before it has one
            try:
                end(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        _, status = os.waitpid(pid, 0)
    return output, trace, os.waitstatus_to_exitcode(status)


def _run_forked(request: Mapping[str, Any], outputs: int, watchdog: int) -> NoReturn:
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        kept = {0, 1, 2, outputs, watchdog}
        opened: Iterable[int] = range(3, 1024)
        with suppress(OSError):
            opened = [int(name) for name in os.listdir("/proc/self/fd")]
        for descriptor in set(opened) - kept:
            with suppress(OSError):  # the descriptor of the listing is closed already
                os.close(descriptor)
        # The script's prints must not reach our standard output.
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  open until this process ends
        sys.stdout = sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        kept_variables = startup.environment()
        os.environ.clear()
        os.environ.update(kept_variables)
        _end_after(request["seconds"], watchdog)
        output = _child(request)
        _end_after(0, watchdog)
        sys.stdout.flush()
        view = memoryview(output)
        while view:
            view = view[os.write(outputs, view) :]
    finally:
        os._exit(0)


def _end_after(seconds: float, watchdog: int) -> None:
    """End this process after `seconds` (0: never), and write the lines that it was running to `watchdog`.

    A signal finds the line between two steps of the interpreter. If a long call does not return to the interpreter, a
    thread ends the process a moment later; it looks at a running program, and may miss the line.
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
    """All bytes until the other end is closed; none if that is after `deadline`, or if they are too many."""
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


def _fresh(request: Mapping[str, Any]) -> tuple[bytes, str, int]:
    # The child loads the same modules before it loses its rights to files: compiled kernels look for their cache.
    packages = ("mpc", "protocols", "parties")
    ours = [name for name in sys.modules if name.split(".")[0] in packages and not name.endswith("__main__")]
    try:
        ended = subprocess.run(
            startup.command("parties.study.confined"),
            input=json.dumps({**request, "modules": ours}).encode(),
            capture_output=True,
            env=startup.environment(),
            timeout=request["seconds"] + 10 * _GRACE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return b"", (error.stderr or b"").decode("utf-8", "replace"), -9
    return ended.stdout[:_MOST_RESULT], ended.stderr.decode("utf-8", "replace"), ended.returncode


def main() -> None:
    """In the fresh interpreter: the request comes on standard input, the reply goes to standard output."""
    request = json.loads(sys.stdin.buffer.read())
    output, sys.stdout = sys.stdout, sys.stderr
    for name in request["modules"]:
        importlib.import_module(name)
    _end_after(request["seconds"], 2)
    output.buffer.write(_child(request))
    output.buffer.flush()


# ---- errors of the child
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


def _error(failure: Mapping[str, Any]) -> Exception:
    if "defect" in failure:
        return Unexpected(str(failure["defect"]), str(failure["where"]))
    kind = getattr(mpc.errors, str(failure["kind"]), None)
    text = str(failure["text"])
    known = isinstance(kind, type) and issubclass(kind, ComityError)
    error: ComityError = kind(text) if known and kind is not None else ComityError(text)
    error.source = None if failure["source"] is None else str(failure["source"])
    error.exit_code = int(failure["code"])
    return error


if __name__ == "__main__":
    main()
