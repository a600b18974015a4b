"""The desk of a compute party: what one visitor can make it hold and do is bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from mpc.errors import RemoteProtocolError
from mpc.machine.outside import Dealt
from parties.contributors.contribution import Received
from parties.contributors.desk import TOO_LATE, Desk
from parties.contributors.inbox import Closed, Contributor
from parties.net import frames
from parties.organization.identity import Identity

STUDY = bytes(32)


class Link:
    """As much of a connection as the desk uses; what was written, as (kind, message)."""

    def __init__(self, desk: Desk, key_hash: bytes) -> None:
        self.greeted = self.paused = self.gone_away = False
        self.settled = asyncio.Event()
        self.written: list[tuple[int, dict[str, Any]]] = []
        self.desk = desk
        self.lane = desk.identify(self, key_hash)  # type: ignore[arg-type]
        desk.welcome(self, {"protocol": frames_protocol(), "study": STUDY.hex()})  # type: ignore[arg-type]

    def write(self, data: bytes) -> None:
        payload = np.frombuffer(data[frames.FRAME_HEADER :], np.uint8)
        self.written.append((data[3], frames.parse(payload)))

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.gone_away:
            self.gone_away = True
            self.desk.closed(self, None)  # type: ignore[arg-type]

    def say(self, kind: int, payload: bytes) -> None:
        self.desk.control(self, kind, 0, np.frombuffer(payload, np.uint8))  # type: ignore[arg-type]

    def offer(self, content: bytes, number: int = 1) -> None:
        self.say(frames.OFFER, frames.canonical({"bytes": len(content), "number": number}))
        self.say(frames.SEALED, content)

    @property
    def refused(self) -> str | None:
        return next((message["kind"] for kind, message in self.written if kind == frames.BYE), None)


def frames_protocol() -> int:
    from parties.net.agreement import PROTOCOL_VERSION

    return PROTOCOL_VERSION


class Box:
    """An inbox that verifies until it is let go, and counts how many are verified at once."""

    def __init__(self, contributors: list[Contributor]) -> None:
        self.contributors = contributors
        self.closed = False
        self.go = threading.Event()
        self.lock = threading.Lock()
        self.accepted: list[bytes] = []
        self.now = self.most_at_once = 0

    def largest_envelope(self, one: Contributor) -> int:
        return 1000

    def check_number(self, one: Contributor, number: int) -> None:
        pass

    def accept(self, one: Contributor, envelope: bytes) -> Received:
        with self.lock:
            self.now += 1
            self.most_at_once = max(self.most_at_once, self.now)
        self.go.wait(10)
        with self.lock:
            self.now -= 1
            if self.closed:
                raise Closed("closed")
            self.accepted.append(envelope)
        return Received(one.index, len(self.accepted), bytes(32), Dealt(one.index, ()))


@contextmanager
def a_desk(tmp_path: Any, visitors: int) -> Iterator[tuple[Desk, Box, list[Contributor]]]:
    own = Identity.create(tmp_path / "own")
    cards = [Identity.create(tmp_path / f"v{i}").card(f"clinic-{i}") for i in range(visitors)]
    contributors = [Contributor(card.name, 3 + i, card) for i, card in enumerate(cards)]
    box = Box(contributors)
    desk = Desk(
        identity=own,
        name="north",
        study=STUDY,
        document={},
        visitors=contributors,
        inbox=box,  # type: ignore[arg-type]
        status=lambda line: None,
    )
    try:
        yield desk, box, contributors
    finally:
        box.go.set()


def test_of_each_visitor_one_is_verified_and_the_latest_waits(tmp_path):
    async def main() -> None:
        with a_desk(tmp_path, 1) as (desk, box, (one,)):
            links = []
            for i in range(20):
                links.append(Link(desk, one.card.key_hash))
                links[-1].offer(b"%d" % i)
                await asyncio.sleep(0.01)
            assert all(link.gone_away for link in links[:-1])  # the newest connection alone is kept
            assert box.most_at_once == 1
            box.go.set()
            await settled(desk)
            assert box.accepted == [b"0", b"19"]
            assert links[-1].written[-1][0] == frames.RECEIPT

    asyncio.run(main())


def test_of_many_visitors_a_few_are_verified_at_once(tmp_path):
    async def main() -> None:
        with a_desk(tmp_path, 6) as (desk, box, contributors):
            for one in contributors:
                Link(desk, one.card.key_hash).offer(b"x")
            await asyncio.sleep(0.1)
            assert box.most_at_once == 2
            box.go.set()
            await settled(desk)
            assert box.accepted == [b"x"] * 6
            assert box.most_at_once == 2

    asyncio.run(main())


def test_one_connection_brings_one_contribution(tmp_path):
    async def main() -> None:
        with a_desk(tmp_path, 1) as (desk, box, (one,)):
            box.go.set()
            link = Link(desk, one.card.key_hash)
            with pytest.raises(RemoteProtocolError, match="more bytes"):
                link.say(frames.SEALED, b"")  # nothing was offered: an empty one would be complete at once
            link.offer(b"abc")
            with pytest.raises(RemoteProtocolError, match="a second contribution"):
                link.offer(b"def", 2)
            with pytest.raises(RemoteProtocolError, match="more bytes"):
                link.say(frames.SEALED, b"d")
            await settled(desk)
            assert box.accepted == [b"abc"]
            other = Link(desk, one.card.key_hash)
            other.say(frames.OFFER, frames.canonical({"bytes": 3, "number": 3}))
            with pytest.raises(RemoteProtocolError, match="empty piece"):
                other.say(frames.SEALED, b"")

    asyncio.run(main())


def test_what_comes_while_the_choice_is_made_is_sent_away(tmp_path):
    async def main() -> None:
        with a_desk(tmp_path, 1) as (desk, box, (one,)):
            link = Link(desk, one.card.key_hash)
            link.offer(b"abc")
            await asyncio.sleep(0.05)
            box.closed = True
            box.go.set()
            await settled(desk)
            assert link.refused == TOO_LATE
            late = Link(desk, one.card.key_hash)
            late.say(frames.OFFER, frames.canonical({"bytes": 3, "number": 2}))
            assert late.refused == TOO_LATE

    asyncio.run(main())


async def settled(desk: Desk) -> None:
    async with asyncio.timeout(10):
        await asyncio.gather(*desk._tasks)
