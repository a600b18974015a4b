"""The channel of a session: `mpc.machine.channel.Channel` over the lanes to all peers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from time import perf_counter

from mpc.machine.channel import MAX_MESSAGE, Bytes
from parties.net.frames import DATA
from parties.net.lane import ACK_S, Lane

#: Who is behind hands frames over no sooner than this after those before: writing takes a good half of it.
_PROMPT_S = 50e-6


class SessionChannel:
    """Sends and receives by peer index.

    Frames queued in one turn of the event loop leave together, except where a message is there before we ask for it:
    then the peers are ahead and wait for ours, and would do nothing while we go on to the next round.
    """

    def __init__(self, index: int, lanes: Sequence[Lane | None], loop: asyncio.AbstractEventLoop) -> None:
        self.index = index
        self.parties = len(lanes)
        self._lanes = lanes
        self._loop = loop
        self._queued: list[Lane] = []
        self._flushed = 0.0

    def send(self, peer: int, tag: bytes, payload: Bytes) -> None:
        """Hand `payload` over; it is kept, unchanged, until the peer has acknowledged it."""
        if payload.size > MAX_MESSAGE:
            raise ValueError(f"a message of {payload.size} bytes; at most {MAX_MESSAGE}")
        lane = self._lane(peer)
        lane.put(DATA, tag, payload)
        if not self._queued:
            self._loop.call_soon(self.flush)
        self._queued.append(lane)

    def receive(self, peer: int, tag: bytes, size: int) -> Awaitable[Bytes]:
        """A future of the message; done at once when it is here already."""
        message = self._lane(peer).take(tag, size)
        if message.done():
            self.behind()
        return message

    def room(self, peer: int) -> Awaitable[None] | None:
        """None while less than the window is on its way to `peer`."""
        return self._lane(peer).room()

    def _lane(self, peer: int) -> Lane:
        lane = self._lanes[peer]
        if lane is None:
            raise ValueError(f"party {peer} is this party itself")
        return lane

    def behind(self) -> None:
        """A message was there before we asked for it, or another one comes before ours went out."""
        if self._queued and perf_counter() - self._flushed > _PROMPT_S:
            self.flush()

    def flush(self) -> None:
        """Hand over what is queued now."""
        queued, self._queued = self._queued, []
        if not queued:
            return
        self._flushed = perf_counter()
        for lane in queued:
            lane.flush()


def acknowledge_later(lane: Lane) -> None:
    """Acknowledge within ACK_S what no frame of ours has acknowledged by then."""
    asyncio.get_running_loop().call_later(ACK_S, _acknowledge, lane)


def _acknowledge(lane: Lane) -> None:
    lane.later = False
    lane.acknowledge_now()
