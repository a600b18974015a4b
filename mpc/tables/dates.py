"""Dates: whole numbers of days since 1970-01-01, negative before, in the Gregorian calendar of all years.

Arrays are int64, and MISSING (`mpc.tables.rows`) where there is no date. A person born on 29 February completes a year
on 1 March in years without that day, as in most registers and laws.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.rows import MISSING
from mpc.tables.schema import Column, Limit, missing_codes
from mpc.untyped import JsonObject

Whole = NDArray[np.int64]

_EPOCH = date(1970, 1, 1)
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")

#: The days of 0001-01-01 and 9999-12-31.
EARLIEST = (date.min - _EPOCH).days
LATEST = (date.max - _EPOCH).days


def days_of(day: object, what: str = "a date") -> int:
    """The days of a date, or of an ISO text like "1999-12-31". Raises ConfigError for anything else.

    what  names it in the error
    """
    if isinstance(day, str):
        match = _ISO.fullmatch(day)
        found = None if match is None else days_of_parts(*map(int, match.groups()))
        if found is not None:
            return found
    elif isinstance(day, date) and not isinstance(day, datetime):
        return (day - _EPOCH).days
    raise ConfigError(f'{what}: write a date as an ISO text like "1999-12-31", or as datetime.date; found {day!r}')


def days_of_parts(year: int, month: int, day: int) -> int | None:
    """The days of a date; None where there is no such date."""
    try:
        return (date(year, month, day) - _EPOCH).days
    except ValueError:
        return None


def iso(day: int) -> str:
    """The ISO text of days between EARLIEST and LATEST."""
    return (_EPOCH + timedelta(days=int(day))).isoformat()


def civil(days: Whole) -> tuple[Whole, Whole, Whole]:
    """Year, month (1 to 12) and day (1 to 31) of each date."""
    gone = days == MISSING
    at = np.where(gone, 0, days).astype("datetime64[D]")
    months = at.astype("datetime64[M]")
    since = months.astype(np.int64)
    parts = since // 12 + 1970, since % 12 + 1, (at - months.astype("datetime64[D]")).astype(np.int64) + 1
    year, month, day = (np.where(gone, MISSING, part) for part in parts)
    return year, month, day


def ages(births: Whole, at: Whole) -> Whole:
    """The years that each person has completed at a date; negative before the birth (-1 in the year before it).

    births, at  of one shape, or that broadcast to one
    """
    year, month, day = civil(np.asarray(births, np.int64))
    year_at, month_at, day_at = civil(np.asarray(at, np.int64))
    early = (month_at < month) | ((month_at == month) & (day_at < day))
    gone = (np.asarray(births) == MISSING) | (np.asarray(at) == MISSING)
    return np.where(gone, MISSING, np.where(gone, 0, year_at) - np.where(gone, 0, year) - early)


def age(birth: int, at: int) -> int:
    """The years that a person has completed at a date; see `ages`."""
    return int(ages(np.asarray(birth, np.int64), np.asarray(at, np.int64)))


def latest_birth(at: int, years: int) -> int:
    """The last date of birth with which `years` are completed at a date: age >= years just if birth <= this.

    EARLIEST - 1 where no date that can be written is early enough.
    """
    day = _EPOCH + timedelta(days=at)
    year = day.year - years
    if year > date.max.year:
        return LATEST
    if year < date.min.year:
        return EARLIEST - 1
    found = days_of_parts(year, day.month, day.day)
    # Only 29 February can be absent: who is born on 1 March has not completed the year on that day.
    return (date(year, 2, 28) - _EPOCH).days if found is None else found


def age_limits(low: int, high: int, at: int) -> tuple[int, list[int]]:
    """Ages at a date from thresholds: of births in [low, high], age = least + (how many limits l have birth <= l).

    Gives the least age and the limits, each earlier than the one before.
    """
    least, most = age(high, at), age(low, at)
    return least, [latest_birth(at, years) for years in range(least + 1, most + 1)]


def year_limits(low: int, high: int) -> tuple[int, list[int]]:
    """Years from thresholds: of dates in [low, high], year = first + (how many limits l have date >= l)."""
    first, last = ((_EPOCH + timedelta(days=end)).year for end in (low, high))
    return first, [(date(year, 1, 1) - _EPOCH).days for year in range(first + 1, last + 1)]


@dataclass(frozen=True)
class DateColumn(Column):
    """A date; `minimum` and `maximum` in days since 1970-01-01."""

    minimum: int = 0
    maximum: int = 1

    @property
    def low(self) -> int:
        return self.minimum

    @property
    def high(self) -> int:
        return self.maximum

    def describe(self) -> JsonObject:
        return {
            "type": "date",
            "low": iso(self.minimum),
            "high": iso(self.maximum),
            "missing": list(self.missing),
        }

    def widened(self, low: Limit, high: Limit) -> DateColumn:
        ends = limits_of(low, high, f"column {self.name}: range {low}..{high}")
        return replace(self, minimum=ends[0], maximum=ends[1])


def limits_of(low: Limit, high: Limit, what: str) -> tuple[int, int]:
    """The days of both limits. Raises ConfigError where they are no dates, or do not ascend."""
    ends = days_of(low, what), days_of(high, what)
    if not ends[0] < ends[1]:
        raise ConfigError(f"{what}: the lower limit must be before the upper one")
    return ends


def Date(
    low: date | str, high: date | str, *, missing: object = None
) -> Any:  # Any: a script uses the attribute as a column
    """A date between `low` and `high`: ISO texts like "1900-01-01", or `datetime.date`."""
    ends = limits_of(low, high, f"Date({low}, {high})")
    return DateColumn(missing=missing_codes(missing), minimum=ends[0], maximum=ends[1])
