"""For the plaintext oracles of scenarios: which cells of a table do not come out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray


def hidden_cells(
    counts: ArrayLike, minimum: int, without: Iterable[ArrayLike] = (), *, none: bool = False
) -> NDArray[np.bool_]:
    """The cells of a released table that are suppressed, from the rows behind each cell. Rows in the clear.

    counts   numbers of rows, of any shape; cells with 0 to minimum - 1 rows are suppressed
    without  the same numbers without the rows of each owner, where minimums hold for these, too, as for private tables:
             cells with 1 to minimum - 1 of them are suppressed
    none     whether no rows at all are enough, too, as where only a part of a cell's rows has values
    result   the same shape. One cell more is suppressed where the small ones could be told from a total: the first of
             the others with rows
    """
    views = [np.asarray(view, np.int64) for view in (counts, *without)]
    small: NDArray[np.bool_] = (views[0] < minimum) & ((views[0] > 0) | (not none))
    for view in views[1:]:
        small |= (view > 0) & (view < minimum)
    hidden = small.copy()
    for view in views if small.any() else ():
        rows, much = view[small].sum(), small.sum() * (minimum - 1) - minimum // 2
        if rows < minimum or rows > much:
            hidden.flat[np.flatnonzero(~small & (view > 0))[:1]] = True
    return hidden
