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

    __slots__ = (
        "_digest",
        "arguments",
        "clip",
        "column",
        "function",
        "high",
        "levels",
        "low",
        "symbol",
        "text",
        "type",
    )

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
        text: str = "",
        clip: tuple[float, float] | None = None,
        symbol: str = "",
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
        #: In words, for people who decide: column names and public numbers.
        self.text = text or column
        #: The limits that it moves its argument into.
        self.clip = clip
        #: Of a comparison, how it compares.
        self.symbol = symbol
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
    return Expression(type="real", low=number, high=number, function=lambda: np.asarray(number), text=f"{number:g}")


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
    text = f"({a.text} {symbol} {b.text})"
    low, high = min(corners), max(corners)
    return Expression(type="real", low=low, high=high, function=functions[symbol], arguments=(a, b), text=text)


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

    side = b.text if not a.levels or b.columns() else a.levels[int(b.low)]
    text = f"({a.text} {symbol} {side})"
    return Expression(type="flag", low=0, high=1, function=function, arguments=(a, b), text=text, symbol=symbol)


def logical(symbol: str, a: Expression, b: Expression) -> Expression:
    """and/or/xor of two flags; missing where a side is."""
    combine: dict[str, Callable[[Floats, Floats], Floats]] = {
        "&": operator.mul,
        "|": np.maximum,
        "^": lambda x, y: np.abs(x - y),
    }
    text = f"({a.text} {symbol} {b.text})"
    return Expression(type="flag", low=0, high=1, function=combine[symbol], arguments=(a, b), text=text)


def both(a: Expression | None, b: Expression | None) -> Expression | None:
    """The condition that holds where both do; None always holds."""
    if a is None or b is None or a is b:
        return a if b is None else b
    return logical("&", a, b)


def unary(name: str, a: Expression) -> Expression:
    """negative, absolute, not, log, exp, sqrt: monotone or bounded, so that the range is known."""
    if name == "not":
        text = f"not {a.text}"
        return Expression(type="flag", low=0, high=1, function=lambda x: 1.0 - x, arguments=(a,), text=text)
    if name == "isna":
        text = f"{a.text} missing"

        def missing(x: Floats) -> Floats:
            return np.isnan(x).astype(np.float64)

        return Expression(type="flag", low=0, high=1, function=missing, arguments=(a,), text=text)
    if name == "negative":
        text = f"-{a.text}"
        return Expression(type="real", low=-a.high, high=-a.low, function=np.negative, arguments=(a,), text=text)
    if name == "absolute":
        low = 0.0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
        high, text = max(abs(a.low), abs(a.high)), f"|{a.text}|"
        return Expression(type="real", low=low, high=high, function=np.abs, arguments=(a,), text=text)
    monotone: dict[str, Callable[..., Floats]] = {"log": np.log, "exp": np.exp, "sqrt": np.sqrt}
    function = monotone[name]
    if (name == "log" and a.low <= 0) or (name == "sqrt" and a.low < 0):
        raise RangeError(f"{name}: the argument ranges from {a.low} to {a.high}; `clip` it to where {name} is defined")
    with np.errstate(over="ignore"):
        low, high = float(function(np.float64(a.low))), float(function(np.float64(a.high)))
    return Expression(type="real", low=low, high=high, function=function, arguments=(a,), text=f"{name} {a.text}")


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
        text=f"{a.text} within {low:g} to {high:g}",
        clip=(low, high),
    )


def binned(a: Expression, edges: tuple[float, ...], labels: tuple[str, ...]) -> Expression:
    """The index of the bin; the last bin includes its upper edge, values outside of all bins are missing."""
    bounds = np.asarray(edges)

    def function(x: Floats) -> Floats:
        index = np.searchsorted(bounds, x, side="right") - 1.0
        index = np.where(x == bounds[-1], len(bounds) - 2.0, index)
        outside = (index < 0) | (index > len(bounds) - 2) | np.isnan(x)
        return np.where(outside, np.nan, index)

    return Expression(
        type="category",
        low=0,
        high=len(labels) - 1,
        levels=labels,
        function=function,
        arguments=(a,),
        text=f"{a.text} in {len(labels)} bins",
    )


def steps(a: Expression) -> list[tuple[Expression, bool]]:
    """The flags that a number is made from: with its sum they tell counts of rows.

    With each, whether "no row has it" is as good as "many have it": so where values are moved to a limit.
    """
    found: dict[int, tuple[Expression, bool]] = {}
    for argument in a.arguments:
        if argument.type == "flag":
            found[id(argument)] = (argument, False)
        elif argument.type == "real":
            found |= {id(flag): (flag, none) for flag, none in steps(argument)}
    if a.clip is not None:
        inner, (low, high) = a.arguments[0], a.clip
        for beyond, symbol, limit in ((inner.low < low, "<", low), (inner.high > high, ">", high)):
            if beyond:
                flag = comparison(symbol, inner, public(limit))
                found[id(flag)] = (flag, True)
    return list(found.values())


def exclusive(a: Expression, b: Expression) -> bool:
    """Whether two flags are of different levels of one category: no row has both."""
    return a.symbol == b.symbol == "==" and a.arguments[0] is b.arguments[0] and bool(a.arguments[0].levels)
