"""The entries of a column, read by one rule from files, databases and tables in memory (`mpc.tables.readers`).

Messages say how many entries do not fit, and show none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.tables.readers import BEYOND, PLAIN, Entry, Meaning, Spelling, as_number, reader
from mpc.tables.rows import MISSING, Values, absent
from mpc.tables.schema import CategoryColumn, Column, FlagColumn, IntegerColumn, RealColumn
from mpc.untyped import Anything

#: Most levels that a message lists.
_LISTED = 12


@dataclass(frozen=True)
class Entries:
    """A column's entries: their values, missing where there is none, and which of them are invalid."""

    values: Values
    invalid: NDArray[np.bool_]

    @property
    def missing(self) -> NDArray[np.bool_]:
        return absent(self.values) & ~self.invalid

    def outside(self, column: Column) -> NDArray[np.bool_]:
        """Which values are beyond the declared range."""
        if not isinstance(column, RealColumn | IntegerColumn):
            return np.zeros(len(self.values), np.bool_)
        return ((self.values < column.low) | (self.values > column.high)) & ~absent(self.values)


def read(column: Column, values: Anything, spelling: Spelling = PLAIN) -> Entries:
    """All entries of a list, a NumPy array or a pandas column."""
    # NumPy would turn the entries of a list into texts, and whole numbers beside pandas' NA into floats.
    typed = isinstance(getattr(values, "dtype", None), np.dtype)
    array = np.asarray(values, dtype=None if typed else object)
    if array.dtype.kind in "iuf" and array.ndim == 1:
        return read_numbers(column, array, spelling)
    return read_each(column, array.tolist(), spelling)


def read_each(column: Column, values: list[Anything], spelling: Spelling = PLAIN) -> Entries:
    """Entries one by one; equal entries are read once."""
    read_entry = reader(column, spelling)
    known: dict[tuple[type, object], Entry] = {}
    meanings: list[Entry] = []
    for value in values:
        key = (type(value), value) if isinstance(value, str | int | float) else (type(value), id(value))
        meaning = known.get(key)
        if meaning is None:
            meaning = known[key] = read_entry(value)
        meanings.append(meaning)
    whole = isinstance(column, IntegerColumn)
    missing: Any = MISSING if whole else math.nan
    numbers = [missing if isinstance(entry, Meaning) else entry for entry in meanings]
    invalid = np.fromiter((entry is Meaning.INVALID for entry in meanings), np.bool_, len(meanings))
    exact: Values = np.asarray(numbers, np.int64) if whole else np.asarray(numbers, np.float64)
    return Entries(exact, invalid)


def read_numbers(column: Column, values: NDArray[Any], spelling: Spelling = PLAIN) -> Entries:
    """Entries that are numbers already; NaN is missing."""
    if isinstance(column, CategoryColumn | FlagColumn):
        different, places = np.unique(values, return_inverse=True)
        once = read_each(column, different.tolist(), spelling)
        return Entries(once.values[places], once.invalid[places])
    none = np.zeros(len(values), np.bool_)
    codes = [code for code in map(as_number, column.missing) if code is not None]
    if not isinstance(column, IntegerColumn):
        real = np.asarray(values, np.float64)
        return Entries(np.where(np.isin(real, codes), np.nan, real) if codes else real, none)
    if values.dtype.kind == "f":
        gone = np.isnan(values)
        exact = (np.abs(values) <= 2.0 ** (np.finfo(values.dtype).nmant + 1)) & (values == np.rint(values))
        whole = np.where(exact, values, 0).astype(np.int64)
    else:
        gone = exact = none
        exact = ~gone
        whole = np.clip(values, -BEYOND if values.dtype.kind == "i" else 0, BEYOND).astype(np.int64)
    for code in codes:
        gone = gone | (exact & (whole == code))
    return Entries(np.where(exact & ~gone, whole, MISSING), ~exact & ~gone)


def problems(place: str, column: Column, total: int, invalid: int, outside: int) -> Iterator[str]:
    """Messages about entries that do not fit: how many there are, never an entry."""
    where = f"{place}, column {column.name}"
    if invalid:
        what = "are neither true nor false" if isinstance(column, FlagColumn) else "are not numbers"
        if isinstance(column, IntegerColumn):
            what = "are not exact whole numbers"
        if isinstance(column, CategoryColumn):
            what = "are not among its levels"
        yield f"{where}: {invalid:,} of {total:,} values {what} (expected {expected(column)})"
    if outside:
        yield f"{where}: {outside:,} of {total:,} values are outside {span(column)}"


def expected(column: Column) -> str:
    """What a column must hold, for messages."""
    if isinstance(column, CategoryColumn):
        more = f", … ({len(column.levels):,} levels)" if len(column.levels) > _LISTED else ""
        return f"one of {', '.join(column.levels[:_LISTED])}{more}"
    if isinstance(column, FlagColumn):
        return "true or false"
    limits = f" in {span(column)}" if math.isfinite(column.low) or math.isfinite(column.high) else ""
    return f"a {'whole ' if isinstance(column, IntegerColumn) else ''}number{limits}"


def span(column: Column) -> str:
    """A range as messages write it: 0..50 mm."""
    unit = getattr(column, "unit", "")
    limits = [str(limit) if isinstance(limit, int) else f"{limit:g}" for limit in (column.low, column.high)]
    return f"{'..'.join(limits)}{' ' if unit else ''}{unit}"
