"""From a source's columns to float64, as Ibis expressions that run where the data is.

Each column gets four expressions: its value (NULL where there is none), and whether a row's entry is missing, of the
wrong kind (no number, no flag, no known level), or outside of the range. The last three are never NULL.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from mpc.schema import CategoryColumn, Column, FlagColumn, RealColumn

Can = Callable[[str], bool]

TRUE = ("true", "t", "yes", "y", "1", "1.0")
FALSE = ("false", "f", "no", "n", "0", "0.0")
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"


@dataclass(frozen=True)
class Converted:
    """One column, as expressions over its source table."""

    value: Any
    missing: Any
    wrong: Any
    outside: Any

    @property
    def invalid(self) -> Any:
        return self.wrong | self.outside


def convert(column: Column, source: Any, can: Can) -> Converted | None:
    """Expressions for `column` read from the Ibis column `source`; None if a column of that type cannot hold it.

    `can` tells whether the backend has an operation of Ibis, such as TryCast or IsNan. DuckDB has them all.
    """
    if isinstance(column, RealColumn):
        return _real(column, source, can)
    if isinstance(column, FlagColumn):
        return _flag(column, source, can)
    assert isinstance(column, CategoryColumn)
    return _category(column, source, can)


def expected(column: Column) -> str:
    """What a column must hold, for messages."""
    if isinstance(column, RealColumn):
        limits = f" in {span(column)}" if math.isfinite(column.low) or math.isfinite(column.high) else ""
        return f"a number{limits}"
    if isinstance(column, CategoryColumn):
        return f"one of {', '.join(column.levels)}"
    return "true or false"


def span(column: RealColumn) -> str:
    """A range as messages write it: 0..50 mm."""
    return f"{column.low:g}..{column.high:g}{' ' if column.unit else ''}{column.unit}"


def _real(column: RealColumn, source: Any, can: Can) -> Converted | None:
    read = _number(source, column.missing, can)
    if read is None:
        return None
    number, missing = read
    outside = _or_false((number < column.low) | (number > column.high)) & ~missing
    return Converted(missing.ifelse(None, number), missing, number.isnull() & ~missing, outside)


def _flag(column: FlagColumn, source: Any, can: Can) -> Converted | None:
    import ibis

    none = _never(source)
    if source.type().is_boolean():
        return Converted(ibis.cases((source, 1), (~source, 0)).cast("float64"), source.isnull(), none, none)
    if source.type().is_string():
        text = _tidied(source, (*TRUE, *FALSE, *column.missing), lower=True)
        yes, no = _or_false(text.isin(TRUE)), _or_false(text.isin(FALSE))
        missing = text.isnull() | _or_false(text.isin(["", *(code.lower() for code in column.missing)]))
    else:
        read = _number(source, column.missing, can)
        if read is None:
            return None
        number, missing = read
        yes, no = _or_false(number == 1), _or_false(number == 0)
    value = ibis.cases((yes & ~missing, 1), (no & ~missing, 0)).cast("float64")
    return Converted(value, missing, ~(yes | no | missing), none)


def _category(column: CategoryColumn, source: Any, can: Can) -> Converted | None:
    import ibis

    if source.type().is_boolean():
        missing = source.isnull()
        levels = [{"true": source, "false": ~source}.get(level.lower()) for level in column.levels]
    elif source.type().is_string():
        text = _tidied(source, (*column.levels, *column.missing))
        levels = [text == level for level in column.levels]
        missing = text.isnull() | _or_false(text.isin(["", *column.missing]))
    else:
        read = _number(source, column.missing, can)
        if read is None:
            return None
        number, missing = read
        levels = [None if (code := _code(level)) is None else number == code for level in column.levels]
    known = [(test & ~missing, index) for index, test in enumerate(levels) if test is not None]
    if not known:
        return None
    value = ibis.cases(*known).cast("float64")
    return Converted(value, missing, value.isnull() & ~missing, _never(source))


def _number(source: Any, codes: tuple[str, ...], can: Can) -> tuple[Any, Any] | None:
    """The source as float64 (NULL where it is no number) and whether it is missing; None if it holds no numbers."""
    type_ = source.type()
    numeric = [code for code in map(_code, codes) if code is not None]
    if type_.is_numeric() or type_.is_null():
        number = source.cast("float64")
        tests = [source.isnull()] + ([_is_nan(number, can)] if type_.is_floating() else [])
    elif type_.is_string():
        # A cast passes over blanks, so only entries that are no numbers are looked at again as text.
        if can("TryCast"):
            number = source.contains("_").ifelse(None, source.try_cast("float64"))
        else:
            text = source.strip()
            number = text.re_search(_NUMBER).ifelse(text, None).cast("float64")
        coded = source.isnull() | source.strip().isin(["", *codes])
        tests = [number.isnull().ifelse(coded, _is_nan(number, can) if can("TryCast") else False)]
    else:
        return None
    if numeric:
        tests.append(number.isin(numeric))
    return number, _or_false(reduce(or_, tests))


def _tidied(source: Any, known: tuple[str, ...], *, lower: bool = False) -> Any:
    """The text without blanks around it. Entries that are known as they stand are passed over: trimming is slow."""
    text = source.strip().lower() if lower else source.strip()
    return source.isin(known).ifelse(source.lower() if lower else source, text)


def _code(code: str) -> float | None:
    try:
        value = float(code)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _or_false(test: Any) -> Any:
    import ibis

    return ibis.coalesce(test, False)


def _is_nan(number: Any, can: Can) -> Any:
    # A database without the test has no NaN either: it keeps NULL in its place.
    return number.isnan() if can("IsNan") else False


def _never(source: Any) -> Any:
    """A test that no row passes, as a column."""
    return source.isnull() & False
