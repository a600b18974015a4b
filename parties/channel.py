"""The channel of a session: `mpc.channel.Channel` over the lanes to all peers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from mpc.channel import MAX_MESSAGE, Bytes
from parties.frames import DATA
from parties.lane import ACK_S, Lane


class SessionChannel:
    """Sends and receives by peer index. Frames queued in one turn of the event loop leave together."""

    def __init__(self, index: int, lanes: Sequence[Lane | None], loop: asyncio.AbstractEventLoop) -> None:
        self.index = index
        self.parties = len(lanes)
        self._lanes = lanes
        self._loop = loop
        self._queued: list[Lane] = []

    def send(self, peer: int, tag: bytes, payload: Bytes) -> None:
        """Hand `payload` over; it is kept, unchanged, until the peer has acknowledged it."""
        if payload.size > MAX_MESSAGE:
            raise ValueError(f"a message of {payload.size} bytes; at most {MAX_MESSAGE}")
        lane = self._lane(peer)
        lane.put(DATA, tag, payload)
        if not self._queued:
            self._loop.call_soon(self._flush)
        self._queued.append(lane)

    def receive(self, peer: int, tag: bytes, size: int) -> Awaitable[Bytes]:
        """A future of the message; done at once when it is here already."""
        return self._lane(peer).take(tag, size)

    def room(self, peer: int) -> Awaitable[None] | None:
        """None while less than the window is on its way to `peer`."""
        return self._lane(peer).room()

    def _lane(self, peer: int) -> Lane:
        lane = self._lanes[peer]
        if lane is None:
            raise ValueError(f"party {peer} is this party itself")
        return lane

    def _flush(self) -> None:
        queued, self._queued = self._queued, []
        for lane in queued:
            lane.flush()


def acknowledge_later(lane: Lane) -> None:
    """Acknowledge within ACK_S what no frame of ours has acknowledged by then."""
    asyncio.get_running_loop().call_later(ACK_S, _acknowledge, lane)


def _acknowledge(lane: Lane) -> None:
    lane.later = False
    lane.acknowledge_now()
