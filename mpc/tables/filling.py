"""Values in place of missing ones: a public one, or that of another column of the same row."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.tables.expressions import Expression, Type, as_whole, logical, real, unary
from mpc.tables.rows import MISSING
from mpc.untyped import Opaque


def filled(a: Expression, b: Expression, text: str = "") -> Expression:
    """The values of `a`, and where it has none those of `b`; missing where both are.

    Raises ShapeError for columns of kinds that have no values in common
    """
    kind, a, b = _alike(a, b)
    whole = kind in ("integer", "date")
    return Expression(
        type=kind,
        low=min(a.low, b.low),
        high=max(a.high, b.high),
        levels=a.levels,
        function=_whole if whole else _real,
        arguments=(a, b),
        text=text or f"({a.text}, else {b.text})",
        operation="fill",
    )


def _alike(a: Expression, b: Expression) -> tuple[Type, Expression, Expression]:
    """The kind of the result, and both columns in its form."""
    constant = b.operation == "constant"
    if a.type in ("key", "text") or b.type in ("key", "text"):
        raise ShapeError(f"fillna: {a.text} is a {a.type}; a row without one matches nothing, and stays without one")
    if "category" in (a.type, b.type):
        if a.levels != b.levels and not (a.type == "category" and constant):
            raise ShapeError(f"fillna: {a.text} and {b.text} are not categories of the same levels")
        return "category", a, b
    if "date" in (a.type, b.type):
        if a.type != b.type:
            raise ShapeError(f"fillna: a date where there is none of {a.text}, and dates for dates alone")
        return "date", a, b
    if a.type == "flag":
        if b.type != "flag" and not (constant and b.low in (0, 1)):
            raise ShapeError(f"fillna: {a.text} is a flag: fill it with True, False or another flag")
        return "flag", a, b
    both = as_whole(a), as_whole(b)
    if None not in both:
        return "integer", *both  # type: ignore[return-value]
    return "real", real("fillna", a), real("fillna", b)


def _real(x: Opaque, y: Opaque) -> Any:
    return np.where(np.isnan(x), y, x)


def _whole(x: Opaque, y: Opaque) -> Any:
    return np.where(x == MISSING, y, x)


def fills(a: Expression) -> list[Expression]:
    """Flags that are never missing, for all fillings that an expression is made from: a row has no value of its own.

    What a statistic of a filled column and one of its own values tell together is about the rows with such a flag, or
    without it. Where the other column is filled itself: also about the rows that take its own value, or its filled one.
    """
    found = [flag for argument in a.arguments for flag in fills(argument)]
    if a.operation != "fill":
        return found
    own, other = a.arguments
    gone = unary("isna", own)
    sides = [side for flag in fills(other) for side in (flag, unary("not", flag))]
    flags = [gone, *(logical("&", gone, side) for side in sides), *fills(own)]
    return list({flag.digest: flag for flag in flags}.values())


def filled_from(a: Expression) -> list[tuple[Expression, Expression]]:
    """The column and the one that fills it, for all fillings that an expression is made from but those inside of the
    latter."""
    if a.operation == "fill":
        own, other = a.arguments
        return [(own, other), *filled_from(own)]
    return [pair for argument in a.arguments for pair in filled_from(argument)]
