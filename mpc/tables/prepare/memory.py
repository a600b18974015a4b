"""Queries over rows in memory, by NumPy: simulations, tests and mock runs. Databases run them at real parties.

Both give the same results, except that sums of real numbers are rounded in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mpc.tables.prepare.checks import check_rows
from mpc.tables.prepare.groups import aggregate
from mpc.tables.prepare.nodes import Aggregate, Join, Ordered, Query, Select, Stacked
from mpc.tables.prepare.selecting import Frame, all_physical, empty, falling, filled, held, physical, selected
from mpc.tables.rows import ArrayRows, Rows, Values, absent


class PreparedArrays:
    """A query's rows; computed when they are first read."""

    def __init__(self, query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> None:
        self._query, self._tables, self._on_batch = query, tables, on_batch
        self._rows: ArrayRows | None = None

    def batches(self, columns: Sequence[str]) -> Iterator[Frame]:
        if self._rows is None:
            self._rows = ArrayRows(run(self._query, self._tables, self._on_batch))
        return self._rows.batches(columns)

    def forget(self) -> None:
        self._rows = None

    def prepared(self, query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> Rows:
        return PreparedArrays(query, tables, on_batch)


def run(query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None] = lambda: None) -> Frame:
    """The rows of a query over the tables of one owner. Raises DataError where a stated limit does not hold."""
    if isinstance(query, Select):
        inner = query.source
        rows = inner.known(tables) or ArrayRows(run(inner, tables, on_batch))
        parts = list(selected(query, rows.batches(query.needed), on_batch)) or [empty(query)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    frames = [run(source, tables, on_batch) for source in query.inputs]
    if isinstance(query, Aggregate):
        return aggregate(query, frames[0])
    if isinstance(query, Join):
        return _joined(query, *frames)
    if isinstance(query, Stacked):
        return {name: np.concatenate([frame[name] for frame in frames]) for name in all_physical(query)}
    assert isinstance(query, Ordered)
    return _ordered(query, frames[0])


def _taken(frame: Frame, places: NDArray[np.intp]) -> Frame:
    return {name: values[places] for name, values in frame.items()}


def _ordered(query: Ordered, frame: Frame) -> Frame:
    per = [name for column in query.per for name in physical(query.schema[column])]
    order = [(name, down) for column, down in query.order for name in physical(query.schema[column])]
    keys: list[NDArray[np.generic]] = [frame[name] for name in per]
    for name, down in order:
        values, gone = frame[name], absent(frame[name])
        if values.dtype == np.object_:  # texts by their characters
            values = np.unique(np.where(gone, "", values).astype(str), return_inverse=True)[1].astype(np.int64)
        keys += [gone, np.where(gone, 0, falling(values) if down else values)]
    places = np.lexsort(keys[::-1]) if keys else np.arange(0)
    if per:
        present = ~np.logical_or.reduce([absent(frame[name]) for name in per])
        places = places[present[places]]
    starts = _starts([frame[name][places] for name in per], len(places))
    rank = np.arange(len(places)) - np.repeat(starts, np.diff([*starts, len(places)]))
    return _taken(frame, places[rank < query.first])


def _starts(keys: Sequence[Values], rows: int) -> NDArray[np.intp]:
    """Where each key begins in sorted rows."""
    if not rows:
        return np.zeros(0, np.intp)
    new = np.zeros(rows, np.bool_)
    new[0] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)


def _joined(query: Join, left: Frame, right: Frame) -> Frame:
    pairs = [
        (left[a], right[b])
        for one, other in query.on
        for a, b in zip(physical(query.left.schema[one]), physical(query.right.schema[other]), strict=True)
    ]
    codes = np.zeros(sum(map(len, pairs[0])), np.int64)
    for a, b in pairs:
        _, place = np.unique(np.concatenate([a, b]), return_inverse=True)
        _, codes = np.unique(codes * (len(codes) + 1) + place, return_inverse=True)
    gone = [np.logical_or.reduce([absent(pair[side]) for pair in pairs]) for side in (0, 1)]
    size = len(gone[0])
    own, there = codes[:size], np.flatnonzero(~gone[1])
    there = there[np.argsort(codes[size:][there], kind="stable")]
    sought = codes[size:][there]
    first, last = np.searchsorted(sought, own, "left"), np.searchsorted(sought, own, "right")
    matches = np.where(gone[0], 0, last - first)
    if query.how in ("semi", "anti"):
        return _taken(left, np.flatnonzero((matches > 0) == (query.how == "semi")))
    copies = np.maximum(matches, 1) if query.how == "left" else matches
    check_rows(query, int(copies.sum()))
    places = np.repeat(np.arange(size), copies)
    within = np.arange(len(places)) - np.repeat(np.cumsum(copies) - copies, copies)
    found = matches[places] > 0
    joined = _taken(left, places)
    for name, into in query.taken:
        for there_name, here_name in zip(physical(query.right.schema[name]), physical(query.schema[into]), strict=True):
            joined[here_name] = _at(right[there_name], there, (first[places] + within), found)
    return {name: joined[name] for name in all_physical(query)}


def _at(values: Values, there: NDArray[np.intp], places: NDArray[np.intp], found: NDArray[np.bool_]) -> Values:
    """The values at the matches; missing where there is none."""
    result = filled(held(values), len(found))
    result[found] = values[there[places[found]]]
    return result
