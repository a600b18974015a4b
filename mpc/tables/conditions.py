"""The conditions inside a row-wise expression: the flags, levels and bins that it is made from."""

from __future__ import annotations

import numpy as np

from mpc.machine.seen import unknown
from mpc.tables.expressions import Expression, Floats, comparison, logical, public, unary


def steps(a: Expression) -> list[tuple[Expression, bool]]:
    """The flags that a number is made from: its sum tells how many rows have them.

    With each flag, whether "no row has it" is as good as "many rows have it": so for values moved to a limit.
    """
    flags: dict[bytes, tuple[Expression, bool]] = {}
    for argument in a.arguments:
        if argument.type == "flag":
            flags[argument.digest] = (argument, False)
        elif argument.type in ("real", "integer", "date"):
            flags |= {flag.digest: (flag, none) for flag, none in steps(argument)}
    if a.clip is not None:
        inner, (low, high) = a.arguments[0], a.clip
        for beyond, symbol, limit in ((inner.low < low, "<", low), (inner.high > high, ">", high)):
            if beyond or unknown(limit):
                flag = comparison(symbol, inner, public(limit))
                flags |= {side.digest: (side, True) for side in (flag, unary("not", flag))}
    if a.symbol == "absolute":
        flag = comparison("<", a.arguments[0], public(0))
        flags |= {side.digest: (side, True) for side in (flag, unary("not", flag))}
    return list(flags.values())


def at_level(flag: Expression) -> tuple[Expression, int, Expression | None] | None:
    """Of a flag "[rest &] category == level": the category, the level's index, and the rest. None of other flags."""
    rest = None
    if flag.symbol == "&":
        rest, flag = flag.arguments
    if flag.symbol != "==" or not flag.arguments[0].levels or flag.arguments[1].columns():
        return None
    return flag.arguments[0], int(flag.arguments[1].low), rest


def conditions(where: Expression) -> list[Expression]:
    """The single conditions that `where` joins by and, or, exclusive or and not."""
    single = {part.digest: part for argument in where.arguments for part in _conditions_in(argument)}
    if where.symbol not in ("&", "|", "^", "not"):
        single[where.digest] = where
    return list(single.values())


def _conditions_in(a: Expression) -> list[Expression]:
    """The conditions that a flag, or a number made from flags, is made from."""
    if a.type == "flag":
        return conditions(a)
    return [condition for argument in a.arguments for condition in _conditions_in(argument)]


def fulfilled(condition: Expression) -> Expression:
    """The condition as a flag that is 0 where the condition is missing."""

    def function(x: Floats) -> Floats:
        return np.asarray(x == 1.0, np.float64)

    return Expression(
        type="flag",
        low=0,
        high=1,
        function=function,
        arguments=(condition,),
        text=condition.text,
        symbol="fulfilled",
        operation="fulfilled",
    )


def gaps(a: Expression) -> list[Expression]:
    """The conditions "this value is outside of all bins of `cut`", for all cuts that an expression is made from."""
    outside = [condition for argument in a.arguments for condition in gaps(argument)]
    if a.symbol == "cut":
        inside = unary("not", unary("isna", a))
        outside.append(logical("&", unary("not", unary("isna", a.arguments[0])), unary("not", inside)))
    return outside
