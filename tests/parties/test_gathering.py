"""The compute parties settle on the same contributions, whatever each of them has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from mpc.channel import MemoryNetwork
from mpc.errors import CheckFailed, PeerTimeout
from mpc.outside import Dealt
from parties import gathering
from parties.contribution import Received
from parties.inbox import Contributor


def digest(number: int, owner: int) -> bytes:
    return bytes((number, owner)) * 16


class Box:
    """As much of an inbox as gathering looks at: owner -> numbers of submissions."""

    def __init__(self, held: dict[int, list[int]]) -> None:
        self.contributors = [Contributor(f"clinic-{owner}", owner, None) for owner in sorted(held)]  # type: ignore[arg-type]
        self.numbers = held

    def look(self) -> None:
        pass

    def held(self, owner: int) -> list[Received]:
        return [Received(owner, n, digest(n, owner), Dealt(owner, ())) for n in self.numbers[owner]]


def settle(
    boxes: list[Box], *, wait: float = 5, after: Callable[[], None] | None = None, network: MemoryNetwork | None = None
) -> list[dict[int, bytes] | BaseException]:
    net = network or MemoryNetwork(len(boxes))

    async def main() -> list[dict[int, bytes] | BaseException]:
        def status(line: str) -> None:
            lines.append(line)

        if after is not None:
            asyncio.get_running_loop().call_later(0.4, after)
        parts = [
            gathering.gather(net.channels[i], box, wait=wait, status=status, progressed=lambda: None)  # type: ignore[arg-type]
            for i, box in enumerate(boxes)
        ]
        return await asyncio.gather(*parts, return_exceptions=True)

    lines: list[str] = []
    found = asyncio.run(main())
    settle.lines = lines  # type: ignore[attr-defined]
    return found


def test_the_newest_that_all_have():
    boxes = [Box({3: [1, 2], 4: [5]}), Box({3: [1, 2, 7], 4: [5]}), Box({3: [2, 7], 4: [4, 5]})]
    assert settle(boxes) == [{3: digest(2, 3), 4: digest(5, 4)}] * 3


def test_a_resubmission_that_reached_some_only_is_not_used_and_stops_nothing():
    boxes = [Box({3: [1, 9]}), Box({3: [1]}), Box({3: [1]})]
    assert settle(boxes) == [{3: digest(1, 3)}] * 3


@pytest.mark.parametrize("parties", [3, 5])
@pytest.mark.parametrize("late", [0, 1, 2])
def test_they_wait_for_the_last_one(parties, late):
    boxes = [Box({3: [1], 4: [2]}) for _ in range(parties)]
    boxes[late].numbers[4] = []
    found = settle(boxes, after=lambda: boxes[late].numbers[4].append(2))
    assert found == [{3: digest(1, 3), 4: digest(2, 4)}] * parties
    assert {line.split(" …")[0] for line in settle.lines} == {"waiting for contributions of clinic-4"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("lacking", [0, 1, 2])
def test_who_is_missing_is_named_at_all(lacking):
    boxes = [Box({3: [1], 4: [2]}) for _ in range(3)]
    boxes[lacking].numbers[3] = [8]
    for error in settle(boxes, wait=0.6):
        assert isinstance(error, PeerTimeout)
        assert "no contribution of clinic-3 has come to all compute parties" in str(error)
        assert error.exit_code == 3


def test_different_choices_are_found():
    """The first party tells one of the others something else than the rest."""
    other = np.frombuffer(digest(2, 3), np.uint8)

    def tamper(sender: int, receiver: int, tag: bytes, payload: np.ndarray) -> np.ndarray:
        if (sender, receiver) == (0, 2) and payload.size == 33:
            payload[1:] = other
        return payload

    boxes = [Box({3: [1, 2]}) for _ in range(3)]
    boxes[0].numbers[3] = [1]
    found = settle(boxes, network=MemoryNetwork(3, tamper=tamper))
    assert all(isinstance(one, CheckFailed) for one in found)
