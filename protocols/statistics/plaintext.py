"""For the plaintext oracles of scenarios: which cells of a table do not come out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def hidden_cells(counts: ArrayLike, minimum: int, *, none: bool = False) -> NDArray[np.bool_]:
    """The cells of a released table that are suppressed, from the rows behind each cell. Rows in the clear.

    counts   numbers of rows, of any shape; cells with 0 to minimum - 1 rows are suppressed
    none     whether no rows at all are enough, too, as where only a part of a cell's rows has values
    result   the same shape. One cell more is suppressed where the small ones could be told from the total: the first
             of the others with rows

    The rule of groups of a shared table; of private tables it holds without each owner's rows, too.
    """
    cells = np.asarray(counts, np.int64)
    hidden = (cells < minimum) & ((cells > 0) | (not none))
    if not hidden.any():
        return hidden
    rows, much = cells[hidden].sum(), hidden.sum() * (minimum - 1) - minimum // 2
    if rows < minimum or rows > much:
        hidden.flat[np.flatnonzero(~hidden & (cells > 0))[:1]] = True
    return hidden
