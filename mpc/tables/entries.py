"""The entries of a column, read by one rule from files, databases and tables in memory (`mpc.tables.readers`).

Messages say how many entries do not fit, and show none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.tables.date_entries import date_reader, from_datetimes
from mpc.tables.dates import DateColumn, iso
from mpc.tables.genotypes import GenotypesColumn
from mpc.tables.key_entries import read_keys
from mpc.tables.keys import WORDS, KeyColumn, Misfit
from mpc.tables.readers import BEYOND, PLAIN, Entry, Meaning, Spelling, as_number, reader
from mpc.tables.rows import MISSING, Values, absent
from mpc.tables.schema import CategoryColumn, Column, FlagColumn, IntegerColumn, RealColumn
from mpc.tables.texts import TextColumn, read_texts
from mpc.untyped import Anything

#: Most levels that a message lists.
_LISTED = 12


@dataclass(frozen=True)
class Entries:
    """A column's entries: their values, missing where there is none, and which of them are invalid.

    second   of keys: the second words of their tags
    misfits  of keys: why an entry is invalid (`mpc.tables.keys.Misfit`)
    """

    values: Values
    invalid: NDArray[np.bool_]
    second: NDArray[np.int64] | None = None
    misfits: NDArray[np.uint8] | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        return absent(self.values) & ~self.invalid

    def outside(self, column: Column) -> NDArray[np.bool_]:
        """Which values are beyond the declared range."""
        if not isinstance(column, RealColumn | IntegerColumn | DateColumn):
            return np.zeros(len(self.values), np.bool_)
        return ((self.values < column.low) | (self.values > column.high)) & ~absent(self.values)

    def at(self, places: NDArray[np.intp]) -> Entries:
        """The entries at these places, in this order."""
        second = None if self.second is None else self.second[places]
        misfits = None if self.misfits is None else self.misfits[places]
        return Entries(self.values[places], self.invalid[places], second, misfits)

    def reasons(self) -> dict[Misfit, int]:
        """How many entries are no keys, by the reason; for other columns nothing."""
        counts = [] if self.misfits is None else np.bincount(self.misfits).tolist()
        return {Misfit(k): count for k, count in enumerate(counts) if k and count}


def read(column: Column, values: Anything, spelling: Spelling = PLAIN) -> Entries:
    """All entries of a list, a NumPy array or a pandas column."""
    # NumPy would turn the entries of a list into texts, and whole numbers beside pandas' NA into floats.
    typed = isinstance(getattr(values, "dtype", None), np.dtype)
    array = np.asarray(values, dtype=None if typed else object)
    if array.dtype.kind in "iuf" and array.ndim == 1:
        return read_numbers(column, array, spelling)
    if array.dtype.kind == "M":
        if isinstance(column, DateColumn):
            return Entries(*from_datetimes(column, array))
        array = array.astype("datetime64[us]")  # finer ones would become whole numbers
    return read_each(column, array.tolist(), spelling)


def read_each(column: Column, values: list[Anything], spelling: Spelling = PLAIN, *, distinct: bool = False) -> Entries:
    """Entries one by one; equal entries are read once. distinct: the caller says that hardly any are equal."""
    if isinstance(column, KeyColumn):
        return _keys(column, values, distinct=distinct)
    if isinstance(column, TextColumn):
        return Entries(*read_texts(column, values))
    read_entry = date_reader(column, spelling) if isinstance(column, DateColumn) else reader(column, spelling)
    known: dict[tuple[type, object], Entry] = {}
    meanings: list[Entry] = []
    for value in values:
        key = (type(value), value) if isinstance(value, str | int | float) else (type(value), id(value))
        meaning = known.get(key)
        if meaning is None:
            meaning = known[key] = read_entry(value)
        meanings.append(meaning)
    whole = isinstance(column, IntegerColumn | DateColumn)
    missing: Any = MISSING if whole else math.nan
    numbers = [missing if isinstance(entry, Meaning) else entry for entry in meanings]
    invalid = np.fromiter((entry is Meaning.INVALID for entry in meanings), np.bool_, len(meanings))
    exact: Values = np.asarray(numbers, np.int64) if whole else np.asarray(numbers, np.float64)
    return Entries(exact, invalid)


def _keys(
    column: KeyColumn, values: list[Anything], largest_float: float = 2.0**53, *, distinct: bool = False
) -> Entries:
    first, second, misfits = read_keys(column, values, largest_float, distinct=distinct)
    return Entries(first, misfits != Misfit.NONE, second, misfits)


def read_numbers(column: Column, values: NDArray[Any], spelling: Spelling = PLAIN) -> Entries:
    """Entries that are numbers already; NaN is missing."""
    if isinstance(column, CategoryColumn | FlagColumn | DateColumn | KeyColumn | TextColumn):
        different, places = np.unique(values, return_inverse=True)
        if isinstance(column, KeyColumn) and values.dtype.kind == "f":
            return _keys(column, different.tolist(), _largest_float(values), distinct=True).at(places)
        return read_each(column, different.tolist(), spelling, distinct=True).at(places)
    none = np.zeros(len(values), np.bool_)
    codes = [code for code in map(as_number, column.missing) if code is not None]
    if not isinstance(column, IntegerColumn):
        real = np.asarray(values, np.float64)
        return Entries(np.where(np.isin(real, codes), np.nan, real) if codes else real, none)
    if values.dtype.kind == "f":
        gone = np.isnan(values)
        exact = (np.abs(values) <= _largest_float(values)) & (values == np.rint(values))
        whole = np.where(exact, values, 0).astype(np.int64)
    else:
        gone = exact = none
        exact = ~gone
        whole = np.clip(values, -BEYOND if values.dtype.kind == "i" else 0, BEYOND).astype(np.int64)
    for code in codes:
        gone = gone | (exact & (whole == code))
    return Entries(np.where(exact & ~gone, whole, MISSING), ~exact & ~gone)


def _largest_float(values: NDArray[Any]) -> float:
    """The number up to which floating-point numbers of this type hold all whole numbers."""
    return float(2.0 ** (np.finfo(values.dtype).nmant + 1))


def problems(
    place: str, column: Column, total: int, invalid: int, outside: int, reasons: Mapping[Misfit, int] | None = None
) -> Iterator[str]:
    """Messages about entries that do not fit: how many there are, never an entry.

    reasons  of keys: how many entries do not fit for which reason
    """
    where = f"{place}, column {column.name}"
    if isinstance(column, KeyColumn):
        for misfit, count in (reasons or {}).items():
            yield f"{where}: {count:,} of {total:,} keys {WORDS[misfit]}"
    elif invalid:
        what = "are neither true nor false" if isinstance(column, FlagColumn) else "are not numbers"
        if isinstance(column, IntegerColumn):
            what = "are not exact whole numbers"
        if isinstance(column, CategoryColumn):
            what = "are not among its levels"
        if isinstance(column, DateColumn):
            what = "are not dates"
        if isinstance(column, TextColumn):
            what = f"are no {column.words}"
        yield f"{where}: {invalid:,} of {total:,} values {what} (expected {expected(column)})"
    if outside:
        yield f"{where}: {outside:,} of {total:,} values are outside {span(column)}"


def not_unique(place: str, name: str, twice: int) -> str:
    """The message about keys that are declared to be unique, and occur again in `twice` rows."""
    return (
        f"{place}, column {name}: {twice:,} rows repeat the key of another row, and it is declared with "
        "unique=True: remove them, or declare it without (all organizations)"
    )


def expected(column: Column) -> str:
    """What a column must hold, for messages."""
    if isinstance(column, CategoryColumn):
        more = f", … ({len(column.levels):,} levels)" if len(column.levels) > _LISTED else ""
        return f"one of {', '.join(column.levels[:_LISTED])}{more}"
    if isinstance(column, FlagColumn):
        return "true or false"
    if isinstance(column, DateColumn):
        return f"a date in {span(column)}"
    if isinstance(column, KeyColumn):
        return f"a key{column.rule_in_words}"
    if isinstance(column, GenotypesColumn):
        return column.words
    if isinstance(column, TextColumn):
        return "a text"
    limits = f" in {span(column)}" if math.isfinite(column.low) or math.isfinite(column.high) else ""
    return f"a {'whole ' if isinstance(column, IntegerColumn) else ''}number{limits}"


def span(column: Column) -> str:
    """A range as messages write it: 0..50 mm, 1900-01-01..1999-12-31."""
    if isinstance(column, DateColumn):
        return f"{iso(column.low)}..{iso(column.high)}"
    unit = getattr(column, "unit", "")
    limits = [str(limit) if isinstance(limit, int) else f"{limit:g}" for limit in (column.low, column.high)]
    return f"{'..'.join(limits)}{' ' if unit else ''}{unit}"
