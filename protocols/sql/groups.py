"""GROUP BY: groups of secret rows, and groups of private rows by public levels.

In SQL rows without a key are a group of their own. Verbs of tables leave them out, so the missing key becomes a value
that no row has, and missing again in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from sqlglot import exp

from mpc.tables.private import PrivateTable
from mpc.tables.private_array import PrivateArray
from mpc.tables.secret_columns import SecretCategory, SecretColumn, SecretKey, like_column, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.values.secret import SecretArray, stack, where
from mpc.values.stated import UNMASKED
from protocols.sql.aggregates import Aggregate, argument, at_owners
from protocols.sql.cells import beside
from protocols.sql.conditions import Truth, both, flag_of
from protocols.sql.text import Text, shown
from protocols.sql.values import Row, Value, kind, missing

#: Most groups that are counted one by one at the owners of private rows.
MOST_CELLS = 64
#: Most columns that rows are grouped by in secret.
MOST_KEYS = 3
#: How a missing level comes out.
NULL = "NULL"
_STATISTICS = {
    "count": "count", "sum": "sum", "mean": "mean", "min": "min", "max": "max", "median": "median", "std": "std",
    "var": "var", "all": "all", "any": "any", "any_value": "max",
}  # fmt: skip


@dataclass(frozen=True)
class Key:
    """A column of GROUP BY. sql: how it stands in the query; present: it is never NULL."""

    sql: str
    node: exp.Expr
    value: Value
    present: bool


@dataclass(frozen=True)
class Grouped:
    """Groups: a row for each. columns: SQL of a key or an aggregate -> name in the table."""

    table: SecretTable
    columns: Mapping[str, str]


# ---- private rows by levels
def by_levels(
    table: PrivateTable, keys: Sequence[Key], aggregates: Mapping[str, Aggregate], row_of: Callable[[PrivateTable], Row]
) -> Grouped | None:
    """Groups of private rows by categories and flags: each owner reduces its own rows. None: that is not possible.

    row_of  the row in which expressions are evaluated, of a table
    """
    if not all(isinstance(key.value, PrivateArray) and kind(key.value) in ("category", "flag") for key in keys):
        return None
    choices = [_choices(key) for key in keys]
    if prod(len(c) for c in choices) > MOST_CELLS:
        return None
    cells: list[dict[str, Any]] = []
    for cell in product(*choices):
        chosen: Truth = True
        for _, condition in cell:
            chosen = both(chosen, condition)
        part = table.filter(flag_of(chosen))  # type: ignore[arg-type]
        values: dict[str, Any] = {"": part.count()}
        for sql, aggregate in aggregates.items():
            value = at_owners(part, aggregate, row_of(part))
            if value is None:
                return None
            values[sql] = value
        cells.append(values)
    run = table.source.run
    exists = stack([cell[""] for cell in cells]).bare() > 0
    exists = exists.with_basis(beside(table, [cell[""] for cell in cells], exists).basis)
    columns: dict[str, SecretColumn] = {}
    names: dict[str, str] = {}
    places = np.array([[place for place, _ in cell] for cell in product(*choices)])
    for k, key in enumerate(keys):
        names[key.sql] = f"key_{k}"
        columns[f"key_{k}"] = _level_column(key, places[:, k], exists)
    for k, sql in enumerate(aggregates):
        names[sql] = f"value_{k}"
        columns[f"value_{k}"] = beside(table, [cell[sql] for cell in cells], exists)
    words = f"{table.source.name} by {', '.join(shown(key.node) for key in keys)}"
    return Grouped(SecretTable(run, words, columns, len(cells), lambda: exists), names)


def _choices(key: Key) -> list[tuple[int, Truth]]:
    """The values of a key, each with the rows that have it; the last one is NULL."""
    value = key.value
    assert isinstance(value, PrivateArray)
    if kind(value) == "category":
        made: list[tuple[int, Truth]] = [(i, value == level) for i, level in enumerate(value.expression.levels)]
    else:
        made = [(0, ~value), (1, value)]
    return made if key.present else [*made, (len(made), missing(value))]


def _level_column(key: Key, places: Any, exists: SecretArray) -> SecretColumn:
    """The key of each cell: public, and NULL in the last one."""
    assert isinstance(key.value, PrivateArray)
    levels = key.value.expression.levels
    size = len(levels) or 2
    numbers = exists.constant(np.minimum(places, size - 1).astype(np.int64))
    numbers = numbers.masked(exists.constant(places < size), "NULL").with_basis(exists.basis)
    return SecretCategory(numbers, levels) if levels else numbers > 0


# ---- secret rows
def in_secret(
    table: SecretTable,
    keys: Sequence[Key],
    aggregates: Mapping[str, Aggregate],
    row: Row,
    groups: int | None,
) -> Grouped:
    """Groups of secret rows. groups: public upper limit of their number, as far as the author states one."""
    names = {key.sql: f"key_{k}" for k, key in enumerate(keys)}
    made = [_grouping_key(key, row.text) for key in keys]
    added: dict[str, Any] = {f"key_{k}": each.column for k, each in enumerate(made)}
    most = min(table.capacity, prod(each.most or table.capacity for each in made))
    if groups is not None:
        most = min(most, groups)
    by, asked = _packed(keys, made, added, row.text)
    null_sums = []
    for k, (sql, aggregate) in enumerate(aggregates.items()):
        names[sql] = f"value_{k}"
        if _is_rows(aggregate):
            asked[f"value_{k}"] = "count"
            continue
        value = _numbers(aggregate, row, table)
        added[f"of_{k}"] = value
        statistic = "sum" if aggregate.statistic in ("rows",) else aggregate.statistic
        asked[f"value_{k}"] = _asked(f"of_{k}", statistic, aggregate)
        if aggregate.statistic == "sum" and not isinstance(value, SecretKey) and numbers_of(value).valid is not None:
            asked[f"there_{k}"] = (f"of_{k}", "count")
            null_sums.append(k)
    wide = table.assign(**added).select(*added)
    grouped = wide.group_by(*by, groups=most).agg(**asked)
    columns = {name: grouped.column(name) for name in grouped.columns}
    if "packed" in columns:
        # All rows of a group have the same digit: its largest is no single row's, and stands on what the key does.
        basis = numbers_of(columns["packed"]).basis
        for name in asked.keys() & {f"key_{k}" for k in range(len(keys))}:
            columns[name] = like_column(columns[name], numbers_of(columns[name]).with_basis(basis))
    changed: dict[str, SecretColumn] = {f"key_{k}": each.back(columns[f"key_{k}"]) for k, each in enumerate(made)}
    for k in null_sums:
        some = numbers_of(columns[f"there_{k}"])
        total = numbers_of(columns[f"value_{k}"])
        changed[f"value_{k}"] = total.masked(some.bare() > 0, "NULL: no values")
    return Grouped(grouped.assign(**changed).select(*names.values()), names)


def _is_rows(aggregate: Aggregate) -> bool:
    return aggregate.statistic == "rows" and aggregate.where is None


def _asked(column: str, statistic: str, aggregate: Aggregate) -> tuple[Any, ...]:
    if statistic == "quantile":
        return column, "quantile", aggregate.number
    return column, _STATISTICS[statistic]


def _numbers(aggregate: Aggregate, row: Row, table: SecretTable) -> SecretColumn:
    """The column that an aggregate is of."""
    value = argument(aggregate, row)
    if isinstance(value, bool) or (value is not None and not isinstance(value, SecretColumn)):
        return table.rows.constant(np.full(table.capacity, value))
    if not isinstance(value, SecretColumn):
        raise row.text.refused(aggregate.node, f"{shown(aggregate.node)}: NULL in all rows; leave it out")
    if aggregate.statistic in ("rows",) and isinstance(value, SecretArray):
        return value.numeric()
    return value


@dataclass(frozen=True)
class _Made:
    """A key as rows are grouped by it: with a value of its own in place of NULL.

    most  how many values it has, where they are few;  span  one more than its largest magnitude, None of a Key
    back  from a column of the groups to one like the key
    """

    column: SecretColumn
    most: int | None
    span: int | None
    back: Callable[[SecretColumn], SecretColumn]


def _packed(
    keys: Sequence[Key], made: Sequence[_Made], added: dict[str, Any], text: Text
) -> tuple[list[str], dict[str, Any]]:
    """The columns to group by, at most MOST_KEYS: of more, those with few values become the digits of one number, and
    come out of each group as its largest value, since all its values are equal."""
    names = [f"key_{k}" for k in range(len(keys))]
    if len(names) <= MOST_KEYS:
        return names, {}
    small = sorted((each.span, k) for k, each in enumerate(made) if each.span is not None)
    digits = small[: len(names) - MOST_KEYS + 1]
    if len(digits) < len(names) - MOST_KEYS + 1 or prod(2 * span for span, _ in digits) >= 1 << 60:
        raise text.refused(
            keys[MOST_KEYS].node,
            f"rows are grouped by at most {MOST_KEYS} columns of many values in secret; take max() of those that "
            "follow from others",
        )
    number, asked = None, {}
    for span, k in digits:
        value = numbers_of(made[k].column).numeric()
        asked[f"key_{k}"] = (f"digit_{k}", "max")
        added[f"digit_{k}"] = added.pop(f"key_{k}")
        number = value if number is None else number * (2 * span) + value
    added["packed"] = number
    packed = {k for _, k in digits}
    return ["packed", *(name for k, name in enumerate(names) if k not in packed)], asked


def _grouping_key(key: Key, text: Text) -> _Made:
    """A key with a value of its own in place of NULL."""
    value = key.value
    if isinstance(value, SecretKey):
        return _Made(value, None, None, _unchanged)
    if not isinstance(value, SecretColumn):
        raise text.refused(key.node, f"{shown(key.node)}: GROUP BY takes columns, not what is the same in all rows")
    numbers = numbers_of(value)
    if numbers.type == "fixed":
        raise text.refused(
            key.node,
            f"{shown(key.node)} is a real number, and equal real numbers are chance: group by a category, a flag, a "
            "date or a whole number",
        )
    numbers = numbers.numeric()
    levels = len(value.levels) if isinstance(value, SecretCategory) else 2 if kind(value) == "flag" else None
    if key.present or numbers.valid is None:
        return _Made(like_column(value, numbers), levels, numbers.bound + 1, _back(value, None))
    none = levels if levels is not None else numbers.bound + 1
    filled = where(_bits(numbers), numbers.without_mask(), none).restated(mask=UNMASKED)
    filled = filled.with_basis(numbers.basis)
    return _Made(filled, None if levels is None else levels + 1, none + 1, _back(value, none))


def _bits(numbers: SecretArray) -> SecretArray:
    assert numbers.valid is not None
    return numbers.valid.bare().broadcast_to(numbers.shape).with_basis(numbers.basis)


def _unchanged(column: SecretColumn) -> SecretColumn:
    return column


def _back(value: Any, none: int | None) -> Any:
    """From a column of group_by to one like the key's; `none` is NULL."""

    def restored(column: SecretColumn) -> SecretColumn:
        numbers = numbers_of(column)
        if none is not None:
            known = (numbers.without_mask() != none).bare()
            bound = max(none - 1, 1)
            numbers = numbers.restated(bound=max(numbers.bound, bound)).masked(known, "NULL")
        if isinstance(value, SecretArray) and value.type == "bool":
            numbers = numbers > 0
        return like_column(value, numbers)

    return restored


