"""What a single entry of a column means, and how its owner's source spells it.

None, NaN, blank text and declared codes are missing. A number, a word of a flag and the name of a level have their
value. Every other entry is invalid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

import numpy as np

from mpc.tables.schema import CategoryColumn, Column, FlagColumn, IntegerColumn

TRUE = ("true", "t", "yes", "y", "1")
FALSE = ("false", "f", "no", "n", "0")

#: A whole number beyond every range; larger ones are moved to it.
BEYOND = 1 << 62


class Meaning(Enum):
    """What an entry without a value is."""

    MISSING = "missing"
    INVALID = "invalid"


Entry = float | int | Meaning
Reader = Callable[[object], Entry]


@dataclass(frozen=True)
class Spelling:
    """How a source writes its entries, as its owner declares it.

    decimal    the decimal mark
    thousands  the character between groups of three digits ("": there is none); a blank stands for the no-break
               blanks too
    true       words for "yes" of a flag, beside the usual ones; false: for "no"
    recode     an entry of a category -> the level it stands for
    date_format  of dates, like "%d.%m.%Y" (`mpc.tables.date_entries`); "" stands for ISO dates
    """

    decimal: str = "."
    thousands: str = ""
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    recode: Mapping[str, str] = field(default_factory=dict)
    date_format: str = ""

    @property
    def groups(self) -> str:
        """All characters that may stand between groups of three digits."""
        return {" ": " \u00a0\u202f", "'": "'\u2019"}.get(self.thousands, self.thousands)

    def pattern(self, *, whole: bool = False) -> str:
        """A regular expression for all of a number's text (of RE2 and of Python).

        whole  without fraction and exponent: an exponent tells that digits of a long number were cut off
        """
        digits = f"(?:[0-9]+|[0-9]{{1,3}}(?:[{self.groups}][0-9]{{3}})+)" if self.thousands else "[0-9]+"
        mark = f"[{self.decimal}]"
        if whole:
            return f"[+-]?{digits}(?:{mark}0*)?"
        return f"[+-]?(?:{digits}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"

    def plain(self, text: str) -> str:
        """The text of a number as Python writes it."""
        for mark in self.groups:
            text = text.replace(mark, "")
        return text.replace(self.decimal, ".")


PLAIN = Spelling()


def reader(column: Column, spelling: Spelling = PLAIN) -> Reader:
    """The function that reads single entries of `column`; of a category, it gives the index of the level."""
    if isinstance(column, FlagColumn):
        return _flag(column, spelling)
    if isinstance(column, CategoryColumn):
        return _level(column, spelling)
    return _number(column, spelling, whole=isinstance(column, IntegerColumn))


#: Most characters of a whole number.
_LONGEST = 60
_UNREADABLE = object()
_WHOLE = re.compile(r"([+-]?[0-9]{1,40})(?:\.0*)?")
_FLOAT = re.compile(PLAIN.pattern())


def _plain(value: object) -> object:
    """An entry as None, a bool, int, float or stripped text; anything else as _UNREADABLE."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None if value.is_nan() else float(value)
        return int(value) if value == value.to_integral_value() else float(value)
    return None if type(value).__name__ in ("NAType", "NaTType") else _UNREADABLE


def as_number(text: str) -> float | int | None:
    """A declared code as a number, exact where it is whole."""
    if match := _WHOLE.fullmatch(text):
        return int(match[1])
    return float(text) if _FLOAT.fullmatch(text) else None


