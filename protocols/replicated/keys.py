"""Shuffled keys, and comparisons of them whose results are opened; sorting and selecting use them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party, concurrently, inner_label
from protocols.permuting import Places
from protocols.replicated import kernels_order, local
from protocols.replicated.boolean import bits_and, bits_and_cost
from protocols.replicated.compare import reveal_sign, reveal_sign_cost, sign, sign_cost
from protocols.replicated.equality import equal, equal_cost
from protocols.replicated.opening import reveal, reveal_cost
from protocols.replicated.orders import Order, permutation, permutation_plan, shuffle, shuffle_cost
from protocols.replicated.roles import NOTHING
from protocols.replicated.sharing import Arithmetic, Bits, Words
from protocols.replicated.wire import word_bytes

_EVERYBODY = (0, 1, 2)


class SortKeys:
    """Shuffled keys, pairwise distinct, and their comparison.

    If a key and its place fit one number, `tie` is None. Else they are compared separately: less = (key < other) or
    (key == other and place < other place); at most one of the two conditions holds.
    """

    def __init__(self, key: Words, width: int, tie: Words | None, tie_width: int, d: int) -> None:
        self.key, self.width = key, width
        self.tie, self.tie_width = tie, tie_width
        self.d, self._turn = d, 0

    def of(self, rows: Places) -> SortKeys:
        """The keys of `rows`, in that sequence."""
        tie = None if self.tie is None else np.ascontiguousarray(self.tie[rows])
        return SortKeys(np.ascontiguousarray(self.key[rows]), self.width, tie, self.tie_width, self.d)

    async def less(self, party: Party, a: Places, b: Places) -> NDArray[np.bool_]:
        """Open the bits key a[i] < key b[i]."""
        difference = await _difference(party, self.key, a, b)
        if self.tie is None:
            turn, self._turn = self._turn, self._turn + 1
            return await reveal_sign(party.inner("less"), difference, self.width, _lead(self.d, turn))
        place = await _difference(party, self.tie, a, b)
        below, same, before = await concurrently(
            sign(party.inner("less"), difference, self.width),
            equal(party.inner("same"), difference, self.width - 1),
            sign(party.inner("tie"), place, self.tie_width),
        )
        bits = local.xor(below, await bits_and(party.inner("and"), same, before))
        opened = await reveal(party.inner("open"), bits, _EVERYBODY)
        assert opened is not None
        return opened.astype(np.bool_)


def _lead(d: int, turn: int) -> int:
    """The party that leads a step: in turn the two parties that send less than the third in a shuffle."""
    return (d + turn % 2) % 3


async def _difference(party: Party, x: Words, a: Places, b: Places) -> Arithmetic:
    out = np.empty((2, a.size), np.uint64)
    await party.compute(a.size, kernels_order.differences, x, a, b, out)
    return Arithmetic(out, (a.size,))


def _widths(n: int, width: int) -> tuple[int, int]:
    """(bits of a difference of keys, bits of a difference of places: 0 if a key holds its place)."""
    places = max(n - 1, 1).bit_length()
    if width + places < 64:
        return width + places + 1, 0
    return width + 1, places + 1


async def shuffled(party: Party, x: Arithmetic, width: int) -> tuple[Order, SortKeys]:
    """A random order of at least two rows, and the keys with their places in that order, so that no two are equal.

    Rounds    2
    Bytes     a shuffle of n numbers of as many bytes as key and place take together; of two columns if they do not fit
              one number
    Security  semi-honest: the order is uniform, and no party knows it
    """
    n = x.size
    difference, tie_width = _widths(n, width)
    order = await permutation(party.inner("permutation"), n)
    place = np.arange(n, dtype=np.int64)
    if tie_width:
        key = await shuffle(party.inner("shuffle"), x, order)
        tie = await shuffle(party.inner("shuffle"), local.constant(party, place), order)
        return order, SortKeys(_records(key), difference, _records(tie), tie_width, order.d)
    joined = local.add_public(party, local.scale(x, np.asarray(1 << (n - 1).bit_length())), place)
    mixed = await shuffle(party.inner("shuffle"), joined, order, word_bytes(difference))
    return order, SortKeys(_records(mixed), difference, None, 0, order.d)


def _records(x: Arithmetic | Bits) -> Words:
    """Records of two words: both components of a number. Local."""
    return np.ascontiguousarray(x.data.T)


def _less_cost(label: bytes, counter: int, m: int, width: int, tie_width: int, lead: int) -> tuple[Cost, int]:
    """The cost of `SortKeys.less` for m pairs, and the counter of inner operations after it."""
    bits = Spec((m,), "bits", 1)

    def inner(name: str) -> bytes:
        nonlocal counter
        counter += 1
        return inner_label(label, counter, name)

    if not tie_width:
        return reveal_sign_cost(lead, m, width), counter + 1
    cost = sign_cost(inner("less"), m, width)
    cost = cost.beside(equal_cost(inner("same"), m, width - 1))
    cost = cost.beside(sign_cost(inner("tie"), m, tie_width)).then(bits_and_cost(inner("and"), bits))
    return cost.then(reveal_cost(inner("open"), bits, _EVERYBODY)), counter


def shuffled_plan(label: bytes, x: Spec, width: int) -> tuple[Spec, Cost, int]:
    """The order's specification and the cost of `shuffled`, and the counter of inner operations after it."""
    difference, tie_width = _widths(x.size, width)
    spec, _ = permutation_plan(inner_label(label, 1, "permutation"), x.size)
    moved = shuffle_cost(x, spec, octets=8 if tie_width else word_bytes(difference))
    return spec, moved.then(moved) if tie_width else moved, 3 if tie_width else 2


#: Nanoseconds for each bit that a comparison of keys compares.
_BIT_NS = 0.65
#: Nanoseconds to shuffle a key, with its order.
_SHUFFLED_NS = 40.0


def work_of_comparisons(count: int, n: int, width: int) -> float:
    """Nanoseconds of one party for so many comparisons of the keys of n rows, and for shuffling these first."""
    difference, tie_width = _widths(n, width)
    return (
        _BIT_NS * count * (difference + tie_width + (width - 1 if tie_width else 0)) + (1 + bool(tie_width)) * 40.0 * n
    )


def compared_cost(label: bytes, counter: int, counts: Iterable[int], n: int, width: int, d: int) -> tuple[Cost, int]:
    """The cost of steps with `counts` comparisons each, on the keys of n rows in an order with D = `d`, and the counter
    of inner operations after them."""
    cost = NOTHING
    for turn, m in enumerate(counts):
        step, counter = _less_cost(label, counter, m, *_widths(n, width), _lead(d, turn))
        cost = cost.then(step)
    return cost, counter
