"""Counts in tables, with small cells suppressed so that subtraction does not bring them back.

One table falls together: where the rows in the small cells could be told from the total of the table (they are fewer
than the minimum, or nearly as many as small cells can hold), the first cell that is not small is suppressed too. It is
the first one in the table's order, not the smallest: its place says nothing about its count, so that even who knows
this rule cannot tell a suppressed count. A contingency table with any small cell releases nothing at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.cohorts import Cohort
from mpc.disclosure import Guard, Opened, Result
from mpc.enough import enough
from mpc.errors import ConfigError
from mpc.private import PrivateArray, count_cells
from mpc.secret import SecretArray, concatenate, stack, where

#: What protects a table, in words.
RULE = "small cells suppressed, and another one where they could be told from the total"


def large_cells(cells: Cohort, minimum: int, *, others: bool) -> SecretArray:
    """Bits of the cells of a one-dimensional table that may be opened.

    Small cells (0 included) are not, nor those that are small without an owner's own rows. Let s be the rows in the m
    small cells: where s < minimum, or s is within minimum / 2 of the most they can hold, m (minimum - 1), neither is
    the first other cell. So it is where this holds of the rows of all but one owner, who can subtract its own. Then
    every suppressed count could be at least two numbers, also to somebody who knows the total and this rule, as long
    as some cell is not small.

    Rounds  about 25, whatever the number of cells
    """
    run = cells.run
    (k,) = cells.shape
    large = enough(run, [cells], minimum, others=others)[cells]
    if k == 1 or minimum <= 1:
        return large
    many = large.numeric()
    small = k - many.sum()
    counts = cells.counts()
    views = counts.total
    if others and counts.own is not None:
        views = concatenate([views, views - counts.own.reshape(-1, k)])
    hidden = large.reshape(1, k).broadcast_to(views.shape)
    small_rows = where(hidden, 0, views).sum(1)
    told = (small_rows < minimum) | (small_rows > small * (minimum - 1) - minimum // 2)
    told = told.any() & (small > 0)
    first = large & (preceding(many) < 1)
    return large & ~(first & told)


def preceding(bits: SecretArray) -> SecretArray:
    """How many bits before each one of a vector of 0 and 1 are set. Local; memory of k^1.5 elements for k bits."""
    k = len(bits)
    side = math.isqrt(k - 1) + 1
    if side * side > k:
        bits = concatenate([bits, bits.constant(np.zeros(side * side - k, np.int64))])
    rows, below = bits.reshape(side, side), np.tri(side, side, -1, dtype=np.int64)
    within = (rows.reshape(side, 1, side).broadcast_to((side, side, side)) * below).sum(2)
    above = (rows.sum(1).reshape(1, side).broadcast_to((side, side)) * below).sum(1)
    # No more than k bits are set, whatever the bounds of the two sums add up to.
    return (within + above.reshape(side, 1)).reshape(-1)[:k].bounded(k)


def histogram(column: PrivateArray, edges: Sequence[float]) -> Result:
    """Counts of the valid rows in public bins; the last bin includes its upper edge.

    Values outside of all bins are not counted: choose edges that cover the declared range, or say so.
    """
    counts = count_cells(column.source, [column.cut(edges)])
    limits = [float(e) for e in edges]
    unit = column.unit

    def finish(opened: Mapping[str, Opened]) -> Any:
        value: dict[str, Any] = {"edges": limits, "counts": _integers(opened["counts"].cells())}
        if unit:
            value["unit"] = unit
        return value

    return Result("histogram", {"counts": counts}, finish, table_guard("counts", *counts.basis.cohorts))


def table_guard(part: str, *tables: Cohort) -> Guard:
    """Cells that may be opened: those that are large in each of these tables, each by its own rule."""

    def bits(minimum: int, others: bool) -> dict[str, SecretArray]:
        memo = tables[0].run.scope.memo(tables[0])
        key = ("large", tables, minimum, others)
        if key not in memo:
            large = [large_cells(table, minimum, others=others) for table in tables]
            memo[key] = large[0] if len(large) == 1 else stack(large).all(0)
        return {part: memo[key]}

    return Guard(RULE, {part: tables}, bits)


def contingency(rows: PrivateArray, columns: PrivateArray) -> Result:
    """Counts by two categories (or flags), with Pearson's chi-square from the opened counts.

    Protection: with any cell under the minimum neither cells nor margins nor chi-square come out.
    """
    if rows.source is not columns.source:
        raise ConfigError(f"{rows.name} and {columns.name} are of different tables")
    counts = count_cells(rows.source, [rows, columns])
    row_names, column_names = levels(rows), levels(columns)

    def finish(opened: Mapping[str, Opened]) -> Any:
        part = opened["counts"]
        if not part.ok:
            return part.first_problem()
        observed = part.values
        return {
            "rows": row_names,
            "columns": column_names,
            "counts": _integers(part.cells()),
            **chi_square(observed),
        }

    return Result("crosstab", {"counts": counts}, finish, together=True)


def chi_square(observed: Any) -> dict[str, Any]:
    """Pearson's chi-square without correction, its degrees of freedom and p, from opened counts."""
    from scipy import special  # scipy.stats takes a second to import

    table = np.asarray(observed, np.float64)
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    df = (table.shape[0] - 1) * (table.shape[1] - 1)
    statistic = float(((table - expected) ** 2 / expected).sum())
    return {"chi_square": statistic, "df": df, "p": float(special.chdtrc(df, statistic))}


def levels(category: PrivateArray) -> list[str]:
    """Names of the groups of a category or flag."""
    return list(category.expression.levels) or ["no", "yes"]


def _integers(cells: Any) -> Any:
    if isinstance(cells, list):
        return [_integers(c) for c in cells]
    return int(cells) if isinstance(cells, float) else cells
