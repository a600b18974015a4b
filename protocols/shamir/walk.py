"""The way of rows from holders to holders: sets of t+1 parties of 2t+1, so that for any t of them a set has none.

Additive shares lie in t+1 *slots*. At each set its members permute, all alike; between two sets one slot changes hands.
A slot's moves wait for those of that slot only, since members permute and mask by what they have, so the way is
arranged to give all slots about as many.

    t         1    2    3    4    5      6
    sets      3   10   35  126  462  1,716
    rounds    1    4   10   29   80    248
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

Set = frozenset[int]


class Move(NamedTuple):
    """Slot `slot` goes to another party, the `turn`-th time (from 0 on)."""

    slot: int
    turn: int


class Walk(NamedTuple):
    """`holders[i][slot]` of the i-th set, counted from the first member of the committee; moves[i] leads from set i to
    the next one."""

    holders: tuple[tuple[int, ...], ...]
    moves: tuple[Move, ...]

    @property
    def rounds(self) -> int:
        return 1 + max(move.turn for move in self.moves)


@lru_cache(maxsize=16)
def walk(threshold: int) -> Walk:
    """Through all sets of t+1 of 2t+1 parties once. Of the next sets that were not yet visited, one is taken that moves
    a slot that moved least, and of these the one from which the fewest lead on (Warnsdorff's rule)."""
    members = 2 * threshold + 1
    slots = list(range(threshold + 1))
    free = {frozenset(some): threshold * (threshold + 1) for some in combinations(range(members), threshold + 1)}
    moved, given = [0] * len(slots), [0] * members
    holders: list[tuple[int, ...]] = []
    moves: list[Move] = []
    while True:
        here = frozenset(slots)
        holders.append(tuple(slots))
        del free[here]
        for near in _neighbours(here, members):
            if near in free:
                free[near] -= 1
        if not free:
            return Walk(tuple(holders), tuple(moves))
        _, _, _, slot, taker = min(
            (moved[slot], free[there], given[giver], slot, taker)
            for slot, giver in enumerate(slots)
            for taker in range(members)
            if (there := (here - {giver}) | {taker}) in free and taker not in here
        )
        moves.append(Move(slot, moved[slot]))
        moved[slot] += 1
        given[slots[slot]] += 1
        slots[slot] = taker


def _neighbours(here: Set, members: int) -> Iterator[Set]:
    for giver in here:
        for taker in range(members):
            if taker not in here:
                yield (here - {giver}) | {taker}
