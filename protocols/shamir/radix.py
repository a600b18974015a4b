"""Sorting by digits: for keys of few bits, in few rounds for many rows.

A pass takes the next two bits of the keys in the current order. The numbers of rows with smaller digits give the new
places of the rows, and the places give the new order. Nothing about keys is opened: only `order_of` opens values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party, inner_label
from protocols.shamir import kernels_order, local
from protocols.shamir.adder import conjunction
from protocols.shamir.arithmetic import reduced
from protocols.shamir.committee import Scheme
from protocols.shamir.comparison import as_number, decompose
from protocols.shamir.floor import Floor
from protocols.shamir.keys import ordered_bits
from protocols.shamir.operation import cost, run
from protocols.shamir.orders import Order, order_of, order_of_plan, shuffle, shuffle_cost, turned
from protocols.shamir.shares import unpack
from protocols.shamir.sharing import Numbers, Planes

Words = NDArray[np.uint64]
_DIGIT = 2


def passes(width: int) -> list[tuple[int, int]]:
    """(lowest bit, bits) of each digit."""
    return [(low, min(_DIGIT, width - low)) for low in range(0, width, _DIGIT)]


async def _flagged(f: Floor, digit: Words, size: int) -> Words:
    """Three planes: whether a digit of two bits is 1, is 2, is 3."""
    both = await conjunction(f, digit[:, :1], digit[:, 1:], 1, size)
    return f.joined([f.xor(digit[:, :1], both), f.xor(digit[:, 1:], both), both])


async def sort_by_digits(party: Party, scheme: Scheme, x: Numbers, width: int) -> Order:
    """The order that sorts x: ascending and stable.

    Shapes    x: (n,), n > 0; result: an order of n rows; -2^(width-1) <= x < 2^(width-1)
    Rounds    those of a decomposition; then for each pass of two bits those of an and, bits as numbers, a product and
              `order_of`, and from the second pass on those of two shuffles
    Bytes     those of a decomposition; for each pass those of an and, three bits as numbers, a product and
              `order_of`, and from the second pass on those of a shuffle of two bits and of a shuffle of numbers
    Security  semi-honest: `order_of` opens uniformly random permutations, and nothing else is opened
    Source    Hamada et al., eprint 2014/121; Asharov et al., CCS 2022
    """
    n = x.size
    words = await ordered_bits(party.inner("decompose"), scheme, x, width)
    order: Order | None = None
    for low, count in passes(width):
        digit: Numbers | Planes = Planes(np.ascontiguousarray(words[:, low : low + count]), (n,), count)
        if order is not None:
            digit = await shuffle(party.inner("shuffle"), scheme, digit, order)
        assert isinstance(digit, Planes)
        places: Numbers | Planes = Numbers(await _places(party, scheme, digit), (n,))
        if order is not None:  # the place of each row, in the original order
            places = await shuffle(party.inner("unshuffle"), scheme, places, order.opposite())
        assert isinstance(places, Numbers)
        order = await order_of(party.inner("order"), scheme, places)
    assert order is not None
    return order


async def _places(party: Party, scheme: Scheme, digit: Planes) -> Words:
    """The place of each row in a stable sort by the digit.

    Row i with digit j goes to place C_j(i): the number of rows with smaller digits, plus that of earlier rows with
    digit j. With flags F_j of the digits j > 0, this is C_0 + the sum of F_j (C_j - C_0).
    """
    n, bits = digit.size, digit
    if digit.width > 1:
        data = await run(party.inner("and"), scheme, _flagged, digit.data, size=n, result=3)
        bits = unpack(Planes(data, (n,), 3))
    numbers = await run(party.inner("flags"), scheme, as_number, bits.data, size=bits.size)
    flags = [numbers[i * n : (i + 1) * n] for i in range(bits.size // n)]
    before = [np.empty_like(f) for f in flags]  # rows with this digit before row i
    for f, sums in zip(flags, before, strict=True):
        kernels_order.sums_before(f, sums)
    rows = np.zeros((n, 2), np.uint64)
    rows[:, 0] = np.arange(n)
    ones = [-1] * len(flags)
    first = local.combine([1, *ones], [rows, *before])  # rows before i with digit 0
    totals = [local.add(f[-1:], sums[-1:]) for f, sums in zip(flags, before, strict=True)]
    start = local.combine([1, *ones], [local.constant(n, 1), *totals])  # rows with a smaller digit
    product = np.zeros((n, 2), np.uint64)
    for f, sums, total in zip(flags, before, totals, strict=True):
        difference = local.combine([1, -1, 1], [sums, first, np.repeat(start, n, axis=0)])
        product = local.add(product, local.multiply(f, difference))
        start = local.add(start, total)
    chosen = await run(party.inner("places"), scheme, reduced, product, size=n)
    return local.add(chosen, first)


def digits_plan(scheme: Scheme, label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    counter, n = 0, x.size

    def inner(name: str) -> bytes:
        nonlocal counter
        counter += 1
        return inner_label(label, counter, name)

    spent = cost(scheme, inner("decompose"), decompose, 0, size=n, width=width)
    spec: Spec | None = None
    for _, count in passes(width):
        if spec is not None:
            spent = spent.then(shuffle_cost(scheme, inner("shuffle"), Spec((n,), "bits", count), spec))
        if count > 1:
            spent = spent.then(cost(scheme, inner("and"), _flagged, 2, size=n))
        spent = spent.then(cost(scheme, inner("flags"), as_number, 1, size=n * ((1 << count) - 1)))
        spent = spent.then(cost(scheme, inner("places"), reduced, 0, size=n))
        if spec is not None:
            spent = spent.then(shuffle_cost(scheme, inner("unshuffle"), x, turned(spec)))
        spec, places = order_of_plan(scheme, inner("order"), x)
        spent = spent.then(places)
    assert spec is not None
    return spec, spent
