"""Row-wise operations on whole numbers: exact in int64, or refused.

A column of whole numbers holds MISSING where a value is missing. Whole numbers combine with whole numbers (and flags)
exactly, as long as the result lies within ± 2^61. Where they meet real numbers they become float64, which holds
whole numbers up to 2^53: wider ones are refused, so that an identifier is never rounded.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError
from mpc.tables.rows import MISSING, absent, as_real

if TYPE_CHECKING:
    from mpc.tables.expressions import Expression

Whole = NDArray[np.int64]

#: What float64 holds exactly.
EXACT = 1 << 53
#: Whole numbers of rows lie within ± this.
LARGEST = 1 << 61
#: A threshold beyond every whole number is moved to this one.
_BEYOND = 1 << 62

ARITHMETIC: dict[str, Callable[..., Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPARE: dict[str, Callable[..., Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def fits_real(*columns: Expression) -> bool:
    """Whether float64 holds all their values exactly."""
    return all(max(abs(column.low), abs(column.high)) <= EXACT for column in columns)


def need_real(what: str, column: Expression) -> None:
    """Raise RangeError where a whole number would be rounded to become a real one."""
    if not fits_real(column):
        raise RangeError(
            f"{what}: whole numbers from {column.low} to {column.high} would be rounded, since real numbers are exact "
            "up to 2^53 only. Subtract a whole number or `clip` first, so that they lie within ± 2^53"
        )


def as_whole(values: NDArray[np.float64]) -> Whole:
    """A flag as 0 and 1."""
    gone = np.isnan(values)
    return np.where(gone, MISSING, np.where(gone, 0, values).astype(np.int64))


def arithmetic(symbol: str) -> Callable[[Whole, Whole], Whole]:
    """a + b, a - b or a * b; missing where a side is missing."""
    compute = ARITHMETIC[symbol]

    def function(x: Whole, y: Whole) -> Whole:
        gone = absent(x) | absent(y)
        # A result computed from MISSING would mean nothing, and wrap.
        return np.where(gone, MISSING, np.asarray(compute(np.where(gone, 0, x), np.where(gone, 0, y)), np.int64))

    return function


def comparison(symbol: str) -> Callable[[Whole, Whole], NDArray[np.float64]]:
    """A flag: missing where a side is missing."""
    compare = COMPARE[symbol]

    def function(x: Whole, y: Whole) -> NDArray[np.float64]:
        return np.where(absent(x) | absent(y), np.nan, compare(x, y).astype(np.float64))

    return function


def unary(name: str) -> Callable[[Whole], Whole]:
    """negative or absolute."""
    compute: Callable[..., Any] = np.negative if name == "negative" else np.abs

    def function(x: Whole) -> Whole:
        gone = absent(x)
        return np.where(gone, MISSING, compute(np.where(gone, 0, x)))

    return function


def clipped(low: int, high: int) -> Callable[[Whole], Whole]:
    """Values moved to the nearer limit."""
    return lambda x: np.where(absent(x), MISSING, np.clip(x, low, high))


def threshold(symbol: str, limit: float) -> int:
    """The whole number t for which `x <symbol> t` is `x <symbol> limit`, for every whole number x of a column."""
    if math.isnan(limit):
        raise RangeError(f"{symbol}: a column is compared with NaN")
    moved = max(-float(_BEYOND), min(float(_BEYOND), limit))
    if moved == math.floor(moved):
        return int(moved)
    if symbol in ("==", "!="):
        return _BEYOND  # no column has that number
    return math.ceil(moved) if symbol in ("<", ">=") else math.floor(moved)


def bins(edges: tuple[float, ...]) -> Callable[[Whole], NDArray[np.float64]]:
    """The index of the bin of each value; the last bin includes its upper edge."""
    bounds = np.asarray([threshold(">=", edge) for edge in edges], np.int64)
    last = threshold("<=", edges[-1])

    def function(x: Whole) -> NDArray[np.float64]:
        index = np.searchsorted(bounds, x, side="right") - 1.0
        index = np.where(x == last, len(edges) - 2.0, index) if last == edges[-1] else index
        outside = (index < 0) | (index > len(edges) - 2) | absent(x)
        return np.where(outside, np.nan, index)

    return function


def span(symbol: str, a: Expression, b: Expression) -> tuple[int, int]:
    """The smallest and the largest a + b, a - b or a * b."""
    corners = [int(ARITHMETIC[symbol](int(x), int(y))) for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(corners), max(corners)


__all__ = [
    "EXACT", "LARGEST", "arithmetic", "as_real", "as_whole", "bins", "clipped", "comparison", "fits_real", "need_real",
    "span", "threshold", "unary",
]  # fmt: skip
