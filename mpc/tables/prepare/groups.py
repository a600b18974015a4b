"""Groups of rows in memory: the measures of each key, by NumPy, over rows that are sorted by key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.tables.prepare.checks import check_keys, check_range, slack
from mpc.tables.prepare.nodes import Aggregate, Measure
from mpc.tables.prepare.selecting import Frame, falling, kind_of, physical
from mpc.tables.rows import MISSING, Values, absent, as_real


def aggregate(query: Aggregate, frame: Frame) -> Frame:
    """One row for each key. Raises DataError where a stated limit does not hold."""
    schema = query.source.schema
    by = [name for column in query.by for name in physical(schema[column])]
    chosen = np.flatnonzero(~np.logical_or.reduce([absent(frame[name]) for name in by]))
    order = chosen[np.lexsort([frame[name][chosen] for name in reversed(by)])]
    new = np.zeros(len(order), np.bool_)
    new[:1] = True
    for name in by:
        key = frame[name][order]
        new[1:] |= key[1:] != key[:-1]
    starts = np.flatnonzero(new)
    groups = Groups(starts, np.diff([*starts, len(order)]), np.cumsum(new) - 1)
    if query.most_per_key is not None:
        check_keys(query, int(np.count_nonzero(groups.sizes > query.most_per_key)), len(starts))
    result = {name: frame[name][order][starts] for name in by}
    for measure in query.measures:
        values = frame[measure.column][order] if measure.column else np.zeros(len(order))
        if measure.order:
            found = groups.first(values, frame[measure.order][order], measure.statistic == "last")
        else:
            found = _STATISTICS[measure.statistic](groups, values)
        result[measure.result.name] = _checked(query, measure, found)
    return result


def _checked(query: Aggregate, measure: Measure, values: Values) -> Values:
    """Values of a measure, as its column has them. Raises DataError where some are beyond its range."""
    column, gone = measure.result, absent(values)
    outside = ~gone & ((values < column.low - slack(measure)) | (values > column.high + slack(measure)))
    check_range(query, measure, int(np.count_nonzero(outside)), len(values))
    if kind_of(column) == "int64":
        return np.where(gone, MISSING, values).astype(np.int64)
    real = as_real(values)
    return np.where(gone, np.nan, np.clip(real, column.low, column.high))


@dataclass(frozen=True)
class Groups:
    """Rows sorted by key. starts, sizes: of each key's rows; of_row: the key of each row, by number."""

    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]
    of_row: NDArray[np.intp]

    def _reduced(self, add: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        return add.reduceat(values, self.starts) if len(self.starts) else values[:0]

    def rows(self, values: Values) -> Values:
        return self.sizes.astype(np.int64)

    def count(self, values: Values) -> Values:
        return self._reduced(np.add, (~absent(values)).astype(np.int64))

    def sum(self, values: Values) -> Values:
        kept = np.where(absent(values), 0, values)
        if kept.dtype != np.int64:
            return self._reduced(np.add, kept)
        # Two words, so that no sum of many values wraps; what exceeds 2^62 is beyond every range.
        high, low = self._reduced(np.add, kept >> 32), self._reduced(np.add, kept & 0xFFFFFFFF)
        high += low >> 32
        total = (np.clip(high, -(1 << 30), 1 << 30) << 32) + (low & 0xFFFFFFFF)
        return np.asarray(total, np.int64)

    def mean(self, values: Values) -> Values:
        count, total = self.count(values), self.sum(as_real(values))
        return np.where(count == 0, np.nan, total / np.maximum(count, 1))

    def min(self, values: Values) -> Values:
        whole = values.dtype == np.int64
        least = self._reduced(np.minimum, np.where(absent(values), np.iinfo(np.int64).max if whole else np.inf, values))
        return self._or_missing(least, values)

    def max(self, values: Values) -> Values:
        largest = self._reduced(
            np.maximum, values if values.dtype == np.int64 else np.where(absent(values), -np.inf, values)
        )
        return self._or_missing(largest, values)  # MISSING is below every whole number

    def _or_missing(self, found: Values, values: Values) -> Values:
        none = self.count(values) == 0
        return np.where(none, MISSING if values.dtype == np.int64 else np.nan, found)

    def _sorted(self, values: Values) -> NDArray[np.intp]:
        """The rows by key, those with a value first, ascending."""
        return np.lexsort([values, absent(values), self.of_row])

    def median(self, values: Values) -> Values:
        if not len(self.starts):
            return np.zeros(0)
        ascending, count = as_real(values)[self._sorted(values)], self.count(values)
        low = ascending[self.starts + np.maximum(count - 1, 0) // 2]
        high = ascending[np.minimum(self.starts + count // 2, len(ascending) - 1)]
        return np.where(count == 0, np.nan, low + (high - low) / 2)

    def nunique(self, values: Values) -> Values:
        order = self._sorted(values)
        ascending, key = values[order], self.of_row[order]
        new = np.ones(len(order), np.bool_)
        new[1:] = (ascending[1:] != ascending[:-1]) | (key[1:] != key[:-1])
        return np.bincount(key[new & ~absent(ascending)], minlength=len(self.starts)).astype(np.int64)

    def any(self, values: Values) -> Values:
        return self._reduced(np.maximum, np.where(np.isnan(values), 0.0, values))

    def all(self, values: Values) -> Values:
        return self._reduced(np.minimum, np.where(np.isnan(values), 1.0, values))

    def first(self, values: Values, by: Values, last: bool) -> Values:
        """The value with the smallest (or largest) `by` that is not missing; of equal ones the smallest value."""
        order = np.lexsort([values, falling(by) if last else by, absent(values) | absent(by), self.of_row])
        found = values[order][self.starts]
        none = (absent(values) | absent(by))[order][self.starts]
        return np.where(none, MISSING if values.dtype == np.int64 else np.nan, found)


_STATISTICS: dict[str, Callable[[Groups, Values], Values]] = {
    "rows": Groups.rows, "count": Groups.count, "sum": Groups.sum, "mean": Groups.mean, "min": Groups.min,
    "max": Groups.max, "median": Groups.median, "nunique": Groups.nunique, "any": Groups.any, "all": Groups.all,
}  # fmt: skip
