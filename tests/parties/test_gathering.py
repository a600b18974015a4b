"""The compute parties settle on the same contributions, whatever each of them has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from mpc.errors import CheckFailed, PeerTimeout, RemoteProtocolError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.outside import Dealt
from parties.contributors import gathering
from parties.contributors.contribution import Received
from parties.contributors.inbox import KEPT, Arrived, Contributor
from parties.contributors.inventories import ENTRY, Inventories, packed, unpacked


def digest(number: int, owner: int) -> bytes:
    return bytes((number, 1, owner & 255, owner >> 8)) * 8


class Box:
    """As much of an inbox as gathering looks at: owner -> numbers of submissions."""

    def __init__(self, held: dict[int, list[int]]) -> None:
        self.contributors = [Contributor(f"clinic-{owner}", owner, None) for owner in sorted(held)]  # type: ignore[arg-type]
        self.numbers = held
        self.closed = False
        self.log: dict[Arrived, None] = {}

    def read_files(self) -> list[str]:
        return []

    def close(self) -> None:
        self.closed = True

    def reopen(self) -> None:
        self.closed = False

    def arrived(self, since: int) -> list[Arrived]:
        every = [Arrived(owner, n, digest(n, owner)) for owner, numbers in self.numbers.items() for n in numbers]
        self.log.update(dict.fromkeys(every))
        return list(self.log)[since:]

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


@pytest.mark.parametrize("lacking", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 2))])
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
                payload[at : at + 32] = list(digest(1, 3))

    found = lying([Box({3: [1, 2]}) for _ in range(3)], hide)
    assert all(isinstance(one, CheckFailed) for one in found), found


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_no_party_alone_says_which_submission_is_the_newest(liar):
    """A party gives the older submission a greater number: it counts as one that the others do not have."""

    def renumber(sender: int, receiver: int, payload: np.ndarray) -> None:
        at = payload.tobytes().find(digest(1, 3))
        if sender == liar and at >= 0:
            payload[at - 8 : at] = 255

    found = lying([Box({3: [1, 2]}) for _ in range(3)], renumber)
    honest = [one for i, one in enumerate(found) if i != liar]
    # The liar itself sees what it has not sent, and stops.
    assert all(isinstance(one, CheckFailed) or one == {3: digest(2, 3)} for one in honest), found


def inventories(order: Iterable[dict[int, list[int]]]) -> dict[int, bytes]:
    """What is chosen when the parties announce these numbers of submissions, by owner."""
    parties = list(order)
    found = Inventories(len(parties), [3, 4])
    for party, held in enumerate(parties):
        found.add(party, unpacked(packed(Box(held).arrived(0))))
    return found.chosen


def test_the_choice_is_the_same_in_whatever_order_the_inventories_are_read():
    held = [{3: [1, 2], 4: [5]}, {3: [1, 2, 7], 4: [5]}, {3: [2, 7], 4: [4, 5]}]
    expected = {3: digest(2, 3), 4: digest(5, 4)}
    for order in permutations(held):
        assert inventories(order) == expected
    # An inventory that promises what the others have not, changes nothing.
    assert inventories([*held[:2], {3: [2, 8, 9], 4: [5, 6]}]) == expected


def test_what_a_party_keeps_no_longer_is_not_chosen():
    many = list(range(1, KEPT + 2))
    assert inventories([{3: many}, {3: [1]}, {3: many}]) == {}
    assert inventories([{3: many}, {3: [1, 2]}, {3: many}]) == {3: digest(2, 3)}


def test_an_announcement_of_who_contributes_nothing_is_refused():
    with pytest.raises(RemoteProtocolError, match="announced a contribution of organization 9, which brings none"):
        Inventories(3, [3, 4]).add(1, [Arrived(9, 1, bytes(32))])


@pytest.mark.parametrize("held", [10, 1000])
def test_while_they_wait_they_send_what_is_new_only(held):
    """The bytes are those of the announcements, once, and 37 for each party and tick."""
    network = MemoryNetwork(3)
    boxes = [Box({3: [], **{owner: [1] for owner in range(4, 4 + held)}}) for _ in range(3)]

    def come() -> None:
        for box in boxes:
            box.numbers[3] = [1]

    async def main() -> None:
        asyncio.get_running_loop().call_later(0.6, come)
        parts = [
            gathering.gather(channel, box, wait=60, status=lambda line: None, progressed=lambda: None)  # type: ignore[arg-type]
            for channel, box in zip(network.channels, boxes, strict=True)
        ]
        await asyncio.gather(*parts)

    asyncio.run(main())
    ticks = sum(1 for sender, receiver, _, size in network.messages if (sender, receiver, size) == (0, 1, 37))
    assert ticks >= 3
    assert network.bytes_sent == [2 * (ENTRY * (held + 1) + 37 * ticks)] * 3


def some_missing(at_least: int, *, waits: list[float], enrolled: bool = True) -> list[dict[int, bytes] | BaseException]:
    """Three parties that have contributions of 3 and 4, and none of 5; party 1 alone has one of 6."""
    boxes = [Box({3: [1], 4: [2], 5: [], 6: [7] if i == 1 else []}) for i in range(3)]
    network = MemoryNetwork(3)
    for box in boxes:
        box.contributors = [replace(one, enrolled=enrolled or one.index == 3) for one in box.contributors]

    async def main() -> list[dict[int, bytes] | BaseException]:
        parts = [
            gathering.gather(
                channel, box, wait=wait, status=lambda line: None, progressed=lambda: None, at_least=at_least
            )  # type: ignore[arg-type]
            for channel, box, wait in zip(network.channels, boxes, waits, strict=True)
        ]
        return await asyncio.gather(*parts, return_exceptions=True)

    return asyncio.run(main())


def test_enough_of_the_enrolled_are_chosen_alike_once_all_have_waited():
    begun = time.monotonic()
    assert some_missing(2, waits=[0.3, 0.3, 1.2]) == [{3: digest(1, 3), 4: digest(2, 4)}] * 3
    assert time.monotonic() - begun > 1.2, "they have not waited for the one that waits longest"


def test_too_few_of_the_enrolled_are_not_enough():
    for error in some_missing(3, waits=[0.3] * 3):
        assert isinstance(error, PeerTimeout)
        assert "2 are here; the study asks for 3" in str(error)


def test_no_organization_that_the_study_names_may_be_missing():
    for error in some_missing(1, waits=[0.3] * 3, enrolled=False):
        assert isinstance(error, PeerTimeout)
        assert "no contribution of clinic-5, clinic-6 has come" in str(error)


def test_of_very_many_that_are_missing_a_few_are_named():
    boxes = [Box({owner: [1] if owner < 13 else [] for owner in range(3, 1003)}) for _ in range(3)]
    for error in settle(boxes, wait=1.3):
        assert isinstance(error, PeerTimeout)
        assert "clinic-24 and 978 more has come" in str(error)
    assert settle.lines[0].startswith(  # type: ignore[attr-defined]
        "waiting for 990 of 1,000 contributions: clinic-13, clinic-14, clinic-15, … "
    )


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
