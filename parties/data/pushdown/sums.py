"""Sums in SQL that keep float64's digits, whatever the number of rows and their order.

A database adds floats one after the other, and rounds each time: of 10^7 equal numbers, ten digits stay. So numbers are
added in two passes. The first gives their mean m and their range. The second adds the differences d = x - m, each in
two parts: k = round(d / q), a whole number, whose sum is exact, and the rest d - kq, at most q/2. The power of two
q is so small that the rests lose nothing, and so large that the sum of the k fits an int64 (Demmel and Nguyen, 2015).

A question is a dictionary of measures: name -> an Ibis value of all rows. Functions here are generators that yield
questions and are sent the answers; `parties.data.pushdown.passes` asks the questions of many of them together.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mpc.untyped import Opaque
from parties.data.pushdown.expressions import Column, real

#: A sum of whole numbers that float64 and int64 hold with room to spare.
_EXACT = 52


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


class Changed(Exception):
    """The rows are not those of the pass before."""


class Numbers(NamedTuple):
    """How many numbers there are, the pivot m they are taken about, and the largest distance from it."""

    n: int
    pivot: float
    reach: float


#: What is not asked yet, where SQL is shown: "…" stands for its numbers.
UNKNOWN = Numbers(0, math.nan, math.nan)


def ranged(x: Column, where: Column | None) -> dict[str, Column]:
    """The first question about the numbers x: how many, their mean, their smallest and largest."""
    return {"n": x.count(where=where), "mean": x.mean(where=where), "least": x.min(where=where),
            "most": x.max(where=where)}  # fmt: skip


def numbers(answer: Answer, *, whole: bool) -> Numbers:
    """Of the answer to `ranged`. The pivot is any number near the mean: a whole one of whole numbers."""
    if math.isnan(answer["mean"] or 0):
        return UNKNOWN
    n = int(answer["n"])
    if not n:
        return Numbers(0, 0, 0.0)
    kind = int if whole else float
    least, most = kind(answer["least"]), kind(answer["most"])
    mean = round(answer["mean"]) if whole else float(answer["mean"])
    pivot = min(max(mean, least), most)
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
    """x where the condition holds, else NULL: numbers of other rows may be too large for `split`."""
    import ibis

    return x if where is None else ibis.cases((where, x))


def split(name: str, d: Column, q: float | Column) -> dict[str, Column]:
    """The measures of a sum of float64 numbers d."""
    unit = real(q) if isinstance(q, float) else q
    k = (d / unit).round().cast("int64")
    return {f"{name} whole": k.sum(), f"{name} rest": (d - k.cast("float64") * unit).sum()}


def joined(name: str, answer: Answer, q: float) -> float:
    """The sum from the answer to `split`."""
    whole, rest = answer[f"{name} whole"], answer[f"{name} rest"]
    return 0.0 if whole is None else int(whole) * q + float(rest)


def exact(x: Column, low: int, high: int, rows: int, where: Column | None) -> dict[str, Column]:
    """The measures of a sum of whole numbers from `low` to `high` in at most `rows` rows."""
    import ibis

    if max(-low, high, 1) * max(rows, 1) < 1 << 62:
        return {"sum": x.sum(where=where), "count": x.count(where=where)}
    above = x - ibis.literal(low, "int64")  # not negative, so that its upper and lower bits are told apart
    bits = ibis.literal(32, "int64")
    return {
        "upper": (above >> bits).sum(where=where),
        "lower": (above & ibis.literal(0xFFFFFFFF, "int64")).sum(where=where),
        "count": x.count(where=where),
    }


def exactly(answer: Answer, low: int) -> tuple[int, int]:
    """The sum of whole numbers and their count, from the answer to `exact`."""
    count = int(answer["count"])
    if "sum" in answer:
        return int(answer["sum"] or 0), count
    return (int(answer["upper"] or 0) << 32) + int(answer["lower"] or 0) + low * count, count
