"""Row-wise expressions over the columns of one owner's table: built once, evaluated batch by batch.

A flag is 0 or 1, a category the index of its level, a missing value NaN; whatever is computed from a missing value
is missing. Numbers are float64; whole ones are int64 and exact, or refused where they would be rounded
(`mpc.tables.whole`). Ranges follow by interval arithmetic from the declared ones, so that bounds are public.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError
from mpc.machine.digest import digest
from mpc.machine.seen import like, shown
from mpc.tables import whole
from mpc.tables.rows import absent
from mpc.untyped import Opaque

Floats = NDArray[np.float64]
Type = Literal["real", "integer", "flag", "category", "date", "key", "text"]
#: Types whose values are int64, and exact.
WHOLE = ("integer", "date", "key")

#: The operations of row-wise expressions; `mpc.tables` computes them with NumPy, an owner's database in SQL.
OPERATIONS = (
    "constant", "+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "&", "|", "^", "not", "isna", "fulfilled",
    "negative", "absolute", "log", "exp", "sqrt", "clip", "bin", "as real", "as whole", "year", "month", "day", "age",
    "fill",
)  # fmt: skip


class Expression:
    """One column per row: a source column, or a function of other expressions of the same table."""

    __slots__ = (
        "_columns",
        "_digest",
        "arguments",
        "clip",
        "column",
        "edges",
        "function",
        "high",
        "levels",
        "low",
        "operation",
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
        function: Callable[..., Any] | None = None,
        arguments: tuple[Expression, ...] = (),
        text: str = "",
        clip: tuple[float, float] | None = None,
        symbol: str = "",
        edges: tuple[float, ...] = (),
        operation: str = "",
    ) -> None:
        if not -np.inf < low <= high < np.inf:
            raise RangeError(f"a row-wise result would range from {low} to {high}: use `clip` before this operation")
        self.type: Type = type
        self.low = int(low) if type in WHOLE else float(low)
        self.high = int(high) if type in WHOLE else float(high)
        self.levels = levels
        self.column = column
        self.function = function
        self.arguments = arguments
        #: In words, for people who decide: column names and public numbers.
        self.text = text or column
        #: Of `clip`: the limits.
        self.clip = clip
        #: Of a category that `cut` makes: the edges of its bins.
        self.edges = edges
        #: The operator of a comparison or of joined flags; also "cut", "absolute", "fulfilled".
        self.symbol = symbol
        #: What `function` computes, by a name that can be said in another language: one of OPERATIONS; "" for a source
        #: column, and for a function that no other language knows.
        self.operation = operation
        self._digest: bytes | None = None
        self._columns: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"<{self.text} of each row>"

    @property
    def digest(self) -> bytes:
        """Of its function, its columns and its public numbers: the same at all parties that run the same script."""
        if self._digest is None:
            self._digest = digest((self.type, self.column, self.levels, self.function, self.arguments))
        return self._digest

    def columns(self) -> frozenset[str]:
        """The source columns it needs."""
        if self._columns is None:
            own = frozenset({self.column}) if self.function is None else frozenset[str]()
            self._columns = own.union(*(argument.columns() for argument in self.arguments))
        return self._columns

    def evaluate(self, batch: Mapping[str, Opaque], memo: dict[int, Opaque]) -> Opaque:
        """Its values for the rows of one batch; `memo` shares common parts within the batch."""
        values = memo.get(id(self))
        if values is None:
            if self.function is None:
                values = batch[self.column]
            else:
                values = self.function(*[a.evaluate(batch, memo) for a in self.arguments])
            memo[id(self)] = values
        return values


#: A mean keeps 2^-36 of its column's range.
_WIDEST = 2.0**36
_VANISH = "of a result that ranges so far, sums and means would keep the largest values alone: `clip` first"


def public(value: float) -> Expression:
    """A number that is the same for every row; an int where whole numbers are to be exact."""
    text = shown(value, lambda number: f"{number}" if isinstance(number, int) else f"{number:g}")
    if isinstance(value, int):
        constant = np.asarray(whole.threshold("==", value), np.int64)
        return Expression(
            type="integer", low=value, high=value, function=lambda: constant, text=text, operation="constant"
        )
    number = float(value)
    return Expression(
        type="real", low=number, high=number, function=lambda: np.asarray(number), text=text, operation="constant"
    )


def real(what: str, a: Expression) -> Expression:
    """A number as float64. Raises RangeError for whole numbers that float64 would round."""
    if a.type != "integer":
        return a
    whole.need_real(what, a)
    return Expression(
        type="real", low=a.low, high=a.high, function=whole.as_real, arguments=(a,), text=a.text, operation="as real"
    )


def as_whole(a: Expression) -> Expression | None:
    """A whole number or a flag in int64; None for anything else."""
    if a.type != "flag":
        return a if a.type == "integer" else None
    return Expression(
        type="integer", low=0, high=1, function=whole.as_whole, arguments=(a,), text=a.text, operation="as whole"
    )


def _both_whole(a: Expression, b: Expression) -> tuple[Expression, Expression] | None:
    """Both as whole numbers, where one is a whole number and the other a whole number or a flag; else None."""
    if "integer" not in (a.type, b.type):
        return None
    x, y = as_whole(a), as_whole(b)
    return None if x is None or y is None else (x, y)


def _missing_like(result: Floats, *arguments: Floats) -> Floats:
    """The result, missing where an argument is missing."""
    gone = np.isnan(arguments[0])
    for argument in arguments[1:]:
        gone = gone | np.isnan(argument)
    if not gone.any():
        return result
    return np.where(gone, np.nan, result)


def arithmetic(symbol: str, a: Expression, b: Expression) -> Expression:
    """a + b, a - b, a * b or a / b, row by row."""
    text = f"({a.text} {symbol} {b.text})"
    if symbol != "/" and (pair := _both_whole(a, b)):
        a, b = pair
        least, most = whole.span(symbol, a, b)
        if max(-least, most) <= whole.LARGEST:
            function = whole.arithmetic(symbol)
            return Expression(
                type="integer", low=least, high=most, function=function, arguments=pair, text=text, operation=symbol
            )
        if not whole.fits_real(a, b):
            raise RangeError(
                f"{symbol}: whole numbers would range from {least} to {most}, and are exact within ± 2^61: `clip` first"
            )
    a, b = real(symbol, a), real(symbol, b)
    functions: dict[str, Callable[..., Floats]] = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
    }
    if symbol == "/" and b.low <= 0 <= b.high:
        raise RangeError(f"/: the divisor ranges from {b.low} to {b.high}, which includes 0")
    if symbol == "/" and max(abs(b.low), abs(b.high)) > _WIDEST * min(abs(b.low), abs(b.high)):
        raise RangeError(f"/: the divisor ranges from {b.low:g} to {b.high:g}; {_VANISH}")
    with np.errstate(over="ignore"):
        corners = [
            float(functions[symbol](np.float64(x), np.float64(y))) for x in (a.low, a.high) for y in (b.low, b.high)
        ]
    low, high = min(corners), max(corners)
    return Expression(
        type="real", low=low, high=high, function=functions[symbol], arguments=(a, b), text=text, operation=symbol
    )


def _flag(symbol: str, function: Callable[..., Any], arguments: tuple[Expression, ...], text: str) -> Expression:
    return Expression(
        type="flag", low=0, high=1, function=function, arguments=arguments, text=text, symbol=symbol, operation=symbol
    )


def comparison(symbol: str, a: Expression, b: Expression) -> Expression:
    """A flag: missing where a side is missing."""
    side = b.text if not a.levels or b.columns() else shown(a.levels[int(b.low)])
    text = f"({a.text} {symbol} {side})"
    if a.type == "integer" and not b.columns() and b.type == "real":
        b = public(whole.threshold(symbol, b.low))
    if pair := (a, b) if a.type == b.type == "date" else _both_whole(a, b):
        exact = whole.comparison(symbol)
        return _flag(symbol, exact, pair, text)
    a, b = real(symbol, a), real(symbol, b)
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

    return _flag(symbol, function, (a, b), text)


def logical(symbol: str, a: Expression, b: Expression) -> Expression:
    """and/or/xor of two flags; missing where a side is missing."""
    combine: dict[str, Callable[[Floats, Floats], Floats]] = {
        "&": operator.mul,
        "|": np.maximum,
        "^": lambda x, y: np.abs(x - y),
    }
    text = f"({a.text} {symbol} {b.text})"
    function = combine[symbol]
    return _flag(symbol, function, (a, b), text)


def same(a: Expression | None, b: Expression | None) -> bool:
    """Whether two expressions compute the same, even if they are two objects."""
    return a is b or (a is not None and b is not None and a.digest == b.digest)


def both(a: Expression | None, b: Expression | None) -> Expression | None:
    """The condition that holds where both do; None always holds."""
    if a is None or b is None or same(a, b):
        return a if b is None else b
    if a.symbol == "&" and any(same(b, part) for part in a.arguments):
        return a
    return logical("&", a, b)


def unary(name: str, a: Expression) -> Expression:
    """negative, absolute, not, log, exp, sqrt: monotone or bounded, so that the range is known."""
    if name == "not":
        text = f"not {a.text}"
        return _flag("not", lambda x: 1.0 - x, (a,), text)
    if name == "isna":
        text = f"{a.text} missing"

        def missing(x: Floats) -> Floats:
            return absent(x).astype(np.float64)

        return Expression(type="flag", low=0, high=1, function=missing, arguments=(a,), text=text, operation="isna")
    if a.type == "integer" and name in ("negative", "absolute"):
        ends = (-a.high, -a.low) if name == "negative" else (max(a.low, -a.high, 0), max(-a.low, a.high))
        text = f"-{a.text}" if name == "negative" else f"|{a.text}|"
        turned = "absolute" if name == "absolute" and a.low < 0 < a.high else ""
        exact = whole.unary(name)
        return Expression(
            type="integer",
            low=ends[0],
            high=ends[1],
            function=exact,
            arguments=(a,),
            text=text,
            symbol=turned,
            operation=name,
        )
    a = real(name, a)
    if name == "negative":
        text = f"-{a.text}"
        return Expression(
            type="real", low=-a.high, high=-a.low, function=np.negative, arguments=(a,), text=text, operation=name
        )
    if name == "absolute":
        low = 0.0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
        high, text = max(abs(a.low), abs(a.high)), f"|{a.text}|"
        turned = "absolute" if a.low < 0 < a.high else ""
        return Expression(
            type="real",
            low=low,
            high=high,
            function=np.abs,
            arguments=(a,),
            text=text,
            symbol=turned,
            operation=name,
        )
    if name == "exp" and a.high - a.low > np.log(_WIDEST):
        raise RangeError(f"exp: the argument ranges from {a.low:g} to {a.high:g}; {_VANISH}")
    monotone: dict[str, Callable[..., Floats]] = {"log": np.log, "exp": np.exp, "sqrt": np.sqrt}
    function = monotone[name]
    if (name == "log" and a.low <= 0) or (name == "sqrt" and a.low < 0):
        raise RangeError(f"{name}: the argument ranges from {a.low} to {a.high}; `clip` it to where {name} is defined")
    with np.errstate(over="ignore"):
        low, high = float(function(np.float64(a.low))), float(function(np.float64(a.high)))
    text = f"{name} {a.text}"
    return Expression(type="real", low=low, high=high, function=function, arguments=(a,), text=text, operation=name)


def clipped(a: Expression, low: float, high: float) -> Expression:
    """Values moved to the nearer limit."""
    if not low <= high:
        raise RangeError(f"clip: the lower limit {low} must not be above the upper one {high}")
    if a.type == "integer" and all(np.isinf(limit) or limit == int(limit) for limit in (low, high)):
        ends = whole.threshold(">=", low), whole.threshold("<=", high)
        limits = like(ends[0], low), like(ends[1], high)
        return Expression(
            type="integer",
            low=min(max(ends[0], int(a.low)), ends[1]),
            high=max(min(ends[1], int(a.high)), ends[0]),
            function=whole.clipped(*ends),
            arguments=(a,),
            text=f"{a.text} within {shown(limits[0])} to {shown(limits[1])}",
            clip=limits,
            operation="clip",
        )
    a = real("clip", a)
    return Expression(
        type="real",
        low=min(max(low, a.low), high),
        high=max(min(high, a.high), low),
        function=lambda x: np.clip(x, low, high),
        arguments=(a,),
        text=f"{a.text} within {shown(low, _short)} to {shown(high, _short)}",
        clip=(low, high),
        operation="clip",
    )


def _short(limit: float) -> str:
    return f"{limit:g}"


def not_too_small(name: str, a: Expression, least: float) -> None:
    """Raise RangeError where all values are smaller than `least`, and not all 0: too few of their digits would stay."""
    limit = max(abs(a.low), abs(a.high))
    if 0 < limit < least:
        raise RangeError(
            f"{name}: values up to {limit:g} are too small to be computed with, below {least:g}: take another unit, as "
            "in column * 1e9"
        )
