"""Sorting by digits: for keys of few bits, in few rounds for many rows.

A pass takes the next two bits of the keys, in the order of the pass before. It counts the rows with smaller digits;
that gives each row its new place, and the places give the new order. Nothing about keys is opened: the only openings
are those of `order_of`.
"""

from __future__ import annotations

import numpy as np

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party, inner_label
from protocols.replicated import local
from protocols.replicated.arithmetic import multiply_cost, sum_of_products
from protocols.replicated.boolean import bits_and, bits_and_cost
from protocols.replicated.convert import bit_to_ring, bit_to_ring_cost, decompose, decompose_cost
from protocols.replicated.orders import (
    Order,
    order_of,
    order_of_plan,
    shuffle,
    shuffle_cost,
    unshuffle,
)
from protocols.replicated.sharing import Arithmetic, Bits

_DIGIT = 2


def passes(width: int) -> list[tuple[int, int]]:
    """(lowest bit, bits) of each digit."""
    return [(low, min(_DIGIT, width - low)) for low in range(0, width, _DIGIT)]


async def sort_by_digits(party: Party, x: Arithmetic, width: int) -> Order:
    """The order that sorts x: ascending and stable.

    Shapes    x: (n,), n > 0; result: an order of n rows
    Ring      given -2^(width-1) <= x < 2^(width-1)
    Rounds    a decomposition, then 7 for the first pass of two bits and 11 for each later pass
    Bytes     a decomposition; for each pass 152 n (all parties together); from the second pass on also 32 n and two
              bits a row
    Security  semi-honest: only `order_of` opens, and what it opens are random permutations
    Source    Hamada et al., eprint 2014/121; Asharov et al., CCS 2022
    """
    raised = local.add_public(party, x, np.asarray(1 << (width - 1)))
    words = await decompose(party.inner("decompose"), raised, width)
    order: Order | None = None
    for low, count in passes(width):
        digit = _digit(words, low, count)
        if order is not None:
            mixed = await shuffle(party.inner("shuffle"), digit, order)
            assert isinstance(mixed, Bits)
            digit = mixed
        places = await _places(party, digit)
        if order is not None:  # the places, in the original order of the rows
            back = await unshuffle(party.inner("unshuffle"), places, order)
            assert isinstance(back, Arithmetic)
            places = back
        order = await order_of(party.inner("order"), places)
    assert order is not None
    return order


def _digit(words: Bits, low: int, count: int) -> Bits:
    """Bits low..low+count-1 of words. Local."""
    data = words.data.astype(np.uint64) >> np.uint64(low) & np.uint64((1 << count) - 1)
    return Bits(data if count > 1 else data.astype(np.uint8), words.shape, count)


async def _places(party: Party, digit: Bits) -> Arithmetic:
    """The place to which a stable sort by the digit brings each row.

    Row i with digit j goes to C_j(i): the number of rows with smaller digits, plus the number of earlier rows with
    digit j. With the flags F_j = [digit is j] for j > 0, the place is C_0 + the sum of F_j (C_j - C_0).
    """
    n = digit.size
    if digit.width == 1:
        flags = await bit_to_ring(party.inner("flags"), digit)
    else:
        low, high = _digit(digit, 0, 1), _digit(digit, 1, 1)
        both = await bits_and(party.inner("and"), low, high)
        bits = local.concatenate(local.xor(low, both), local.xor(high, both), both, axis=0)
        flags = await bit_to_ring(party.inner("flags"), bits)
    f = flags.data.reshape(2, -1, n)
    before = np.cumsum(f, axis=2, dtype=np.uint64) - f  # rows with this digit before row i
    total = f.sum(axis=2, dtype=np.uint64)
    # shares of the number of rows with digit 0 before row i, and in all; one component has the public summand
    first = np.zeros((2, n), np.uint64) - before.sum(axis=1, dtype=np.uint64)
    smaller = np.zeros((2, 1), np.uint64) - total.sum(axis=1, dtype=np.uint64, keepdims=True)
    row = local.public_row(party)
    if row is not None:
        first[row] += np.arange(n, dtype=np.uint64)
        smaller[row] += np.uint64(n)
    start = np.concatenate((smaller, smaller + np.cumsum(total, axis=1, dtype=np.uint64)[:, :-1]), axis=1)
    apart = before + start[:, :, None] - first[:, None, :]
    chosen = await sum_of_products(
        party.inner("places"),
        [Arithmetic(np.ascontiguousarray(f[:, j]), (n,)) for j in range(f.shape[1])],
        [Arithmetic(np.ascontiguousarray(apart[:, j]), (n,)) for j in range(f.shape[1])],
    )
    return Arithmetic(chosen.data + first, (n,))


def digits_plan(label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    counter, n = 0, x.size

    def inner(name: str) -> bytes:
        nonlocal counter
        counter += 1
        return inner_label(label, counter, name)

    cost = decompose_cost(inner("decompose"), n, width)
    spec: Spec | None = None
    for _, count in passes(width):
        if spec is not None:
            inner("shuffle")
            cost = cost.then(shuffle_cost(Spec((n,), "bits", count), spec))
        if count > 1:
            cost = cost.then(bits_and_cost(inner("and"), Spec((n,), "bits", 1)))
        cost = cost.then(bit_to_ring_cost(inner("flags"), n * ((1 << count) - 1)))
        cost = cost.then(multiply_cost(inner("places"), n))
        if spec is not None:
            inner("unshuffle")
            cost = cost.then(shuffle_cost(x, spec, back=True))
        spec, places = order_of_plan(inner("order"), x)
        cost = cost.then(places)
    assert spec is not None
    return spec, cost
