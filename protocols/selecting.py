"""Rows of given ranks without sorting all rows: exact quantiles, and the largest or smallest ones.

As in `protocols.sorting`, shuffled keys that are pairwise distinct are compared in the open; which ones are compared
follows from the ranks and from results before, so that what is opened is a function of a uniformly random order and
tells nothing of the keys. The first few rows, a random sample, are sorted. Of them, the ones that stand some
deviations below and above where a wanted rank is expected are pivots: all other rows are put between these, and only
rows that fall around a wanted rank are sorted.

How many rows fall there is random, with a known mean and deviation: as many comparisons are made as suffice but with a
probability of about 1e-8; then there are more, beyond the plan.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError
from mpc.machine.party import Party, concurrently
from protocols.permuting import Places
from protocols.sorting import COMPARISONS, STEP, Keys, Stage, padded, sorted_rows, stages, steps

_DEVIATIONS = 6
#: Below so many rows, all are sorted.
_FEW = 1 << 10


class Interval(NamedTuple):
    """Wanted ranks first..last-1 of the list, and the sample's ranks around them: above `low`, below `high` (-1 and
    the sample's size where nothing bounds them); `rows`: planned rows in between, `arranged` their stages."""

    first: int
    last: int
    low: int
    high: int
    rows: int
    arranged: tuple[Stage, ...]


class Node(NamedTuple):
    """Rows at this node are compared with pivot `pivot`; the children, each a node's number or -1 where the gap is
    found: for smaller ones, and for others."""

    pivot: int
    below: int
    above: int


class Selection(NamedTuple):
    """How rows of some ranks are found: the first `sample` rows are sorted, all others go down a tree of pivots (ranks
    in the sample), with so many planned comparisons at each level."""

    sample: int
    intervals: tuple[Interval, ...]
    pivots: tuple[int, ...]
    nodes: tuple[Node, ...]
    levels: tuple[int, ...]

    @property
    def work(self) -> float:
        """Its cost, in comparisons."""
        every = [*steps(self.sample), *self.levels]
        inner = [list(steps_of(one.arranged)) for one in self.intervals]
        longest = max((len(one) for one in inner), default=0)
        return sum(every) + sum(map(sum, inner)) + STEP * (len(every) + longest)


def steps_of(arranged: tuple[Stage, ...]) -> list[int]:
    """The number of comparisons of each planned step of some stages."""
    return [m for levels, rows, pairs in arranged for m in [rows] * levels + [pairs] * (pairs > 0)]


def disclosed_by_selection(found: Selection) -> dict[str, int]:
    """What selecting opens: its planned comparisons."""
    inside = [m for one in found.intervals for m in steps_of(one.arranged)]
    return {COMPARISONS: sum([*steps(found.sample), *found.levels, *inside])}


def check_ranks(ranks: tuple[int, ...], n: int) -> None:
    """Raise RangeError unless these are some ranks of n rows, the lowest first."""
    ascending = all(a < b for a, b in pairwise(ranks))
    if not ranks or not ascending or ranks[0] < 0 or ranks[-1] >= n:
        raise RangeError(f"rank_order: ranks {ranks[:5]} of {n} rows; distinct ones from 0 up, the lowest first")


@lru_cache(maxsize=256)
def selection(n: int, ranks: tuple[int, ...]) -> Selection | None:
    """The cheapest way to find these ranks, or None where that is to sort all rows."""
    if n < _FEW or len(ranks) > n // 4:
        return None
    best: Selection | None = None
    least = sum(steps(n)) + STEP * float(len(list(steps(n))))
    sample = 1 << 6
    while sample < n // 4:
        found = _selection(n, ranks, sample)
        if found.work < least:
            best, least = found, found.work
        sample = sample * 5 // 4
    return best


def _selection(n: int, ranks: tuple[int, ...], sample: int) -> Selection:
    rest = n - sample
    spans: list[list[int]] = []  # first and last wanted, low, high
    for number, rank in enumerate(ranks):
        part = (rank + 0.5) / n
        margin = _DEVIATIONS * math.sqrt(sample * part * (1 - part)) + _DEVIATIONS
        low, high = max(math.floor(sample * part - margin), -1), min(math.ceil(sample * part + margin), sample)
        if spans and low <= spans[-1][3]:
            spans[-1][1], spans[-1][3] = number + 1, high
        else:
            spans.append([number, number + 1, low, high])
    intervals = []
    for first, last, low, high in spans:
        gaps = high - low
        mean = rest * gaps / (sample + 1)
        rows = mean + gaps - 1 + _DEVIATIONS * (mean / math.sqrt(gaps) + math.sqrt(mean) + 1)
        rows = min(math.ceil(rows), n)
        intervals.append(Interval(first, last, low, high, rows, stages(rows)))
    pivots = tuple(p for _, _, low, high in spans for p in (low, high) if 0 <= p < sample)
    nodes, shares = _tree(pivots, sample)
    levels = [rest] if nodes else []
    for share in shares[1:]:
        spread = rest * math.sqrt(share * (1 - share) / sample) + math.sqrt(rest)
        levels.append(min(math.ceil(rest * share + _DEVIATIONS * spread), rest))
    return Selection(sample, tuple(intervals), pivots, nodes, tuple(levels))


