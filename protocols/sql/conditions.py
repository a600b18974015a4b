"""Conditions: where one holds, and where its contrary holds. SQL has a third case, unknown, where a value is missing.

`holds` and `fails` are never missing themselves: in the third case both are false. So AND, OR and NOT of conditions are
those of SQL: NOT (a AND b) fails where both hold, and holds where one of them fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from sqlglot import exp

from mpc.tables.conditions import fulfilled
from mpc.tables.expressions import unary
from mpc.tables.private import PrivateTable
from mpc.tables.private_array import PrivateArray
from mpc.tables.secret_columns import SecretCategory, SecretColumn, SecretKey, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.values.secret import SecretArray
from mpc.values.stated import UNMASKED
from protocols.sql import constants
from protocols.sql.constants import Day, is_public
from protocols.sql.text import shown
from protocols.sql.values import Row, Value, evaluate, kind, missing

#: Where a condition holds: known to all, or a flag of each row that is never missing.
Truth = bool | PrivateArray | SecretArray

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "==", exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_CONTRARY = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_SWAPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def holds(node: exp.Expr, row: Row) -> Truth:
    """Where a condition holds."""
    return _truth(node, row, True)


def fails(node: exp.Expr, row: Row) -> Truth:
    """Where the contrary of a condition holds."""
    return _truth(node, row, False)


def as_value(node: exp.Expr, row: Row) -> Value:
    """A condition as a value: true, false, or missing where it is unknown."""
    from protocols.sql.values import choose

    yes = holds(node, row)
    no = fails(node, row)
    return choose(either(yes, no), yes, None)


def flag_of(truth: Truth) -> PrivateArray | SecretArray | bool:
    """A condition for `filter`, which takes a missing one as not fulfilled: so the plain comparison will do."""
    if isinstance(truth, PrivateArray) and truth.expression.symbol == "fulfilled":
        inner = truth.expression.arguments[0]
        return PrivateArray(truth.source, inner, truth.name, truth.where)
    return truth


def both(a: Truth, b: Truth) -> Truth:
    """Where both hold."""
    if isinstance(a, bool):
        return b if a else False
    if isinstance(b, bool):
        return a if b else False
    return a & b


def either(a: Truth, b: Truth) -> Truth:
    """Where one of them holds."""
    if isinstance(a, bool):
        return True if a else b
    if isinstance(b, bool):
        return True if b else a
    return a | b


def contrary(a: Truth) -> Truth:
    """Where it does not hold."""
    return not a if isinstance(a, bool) else ~a


def never(table: PrivateTable | SecretTable) -> PrivateArray | SecretArray:
    """A condition of a table that holds in no row."""
    if isinstance(table, SecretTable):
        return table.rows & ~table.rows
    column = table.column(table.columns[0])
    return column.isna() & ~column.isna()


def nowhere(value: Value) -> Truth:
    """The same, of the rows of a value."""
    if isinstance(value, PrivateArray):
        return value.isna() & ~value.isna()
    if isinstance(value, SecretColumn) and not isinstance(value, SecretKey):
        numbers = numbers_of(value)
        return numbers.constant(np.zeros(numbers.shape, np.bool_))
    return False


def _truth(node: exp.Expr, row: Row, wanted: bool) -> Truth:
    ready = row.ready.get(node.sql()) if row.ready else None
    if ready is not None:
        return _of_flag(ready, wanted)
    if isinstance(node, exp.Paren):
        return _truth(node.this, row, wanted)
    if isinstance(node, exp.Not):
        return _truth(node.this, row, not wanted)
    if isinstance(node, exp.And | exp.Or):
        join = both if isinstance(node, exp.And) is wanted else either
        return join(_truth(node.this, row, wanted), _truth(node.expression, row, wanted))
    with row.text.at(node):
        if type(node) in _COMPARISONS:
            return _compared(_COMPARISONS[type(node)], node.this, node.expression, node, row, wanted)
        if isinstance(node, exp.Between):
            low = _compared(">=", node.this, node.args["low"], node, row, wanted)
            high = _compared("<=", node.this, node.args["high"], node, row, wanted)
            return both(low, high) if wanted else either(low, high)
        if isinstance(node, exp.In):
            return _in(node, row, wanted)
        if isinstance(node, exp.Like | exp.ILike):
            return _like(node, row, wanted is not bool(node.args.get("negate")))
        if isinstance(node, exp.Is):
            return _is(node, row, wanted)
        if isinstance(node, exp.Exists):
            raise row.text.refused(
                node,
                "EXISTS is supported as a part of WHERE that stands alone or between AND, not inside of OR or CASE",
            )
        value = evaluate(node, row)
        if isinstance(value, bool):
            return value is wanted
        if value is None:
            return False
        if kind(value) != "flag":
            raise row.text.refused(node, f"{shown(node)} is no condition; compare it with something")
        return _of_flag(value, wanted)


def _of_flag(value: Value, wanted: bool) -> Truth:
    """Of a flag or a comparison that may be missing: where it is set, or where it is not."""
    if isinstance(value, bool):
        return value is wanted
    if isinstance(value, PrivateArray):
        flag = value.expression if wanted else unary("not", value.expression)
        never_missing = value.expression.symbol in ("fulfilled", "isna")
        made = flag if never_missing else fulfilled(flag)
        return PrivateArray(value.source, made, value.name if wanted else f"not {value.name}", value.where)
    assert isinstance(value, SecretArray)
    bits = value if value.type == "bool" else value > 0
    valid, basis = bits.valid, bits.basis
    bits = bits.restated(mask=UNMASKED)
    bits = bits if wanted else ~bits
    if valid is None:
        return bits
    return (bits.bare() & valid.bare().broadcast_to(bits.shape)).with_basis(basis)


def _is(node: exp.Is, row: Row, wanted: bool) -> Truth:
    if isinstance(node.expression, exp.Null):
        value = evaluate(node.this, row)
        if isinstance(value, SecretKey):
            raise row.text.refused(
                node, f"{shown(node)}: whether a key is missing is known to its owner; ask it of that table alone"
            )
        gone = missing(value)
        return gone if wanted else contrary(gone)
    if isinstance(node.expression, exp.Boolean):  # IS TRUE and IS FALSE are never unknown
        found = _truth(node.this, row, bool(node.expression.this))
        return found if wanted else contrary(found)
    raise row.text.refused(node, f"{shown(node)}: IS goes with NULL, NOT NULL, TRUE and FALSE")


def _compared(symbol: str, left: exp.Expr, right: exp.Expr, node: exp.Expr, row: Row, wanted: bool) -> Truth:
    a, b = evaluate(left, row), evaluate(right, row)
    if a is None or b is None:
        raise row.text.refused(node, f"{shown(node)}: a comparison with NULL never holds; write IS NULL or IS NOT NULL")
    if is_public(a) and is_public(b):
        return constants.compare(symbol, a, b, node, row.text) is wanted  # type: ignore[arg-type]
    if is_public(a):
        a, b, symbol = b, a, _SWAPPED[symbol]
    kinds = kind(a), kind(b)
    if "key" in kinds:
        raise row.text.refused(
            node, f"{shown(node)}: a key is compared only with the key of another table, to join both"
        )
    if kinds[0] == "category" and kinds[1] == "public":
        if not isinstance(b, str):
            raise row.text.refused(node, f"{shown(node)}: a category is compared with a text")
        if symbol in ("==", "!="):
            _need_level(a, b, node, row)
        return in_levels(a, lambda level: bool(_COMPARE[symbol](level, b)), wanted)
    if kinds[1] == "public" and kinds[0] == "date":
        if not isinstance(b, str | Day):
            raise row.text.refused(node, f"{shown(node)}: a date is compared with a date, like DATE '2026-01-31'")
        b = constants.to_date(b, node, row.text).iso
    elif kinds[0] == "flag" and isinstance(b, bool):
        if symbol not in ("==", "!="):
            raise row.text.refused(node, f"{shown(node)}: true and false have no order here")
        return _of_flag(a, (b is (symbol == "==")) is wanted)
    elif kinds[1] == "public" and not isinstance(b, int | float):
        raise row.text.refused(node, f"{shown(node)}: {kinds[0]} columns are not compared with {b!r}")
    elif kinds[1] != "public" and ("date" in kinds or "category" in kinds) and kinds[0] != kinds[1]:
        raise row.text.refused(node, f"{shown(node)}: one side is a {kinds[0]}, the other a {kinds[1]}")
    return _of_flag(_COMPARE[symbol](a, b), wanted)


def levels_of(value: Value) -> tuple[str, ...]:
    """The levels of a category."""
    if isinstance(value, PrivateArray):
        return value.expression.levels
    assert isinstance(value, SecretCategory)
    return value.levels


def _need_level(value: Value, level: str, node: exp.Expr, row: Row) -> None:
    known = levels_of(value)
    if level not in known:
        some = ", ".join(map(repr, known[:8]))
        raise row.text.refused(node, f"{shown(node)}: no level {level!r}; the column is declared with {some}")


def in_levels(value: Value, fits: Callable[[str], bool], wanted: bool) -> Truth:
    """Whether a category has a level that fits (or does not): public levels are looked at, not rows."""
    known = levels_of(value)
    some = [level for level in known if fits(level) is wanted]
    if not some:
        return False
    if len(some) == len(known):
        return contrary(missing(value))
    if len(some) > len(known) / 2:
        others = [_of_flag(value != level, True) for level in known if level not in some]
        return reduce(both, others)
    return reduce(either, [_of_flag(value == level, True) for level in some])


def _like(node: exp.Like | exp.ILike, row: Row, wanted: bool) -> Truth:
    value, pattern = evaluate(node.this, row), evaluate(node.expression, row)
    if not isinstance(pattern, str):
        raise row.text.refused(node, f"{shown(node)}: the pattern must be a text")
    parts = {"%": ".*", "_": "."}
    folded = re.IGNORECASE if isinstance(node, exp.ILike) else 0
    like = re.compile("".join(parts.get(c, re.escape(c)) for c in pattern), re.DOTALL | folded)
    if isinstance(value, str):
        return bool(like.fullmatch(value)) is wanted
    if kind(value) != "category":
        raise row.text.refused(
            node,
            f"{shown(node)}: LIKE is for categories; other text stays with its owner, who can declare a flag for it",
        )
    return in_levels(value, lambda level: bool(like.fullmatch(level)), wanted)


def _in(node: exp.In, row: Row, wanted: bool) -> Truth:
    if node.args.get("query") is not None:
        raise row.text.refused(
            node,
            "IN (SELECT …) is supported as a part of WHERE that stands alone or between AND, not inside of OR or CASE",
        )
    value = evaluate(node.this, row)
    items = [evaluate(item, row) for item in node.expressions]
    if kind(value) == "category" and all(isinstance(item, str) for item in items):
        for item in items:
            _need_level(value, str(item), node, row)
        return in_levels(value, lambda level: level in items, wanted)
    found = [_compared("==", node.this, item, node, row, wanted) for item in node.expressions]
    return reduce(either if wanted else both, found)
