"""Public values in a query: numbers, texts, true and false, dates and intervals, and what is computed from them.

An interval has months and days apart, as in DuckDB: '2024-01-31' + INTERVAL 1 MONTH is 2024-02-29.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from sqlglot import exp

from mpc.errors import ConfigError
from mpc.tables import dates
from protocols.sql.text import Text, shown


@dataclass(frozen=True)
class Interval:
    """A distance of dates."""

    months: int = 0
    days: int = 0

    def __neg__(self) -> Interval:
        return Interval(-self.months, -self.days)


@dataclass(frozen=True, order=True)
class Day:
    """A date: days since 1970-01-01."""

    days: int

    @property
    def iso(self) -> str:
        """As 2026-01-31."""
        return dates.iso(self.days)

    @property
    def civil(self) -> tuple[int, int, int]:
        """Year, month and day."""
        year, month, day = (int(part[0]) for part in dates.civil(np.asarray([self.days], np.int64)))
        return year, month, day


#: A value that stands in the text. None: NULL.
Public = bool | int | float | str | Day | Interval | None
_UNITS = {"DAY": (0, 1), "WEEK": (0, 7), "MONTH": (1, 0), "QUARTER": (3, 0), "YEAR": (12, 0)}


def is_public(value: object) -> bool:
    """Whether a value of an expression is known to all: it comes from the text alone."""
    return value is None or isinstance(value, bool | int | float | str | Day | Interval)


def literal(node: exp.Literal, text: Text) -> Public:
    """A number or a text. Decimal numbers are DECIMAL in DuckDB, and float64 here."""
    if node.is_string:
        return str(node.this)
    try:
        return int(node.this)
    except ValueError:
        return float(Decimal(node.this))


def interval(node: exp.Interval, text: Text) -> Interval:
    """INTERVAL '3' MONTH, INTERVAL 3 MONTH, INTERVAL '3 months'."""
    amount, unit = node.this, node.args.get("unit")
    number = str(amount.this) if isinstance(amount, exp.Literal) else amount.sql() if amount is not None else ""
    name = str(unit.this if unit is not None else "").upper().removesuffix("S")
    try:
        count = int(number)
        months, days = _UNITS[name]
    except (ValueError, KeyError):
        raise text.refused(
            node, f"{shown(node)}: write a whole number of days, weeks, months, quarters or years"
        ) from None
    return Interval(months * count, days * count)


def to_date(value: str | Day, node: exp.Expr, text: Text) -> Day:
    """A date from its ISO text."""
    if isinstance(value, Day):
        return value
    try:
        return Day(dates.days_of(value, "SQL"))
    except ConfigError:
        raise text.refused(node, f"{value!r} is no date; write it like DATE '2026-01-31'") from None


def shifted(day: Day, by: Interval) -> Day:
    """A date an interval later; the last day of a month where the day is not in it. Raises ValueError before the year
    1 and after 9999."""
    year, month, number = day.civil
    year, month = divmod(year * 12 + month - 1 + by.months, 12)
    if not 1 <= year <= 9999:
        raise ValueError(f"year {year}")
    found = next(d for d in (dates.days_of_parts(year, month + 1, n) for n in range(number, 0, -1)) if d is not None)
    if not dates.EARLIEST <= found + by.days <= dates.LATEST:
        raise ValueError("beyond the calendar")
    return Day(found + by.days)


def arithmetic(symbol: str, a: Public, b: Public, node: exp.Expr, text: Text) -> Public:
    """a + b, a - b, a * b, a / b of public values; / is a division of real numbers."""
    if isinstance(a, str) and isinstance(b, Interval):
        a = to_date(a, node, text)
    if isinstance(a, Day) and isinstance(b, Interval) and symbol in "+-":
        try:
            return shifted(a, b if symbol == "+" else -b)
        except ValueError:
            raise text.refused(node, f"{shown(node)}: before the year 1 or after 9999") from None
    if isinstance(a, Day) and isinstance(b, Day) and symbol == "-":
        return a.days - b.days
    if isinstance(a, Day) and isinstance(b, int) and symbol in "+-":
        return Day(a.days + (b if symbol == "+" else -b))
    if isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, int | float) or not isinstance(b, int | float):
        raise text.refused(node, f"{shown(node)}: {symbol} is for numbers, for dates and intervals")
    if symbol == "/":
        if not b:
            raise text.refused(node, f"{shown(node)}: a division by 0")
        return a / b
    return a + b if symbol == "+" else a - b if symbol == "-" else a * b


def compare(symbol: str, a: Public, b: Public, node: exp.Expr, text: Text) -> bool | None:
    """A comparison of public values; None, for unknown, where one is NULL."""
    if a is None or b is None:
        return None
    if isinstance(a, Day) != isinstance(b, Day):
        a, b = (to_date(x, node, text) if isinstance(x, str) else x for x in (a, b))
    if not (isinstance(a, int | float) and isinstance(b, int | float)) and type(a) is not type(b):
        raise text.refused(node, f"{shown(node)}: these values are of different kinds")
    order = (a > b) - (a < b)  # type: ignore[operator]
    return {"==": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[
        symbol
    ]
