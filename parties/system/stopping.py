"""Being told to end: Ctrl-C, SIGTERM, a closed terminal (SIGHUP).

A party (`comity run`, `submit`, `results`, `mpyc`) that is told so tells its peers, who end with its name, and ends
within about a second; told a second time, it ends at once. Before it has met anybody, the error `Stopped` is raised
where the signal finds it; whoever has peers listens with `listening`. A script that computes without end holds its
party's event loop: it is interrupted by a timer, and the peers are told then.
A command that has started processes of its own (`demo`, `bench`, `mpyc --local`) ends them, and leaves nothing behind.
Signals that this process was started to ignore (`nohup`) stay ignored. Windows knows Ctrl-C and Ctrl-Break, which also
stands for a closed console; SIGTERM there ends a process at once, and peers find that out within the grace period.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from mpc.errors import Stopped

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

#: Not all of them are everywhere.
SIGNALS = [
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if name in signal.Signals.__members__
]

Handler = Callable[[int, FrameType | None], None]
Hear = Callable[[Stopped], object]

#: A script that holds the event loop is interrupted after so long, and again, so often; then the process ends.
_PATIENCE_S, _AGAIN_S, _TRIES = 1.5, 0.7, 3

#: What we were told to end with. A library may have swallowed it, or an import was not to be disturbed: see below.
_told: list[BaseException] = []
#: Who is told in place of an exception, the innermost one last.
_listeners: list[Hear] = []


@contextmanager
def orderly_end() -> Iterator[None]:
    """Inside, being told to end runs every `finally`: nothing is left behind.

    In the middle of an import it comes a little later: compiled modules print and forget what is raised in them.
    """

    def end(number: int, frame: FrameType | None) -> None:
        _told.append(KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number))
        if not _importing(frame):
            raise _told[-1]

    with _handled_by(end):
        yield
        end_if_told()


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, being told to end raises `Stopped`, or tells `listening`; the second time the process ends at once."""
    here = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != here:  # a child of a program, forked from this process: it ends as it would anyway
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if _told:
            os._exit(128 + number)
        stopped = Stopped(f"stopped by its operator ({signal.Signals(number).name})")
        stopped.exit_code = 128 + number
        _told.append(stopped)
        if _listeners:
            _listeners[-1](stopped)
        elif not _importing(frame):
            raise stopped

    with _handled_by(stop):
        yield
        end_if_told()


@contextmanager
def listening(hear: Hear, loop: AbstractEventLoop | None = None) -> Iterator[None]:
    """Inside, `hear` is called in the main thread when this party is told to end; nothing is raised.

    loop  calls `hear`, in this thread. `Stopped` is raised in a script that keeps it from that
    """
    end_if_told()
    listener = hear if loop is None else _interrupting(hear, loop)
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
        if _told and loop is not None:
            _set_timer(0, 0)


def _interrupting(hear: Hear, loop: AbstractEventLoop) -> Hear:
    """Has `loop` call `hear`, and sees to it that a script lets it."""
    from parties.system.scripts import in_script  # not in a signal's handler

    def told(stopped: Stopped) -> None:
        tries = 0

        def now() -> None:
            _set_timer(0, 0)
            hear(stopped)

        def interrupt(number: int, frame: FrameType | None) -> None:
            nonlocal tries
            if not in_script(frame):
                return  # Comity's own work, which ends
            tries += 1
            if tries > _TRIES:  # it catches whatever is raised
                os._exit(stopped.exit_code)
            raise stopped

        loop.call_soon_threadsafe(now)
        if hasattr(signal, "SIGALRM"):  # not on Windows
            signal.signal(signal.SIGALRM, interrupt)
            _set_timer(_PATIENCE_S, _AGAIN_S)

    return told


def _set_timer(first: float, again: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, first, again)


def end_if_told() -> None:
    """Raise what could not be raised when it came; called now and then by those that work or wait for long."""
    if _told:
        raise _told[0]


@contextmanager
def _handled_by(handler: Handler) -> Iterator[None]:
    _told.clear()
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
        _told.clear()


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
