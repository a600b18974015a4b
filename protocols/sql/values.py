"""Expressions of a query as values: row by row at their owner, or in secret, or known to all.

Operators of private and secret columns are the same, so one walk over an expression serves both. A value that is
missing is NULL: what is computed from it is missing, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from sqlglot import exp

from mpc.tables.choosing import chosen
from mpc.tables.expressions import Expression, public, unary
from mpc.tables.private_array import PrivateArray
from mpc.tables.secret_columns import SecretCategory, SecretColumn, SecretDate, SecretKey, like_column, numbers_of
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, where
from mpc.values.stated import UNMASKED
from protocols.sql import constants
from protocols.sql.constants import Day, Interval, Public, is_public
from protocols.sql.text import Text, shown

#: A value of an expression: a column at its owner, a secret, or what the text says.
Value = PrivateArray | SecretColumn | Public


class Finder(Protocol):
    """Where the columns and inner queries of an expression are."""

    def column(self, node: exp.Column) -> Value:
        """The column that a name means."""

    def scalar(self, node: exp.Subquery) -> Value:
        """The single value of an inner query."""


@dataclass
class Row:
    """What an expression is evaluated on: rows of one table, or groups.

    ready  what stands in place of a part of the query, by its SQL: aggregates, keys, columns computed at an owner
    shown  a value comes out as it is, so that it shows where it is undefined
    """

    text: Text
    finder: Finder
    ready: Mapping[str, Value] = field(default_factory=dict)
    shown: bool = False


def kind(value: Value) -> str:
    """ "real", "integer", "flag", "category", "date", "key", or "public"."""
    if isinstance(value, PrivateArray):
        return value.expression.type
    if isinstance(value, SecretArray):
        return "flag" if is_flag(value) else "integer" if value.type == "int" else "real"
    names: dict[type, str] = {SecretCategory: "category", SecretDate: "date", SecretKey: "key"}
    return names.get(type(value), "public")


def evaluate(node: exp.Expr, row: Row) -> Value:
    """The value of an expression. Raises ConfigError where it cannot be had, with place, reason and remedy."""
    ready = row.ready.get(node.sql()) if row.ready else None
    if ready is not None:
        return ready
    with row.text.at(node):
        for types, compute in _COMPUTED:
            if isinstance(node, types):
                return compute(node, row)
        if isinstance(node, TRUTHS):
            from protocols.sql.conditions import as_value

            return as_value(node, row)
    if isinstance(node, exp.AggFunc):
        raise row.text.refused(
            node, f"{shown(node)}: an aggregate stands in SELECT, HAVING and ORDER BY only, and in no other"
        )
    if isinstance(node, exp.Window):
        raise row.text.refused(node, f"{shown(node)}: window functions are not supported; join with an inner GROUP BY")
    raise row.text.refused(node, f"{shown(node)}: not supported{_remedy(node)}")


def _remedy(node: exp.Expr) -> str:
    remedies: list[tuple[type[exp.Expr], str]] = [
        (exp.IntDiv, "; / divides real numbers, and whole quotients are computed after the release"),
        (exp.Mod, "; declare a column for the remainder, or compute it after the release"),
        (exp.Round, "; release the number, and round it when it is shown"),
        (exp.CurrentDate, ": organizations must agree on the day; write it, like DATE '2026-01-31'"),
        (exp.DPipe, ": texts are levels of categories here; release the columns beside each other"),
        (exp.Star, ": name the columns"),
    ]
    return next((remedy for kind_, remedy in remedies if isinstance(node, kind_)), "")


# ---- missing values
def missing(value: Value) -> PrivateArray | SecretArray | bool:
    """Where a value is NULL: never missing itself."""
    if isinstance(value, PrivateArray):
        return value.isna()
    if isinstance(value, SecretColumn):
        numbers = numbers_of(value)
        if numbers.valid is None:
            return False
        return (~numbers.valid.bare()).broadcast_to(numbers.shape).with_basis(numbers.basis)
    return value is None


def nulled(value: Value, keep: PrivateArray | SecretArray | bool) -> Value:
    """The value where `keep` holds, else NULL."""
    return choose(keep, value, None)


def choose(condition: PrivateArray | SecretArray | bool, a: Value, b: Value) -> Value:
    """`a` where the condition (never missing) holds, else `b`: a missing value that is not chosen does no harm."""
    if isinstance(condition, bool):
        return a if condition else b
    if isinstance(condition, PrivateArray):
        return _chosen_private(condition, a, b)
    return _chosen_secret(condition, a, b)


def _chosen_private(condition: PrivateArray, a: Value, b: Value) -> Value:
    x, y = (None if v is None else _expression(v) for v in (a, b))
    if x is None and y is None:
        return None
    if x is None:
        turned = unary("not", condition.expression)
        made = chosen(turned, y, None) if y is not None else None
    else:
        made = chosen(condition.expression, x, y)
    assert made is not None
    where_ = next((v.where for v in (a, b) if isinstance(v, PrivateArray)), condition.where)
    return PrivateArray(condition.source, made, made.text, where_)


def _expression(value: Value) -> Expression:
    if isinstance(value, PrivateArray):
        return value.expression
    if isinstance(value, bool):
        value = int(value)
    assert isinstance(value, int | float)
    return public(value)


def _chosen_secret(condition: SecretArray, a: Value, b: Value) -> Value:
    kept = condition if condition.type == "bool" else condition > 0
    if a is None and b is None:
        return None
    if a is None:
        return _chosen_secret(~kept, b, None)
    if b is None:
        if not isinstance(a, SecretColumn):
            a = kept.constant(np.broadcast_to(np.asarray(a), kept.shape))
        return like_column(a, numbers_of(a).masked(kept, "NULL"))
    like = next((v for v in (a, b) if isinstance(v, SecretColumn)), None)
    x, y = (numbers_of(v) if isinstance(v, SecretColumn) else _numbers(v) for v in (a, b))
    raw = [v.without_mask() if isinstance(v, SecretArray) else v for v in (x, y)]
    result = where(kept, *raw)
    valid = _chosen_valid(kept, x, y)
    if valid is not None:
        result = result.restated(mask=UNMASKED).masked(valid, "NULL")
    return result if like is None else like_column(like, result)


def _numbers(value: Value) -> Any:
    return int(value) if isinstance(value, bool) else value


def _chosen_valid(kept: SecretArray, x: Any, y: Any) -> SecretArray | None:
    """Where the chosen value is not missing."""
    first, second = (v.valid if isinstance(v, SecretArray) else None for v in (x, y))
    if first is None and second is None:
        return None
    if first is second:
        return first
    bits = kept.bare()
    from_first = bits if first is None else bits & first.bare()
    from_second = ~bits if second is None else ~bits & second.bare()
    return from_first | from_second


# ---- arithmetic
_SYMBOLS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}


def _binary(node: Any, row: Row) -> Value:
    symbol = _SYMBOLS[type(node)]
    a, b = evaluate(node.this, row), evaluate(node.expression, row)
    if a is None or b is None:
        raise row.text.refused(node, f"{shown(node)} is NULL in all rows; leave it out")
    if is_public(a) and is_public(b):
        return constants.arithmetic(symbol, a, b, node, row.text)  # type: ignore[arg-type]
    for value, part in ((a, node.this), (b, node.expression)):
        if kind(value) in ("category", "key"):
            raise row.text.refused(part, f"{shown(part)} is a {kind(value)}, which has no arithmetic")
    a, b = _days(a, node, row), _days(b, node, row)
    if "date" in (kind(a), kind(b)):
        return _dates(symbol, a, b, node, row)
    if isinstance(a, bool | str | Day) or isinstance(b, bool | str | Day):
        raise row.text.refused(node, f"{shown(node)}: {symbol} is for numbers, and for dates and days")
    if symbol == "/" and isinstance(b, SecretArray) and not row.shown and not _never_zero(node.expression):
        raise row.text.refused(
            node.expression,
            f"{shown(node)}: what a division by 0 gives differs between databases, and would not show here: write "
            f"NULLIF({shown(node.expression)}, 0), which makes it NULL",
        )
    return _OPERATORS[symbol](a, b)


def _never_zero(node: exp.Expr) -> bool:
    """Whether a divisor is written so that it is NULL in place of 0."""
    while isinstance(node, exp.Paren):
        node = node.this
    return isinstance(node, exp.Nullif) and isinstance(node.expression, exp.Literal) and node.expression.this == "0"


def _days(value: Value, node: exp.Expr, row: Row) -> Value:
    if isinstance(value, Interval):
        if value.months:
            raise row.text.refused(
                node,
                f"{shown(node)}: months and years differ in length; only days and weeks are added to a column. "
                "Shift the constant that it is compared with instead",
            )
        return value.days
    return value


def _dates(symbol: str, a: Value, b: Value, node: exp.Expr, row: Row) -> Value:
    """Days between dates, or a date some days later."""
    if symbol not in ("+", "-") or (symbol == "-" and kind(a) != "date" and not isinstance(a, str | Day)):
        raise row.text.refused(node, f"{shown(node)}: dates have differences (b - a), and days are added to them")
    a, b = (constants.to_date(v, node, row.text).iso if isinstance(v, str | Day) else v for v in (a, b))
    return _OPERATORS[symbol](a, b)


_OPERATORS: dict[str, Callable[[Any, Any], Value]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _negative(node: exp.Neg, row: Row) -> Value:
    value = evaluate(node.this, row)
    if isinstance(value, Interval):
        return -value
    negative: Value = -_number(value, node, row)
    return negative


def _number(value: Value, node: exp.Expr, row: Row) -> Any:
    if kind(value) not in ("real", "integer", "flag") and not isinstance(value, int | float):
        raise row.text.refused(node, f"{shown(node)}: this takes a number")
    return value


def _function(name: str) -> Callable[[Any, Row], Value]:
    def compute(node: exp.Func, row: Row) -> Value:
        value = _number(evaluate(node.this, row), node, row)
        if is_public(value):
            return getattr(np, name)(float(value)).item()  # type: ignore[no-any-return]
        return getattr(value, name)()  # type: ignore[no-any-return]

    return compute


def _absolute(node: exp.Abs, row: Row) -> Value:
    value = _number(evaluate(node.this, row), node, row)
    return value.abs() if isinstance(value, SecretArray) else abs(value)


# ---- choices
def _case(node: exp.Case, row: Row) -> Value:
    from protocols.sql.conditions import holds

    result = evaluate(node.args["default"], row) if node.args.get("default") else None
    for branch in reversed(node.args["ifs"]):
        test = branch.this if node.this is None else exp.EQ(this=node.this.copy(), expression=branch.this.copy())
        result = choose(holds(test, row), evaluate(branch.args["true"], row), result)
    return result


def _if(node: exp.If, row: Row) -> Value:
    from protocols.sql.conditions import holds

    other = evaluate(node.args["false"], row) if node.args.get("false") else None
    return choose(holds(node.this, row), evaluate(node.args["true"], row), other)


def _coalesce(node: exp.Coalesce, row: Row) -> Value:
    values = [evaluate(part, row) for part in (node.this, *node.expressions)]
    result = values.pop()
    while values:
        value = values.pop()
        gone = missing(value)
        if gone is not False:
            result = choose(gone, result, value) if isinstance(gone, bool) else choose(_not(gone), value, result)
        else:
            result = value
    return result


def _not(flag: PrivateArray | SecretArray) -> PrivateArray | SecretArray:
    return ~flag


def _nullif(node: exp.Nullif, row: Row) -> Value:
    from protocols.sql.conditions import holds

    same = holds(exp.EQ(this=node.this.copy(), expression=node.expression.copy()), row)
    return choose(same, None, evaluate(node.this, row))


# ---- dates
def _extract(node: Any, row: Row) -> Value:
    if isinstance(node, exp.Extract):
        part, of = str(node.this.name).lower(), node.expression
    elif isinstance(node, exp.Anonymous):
        part, of = str(node.expressions[0].name).lower(), node.expressions[1]
    else:
        part, of = type(node).__name__.lower(), node.this
    if part not in ("year", "month", "day"):
        raise row.text.refused(node, f"{shown(node)}: of a date there are year, month and day")
    value = evaluate(of, row)
    if isinstance(value, str | Day):
        return constants.to_date(value, node, row.text).civil[("year", "month", "day").index(part)]
    if kind(value) != "date":
        raise row.text.refused(node, f"{shown(node)}: this is no date")
    if isinstance(value, SecretDate) and not hasattr(value, part):
        raise row.text.refused(
            node,
            f"{shown(node)}: the {part} of a date is computed by the date's owner; write it in an inner query on that "
            "table alone, or in a term with columns of that table alone",
        )
    return getattr(value, part)  # type: ignore[no-any-return]


def _difference(node: exp.DateDiff, row: Row) -> Value:
    if str(node.args["unit"].name).upper() != "DAY":
        raise row.text.refused(node, f"{shown(node)}: only days are counted between dates")
    return evaluate(exp.Sub(this=node.this.copy(), expression=node.expression.copy()), row)


def _cast(node: exp.Cast, row: Row) -> Value:
    value, to = evaluate(node.this, row), node.args["to"].this.value
    if to == "DATE" and isinstance(value, str | Day):
        return constants.to_date(value, node, row.text)
    if (to == "DATE" and kind(value) == "date") or (to in ("BIGINT", "INT") and kind(value) == "integer"):
        return value
    if to in ("DOUBLE", "FLOAT", "DECIMAL"):
        if isinstance(value, int | float):
            return float(value)
        if kind(value) == "real" and to != "DECIMAL":
            return value
        if kind(value) in ("integer", "flag") and to == "DOUBLE":
            return _OPERATORS["*"](value, 1.0)
    raise row.text.refused(
        node, f"{shown(node)}: this conversion is not supported; a column has the type that it is declared with"
    )


def _column(node: exp.Column, row: Row) -> Value:
    return row.finder.column(node)


def _subquery(node: exp.Subquery, row: Row) -> Value:
    return row.finder.scalar(node)


def _inner(node: exp.Paren, row: Row) -> Value:
    return evaluate(node.this, row)


def _literal(node: exp.Literal, row: Row) -> Value:
    return constants.literal(node, row.text)


def _interval(node: exp.Interval, row: Row) -> Value:
    return constants.interval(node, row.text)


def _boolean(node: exp.Boolean, row: Row) -> Value:
    return bool(node.this)


def _null(node: exp.Null, row: Row) -> Value:
    return None


def _anonymous(node: exp.Anonymous, row: Row) -> Value:
    if str(node.this).lower() in ("date_part", "datepart") and len(node.expressions) == 2:
        return _extract(node, row)
    raise row.text.refused(node, f"{shown(node)}: no function {node.this}")


#: Conditions.
TRUTHS = (
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.Is),
    *(exp.Like, exp.ILike, exp.Exists),
)
_COMPUTED: list[tuple[tuple[type[exp.Expr], ...], Callable[[Any, Row], Value]]] = [
    ((exp.Paren,), _inner),
    ((exp.Column,), _column),
    ((exp.Literal,), _literal),
    ((exp.Boolean,), _boolean),
    ((exp.Null,), _null),
    ((exp.Add, exp.Sub, exp.Mul, exp.Div), _binary),
    ((exp.Neg,), _negative),
    ((exp.Case,), _case),
    ((exp.If,), _if),
    ((exp.Coalesce,), _coalesce),
    ((exp.Nullif,), _nullif),
    ((exp.Interval,), _interval),
    ((exp.Extract, exp.Year, exp.Month, exp.Day), _extract),
    ((exp.DateDiff,), _difference),
    ((exp.TryCast, exp.Cast), _cast),
    ((exp.Abs,), _absolute),
    ((exp.Ln,), _function("log")),
    ((exp.Exp,), _function("exp")),
    ((exp.Sqrt,), _function("sqrt")),
    ((exp.Subquery,), _subquery),
    ((exp.Anonymous,), _anonymous),
]
