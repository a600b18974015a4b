"""One scheduled call of a primitive: what it waits for, how it is driven, and the script's line that it belongs to.

It starts as soon as its operands are there and runs at once until it must wait, without a task of its own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Generator
from functools import cache
from inspect import iscoroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpc.errors import BoundExceeded, LocalProtocolError
from mpc.machine.channel import Arrival
from mpc.machine.engine import Share, Spec
from mpc.machine.party import Party
from mpc.machine.witness import Witness
from mpc.untyped import Opaque

if TYPE_CHECKING:
    from mpc.machine.assumptions import Assumption
    from mpc.machine.scheduling import Scheduler

_OURS = tuple(str(Path(__file__).resolve().parents[2] / part) + os.sep for part in ("mpc", "protocols"))
_LIBRARY = str(Path(asyncio.__file__).parents[1]) + os.sep


class Handle:
    """A share that may not be there yet; its specification always is.

    assumptions  what it rests on: where one of them does not hold, its bound may not hold
    label        the label of the operation that makes it
    """

    __slots__ = ("assumptions", "depth", "done", "label", "share", "spec", "waiters")

    def __init__(
        self, spec: Spec, depth: int, label: bytes = b"", assumptions: frozenset[Assumption] = frozenset()
    ) -> None:
        self.spec = spec
        self.assumptions = assumptions
        self.depth = depth
        self.label = label
        self.done = False
        self.share: Share | Any = None
        self.waiters: list[Operation | Wake] = []


class Local:
    """A value that this party computes in the clear, later; an input may wait for it.

    digest  of what is computed, the same at all parties
    work    seconds that it takes its owner, on an ordinary core
    """

    __slots__ = ("digest", "ready", "value", "waiters", "work")

    def __init__(self, digest: bytes = b"", work: float = 0.0) -> None:
        self.digest = digest
        self.work = work
        self.ready = False
        self.value: Any = None
        self.waiters: list[Operation | Wake] = []


class Operation:
    """One scheduled call of a primitive. `after`: what it waits for besides its operands."""

    __slots__ = (
        "call",
        "coroutine",
        "handle",
        "label",
        "local",
        "missing",
        "operands",
        "parameters",
        "primitive",
        "run",
        "source",
        "witness",
    )

    def __init__(
        self,
        run: Scheduler,
        primitive: str,
        call: Callable[..., Any],
        operands: tuple[Handle, ...],
        parameters: dict[str, Any],
        handle: Handle,
        local: Local | None,
        after: tuple[Handle | Witness, ...],
        witness: Witness,
    ) -> None:
        self.run = run
        self.witness = witness
        witness.outstanding += 1
        self.primitive = primitive
        self.call = call
        self.label = handle.label
        self.operands = operands
        self.parameters = parameters
        self.handle = handle
        self.local = local
        self.source = run.line()
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.missing = 0
        for operand in operands if not after else (*operands, *after):
            if not operand.done:
                self.missing += 1
                operand.waiters.append(self)
        if local is not None and not local.ready:
            self.missing += 1
            local.waiters.append(self)

    def start(self) -> None:
        run = self.run
        if run.failure is not None:
            return
        try:
            if self.local is not None:
                self.parameters["values"] = self.parameters["values"](self.local.value)
            party = Party(run.environment, self.label, self.witness)
            result = self.call(party, *[operand.share for operand in self.operands], **self.parameters)
        except Exception as error:
            if not self.blanked(error):
                run.fail(error, self.source)
            return
        if iscoroutine(result):
            self.coroutine = result
            run.unfinished[self.label] = self
            self.step()
        else:
            self.finish(result)

    def step(self, _: object = None) -> None:
        """Drive the coroutine until it waits for a future that is not done."""
        coroutine = self.coroutine
        run = self.run
        if coroutine is None or run.failure is not None:
            return
        try:
            while True:
                awaited = coroutine.send(None)
                if awaited is None:
                    asyncio.get_running_loop().call_soon(self.step)
                    return
                awaited._asyncio_future_blocking = False
                if not awaited.done():
                    if type(awaited) is Arrival:
                        awaited.then = self.step
                    else:
                        awaited.add_done_callback(self.step)
                    return
        except StopIteration as stop:
            self.coroutine = None
            del run.unfinished[self.label]
            run.progressed(self)
            self.finish(stop.value)
        except Exception as error:
            if not self.blanked(error):
                run.fail(error, self.source)
        except asyncio.CancelledError as error:
            run.fail(LocalProtocolError(f"{self.primitive} was cancelled: {error}"), self.source)

    def blanked(self, error: Exception) -> bool:
        """Go on with a stand-in where a value exceeds a bound that was only assumed: what rests on it is blanked. False
        for any other error."""
        if not isinstance(error, BoundExceeded) or not self.handle.assumptions:
            return False
        stand_in = self.run.engine.worthless(self.handle.spec)
        if stand_in is None:
            return False
        self.coroutine = None
        self.run.unfinished.pop(self.label, None)
        self.finish(stand_in)
        return True

    def finish(self, result: Opaque) -> None:
        handle = self.handle
        handle.share = result
        handle.done = True
        self.operands = ()
        witness = self.witness
        witness.outstanding -= 1
        self.run.wake(handle)
        if not witness.outstanding and witness.waiters:
            self.run.wake(witness)
        self.run.count_out()


def caller() -> tuple[str, int]:
    """File and line of the script that called into values or protocols."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


@cache
def _ours(file: str) -> bool:
    return file.startswith(_OURS)


@cache
def _pythons(file: str) -> bool:
    """A file of Python's own library, such as that of a thread in which rows are read."""
    return file.startswith(("<frozen ", _LIBRARY)) and "site-packages" not in file and "dist-packages" not in file


def raised_at(error: BaseException) -> tuple[str, int] | None:
    """The innermost line of the script that an error came through."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not _ours(file) and not _pythons(file):
            line = file, trace.tb_lineno
        trace = trace.tb_next
    return line


class Ready:
    """Awaitable: a share is there, or the run failed."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def __await__(self) -> Generator[Any, None, None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handle.waiters.append(Wake(future))
        yield from future


class Wake:
    """Waits for a handle as an operation does, and then ends a future."""

    __slots__ = ("future", "missing")

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future = future
        self.missing = 1

    def start(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


def place(source: tuple[str, int]) -> str:
    """ "file.py line 31"."""
    return f"{Path(source[0]).name} line {source[1]}"
