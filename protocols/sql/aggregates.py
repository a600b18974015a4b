"""Aggregates of a query: which there are, and their values over private rows, where only a few numbers are shared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlglot import exp

from mpc.tables.private import PrivateTable
from mpc.tables.private_array import PrivateArray
from mpc.tables.secret_columns import SecretColumn, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.values.secret import SecretArray
from protocols.sql.conditions import as_value, flag_of, holds, never, nowhere
from protocols.sql.constants import is_public
from protocols.sql.scopes import within
from protocols.sql.text import Text, shown
from protocols.sql.values import Row, Value, evaluate, kind, nulled

_STATISTICS: dict[type[exp.Expr], str] = {
    exp.Count: "count", exp.Sum: "sum", exp.Avg: "mean", exp.Min: "min", exp.Max: "max", exp.Median: "median",
    exp.Stddev: "std", exp.StddevSamp: "std", exp.Variance: "var", exp.LogicalAnd: "all", exp.LogicalOr: "any",
    exp.CountIf: "sum", exp.PercentileCont: "quantile", exp.AnyValue: "any_value",
}  # fmt: skip
#: Statistics of private rows that need a few shared numbers and no shared row.
AT_OWNERS = ("rows", "count", "sum", "mean", "std", "var")
_NUMBERS = ("sum", "mean", "std", "var", "median", "quantile")


@dataclass(frozen=True)
class Aggregate:
    """An aggregate of a query.

    sql        how it stands there
    statistic  "rows" for COUNT(*), else the statistic of `of`
    of         what it is of; None for COUNT(*)
    where      the condition after FILTER
    number     of a quantile
    distinct   equal values count once
    """

    sql: str
    node: exp.Expr
    statistic: str
    of: exp.Expr | None
    where: exp.Expr | None = None
    number: float | None = None
    distinct: bool = False
    #: COUNT_IF: a sum of a condition, NULL where that is unknown in all rows.
    condition: bool = False


def aggregates_in(nodes: Iterable[exp.Expr], text: Text) -> dict[str, Aggregate]:
    """The aggregates that parts of a query have, by their SQL, each once. Raises ConfigError for others than ours."""
    found: dict[str, Aggregate] = {}
    for node in nodes:
        inside: set[int] = set()
        for part in within(node):
            if id(part) in inside:
                continue
            if isinstance(part, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.AggFunc):
                found.setdefault(part.sql(), _read(part, text))
                inside |= {id(each) for each in within(part)}
    return found


def _read(node: exp.Expr, text: Text) -> Aggregate:
    sql, inner, where = node.sql(), node, None
    if isinstance(inner, exp.Filter):
        where = inner.expression.this
        inner = inner.this
    if isinstance(inner, exp.IgnoreNulls):
        inner = inner.this
    number = None
    if isinstance(inner, exp.WithinGroup):
        ordered = inner.expression.expressions[0]
        if ordered.args.get("desc"):
            raise text.refused(node, f"{shown(node)}: order by the column itself, ascending")
        number, inner = inner.this.this, exp.PercentileCont(this=ordered.this, expression=inner.this.this)
    if type(inner) not in _STATISTICS:
        raise text.refused(node, f"{shown(node)}: no such aggregate; there are {', '.join(_NAMES)}")
    statistic, of, distinct = _STATISTICS[type(inner)], inner.this, False
    if isinstance(of, exp.Distinct):
        distinct = True
        if len(of.expressions) != 1 or statistic != "count":
            raise text.refused(node, f"{shown(node)}: DISTINCT goes with COUNT of one column")
        of = of.expressions[0]
    if isinstance(inner, exp.Min | exp.Max) and (inner.expressions or inner.args.get("count")):
        raise text.refused(node, f"{shown(node)}: {statistic} takes one column")
    if statistic == "quantile":
        number = _quantile(inner.expression, node, text)
    if statistic == "count" and (of is None or isinstance(of, exp.Star)):
        statistic, of = "rows", None
    if of is not None and any(isinstance(part, exp.AggFunc) for part in within(of)):
        raise text.refused(node, f"{shown(node)}: an aggregate of aggregates; group in an inner query first")
    return Aggregate(sql, node, statistic, of, where, number, distinct, isinstance(inner, exp.CountIf))


_NAMES = (
    *("count", "sum", "avg", "min", "max", "median", "stddev_samp", "var_samp", "quantile_cont", "bool_and"),
    *("bool_or", "count_if", "any_value"),
)


def _quantile(number: exp.Expr, node: exp.Expr, text: Text) -> float:
    try:
        q = float(number.this)
    except (TypeError, ValueError):
        q = -1.0
    if not 0 <= q <= 1:
        raise text.refused(node, f"{shown(node)}: a quantile takes one public number from 0 to 1")
    return q


def argument(aggregate: Aggregate, row: Row) -> Value:
    """What an aggregate is of, in each row: NULL where its FILTER does not hold."""
    if aggregate.statistic == "rows":
        return True if aggregate.where is None else holds(aggregate.where, row)
    assert aggregate.of is not None
    value = as_value(aggregate.of, row) if aggregate.condition else evaluate(aggregate.of, row)
    _check(aggregate, value, row.text)
    if aggregate.where is None:
        return value
    where = holds(aggregate.where, row)
    return nulled(value, nowhere(value) if where is False else where)


def _check(aggregate: Aggregate, value: Value, text: Text) -> None:
    kind_, statistic = kind(value), aggregate.statistic
    wrong = (
        (is_public(value) and statistic != "count" and not isinstance(value, int | float))
        or (kind_ == "key" and statistic != "count")
        or (kind_ == "category" and statistic not in ("count", "any_value"))
        or (kind_ == "date" and statistic in _NUMBERS)
        or (statistic in ("any", "all") and kind_ != "flag")
    )
    if wrong:
        what = "a constant" if is_public(value) else f"a {kind_}"
        raise text.refused(aggregate.node, f"{shown(aggregate.node)}: this aggregate is not for {what}")


# ---- private rows
def at_owners(table: PrivateTable, aggregate: Aggregate, row: Row) -> SecretArray | None:
    """An aggregate of private rows of one or more owners; None where rows would have to be shared."""
    if aggregate.statistic not in AT_OWNERS or aggregate.distinct:
        return None
    value = argument(aggregate, row)
    if aggregate.statistic == "rows":
        return _counted(table, value)
    if not isinstance(value, PrivateArray):
        return None
    if aggregate.statistic == "count":
        return value.count()
    if aggregate.statistic == "sum":
        # A sum of no values is NULL in SQL.
        return value.sum().masked(value.count().bare() > 0, "NULL: no values")
    return getattr(value, aggregate.statistic)()  # type: ignore[no-any-return]


def _counted(table: PrivateTable, condition: Value) -> SecretArray:
    """Rows where a condition holds."""
    if condition is True:
        return table.count()
    chosen = never(table) if condition is False else flag_of(condition)  # type: ignore[arg-type]
    return table.filter(chosen).count()  # type: ignore[arg-type]


# ---- secret rows, all together
def of_all(table: SecretTable, aggregate: Aggregate, row: Row) -> SecretColumn:
    """An aggregate of all rows of a secret table."""
    value = argument(aggregate, row)
    if aggregate.statistic == "rows":
        if value is True:
            return table.count()
        return table.filter(never(table) if value is False else value).count()  # type: ignore[arg-type]
    if value is None:
        raise row.text.refused(aggregate.node, f"{shown(aggregate.node)}: NULL in all rows; leave it out")
    if not isinstance(value, SecretColumn):
        value = table.rows.constant(np.full(table.capacity, value))
    numbers: Any = numbers_of(value)
    rows = table.rows
    numbers = numbers.masked(rows.bare(), "no such row").with_basis(numbers.basis)
    if aggregate.statistic == "count":
        return numbers.count()  # type: ignore[no-any-return]
    if aggregate.statistic == "sum":
        return numbers.sum().masked(numbers.count().bare() > 0, "NULL: no values")  # type: ignore[no-any-return]
    if aggregate.statistic in ("mean", "std", "var", "median"):
        return getattr(numbers, aggregate.statistic)()  # type: ignore[no-any-return]
    ends = {"min": 0.0, "max": 1.0, "quantile": aggregate.number}
    from mpc.tables.secret_columns import like_column

    if aggregate.statistic in ends:
        return like_column(value, numbers.quantile(ends[aggregate.statistic]))
    raise row.text.refused(
        aggregate.node, f"{shown(aggregate.node)}: without GROUP BY, count the rows: count_if(…) > 0"
    )
