"""Which peers are alive, which make progress, and whether all parties wait for each other in vain.

Each second a heartbeat carries a party's progress counter and, if nothing can run there, what it waits for. From
the heartbeats and the time of the last byte three verdicts follow: a peer is *lost* (no byte came for `grace`
seconds), *stalled* (it sends heartbeats without progress for `stall` seconds while we wait for it), or the parties
have *diverged* (all of them wait, and nothing is on its way). Left out: what to do then (`session`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mpc.errors import AgreementError, ComityError, PeerLost, PeerTimeout
from mpc.text import visible
from parties.net.frames import number, text
from parties.net.lane import Lane

#: Seconds between heartbeats. If all parties wait, and so many heartbeats of each show the same state, they diverged.
BEAT_S = 1.0
_EQUAL_BEATS = 2

Progress = Callable[[], int]
Waiting = Callable[[], "tuple[str, str] | None"]


@dataclass
class Watch:
    """What the heartbeats of one party say; also kept for this party itself."""

    name: str
    heard: float = 0.0
    progress: int = -1
    moved: float = 0.0
    beat: float = 0.0
    state: tuple[Any, ...] = ()
    equal: int = 0
    idle: bool = False
    label: str = ""
    source: str = ""

    def hear(self, message: dict[str, Any], now: float) -> None:
        """Note a heartbeat; RemoteProtocolError if it is malformed."""
        self.heard = self.beat = now
        progress = number(message, "progress")
        self.idle = message.get("idle") is True
        self.label, self.source = text(message, "label", 32), text(message, "source")
        if progress != self.progress:
            self.progress, self.moved = progress, now
        state = (progress, self.label, self.source, number(message, "sent"), number(message, "received"))
        self.equal = self.equal + 1 if self.idle and state == self.state else int(self.idle)
        self.state = state

    @property
    def place(self) -> str:
        """What the party waits for, in words."""
        return f"{self.label} ({self.source or 'an unknown line'})"


class Liveness:
    """The watches of one session. This party has `index`, and no lane to itself: `lanes[index]` is None."""

    def __init__(
        self, names: Sequence[str], index: int, lanes: Sequence[Lane | None], *, grace: float, stall: float
    ) -> None:
        self._index = index
        self._lanes = lanes
        self._grace = grace
        self._stall = stall
        self._progress: Progress | None = None
        self._waiting: Waiting | None = None
        self._waited: dict[int, float] = {}
        self.watches = [Watch(name) for name in names]

    def attach(self, progress: Progress, waiting: Waiting) -> None:
        """From now on our heartbeats carry `progress()` and `waiting()`."""
        self._progress, self._waiting = progress, waiting

    def start(self, now: float) -> None:
        """From now on silence counts."""
        for watch in self.watches:
            watch.heard = watch.moved = now

    def excuse(self, seconds: float) -> None:
        """We were not running for so long: nobody else is to blame for it."""
        for watch in self.watches:
            watch.heard += seconds
            watch.moved += seconds

    def place(self) -> tuple[str, str] | None:
        """What we wait for, when nothing can run here."""
        return None if self._waiting is None else self._waiting()

    def message(self, now: float) -> dict[str, Any]:
        """Our next heartbeat."""
        place = self.place()
        lanes = [lane for lane in self._lanes if lane is not None]
        message = {
            "progress": 0 if self._progress is None else self._progress(),
            "idle": place is not None and all(lane.quiet for lane in lanes),
            "label": place[0][:32] if place else "",
            "source": visible(place[1], 200) if place else "",
            "sent": sum(lane.sent for lane in lanes),
            "received": sum(lane.received for lane in lanes),
        }
        self.watches[self._index].hear(message, now)
        return message

    def lost(self, now: float) -> PeerLost | None:
        """The first peer that has been silent for too long."""
        for lane in self._lanes:
            if lane is None or lane.ended:
                continue
            silent = now - self.watches[lane.index].heard
            if silent > self._grace:
                how = "the connection is open but silent" if lane.wire is not None else "the connection is closed"
                return PeerLost(
                    f"{lane.name} stopped answering {silent:.0f} s ago{self.here()} ({how})", peer=lane.name
                )
        return None

    def here(self) -> str:
        """What we wait for, for the end of a sentence."""
        place = self.place()
        return "" if place is None else f", while we waited for {place[0]} ({place[1] or 'an unknown line'})"

    def stalled(self, now: float) -> PeerTimeout | None:
        """A peer that we have waited for while no party made progress."""
        for lane in self._lanes:
            if lane is None or not (lane.waiting or lane.crowded or lane.awaited):
                self._waited.pop(lane.index if lane is not None else -1, None)
                continue
            self._waited.setdefault(lane.index, now)
        if not self._waited or now - max(watch.moved for watch in self.watches) < self._stall:
            return None
        waited = {index: since for index, since in self._waited.items() if now - since >= self._stall}
        if not waited:
            return None
        # A peer that waits itself is not the cause, unless all of them wait.
        busy = [index for index in waited if not self.watches[index].idle]
        watch = self.watches[(busy or list(waited))[0]]
        silence = f"{watch.name} answers, but has made no progress for {now - watch.moved:.0f} s"
        return PeerTimeout(silence + self.here(), peer=watch.name)

    def diverged(self, now: float) -> AgreementError | None:
        """All parties wait, nothing is on its way, and that has not changed for two heartbeats."""
        active = [w for w, lane in zip(self.watches, self._lanes, strict=True) if lane is None or not lane.ended]
        for watch in active:
            if watch.equal < _EQUAL_BEATS or now - watch.beat > 1.9 * BEAT_S:
                return None
        return self.divergence()

    def divergence(self) -> AgreementError:
        """The error that lists what each party waits for."""
        places = "; ".join(f"{watch.name} waits for {watch.place}" for watch in self.watches if watch.idle)
        return AgreementError(
            f"the parties wait for each other at different operations: {places}. "
            "A scenario must not branch on what one party alone knows."
        )


def first(*verdicts: ComityError | None) -> ComityError | None:
    """The first of `verdicts` that is not None."""
    return next((verdict for verdict in verdicts if verdict is not None), None)
