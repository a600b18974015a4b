"""Which cells of a table of counts may be opened: small cells are suppressed, so that no subtraction tells them.

The total of a table tells how many rows its small cells hold together. If that number would tell too much (it is below
the minimum, or close to the most that the small cells can hold), the first cell that is not small is suppressed, too.
It is the first cell in the order of the table, not the smallest: its place says nothing about its count, so even a
reader who knows this rule cannot tell a suppressed count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from mpc.releases.disclosure import Guard
from mpc.releases.enough import enough
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, concatenate, stack, where

#: What protects a table, in words.
RULE = "small cells suppressed, and another one where they could be told from the total"


def large_cells(tables: Sequence[Cohort], minimum: int, *, others: bool) -> list[SecretArray]:
    """Bits of the cells that may be opened, for each of several one-dimensional tables by itself.

    A cell is small if its count is below the minimum (0 included), for all rows or without the rows of one owner. Small
    cells are not opened. Let s be the number of rows in the m small cells. If s < minimum, or s is within minimum / 2
    of the most that they can hold, m (minimum - 1), the first other cell is not opened either. The same holds for the
    rows of all owners but one, since this owner can subtract its rows: then for the first other cell with rows of
    others.

    So each suppressed count could be at least two numbers, even for a reader who knows the total and this rule, if the
    table has a cell that is not small.

    Rounds  about 25, whatever the number of tables and cells
    """
    large = list(enough(tables[0].run, tables, minimum, others=others).values())
    if minimum <= 1:
        return large
    by_owners: dict[int, list[int]] = {}  # number of owners -> tables
    for t, table in enumerate(tables):
        own = table.counts().own
        by_owners.setdefault(own.shape[0] if others and own is not None else 0, []).append(t)
    for group in by_owners.values():
        shown = _not_told([tables[t] for t in group], [large[t] for t in group], minimum, others)
        for t, bits in zip(group, shown, strict=True):
            large[t] = bits
    return large


def _not_told(tables: Sequence[Cohort], large: Sequence[SecretArray], minimum: int, others: bool) -> list[SecretArray]:
    """The large cells without those that are suppressed with small cells; for tables with equally many owners."""
    sizes = [table.shape[0] for table in tables]
    counts = [table.counts() for table in tables]
    rows = concatenate([count.total for count in counts], axis=1)
    owns = [own.reshape(own.shape[0], k) for (_, own, _), k in zip(counts, sizes, strict=True) if own is not None]
    if others and owns:
        rows = concatenate([rows, rows - concatenate(owns, axis=1)])
    shown, rows = _beside(concatenate(large), sizes), _beside(rows, sizes)
    many = shown.numeric()
    small = np.asarray(sizes) - many.sum(1)
    small_rows = where(shown.reshape(1, *shown.shape).broadcast_to(rows.shape), 0, rows).sum(2)
    told = (small_rows < minimum) | (small_rows > small * (minimum - 1) - minimum // 2)
    told = told & (small > 0).reshape(1, -1).broadcast_to(told.shape)
    # In each view the first cell with rows in it: an empty cell hides nothing.
    filled = shown.reshape(1, *shown.shape).broadcast_to(rows.shape) & (rows > 0)
    before = preceding(filled.numeric().reshape(-1, max(sizes))).reshape(rows.shape)
    hides = filled & (before < 1) & told.reshape(*told.shape, 1).broadcast_to(rows.shape)
    kept = shown & ~hides.any(0)
    return [kept.view(lambda a, t=t, k=k: a[t, :k]) for t, k in enumerate(sizes)]


def _beside(cells: SecretArray, sizes: Sequence[int]) -> SecretArray:
    """(…, cells of all tables) as (…, tables, cells), filled up with 0 where a table has fewer cells than the
    largest."""
    most = max(sizes)
    if min(sizes) < most:
        kind = np.bool_ if cells.type == "bool" else np.int64
        cells = concatenate([cells, cells.constant(np.zeros((*cells.shape[:-1], 1), kind))], axis=cells.ndim - 1)
    starts = np.cumsum([0, *sizes[:-1]]).reshape(-1, 1)
    place = np.arange(most)
    index = np.where(place < np.asarray(sizes).reshape(-1, 1), starts + place, sum(sizes))
    return cells.view(lambda a: a[..., index])


def preceding(bits: SecretArray) -> SecretArray:
    """For each element of rows of 0 and 1, shape (n, k): the sum of the elements before it in its row.

    Local; takes memory for n k^1.5 elements.
    """
    n, k = bits.shape
    side = math.isqrt(k - 1) + 1
    if side * side > k:
        bits = concatenate([bits, bits.constant(np.zeros((n, side * side - k), np.int64))], axis=1)
    rows, below = bits.reshape(n, side, side), np.tri(side, side, -1, dtype=np.int64)
    within = (rows.reshape(n, side, 1, side).broadcast_to((n, side, side, side)) * below).sum(3)
    above = (rows.sum(2).reshape(n, 1, side).broadcast_to((n, side, side)) * below).sum(2)
    # At most k bits are set, although the bounds of the two sums add up to more.
    return (within + above.reshape(n, side, 1)).reshape(n, side * side).view(lambda a: a[:, :k]).bounded(k)


def table_guard(part: str, *tables: Cohort) -> Guard:
    """The guard that opens the cells which may be opened in each of these tables."""

    def bits(minimum: int, others: bool) -> dict[str, SecretArray]:
        return {part: opened_cells(tables, minimum, others)}

    return Guard(RULE, {part: tables}, bits, compare_tables)


def opened_cells(tables: Sequence[Cohort], minimum: int, others: bool) -> SecretArray:
    """Bits of the cells that may be opened in each of these tables of one shape."""
    compare_tables(tables, minimum, others)
    memo = tables[0].run.scope.memo(_MEMO)
    large = [memo[table, minimum, others] for table in tables]
    return large[0] if len(large) == 1 else stack(large).all(0)


class _Memo:
    """The key of the memo of `compare_tables`."""


_MEMO = _Memo()


def compare_tables(tables: Iterable[Cohort], minimum: int, others: bool) -> None:
    """Compute the cells of all these tables that may be opened, in one operation; once in a scope."""
    wanted = list(dict.fromkeys(tables))
    if not wanted:
        return
    memo = wanted[0].run.scope.memo(_MEMO)
    new = [table for table in wanted if (table, minimum, others) not in memo]
    if new:
        for table, large in zip(new, large_cells(new, minimum, others=others), strict=True):
            memo[table, minimum, others] = large
