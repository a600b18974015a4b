"""The share floor: what a protocol function gets besides its shares.

A `Party` is one party inside one operation: its place among the parties, the operation's label, the messages and
streams that belong to that label. Protocols take it as their first, explicit argument.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mpc.machine.channel import Channel, tag_of
from mpc.machine.labels import Streams
from mpc.machine.witness import Coder, Witness

T = TypeVar("T")

#: Elements from which a kernel may be moved off the event loop (a thread hop costs 92 µs).
THREAD_ELEMENTS = 1 << 16


@dataclass(frozen=True)
class Keys:
    """The stream keys a party holds in one run.

    pair      peer index -> the key shared with that peer only
    common    known to all compute parties: public coins
    private   known to nobody else, seeded by the operating system
    """

    pair: Mapping[int, Streams]
    common: Streams
    private: Streams


class Busy:
    """How much is being computed in threads: a party that computes waits for nobody.

    pulse     finished computations; the public program determines it, so peers may learn it
    reading   how many tables' rows are being read
    read      batches of rows read so far; it tells how many rows there are, so it stays at this party
    """

    def __init__(self) -> None:
        self.count = 0
        self.pulse = 0
        self.reading = 0
        self.read = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1
        self.pulse += 1


@dataclass(frozen=True)
class Environment:
    """What all operations of one party in one run share."""

    channel: Channel
    keys: Keys
    executor: Executor | None = None
    busy: Busy = field(default_factory=Busy)
    coders: dict[int, Coder] = field(default_factory=dict)

    @property
    def index(self) -> int:
        return self.channel.index

    @property
    def parties(self) -> int:
        return self.channel.parties


def inner_label(label: bytes, counter: int, name: str) -> bytes:
    """The label of the `counter`-th inner operation (from 1 on) of the operation `label`."""
    return blake2b(label + counter.to_bytes(8, "little") + name.encode(), digest_size=16).digest()


class Party:
    """One party inside the operation `label`.

    Part numbers tell the messages of one operation apart; the high 16 bits name the *chain*: parts of one chunk,
    which depend on each other, share a chain, and independent chunks have different ones.
    """

    __slots__ = ("_counter", "channel", "env", "index", "keys", "label", "parties", "witness")

    def __init__(self, env: Environment, label: bytes, witness: Witness | None = None) -> None:
        self.env = env
        self.label = label
        self.channel = env.channel
        self.keys = env.keys
        self.index = env.channel.index
        self.parties = env.channel.parties
        self.witness = witness
        self._counter = 0

    def inner(self, name: str) -> Party:
        """The party inside an inner operation, whose label follows from this one and the order of calls."""
        self._counter += 1
        return Party(self.env, inner_label(self.label, self._counter, name), self.witness)

    def send(self, peer: int, part: int, array: NDArray[Any]) -> None:
        """Hand a contiguous array over to the channel; it must not be written to afterwards. Never blocks."""
        flat = array if array.ndim == 1 else array.reshape(-1)
        self.channel.send(peer, tag_of(self.label, part), flat.view(np.uint8))

    async def receive(self, peer: int, part: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """The array a peer sent under this label; its length is checked against shape and dtype."""
        kind = np.dtype(dtype)
        size = kind.itemsize
        for extent in shape:
            size *= extent
        raw = await self.channel.receive(peer, tag_of(self.label, part), size)
        return raw.view(kind) if len(shape) == 1 else raw.view(kind).reshape(shape)

    def compare_later(self, peer: int, part: int, message: NDArray[Any]) -> None:
        """Note a message that `peer` also has, from a third party or as its own: both compare it before results are
        given out.

        Once for each pair and part of an operation. Outside of a run (a protocol by itself) nothing is compared.
        """
        if self.witness is None:
            return
        coder = self.env.coders.get(peer)
        if coder is None:
            coder = self.env.coders[peer] = Coder(self.keys.pair[peer])
        self.witness.add(peer, coder.code(tag_of(self.label, part), message))

    async def room(self) -> None:
        """Wait until no peer has more than a window of unacknowledged bytes; between the chunks of large work."""
        for peer in range(self.parties):
            if peer != self.index:
                wait = self.channel.room(peer)
                if wait is not None:
                    await wait

    async def compute(self, elements: int, function: Callable[..., T], *arguments: object) -> T:
        """Run a kernel: here when it is small or there is no thread to spare, else in a worker thread."""
        if self.env.executor is None or elements < THREAD_ELEMENTS:
            return function(*arguments)
        with self.env.busy:
            return await asyncio.get_running_loop().run_in_executor(self.env.executor, function, *arguments)


async def concurrently(*parts: Awaitable[T]) -> list[T]:
    """Await all parts (chunks of one operation); the first error ends the others."""
    if len(parts) == 1:
        return [await parts[0]]
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
