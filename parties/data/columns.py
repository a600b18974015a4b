"""A source's columns, as Arrow arrays, read by the one rule of `mpc.tables.entries`.

Sources hand over what they hold: none of their own conversions is used, since each has another one (a database's
CAST makes 0 of text, 13 of 12.5). Numbers in text are converted column by column, and mean what `mpc.tables.entries`
says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mpc.tables.entries import Entries, Spelling, read_each, read_numbers
from mpc.tables.rows import MISSING
from mpc.tables.schema import CategoryColumn, Column, FlagColumn, IntegerColumn


def holds(column: Column, type_: Any) -> bool:
    """Whether a source column of this Arrow type can hold `column`."""
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if pa.types.is_boolean(type_):
        return isinstance(column, FlagColumn | CategoryColumn)
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return is_text(type_) or any(test(type_) for test in tests)


def is_text(type_: Any) -> bool:
    """Whether an Arrow type is of text, in any layout."""
    return bool(
        pa.types.is_string(type_) or pa.types.is_large_string(type_) or type_ == getattr(pa, "string_view", object)()
    )


def read_arrow(column: Column, array: Any, spelling: Spelling) -> Entries:
    """What the entries of an Arrow array mean in `column`."""
    if pa.types.is_null(array.type):
        return read_each(column, [None] * len(array), spelling)
    if pa.types.is_dictionary(array.type):
        if isinstance(column, FlagColumn | CategoryColumn):
            return _each_once(column, array, spelling)
        array = array.dictionary_decode()
    if isinstance(column, FlagColumn | CategoryColumn):
        return _each_once(column, array.dictionary_encode(), spelling)
    if is_text(array.type):
        return _numbers_in_text(column, array.cast(pa.string()), spelling)
    if pa.types.is_decimal(array.type):
        if isinstance(column, IntegerColumn):
            text = pc.replace_substring_regex(array.cast(pa.string()), r"\.0*$", "")
            return _numbers_in_text(column, text, Spelling())
        array = array.cast(pa.float64())
    gone = None
    if array.null_count:
        gone = ~np.asarray(array.is_valid().to_numpy(zero_copy_only=False), np.bool_)
        array = array.fill_null(0)
    found = read_numbers(column, np.asarray(array.to_numpy(zero_copy_only=False)), spelling)
    return found if gone is None else _without(found, gone)


def _without(found: Entries, gone: Any) -> Entries:
    none = MISSING if found.values.dtype == np.int64 else np.nan
    return Entries(np.where(gone, none, found.values), found.invalid & ~gone)


def _each_once(column: Column, array: Any, spelling: Spelling) -> Entries:
    """Each different entry is read once; the last of them stands for NULL."""
    once = read_each(column, [*array.dictionary.to_pylist(), None], spelling)
    places = np.asarray(array.indices.fill_null(len(array.dictionary)).to_numpy(zero_copy_only=False), np.int64)
    return Entries(once.values[places], once.invalid[places])


def _numbers_in_text(column: Column, text: Any, spelling: Spelling) -> Entries:
    """Whole arrays where all entries are plain numbers, else those that match the spelling; the rest one by one."""
    whole = isinstance(column, IntegerColumn)
    usual = spelling.decimal == "." and not spelling.thousands
    if usual and not whole:
        # Arrow's parser takes no more than `mpc.tables.entries` does: no blanks, no underscores, no hexadecimal digits.
        try:
            return read_arrow(column, text.cast(pa.float64()), spelling)
        except pa.ArrowInvalid:
            pass
    trimmed = pc.utf8_trim_whitespace(text)
    # Eighteen digits are an int64; of a real's exponent and digits there can be no end, and infinity is "outside".
    pattern = "-?[0-9]{1,18}" if whole else spelling.pattern()
    fits = pc.match_substring_regex(trimmed, f"^(?:{pattern})$")
    plain = pc.if_else(fits, trimmed, pa.scalar(None, pa.string()))
    if not usual and not whole:
        for mark in spelling.groups:
            plain = pc.replace_substring(plain, mark, "")
        plain = pc.replace_substring(plain, spelling.decimal, ".")
    found = read_arrow(column, plain.cast(pa.int64() if whole else pa.float64()), spelling)
    rest = np.flatnonzero(~np.asarray(pc.fill_null(fits, True).to_numpy(zero_copy_only=False), np.bool_))
    if len(rest):
        others = _each_once(column, trimmed.take(pa.array(rest)).dictionary_encode(), spelling)
        found = Entries(found.values.copy(), found.invalid.copy())
        found.values[rest], found.invalid[rest] = others.values, others.invalid
    return found
