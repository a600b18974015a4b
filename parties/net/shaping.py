"""A channel as slow as a network: a message is held back at its receiver until the network would have brought it.

Messages go out at once over the channel below. A stamp behind each says when its last bit would come out of the
network. So a party that is busy delays only the messages that it receives itself, as with a real network. A party
sends to all others through one line of the network's rate and receives through another; half a round trip lies
between. Left out: what TCP adds to that (slow start, loss).
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Awaitable
from struct import Struct
from typing import Protocol

import numpy as np

from mpc.machine.channel import FRAME_HEADER, MAX_MESSAGE, Bytes, Channel
from mpc.machine.network import Network
from mpc.machine.party import Busy, inner_label
from parties.net.lane import WINDOW

_STAMP = Struct("<d")
#: So many busy intervals of the past are kept: a late message may fit between them.
_PAST_INTERVALS = 64


class Time(Protocol):
    """What shaping needs of a clock (`clock.Clock`)."""

    def now(self) -> float: ...

    def at(self, due: float) -> Awaitable[None]: ...


class Line:
    """The line by which a party receives: the intervals in which it was or will be busy."""

    def __init__(self) -> None:
        self._busy: list[tuple[float, float]] = []

    def through(self, due: float, seconds: float) -> float:
        """The time at which the last bit of a message comes out of the line.

        The message takes `seconds` on the line, and would end at `due` if it were alone. It uses the free time from
        its first bit on; messages that were asked for earlier go first.
        """
        busy = self._busy
        first = at = due - seconds
        low = high = bisect(busy, (first, first))
        if low and busy[low - 1][1] > first:
            low -= 1
            first, at = busy[low][0], busy[low][1]
        while high < len(busy) and busy[high][0] - at < seconds:
            seconds -= busy[high][0] - at
            at = busy[high][1]
            high += 1
        at += seconds
        busy[low:high] = [(first, at)]
        del busy[: max(low - _PAST_INTERVALS, 0)]
        return at


class Shaped:
    """A shaped channel over `channel`. The peers must have shaped channels, too.

    Messages are shaped while `shaping` is set at their sender. `bytes_sent` counts frames by receiver, without the
    stamps. While a message is held back, `busy` is set: the party does not wait for its peer.
    """

    def __init__(self, channel: Channel, network: Network, time: Time) -> None:
        self.index = channel.index
        self.parties = channel.parties
        self.shaping = False
        self.bytes_sent = [0] * channel.parties
        self.busy = Busy()
        self._channel = channel
        self._time = time
        self._delay = network.rtt_s / 2
        self._per_byte = 8 / network.bits_per_second
        self._sent = 0.0
        self._incoming = Line()

    def send(self, peer: int, tag: bytes, payload: Bytes) -> None:
        size = payload.size + FRAME_HEADER
        self.bytes_sent[peer] += size
        due = 0.0
        if self.shaping:
            self._sent = max(self._sent, self._time.now()) + size * self._per_byte
            due = self._sent + self._delay
        stamp = np.frombuffer(_STAMP.pack(due), np.uint8)
        if payload.size + stamp.size <= MAX_MESSAGE:
            self._channel.send(peer, tag, np.concatenate([payload, stamp]))
        else:
            self._channel.send(peer, tag, payload)
            self._channel.send(peer, _stamp_tag(tag), stamp)

    async def receive(self, peer: int, tag: bytes, size: int) -> Bytes:
        if size + _STAMP.size <= MAX_MESSAGE:
            stamped = await self._channel.receive(peer, tag, size + _STAMP.size)
            payload, stamp = stamped[:size], stamped[size:]
        else:
            payload = await self._channel.receive(peer, tag, size)
            stamp = await self._channel.receive(peer, _stamp_tag(tag), _STAMP.size)
        (due,) = _STAMP.unpack(stamp.tobytes())
        if due:
            await self._until(self._incoming.through(due, (size + FRAME_HEADER) * self._per_byte))
        return payload

    def room(self, peer: int) -> Awaitable[None] | None:
        free = self._sent - WINDOW * self._per_byte
        if self.shaping and free > self._time.now():
            return self._room(peer, free)
        return self._channel.room(peer)

    async def _room(self, peer: int, free: float) -> None:
        await self._until(free)
        room = self._channel.room(peer)
        if room is not None:
            await room

    async def _until(self, due: float) -> None:
        if due > self._time.now():
            with self.busy:
                await self._time.at(due)


def _stamp_tag(tag: bytes) -> bytes:
    """The tag of a stamp that is sent apart, because its message has no room for it."""
    return inner_label(tag[:16], 0, "stamp") + tag[16:]
