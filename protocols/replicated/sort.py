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
from mpc.errors import CheckFailed, RangeError, ShapeError
from mpc.party import Party, inner_label
from protocols.replicated import kernels_order
from protocols.replicated.hops import Places
from protocols.replicated.keys import Keys, compared_cost, shuffled, shuffled_plan
from protocols.replicated.orders import Order, permutation, permutation_plan
from protocols.replicated.radix import digits_plan, sort_by_digits
from protocols.replicated.sharing import Arithmetic
from protocols.shapes import wanted

#: A round is worth as much time as so many bytes (of one party).
_ROUND = 1 << 15
#: A step is worth as much time as so many comparisons.
STEP = 3 << 11
_DEVIATIONS = 12
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
                work = new * levels + stage.pairs + STEP * (levels + (stage.pairs > 0))
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


async def sort_order(party: Party, x: Arithmetic, width: int) -> Order:
    """The order that sorts x: ascending, and rows with equal keys stay in the order they are in.

    By digits or by comparisons, as the number of rows and the width make the one or the other cheaper; shapes, ring
    and errors are those of `sort_by_comparisons`.

    Rounds    those of the cheaper one
    Bytes     those of the cheaper one; which it is follows from n and the width alone
    Security  semi-honest, as both
    """
    check_keys(x.spec, width)
    if x.size > 1 and by_digits(x.size, width):
        return await sort_by_digits(party, x, width)
    return await sort_by_comparisons(party, x, width)


def sort_plan(label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    check_keys(x, width)
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
    if n < 2:
        return await permutation(party.inner("permutation"), n)
    order, keys = await shuffled(party, x, width)
    return order.then(await sorted_rows(party, n, keys))


async def sorted_rows(party: Party, n: int, keys: Keys, arranged: tuple[Stage, ...] | None = None) -> Places:
    """The n rows by their keys. `arranged`: the stages of that many rows or more, of which the last are not there;
    as many comparisons are made as for all of them.

    Rounds    those of a revealed comparison for each step of the stages
    Bytes     those of the comparisons of all steps
    Security  semi-honest: the rows are in a uniformly random order, of which the results are a function
    Raises    CheckFailed where results contradict each other
    """
    done: Places = np.empty(0, np.uint32)
    for levels, whole, planned in stages(n) if arranged is None else arranged:
        count = min(whole, n - done.size)
        rows = np.arange(done.size, done.size + count, dtype=np.uint32)
        gap = np.zeros(count, np.uint32)
        for level in reversed(range(levels)):
            half = np.uint32(1 << level)
            at = gap + (half - np.uint32(1))
            other = done[np.minimum(at, done.size - 1)] if done.size else at
            less = await keys.less(party, padded(rows, whole, 0), padded(other, whole, 1))
            gap += np.where(less[:count] | (at >= done.size), np.uint32(0), half)
        counts, members = await party.compute(count, _grouped, gap, 1 << levels)
        a, b = await party.compute(count, _pairs_of, members + np.uint32(done.size), counts)
        rank = np.zeros(count, np.int64)
        for start in range(0, max(a.size, 1), planned) if planned else ():
            first = padded(a[start : start + planned], planned, 0)
            second = padded(b[start : start + planned], planned, 1)
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


def padded(rows: Places, size: int, row: int) -> Places:
    """`size` rows: comparisons made for nothing are of rows 0 and 1."""
    if rows.size == size:
        return rows
    return np.concatenate((rows, np.full(size - rows.size, row, np.uint32)))


def _merged(done: Places, gap: Places, counts: Numbers, rank: Numbers) -> Places:
    """All rows sorted, from the sorted ones and the gap and the rank within it of each new one.

    Raises CheckFailed where results of comparisons contradict each other, before a place is used for one.
    """
    upto: Numbers = np.cumsum(counts)
    nobody = np.uint32(done.size + gap.size)
    out = np.full(done.size + gap.size, nobody)
    out[np.arange(done.size) + upto[: done.size]] = done
    out[(upto - counts)[gap] + gap + rank] = np.arange(done.size, out.size, dtype=np.uint32)
    if bool((out == nobody).any()):
        raise CheckFailed("the opened results of comparisons contradict each other: a party sent something else")
    return out


def check_keys(x: Spec, width: int) -> None:
    wanted("sort_order", x, "arith")
    if len(x.shape) != 1:
        raise ShapeError(f"sort_order: keys of shape {x.shape}; a vector is wanted")
    if not 1 <= width <= 63:
        raise RangeError(f"sort: keys of {width} bits; 1 to 63 can be sorted")


def comparisons_plan(label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    if x.size < 2:
        return permutation_plan(inner_label(label, 1, "permutation"), x.size)
    spec, cost, counter = shuffled_plan(label, x, width)
    more, _ = compared_cost(label, counter, steps(x.size), x.size, width, int(spec.form))
    return spec, cost.then(more)
