"""Where a party's rows come from, as the runtime sees it: batches of float64 columns, read as often as needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Rows of one batch: large enough for NumPy, small enough for the memory of a party.
BATCH_ROWS = 1 << 18


class Rows(Protocol):
    """One party's rows of one table, checked against its schema before the run.

    Columns are float64 (see `mpc.schema`), NaN where missing.
    """

    def batches(self, columns: Sequence[str]) -> Iterator[dict[str, Floats]]:
        """All rows, in batches of at most BATCH_ROWS, with just these columns. Reads the source once.

        `columns` may be empty; then each batch has the key "" with one array of zeros, one a row.
        """


class ArrayRows:
    """Rows that are in memory already: simulations, tests and mock runs."""

    def __init__(self, columns: Mapping[str, Floats]) -> None:
        self._columns = {name: np.asarray(values, np.float64) for name, values in columns.items()}
        lengths = {len(values) for values in self._columns.values()}
        if len(lengths) > 1:
            raise ValueError("columns of different lengths")
        self._length = lengths.pop() if lengths else 0

    def batches(self, columns: Sequence[str]) -> Iterator[dict[str, Floats]]:
        for begin in range(0, self._length, BATCH_ROWS):
            end = min(begin + BATCH_ROWS, self._length)
            if columns:
                yield {name: self._columns[name][begin:end] for name in columns}
            else:
                yield {"": np.zeros(end - begin)}
