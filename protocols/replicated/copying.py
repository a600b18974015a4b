"""Rows copied to where an order asks for them, and the sums that are the transposed of it.

Rows of x and further rows stand in the line of an order, in which the rows of x keep their sequence. Each row of x less
the row before it, zeros for the further rows: running sums along the line then give each further row the nearest row of
x before it, since the differences telescope. They are exact modulo 2^64 whatever x is. Running sums from the end, less
those of the next row of x, are the sums of the further rows behind each row of x.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party
from mpc.machine.primitives import PRIMITIVES
from mpc.machine.shapes import size_of
from protocols.declared import Task
from protocols.replicated import kernels, kernels_order
from protocols.replicated.declared import declare
from protocols.replicated.given import Given, is_given, there_and_back, there_and_back_cost
from protocols.replicated.orders import Order, shuffle, shuffle_cost, unshuffle
from protocols.replicated.roles import NOTHING
from protocols.replicated.sharing import Arithmetic, Bits, Words

Function = Callable[[Words], Words]


async def copy_down(party: Party, x: Arithmetic, order: Order | Given) -> Arithmetic:
    """The rows of x copied to the further rows that follow them in the line of an order.

    Shapes    x: (n, ...); order: n + k rows, which keeps the sequence of the first n; result: (k, ...)
    Rounds    3; 4 for an order that nobody knows
    Bytes     with w elements a row: 8 (n + k) w from one party to another and back from that one, then 8 k w from the
              first of them and from the owner; for an order that nobody knows, those of a shuffle and an unshuffle
    Security  semi-honest, as `given.moved` or `shuffle`
    Source    our own; replication between two permutations is from Mohassel and Sadeghian, Eurocrypt 2013
    """
    return await _moved(party, "copy_down", x, order)


async def sum_up(party: Party, x: Arithmetic, order: Order | Given) -> Arithmetic:
    """The sums of the further rows that follow each first row in the line of an order.

    Shapes    x: (k, ...); order: n + k rows, which keeps the sequence of the first n; result: (n, ...)
    Rounds    those of `copy_down`
    Bytes     those of `copy_down`, with n rows in place of k at the end
    Security  semi-honest, as `given.moved` or `shuffle`
    """
    return await _moved(party, "sum_up", x, order)


async def _moved(party: Party, what: str, x: Arithmetic, order: Order | Given) -> Arithmetic:
    shape = PRIMITIVES[what].result(x.spec, order.spec).shape
    size = size_of(shape)
    if not size or not x.size:
        return Arithmetic(np.zeros((2, size), np.uint64), shape)
    await kernels.loaded(kernels_order.GROUP, party.env.busy)
    rows, record = order.spec.shape[0], size_of(shape[1:])
    before, between, after = _functions(what, rows * record, record, size)
    if isinstance(order, Given):
        return Arithmetic(np.stack(await there_and_back(party, x, order, shape[0], (before, between, after))), shape)

    def both(function: Function, x: Arithmetic | Bits, rows: int) -> Arithmetic:
        return Arithmetic(np.stack([function(part) for part in x.data]), (rows, *shape[1:]))

    line = await shuffle(party.inner("there"), both(before, x, rows), order)
    back = await unshuffle(party.inner("back"), both(between, line, rows), order)
    return both(after, back, shape[0])


def _functions(what: str, whole: int, record: int, size: int) -> tuple[Function, Function, Function]:
    """What happens to flat rows of `record` words before the order, in the line, and after it."""
    if what == "copy_down":
        return partial(_differences, whole, record), partial(_running, record, False), lambda rows: rows[-size:]
    return partial(_behind, whole), partial(_running, record, True), partial(_apart, record, size)


def _differences(whole: int, record: int, x: Words) -> Words:
    """Each row less the row before it, then zeros."""
    rows = np.zeros(whole, np.uint64)
    rows[: x.size] = x
    rows[record : x.size] -= x[:-record]
    return rows


def _behind(whole: int, x: Words) -> Words:
    """Zeros, then the rows."""
    rows = np.zeros(whole, np.uint64)
    rows[-x.size :] = x
    return rows


def _running(record: int, back: bool, rows: Words) -> Words:
    """Running sums, in place where nobody else reads the rows."""
    rows = np.ascontiguousarray(rows) if rows.base is None else rows.copy()
    kernels_order.add_up(rows, record, np.uint64(back))
    return rows


def _apart(record: int, size: int, rows: Words) -> Words:
    """The first rows, each less the row after it; the last one as it is."""
    out = rows[:size].copy()
    out[:-record] -= rows[record:size]
    return out


def _cost(label: bytes, x: Spec, order: Spec) -> Cost:
    kept = order.shape[0] - x.shape[0]
    if not kept or not x.size:
        return NOTHING
    if is_given(order):
        return there_and_back_cost(x, order, kept)
    whole = Spec((order.shape[0], *x.shape[1:]))
    return shuffle_cost(whole, order).then(shuffle_cost(whole, order, back=True))


def _work(task: Task) -> float:
    """All rows of the line go there and back."""
    x, order = task.operands
    return 20.0 * order.size * size_of(x.shape[1:])


declare("copy_down", copy_down, cost=_cost, work=_work, kernels=kernels_order.GROUP)
declare("sum_up", sum_up, cost=_cost, work=_work, kernels=kernels_order.GROUP)
