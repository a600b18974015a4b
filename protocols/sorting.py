"""Sort by comparisons whose results are opened: which rows are compared with which.

Rows are in a uniformly random order that nobody knows, and no two keys are equal. So the opened results have the
distribution of a sort of a random permutation, whatever the keys are. An engine brings the shuffled keys and a
protocol that compares pairs of them.

A step compares many pairs at once and opens the results. The arrangement needs few comparisons and few steps, and the
number of both is known beforehand:

1. The first rows are compared in all pairs.
2. The next rows find their gaps between the sorted rows by binary search among 2^k - 1 of them: k comparisons a row.
3. Rows in the same gap are compared in all pairs. Now all of them are sorted; repeat from 2 until the last row is in.

The number of pairs within gaps is random; its mean and deviation are known. The planned comparisons of a step suffice
except with probability 1e-6; then there is another step, beyond the plan. Comparisons that are not needed are made all
the same, with rows 0 and 1.
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

#: Time of a step, in comparisons.
STEP = 3 << 11
_DEVIATIONS = 12
#: What sorting opens, in words for a plan; its distribution does not depend on the rows.
COMPARISONS = "results of comparisons of rows in a secret random order (alike for all rows)"
PLACES = "places of rows in a secret random order (alike for all rows)"
Numbers = NDArray[np.int64]


class SortKeys(Protocol):
    """Shuffled keys that are pairwise distinct."""

    def of(self, rows: Places) -> SortKeys:
        """The keys of `rows`, in that order."""

    async def less(self, party: Party, a: Places, b: Places) -> NDArray[np.bool_]:
        """Whether key a[i] is less than key b[i], opened."""


class Stage(NamedTuple):
    """`rows` new rows are sorted into 2^levels - 1 sorted rows, with `pairs` planned comparisons within gaps."""

    levels: int
    rows: int
    pairs: int


def _pairs(rows: int, levels: int) -> int:
    """Planned comparisons within gaps, when `rows` rows fall into 2^levels gaps; all ways to fill them are equally
    likely."""
    all_pairs, gaps = rows * (rows - 1) // 2, 1 << levels
    if gaps == 1:
        return all_pairs
    per_gap = rows / gaps
    mean, deviation = rows * (rows - 1) / (gaps + 1), math.sqrt(gaps) * per_gap * (per_gap + 1)
    return min(all_pairs, math.ceil(mean + _DEVIATIONS * (deviation + 1)))


@lru_cache(maxsize=256)
def stages(n: int) -> tuple[Stage, ...]:
    """How n rows are sorted at the least cost."""

    def best(rows: int, smaller: list[tuple[float, tuple[Stage, ...]]]) -> tuple[float, tuple[Stage, ...]]:
        options = []
        for levels, (cost, before) in enumerate(smaller):
            new = rows - (1 << levels) + 1
            if new > 0:
                stage = Stage(levels, new, _pairs(new, levels))
                work = new * levels + stage.pairs + STEP * (levels + (stage.pairs > 0))
                options.append((cost + work, (*before, stage)))
        return min(options)

    by_levels: list[tuple[float, tuple[Stage, ...]]] = [(0.0, ())]  # cost and stages of 2^levels - 1 rows
    while 1 << len(by_levels) <= n:
        by_levels.append(best((1 << len(by_levels)) - 1, by_levels))
    return best(n, by_levels)[1] if n > 1 else ()


def steps(n: int) -> Iterator[int]:
    """The number of comparisons of each planned step."""
    for levels, rows, pairs in stages(n):
        yield from [rows] * levels
        if pairs:
            yield pairs


def disclosed_by_comparisons(n: int) -> dict[str, int]:
    """What a sort of n rows by comparisons opens."""
    return {COMPARISONS: sum(steps(n))} if n > 1 else {}


async def sorted_rows(party: Party, n: int, keys: SortKeys, arranged: tuple[Stage, ...] | None = None) -> Places:
    """The n rows in the order of their keys.

    `arranged`: the stages of n rows or more. If they are for more, as many comparisons are made as for all of them.

    Rounds    those of a revealed comparison for each step of the stages
    Bytes     those of the comparisons of all steps
    Security  semi-honest: the opened results are a function of a uniformly random order
    Raises    CheckFailed if results contradict each other
    """
    done: Places = np.empty(0, np.uint32)
    for levels, whole, planned in stages(n) if arranged is None else arranged:
        count = min(whole, n - done.size)
        rows = np.arange(done.size, done.size + count, dtype=np.uint32)
        gap = np.zeros(count, np.uint32)
        for level in reversed(range(levels)):
            half = np.uint32(1 << level)
            middle = gap + (half - np.uint32(1))
            other = done[np.minimum(middle, done.size - 1)] if done.size else middle
            less = await keys.less(party, padded(rows, whole, 0), padded(other, whole, 1))
            gap += np.where(less[:count] | (middle >= done.size), np.uint32(0), half)
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
    """The number of rows in each gap, and the rows in the order of their gaps."""
    counts: Numbers = np.bincount(gap, minlength=gaps)
    return counts, np.argsort(gap, kind="stable").astype(np.uint32)


def _pairs_of(members: Places, counts: Numbers) -> tuple[Places, Places]:
    """All pairs within groups. The first counts[0] members are the first group, and so on."""
    ends = np.repeat(np.cumsum(counts), counts)
    later = ends - np.arange(members.size) - 1  # members of the same group after each
    first = np.repeat(np.arange(members.size), later)
    second = np.arange(first.size) - np.repeat(np.cumsum(later) - later, later) + first + 1
    return members[first], members[second]


def padded(rows: Places, size: int, row: int) -> Places:
    """`rows`, filled up with `row` to the planned size."""
    if rows.size == size:
        return rows
    return np.concatenate((rows, np.full(size - rows.size, row, np.uint32)))


def _merged(done: Places, gap: Places, counts: Numbers, rank: Numbers) -> Places:
    """All rows sorted: the sorted rows `done`, and the new rows by their gap and their rank within it.

    Raises CheckFailed if results of comparisons contradict each other, so that a place stays empty.
    """
    upto: Numbers = np.cumsum(counts)
    empty = np.uint32(done.size + gap.size)
    out = np.full(done.size + gap.size, empty)
    out[np.arange(done.size) + upto[: done.size]] = done
    out[(upto - counts)[gap] + gap + rank] = np.arange(done.size, out.size, dtype=np.uint32)
    if bool((out == empty).any()):
        raise CheckFailed("the opened results of comparisons contradict each other: a party sent wrong shares")
    return out