def _tree(pivots: tuple[int, ...], sample: int) -> tuple[tuple[Node, ...], list[float]]:
    """The tree of the fewest comparisons expected, its root first, and the share of rows at each of its levels."""
    ends = (0, *(p + 1 for p in pivots), sample + 1)
    weight = [(b - a) / (sample + 1) for a, b in pairwise(ends)]
    nodes: list[Node] = []
    shares: list[float] = []

    @cache
    def cost(start: int, stop: int) -> tuple[float, int]:
        """Of gaps start..stop-1: comparisons a row, and the best pivot."""
        if stop - start < 2:
            return 0.0, -1
        below = sum(weight[start:stop])
        return min((below + cost(start, cut)[0] + cost(cut, stop)[0], cut) for cut in range(start + 1, stop))

    def grow(start: int, stop: int, depth: int) -> int:
        if stop - start < 2:
            return -1
        number, cut = len(nodes), cost(start, stop)[1]
        nodes.append(Node(cut - 1, -1, -1))
        shares.extend([0.0] * (depth + 1 - len(shares)))
        shares[depth] += sum(weight[start:stop])
        nodes[number] = Node(cut - 1, grow(start, cut, depth + 1), grow(cut, stop, depth + 1))
        return number

    grow(0, len(weight), 0)
    return tuple(nodes), shares


def in_front(rows: Places, n: int) -> Places:
    """These rows, then all others."""
    others = np.ones(n, np.bool_)
    others[rows] = False
    return np.concatenate((rows, np.flatnonzero(others))).astype(np.uint32)


async def selected(party: Party, n: int, ranks: tuple[int, ...], found: Selection, keys: Keys) -> Places:
    """The rows of the ranks."""
    sample = await sorted_rows(party, found.sample, keys)
    pivots = sample[list(found.pivots)] if found.pivots else sample[:0]
    gap = await _placed(party, n, found, keys, pivots)
    counts = np.bincount(gap, minlength=len(pivots) + 1)
    # Each interval's inner comparisons have labels of their own, whatever else runs beside them.
    inner = [party.inner("interval") for _ in found.intervals]
    parts: list[NDArray[np.uint32] | None] = [None] * len(found.intervals)

    async def within(number: int) -> None:
        one = found.intervals[number]
        at = found.pivots.index(one.low) + 1 if one.low >= 0 else 0
        between = sample[one.low + 1 : one.high]
        rows = np.concatenate((np.sort(between), np.flatnonzero(gap == at) + found.sample)).astype(np.uint32)
        below = int(counts[:at].sum()) + one.low + 1  # of the sample, all up to the pivot
        wanted = np.asarray(ranks[one.first : one.last]) - below
        if len(rows) < 2:
            return
        arranged = one.arranged if len(rows) <= one.rows else None
        in_order = rows[await sorted_rows(inner[number], len(rows), keys.of(rows), arranged)]
        if wanted[0] >= 0 and wanted[-1] < len(rows):
            parts[number] = in_order[wanted]

    await concurrently(*(within(number) for number in range(len(inner))))
    if all(part is not None for part in parts):
        return np.concatenate([part for part in parts if part is not None])
    return (await sorted_rows(party, n, keys))[list(ranks)]  # a rank is not where it is but once in a hundred million


async def _placed(party: Party, n: int, found: Selection, keys: Keys, pivots: Places) -> NDArray[np.int64]:
    """The gap between pivots that each row beyond the sample falls into."""
    gap = np.zeros(n - found.sample, np.int64)
    if not found.nodes:
        return gap
    table = np.asarray(found.nodes, np.int64)
    active = np.arange(gap.size)
    node = np.zeros(gap.size, np.int64)
    for planned in found.levels:
        rows = (active + found.sample).astype(np.uint32)
        pivot = table[node, 0]
        less = np.empty(active.size, np.bool_)
        for start in range(0, max(active.size, 1), planned):
            some = slice(start, start + planned)
            first, second = padded(rows[some], planned, 0), padded(pivots[pivot[some]], planned, 1)
            less[some] = (await keys.less(party, first, second))[: active.size - start]
        gap[active] = np.where(less, gap[active], pivot + 1)
        node = np.where(less, table[node, 1], table[node, 2])
        active, node = active[node >= 0], node[node >= 0]
    return gap
