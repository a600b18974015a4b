"""The columns of a source, as Arrow arrays, read by the rule of `mpc.tables.entries`.

Sources give their entries as they are. The conversions of the sources are not used, since they differ: a database's
CAST makes 0 of text and 13 of 12.5. Numbers in text are converted here, a whole column at once, by that same rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mpc.tables.date_entries import from_datetimes
from mpc.tables.dates import DateColumn
from mpc.tables.entries import Entries, read_each, read_numbers
from mpc.tables.keys import KeyColumn
from mpc.tables.readers import Spelling
from mpc.tables.rows import MISSING
from mpc.tables.schema import CategoryColumn, Column, FlagColumn, IntegerColumn
from mpc.tables.texts import TextColumn


def holds(column: Column, type_: Any) -> bool:
    """Whether a source column of this Arrow type can hold `column`."""
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if pa.types.is_boolean(type_):
        return isinstance(column, FlagColumn | CategoryColumn)
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        # The date of a time with a zone depends on the zone of its reader.
        return isinstance(column, DateColumn) and getattr(type_, "tz", None) is None
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return is_text(type_) or any(test(type_) for test in tests)


def is_text(type_: Any) -> bool:
    """Whether an Arrow type is of text, in any layout."""
    return bool(
        pa.types.is_string(type_) or pa.types.is_large_string(type_) or type_ == getattr(pa, "string_view", object)()
    )


def read_arrow(column: Column, array: Any, spelling: Spelling) -> Entries:
    """The entries of an Arrow array, read as values of `column`."""
    if pa.types.is_null(array.type):
        return read_each(column, [None] * len(array), spelling)
    if pa.types.is_dictionary(array.type):
        if isinstance(column, FlagColumn | CategoryColumn | DateColumn | KeyColumn | TextColumn):
            return _each_once(column, array, spelling)
        array = array.dictionary_decode()
    if pa.types.is_date(array.type) or pa.types.is_timestamp(array.type):
        assert isinstance(column, DateColumn)  # as `holds` says
        return _dates(column, array)
    if isinstance(column, KeyColumn) and pa.types.is_floating(array.type):
        return read_numbers(column, np.asarray(array.to_numpy(zero_copy_only=False)), spelling)
    if isinstance(column, FlagColumn | CategoryColumn | DateColumn | KeyColumn | TextColumn):
        return _each_once(column, array.dictionary_encode(), spelling)
    if is_text(array.type):
        return _numbers_in_text(column, array.cast(pa.string()), spelling)
    if pa.types.is_decimal(array.type):
        if isinstance(column, IntegerColumn):
            text = pc.replace_substring_regex(array.cast(pa.string()), r"\.0*$", "")
            return _numbers_in_text(column, text, Spelling())
        array = array.cast(pa.float64())
    null = None
    if array.null_count:
        null = ~np.asarray(array.is_valid().to_numpy(zero_copy_only=False), np.bool_)
        array = array.fill_null(0)
    entries = read_numbers(column, np.asarray(array.to_numpy(zero_copy_only=False)), spelling)
    return entries if null is None else _with_missing(entries, null)


def _dates(column: DateColumn, array: Any) -> Entries:
    """Dates, and times without a zone, which must be midnight."""
    if pa.types.is_date(array.type):
        array = array.cast(pa.date32())
    return Entries(*from_datetimes(column, np.asarray(array.to_numpy(zero_copy_only=False), "datetime64")))


def _with_missing(entries: Entries, null: Any) -> Entries:
    missing = MISSING if entries.values.dtype == np.int64 else np.nan
    return Entries(np.where(null, missing, entries.values), entries.invalid & ~null)


def _each_once(column: Column, array: Any, spelling: Spelling) -> Entries:
    """The entries of a dictionary array; each different entry is read once, and NULL as one more."""
    different = read_each(column, [*array.dictionary.to_pylist(), None], spelling, distinct=True)
    indices = np.asarray(array.indices.fill_null(len(array.dictionary)).to_numpy(zero_copy_only=False), np.int64)
    return different.at(indices)


def _numbers_in_text(column: Column, text: Any, spelling: Spelling) -> Entries:
    """Numbers in text: the whole array if all are plain, else the entries that fit the spelling, then the others."""
    whole = isinstance(column, IntegerColumn)
    usual = spelling.decimal == "." and not spelling.thousands
    if usual and not whole:
        # Arrow's parser accepts no more than `mpc.tables.entries`: no blanks, no underscores, no hexadecimal digits.
        try:
            return read_arrow(column, text.cast(pa.float64()), spelling)
        except pa.ArrowInvalid:
            pass
    trimmed = pc.utf8_trim_whitespace(text)
    # Eighteen digits fit an int64. A real may have any number of digits: what becomes infinite is out of range.
    pattern = "-?[0-9]{1,18}" if whole else spelling.pattern()
    fits = pc.match_substring_regex(trimmed, f"^(?:{pattern})$")
    plain = pc.if_else(fits, trimmed, pa.scalar(None, pa.string()))
    if not usual and not whole:
        for mark in spelling.groups:
            plain = pc.replace_substring(plain, mark, "")
        plain = pc.replace_substring(plain, spelling.decimal, ".")
    entries = read_arrow(column, plain.cast(pa.int64() if whole else pa.float64()), spelling)
    rest = np.flatnonzero(~np.asarray(pc.fill_null(fits, True).to_numpy(zero_copy_only=False), np.bool_))
    if len(rest):
        others = _each_once(column, trimmed.take(pa.array(rest)).dictionary_encode(), spelling)
        entries = Entries(entries.values.copy(), entries.invalid.copy())
        entries.values[rest], entries.invalid[rest] = others.values, others.invalid
    return entries
