"""What stands behind each masked opening of simulated `shamir` parties: the numbers themselves, and their room.

with masked_numbers() as seen:
    simulate(…, engine="shamir")
assert not seen.beyond()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from protocols.shamir.floor import Floor
from protocols.shamir.prime import PRIME
from protocols.shamir.tally import Tally


class Opening(NamedTuple):
    """One masked opening: numbers as integers about 0, the bits they are said to have, and what the king saw."""

    numbers: list[int]
    room: int
    king: int
    seen: list[int]


@dataclass
class Seen:
    """All masked openings of a run, by label of the operation and part."""

    openings: dict[tuple[bytes, int], Opening] = field(default_factory=dict)
    rooms: dict[tuple[bytes, int], tuple[int, int]] = field(default_factory=dict)
    masks: dict[tuple[bytes, int], list[int]] = field(default_factory=dict)

    def beyond(self) -> list[tuple[int, int]]:
        """(bits, room) of each number that is not in its room."""
        return [
            (number.bit_length(), one.room)
            for one in self.openings.values()
            for number in one.numbers
            if not -(1 << (one.room - 1)) <= number < 1 << (one.room - 1)
        ]


def _integers(elements: object) -> list[int]:
    return [int(low) | int(high) << 64 for low, high in np.asarray(elements, np.uint64).reshape(-1, 2)]


@contextmanager
def masked_numbers() -> Iterator[Seen]:
    seen = Seen()
    masks, opened, masked = Floor.masks, Floor._opened, Floor.masked_to_king

    def noted_masks(self: Floor, size: int, room: int) -> Any:
        found = masks(self, size, room)
        if found.own is not None:
            key = self.party.label, self._part
            before = seen.masks.get(key, [0] * size)
            seen.masks[key] = [a + b for a, b in zip(before, _integers(found.own), strict=True)]
        return found

    def noted_room(self: Floor, z: Any, size: int, *, room: int, offset: int) -> Any:
        if isinstance(self, Tally):
            return masked(self, z, size, room=room, offset=offset)
        seen.rooms[self.party.label, self._part + 1] = room, offset  # the part that the masks take next
        return masked(self, z, size, room=room, offset=offset)

    async def noted_opening(self: Floor, field_: Any, part: int, z: Any, shape: tuple[int, ...]) -> Any:
        found = await opened(self, field_, part, z, shape)
        key = self.party.label, part - 1
        if key in seen.rooms:
            room, offset = seen.rooms[key]
            own = _integers(found)
            numbers = [(c - r - offset) % PRIME for c, r in zip(own, seen.masks[key], strict=True)]
            about = [v - PRIME if v > PRIME // 2 else v for v in numbers]
            seen.openings[key] = Opening(about, room, self.me, own)
        return found

    with (
        patch.object(Floor, "masks", noted_masks),
        patch.object(Floor, "_opened", noted_opening),
        patch.object(Floor, "masked_to_king", noted_room),
    ):
        yield seen