# ---- what comes out
def with_null_shown(value: Value, rows: SecretArray) -> Value:
    """A category whose missing values are a level of their own, NULL: a row in which nothing else has a value would not
    come out at all."""
    if not isinstance(value, SecretCategory) or value.codes.valid is None or NULL in value.levels:
        return value
    codes = value.codes
    known = _bits(codes).bare()
    filled = where(known, codes.without_mask(), len(value.levels)).restated(mask=UNMASKED)
    filled = filled.masked(rows.bare(), "no such row").with_basis(codes.basis)
    return SecretCategory(filled, (*value.levels, NULL))


# ---- order
def order_column(value: Value, descending: bool, node: exp.Expr, text: Text) -> SecretArray:
    """A column that ascends as the query asks; levels of a category in the order of their texts."""
    if isinstance(value, SecretKey):
        raise text.refused(node, f"{shown(node)} is a key, which has no order")
    if not isinstance(value, SecretColumn):
        raise text.refused(node, f"{shown(node)}: ORDER BY takes columns of the result, by name or number")
    numbers = numbers_of(value)
    if isinstance(value, SecretCategory) and list(value.levels) != sorted(value.levels):
        ranks = [sorted(value.levels).index(level) for level in value.levels]
        codes = numbers.without_mask()
        bits = stack([(codes == code).numeric() * rank for code, rank in enumerate(ranks)])
        mask = (numbers.valid, numbers.why)
        numbers = bits.sum(0).bounded(len(ranks)).restated(mask=mask, basis=numbers.basis)
    numbers = numbers.numeric()
    return -numbers if descending else numbers
