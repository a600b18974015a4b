"""What becomes of a program when its run has failed: it ends soon, whatever it is doing.

A failure is found by the session (a peer is lost), by the codec (a peer sent what it may not), or by an MPyC coroutine
that raised. Inside `mpc.run` the program's main coroutine is cancelled, and `mpc.run` raises the failure. A program
that computes, sleeps or waits for input is given a moment to come back to `mpc.run`, and then the process ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mpc.errors import ComityError, LocalProtocolError
from mpc.text import visible_lines
from parties.mpyc.ending import end_children
from parties.text.echo import echo

#: A program that has not ended so long after a failure is ended.
PATIENCE_S = 1.5
#: How long a cancelled program may take for its `finally`.
_CANCEL_S = 0.7


class ProgramFailed(LocalProtocolError):
    """The program raised an exception: its traceback is above."""


class Watch:
    """The failure of one run, and the main coroutine that must hear of it. Used in the program's thread."""

    def __init__(self, loop: Any, tell: Callable[[ComityError], None]) -> None:
        self.failure: ComityError | None = None
        self._loop = loop
        self._tell = tell
        self._main: asyncio.Future[Any] | None = None
        #: Called when the loop stops: nothing that was sent waits for the next `run`.
        self.stopped: Callable[[], None] = lambda: None

    def fail(self, error: ComityError) -> None:
        """The run is over; peers are told, and who waits in `run` gets `error`."""
        if self.failure is not None:
            return
        self.failure = error
        self._tell(error)
        if self._main is not None:
            self._main.cancel()
            self._loop.call_later(_CANCEL_S, self._loop.stop)

    def coroutine_failed(self, error: BaseException) -> None:
        """An MPyC coroutine raised: nothing that depends on its result can go on."""
        if isinstance(error, ComityError):
            self.fail(error)
            return
        failure = ProgramFailed(f"{type(error).__name__} in a coroutine: {_innermost(error)}")
        failure.__cause__ = error
        self.fail(failure)

    def run(self, awaitable: Any) -> Any:
        """Run the program's coroutine or future until it is done; the failure of the run is raised from here."""
        self._check()
        main = asyncio.ensure_future(awaitable, loop=self._loop)
        self._main = main
        try:
            return self._loop.run_until_complete(main)
        except (Exception, asyncio.CancelledError):
            self._check()
            raise
        finally:
            self._main = None
            self.stopped()

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure from self.failure.__cause__


def _innermost(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name} ({os.path.basename(last.filename)}, line {last.lineno})"


def print_program_error(error: BaseException, program: str) -> None:
    """The traceback of a program as Python shows it, without the lines above the program."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != program:
        frames = frames.tb_next
    sys.stdout.flush()
    lines = traceback.format_exception(type(error), error, frames or error.__traceback__)
    echo(*visible_lines("".join(lines).rstrip("\n")), err=True)


def end_process(error: ComityError, report: Callable[[Exception], int]) -> None:
    """End this process from any thread: what the program printed, then why it ends."""
    end_children()
    flush()
    code = report(error)
    os._exit(code)


def flush() -> None:
    """What the program printed leaves the process."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # its reader has gone
            stream.flush()
