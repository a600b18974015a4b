"""Counts and sums of `mpc.tables` as questions to a database, in one or two passes over its rows.

`pushed` gives, for each kind of aggregate, a generator of questions (`parties.data.pushdown.sums`) whose result is the
aggregate's own: counts and sums of whole numbers exactly, other sums to the last digits of float64. Moments are in
`parties.data.pushdown.moments`. Left out, with NotInSQL: rows that are shared (`Collect`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce, singledispatch
from math import prod

import numpy as np

from mpc.tables.aggregates import Aggregate, Count, Crosstab, Largest, Patterns, Sum, as_array
from mpc.tables.expressions import Expression
from parties.data.pushdown.context import Context, all_of, whole_number
from parties.data.pushdown.expressions import Column, NotInSQL, real
from parties.data.pushdown.sums import Grouped, Steps, exact_total, together, total

#: Cells that are counted beside each other in one pass; more are counted by a pass of their own, by groups.
FEW_CELLS = 32
MOST_CELLS = 1 << 20
_MOST_FLAGS = 60


@singledispatch
def pushed(aggregate: Aggregate, context: Context) -> Steps:
    """The questions of an aggregate, and its result. Raises NotInSQL when the first question is asked for."""
    raise NotInSQL("rows are shared, so this party reads them")
    yield []


@pushed.register
def _(aggregate: Count, context: Context) -> Steps:
    where = context.where(aggregate.where)
    question = {"count": context.count(where)}
    for k, column in enumerate(aggregate.columns):
        question[f"missing {k}"] = context.count(all_of(where, context.missing(column)))
    (answer,) = yield [question]
    missing = [float(answer[f"missing {k}"] or 0) for k in range(len(aggregate.columns))]
    return {"count": np.asarray(float(answer["count"] or 0)), "missing": np.asarray(missing, np.float64)}


@pushed.register
def _(aggregate: Crosstab, context: Context) -> Steps:
    where, sizes = context.where(aggregate.where), aggregate.sizes
    indices = [context.index(category) for category in aggregate.categories]

    def at(cell: int) -> list[Column]:
        places = np.unravel_index(cell, sizes)
        return [index == whole_number(int(place)) for index, place in zip(indices, places, strict=True)]

    key = indices[0]
    for index, size in zip(indices[1:], sizes[1:], strict=True):
        key = key * whole_number(size) + index
    counts = yield from _counted(context, where, range(prod(sizes)), at, key)
    return {"counts": counts.reshape(sizes)}


@pushed.register
def _(aggregate: Patterns, context: Context) -> Steps:
    import ibis

    where = context.where(aggregate.where)
    if len(aggregate.flags) > _MOST_FLAGS:
        raise NotInSQL(f"more than {_MOST_FLAGS} conditions are told apart")
    shown = [ibis.coalesce(context.where(flag), ibis.literal(False)) for flag in aggregate.flags]
    keys = [sum(1 << k for k, has in enumerate(pattern) if has) for pattern in aggregate.patterns.tolist()]

    def at(key: int) -> list[Column]:
        return [flag if key >> k & 1 else ~flag for k, flag in enumerate(shown)]

    key = reduce(
        operator.add, (flag.cast("int32").cast("int64") * whole_number(1 << k) for k, flag in enumerate(shown))
    )
    return {"counts": (yield from _counted(context, where, keys, at, key))}


def _counted(
    context: Context, where: Column | None, cells: Sequence[int], at: Callable[[int], list[Column]], key: Column
) -> Steps:
    """Counts of rows by cell. A cell is told by the conditions `at(cell)`, or as a value of the column `key`."""
    if len(cells) <= FEW_CELLS:
        (answer,) = yield [{f"cell {cell}": context.count(all_of(where, *at(cell))) for cell in cells}]
        return np.asarray([answer[f"cell {cell}"] or 0 for cell in cells], np.float64)
    if len(cells) > MOST_CELLS:
        raise NotInSQL(f"more than {MOST_CELLS:,} cells are counted")
    (groups,) = yield [Grouped(key, all_of(where, key.notnull()), {"n": key.count()})]
    counts = {cell: group["n"] for cell, group in groups.items()}
    return np.asarray([counts.get(cell, 0) for cell in cells], np.float64)


@pushed.register
def _(aggregate: Sum, context: Context) -> Steps:
    where = context.where(aggregate.where)

    def one(column: Expression) -> Steps:
        x = context.number(column)
        if column.type == "integer":
            return exact_total(context, x, int(column.low), int(column.high), where)
        return total(context, x, where)

    totals = yield from together([one(column) for column in aggregate.columns])
    counts = np.asarray([n for n, _ in totals], np.float64)
    return {"sum": as_array([amount for _, amount in totals]), "count": counts}


@pushed.register
def _(aggregate: Largest, context: Context) -> Steps:
    x = context.number(aggregate.column)
    sizes = (x.cast("float64") if aggregate.column.type == "integer" else x).abs()
    found = yield from together([_largest(context, sizes, context.where(where)) for where in aggregate.wheres])
    amounts, first, second = np.asarray(found, np.float64).reshape(-1, 3).T
    return {"total": amounts, "first": first, "second": second}


def _largest(context: Context, sizes: Column, where: Column | None) -> Steps:
    """The sum of the sizes, the largest and the second one; 0 where there is none."""
    (n, amount), largest = yield from together([total(context, sizes, where), _two_largest(context, sizes, where)])
    return [amount, *largest] if n else [0.0, 0.0, 0.0]


def _two_largest(context: Context, sizes: Column, where: Column | None) -> Steps:
    (answer,) = yield [{"most": sizes.max(where=where)}]
    first = answer["most"] or 0.0
    top = real(float(first))
    (answer,) = yield [
        {"ties": context.count(all_of(where, sizes == top)), "next": sizes.max(where=all_of(where, sizes < top))}
    ]
    return first, first if (answer["ties"] or 0) > 1 else answer["next"] or 0.0
