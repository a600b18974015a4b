"""Where a party's rows come from, as the runtime sees it: batches of columns, read as often as needed.

Columns are float64, and NaN where a value is missing; an `Integer` column is int64, and MISSING there; a `Text` column
is an object array, and None there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mpc.untyped import JsonObject

if TYPE_CHECKING:
    from mpc.tables.aggregates import Aggregate
    from mpc.tables.prepare.nodes import Query

Floats = NDArray[np.float64]
#: One column of a batch.
Values = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.object_]

#: In an int64 column: no value.
MISSING = int(np.iinfo(np.int64).min)


def absent(values: Values) -> NDArray[np.bool_]:
    """Where there is no value."""
    if values.dtype == np.object_:  # texts
        return np.fromiter((value is None for value in values), np.bool_, len(values))
    return np.asarray(values == MISSING if values.dtype == np.int64 else np.isnan(values), np.bool_)


def as_real(values: Values) -> Floats:
    """The values as float64, NaN where there is none; whole numbers beyond 2^53 are rounded."""
    if values.dtype != np.int64:
        return np.asarray(values, np.float64)
    return np.where(values == MISSING, np.nan, values.astype(np.float64))


#: Rows of one batch: large enough for NumPy, small enough for the memory of a party.
BATCH_ROWS = 1 << 18


class Rows(Protocol):
    """One party's rows of one table, checked against its schema before the run.

    Columns are as `mpc.tables.schema` says.
    """

    def batches(self, columns: Sequence[str]) -> Iterator[dict[str, Values]]:
        """All rows, in batches of at most BATCH_ROWS, with just these columns. Reads the source once.

        `columns` may be empty; then each batch has the key "" with one array of zeros, one a row.
        """

    def prepared(self, query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> Rows:
        """The rows of a query over tables like this one, by name: computed when they are first read, and kept.

        tables    the inputs that the query scans, of this organization
        on_batch  called again and again while they are computed, in the thread that reads them
        """


@runtime_checkable
class AggregatedRows(Rows, Protocol):
    """Rows in a database that computes aggregates itself."""

    def aggregated(self, aggregates: Sequence[Aggregate]) -> list[JsonObject | None]:
        """For each aggregate: what `Aggregate.collected` would give, or None where the rows must be read.

        Counts and sums of whole numbers are the same, other numbers to 1e-12 of the largest that go into them.
        """


@runtime_checkable
class KeptRows(Rows, Protocol):
    """Rows that are computed when they are first read, and kept for the next time."""

    def forget(self) -> None:
        """Keep them no longer; another reading computes them again."""


class ArrayRows:
    """Rows that are in memory already: simulations, tests and mock runs."""

    def __init__(self, columns: Mapping[str, Values]) -> None:
        self._columns = {name: _as_column(values) for name, values in columns.items()}
        lengths = {len(values) for values in self._columns.values()}
        if len(lengths) > 1:
            raise ValueError("columns of different lengths")
        self._length = lengths.pop() if lengths else 0

    def batches(self, columns: Sequence[str]) -> Iterator[dict[str, Values]]:
        for begin in range(0, self._length, BATCH_ROWS):
            end = min(begin + BATCH_ROWS, self._length)
            if columns:
                yield {name: self._columns[name][begin:end] for name in columns}
            else:
                yield {"": np.zeros(end - begin)}

    def prepared(self, query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> Rows:
        from mpc.tables.prepare.memory import PreparedArrays

        return PreparedArrays(query, tables, on_batch)


def _as_column(values: Values) -> Values:
    array = np.asarray(values)
    if array.dtype == np.int64:
        return np.asarray(array, np.int64)
    if array.dtype == np.object_:
        return np.asarray(array, np.object_)
    return np.asarray(array, np.float64)
