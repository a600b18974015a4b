"""Which cells of a table of patterns may be opened: a pattern that no row has tells of nobody, one of few rows does.

A cell is small if it has rows, but fewer than the minimum, for all owners together or without the rows of one of them.
Small cells are not opened. The total of the table tells how many rows they hold together. Where that number is small,
or nearly the least or the most that the small cells can hold, the first other cell with rows is not opened either. Its
place in the table, not its count, decides, so that it tells nothing. If there is no such cell, nothing is opened.

So whoever knows the opened cells, the total and this rule cannot tell a suppressed count, nor any small sum of them. In
tables of small counts this needs a minimum of 5: below, small cells have so few possible counts that the rule would
leave one. A test lists all small tables.
"""

from __future__ import annotations

import numpy as np

from mpc.releases.enough import enough
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, concatenate, where
from protocols.suppression import preceding

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
    told = (concatenate([*ends, small_rows]) > 0).reshape(4, views)
    told = (told[0] | told[1] | told[2]) & told[3]
    filled = large.reshape(1, cells).broadcast_to(rows.shape) & (rows > 0)
    first = filled & (preceding(filled.numeric()) < 1)
    hidden = first & told.reshape(views, 1).broadcast_to(rows.shape)
    sound = ~(told & ~filled.any(1)).any()
    shown = large & ~hidden.any(0) & sound.reshape(1).broadcast_to((cells,))
    return shown, sound


def or_none(table: Cohort) -> Cohort:
    """The same cells, where no rows are as good as enough."""
    return Cohort(table.run, table.counts, most=table.most, what=table.what, shape=table.shape, or_none=True)


def plain(counts: np.ndarray, minimum: int) -> tuple[np.ndarray, bool]:
    """The rule on counts in the clear, for all owners together: for oracles."""
    minimum = max(minimum, LEAST)
    large = (counts == 0) | (counts >= minimum)
    small, rows = int((~large).sum()), int(counts[~large].sum())
    told = rows > 0 and (rows < max(minimum, small + minimum // 2) or rows > small * (minimum - 1) - minimum // 2)
    if not told:
        return large, True
    first = np.flatnonzero(large & (counts > 0))[:1]
    if not first.size:
        return np.zeros(len(counts), np.bool_), False
    large[first] = False
    return large, True
