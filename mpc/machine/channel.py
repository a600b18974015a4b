"""The network as a party's runtime sees it, and the in-memory network of simulations.

A message is one array of bytes from one party to another under a tag: the 16 bytes of the operation's label and
a 4-byte part number, which the protocol chooses so that a tag is used once per direction and run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RemoteProtocolError

Bytes = NDArray[np.uint8]

#: Largest payload of one message. Protocols cut larger operations into chunks.
MAX_MESSAGE = 4 << 20
#: Bytes of a frame around its payload; counted where a cost speaks of frames.
FRAME_HEADER = 40


def tag_of(label: bytes, part: int) -> bytes:
    """The tag of message `part` of the operation `label`."""
    return label + part.to_bytes(4, "little")


class Arrival(asyncio.Future[Bytes]):
    """A message under way. `then` is called in the turn of the event loop in which the message comes; a callback of a
    future waits for the next turn. So an operation goes on before the loop reads further messages."""

    then: Callable[[object], None] | None = None

    def arrive(self, payload: Bytes) -> None:
        """It is here."""
        if not self.done():
            self.set_result(payload)
            if self.then is not None:
                self.then(self)

    def fail(self, error: Exception) -> None:
        """It will never come."""
        if not self.done():
            self.set_exception(error)
            self.exception()  # so that asyncio does not complain if nobody awaits it
            if self.then is not None:
                self.get_loop().call_soon(self.then, self)


class Channel(Protocol):
    """One party's way to its peers."""

    index: int
    parties: int

    def send(self, peer: int, tag: bytes, payload: Bytes) -> None:
        """Hand `payload` (contiguous, at most MAX_MESSAGE) over; never blocks.

        The array belongs to the channel from here on: the caller must not write to it again.
        """

    def receive(self, peer: int, tag: bytes, size: int) -> Awaitable[Bytes]:
        """The payload under `tag`, which must have exactly `size` bytes, in a fresh writable array aligned to 8
        bytes that belongs to the caller. Awaiting raises RemoteProtocolError (wrong length), PeerLost, PeerTimeout."""

    def room(self, peer: int) -> Awaitable[None] | None:
        """None while less than the window is on its way to `peer`; else what to await before the next message."""


class MemoryNetwork:
    """n channels inside one process. Counts messages, bytes and, per operation, rounds.

    `rounds(label)`: the longest chain of dependent messages of the operation, counted per chain, where the
    high 16 bits of a part number name the chain (chunks of one operation do not depend on each other).
    """

    def __init__(self, parties: int, *, tamper: Callable[[int, int, bytes, Bytes], Bytes | None] | None = None) -> None:
        self.parties = parties
        self.messages: list[tuple[int, int, bytes, int]] = []
        self.bytes_sent = [0] * parties
        self.record: list[tuple[int, int, bytes, bytes]] | None = None
        self._tamper = tamper
        self._depth: dict[tuple[int, bytes], int] = {}
        self._longest: dict[bytes, int] = {}
        self._inbox: dict[tuple[int, int, bytes], tuple[Bytes, int]] = {}
        self._waiting: dict[tuple[int, int, bytes], tuple[asyncio.Future[Bytes], int]] = {}
        self._used: set[tuple[int, int, bytes]] = set()
        self._error: Exception | None = None
        self.channels = [MemoryChannel(self, i) for i in range(parties)]

    def rounds(self, label: bytes | None = None) -> int:
        """Longest chain of dependent messages of one operation (of any, by default)."""
        if label is not None:
            return self._longest.get(label, 0)
        return max(self._longest.values(), default=0)

    def deliver(self, sender: int, receiver: int, tag: bytes, payload: Bytes) -> None:
        """Deliver one message at once: a copy, as a network would."""
        copy: Bytes | None = np.array(payload, np.uint8, copy=True)
        self.bytes_sent[sender] += payload.size
        self.messages.append((sender, receiver, tag, payload.size))
        if self.record is not None:
            self.record.append((sender, receiver, tag, payload.tobytes()))
        chain = tag[:16] + tag[18:20]
        depth = self._depth.get((sender, chain), 0) + 1
        self._longest[tag[:16]] = max(self._longest.get(tag[:16], 0), depth)
        if self._tamper is not None:
            copy = self._tamper(sender, receiver, tag, payload.copy())
            if copy is None:
                return
        assert copy is not None
        key = (receiver, sender, tag)
        if key in self._used:
            raise RemoteProtocolError(f"party {sender} sent the tag {tag.hex()} twice", peer=sender)
        self._used.add(key)
        waiting = self._waiting.pop(key, None)
        if waiting is None:
            self._inbox[key] = (copy, depth)
            return
        future, size = waiting
        if not future.done():
            self._finish(future, key, copy, depth, size)

    def take(self, receiver: int, sender: int, tag: bytes, size: int) -> asyncio.Future[Bytes]:
        """A future of the message, done at once when it is already there."""
        future: asyncio.Future[Bytes] = asyncio.get_running_loop().create_future()
        key = (receiver, sender, tag)
        message = self._inbox.pop(key, None)
        if message is None and self._error is not None:
            future.set_exception(self._error)
        elif message is None:
            self._waiting[key] = (future, size)
        else:
            self._finish(future, key, message[0], message[1], size)
        return future

    def _finish(
        self, future: asyncio.Future[Bytes], key: tuple[int, int, bytes], payload: Bytes, depth: int, size: int
    ) -> None:
        receiver, sender, tag = key
        if payload.size != size:
            future.set_exception(
                RemoteProtocolError(
                    f"party {sender} sent {payload.size} bytes under {tag.hex()}, expected {size}", peer=sender
                )
            )
            return
        chain = (receiver, tag[:16] + tag[18:20])
        self._depth[chain] = max(self._depth.get(chain, 0), depth)
        future.set_result(payload)

    def fail(self, error: Exception) -> None:
        """End all waits with `error` (a party of the simulation failed), later ones, too."""
        self._error = error
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()


class MemoryChannel:
    """One party's end of a MemoryNetwork."""

    def __init__(self, network: MemoryNetwork, index: int) -> None:
        self._network = network
        self.index = index
        self.parties = network.parties

    def send(self, peer: int, tag: bytes, payload: Bytes) -> None:
        if payload.size > MAX_MESSAGE:
            raise ValueError(f"a message of {payload.size} bytes; at most {MAX_MESSAGE}")
        self._network.deliver(self.index, peer, tag, payload)

    def receive(self, peer: int, tag: bytes, size: int) -> Awaitable[Bytes]:
        return self._network.take(self.index, peer, tag, size)

    def room(self, peer: int) -> Awaitable[None] | None:
        return None
