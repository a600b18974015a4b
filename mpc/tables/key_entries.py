"""Reading keys: texts and whole numbers to tags. Each different entry is normalised and hashed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.tables.keys import KeyColumn, Misfit, Whole, normaliser, tags
from mpc.tables.rows import MISSING


class KeyEntries(NamedTuple):
    """first, second: the words of the tags, MISSING where there is no key; misfits: why an entry is no key."""

    first: Whole
    second: Whole
    misfits: NDArray[np.uint8]


#: In place of a text: the entry is missing.
_GONE = ""
#: Places of entries without a text begin here, downwards.
_NONE = -1


def read_keys(
    column: KeyColumn, values: Sequence[object], largest_float: float = 2.0**53, *, distinct: bool = False
) -> KeyEntries:
    """The keys of entries as a source has them.

    largest_float  the first whole number that a floating-point number of the source may have been rounded to
    distinct       hardly any entry occurs twice: each is read, without looking for it among those before
    """
    read = _reader(column, largest_float)
    found = [read(value) for value in values] if distinct else _each_once(read, values)
    places = np.empty(len(found), np.int64)
    texts: list[str] = []
    for k, text in enumerate(found):
        if isinstance(text, Misfit):
            places[k] = _NONE - text
        elif text == _GONE:
            places[k] = _NONE
        else:
            places[k] = len(texts)
            texts.append(text)
    first, second = tags(texts)
    valid = places >= 0
    words = [np.full(len(places), MISSING, np.int64) for _ in range(2)]
    for word, hashed in zip(words, (first, second), strict=True):
        word[valid] = hashed[places[valid]]
    return KeyEntries(words[0], words[1], np.where(valid, 0, _NONE - places).astype(np.uint8))


def _each_once(read: Callable[[object], str | Misfit], values: Sequence[object]) -> list[str | Misfit]:
    known: dict[object, str | Misfit] = {}
    found = []
    for value in values:
        kind = type(value)
        # 1, 1.0 and True are equal, and mean different things here.
        key = value if kind is str else (kind, value) if kind in (int, float) else (kind, str(value))
        text = known.get(key)
        if text is None:
            text = known[key] = read(value)
        found.append(text)
    return found


def _reader(column: KeyColumn, largest_float: float) -> Callable[[object], str | Misfit]:
    """The function that reads single entries: a normalised text, "" for a missing one, or a misfit."""
    codes = frozenset(column.missing)
    normalised = normaliser(column)

    def whole(number: int) -> str | Misfit:
        text = str(number)
        if text in codes:
            return _GONE
        return Misfit.NO_ZEROS if column.leading_zeros == "keep" else normalised(text)

    def read(value: object) -> str | Misfit:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, str):
            return _GONE if value.strip() in codes else normalised(value)
        if value is None or type(value).__name__ in ("NAType", "NaTType"):
            return _GONE
        if isinstance(value, bool):
            return Misfit.KIND
        if isinstance(value, int):
            return whole(value)
        if isinstance(value, float):
            if value != value:
                return _GONE
            return whole(int(value)) if value.is_integer() and abs(value) < largest_float else Misfit.ROUNDED
        if isinstance(value, Decimal):
            if value.is_nan():
                return _GONE
            is_whole = value.is_finite() and value == value.to_integral_value()
            return whole(int(value)) if is_whole else Misfit.ROUNDED
        return Misfit.KIND

    return read
