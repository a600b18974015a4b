"""Sorting and selecting by comparisons of shuffled rows, and the choice between comparisons and digits.

The number of a row becomes the low bits of its key before the shuffle, so no two keys are equal and the sort is stable.
Then results of comparisons are opened; `protocols.sorting` and `protocols.selecting` choose the pairs.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party, inner_label
from mpc.machine.shapes import check_ranks
from protocols.selecting import in_front, selected, selection, steps_of
from protocols.shamir.committee import Scheme
from protocols.shamir.keys import compared_cost, shuffled, shuffled_plan
from protocols.shamir.operation import nothing
from protocols.shamir.orders import Order, permutation, permutation_cost, permutation_spec
from protocols.shamir.radix import digits_plan, passes, sort_by_digits
from protocols.shamir.sharing import Numbers
from protocols.sorting import PLACES, disclosed_by_comparisons, sorted_rows, steps

#: A round takes as much time as this many bytes of one party.
_ROUND = 1 << 15


async def sort_order(party: Party, scheme: Scheme, x: Numbers, width: int) -> Order:
    """The order that sorts x, ascending and stable: by digits or by comparisons, whichever is cheaper.

    Rounds    those of the cheaper protocol
    Bytes     those of the cheaper protocol; the choice follows from n, the width and the scheme alone
    Security  semi-honest, as both protocols
    """
    if x.size > 1 and by_digits(scheme, x.size, width):
        return await sort_by_digits(party, scheme, x, width)
    return await sort_by_comparisons(party, scheme, x, width)


def sort_plan(scheme: Scheme, label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    if x.size > 1 and by_digits(scheme, x.size, width):
        return digits_plan(scheme, label, x, width)
    return comparisons_plan(scheme, label, x, width)


@lru_cache(maxsize=256)
def by_digits(scheme: Scheme, n: int, width: int) -> bool:
    """Whether sorting by digits is cheaper: it is for keys of few bits."""
    costs = (plan(scheme, bytes(16), Spec((n,)), width)[1] for plan in (digits_plan, comparisons_plan))
    digits, comparisons = (sum(cost.bytes_sent) / scheme.parties + _ROUND * cost.rounds for cost in costs)
    return digits < comparisons


def disclosed_by_sort(scheme: Scheme, n: int, width: int) -> dict[str, int]:
    """What a sort of n keys opens: results of comparisons, or for each digit the places of all rows."""
    if n > 1 and by_digits(scheme, n, width):
        return {PLACES: n * len(passes(width))}
    return disclosed_by_comparisons(n)


async def sort_by_comparisons(party: Party, scheme: Scheme, x: Numbers, width: int) -> Order:
    """The order that sorts x: ascending and stable.

    Shapes    x: (n,); result: an order of n rows; -2^(width-1) <= x < 2^(width-1)
    Rounds    those of `keys.shuffled`, then a comparison and an opening for each of `steps(n)`
    Bytes     those of `keys.shuffled`, then comparisons of width + log2 n bits, about n log2 n in all
    Security  semi-honest: the opened results of comparisons are those of a uniformly random order
    Source    Hamada et al., ICISC 2012 (shuffle, then compare); the choice of pairs is our own
    """
    if x.size < 2:
        return await permutation(party.inner("permutation"), scheme, x.size)
    order, keys = await shuffled(party, scheme, x, width)
    return order.then(await sorted_rows(party, x.size, keys))


def comparisons_plan(scheme: Scheme, label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    if x.size < 2:
        first = inner_label(label, 1, "permutation")
        return permutation_spec(scheme, first, x.size), permutation_cost(scheme, first, x.size)
    spec, spent, counter = shuffled_plan(scheme, label, x, width)
    more, _ = compared_cost(scheme, label, counter, steps(x.size), x.size, width)
    return spec, spent.then(more)


async def rank_order(party: Party, scheme: Scheme, x: Numbers, ranks: tuple[int, ...], width: int) -> Order:
    """An order that brings the rows of these ranks to the front, in the order of `ranks`; the order of all other
    rows is not specified. Ranks are places in the order that sorts x, ascending and stable.

    Shapes    x: (n,); result: an order of n rows; -2^(width-1) <= x < 2^(width-1)
    Rounds    those of `keys.shuffled` and of the comparisons: about 40 steps for one rank of 10^5 rows
    Bytes     those of `keys.shuffled`, then for one rank about 2 n comparisons; or those of a sort if this is cheaper
    Security  semi-honest, as `sort_by_comparisons`: the comparisons are those of a uniformly random order
    Raises    RangeError
    Source    Floyd, Rivest, CACM 18(3), 1975 (sampling); the planned steps are our own
    """
    check_ranks(ranks, x.size)
    plan = selection(x.size, ranks)
    if plan is None:
        order = await sort_order(party.inner("sort"), scheme, x, width)
        return order.then(in_front(np.asarray(ranks, np.uint32), x.size))
    order, keys = await shuffled(party, scheme, x, width)
    return order.then(in_front(await selected(party, x.size, ranks, plan, keys), x.size))


def rank_order_plan(scheme: Scheme, label: bytes, x: Spec, ranks: tuple[int, ...], width: int) -> tuple[Spec, Cost]:
    plan = selection(x.size, ranks)
    if plan is None:
        return sort_plan(scheme, inner_label(label, 1, "sort"), x, width)
    spec, spent, counter = shuffled_plan(scheme, label, x, width)
    more, counter = compared_cost(scheme, label, counter, [*steps(plan.sample), *plan.levels], x.size, width)
    intervals = nothing(scheme)
    for interval in plan.intervals:
        counter += 1
        inside, _ = compared_cost(
            scheme, inner_label(label, counter, "interval"), 0, steps_of(interval.arranged), x.size, width
        )
        intervals = intervals.beside(inside)
    return spec, spent.then(more).then(intervals)
