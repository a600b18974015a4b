"""Tables of slots for keys: public hash functions of a key, a slot for each row, and the line of rows that ask for one.

Cuckoo hashing: each key has three slots, one in each third of the table, and its row is in one of them. Tags tell keys
apart; they are hashed separately, so that a row's tag meets the tags of three slots, not those of all rows.
"""

from __future__ import annotations

from math import ceil, comb

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
Words = NDArray[np.uint64]
#: Bits of a tag, a signed integer; the difference of two is within the capacity of all engines.
TAG_BITS = 62
#: Largest magnitude of a tag.
TAG_BOUND = (1 << (TAG_BITS - 1)) - 1
#: Tags that no key has: of rows that look up and have no key, and of slots without one.
NOBODY, EMPTY = TAG_BOUND, TAG_BOUND - 1
#: Slots where a key may be.
CHOICES = 3


def third(rows: int) -> int:
    """Slots of each third of a table with room for `rows` keys.

    A placement exists but for a probability below 2^-40: at 0.74 keys a slot, what fails first are four keys with the
    same three slots, of which C(rows, 4) third^-9 are expected: at most 2^-50. Five keys in four slots are less
    probable by a factor of 10 rows / third^2, and so on; crowding of large sets begins at 0.917 keys a slot.
    """
    size = max(ceil(0.45 * rows), 1)
    # size^9 >= C(rows, 4) 2^50, in integers, so that all parties have the same size
    least = comb(rows, 4) << 50
    size = max(size, int(least ** (1 / 9)) - 2)
    while size**9 < least:
        size += 1
    return size


def chance(rows: int) -> float:
    """The largest probability that any of `rows` rows that look up meets the tag of another key: three slots each."""
    return CHOICES * rows * 2.0**-TAG_BITS


# ---- public hash functions
_GOLDEN = 0x9E3779B97F4A7C15


def _mixed(x: Words) -> Words:
    """A bijection of words that looks random (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


def _hashed(words: Words, purpose: int) -> Words:
    """One word for each row of `words` (rows, columns)."""
    seed = np.uint64((purpose + 1) * _GOLDEN % (1 << 64))
    out = np.full(len(words), seed, np.uint64)
    for k in range(words.shape[1]):
        out = _mixed(out * np.uint64(3) + _mixed(words[:, k] + seed))
    return out


def tags_of(words: Words) -> Whole:
    """The tag of each row: -`TAG_BOUND` to `EMPTY` - 1."""
    tags = (_hashed(words, 1) >> np.uint64(64 - TAG_BITS)).view(np.int64) - TAG_BOUND
    return np.minimum(tags, EMPTY - 1)


def slots_of(words: Words, size: int) -> Whole:
    """The slots of each row, (rows, 3): one in each third of `size` slots."""
    slots = [
        (((_hashed(words, 2 + k) >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32)).view(np.int64) + k * size
        for k in range(CHOICES)
    ]
    return np.stack(slots, axis=1)


def line(asked: Whole, slots: int) -> Whole:
    """The place of each slot, then of each row that asks for one: each slot is followed by the rows that ask for it."""
    by_slot = np.argsort(asked)
    places = np.empty(slots + len(asked), np.int64)
    counts = np.bincount(asked, minlength=slots)
    places[:slots] = np.arange(slots) + np.cumsum(counts) - counts
    # The k-th row by slot stands behind k rows, and behind the slots up to its own.
    places[slots + by_slot] = np.arange(len(asked)) + asked[by_slot] + 1
    return places


def inverted(places: Whole) -> Whole:
    """The inverse of a permutation."""
    out = np.empty_like(places)
    out[places] = np.arange(len(places))
    return out


def placement(slots: Whole, count: int) -> Whole | None:
    """One slot for each row out of its three, `slots` (rows, 3), no slot twice; None if there is none.

    Slots that only one row can take are given to it, again and again; rows that are left, which are few or none below
    0.81 rows a slot, are placed by augmenting paths.
    """
    rows = len(slots)
    chosen = np.full(rows, -1, np.int64)
    degree = np.bincount(slots.reshape(-1), minlength=count)
    # The sum of the rows that could take a slot: of one row, its number.
    owners = np.bincount(slots.reshape(-1), np.repeat(np.arange(rows, dtype=np.float64), CHOICES), minlength=count)
    owners = owners.astype(np.int64)
    single = np.flatnonzero(degree == 1)
    while len(single):
        chosen[owners[single]] = single
        placed = owners[single]
        placed = placed[chosen[placed] == single]  # a row with two such slots takes one
        freed = slots[placed].reshape(-1)
        np.subtract.at(degree, freed, 1)
        np.subtract.at(owners, freed, np.repeat(placed, CHOICES))
        freed = freed[degree[freed] == 1]
        single = np.unique(freed)
    left = np.flatnonzero(chosen < 0)
    return chosen if _augmented(slots, left, chosen) else None


def _augmented(slots: Whole, left: Whole, chosen: Whole) -> bool:
    """Place the rows `left`, whose slots no other row has taken. False if there is no placement."""
    taken: dict[int, int] = {}
    for start in left.tolist():
        came_from: dict[int, int] = {}
        rows = [start]
        free = -1
        for row in rows:
            for slot in slots[row].tolist():
                if slot not in came_from:
                    came_from[slot] = row
                    if slot not in taken:
                        free = slot
                        break
                    rows.append(taken[slot])
            if free >= 0:
                break
        if free < 0:
            return False
        while True:
            row = came_from[free]
            before = int(chosen[row])
            chosen[row], taken[free] = free, row
            if row == start:
                break
            free = before
    return True
