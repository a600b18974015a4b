"""Row-wise expressions over the columns of one owner's table: built once, evaluated batch by batch in float64.

A flag is 0 or 1, a category the index of its level, a missing value NaN; whatever is computed from a missing value
is missing. Ranges follow by interval arithmetic from the declared ones, so that bounds are public.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mpc.digest import digest
from mpc.errors import RangeError

Floats = NDArray[np.float64]
Type = Literal["real", "flag", "category"]


class Expression:
    """One column per row: a source column, or a function of other expressions of the same table."""

    __slots__ = ("_digest", "arguments", "column", "function", "high", "levels", "low", "type")

    def __init__(
        self,
        *,
        type: Type,
        low: float,
        high: float,
        levels: tuple[str, ...] = (),
        column: str = "",
        function: Callable[..., Floats] | None = None,
        arguments: tuple[Expression, ...] = (),
    ) -> None:
        if not low <= high or not np.isfinite(low) or not np.isfinite(high):
            raise RangeError(f"a row-wise result would range from {low} to {high}: use `clip` before this operation")
        self.type: Type = type
        self.low = float(low)
        self.high = float(high)
        self.levels = levels
        self.column = column
        self.function = function
        self.arguments = arguments
        self._digest: bytes | None = None

    @property
    def digest(self) -> bytes:
        """What it computes, from which columns and public numbers: the same at all parties that run the same script."""
        if self._digest is None:
            self._digest = digest((self.type, self.column, self.levels, self.function, self.arguments))
        return self._digest

    def columns(self) -> set[str]:
        """The source columns it needs."""
        if self.function is None:
            return {self.column}
        return set().union(*(a.columns() for a in self.arguments)) if self.arguments else set()

    def evaluate(self, batch: Mapping[str, Any], memo: dict[int, Floats]) -> Floats:
        """Its values for the rows of one batch; `memo` shares common parts within the batch."""
        found = memo.get(id(self))
        if found is None:
            if self.function is None:
                found = batch[self.column]
            else:
                found = self.function(*[a.evaluate(batch, memo) for a in self.arguments])
            memo[id(self)] = found
        return found


def public(value: float) -> Expression:
    """A number that is the same for every row."""
    number = float(value)
    return Expression(type="real", low=number, high=number, function=lambda: np.asarray(number))


def _missing_like(result: Floats, *arguments: Floats) -> Floats:
    """The result, missing where an argument is."""
    gone = np.isnan(arguments[0])
    for argument in arguments[1:]:
        gone = gone | np.isnan(argument)
    if not gone.any():
        return result
    return np.where(gone, np.nan, result)


def arithmetic(symbol: str, a: Expression, b: Expression) -> Expression:
    """a + b, a - b, a * b or a / b, row by row."""
    functions: dict[str, Callable[..., Floats]] = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
    }
    if symbol == "/" and b.low <= 0 <= b.high:
        raise RangeError(f"/: the divisor ranges from {b.low} to {b.high}, which includes 0")
    with np.errstate(over="ignore"):
        corners = [
            float(functions[symbol](np.float64(x), np.float64(y))) for x in (a.low, a.high) for y in (b.low, b.high)
        ]
    return Expression(type="real", low=min(corners), high=max(corners), function=functions[symbol], arguments=(a, b))


def comparison(symbol: str, a: Expression, b: Expression) -> Expression:
    """A flag: missing where a side is."""
    compare: dict[str, Callable[[Floats, Floats], NDArray[np.bool_]]] = {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
    }

    def function(x: Floats, y: Floats) -> Floats:
        return _missing_like(compare[symbol](x, y).astype(np.float64), x, y)

    return Expression(type="flag", low=0, high=1, function=function, arguments=(a, b))


def logical(symbol: str, a: Expression, b: Expression) -> Expression:
    """and/or/xor of two flags; missing where a side is."""
    combine: dict[str, Callable[[Floats, Floats], Floats]] = {
        "&": operator.mul,
        "|": np.maximum,
        "^": lambda x, y: np.abs(x - y),
    }
    return Expression(type="flag", low=0, high=1, function=combine[symbol], arguments=(a, b))


def both(a: Expression | None, b: Expression | None) -> Expression | None:
    """The condition that holds where both do; None always holds."""
    if a is None or b is None or a is b:
        return a if b is None else b
    return logical("&", a, b)


def unary(name: str, a: Expression) -> Expression:
    """negative, absolute, not, log, exp, sqrt: monotone or bounded, so that the range is known."""
    if name == "not":
        return Expression(type="flag", low=0, high=1, function=lambda x: 1.0 - x, arguments=(a,))
    if name == "isna":
        return Expression(type="flag", low=0, high=1, function=lambda x: np.isnan(x).astype(np.float64), arguments=(a,))
    if name == "negative":
        return Expression(type="real", low=-a.high, high=-a.low, function=np.negative, arguments=(a,))
    if name == "absolute":
        low = 0.0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
        return Expression(type="real", low=low, high=max(abs(a.low), abs(a.high)), function=np.abs, arguments=(a,))
    monotone: dict[str, Callable[..., Floats]] = {"log": np.log, "exp": np.exp, "sqrt": np.sqrt}
    function = monotone[name]
    if (name == "log" and a.low <= 0) or (name == "sqrt" and a.low < 0):
        raise RangeError(f"{name}: the argument ranges from {a.low} to {a.high}; `clip` it to where {name} is defined")
    with np.errstate(over="ignore"):
        low, high = float(function(np.float64(a.low))), float(function(np.float64(a.high)))
    return Expression(type="real", low=low, high=high, function=function, arguments=(a,))


def clipped(a: Expression, low: float, high: float) -> Expression:
    """Values moved to the nearer limit."""
    if not low <= high:
        raise RangeError(f"clip: the lower limit {low} must not be above the upper one {high}")
    return Expression(
        type="real",
        low=min(max(low, a.low), high),
        high=max(min(high, a.high), low),
        function=lambda x: np.clip(x, low, high),
        arguments=(a,),
    )


def binned(a: Expression, edges: tuple[float, ...], labels: tuple[str, ...]) -> Expression:
    """The index of the bin; the last bin includes its upper edge, values outside of all bins are missing."""
    bounds = np.asarray(edges)

    def function(x: Floats) -> Floats:
        index = np.searchsorted(bounds, x, side="right") - 1.0
        index = np.where(x == bounds[-1], len(bounds) - 2.0, index)
        outside = (index < 0) | (index > len(bounds) - 2) | np.isnan(x)
        return np.where(outside, np.nan, index)

    return Expression(type="category", low=0, high=len(labels) - 1, levels=labels, function=function, arguments=(a,))
