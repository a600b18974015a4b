"""Which cells of a table of patterns may be opened: a pattern that no row has tells of nobody, one of few rows does.

A cell is small if it has rows, but fewer than the minimum, for all owners together or without the rows of one of them.
Small cells are not opened. The total of the table tells how many rows they hold together, and every owner how many of
these are of others. Where that number is small, or nearly the least or the most that small cells can hold, the first
other cell with rows is not opened either. Its place in the table, not its count, decides, so that it tells nothing. If
there is no such cell, nothing is opened.

So nobody who knows the opened cells, the total, this rule, and the rows of one owner can tell a small number of rows in
a suppressed cell. In tables of small counts this needs a minimum of 5: below, small cells have so few possible counts
that the rule would leave one. Tests list all small tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mpc.releases.enough import enough
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, concatenate, where
from protocols.suppression import preceding

Integers = NDArray[np.int64]
Bits = NDArray[np.bool_]

#: What protects a table, in words.
RULE = "patterns of few rows suppressed, and another one where they could be told from the total"
#: A pattern of fewer rows is small under any minimum.
LEAST = 5


def shown_cells(table: Cohort, minimum: int, others: bool) -> tuple[SecretArray, SecretArray]:
    """Bits of the cells (cells,) that may be opened, and the bit whether the total may be.

    table   its cells count rows, and none is as good as enough (`Cohort.or_none`)
    Rounds  about 25
    """
    minimum = max(minimum, LEAST)
    (cells,) = table.shape
    large = enough(table.run, [table], minimum, others=others)[table]
    total, own, _ = table.counts()
    rows = total.reshape(1, cells)
    if others and own is not None:
        each = own.reshape(own.shape[0], cells)
        rows = concatenate([rows, rows.broadcast_to(each.shape) - each])
    views = rows.shape[0]
    small = cells - large.numeric().sum()
    small_rows = where(large.reshape(1, cells).broadcast_to(rows.shape), 0, rows).sum(1)
    least = small + minimum // 2
    most = small * (minimum - 1) - minimum // 2
    ends = [minimum - small_rows, least.broadcast_to((views,)) - small_rows, small_rows - most.broadcast_to((views,))]
    near = (concatenate([*ends, small_rows]) > 0).reshape(4, views)
    # Of one owner's view, a cell may be small that is not small of another: then there is no such most.
    wide = (~large.reshape(1, cells).broadcast_to(rows.shape) & (rows >= minimum)).any(1)
    told = (near[0] | near[1] | (near[2] & ~wide)) & near[3]
    filled = large.reshape(1, cells).broadcast_to(rows.shape) & (rows > 0)
    first = filled & (preceding(filled.numeric()) < 1)
    hidden = first & told.reshape(views, 1).broadcast_to(rows.shape)
    sound = ~(told & ~filled.any(1)).any()
    shown = large & ~hidden.any(0) & sound.reshape(1).broadcast_to((cells,))
    return shown, sound


def or_none(table: Cohort) -> Cohort:
    """The same cells, where no rows are as good as enough."""
    return Cohort(table.run, table.counts, most=table.most, what=table.what, shape=table.shape, or_none=True)


def plain(counts: Integers, minimum: int, own: Sequence[Integers] = ()) -> tuple[Bits, bool]:
    """The rule on counts in the clear, and on those of each owner: for oracles."""
    minimum = max(minimum, LEAST)
    views = np.asarray([counts, *(counts - each for each in own)])
    large = ((views == 0) | (views >= minimum)).all(0)
    small, hidden = int((~large).sum()), np.zeros(len(counts), np.bool_)
    for view in views:
        rows = int(view[~large].sum())
        most = rows > small * (minimum - 1) - minimum // 2 and not (view[~large] >= minimum).any()
        if rows and (rows < max(minimum, small + minimum // 2) or most):
            first = np.flatnonzero(large & (view > 0))[:1]
            if not first.size:
                return np.zeros(len(counts), np.bool_), False
            hidden[first] = True
    return large & ~hidden, True
