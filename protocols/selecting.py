"""Find the rows of public ranks without sorting all rows: exact quantiles, the largest and the smallest rows.

As in `protocols.sorting`, the keys are shuffled and pairwise distinct, and results of comparisons are opened. The
choice of the pairs follows from the ranks and from earlier results. So the opened results are a function of a uniformly
random order, and tell nothing about the keys.

1. The first rows, a random sample, are sorted.
2. For each wanted rank, two rows of the sample become pivots: they stand some standard deviations below and above the
   expected place of that rank.
3. All other rows are compared with the pivots, along a tree. Only rows that fall around a wanted rank are sorted.

The number of rows around a rank is random; its mean and deviation are known. The planned comparisons suffice with
probability 1 - 1e-8. Otherwise the protocol makes more comparisons than planned.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.machine.party import Party, concurrently
from protocols.permuting import Places
from protocols.sorting import COMPARISONS, STEP, SortKeys, Stage, padded, sorted_rows, stages, steps

_DEVIATIONS = 6
#: Below this number of rows, all rows are sorted.
_FEW = 1 << 10


class Interval(NamedTuple):
    """Neighbouring wanted ranks, and the two pivots around them.

    first, last  the ranks first..last-1 of the list of wanted ranks
    low, high    ranks of the pivots in the sample; -1 and the sample's size where there is no pivot
    rows         how many rows are planned between the pivots
    arranged     the stages that sort these rows
    """

    first: int
    last: int
    low: int
    high: int
    rows: int
    arranged: tuple[Stage, ...]


class Node(NamedTuple):
    """A comparison with the pivot number `pivot`, and the nodes that smaller and other rows go to; -1 ends the way."""

    pivot: int
    below: int
    above: int


class Selection(NamedTuple):
    """A plan: `sample` rows are sorted; all others go down a tree of pivots (ranks in the sample) by `nodes`, with
    `levels` comparisons at each level of the tree; the rows of `intervals` are sorted."""

    sample: int
    intervals: tuple[Interval, ...]
    pivots: tuple[int, ...]
    nodes: tuple[Node, ...]
    levels: tuple[int, ...]

    @property
    def work(self) -> float:
        """Its cost, in comparisons."""
        outer = [*steps(self.sample), *self.levels]
        inner = [steps_of(interval.arranged) for interval in self.intervals]
        longest = max(map(len, inner), default=0)
        return sum(outer) + sum(map(sum, inner)) + STEP * (len(outer) + longest)


def steps_of(arranged: tuple[Stage, ...]) -> list[int]:
    """The number of comparisons of each planned step of these stages."""
    return [m for levels, rows, pairs in arranged for m in [rows] * levels + [pairs] * (pairs > 0)]


def disclosed_by_selection(plan: Selection) -> dict[str, int]:
    """What selecting opens: its planned comparisons."""
    inside = [m for interval in plan.intervals for m in steps_of(interval.arranged)]
    return {COMPARISONS: sum([*steps(plan.sample), *plan.levels, *inside])}


@lru_cache(maxsize=256)
def selection(n: int, ranks: tuple[int, ...]) -> Selection | None:
    """The cheapest plan for these ranks, or None where sorting all rows costs less."""
    if n < _FEW or len(ranks) > n // 4:
        return None
    best: Selection | None = None
    least = sum(steps(n)) + STEP * float(len(list(steps(n))))
    sample = 1 << 6
    while sample < n // 4:
        candidate = _selection(n, ranks, sample)
        if candidate.work < least:
            best, least = candidate, candidate.work
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
    """The tree with the fewest expected comparisons, its root first, and the share of rows at each of its levels."""
    ends = (0, *(p + 1 for p in pivots), sample + 1)
    weight = [(b - a) / (sample + 1) for a, b in pairwise(ends)]
    nodes: list[Node] = []
    shares: list[float] = []

    @cache
    def cost(start: int, stop: int) -> tuple[float, int]:
        """For the gaps start..stop-1: expected comparisons per row, and the best pivot."""
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
    """The order of n rows that begins with `rows`; all other rows follow in their order."""
    others = np.ones(n, np.bool_)
    others[rows] = False
    return np.concatenate((rows, np.flatnonzero(others))).astype(np.uint32)


async def selected(party: Party, n: int, ranks: tuple[int, ...], plan: Selection, keys: SortKeys) -> Places:
    """The rows of the ranks, in the order of the ranks.

    Rounds    those of the comparisons of the plan; intervals run beside each other
    Security  semi-honest: the opened comparisons are a function of a uniformly random order
    """
    sample = await sorted_rows(party, plan.sample, keys)
    pivots = sample[list(plan.pivots)] if plan.pivots else sample[:0]
    gap = await _gaps(party, n, plan, keys, pivots)
    counts = np.bincount(gap, minlength=len(pivots) + 1)
    # Each interval has a label of its own, so that intervals can run beside each other.
    inner = [party.inner("interval") for _ in plan.intervals]
    parts: list[NDArray[np.uint32] | None] = [None] * len(plan.intervals)

    async def select(number: int) -> None:
        interval = plan.intervals[number]
        place = plan.pivots.index(interval.low) + 1 if interval.low >= 0 else 0
        between = sample[interval.low + 1 : interval.high]
        rows = np.concatenate((np.sort(between), np.flatnonzero(gap == place) + plan.sample)).astype(np.uint32)
        below = int(counts[:place].sum()) + interval.low + 1  # of the sample, all up to the pivot
        wanted = np.asarray(ranks[interval.first : interval.last]) - below
        if len(rows) < 2:
            return
        arranged = interval.arranged if len(rows) <= interval.rows else None
        in_order = rows[await sorted_rows(inner[number], len(rows), keys.of(rows), arranged)]
        if wanted[0] >= 0 and wanted[-1] < len(rows):
            parts[number] = in_order[wanted]

    await concurrently(*(select(number) for number in range(len(inner))))
    if all(part is not None for part in parts):
        return np.concatenate([part for part in parts if part is not None])
    return (await sorted_rows(party, n, keys))[list(ranks)]  # a rank lies outside of its interval: probability 1e-8


async def _gaps(party: Party, n: int, plan: Selection, keys: SortKeys, pivots: Places) -> NDArray[np.int64]:
    """For each row after the sample, the gap between pivots that it falls into."""
    gap = np.zeros(n - plan.sample, np.int64)
    if not plan.nodes:
        return gap
    table = np.asarray(plan.nodes, np.int64)
    active = np.arange(gap.size)
    node = np.zeros(gap.size, np.int64)
    for planned in plan.levels:
        rows = (active + plan.sample).astype(np.uint32)
        pivot = table[node, 0]
        less = np.empty(active.size, np.bool_)
        for start in range(0, max(active.size, 1), planned):
            step = slice(start, start + planned)
            first, second = padded(rows[step], planned, 0), padded(pivots[pivot[step]], planned, 1)
            less[step] = (await keys.less(party, first, second))[: active.size - start]
        gap[active] = np.where(less, gap[active], pivot + 1)
        node = np.where(less, table[node, 1], table[node, 2])
        active, node = active[node >= 0], node[node >= 0]
    return gap