def _number(column: Column, spelling: Spelling, *, whole: bool) -> Reader:
    codes = frozenset(column.missing)
    numbers = {number for number in map(as_number, codes) if number is not None}
    matches = re.compile(spelling.pattern(whole=whole)).fullmatch

    def parsed(text: str) -> Entry:
        if not text or text in codes:
            return Meaning.MISSING
        if whole and len(text) > _LONGEST:
            return Meaning.INVALID
        if matches(text):
            digits, point, _ = spelling.plain(text).partition(".")
            if not whole:
                return float(spelling.plain(text))
            # A long number with a fraction was a floating-point number before, and was rounded when it was written.
            return Meaning.INVALID if point and abs(int(digits)) > 1 << 53 else int(digits)
        word = text.lstrip("+-").lower()
        if word == "nan":
            return Meaning.MISSING
        if word in ("inf", "infinity") and not whole:
            return -math.inf if text.startswith("-") else math.inf
        return Meaning.INVALID

    def read(value: object) -> Entry:
        value = _plain(value)
        if value is None:
            return Meaning.MISSING
        entry: Entry = Meaning.INVALID
        if isinstance(value, str):
            entry = parsed(value)
        elif isinstance(value, float):
            exact = not whole or (value.is_integer() and abs(value) <= 2.0**53)
            entry = (int(value) if whole else value) if exact else Meaning.INVALID
        elif isinstance(value, int) and not isinstance(value, bool):
            entry = value
        if isinstance(entry, Meaning):
            return entry
        if entry in numbers:
            return Meaning.MISSING
        return max(-BEYOND, min(BEYOND, int(entry))) if whole else _as_float(entry)

    return read


def _as_float(number: float | int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def as_text(value: object) -> str:
    """A number or text as a file writes it: 1.0 as 1."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) <= 2.0**53 else repr(value)
    text = str(value)
    match = _WHOLE.fullmatch(text) if "." in text else None
    return match[1] if match else text


def _whole_fraction(text: str) -> int | None:
    match = _WHOLE.fullmatch(text) if "." in text else None
    return int(match[1]) if match else None


def _flag(column: FlagColumn, spelling: Spelling) -> Reader:
    words = dict.fromkeys(TRUE, 1.0) | dict.fromkeys(FALSE, 0.0)
    words |= {word.strip().lower(): 1.0 for word in spelling.true}
    words |= {word.strip().lower(): 0.0 for word in spelling.false}
    codes = (
        {code.strip().lower() for code in column.missing} | {as_text(code).lower() for code in column.missing} | {""}
    )

    def read(value: object) -> Entry:
        value = _plain(value)
        if value is None:
            return Meaning.MISSING
        if value is _UNREADABLE:
            return Meaning.INVALID
        for text in (str(value).lower(), as_text(value).lower()):
            if text in codes:
                return Meaning.MISSING
            if text in words:
                return words[text]
        return Meaning.INVALID

    return read


def _level(column: CategoryColumn, spelling: Spelling) -> Reader:
    by_name = {level: float(index) for index, level in enumerate(column.levels)}
    by_name = {level.strip(): index for level, index in by_name.items()} | by_name
    # Where a source holds numbers, a level that is a number matches by its value: 1 and 1.0 are "1", or "01".
    # Two levels with the same value match by their text only.
    by_number: dict[float | int, float | None] = {}
    for level, index in by_name.items():
        if (number := as_number(level)) is not None:
            by_number[number] = index if by_number.get(number, index) == index else None
    codes = frozenset(column.missing)
    numbers = {number for number in map(as_number, codes) if number is not None}

    def named(text: str) -> Entry | None:
        text = spelling.recode.get(text, text)
        return Meaning.MISSING if not text or text in codes else by_name.get(text)

    def read(value: object) -> Entry:
        value = _plain(value)
        if value is None:
            return Meaning.MISSING
        if value is _UNREADABLE:
            return Meaning.INVALID
        entry = named(value) if isinstance(value, str) else None
        if entry is None:
            entry = named(as_text(value))
        if entry is not None:
            return entry
        if isinstance(value, bool):
            match = [index for level, index in by_name.items() if level.lower() == as_text(value)]
            return match[0] if match else Meaning.INVALID
        # Text counts as a number only if it is whole with a fraction of zeros: so pandas writes codes beside gaps.
        number = value if isinstance(value, int | float) else _whole_fraction(str(value))
        if number in numbers:
            return Meaning.MISSING
        index = None if number is None else by_number.get(number)
        return Meaning.INVALID if index is None else index

    return read
