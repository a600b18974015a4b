"""Sorting by comparisons in the open: which rows are compared with which.

Rows are in a uniformly random order that nobody knows, and no two keys are equal, so the results of comparisons, which
are opened, tell the order of rows whose own order is random: what is opened has the distribution of a sort of a random
permutation, whatever the keys are. An engine brings the shuffled keys, and how two of them are compared.

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
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mpc.errors import CheckFailed
from mpc.machine.party import Party
from protocols.permuting import Places

#: A step is worth as much time as so many comparisons.
STEP = 3 << 11
_DEVIATIONS = 12
#: Kinds of what sorting opens; what they tell has one distribution whatever the rows are.
COMPARISONS = "results of comparisons of rows in a secret random order (alike for all rows)"
PLACES = "places of rows in a secret random order (alike for all rows)"
Numbers = NDArray[np.int64]


class Keys(Protocol):
    """Shuffled keys that are pairwise distinct."""

    def of(self, rows: Places) -> Keys:
        """Those of some rows."""

    async def less(self, party: Party, a: Places, b: Places) -> NDArray[np.bool_]:
        """Whether key a[i] is less than key b[i], opened."""


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


def disclosed_by_comparisons(n: int) -> dict[str, int]:
    """What a sort of n rows by comparisons opens."""
    return {COMPARISONS: sum(steps(n))} if n > 1 else {}


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
    """All pairs within groups: the first counts[0] members are the first group, and so on."""
    ends = np.repeat(np.cumsum(counts), counts)
    later = ends - np.arange(members.size) - 1  # members of the same group after each
    first = np.repeat(np.arange(members.size), later)
    second = np.arange(first.size) - np.repeat(np.cumsum(later) - later, later) + first + 1
    return members[first], members[second]


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
