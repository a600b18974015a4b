"""The floor: bare processes that only move bytes, as many on each link and in as many dependent rounds as parties do.

They have the event loop, TLS settings and pinned keys of a party's connections; no frames, no runtime, no arithmetic.
A party's time beyond the floor is Comity's own. The parent sends: the place of the process; then the ports of all;
then, case by case, the bytes of each link, the rounds and the repetitions.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from time import perf_counter
from typing import Any

from mpc.errors import PeerLost
from parties.bench.child import Place, heard, run, tell
from parties.net import tls

_BUFFER = 256 << 10
_PATIENCE_S = 60.0


class _Wire(asyncio.BufferedProtocol):
    """One connection: bytes out, and a count of the bytes in."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._buffer = memoryview(bytearray(_BUFFER))
        self.transport: Any = None
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        with contextlib.suppress(OSError, AttributeError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._floor.connected(self, tls.peer_key_hash(transport.get_extra_info("ssl_object")))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.received += nbytes
        self._floor.advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._floor.lost()


#: What to send, and how many more bytes must come from each peer before the next round.
Round = tuple[list[tuple[_Wire, memoryview]], list[tuple[int, int]]]


class Floor:
    """One of the bare processes."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._index = place.index
        self._loop = asyncio.get_running_loop()
        self._wires: dict[int, _Wire] = {}
        self._complete = asyncio.Event()
        self._ending = False
        #: Bytes that must have come from each peer before the next round; and the rounds that are left.
        self._due = dict.fromkeys(place.peers, 0)
        self._rounds: list[Round] = []
        self._done: asyncio.Future[None] | None = None
        certificates = [place.certificate(i) for i in range(len(place.names))]
        self._client = tls.client_context(place.home.identity, certificates)
        server = tls.server_context(place.home.identity, certificates)
        self._listener = tls.Listener(server, lambda origin: _Wire(self), lambda address, reason: None)

    async def serve(self) -> None:
        tell({"port": await self._listener.start("127.0.0.1", 0)})
        message = await heard()
        if message is None:
            return
        for peer in self._place.peers:
            if peer < self._index:
                await tls.dial(lambda: _Wire(self), "127.0.0.1", int(message["ports"][peer]), self._client)
        async with asyncio.timeout(_PATIENCE_S):
            await self._complete.wait()
        tell({"ready": True})
        while (message := await heard()) is not None:
            tell({"seconds": await self._measure(message["links"], int(message["rounds"]), int(message["repeat"]))})
        self._ending = True
        self._listener.close()
        for wire in self._wires.values():
            wire.transport.abort()

    async def _measure(self, links: list[list[int]], rounds: int, repeat: int) -> list[float]:
        """Seconds of each repetition; `links[i][j]` bytes go from i to j, evenly over the rounds."""
        block = memoryview(bytes(max(1, *(count for row in links for count in row))))
        single = [[0 if i == j else 1 for j in range(len(links))] for i in range(len(links))]
        seconds = []
        for repetition in range(repeat + 1):
            await self._exchange([self._round(single, block, 0, 1)])  # a barrier
            plan = [self._round(links, block, k, rounds) for k in range(rounds)]
            begun = perf_counter()
            await self._exchange(plan)
            if repetition:
                seconds.append(perf_counter() - begun)
        return seconds

    def _round(self, links: list[list[int]], block: memoryview, k: int, rounds: int) -> Round:
        """What to send in round k of `rounds`, and how many more bytes must come before the next round."""

        def part(count: int) -> int:
            return (k + 1) * count // rounds - k * count // rounds

        out = [(self._wires[peer], block[: part(links[self._index][peer])]) for peer in self._place.peers]
        due = [(peer, part(links[peer][self._index])) for peer in self._place.peers]
        return [(wire, data) for wire, data in out if len(data)], due

    async def _exchange(self, rounds: list[Round]) -> None:
        self._rounds = rounds[::-1]
        done = self._done = self._loop.create_future()
        self._begin()
        self.advance()
        await done

    def _begin(self) -> None:
        out, due = self._rounds.pop()
        for peer, count in due:
            self._due[peer] += count
        for wire, data in out:
            for start in range(0, len(data), _BUFFER):
                wire.transport.write(data[start : start + _BUFFER])

    def advance(self) -> None:
        """More bytes came: begin the next round when all bytes of this round are here."""
        if self._done is None:
            return
        while all(self._wires[peer].received >= due for peer, due in self._due.items()):
            if not self._rounds:
                done, self._done = self._done, None
                done.set_result(None)
                return
            self._begin()

    def connected(self, wire: _Wire, key_hash: bytes) -> None:
        for peer in self._place.peers:
            if self._place.key_hash(peer) == key_hash:
                self._wires[peer] = wire
        if len(self._wires) == len(self._place.peers):
            self._complete.set()

    def lost(self) -> None:
        if not self._ending and self._done is not None and not self._done.done():
            self._done.set_exception(PeerLost("a bare process lost a connection"))


async def main() -> None:
    message = await heard()
    if message is not None:
        await Floor(Place.read(message)).serve()


if __name__ == "__main__":
    run(main)
