"""Verbs that move rows to other places: sort, head, compact, concat. What was public stays so: the number of places."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpc.errors import RangeError, ShapeError
from mpc.machine.assumptions import Assumption, assuming
from mpc.tables.secret_columns import SecretCategory, SecretColumn, SecretKey, like_column, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.values.basis import Basis
from mpc.values.places import indicator
from mpc.values.secret import SecretArray, concatenate, where
from protocols.order import Ordering, order_by
from protocols.tables.tags import with_tags

#: Moves a column of one value for each place.
Move = Callable[[SecretArray], SecretArray]


def order_of_rows(
    table: SecretTable, by: Sequence[str], descending: bool, what: str, first: int | None = None
) -> Ordering:
    """The order by columns, in which rows with a missing value follow the others, and places without a row follow both.

    first  of so many rows alone, as in `order_by`

    Raises ShapeError for a key, RangeError as `order_by`.
    """
    keys: list[SecretArray] = []
    for name in by:
        column = table.column(name)
        if isinstance(column, SecretKey):
            raise ShapeError(f"{what}: {name} is a key, which has no order")
        numbers = numbers_of(column)
        value = numbers.without_mask().numeric()
        if numbers.valid is not None:
            missing = ~numbers.valid.bare().broadcast_to(numbers.shape)
            keys.append(missing.with_basis(numbers.basis))
            value = where(missing, 0, value).with_basis(numbers.basis)
        keys.append(-value if descending else value)
    return order_by(~table.rows, *keys, first=first)


def in_order(table: SecretTable, order: Ordering, places: int | None = None) -> SecretTable:
    """The rows in a secret order, or the first `places` of them. Rounds 2; a shuffle for each column and mask."""
    end = table.capacity if places is None else places

    return changed(table, lambda x: _first(order.apply(x), end), end)


def _first(x: SecretArray, rows: int) -> SecretArray:
    """The first `rows` elements; what stands in the other places, or was filtered, is none or enough."""
    return x if rows == len(x) else x[:rows].with_basis(_cut(x, rows))


def _cut(x: SecretArray, rows: int) -> Basis:
    cohorts = x[:rows].basis.cohorts
    return x.basis.cut(rows)._replace(cohorts=cohorts)


def changed(table: SecretTable, move: Move, capacity: int, *, repeats: bool = False) -> SecretTable:
    """The table whose columns and row mask `move` makes of those of this table. Keys become tags.

    repeats  a row may have several places afterwards
    """
    unique = frozenset() if repeats else table.unique
    table = with_tags(table)
    columns: dict[str, SecretColumn] = {}
    for name in table.columns:
        column = table.column(name)
        if isinstance(column, SecretKey):
            assert column.tags is not None
            columns[name] = column.tagged(tuple(move(word) for word in column.tags))
        else:
            columns[name] = like_column(column, move(numbers_of(column)))
    rows = move(table.rows)
    return SecretTable(table.run, table.name, columns, capacity, lambda: rows, unique=unique)


def sorted_rows(table: SecretTable, by: Sequence[str], descending: bool) -> SecretTable:
    """The rows in the order of columns; missing values come after others, and places without a row last.

    Rounds and bytes: those of `order_by`, and a shuffle for each column.
    """
    if not by:
        raise ShapeError("sort: name at least one column")
    return in_order(table, order_of_rows(table, by, descending, "sort"))


def head(table: SecretTable, rows: int, by: Sequence[str], descending: bool) -> SecretTable:
    """The first rows: by columns, or as they stand, which is their order after `sort`."""
    if rows < 1:
        raise RangeError(f"head: {rows} rows; a public number from 1 up")
    rows = min(rows, table.capacity)
    return in_order(table, order_of_rows(table, by, descending, "head", rows), rows)


def compacted(table: SecretTable, rows: int) -> SecretTable:
    """The rows, in their order, in `rows` places. That they fit is a checked assumption, as in `order.compact`."""
    if rows < 1:
        raise RangeError(f"compact: rows={rows}; a public number of places from 1 up")
    if rows >= table.capacity:
        return table
    fits = Assumption(table.run, indicator(table.rows.bare()).sum() <= rows)
    order = order_by(~table.rows)
    return changed(table, lambda x: assuming(_first(order.apply(x), rows), fits), rows)


def concatenated(first: SecretTable, second: SecretTable) -> SecretTable:
    """The rows of both tables, which have the same columns of the same kinds. Local, but for tags of keys."""
    if set(first.columns) != set(second.columns):
        only = sorted(set(first.columns) ^ set(second.columns))
        raise ShapeError(f"concat: both tables need the same columns; {', '.join(only)} is in one of them")
    first, second = with_tags(first), with_tags(second)
    columns: dict[str, SecretColumn] = {}
    for name in first.columns:
        a, b = first.column(name), second.column(name)
        levels = [c.levels if isinstance(c, SecretCategory) else None for c in (a, b)]
        if type(a) is not type(b) or levels[0] != levels[1]:
            raise ShapeError(f"concat: {name} is {a!r} in one table and {b!r} in the other")
        if isinstance(a, SecretKey):
            assert isinstance(b, SecretKey)
            a.need_rule_of(b, "concat", (first.name, second.name))
            pairs = zip(a.tags or (), b.tags or (), strict=True)
            columns[name] = a.tagged(tuple(concatenate([x, y]) for x, y in pairs))
        else:
            columns[name] = like_column(a, concatenate([numbers_of(a), numbers_of(b)]))
    rows = concatenate([first.rows, second.rows])
    return SecretTable(first.run, first.name, columns, first.capacity + second.capacity, lambda: rows)
