"""The end of a program whose run has failed: it ends soon, whatever it is doing.

A failure comes from the session (a peer is lost), from the codec (a peer sent a malformed message), or from an MPyC
coroutine that raised. Inside `mpc.run` the program's main coroutine is cancelled, and `mpc.run` raises the failure. A
program that computes, sleeps or waits for input has PATIENCE_S seconds to return to `mpc.run`; then the process ends.
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

#: A program has so long to end after a failure; then its process is ended.
PATIENCE_S = 1.5
#: A cancelled program has so long for its `finally` blocks.
_CANCEL_S = 0.7


class ProgramFailed(LocalProtocolError):
    """The program raised an exception: its traceback is above."""


class Watch:
    """The failure of a run, and the main coroutine that it cancels. Used in the program's thread.

    tell_peers(error)  tells the peers that the run has failed
    """

    def __init__(self, loop: Any, tell_peers: Callable[[ComityError], None]) -> None:
        self.failure: ComityError | None = None
        self._loop = loop
        self._tell_peers = tell_peers
        self._main: asyncio.Future[Any] | None = None
        #: Called when the loop stops, so that queued messages do not wait for the next `run`.
        self.stopped: Callable[[], None] = lambda: None

    def fail(self, error: ComityError) -> None:
        """The run has failed: tell the peers, and let `run` raise `error`."""
        if self.failure is not None:
            return
        self.failure = error
        self._tell_peers(error)
        if self._main is not None:
            self._main.cancel()
            self._loop.call_later(_CANCEL_S, self._loop.stop)

    def coroutine_failed(self, error: BaseException) -> None:
        """An MPyC coroutine raised: the run fails, because others wait for its result."""
        if isinstance(error, ComityError):
            self.fail(error)
            return
        failure = ProgramFailed(f"{type(error).__name__} in a coroutine: {_innermost(error)}")
        failure.__cause__ = error
        self.fail(failure)

    def run(self, awaitable: Any) -> Any:
        """Run a coroutine or future of the program until it is done. Raises the failure of the run."""
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
    """End this process from any thread, after the output of the program and a message why."""
    end_children()
    flush()
    code = report(error)
    os._exit(code)


def flush() -> None:
    """Flush the output of the program."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the reader has closed the stream
            stream.flush()
