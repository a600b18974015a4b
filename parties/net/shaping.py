"""A channel as slow as a network: a message is held back at its receiver until the network would have brought it.

Messages go out at once over the channel below, each with the time at which its last bit would come out of the network
behind it. So a party that computes delays nothing but what it receives itself, as with a real network. A party sends
to all others through one line of the network's rate, receives through another, and half the round trip lies between.
Left out: what TCP adds to that (slow start, loss).
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
#: Intervals of the past that a late message may still have come in between.
_REMEMBERED = 64


class Time(Protocol):
    """What shaping needs of a clock (`clock.Clock`)."""

    def now(self) -> float: ...

    def at(self, due: float) -> Awaitable[None]: ...


class Line:
    """What comes in at one rate: when it was or will be busy."""

    def __init__(self) -> None:
        self._busy: list[tuple[float, float]] = []

    def through(self, due: float, seconds: float) -> float:
        """When a message is in whole that takes so many seconds, and would be in at `due` if it were alone.

        It takes what is free from its first bit on; what was asked for earlier goes first.
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
        del busy[: max(low - _REMEMBERED, 0)]
        return at


class Shaped:
    """A channel over another one, to peers that have one, too.

    Messages are shaped while `shaping` is set at their sender. `bytes_sent` counts frames by receiver, without what
    shaping adds to them. While a message is held back, `busy` is: the party does not wait for its peer.
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
            self._channel.send(peer, _beside(tag), stamp)

    async def receive(self, peer: int, tag: bytes, size: int) -> Bytes:
        if size + _STAMP.size <= MAX_MESSAGE:
            both = await self._channel.receive(peer, tag, size + _STAMP.size)
            payload, stamp = both[:size], both[size:]
        else:
            payload = await self._channel.receive(peer, tag, size)
            stamp = await self._channel.receive(peer, _beside(tag), _STAMP.size)
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


def _beside(tag: bytes) -> bytes:
    """The tag of the stamp of a message that has no room for it."""
    return inner_label(tag[:16], 0, "stamp") + tag[16:]
