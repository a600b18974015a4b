"""The sets of parties that hold rows in turn: all sets of t+1 of 2t+1 parties, so one set is without any given t.

Each of the t+1 additive parts is in a *slot*. All members of a set apply the same permutation; between two sets one
slot moves to another party. A move waits for earlier moves of its slot only, since members need no message to permute
and to mask. So the walk gives all slots about the same number of moves.

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
    """Slot `slot` goes to another party, for the `turn`-th time (from 0 on)."""

    slot: int
    turn: int


class Walk(NamedTuple):
    """`holders[i][slot]` is a member of set i, counted from the first member of the committee; moves[i] leads from set
    i to set i + 1."""

    holders: tuple[tuple[int, ...], ...]
    moves: tuple[Move, ...]

    @property
    def rounds(self) -> int:
        return 1 + max(move.turn for move in self.moves)


@lru_cache(maxsize=16)
def walk(threshold: int) -> Walk:
    """Visit each set of t+1 of 2t+1 parties once. The next set is an unvisited one whose move is of a slot that moved
    least; of these, one with the fewest unvisited neighbours (Warnsdorff's rule)."""
    members = 2 * threshold + 1
    slots = list(range(threshold + 1))
    free = {frozenset(parties): threshold * (threshold + 1) for parties in combinations(range(members), threshold + 1)}
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
