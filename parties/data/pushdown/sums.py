"""Sums in SQL that keep float64's digits, whatever the number of rows and their order.

Most databases add floats one after the other, and round each time: of 10^7 equal numbers, ten digits stay. DuckDB has a
compensated sum, fsum. Elsewhere, numbers are added in two passes. The first gives their mean m and their range. The
second adds the differences d = x - m, each in two parts: a whole number k near d / q, whose sum is exact, and the rest
d - kq, at most q. The power of two q is so small that the rests lose nothing, and so large that the sum of the k fits
an int64 (Demmel and Nguyen, 2015).

A question is a dictionary of measures: name -> an Ibis value of all rows. Functions here are generators that yield
questions and are sent the answers; `parties.data.pushdown.passes` asks the questions of many of them together.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from mpc.untyped import Opaque
from parties.data.pushdown.context import Context
from parties.data.pushdown.expressions import Column, real

#: A sum of whole numbers that float64 and int64 hold with room to spare.
_EXACT = 52


class Changed(Exception):
    """The rows are not those of the pass before."""


@dataclass(frozen=True)
class Grouped:
    """Measures of the groups of rows that have the same `key`, a column of whole numbers, where `where` holds."""

    key: Column
    where: Column
    measures: Mapping[str, Column]


#: Measures of all rows by name, or of groups of rows: their answer is {key: {name: number}}.
Question = Mapping[str, Opaque] | Grouped
Answer = dict[Opaque, Opaque]
#: Asks one question after the other; then there is the result.
Steps = Generator[list[Question], list[Answer], Opaque]


class Numbers(NamedTuple):
    """How many numbers there are, the pivot m they are taken about, and their largest distance from it (NaN: unknown).

    A pivot is any number near the mean: a whole one of whole numbers.
    """

    n: int
    pivot: float
    reach: float


#: What is not asked yet, where SQL is shown: "…" stands for its numbers.
UNKNOWN = Numbers(0, math.nan, math.nan)


def ranged(context: Context, x: Column, where: Column | None) -> dict[str, Column]:
    """The first question about the numbers x: how many, their mean; their smallest and largest, if needed."""
    question = {"n": x.count(where=where), "mean": x.cast("float64").mean(where=where)}
    if context.compensated:
        return question
    return question | {"least": x.min(where=where), "most": x.max(where=where)}


def numbers(answer: Answer, *, whole: bool) -> Numbers:
    """Of the answer to `ranged`."""
    if math.isnan(answer["mean"] or 0):
        return UNKNOWN
    n = int(answer["n"] or 0)
    if not n:
        return Numbers(0, 0, 0.0)
    pivot = round(answer["mean"]) if whole else float(answer["mean"])
    if "least" not in answer:
        return Numbers(n, pivot, 0.0)
    kind = int if whole else float
    least, most = kind(answer["least"]), kind(answer["most"])
    pivot = min(max(pivot, least), most)
    return Numbers(n, pivot, float(max(most - pivot, pivot - least)))


def apart(x: Column, pivot: float | Column) -> Column:
    """x - pivot as float64; whole numbers are not rounded before."""
    import ibis

    if isinstance(pivot, int):
        return (x - ibis.literal(pivot, "int64")).cast("float64")
    return x - (real(pivot) if isinstance(pivot, float) else pivot)


def quantum(n: int, reach: float) -> float:
    """q: n numbers up to `reach` are at most 2^52 q together."""
    if math.isnan(reach):
        return reach
    if not n or not reach:
        return 1.0
    return math.ldexp(1.0, max(math.frexp(reach)[1] + n.bit_length() - _EXACT, -1021))


def chosen(x: Column, where: Column | None) -> Column:
    """x where the condition holds, else NULL: numbers of other rows may be too large for `summed`."""
    import ibis

    return x if where is None else ibis.cases((where, x))


def summed(context: Context, name: str, d: Column, q: float | Column) -> dict[str, Column]:
    """The measures of a sum of float64 numbers d."""
    if context.compensated:
        return {name: _fsum()(d)}
    unit = real(q) if isinstance(q, float) else q
    k = (d / unit).cast("int64")
    return {f"{name} whole": k.sum(), f"{name} rest": (d - k.cast("float64") * unit).sum()}


def joined(name: str, answer: Answer, q: float) -> float:
    """The sum from the answer to `summed`."""
    if name in answer:
        return float(answer[name] or 0.0)
    return int(answer[f"{name} whole"] or 0) * q + float(answer[f"{name} rest"] or 0.0)


def centred(
    context: Context, x: Column, where: Column | None, of: Numbers, *, squares: bool = False
) -> dict[str, Column]:
    """The second question about numbers x: sums of their differences from the pivot, and of their squares."""
    d = apart(chosen(x, where), of.pivot)
    question = summed(context, "d", d, quantum(of.n, of.reach))
    return question | summed(context, "dd", d * d, quantum(of.n, of.reach**2)) if squares else question


def total(context: Context, x: Column, where: Column | None) -> Steps:
    """How many float64 numbers x there are, and their sum."""
    if context.compensated:
        (answer,) = yield [{"n": x.count(where=where), "sum": _fsum()(chosen(x, where))}]
        return int(answer["n"] or 0), float(answer["sum"] or 0.0)
    (answer,) = yield [ranged(context, x, where)]
    of = numbers(answer, whole=False)
    (answer,) = yield [centred(context, x, where, of)]
    return of.n, of.n * of.pivot + joined("d", answer, quantum(of.n, of.reach))


def exact_total(context: Context, x: Column, low: int, high: int, where: Column | None) -> Steps:
    """How many whole numbers from `low` to `high` there are, and their sum, exactly."""
    import ibis

    question = {"n": x.count(where=where)}
    if max(-low, high, 1) * max(context.rows, 1) < 1 << 62:
        (answer,) = yield [question | {"sum": x.sum(where=where)}]
        return int(answer["n"] or 0), int(answer["sum"] or 0)
    above = x - ibis.literal(low, "int64")  # not negative, so that its upper and lower bits are told apart
    (answer,) = yield [
        question
        | {
            "upper": (above >> ibis.literal(32, "int64")).sum(where=where),
            "lower": (above & ibis.literal(0xFFFFFFFF, "int64")).sum(where=where),
        }
    ]
    n = int(answer["n"] or 0)
    return n, (int(answer["upper"] or 0) << 32) + int(answer["lower"] or 0) + low * n


def together(parts: Sequence[Steps]) -> Generator[list[Question], list[Answer], list[Opaque]]:
    """The results of several generators, whose questions are asked at the same time."""
    results: list[Opaque] = [None] * len(parts)
    waiting = {k: next(part) for k, part in enumerate(parts)}
    while waiting:
        answers = yield [question for questions in waiting.values() for question in questions]
        left = iter(answers)
        asked, waiting = waiting, {}
        for k, questions in asked.items():
            try:
                waiting[k] = parts[k].send([next(left) for _ in questions])
            except StopIteration as end:
                results[k] = end.value
    return results


@cache
def _fsum() -> Opaque:
    """DuckDB's compensated sum."""
    import ibis

    @ibis.udf.agg.builtin  # type: ignore[untyped-decorator]
    def fsum(x: float) -> float:  # type: ignore[empty-body]
        """The sum of x."""

    return fsum
