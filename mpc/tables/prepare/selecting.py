"""The row-wise part of a query, computed by NumPy batch by batch while the rows are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from mpc.tables.dates import DateColumn
from mpc.tables.keys import KeyColumn, second
from mpc.tables.prepare.nodes import Query, Select
from mpc.tables.rows import MISSING, Values
from mpc.tables.schema import Column, IntegerColumn
from mpc.tables.texts import TextColumn

#: The columns of some rows.
Frame = dict[str, Values]


def physical(column: Column) -> tuple[str, ...]:
    """The columns of a batch that hold a column."""
    return (column.name, second(column.name)) if isinstance(column, KeyColumn) else (column.name,)


def all_physical(query: Query) -> tuple[str, ...]:
    """The columns of a batch that hold all columns of a table, in order."""
    return tuple(name for column in query.schema.columns for name in physical(column))


Kind = Literal["int64", "float64", "string"]


def kind_of(column: Column) -> Kind:
    """How a column's values are held: in int64, with MISSING; in float64, with NaN; or as texts, with None."""
    if isinstance(column, TextColumn):
        return "string"
    return "int64" if isinstance(column, IntegerColumn | DateColumn | KeyColumn) else "float64"


def held(values: Values) -> Kind:
    """How these values are held."""
    return "string" if values.dtype == np.object_ else "int64" if values.dtype == np.int64 else "float64"


def filled(kind: Kind, size: int) -> Values:
    """Values that are all missing."""
    if kind == "string":
        return np.full(size, None, np.object_)
    return np.full(size, MISSING, np.int64) if kind == "int64" else np.full(size, np.nan)


def selected(query: Select, batches: Iterator[Frame], on_batch: Callable[[], None]) -> Iterator[Frame]:
    """The selected rows of each batch of `query.needed`. on_batch: called after each one."""
    for batch in batches:
        with np.errstate(all="ignore"):  # not around `yield`: batches may be asked for by another thread
            frame = _selected(query, batch)
        yield frame
        on_batch()


def _selected(query: Select, batch: Frame) -> Frame:
    size = len(next(iter(batch.values())))
    memo: dict[int, Any] = {}
    keep = None
    if query.where is not None:
        keep = np.broadcast_to(query.where.evaluate(batch, memo) == 1.0, (size,))
    frame: Frame = {}
    for name, expression in query.columns:
        frame[name] = np.broadcast_to(expression.evaluate(batch, memo), (size,))
        if expression.type == "key":  # always a column as it is
            frame[second(name)] = batch[second(expression.column)]
    return frame if keep is None else {name: values[keep] for name, values in frame.items()}


def falling(values: Values) -> Values:
    """Values whose ascending order is the descending one of `values`. MISSING becomes the largest."""
    return ~np.asarray(values, np.int64) if values.dtype == np.int64 else -np.asarray(values, np.float64)


def empty(query: Query) -> Frame:
    """The columns of no rows."""
    frame: Frame = {}
    for column in query.schema.columns:
        for name in physical(column):
            frame[name] = filled(kind_of(column), 0)
    return frame
