"""The exchange between a program's loop and the session's: order, long messages, what peers may not send."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from mpc.errors import ComityError, LocalProtocolError, PeerLost, RemoteProtocolError
from mpc.machine.channel import MAX_MESSAGE
from parties.mpyc import exchange
from parties.mpyc.exchange import Exchange


@dataclass
class FakeLane:
    index: int
    name: str
    ended: bool = False
    awaited: int = 0
    sink: Any = None
    frames: list[tuple[bytes, np.ndarray]] = field(default_factory=list)
    flushed: int = 0

    def put(self, kind: int, tag: bytes, payload: np.ndarray) -> None:
        self.frames.append((tag, payload))

    def flush(self) -> None:
        self.flushed += 1


@dataclass
class FakeSession:
    peers: list[FakeLane]

    @property
    def participants(self) -> list[FakeLane]:
        return [FakeLane(0, "county"), *self.peers]


class Pair:
    """An exchange in one loop, which stands for both."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lane = FakeLane(1, "north")
        self.failures: list[ComityError] = []
        self.exchange = Exchange(FakeSession([self.lane]), loop, loop, self.failures.append)  # type: ignore[arg-type]

    def come(self, label: bytes, follow: int, data: bytes) -> None:
        self.exchange.deliver(self.lane, label + follow.to_bytes(4, "little"), np.frombuffer(data, np.uint8))  # type: ignore[arg-type]

    def come_all(self, frames: list[tuple[bytes, int]]) -> None:
        for label, follow in frames:
            self.come(label, follow, b"x")


A, B = bytes(16), bytes([1] * 16)


def with_pair(check):
    async def run() -> None:
        await check(Pair(asyncio.get_running_loop()))

    asyncio.run(run())


def test_messages_before_and_after_they_are_asked_for():
    async def check(pair: Pair) -> None:
        waiting = pair.exchange.receive(1, A)
        assert pair.lane.awaited == 1
        pair.come(A, 0, b"first")
        pair.come(B, 0, b"second")
        assert (await waiting).tobytes() == b"first"
        assert pair.lane.awaited == 0
        assert pair.exchange.receive(1, B).tobytes() == b"second"
        assert pair.exchange.progress == 2

    with_pair(check)


def test_what_is_queued_leaves_together():
    async def check(pair: Pair) -> None:
        for label in (A, B):
            pair.exchange.send(1, label, b"x")
        await asyncio.sleep(0.01)
        assert [tag[:16] for tag, _ in pair.lane.frames] == [A, B]
        assert pair.lane.flushed == 1
        assert pair.exchange.bytes_sent[1] == 2 * 41

    with_pair(check)


@pytest.mark.parametrize("size", [0, 1, MAX_MESSAGE, MAX_MESSAGE + 1, 3 * MAX_MESSAGE - 7])
def test_messages_of_any_length_come_back(size):
    async def check(pair: Pair) -> None:
        data = np.arange(size, dtype=np.uint64).astype(np.uint8)
        pair.exchange.send(1, A, data)
        await asyncio.sleep(0.01)
        assert all(payload.size <= MAX_MESSAGE for _, payload in pair.lane.frames)
        waiting = pair.exchange.receive(1, A)
        for tag, payload in pair.lane.frames:
            pair.exchange.deliver(pair.lane, tag, payload)  # type: ignore[arg-type]
        assert np.array_equal(await waiting, data)

    with_pair(check)


def test_a_label_twice_is_refused():
    async def check(pair: Pair) -> None:
        pair.come(A, 0, b"x")
        pair.come(A, 0, b"x")
        await asyncio.sleep(0.01)
        (failure,) = pair.failures
        assert type(failure) is RemoteProtocolError
        assert failure.peer == "north"

    with_pair(check)


@pytest.mark.parametrize(
    "frames",
    [
        [(A, 1), (B, 0)],
        [(A, 2), (A, 0)],
        [(A, 1), (A, 1)],
        [(A, exchange._MOST_FRAMES)],
        [(A, 2**32 - 1)],
    ],
)
def test_frames_that_do_not_follow_are_refused(frames):
    async def check(pair: Pair) -> None:
        with pytest.raises(RemoteProtocolError):
            pair.come_all(frames)

    with_pair(check)


def test_what_nobody_asks_for_is_bounded(monkeypatch):
    monkeypatch.setattr(exchange, "INBOX", 10_000)

    async def check(pair: Pair) -> None:
        with pytest.raises(RemoteProtocolError, match="the program has not asked for"):
            pair.come_all([(k.to_bytes(16, "little"), 0) for k in range(100)])
        assert len(pair.exchange._incoming) < 30

    with_pair(check)


def test_who_waits_for_a_peer_that_is_gone_hears_of_it():
    async def check(pair: Pair) -> None:
        lost = PeerLost("north is gone", peer="north")
        pair.exchange.receive(1, A)
        pair.exchange.ended(pair.lane, lost)  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        assert pair.failures == [lost]

    with_pair(check)


def test_a_peer_that_has_ended_is_missed_only_by_who_waits():
    async def check(pair: Pair) -> None:
        pair.come(A, 0, b"last words")
        pair.lane.ended = True
        pair.exchange.ended(pair.lane, LocalProtocolError("ended"))  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        assert pair.failures == []
        assert pair.exchange.receive(1, A).tobytes() == b"last words"
        pair.exchange.receive(1, B)
        (failure,) = pair.failures
        assert "north has ended its program" in str(failure)

    with_pair(check)
