"""The session's clock: heartbeats, deadlines, new calls in place of silent connections, and status lines for people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from mpc.errors import AgreementError, ComityError, PeerTimeout
from parties.net import frames
from parties.net.dialer import Dialer
from parties.net.lane import Lane
from parties.net.link import Link
from parties.net.liveness import BEAT_S, Liveness, first
from parties.net.meeting import Meeting
from parties.net.strangers import Strangers
from parties.organization.address import show_address

_TICK_S = 0.25
#: If a connection has been silent for so long, another one is made beside it.
_SILENT_S = 3.0
#: A tick later than this shows that this process was held up: peers are not blamed for that time.
_LATE_S = 1.0


class Beating(Protocol):
    """What the pulse uses of its session."""

    meeting: Meeting

    @property
    def links(self) -> Mapping[int, Link]: ...

    @property
    def dialers(self) -> Mapping[int, Dialer]: ...

    @property
    def peers(self) -> Sequence[Lane]: ...

    @property
    def over(self) -> bool: ...

    def fail(self, error: ComityError) -> None: ...

    def diverged(self, error: AgreementError) -> None: ...


class Pulse:
    """Ticks four times a second, and sends a heartbeat once a second."""

    def __init__(
        self,
        session: Beating,
        liveness: Liveness,
        strangers: Strangers,
        *,
        wait: float,
        status: Callable[[str], None],
    ) -> None:
        self._session = session
        self._liveness = liveness
        self._strangers = strangers
        self._wait = wait
        self._status = status
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._started = self._expected = self._beaten = self._loop.time()

    def start(self) -> None:
        """Start the clock; the wait for the other parties begins now."""
        self._started = self._expected = self._beaten = self._loop.time()
        self._timer = self._loop.call_later(_TICK_S, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._strangers.show(self._loop.time(), last=True)

    def _tick(self) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(_TICK_S, self._tick)
        if now - self._expected > _LATE_S:
            self._liveness.excuse(now - self._expected)
        self._expected = now + _TICK_S
        session = self._session
        for index, link in session.links.items():
            watch = self._liveness.watches[index]
            if link.reads:
                link.reads, watch.heard = 0, now
            elif now - watch.heard > _SILENT_S and index in session.dialers:
                session.dialers[index].redial()
        if now - self._beaten >= BEAT_S - _TICK_S / 2:
            self._beaten = now
            self._beat(now)
        if session.over:
            return
        live = self._liveness
        verdict: ComityError | None = None
        if session.meeting.opened:
            verdict = first(live.lost(now), live.stalled(now))
            divergence = live.diverged(now)
            if verdict is None and divergence is not None:
                session.diverged(divergence)
        if verdict is None and session.meeting.keys is None and now - self._started > self._wait:
            verdict = PeerTimeout(f"still waiting for {self._missing()} after {self._wait:g} s", peer=self._absent()[0])
        if verdict is not None:
            session.fail(verdict)

    def _beat(self, now: float) -> None:
        message = self._liveness.message(now)
        for link in self._session.links.values():
            if link.lane is not None and not link.paused:
                link.write(frames.control(frames.BEAT, message, acknowledged=link.lane.received))
        self._strangers.show(now)
        if self._session.meeting.keys is None and not self._session.over:
            self._status(f"waiting for {self._missing()} … {now - self._started:.0f} s")

    def _absent(self) -> list[str]:
        """The peers that are not connected to us; if all are, those that are not connected to all others yet."""
        peers, session = self._session.peers, self._session
        absent = [lane.name for lane in peers if lane.index not in session.links]
        return absent or [lane.name for lane in peers if lane.index not in session.meeting.setups] or [""]

    def _missing(self) -> str:
        parts = []
        for lane in self._session.peers:
            if lane.index in self._session.links:
                continue
            dialer = self._session.dialers.get(lane.index)
            if dialer is None:
                parts.append(f"{lane.name} (it has not called yet)")
            else:
                trouble = dialer.trouble or "no answer"
                parts.append(f"{lane.name} ({show_address(dialer.address)}, not reachable yet: {trouble})")
        return ", ".join(parts or [f"{name} (connected, but not yet to everybody)" for name in self._absent()])
