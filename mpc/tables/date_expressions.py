"""Row-wise operations on dates: days between them, dates some days later, their parts, and ages.

Parts and ages are whole numbers with public ranges, like any other; dates stay between the years 1 and 9999.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.tables import dates, whole
from mpc.tables.expressions import Expression, as_whole
from mpc.tables.kinds import need_number
from mpc.tables.schema import Limit
from mpc.tables.whole import Whole


def public_date(days: int) -> Expression:
    """A date that is the same for every row."""
    constant = np.asarray(days, np.int64)
    return Expression(
        type="date", low=days, high=days, function=lambda: constant, text=dates.iso(days), operation="constant"
    )


def date_arithmetic(symbol: str, a: Expression, b: Expression) -> Expression:
    """Days from a date to another, or a date some days later or earlier. Raises ShapeError for anything else."""
    if symbol == "-" and a.type == b.type == "date":
        text = f"({a.text} - {b.text})"
        low, high = int(a.low) - int(b.high), int(a.high) - int(b.low)
        function = whole.arithmetic("-")
        return Expression(
            type="integer", low=low, high=high, function=function, arguments=(a, b), text=text, operation="-"
        )
    if symbol == "+" and a.type != "date":
        a, b = b, a
    if symbol not in ("+", "-") or a.type != "date" or b.type == "date":
        date = a if a.type == "date" else b
        need_number(date.text, date.type, f"{symbol} {'date' if a.type == b.type else 'number'}")
    days = as_whole(b)
    if days is None:
        raise ShapeError(f"{a.text} {symbol} {b.text}: days are whole numbers: an int, an Integer or a Flag")
    low, high = whole.span(symbol, a, days)
    if low < dates.EARLIEST or high > dates.LATEST:
        raise RangeError(f"{a.text} {symbol} {b.text}: dates would lie before the year 1 or after 9999")
    return Expression(
        type="date",
        low=low,
        high=high,
        function=whole.arithmetic(symbol),
        arguments=(a, days),
        text=f"({a.text} {symbol} {b.text})",
        operation=symbol,
    )


def year(a: Expression) -> Expression:
    """The year of a date."""
    first, limits = dates.year_limits(int(a.low), int(a.high))
    return _part("year", a, first, first + len(limits), _years)


def month(a: Expression) -> Expression:
    """The month of a date, 1 to 12."""
    return _part("month", a, 1, 12, _months)


def day(a: Expression) -> Expression:
    """The day of a date in its month, 1 to 31."""
    return _part("day", a, 1, 31, _days)


def age_at(births: Expression, at: Expression) -> Expression:
    """The years completed at a date since another (`mpc.tables.dates`)."""
    return Expression(
        type="integer",
        low=dates.age(int(births.high), int(at.low)),
        high=dates.age(int(births.low), int(at.high)),
        function=dates.ages,
        arguments=(births, at),
        text=f"age of {births.text} at {at.text}",
        operation="age",
    )


def date_edges(name: str, edges: Sequence[Limit]) -> tuple[int, ...]:
    """Edges of bins of dates, in days. Raises ConfigError for what is no date."""
    return tuple(dates.days_of(edge, f"{name}: an edge of its bins") for edge in edges)


def date_label(low: float, high: float) -> str:
    """The label of a bin of dates."""
    return f"{dates.iso(int(low))} to {dates.iso(int(high))}"


def _part(name: str, a: Expression, low: int, high: int, function: Callable[[Whole], Whole]) -> Expression:
    return Expression(
        type="integer",
        low=low,
        high=high,
        function=function,
        arguments=(a,),
        text=f"{name} of {a.text}",
        operation=name,
    )


def _years(days: Whole) -> Whole:
    return dates.civil(days)[0]


def _months(days: Whole) -> Whole:
    return dates.civil(days)[1]


def _days(days: Whole) -> Whole:
    return dates.civil(days)[2]
