"""Sorting by comparisons, and the choice between that and sorting by digits.

Rows are shuffled, then compared in the open.

Each row's place among the rows is attached to its key before the shuffle, so no two keys are equal and the sort is
stable; the results of comparisons are opened, and tell the order of rows whose own order is a uniformly random
secret. So what is opened has the distribution of a sort of a random permutation, whatever the keys are (ties too).

Which rows are compared with which is arranged for few comparisons, few steps (a step is one comparison of many pairs
at once and its opening) and a number of both that is known beforehand:

- a first few rows are compared each with each;
- the next rows find their gaps between the sorted ones by binary search among 2^k - 1 of them, k comparisons a row;
- rows that meet in a gap are compared each with each, and all are sorted now; and so on until the last row is in.

How many rows meet in gaps is random, with a known mean and deviation, so a step makes as many comparisons as suffice
except with a probability of about 1e-6 (some of them for nothing); then there is another step, beyond the plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.engine import Cost, Spec
from mpc.errors import RangeError, ShapeError
from mpc.party import Party, concurrently, inner_label
from protocols.replicated import kernels_order, local
from protocols.replicated.boolean import bits_and, bits_and_cost
from protocols.replicated.compare import reveal_sign, reveal_sign_cost, sign, sign_cost
from protocols.replicated.equality import equal, equal_cost
from protocols.replicated.hops import Places
from protocols.replicated.opening import reveal, reveal_cost
from protocols.replicated.orders import Order, permutation, permutation_plan, shuffle, shuffle_cost
from protocols.replicated.radix import digits_plan, sort_by_digits
from protocols.replicated.sharing import Arithmetic, Bits, Words, wanted
from protocols.replicated.wire import word_bytes

#: A round is worth as much time as so many bytes (of one party).
_ROUND = 1 << 15
#: A step is worth as much time as so many comparisons.
_STEP = 3 << 11
_DEVIATIONS = 12
_EVERYBODY = (0, 1, 2)
Numbers = NDArray[np.int64]


class Stage(NamedTuple):
    """Rows that are sorted in among 2^levels - 1 sorted ones; `pairs`: planned comparisons within gaps."""

    levels: int
    rows: int
    pairs: int


def _pairs(rows: int, levels: int) -> int:
    """Comparisons within gaps of `rows` rows that fall into 2^levels gaps, each way of filling them alike likely."""
    every, gaps = rows * (rows - 1) // 2, 1 << levels
    if gaps == 1:
        return every
    each = rows / gaps
    mean, deviation = rows * (rows - 1) / (gaps + 1), math.sqrt(gaps) * each * (each + 1)
    return min(every, math.ceil(mean + _DEVIATIONS * (deviation + 1)))


@lru_cache(maxsize=256)
def stages(n: int) -> tuple[Stage, ...]:
    """How n rows are sorted at the least cost."""

    def best(rows: int, found: list[tuple[float, tuple[Stage, ...]]]) -> tuple[float, tuple[Stage, ...]]:
        options = []
        for levels, (cost, before) in enumerate(found):
            new = rows - (1 << levels) + 1
            if new > 0:
                stage = Stage(levels, new, _pairs(new, levels))
                work = new * levels + stage.pairs + _STEP * (levels + (stage.pairs > 0))
                options.append((cost + work, (*before, stage)))
        return min(options)

    found: list[tuple[float, tuple[Stage, ...]]] = [(0.0, ())]
    while 1 << len(found) <= n:
        found.append(best((1 << len(found)) - 1, found))
    return best(n, found)[1] if n > 1 else ()


def steps(n: int) -> Iterator[int]:
    """The number of comparisons of each planned step."""
    for levels, rows, pairs in stages(n):
        yield from [rows] * levels
        if pairs:
            yield pairs


class _Keys:
    """Shuffled keys that are pairwise distinct, and how two of them are compared.

    A key and its place fit one number (`tie` is None), or they are compared apart: less = (key < other) or (key ==
    other and place < other place), where at most one of both holds.
    """

    def __init__(self, key: Words, width: int, tie: Words | None, tie_width: int) -> None:
        self.key, self.width = key, width
        self.tie, self.tie_width = tie, tie_width

    async def less(self, party: Party, a: Places, b: Places) -> NDArray[np.bool_]:
        """Whether key a[i] is less than key b[i], opened."""
        difference = await _difference(party, self.key, a, b)
        if self.tie is None:
            return await reveal_sign(party.inner("less"), difference, self.width)
        place = await _difference(party, self.tie, a, b)
        below, same, before = await concurrently(
            sign(party.inner("less"), difference, self.width),
            equal(party.inner("same"), difference, self.width - 1),
            sign(party.inner("tie"), place, self.tie_width),
        )
        bits = local.xor(below, await bits_and(party.inner("and"), same, before))
        found = await reveal(party.inner("open"), bits, _EVERYBODY)
        assert found is not None
        return found.astype(np.bool_)


def _less_cost(label: bytes, counter: int, m: int, width: int, tie_width: int) -> tuple[Cost, int]:
    """What `_Keys.less` costs on m pairs, and the counter of inner operations after it."""
    bits = Spec((m,), "bits", 1)

    def inner(name: str) -> bytes:
        nonlocal counter
        counter += 1
        return inner_label(label, counter, name)

    if not tie_width:
        return reveal_sign_cost(inner("less"), m, width), counter
    cost = sign_cost(inner("less"), m, width)
    cost = cost.beside(equal_cost(inner("same"), m, width - 1))
    cost = cost.beside(sign_cost(inner("tie"), m, tie_width)).then(bits_and_cost(inner("and"), bits))
    return cost.then(reveal_cost(inner("open"), bits, _EVERYBODY)), counter


async def _difference(party: Party, x: Words, a: Places, b: Places) -> Arithmetic:
    out = np.empty((2, a.size), np.uint64)
    await party.compute(a.size, kernels_order.differences, x, a, b, out)
    return Arithmetic(out, (a.size,))


def _widths(n: int, width: int) -> tuple[int, int]:
    """(bits of a difference of keys, bits of a difference of places or 0 where the key holds the place)."""
    places = max(n - 1, 1).bit_length()
    if width + places < 64:
        return width + places + 1, 0
    return width + 1, places + 1


async def sort_order(party: Party, x: Arithmetic, width: int) -> Order:
    """The order that sorts x: ascending, and rows with equal keys stay in the order they are in.

    By digits or by comparisons, as the number of rows and the width make the one or the other cheaper; shapes, ring
    and errors are those of `sort_by_comparisons`.

    Rounds    those of the cheaper one
    Bytes     those of the cheaper one; which it is follows from n and the width alone
    Security  semi-honest, as both
    """
    _check(x.spec, width)
    if x.size > 1 and by_digits(x.size, width):
        return await sort_by_digits(party, x, width)
    return await sort_by_comparisons(party, x, width)


def sort_plan(label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    _check(x, width)
    if x.size > 1 and by_digits(x.size, width):
        return digits_plan(label, x, width)
    return comparisons_plan(label, x, width)


@lru_cache(maxsize=256)
def by_digits(n: int, width: int) -> bool:
    """Whether digits are cheaper: keys of up to about 6 bits, or of more where rounds weigh more than bytes."""
    costs = (plan(bytes(16), Spec((n,)), width)[1] for plan in (digits_plan, comparisons_plan))
    digits, comparisons = (sum(cost.bytes_sent) / 3 + _ROUND * cost.rounds for cost in costs)
    return digits < comparisons


async def sort_by_comparisons(party: Party, x: Arithmetic, width: int) -> Order:
    """The order that sorts x: ascending and stable.

    Shapes    x: (n,); result: an order of n rows
    Ring      given -2^(width-1) <= x < 2^(width-1)
    Rounds    2 for the shuffle, then a comparison and an opening for each of `steps(n)`: about 40 of them for 10^5
    Bytes     a shuffle of n numbers (two where key and place do not fit one), then comparisons of width + log2 n bits,
              about n log2 n in all
    Security  semi-honest: the results of comparisons, which are opened, are those of a uniformly random order
    Raises    ShapeError; RangeError
    Source    Hamada et al., ICISC 2012 (shuffle, then compare); the arrangement is our own
    """
    n = x.size
    difference, tie_width = _widths(n, width)
    order = await permutation(party.inner("permutation"), n)
    if n < 2:
        return order
    place = np.arange(n, dtype=np.int64)
    if tie_width:
        key = await shuffle(party.inner("shuffle"), x, order)
        tie = await shuffle(party.inner("shuffle"), local.constant(party, place), order)
        keys = _Keys(_records(key), difference, _records(tie), tie_width)
    else:
        joined = local.add_public(party, local.scale(x, np.asarray(1 << (n - 1).bit_length())), place)
        mixed = await shuffle(party.inner("shuffle"), joined, order, word_bytes(difference))
        keys = _Keys(_records(mixed), difference, None, 0)
    return order.then(await _sorted(party, n, keys))


def _records(x: Arithmetic | Bits) -> Words:
    """Both components of a number side by side. Local."""
    return np.ascontiguousarray(x.data.T)


async def _sorted(party: Party, n: int, keys: _Keys) -> Places:
    """The rows by their keys."""
    done: Places = np.empty(0, np.uint32)
    for levels, count, planned in stages(n):
        rows = np.arange(done.size, done.size + count, dtype=np.uint32)
        gap = np.zeros(count, np.uint32)
        for level in reversed(range(levels)):
            half = np.uint32(1 << level)
            less = await keys.less(party, rows, done[gap + (half - np.uint32(1))])
            gap += np.where(less, np.uint32(0), half)
        counts, members = await party.compute(count, _grouped, gap, 1 << levels)
        a, b = await party.compute(count, _pairs_of, members + np.uint32(done.size), counts)
        rank = np.zeros(count, np.int64)
        for start in range(0, max(a.size, 1), planned) if planned else ():
            first = _padded(a[start : start + planned], planned, 0)
            second = _padded(b[start : start + planned], planned, 1)
            less = await keys.less(party, first, second)
            above = np.where(less, second, first)[: a.size - start] - done.size
            rank += np.bincount(above, minlength=count)
        done = await party.compute(count, _merged, done, gap, counts, rank)
    return done


def _grouped(gap: Places, gaps: int) -> tuple[Numbers, Places]:
    """How many rows fell into each gap, and the rows by their gaps."""
    counts: Numbers = np.bincount(gap, minlength=gaps)
    return counts, np.argsort(gap, kind="stable").astype(np.uint32)


def _pairs_of(members: Places, counts: Numbers) -> tuple[Places, Places]:
    total = int((counts * (counts - 1) // 2).sum())
    a, b = np.empty(total, np.uint32), np.empty(total, np.uint32)
    kernels_order.pairs(members, counts, a, b)
    return a, b


def _padded(rows: Places, size: int, row: int) -> Places:
    """`size` rows: comparisons made for nothing are of rows 0 and 1."""
    if rows.size == size:
        return rows
    return np.concatenate((rows, np.full(size - rows.size, row, np.uint32)))


def _merged(done: Places, gap: Places, counts: Numbers, rank: Numbers) -> Places:
    """All rows sorted, from the sorted ones and the gap and the rank within it of each new one."""
    upto: Numbers = np.cumsum(counts)
    out = np.empty(done.size + gap.size, np.uint32)
    out[np.arange(done.size) + upto[: done.size]] = done
    out[(upto - counts)[gap] + gap + rank] = np.arange(done.size, out.size, dtype=np.uint32)
    return out


def _check(x: Spec, width: int) -> None:
    wanted("sort_order", x, "arith")
    if len(x.shape) != 1:
        raise ShapeError(f"sort_order: keys of shape {x.shape}; a vector is wanted")
    if not 1 <= width <= 63:
        raise RangeError(f"sort: keys of {width} bits; 1 to 63 can be sorted")


def comparisons_plan(label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    difference, tie_width = _widths(x.size, width)
    spec, cost = permutation_plan(inner_label(label, 1, "permutation"), x.size)
    if x.size < 2:
        return spec, cost
    moved = shuffle_cost(x, spec, octets=8 if tie_width else word_bytes(difference))
    cost = moved.then(moved) if tie_width else moved
    counter = 3 if tie_width else 2
    for m in steps(x.size):
        step, counter = _less_cost(label, counter, m, difference, tie_width)
        cost = cost.then(step)
    return spec, cost
