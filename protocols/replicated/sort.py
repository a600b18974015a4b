"""Sorting by comparisons, and the choice between it and sorting by digits.

Rows are shuffled; then the results of comparisons are opened.

Before the shuffle each key gets the place of its row, so no two keys are equal and the sort is stable. The opened
results tell the sorted order of the shuffled rows, and the shuffle is a uniformly random secret. So the opened results
have the distribution of a sort of a random permutation, for all keys (also with ties).

`protocols.sorting` chooses the pairs of rows that are compared.
"""

from __future__ import annotations

from functools import lru_cache

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party, inner_label
from mpc.machine.shapes import sortable
from protocols.declared import Task
from protocols.replicated import kernels_order
from protocols.replicated.declared import declare
from protocols.replicated.keys import compared_cost, shuffled, shuffled_plan, work_of_comparisons
from protocols.replicated.orders import Order, permutation, permutation_plan
from protocols.replicated.radix import digits_plan, passes, sort_by_digits
from protocols.replicated.sharing import Arithmetic
from protocols.sorting import PLACES, disclosed_by_comparisons, sorted_rows, steps

#: A round takes as much time as this many bytes of one party.
_ROUND = 1 << 15
#: Nanoseconds of one party for a bit of a key that is sorted by digits.
_DIGITS_NS = 90.0


async def sort_order(party: Party, x: Arithmetic, width: int) -> Order:
    """The order that sorts x: ascending and stable.

    It sorts by digits or by comparisons: the cheaper method for this number of rows and this width. Shapes, ring and
    errors are those of `sort_by_comparisons`.

    Rounds    those of the cheaper method
    Bytes     those of the cheaper method; the choice follows from n and the width alone
    Security  semi-honest, as both methods
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
    """Whether digits are cheaper: for keys of up to about 6 bits, or of more bits if rounds cost more than bytes."""
    costs = (plan(bytes(16), Spec((n,)), width)[1] for plan in (digits_plan, comparisons_plan))
    digits, comparisons = (sum(cost.bytes_sent) / 3 + _ROUND * cost.rounds for cost in costs)
    return digits < comparisons


def disclosed_by_sort(n: int, width: int) -> dict[str, int]:
    """The openings of a sort of n keys: results of comparisons, or for each digit the places of all rows."""
    if n > 1 and by_digits(n, width):
        return {PLACES: n * len(passes(width))}
    return disclosed_by_comparisons(n)


async def sort_by_comparisons(party: Party, x: Arithmetic, width: int) -> Order:
    """The order that sorts x: ascending and stable.

    Shapes    x: (n,); result: an order of n rows
    Ring      given -2^(width-1) <= x < 2^(width-1)
    Rounds    2 for the shuffle, then a comparison and an opening for each of `steps(n)`: about 40 steps for 10^5 rows
    Bytes     a shuffle of n numbers (two shuffles if key and place do not fit one number), then comparisons of
              width + log2 n bits, about n log2 n in all
    Security  semi-honest: the opened results of comparisons are those of a uniformly random order
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
    comparisons, _ = compared_cost(label, counter, steps(x.size), x.size, width, int(spec.form))
    return spec, cost.then(comparisons)


def _work(task: Task) -> float:
    n, width = task.size, task.width
    if n > 1 and by_digits(n, width):
        return _DIGITS_NS * n * width
    return work_of_comparisons(sum(steps(n)), n, width)


declare(
    "sort_order",
    sort_order,
    plan=sort_plan,
    whole=True,
    work=_work,
    kernels=kernels_order.GROUP,
    discloses=lambda x, width: disclosed_by_sort(x.size, width),
)
