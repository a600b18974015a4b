"""Signals to end: Ctrl-C, SIGTERM, a closed terminal (SIGHUP).

A party (`comity run`, `submit`, `results`, `mpyc`) that gets such a signal tells its peers, which end with its name,
and ends within about a second. At a second signal it ends at once. While it has no peers yet, the error `Stopped` is
raised where the signal interrupts it; a party with peers uses `listening`. A script that computes without end blocks
the event loop of its party: a timer interrupts the script, and then the peers are told.
A command that has started other processes (`demo`, `bench`, `mpyc --local`) ends them, and leaves nothing behind.
Signals that this process was started to ignore (`nohup`) stay ignored. Windows has Ctrl-C and Ctrl-Break, which also
stands for a closed console. SIGTERM ends a process at once on Windows; its peers notice within the grace period.
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

#: The signals to end that this system has.
SIGNALS = [
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if name in signal.Signals.__members__
]

Handler = Callable[[int, FrameType | None], None]
Hear = Callable[[Stopped], object]

#: A script that blocks the event loop is interrupted after _PATIENCE_S, then each _AGAIN_S; after _TRIES times the
#: process ends.
_PATIENCE_S, _AGAIN_S, _TRIES = 1.5, 0.7, 3

#: The exceptions of the signals that came. They are kept because a library may swallow one, and because none is
#: raised inside an import.
_came: list[BaseException] = []
#: Functions to call in place of raising an exception; the innermost stands last.
_listeners: list[Hear] = []


@contextmanager
def orderly_end() -> Iterator[None]:
    """Inside, a signal to end raises an exception, so every `finally` runs and nothing is left behind.

    If the signal comes inside an import, it is raised after it: compiled modules print and drop such exceptions.
    """

    def end(number: int, frame: FrameType | None) -> None:
        _came.append(KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number))
        if not _importing(frame):
            raise _came[-1]

    with _handled_by(end):
        yield
        end_if_told()


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, a signal to end raises `Stopped`, or calls the listener; at a second signal the process ends at once."""
    here = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != here:  # a child that a program forked from this process: it ends as without Comity
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if _came:
            os._exit(128 + number)
        stopped = Stopped(f"stopped by its operator ({signal.Signals(number).name})")
        stopped.exit_code = 128 + number
        _came.append(stopped)
        if _listeners:
            _listeners[-1](stopped)
        elif not _importing(frame):
            raise stopped

    with _handled_by(stop):
        yield
        end_if_told()


@contextmanager
def listening(hear: Hear, loop: AbstractEventLoop | None = None) -> Iterator[None]:
    """Inside, `hear` is called in the main thread when a signal to end comes; nothing is raised.

    loop  the event loop of this thread, which calls `hear`. If a script blocks it, `Stopped` is raised in the script
    """
    end_if_told()
    listener = hear if loop is None else _interrupting(hear, loop)
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
        if _came and loop is not None:
            _set_timer(0, 0)


def _interrupting(hear: Hear, loop: AbstractEventLoop) -> Hear:
    """A listener that has `loop` call `hear`, and interrupts a script that blocks the loop."""
    from parties.system.scripts import in_script  # imported here, not inside the signal handler

    def listener(stopped: Stopped) -> None:
        tries = 0

        def hear_now() -> None:
            _set_timer(0, 0)
            hear(stopped)

        def interrupt(number: int, frame: FrameType | None) -> None:
            nonlocal tries
            if not in_script(frame):
                return  # Comity's own code, which gives the loop free soon
            tries += 1
            if tries > _TRIES:  # the script catches the exceptions
                os._exit(stopped.exit_code)
            raise stopped

        loop.call_soon_threadsafe(hear_now)
        if hasattr(signal, "SIGALRM"):  # not on Windows
            signal.signal(signal.SIGALRM, interrupt)
            _set_timer(_PATIENCE_S, _AGAIN_S)

    return listener


def _set_timer(first: float, again: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, first, again)


def end_if_told() -> None:
    """Raise the exception of a signal that was not raised when it came. Long work and long waits call this."""
    if _came:
        raise _came[0]


@contextmanager
def _handled_by(handler: Handler) -> Iterator[None]:
    _came.clear()
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
        _came.clear()


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
