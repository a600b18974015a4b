"""The rows of an input behind those of a prepared table: queries that keep a key of the input beside their rows.

A prepared table may be of persons, of households, or of the latest rows. To compare two of them, both are brought to
one key of an input that both are made from: how often, and with what values, the rows of each key are in them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mpc.tables.expressions import WHOLE, Expression, Type, unary
from mpc.tables.prepare import building
from mpc.tables.prepare.nodes import Aggregate, Join, Ordered, Query, Scan, Select
from mpc.tables.rows import Values, absent
from mpc.tables.schema import Column, FlagColumn, IntegerColumn, RealColumn, Schema
from mpc.tables.source import source_column
from mpc.tables.texts import TextColumn


class Keyed(NamedTuple):
    """A query whose rows have a key, in the columns `names`."""

    query: Query
    names: tuple[str, ...]


def keys_of(query: Query, table: str) -> Iterator[tuple[str, ...]]:
    """The columns of an input by which a query groups, orders or joins rows that come from it."""
    named: list[tuple[Query, Sequence[str]]] = []
    if isinstance(query, Aggregate):
        named = [(query.source, query.by)]
    elif isinstance(query, Ordered):
        named = [(query.source, query.per)]
    elif isinstance(query, Join):
        named = [(query.left, [one for one, _ in query.on]), (query.right, [other for _, other in query.on])]
    for source, names in named:
        found = [_origin(source, name, table) for name in names]
        if found and None not in found:
            yield tuple(name for name in found if name is not None)
    for source in query.inputs:
        yield from keys_of(source, table)


def _origin(query: Query, name: str, table: str) -> str | None:
    """The column of an input that a column of a query is, as it is; None: another one."""
    if isinstance(query, Scan):
        return name if query.table == table else None
    if isinstance(query, Select):
        made = dict(query.columns)[name]
        return _origin(query.source, made.column, table) if made.function is None else None
    if isinstance(query, Aggregate):
        return _origin(query.source, name, table) if name in query.by else None
    if isinstance(query, Join) and name not in query.left.schema.names:
        return next((_origin(query.right, there, table) for there, here in query.taken if here == name), None)
    return _origin(query.inputs[0], name, table)


def is_made(query: Query, name: str) -> bool:
    """Whether a column is computed while the table is prepared, and is no column of an input."""
    return all(_origin(query, name, scan.table) is None for scan in query.scans())


def is_of_flags(query: Query, name: str) -> bool:
    """Whether a column tells how many rows of a group have a flag."""
    if isinstance(query, Aggregate):
        made = {measure.result.name: measure.column for measure in query.measures}
        return bool(made.get(name)) and isinstance(query.source.schema[made[name]], FlagColumn)
    if isinstance(query, Select):
        expression = dict(query.columns)[name]
        return expression.function is None and is_of_flags(query.source, expression.column)
    if isinstance(query, Join) and name not in query.left.schema.names:
        return any(is_of_flags(query.right, there) for there, here in query.taken if here == name)
    return bool(query.inputs) and is_of_flags(query.inputs[0], name)


def with_key(query: Query, table: str, key: Sequence[str]) -> Keyed | None:
    """The rows of a query, each with the key of the input's row that it comes from. None where its rows are of several
    keys each.

    key  columns of the input; none: all columns but texts together, so that rows with the same values are the same row
    """
    target = _below(query, table)[-1]
    return _carried(query, target, _same_rows(target) if not key else Keyed(target, tuple(key)))


def rows_with_key(query: Query, table: str, key: Sequence[str]) -> Keyed | None:
    """The rows of the input from which the rows of a query come, with their keys: of a group, all of its rows."""
    while groups := [node for node in _below(query, table) if isinstance(node, Aggregate)]:
        group = groups[0]
        assert isinstance(group.source, Select)
        chosen = _carried(query, group, Keyed(group, group.by))
        if chosen is None:
            return None
        selected = chosen.query
        if not isinstance(selected, Select):
            selected = building.select(
                selected, None, {name: source_column(selected.schema[name]) for name in chosen.names}
            )
        right = building.narrowed(selected, chosen.names)
        on = tuple(zip(group.by, chosen.names, strict=True))
        query = Join(group.source.schema, group.source.most, group.source, right, "semi", on, ())
    return with_key(query, table, key)


def _below(query: Query, table: str) -> list[Query]:
    """The queries from one down to an input that it reads, on the leftmost way; none where it does not read it."""
    if isinstance(query, Scan):
        return [query] if query.table == table else []
    return next(([query, *below] for source in query.inputs if (below := _below(source, table))), [])


def _same_rows(scan: Query) -> Keyed:
    """An input with a key of all its columns: a missing value has the place of a 0, and a flag that it is missing."""
    made: dict[str, Expression] = {name: source_column(scan.schema[name]) for name in scan.schema.names}
    columns, names = list(scan.schema.columns), []
    for column in scan.schema.columns:
        if isinstance(column, TextColumn):
            continue
        value, gone = _fresh(f"{column.name} or 0", made), _fresh(f"{column.name} missing", made)
        made[gone] = unary("isna", made[column.name])
        made[value] = _filled(made[column.name])
        plain = IntegerColumn(value, minimum=int(column.low), maximum=int(column.high))
        columns += [FlagColumn(gone), plain if made[value].type == "integer" else RealColumn(value)]
        names += [value, gone]
    return Keyed(Select(Schema(scan.name, tuple(columns)), scan.most, scan, None, tuple(made.items())), tuple(names))


def _filled(a: Expression) -> Expression:
    """A column's values as numbers, 0 where they are missing."""

    def function(x: Values) -> Values:
        return np.where(absent(x), np.zeros((), x.dtype), x)

    low, high = min(a.low, 0), max(a.high, 0)
    kind: Type = "integer" if a.type in WHOLE else "real"
    return Expression(type=kind, low=low, high=high, function=function, arguments=(a,), text=f"{a.text} or 0")


