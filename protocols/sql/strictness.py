"""Which terms and conditions are missing, or do not hold, where one of their columns is missing.

So a condition in WHERE makes an inner join of a LEFT JOIN, and a term of the table on the right can be computed before
the join.
"""

from __future__ import annotations

from sqlglot import exp

from protocols.sql.scopes import columns_in, within

#: Comparisons that find a missing value nowhere.
REJECTING = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.Like, exp.ILike, exp.In)
#: What a term that is missing where one of its columns is may be made of.
_STRICT = (exp.Column, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Paren, exp.Literal, exp.Identifier)


def rejects_missing(part: exp.Expr, tables: set[str]) -> bool:
    """Whether a condition holds in no row where all columns of these tables are missing."""
    if isinstance(part, exp.Paren):
        return rejects_missing(part.this, tables)
    if isinstance(part, exp.And):
        return rejects_missing(part.this, tables) or rejects_missing(part.expression, tables)
    if isinstance(part, exp.Or):
        return rejects_missing(part.this, tables) and rejects_missing(part.expression, tables)
    if isinstance(part, exp.Not):
        inside = part.this
        if isinstance(inside, exp.Is) and isinstance(inside.expression, exp.Null):
            return _strict(inside.this, tables)
        return isinstance(inside, REJECTING) and all(_strict(side, tables) for side in inside.iter_expressions())
    return isinstance(part, REJECTING) and any(_strict(side, tables) for side in part.iter_expressions())


def strict_terms(node: exp.Expr) -> list[exp.Expr]:
    """The largest parts that are missing where one of their columns is: beside a row without a match, too."""
    strict = (*_STRICT, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
    if isinstance(node, exp.Select):
        return []
    if all(isinstance(part, strict) for part in within(node)):
        return [node]
    return [term for child in node.iter_expressions() for term in strict_terms(child)]


def _strict(node: exp.Expr, tables: set[str]) -> bool:
    """Whether a term is missing where a column of these tables is."""
    names = [column.table for column in columns_in(node)]
    return all(isinstance(part, _STRICT) for part in within(node)) and bool(set(names) & tables)
