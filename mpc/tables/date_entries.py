"""Reading dates: ISO texts, texts of a declared format, and dates of databases and tables.

A time beside the date must be midnight, without a zone: else the day that is meant depends on the reader.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from datetime import time as time_of_day
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.dates import DateColumn, Whole, days_of, days_of_parts
from mpc.tables.readers import Entry, Meaning, Reader, Spelling, as_text
from mpc.tables.rows import MISSING

_ISO = re.compile(r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
_PART = re.compile("%(.?)")


def date_pattern(date_format: str) -> re.Pattern[str]:
    """The pattern of a date format, or of ISO dates for "". Raises ConfigError naming what a format may have.

    Where a character stands on both sides of a day or a month, it may have one digit.
    """
    if not date_format:
        return _ISO
    parts = _PART.split(date_format)
    if sorted(parts[1::2]) != ["Y", "d", "m"]:
        raise ConfigError(
            f'a date format has %Y (year in four digits), %m (month) and %d (day), each once, like "%d.%m.%Y"; found '
            f"{date_format!r}"
        )
    pattern = re.escape(parts[0])
    for k in range(1, len(parts), 2):
        before, name, after = parts[k - 1], parts[k], parts[k + 1]
        apart = (before or k == 1) and (after or k == len(parts) - 2)
        digits = "{4}" if name == "Y" else "{1,2}" if apart else "{2}"
        pattern += f"(?P<{name}>[0-9]{digits}){re.escape(after)}"
    return re.compile(pattern)


def date_reader(column: DateColumn, spelling: Spelling) -> Reader:
    """The function that reads single entries of a column of dates: it gives days."""
    codes, coded = frozenset(column.missing), coded_days(column)
    matches = date_pattern(spelling.date_format).fullmatch

    def written(text: str) -> Entry:
        if not text or text in codes or text.lower() in ("nan", "nat"):
            return Meaning.MISSING
        match = matches(text)
        days = None if match is None else days_of_parts(int(match["Y"]), int(match["m"]), int(match["d"]))
        return Meaning.INVALID if days is None else known(days)

    def known(days: int) -> Entry:
        return Meaning.MISSING if days in coded else days

    def read(value: object) -> Entry:
        if isinstance(value, np.datetime64):
            value = value.astype("datetime64[us]").item()
        if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
            return Meaning.MISSING
        if isinstance(value, datetime):
            at_midnight = value.timetz() == time_of_day()
            return known(days_of(value.date())) if at_midnight else Meaning.INVALID
        if isinstance(value, date):
            return known(days_of(value))
        if isinstance(value, bool) or not isinstance(value, str | int | float | np.integer | np.floating):
            return Meaning.INVALID
        return written(as_text(value.item() if isinstance(value, np.generic) else value).strip())

    return read


def coded_days(column: DateColumn) -> list[int]:
    """The days of its missing codes that are dates: they are missing however a source writes them."""
    matches = [_ISO.fullmatch(code) for code in column.missing]
    days = [days_of_parts(int(match["Y"]), int(match["m"]), int(match["d"])) for match in matches if match]
    return [day for day in days if day is not None]


def from_datetimes(column: DateColumn, values: NDArray[Any]) -> tuple[Whole, NDArray[np.bool_]]:
    """Days of an array of datetime64, MISSING where there is none; and which are not at midnight, and so invalid."""
    days = values.astype("datetime64[D]")
    gone = np.isnat(values)
    invalid = ~gone & (days != values)
    whole = days.astype(np.int64)
    return np.where(gone | invalid | np.isin(whole, coded_days(column)), MISSING, whole), invalid
