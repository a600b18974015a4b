"""Words for a report: numbers, sizes and times for people, and text of others made safe to print."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from mpc.text import visible

#: A number, yes or no, or words that replace it.
Number = bool | int | float | str

_SUPERSCRIPT: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain(value: Any) -> Any:
    """`value` as dicts, lists, numbers and clean text: NumPy values as Python's, NaN and infinity as "undefined".

    A value of another type becomes text, so that no result is lost.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump()
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else "undefined"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        out: dict[str, Any] = {}
        for key, item in value.items():
            name = visible(str(key))
            while name in out:  # names that differ only in invisible characters
                name += "'"
            out[name] = plain(item)
        return out
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return visible(str(value))


def number(value: Number | None, digits: int = 5) -> str:
    """A number with `digits` significant digits; a bool as yes or no; words as they are."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    size = abs(value)
    if not 1e-4 <= size < 1e15:
        return scientific(value, digits - 1)
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(size)))}f}"


def probability(value: Number) -> str:
    """A p-value."""
    if isinstance(value, str):
        return value
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def scientific(value: Number, digits: int = 1) -> str:
    """A number like 2.1 × 10⁻⁸."""
    if isinstance(value, str):
        return value
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def size(count: int) -> str:
    """A number of bytes, with a unit that fits."""
    if count < 1000:
        return f"{count} B"
    scaled, units = count / 1000, ["kB", "MB", "GB", "TB"]
    while scaled >= 999.5 and len(units) > 1:
        scaled /= 1000
        units.pop(0)
    return f"{scaled:.{0 if scaled >= 99.95 else 1}f} {units[0]}"


def duration(seconds: float) -> str:
    """A time, with a unit that fits."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def time_left(seconds: float) -> str:
    """A time that is only known roughly: seconds by fives, then minutes."""
    if seconds < 10:
        return "a few s left"
    if seconds < 100:
        return f"{5 * round(seconds / 5)} s left"
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min left"


def shortened(length: int, most: int, tail: int) -> list[int | None]:
    """The elements of an axis to show, at most `most`: all, or the first and the last `tail` with None between them."""
    if length <= most:
        return list(range(length))
    return [*range(most - tail), None, *range(length - tail, length)]
