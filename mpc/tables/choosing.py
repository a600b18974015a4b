"""Row by row: one value where a condition holds, another value or none where it does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.tables.expressions import WHOLE, Expression, arithmetic, as_whole, public
from mpc.tables.rows import MISSING


def chosen(condition: Expression, a: Expression, b: Expression | None) -> Expression:
    """`a` in rows where the condition holds, else `b`, or missing where there is no `b`; a missing condition does not
    hold. Raises ShapeError for values of two kinds."""
    if b is None:
        function, other = _first_or_missing(a.type in WHOLE), ""
        arguments: tuple[Expression, ...] = condition, a
        b = a
    else:
        a, b = _alike(a, b)
        function, other = _one_of_both, f" else {b.text}"
        arguments = condition, a, b
    return Expression(
        type=a.type,
        low=min(a.low, b.low),
        high=max(a.high, b.high),
        levels=a.levels,
        function=function,
        arguments=arguments,
        text=f"({a.text} where {condition.text}{other})",
        operation="where",
    )


def _alike(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    """Both values in one type."""
    if a.type == b.type and a.levels == b.levels:
        return a, b
    if {a.type, b.type} <= {"real", "integer", "flag"}:
        x, y = as_whole(a), as_whole(b)
        if x is not None and y is not None:
            return x, y
        return (a if a.type == "real" else _as_real(a)), (b if b.type == "real" else _as_real(b))
    raise ShapeError(f"{a.text} is a {a.type}, and {b.text} a {b.type}: a row has either, so both must be of one kind")


def _as_real(a: Expression) -> Expression:
    return arithmetic("*", a, public(1.0))


def _one_of_both(condition: Any, x: Any, y: Any) -> Any:
    return np.where(np.asarray(condition) == 1.0, x, y)


def _missing_else(condition: Any, x: Any) -> Any:
    return np.where(np.asarray(condition) == 1.0, x, np.nan)


def _missing_whole_else(condition: Any, x: Any) -> Any:
    return np.where(np.asarray(condition) == 1.0, x, np.int64(MISSING))


def _first_or_missing(whole: bool) -> Any:
    return _missing_whole_else if whole else _missing_else
