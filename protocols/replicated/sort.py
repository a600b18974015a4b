"""Sorting by comparisons, and the choice between that and sorting by digits.

Rows are shuffled, then compared in the open.

Each row's place among the rows is attached to its key before the shuffle, so no two keys are equal and the sort is
stable; the results of comparisons are opened, and tell the order of rows whose own order is a uniformly random
secret. So what is opened has the distribution of a sort of a random permutation, whatever the keys are (ties too).

Which rows are compared with which stands in `protocols.sorting`.
"""

from __future__ import annotations

from functools import lru_cache

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party, inner_label
from mpc.machine.shapes import sortable
from protocols.declared import per_bit
from protocols.replicated import kernels_order
from protocols.replicated.declared import declare
from protocols.replicated.keys import compared_cost, shuffled, shuffled_plan
from protocols.replicated.orders import Order, permutation, permutation_plan
from protocols.replicated.radix import digits_plan, passes, sort_by_digits
from protocols.replicated.sharing import Arithmetic
from protocols.sorting import PLACES, disclosed_by_comparisons, sorted_rows, steps

#: A round is worth as much time as so many bytes (of one party).
_ROUND = 1 << 15


async def sort_order(party: Party, x: Arithmetic, width: int) -> Order:
    """The order that sorts x: ascending, and rows with equal keys stay in the order they are in.

    By digits or by comparisons, as the number of rows and the width make the one or the other cheaper; shapes, ring
    and errors are those of `sort_by_comparisons`.

    Rounds    those of the cheaper one
    Bytes     those of the cheaper one; which it is follows from n and the width alone
    Security  semi-honest, as both
    """
    sortable("sort_order", x.spec, width)
    if x.size > 1 and by_digits(x.size, width):
        return await sort_by_digits(party, x, width)
    return await sort_by_comparisons(party, x, width)


def sort_plan(label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    if x.size > 1 and by_digits(x.size, width):
        return digits_plan(label, x, width)
    return comparisons_plan(label, x, width)


@lru_cache(maxsize=256)
def by_digits(n: int, width: int) -> bool:
    """Whether digits are cheaper: keys of up to about 6 bits, or of more where rounds weigh more than bytes."""
    costs = (plan(bytes(16), Spec((n,)), width)[1] for plan in (digits_plan, comparisons_plan))
    digits, comparisons = (sum(cost.bytes_sent) / 3 + _ROUND * cost.rounds for cost in costs)
    return digits < comparisons


def disclosed_by_sort(n: int, width: int) -> dict[str, int]:
    """What a sort of n keys opens: comparisons, or for each digit the places of all rows."""
    if n > 1 and by_digits(n, width):
        return {PLACES: n * len(passes(width))}
    return disclosed_by_comparisons(n)


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


def comparisons_plan(label: bytes, x: Spec, width: int) -> tuple[Spec, Cost]:
    if x.size < 2:
        return permutation_plan(inner_label(label, 1, "permutation"), x.size)
    spec, cost, counter = shuffled_plan(label, x, width)
    more, _ = compared_cost(label, counter, steps(x.size), x.size, width, int(spec.form))
    return spec, cost.then(more)


declare(
    "sort_order",
    sort_order,
    plan=sort_plan,
    whole=True,
    work=per_bit(60.0),
    kernels=kernels_order.GROUP,
    discloses=lambda x, width: disclosed_by_sort(x.size, width),
)
