"""Means, centred squares and cross-products as questions to a database.

The first pass gives each column's mean and range, the second one sums of differences from it, of their squares and
their products (`parties.data.pushdown.sums`). Left out, with NotInSQL: what a database computes more slowly than this
party, products of more than MOST_COLUMNS columns and columns by more than MOST_LEVELS levels.
"""

from __future__ import annotations

import numpy as np

from mpc.tables.moments import CrossMoments, Levels, Moments
from parties.data.pushdown.aggregates import pushed
from parties.data.pushdown.context import Context, all_of, whole_number
from parties.data.pushdown.expressions import Column, NotInSQL, real
from parties.data.pushdown.sums import (
    Answer,
    Changed,
    Grouped,
    Numbers,
    Steps,
    apart,
    centred,
    chosen,
    joined,
    numbers,
    quantum,
    ranged,
    summed,
    together,
)

MOST_LEVELS = 256
MOST_COLUMNS = 24


@pushed.register
def _(aggregate: Moments, context: Context) -> Steps:
    parts = [_moments(aggregate, k, context) for k in aggregate.single]
    parts += [_by_level(aggregate, levels, context) for levels in aggregate.by_level]
    results = yield from together(parts)
    n, mean, squares = np.zeros((3, len(aggregate.columns)))
    for found in results:
        for k, (rows, average, about) in found.items():
            n[k], mean[k], squares[k] = rows, average, about
    return {"n": n, "mean": mean, "sum": n * mean, "squares": squares}


def _moments(aggregate: Moments, k: int, context: Context) -> Steps:
    """Count, mean and centred sum of squares of one column: {k: (n, mean, squares)}."""
    column = aggregate.columns[k]
    x, where = context.number(column), context.where(aggregate.wheres[k])
    (answer,) = yield [ranged(context, x, where)]
    of = numbers(answer, whole=column.type == "integer")
    (answer,) = yield [centred(context, x, where, of, squares=True)]
    return {k: _scaled(answer, of, float(aggregate.centre[k]), float(aggregate.unit[k]))}


def _by_level(aggregate: Moments, levels: Levels, context: Context) -> Steps:
    """The same of one column at levels of one category, in two passes by groups."""
    import ibis

    if len(levels.columns) > MOST_LEVELS:
        raise NotInSQL(f"a column is taken by more than {MOST_LEVELS} levels")
    whole = levels.column.type == "integer"
    x, key = context.number(levels.column), context.index(levels.category)
    asked = [int(level) for level in np.flatnonzero(levels.places >= 0)]
    where = all_of(context.where(levels.rest), x.notnull(), key.isin(asked))
    (groups,) = yield [Grouped(key, where, ranged(context, x, None))]
    ranges = {level: numbers(groups[level], whole=whole) for level in asked if level in groups}
    if not ranges:
        return {}
    pivots = ibis.cases(*[(key == whole_number(level), _pivot(of)) for level, of in ranges.items()])
    d = apart(x, pivots).cast("float64")
    steps = ibis.cases(*[(key == whole_number(level), real(quantum(of.n, of.reach))) for level, of in ranges.items()])
    wider = ibis.cases(
        *[(key == whole_number(level), real(quantum(of.n, of.reach**2))) for level, of in ranges.items()]
    )
    (answers,) = yield [Grouped(key, where, summed(context, "d", d, steps) | summed(context, "dd", d * d, wider))]
    found = {}
    for level, of in ranges.items():
        if level not in answers:
            raise Changed
        k = int(levels.columns[levels.places[level]])
        found[k] = _scaled(answers[level], of, float(aggregate.centre[k]), float(aggregate.unit[k]))
    return found


@pushed.register
def _(aggregate: CrossMoments, context: Context) -> Steps:
    size = len(aggregate.columns)
    if size > MOST_COLUMNS:
        raise NotInSQL(f"products of more than {MOST_COLUMNS} columns are taken")
    columns = [context.number(column) for column in aggregate.columns]
    where = all_of(context.where(aggregate.where), *(x.notnull() for x in columns))
    answers = yield [ranged(context, x, where) for x in columns]
    ranges = [
        numbers(answer, whole=column.type == "integer")
        for column, answer in zip(aggregate.columns, answers, strict=True)
    ]
    d = [apart(chosen(x, where), of.pivot) for x, of in zip(columns, ranges, strict=True)]
    question: dict[str, Column] = {}
    units = {}
    for i, x in enumerate(d):
        units[f"d{i}"] = quantum(ranges[i].n, ranges[i].reach)
        question |= summed(context, f"d{i}", x, units[f"d{i}"])
        for j in range(i + 1):
            units[f"d{i}d{j}"] = quantum(ranges[i].n, ranges[i].reach * ranges[j].reach)
            question |= summed(context, f"d{i}d{j}", x * d[j], units[f"d{i}d{j}"])
    (answer,) = yield [question]
    n = float(ranges[0].n) if ranges else 0.0
    total = np.asarray([joined(f"d{i}", answer, units[f"d{i}"]) for i in range(size)])
    products = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            products[i, j] = products[j, i] = joined(f"d{i}d{j}", answer, units[f"d{i}d{j}"])
    mean = np.zeros(size)
    if n:
        products -= np.outer(total, total) / n
        mean = np.asarray([
            _shift(of, float(centre)) + t / n for of, centre, t in zip(ranges, aggregate.centre, total, strict=True)
        ])  # fmt: skip
    mean /= aggregate.unit
    return {
        "n": np.asarray(n),
        "mean": mean,
        "sum": n * mean,
        "products": products / np.outer(aggregate.unit, aggregate.unit),
    }


def _scaled(answer: Answer, of: Numbers, centre: float, unit: float) -> tuple[float, float, float]:
    """Count, mean and centred sum of squares in units of (x - centre)/unit."""
    if not of.n:
        return 0.0, 0.0, 0.0
    total = joined("d", answer, quantum(of.n, of.reach))
    squares = joined("dd", answer, quantum(of.n, of.reach**2)) - total * (total / of.n)
    return float(of.n), (_shift(of, centre) + total / of.n) / unit, max(squares, 0.0) / unit**2


def _shift(of: Numbers, centre: float) -> float:
    """pivot - centre; of whole numbers, without rounding the pivot before."""
    if isinstance(of.pivot, int):
        return (of.pivot - round(centre)) - (centre - round(centre))
    return of.pivot - centre


def _pivot(of: Numbers) -> Column:
    return whole_number(of.pivot) if isinstance(of.pivot, int) else real(of.pivot)
