"""Shuffled keys, and comparisons of keys whose results are opened: the common part of sorting and selecting.

Sort keys are secret bits. They are decomposed once, before the shuffle, so a comparison of two keys needs ands only.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party, inner_label
from protocols.permuting import Places
from protocols.shamir import kernels_order, kernels_planes
from protocols.shamir.arithmetic import reveal, reveal_cost
from protocols.shamir.committee import Scheme
from protocols.shamir.comparison import below, decompose
from protocols.shamir.floor import words
from protocols.shamir.operation import cost, nothing, run
from protocols.shamir.orders import Order, permutation, permutation_cost, permutation_spec, shuffle, shuffle_cost
from protocols.shamir.sharing import Numbers, Planes, joined_pairs, split_words

Words = NDArray[np.uint64]


class SortKeys:
    """Shuffled keys that are pairwise distinct, and their comparison.

    data   (m, n, 2): for each coefficient of the binary field the bits of all keys, two words a key
    width  bits of a key
    """

    def __init__(self, scheme: Scheme, data: Words, width: int) -> None:
        self.scheme, self.data, self.width = scheme, data, width

    def of(self, rows: Places) -> SortKeys:
        """The keys of `rows`, in that order."""
        return SortKeys(self.scheme, np.stack([self._of(coefficient, rows) for coefficient in self.data]), self.width)

    @staticmethod
    def _of(coefficient: Words, rows: Places) -> Words:
        out = np.empty((rows.size, 2), np.uint64)
        kernels_order.gathered(coefficient, rows, out)
        return out

    async def less(self, party: Party, a: Places, b: Places) -> NDArray[np.bool_]:
        """Whether key a[i] is less than key b[i], opened.

        Rounds    those of `comparison.below`, and 1
        Bytes     those of `comparison.below`, and 8 m W from each of t parties to each party
        Security  semi-honest; the caller must know what the opened results disclose
        """
        scheme, size, width = self.scheme, a.size, self.width
        x, y = await party.compute(size, lambda: (self._planes(a), self._planes(b)))
        bit = await run(party.inner("less"), scheme, below, x, y, size=size, result=1, width=width)
        opened = await reveal(party.inner("open"), scheme, Planes(bit, (size,), 1), range(scheme.parties))
        assert opened is not None
        return opened.astype(np.bool_)

    def _planes(self, rows: Places) -> Words:
        out = np.empty((len(self.data), self.width, words(rows.size)), np.uint64)
        for coefficient, planes in zip(self.data, out, strict=True):
            kernels_planes.to_planes(self._of(coefficient, rows), np.empty(64, np.uint64), planes)
        return out


def _row_bits(rows: int) -> int:
    """Bits of the number of a row."""
    return max(1, (rows - 1).bit_length())


async def ordered_bits(party: Party, scheme: Scheme, x: Numbers, width: int) -> Words:
    """Planes of the numbers x + 2^(width-1), which are not negative.

    Rounds    those of `decompose`
    Bytes     those of `decompose`
    Security  as `decompose`
    """
    planes = await run(party, scheme, decompose, x.data, size=x.size, result=width, width=width)
    np.invert(planes[0, -1], out=planes[0, -1])
    return planes


async def shuffled(party: Party, scheme: Scheme, x: Numbers, width: int) -> tuple[Order, SortKeys]:
    """A random order of two or more rows, and the keys in this order. The number of each row is the low bits of its
    key, so no two keys are equal.

    Rounds    those of `decompose`, `permutation` and `shuffle`
    Bytes     those of `decompose`, of `permutation` and of a shuffle of words of width + log2 n bits
    Security  semi-honest: the order is uniform, and nobody knows it
    """
    n, places = x.size, _row_bits(x.size)
    bits = await ordered_bits(party.inner("decompose"), scheme, x, width)
    order = await permutation(party.inner("permutation"), scheme, n)
    joined = np.zeros((scheme.degree, places + width, words(n)), np.uint64)
    joined[0, :places] = split_words(np.arange(n, dtype=np.uint64), places)
    joined[:, places:] = bits
    mixed = await shuffle(party.inner("shuffle"), scheme, Planes(joined, (n,), places + width), order)
    return order, SortKeys(scheme, np.stack([joined_pairs(planes, n) for planes in mixed.data]), places + width)


def shuffled_plan(scheme: Scheme, label: bytes, x: Spec, width: int) -> tuple[Spec, Cost, int]:
    """Specification and cost of `shuffled`, and the counter of inner operations after it."""
    n, last = x.size, inner_label(label, 3, "shuffle")
    second = inner_label(label, 2, "permutation")
    spec = permutation_spec(scheme, second, n)
    spent = cost(scheme, inner_label(label, 1, "decompose"), decompose, 0, size=n, width=width)
    spent = spent.then(permutation_cost(scheme, second, n))
    return spec, spent.then(shuffle_cost(scheme, last, Spec((n,), "bits", _row_bits(n) + width), spec)), 3


def compared_cost(
    scheme: Scheme, label: bytes, counter: int, counts: Iterable[int], n: int, width: int
) -> tuple[Cost, int]:
    """The cost of steps of `counts` comparisons of n rows' keys, and the counter of inner operations after them."""
    spent, wide = nothing(scheme), _row_bits(n) + width
    for m in counts:
        less, opened = inner_label(label, counter + 1, "less"), inner_label(label, counter + 2, "open")
        counter += 2
        spent = spent.then(cost(scheme, less, below, wide, wide, size=m, width=wide))
        spent = spent.then(reveal_cost(scheme, opened, Spec((m,), "bits", 1), range(scheme.parties)))
    return spent, counter
