"""Waking up on time, to a tenth of a millisecond: the timers of event loops count whole milliseconds."""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import os
import sys
from contextlib import suppress
from time import monotonic

_MONOTONIC = 1
_ABSOLUTE = 1
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class _Timer(ctypes.Structure):
    """`struct itimerspec` of Linux: an interval, and a time."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("s", ctypes.c_long),
        ("ns", ctypes.c_long),
    )


class Clock:
    """Futures that are done at a time of `time.monotonic`, which is the same in all processes of a machine.

    On Linux a timer of the kernel (`timerfd`) wakes them, 0.05 ms late; elsewhere the event loop, up to 1 ms late.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._descriptor = -1
        if sys.platform == "linux":
            self._kernel = ctypes.CDLL(None)
            self._descriptor = self._kernel.timerfd_create(_MONOTONIC, _FLAGS)
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._ring)

    def now(self) -> float:
        return monotonic()

    def at(self, due: float) -> asyncio.Future[None]:
        """A future that is done at `due`, or at once if `due` is past."""
        future: asyncio.Future[None] = self._loop.create_future()
        if due <= monotonic():
            future.set_result(None)
        elif self._descriptor < 0:
            self._loop.call_later(due - monotonic(), _done, future)
        else:
            self._count += 1
            heapq.heappush(self._waiting, (due, self._count, future))
            if self._waiting[0][2] is future:
                self._set_timer()
        return future

    def close(self) -> None:
        """Give the timer back; futures that still wait are never done."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _set_timer(self) -> None:
        seconds, fraction = divmod(self._waiting[0][0], 1)
        timer = _Timer(0, 0, int(seconds), int(fraction * 1e9) + 1)
        self._kernel.timerfd_settime(self._descriptor, _ABSOLUTE, ctypes.byref(timer), None)

    def _ring(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._descriptor, 8)
        now = monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _done(heapq.heappop(self._waiting)[2])
        if self._waiting:
            self._set_timer()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
