"""The compute parties settle on the same contributions, whatever each of them has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from mpc.errors import CheckFailed, PeerTimeout
from mpc.machine.channel import MemoryNetwork
from mpc.machine.outside import Dealt
from parties.contributors import gathering
from parties.contributors.contribution import Received
from parties.contributors.inbox import Contributor


def digest(number: int, owner: int) -> bytes:
    return bytes((number, owner)) * 16


class Box:
    """As much of an inbox as gathering looks at: owner -> numbers of submissions."""

    def __init__(self, held: dict[int, list[int]]) -> None:
        self.contributors = [Contributor(f"clinic-{owner}", owner, None) for owner in sorted(held)]  # type: ignore[arg-type]
        self.numbers = held
        self.closed = False

    def read_files(self) -> list[str]:
        return []

    def close(self) -> None:
        self.closed = True

    def reopen(self) -> None:
        self.closed = False

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


def lying(boxes: list[Box], change: Callable[[int, int, np.ndarray], None]) -> list[dict[int, bytes] | BaseException]:
    """What comes out when messages are changed on their way: `change(sender, receiver, payload)`."""

    def tamper(sender: int, receiver: int, tag: bytes, payload: np.ndarray) -> np.ndarray:
        change(sender, receiver, payload)
        return payload

    return settle(boxes, network=MemoryNetwork(len(boxes), tamper=tamper))


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_who_tells_the_others_different_things_is_found(liar):
    """One party hides the newest submission from one of the others, for which they would choose an older one."""

    def hide(sender: int, receiver: int, payload: np.ndarray) -> None:
        if (sender, receiver) == (liar, (liar + 1) % 3):
            at = payload.tobytes().find(digest(2, 3))
            if at >= 0:
                payload[at : at + 40] = 0

    found = lying([Box({3: [1, 2]}) for _ in range(3)], hide)
    assert all(isinstance(one, CheckFailed) for one in found), found


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_no_party_alone_says_which_submission_is_the_newest(liar):
    """A party gives the older submission a greater number: it counts as one that the others do not have."""

    def renumber(sender: int, receiver: int, payload: np.ndarray) -> None:
        at = payload.tobytes().find(digest(1, 3))
        if sender == liar and at >= 0:
            payload[at + 32 : at + 40] = 255

    found = lying([Box({3: [1, 2]}) for _ in range(3)], renumber)
    honest = [one for i, one in enumerate(found) if i != liar]
    # The liar itself sees what it has not sent, and stops.
    assert all(isinstance(one, CheckFailed) or one == {3: digest(2, 3)} for one in honest), found


def test_the_choice_is_the_same_in_whatever_order_the_inventories_are_read():
    held = [{3: [1, 2], 4: [5]}, {3: [1, 2, 7], 4: [5]}, {3: [2, 7], 4: [4, 5]}]
    raw = [gathering.inventory(Box(one), over=False) for one in held]  # type: ignore[arg-type]
    expected = {3: digest(2, 3), 4: digest(5, 4)}
    for order in permutations(raw):
        assert gathering.choose([3, 4], order) == expected
    # An inventory that promises what the others have not, changes nothing.
    more = gathering.inventory(Box({3: [2, 8, 9], 4: [5, 6]}), over=False)  # type: ignore[arg-type]
    assert gathering.choose([3, 4], [*raw[:2], more]) == expected


def test_a_submission_that_came_to_all_before_they_took_no_more_is_not_passed_over():
    """It comes between the inventories by which all are complete and the moment in which they close."""
    boxes = [Box({3: [1]}) for _ in range(3)]
    for box in boxes:

        def close(box: Box = box) -> None:
            if not box.closed:
                box.numbers[3] = [1, 2]
            box.closed = True

        box.close = close  # type: ignore[method-assign]
    assert settle(boxes) == [{3: digest(2, 3)}] * 3
