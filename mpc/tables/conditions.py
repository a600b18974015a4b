"""The conditions inside a row-wise expression: flags that a number is made from, and levels and bins of a condition."""

from __future__ import annotations

import numpy as np

from mpc.machine.seen import unknown
from mpc.tables.expressions import Expression, Floats, comparison, logical, public, unary


def steps(a: Expression) -> list[tuple[Expression, bool]]:
    """The flags that a number is made from: with its sum they tell counts of rows.

    With each, whether "no row has it" is as good as "many have it": so where values are moved to a limit.
    """
    found: dict[bytes, tuple[Expression, bool]] = {}
    for argument in a.arguments:
        if argument.type == "flag":
            found[argument.digest] = (argument, False)
        elif argument.type in ("real", "integer"):
            found |= {flag.digest: (flag, none) for flag, none in steps(argument)}
    if a.clip is not None:
        inner, (low, high) = a.arguments[0], a.clip
        for beyond, symbol, limit in ((inner.low < low, "<", low), (inner.high > high, ">", high)):
            if beyond or unknown(limit):
                flag = comparison(symbol, inner, public(limit))
                found |= {side.digest: (side, True) for side in (flag, unary("not", flag))}
    if a.symbol == "absolute":
        flag = comparison("<", a.arguments[0], public(0))
        found |= {side.digest: (side, True) for side in (flag, unary("not", flag))}
    return list(found.values())


def at_level(flag: Expression) -> tuple[Expression, int, Expression | None] | None:
    """The category, the index of its level, and the condition besides, of a flag "it has this level (and …)"."""
    rest = None
    if flag.symbol == "&":
        rest, flag = flag.arguments
    if flag.symbol != "==" or not flag.arguments[0].levels or flag.arguments[1].columns():
        return None
    return flag.arguments[0], int(flag.arguments[1].low), rest


def conditions(where: Expression) -> list[Expression]:
    """The single conditions that one is joined from by and, or, exclusive or and not."""
    found = {one.digest: one for argument in where.arguments for one in _conditions_in(argument)}
    if where.symbol not in ("&", "|", "^", "not"):
        found[where.digest] = where
    return list(found.values())


def _conditions_in(a: Expression) -> list[Expression]:
    """The conditions that a flag, or a number made from flags, is made from."""
    if a.type == "flag":
        return conditions(a)
    return [one for argument in a.arguments for one in _conditions_in(argument)]


def fulfilled(condition: Expression) -> Expression:
    """The condition, not fulfilled where it is missing."""

    def function(x: Floats) -> Floats:
        return np.asarray(x == 1.0, np.float64)

    return Expression(
        type="flag", low=0, high=1, function=function, arguments=(condition,), text=condition.text, symbol="fulfilled"
    )


def gaps(a: Expression) -> list[Expression]:
    """The conditions that a value is outside of all bins of `cut`, for all cuts that an expression is made from."""
    found = [one for argument in a.arguments for one in gaps(argument)]
    if a.symbol == "cut":
        inside = unary("not", unary("isna", a))
        found.append(logical("&", unary("not", unary("isna", a.arguments[0])), unary("not", inside)))
    return found
