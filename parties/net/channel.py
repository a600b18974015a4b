"""The channel of a session: `mpc.machine.channel.Channel` over the lanes to all peers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from time import perf_counter

from mpc.machine.channel import MAX_MESSAGE, Bytes
from parties.net.frames import DATA
from parties.net.lane import ACK_S, Lane

#: A party that lags sends its queued frames at most this often; writing them takes half of this time.
_FLUSH_S = 50e-6


class SessionChannel:
    """Sends and receives by peer index.

    Frames queued in one turn of the event loop leave together. There is one exception: if a message is here before we
    ask for it, this party lags. Its peers wait for its frames, so they go out now, before it works on the next round.
    """

    def __init__(self, index: int, lanes: Sequence[Lane | None], loop: asyncio.AbstractEventLoop) -> None:
        self.index = index
        self.parties = len(lanes)
        self._lanes = lanes
        self._loop = loop
        self._queued: list[Lane] = []
        self._flushed = 0.0

    def send(self, peer: int, tag: bytes, payload: Bytes) -> None:
        """Queue `payload`, which must not change until the peer has acknowledged it."""
        if payload.size > MAX_MESSAGE:
            raise ValueError(f"a message has {payload.size} bytes; at most {MAX_MESSAGE} are allowed")
        lane = self._lane(peer)
        lane.put(DATA, tag, payload)
        if not self._queued:
            self._loop.call_soon(self.flush)
        self._queued.append(lane)

    def receive(self, peer: int, tag: bytes, size: int) -> Awaitable[Bytes]:
        """A future of the message; done at once if it is here already."""
        message = self._lane(peer).take(tag, size)
        if message.done():
            self.flush_overdue()
        return message

    def room(self, peer: int) -> Awaitable[None] | None:
        """None while less than the window is on its way to `peer`."""
        return self._lane(peer).room()

    def _lane(self, peer: int) -> Lane:
        lane = self._lanes[peer]
        if lane is None:
            raise ValueError(f"party {peer} is this party itself")
        return lane

    def flush_overdue(self) -> None:
        """Send the queued frames now if the last flush was more than _FLUSH_S ago: this party lags."""
        if self._queued and perf_counter() - self._flushed > _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Send the queued frames now."""
        queued, self._queued = self._queued, []
        if not queued:
            return
        self._flushed = perf_counter()
        for lane in queued:
            lane.flush()


def acknowledge_later(lane: Lane) -> None:
    """Acknowledge after ACK_S seconds what no frame to the peer has acknowledged by then."""
    asyncio.get_running_loop().call_later(ACK_S, _acknowledge, lane)


def _acknowledge(lane: Lane) -> None:
    lane.acknowledgement_due = False
    lane.acknowledge_now()