def _carried(query: Query, target: Query, key: Keyed) -> Keyed | None:
    """A query with the columns `key` of a query below it beside its rows; the same query where it has them. key: the
    query in the place of the target, and its columns."""
    if query is target:
        return key
    if isinstance(query, Aggregate):
        inner = _carried(query.source, target, key)
        return Keyed(query, inner.names) if inner is not None and set(inner.names) <= set(query.by) else None
    if isinstance(query, Join):
        return _through_join(query, target, key)
    if not isinstance(query, Select | Ordered):
        return None
    inner = _carried(query.source, target, key)
    if inner is None:
        return None
    if isinstance(query, Ordered):
        if inner.query is query.source:
            return Keyed(query, inner.names)
        return Keyed(replace(query, schema=_more(query, inner.query), source=inner.query), inner.names)
    made, names, added = dict(query.columns), [], []
    for name in inner.names:
        known = next((n for n, e in query.columns if e.function is None and e.column == name), None)
        if known is None:
            known = _fresh(name, made)
            made[known] = source_column(inner.query.schema[name])
            added.append(replace(inner.query.schema[name], name=known))
        names.append(known)
    if not added and inner.query is query.source:
        return Keyed(query, tuple(names))
    schema = Schema(query.name, (*query.schema.columns, *added))
    return Keyed(replace(query, schema=schema, source=inner.query, columns=tuple(made.items())), tuple(names))


def _through_join(query: Join, target: Query, key: Keyed) -> Keyed | None:
    left = _carried(query.left, target, key) if _reads(query.left, target) else None
    if left is not None:
        if left.query is query.left:
            return Keyed(query, left.names)
        added = tuple(_added(query.left, left.query))
        own = len(query.left.schema.columns)
        columns = (*query.schema.columns[:own], *added, *query.schema.columns[own:])
        taken = {column.name for column in query.schema.columns[own:]}
        if taken & {column.name for column in added}:
            return None
        return Keyed(replace(query, schema=Schema(query.name, columns), left=left.query), left.names)
    if query.how not in ("inner", "left") or not _reads(query.right, target):
        return None
    right = _carried(query.right, target, key)
    if right is None:
        return None
    known, names = dict(query.taken), []
    more: list[Column] = []
    for name in right.names:
        if name not in known:
            known[name] = _fresh(name, [column.name for column in (*query.schema.columns, *more)])
            more.append(replace(right.query.schema[name], name=known[name]))
        names.append(known[name])
    schema = Schema(query.name, (*query.schema.columns, *more))
    return Keyed(replace(query, schema=schema, right=right.query, taken=tuple(known.items())), tuple(names))


def _reads(query: Query, target: Query) -> bool:
    return query is target or any(_reads(source, target) for source in query.inputs)


def _added(query: Query, changed: Query) -> list[Column]:
    return [column for column in changed.schema.columns if column.name not in query.schema.names]


def _more(query: Query, inner: Query) -> Schema:
    """The schema of a query of the same columns as its input, where the input has further ones."""
    return Schema(
        query.name, (*query.schema.columns, *(c for c in inner.schema.columns if c.name not in query.schema.names))
    )


def _fresh(name: str, taken: Collection[str]) -> str:
    """A name for a further column."""
    while name in taken:
        name += " (key)"
    return name
