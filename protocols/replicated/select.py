"""The rows of certain ranks, without a sort of all rows; `protocols.selecting` chooses the comparisons."""

from __future__ import annotations

import numpy as np

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party, inner_label
from mpc.machine.shapes import check_ranks, sortable
from protocols.declared import Task
from protocols.replicated import kernels_order
from protocols.replicated.declared import declare
from protocols.replicated.keys import compared_cost, shuffled, shuffled_plan, work_of_comparisons
from protocols.replicated.orders import Order
from protocols.replicated.roles import NOTHING
from protocols.replicated.sharing import Arithmetic
from protocols.replicated.sort import disclosed_by_sort, sort_order, sort_plan
from protocols.selecting import disclosed_by_selection, in_front, selected, selection, steps_of
from protocols.sorting import steps

#: Nanoseconds of one party for a row whose place follows from opened results.
_TOLD_NS = 80.0


async def rank_order(party: Party, x: Arithmetic, ranks: tuple[int, ...], width: int) -> Order:
    """An order that brings the rows of `ranks` to the front, in that sequence; the sequence of the other rows is not
    specified. Ranks are places in the order that sorts x, ascending and stable.

    Shapes    x: (n,); result: an order of n rows
    Ring      given -2^(width-1) <= x < 2^(width-1)
    Rounds    2 for the shuffle, and those of the comparisons: about 40 steps for one rank of 10^5 rows
    Bytes     a shuffle as in `sort_by_comparisons`, then about 2 n comparisons for one rank; a sort, if it costs less
    Security  semi-honest, as `sort_by_comparisons`: the comparisons are those of a uniformly random order
    Raises    ShapeError; RangeError
    Source    Floyd, Rivest, CACM 18(3), 1975 (sampling); the arrangement in planned steps is our own
    """
    sortable("rank_order", x.spec, width)
    check_ranks(ranks, x.size)
    plan = selection(x.size, ranks)
    if plan is None:
        order = await sort_order(party.inner("sort"), x, width)
        return order.then(in_front(np.asarray(ranks, np.uint32), x.size))
    order, keys = await shuffled(party, x, width)
    return order.then(in_front(await selected(party, x.size, ranks, plan, keys), x.size))


def rank_order_plan(label: bytes, x: Spec, ranks: tuple[int, ...], width: int) -> tuple[Spec, Cost]:
    plan = selection(x.size, ranks)
    if plan is None:
        return sort_plan(inner_label(label, 1, "sort"), x, width)
    spec, cost, counter = shuffled_plan(label, x, width)
    d = int(spec.form)
    comparisons, counter = compared_cost(label, counter, [*steps(plan.sample), *plan.levels], x.size, width, d)
    beside = NOTHING
    for interval in plan.intervals:
        counter += 1
        inside, _ = compared_cost(
            inner_label(label, counter, "interval"), 0, steps_of(interval.arranged), x.size, width, d
        )
        beside = beside.beside(inside)
    return spec, cost.then(comparisons).then(beside)


def _work(task: Task) -> float:
    """A sort, or comparisons; and how the opened results tell the places of all rows."""
    n, width = task.size, task.width
    plan = selection(n, task.parameters["ranks"])
    if plan is None:
        return 1e9 * task.engine.work("sort_order", *task.operands, width=width)
    return work_of_comparisons(sum(disclosed_by_selection(plan).values()), n, width) + _TOLD_NS * n


def _disclosed(x: Spec, *, ranks: tuple[int, ...], width: int) -> dict[str, int]:
    plan = selection(x.size, ranks)
    return disclosed_by_sort(x.size, width) if plan is None else disclosed_by_selection(plan)


declare(
    "rank_order",
    rank_order,
    plan=rank_order_plan,
    whole=True,
    work=_work,
    kernels=kernels_order.GROUP,
    discloses=_disclosed,
)
