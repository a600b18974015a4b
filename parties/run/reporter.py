"""Reports of how far the joint part of a run is."""

from __future__ import annotations

import asyncio
import os
from time import perf_counter

from parties.contributors.reception import Reception
from parties.net.session import Session
from parties.run.remaining import Remaining
from parties.system.events import Events, Progress

#: Seconds between two events of progress, at least while operations end, and at most.
_BETWEEN_S = 0.1
_SILENT_S = 0.5


class Reporter:
    """Reports progress: when operations end, and regularly while a long one is at work."""

    def __init__(
        self, session: Session, reception: Reception | None, steps: int, remaining: Remaining, events: Events
    ) -> None:
        self._session = session
        self._reception = reception
        self._steps = steps
        self._remaining = remaining
        self._events = events
        self._begun = self._last = perf_counter()
        self._done = 0
        self._place = ("", "", 0)
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._tick()

    def __exit__(self, *failure: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def finished(self, primitive: str, source: tuple[str, int]) -> None:
        """An operation that sends is done."""
        self._done += 1
        self._place = (primitive, *source)
        if perf_counter() - self._last >= _BETWEEN_S:
            self._tell()

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_SILENT_S, self._tick)
        if perf_counter() - self._last >= _SILENT_S:
            self._tell()

    def _tell(self) -> None:
        self._last = perf_counter()
        if self._reception is not None:
            self._reception.desk.set_progress("computing", self._done, self._steps)
        primitive, path, line = self._place
        sent = self._session.frame_bytes_sent
        share, left = self._remaining.at(self._last - self._begun, sent, self._done)
        self._events(Progress(self._done, primitive, os.path.basename(path), line, sent, share, left))
