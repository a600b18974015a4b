"""What comes out of a SELECT: single values, or rows with their columns, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from mpc.tables.private import PrivateTable
from mpc.tables.secret_columns import SecretColumn
from mpc.tables.secret_table import SecretTable
from mpc.values.secret import SecretArray
from protocols.sql import at_owner, groups, inner
from protocols.sql.aggregates import AT_OWNERS, Aggregate, argument, at_owners, of_all
from protocols.sql.conditions import holds
from protocols.sql.constants import is_public
from protocols.sql.groups import Grouped, Key, order_column, with_null_shown
from protocols.sql.placement import Placement
from protocols.sql.relations import Relation
from protocols.sql.scopes import Slot, within
from protocols.sql.select import Columns, Output, Scalars, Select
from protocols.sql.steps import IN_SECRET
from protocols.sql.text import shown
from protocols.sql.values import Row, Value, evaluate, kind


def outcome(select: Select) -> Scalars | SecretTable:
    """The result of a whole query."""
    found = scalars_of(select, whole=True)
    if found is not None:
        for output in select.outputs:
            if not isinstance(found[output.name], SecretArray):
                raise select.text.refused(
                    output.node, f"{shown(output.node)} is a single date or level; release days: … - DATE '2000-01-01'"
                )
        return found
    rows = _rows(select, whole=True)
    assert isinstance(rows.table, SecretTable)
    return rows.table


def relation_of(select: Select) -> Relation:
    """The rows of an inner query. Raises ConfigError for one that gives single values."""
    if not _keys(select) and select.aggregated:
        raise select.text.refused(
            select.node, "an inner query in FROM gives rows; a single value stands where it is used: x > (SELECT …)"
        )
    return _rows(select, whole=False)


# ---- single values
def scalars_of(select: Select, *, whole: bool = False) -> Scalars | None:
    """The values of a SELECT with aggregates and no GROUP BY; None for one that gives rows. whole: they are the result
    of the whole query."""
    if _keys(select) or not select.aggregated or select.node.args.get("distinct"):
        return None
    having = select.node.args.get("having")
    if having is not None:
        raise select.text.refused(having, "HAVING goes with GROUP BY here")
    aggregates = select.aggregates()
    parts = select.late()
    rows = Placement(select).joined(parts, private=True)
    if isinstance(rows.table, PrivateTable) and not _at_owners(aggregates, rows, select):
        rows = Placement(select).share(rows, parts)
    ready: dict[str, Value] = {}
    if isinstance(rows.table, PrivateTable):
        where = select.steps.owners(rows.owners or ())
        with select.steps.step(where, f"reduce {rows.words}, and add up in secret: {', '.join(aggregates)}"):
            for sql, aggregate in aggregates.items():
                with select.text.at(aggregate.node):
                    ready[sql] = at_owners(rows.table, aggregate, select.row(rows))
    else:
        with select.steps.step(IN_SECRET, f"reduce: {', '.join(aggregates)}"):
            for sql, aggregate in aggregates.items():
                with select.text.at(aggregate.node):
                    ready[sql] = _of_all(select, rows, rows.table, aggregate)
    row = Row(select.text, inner.InGroups(select), ready, shown=whole)
    found: Scalars = {}
    for output in select.outputs:
        value = evaluate(output.node, row)
        if not isinstance(value, SecretColumn):
            raise select.text.refused(output.node, f"{shown(output.node)}: the same for any data; leave it out")
        found[output.name] = value
    return found


def _of_all(select: Select, rows: Relation, table: SecretTable, aggregate: Aggregate) -> SecretColumn:
    """An aggregate of all rows. COUNT(DISTINCT x) is the number of groups by x; rows without x are in none."""
    row = select.row(rows)
    if not aggregate.distinct:
        return of_all(table, aggregate, row)
    key = Key("distinct", aggregate.node, argument(aggregate, row), True)
    return groups.in_secret(table, [key], {}, row, None).table.count()


def _at_owners(aggregates: Mapping[str, Aggregate], rows: Relation, select: Select) -> bool:
    """Whether all aggregates of private rows need a few shared numbers alone."""
    for aggregate in aggregates.values():
        if aggregate.statistic not in AT_OWNERS or aggregate.distinct:
            return False
        parts = [part for part in (aggregate.of, aggregate.where) if part is not None]
        if any(inner.secret_scalars(select, part) for part in parts):
            return False
        if aggregate.of is not None:
            value = evaluate(aggregate.of, select.row(rows))
            if is_public(value) or (kind(value) in ("category", "date", "key") and aggregate.statistic != "count"):
                return False
    return True


# ---- rows
def _keys(select: Select) -> list[exp.Expr]:
    """The columns that rows are grouped by; DISTINCT groups by all that come out."""
    group = select.node.args.get("group")
    found: list[exp.Expr] = []
    if group is not None:
        for key, value in group.args.items():
            if value and key not in ("expressions", "all"):
                raise select.text.refused(
                    group, f"GROUP BY {key.upper()} is not supported; write one query for each set"
                )
        if group.args.get("all"):
            return [output.node for output in select.outputs if not _aggregates(output.node)]
        for node in group.expressions:
            named = isinstance(node, exp.Column) and not node.table and select.has_column(node)
            output = None if named else select.output_of(node)
            if output is None:
                select.resolve(node)
            found.append(node if output is None else output.node)
    if select.node.args.get("distinct") is not None:
        if select.node.args["distinct"].args.get("on"):
            raise select.text.refused(select.node, "DISTINCT ON is not supported; group, and take max() of the others")
        if not select.aggregated:
            return [output.node for output in select.outputs]
        if not found:
            return found
        names = {key.sql() for key in found}
        if not names <= {output.node.sql() for output in select.outputs}:
            raise select.text.refused(select.node, "DISTINCT with GROUP BY: group in an inner query first")
    return list({key.sql(): key for key in found}.values())


def _aggregates(node: exp.Expr) -> bool:
    return any(isinstance(part, exp.AggFunc) for part in within(node))


def _rows(select: Select, *, whole: bool) -> Relation:
    keys = _keys(select)
    limit, order = select.node.args.get("limit"), select.node.args.get("order")
    ordered = bool(limit) or (whole and bool(order))
    if not keys:
        parts = select.late()
        rows = Placement(select).joined(parts, private=not whole and not ordered)
        if isinstance(rows.table, PrivateTable):
            return _assigned_private(select, rows)
        return _ordered(select, rows.table, replace(select.row(rows), shown=whole), rows)
    aggregates = select.aggregates()
    parts = [*select.late(), *keys]
    rows = Placement(select).joined(parts, private=True)
    if isinstance(rows.table, PrivateTable) and not whole and not ordered:
        found = at_owner.grouped(select, rows, keys, aggregates)
        if found is not None:
            return found
    grouped = _by_levels(select, rows, keys, aggregates)
    if grouped is None:
        if isinstance(rows.table, PrivateTable):
            rows = Placement(select).share(rows, parts)
        grouped = _in_secret(select, rows, keys, aggregates, whole=whole)
    row = Row(select.text, inner.InGroups(select), Columns(grouped.table, grouped.columns))
    unique = frozenset([frozenset(Slot("", o.name) for o in select.outputs if o.node.sql() in {k.sql() for k in keys})])
    having, table = select.node.args.get("having"), grouped.table
    if having is not None:
        with select.steps.step(IN_SECRET, f"filter groups: {shown(having.this)}", table.capacity):
            table = Relation(table, {}).filter(holds(having.this, row)).table  # type: ignore[assignment]
        row = Row(select.text, row.finder, Columns(table, grouped.columns))
    made = _ordered(
        select, table, replace(row, shown=whole), replace(rows, columns={}, unique=frozenset(), present=frozenset())
    )
    complete = {output.node.sql() for output in select.outputs} >= {key.sql() for key in keys}
    return replace(made, unique=unique if complete else frozenset())


def _key_values(select: Select, rows: Relation, keys: Sequence[exp.Expr]) -> list[Key]:
    made = []
    for node in keys:
        value = evaluate(node, select.row(rows))
        present = isinstance(node, exp.Column) and select.every.find(node) in rows.present
        made.append(Key(node.sql(), node, value, present or not select.null_group))
    return made


def _by_levels(
    select: Select, rows: Relation, keys: Sequence[exp.Expr], aggregates: Mapping[str, Aggregate]
) -> Grouped | None:
    if not isinstance(rows.table, PrivateTable) or not _at_owners(aggregates, rows, select):
        return None

    def row_of(table: PrivateTable) -> Row:
        return select.row(replace(rows, table=table))

    words = f"reduce {rows.words} by {', '.join(map(shown, keys))}, and add up in secret: {', '.join(aggregates)}"
    steps = select.steps
    with steps.step(steps.owners(rows.owners or ()), words) as step:
        found = groups.by_levels(rows.table, _key_values(select, rows, keys), aggregates, row_of)
        step.places = None if found is None else found.table.capacity
    if found is None:
        steps.steps.pop()
    return found


def _in_secret(
    select: Select, rows: Relation, keys: Sequence[exp.Expr], aggregates: Mapping[str, Aggregate], *, whole: bool
) -> Grouped:
    assert isinstance(rows.table, SecretTable)
    row = select.row(rows)
    distinct = [each for each in aggregates.values() if each.distinct]
    table, counted = rows.table, aggregates
    values = _key_values(select, rows, keys)
    if distinct:
        if len(aggregates) > 1:
            raise select.text.refused(
                distinct[0].node,
                f"{shown(distinct[0].node)}: count different values in a query of its own, without other aggregates",
            )
        return _distinct(select, rows, values, distinct[0], whole=whole)
    words = f"group by {', '.join(map(shown, keys))}: {', '.join(counted) or 'different rows'}"
    with select.steps.step(IN_SECRET, words) as step:
        found = groups.in_secret(table, values, counted, row, select.query.groups if whole else None)
        step.places = found.table.capacity
    return found


def _distinct(select: Select, rows: Relation, keys: Sequence[Key], aggregate: Aggregate, *, whole: bool) -> Grouped:
    """COUNT(DISTINCT x) by keys: groups by the keys and x, then a count of them by the keys."""
    assert isinstance(rows.table, SecretTable)
    assert aggregate.of is not None
    value = evaluate(aggregate.of, select.row(rows))
    inside = Key("distinct", aggregate.of, value, False)
    with select.steps.step(
        IN_SECRET, f"group by {', '.join(shown(k.node) for k in keys)} and {shown(aggregate.of)}"
    ) as step:
        first = groups.in_secret(rows.table, [*keys, inside], {}, select.row(rows), None)
        step.places = first.table.capacity
    again = [replace(key, value=first.table.column(first.columns[key.sql])) for key in keys]
    row = Row(select.text, inner.InGroups(select), {aggregate.of.sql(): first.table.column(first.columns["distinct"])})
    plain = replace(aggregate, distinct=False)
    with select.steps.step(IN_SECRET, f"group by {', '.join(shown(k.node) for k in keys)}: {aggregate.sql}") as step:
        found = groups.in_secret(
            first.table, again, {aggregate.sql: plain}, row, select.query.groups if whole else None
        )
        step.places = found.table.capacity
    return found


def _assigned_private(select: Select, rows: Relation) -> Relation:
    """The columns of an inner query that one owner, or each owner alone, computes row by row."""
    made = rows
    columns: dict[Slot, str] = {}
    present = set()
    for output in select.outputs:
        slot = Slot("", output.name)
        if isinstance(output.node, exp.Column):
            own = select.every.find(output.node)
            columns[slot] = rows.columns[own]
            present |= {slot} if own in rows.present else set()
            continue
        value = evaluate(output.node, select.row(made))
        if is_public(value):
            raise select.text.refused(
                output.node, f"{shown(output.node)}: the same in all rows; write it where it is used"
            )
        name = f"output_{len(columns)}"
        made = made.assign(slot, name, value)
        columns[slot] = name
    back = {
        own: Slot("", o.name)
        for o in select.outputs
        if isinstance(o.node, exp.Column)
        for own in [select.every.find(o.node)]
    }
    unique = frozenset(frozenset(back[s] for s in key) for key in rows.unique if key <= back.keys())
    return replace(made, columns=columns, unique=unique, present=frozenset(present))


def _ordered(select: Select, table: SecretTable, row: Row, rows: Relation) -> Relation:
    """The columns that come out, in the order that is asked for."""
    with select.steps.step(IN_SECRET, f"compute {', '.join(o.name for o in select.outputs)}", table.capacity):
        added: dict[str, Any] = {}
        for k, output in enumerate(select.outputs):
            value = evaluate(output.node, row)
            if value is None:
                raise select.text.refused(output.node, f"{shown(output.node)}: NULL in all rows; leave it out")
            added[f"output_{k}"] = value
        made = table.assign(**added)
        order = select.node.args.get("order")
        by: list[exp.Expr] = order.expressions if order is not None else []
        directions: dict[str, Any] = {}
        for k, each in enumerate(by):
            if each.args.get("nulls_first"):
                raise select.text.refused(
                    each, f"{shown(each)}: NULLS FIRST is not supported; missing values come last"
                )
            named = select.output_of(each.this)
            value = added[f"output_{select.outputs.index(named)}"] if named is not None else evaluate(each.this, row)
            directions[f"order_{k}"] = order_column(value, bool(each.args.get("desc")), each, select.text)
    limit = select.node.args.get("limit")
    number = _limit(select, limit) if limit is not None else None
    if directions:
        made = made.assign(**directions)
    made = made.select(*added, *directions)
    if number is not None and number < made.capacity:
        words = f"the first {number} by {', '.join(map(shown, by))}" if by else f"{number} rows"
        with select.steps.step(IN_SECRET, words, number):
            made = made.head(number, by=list(directions))
    elif directions:
        with select.steps.step(IN_SECRET, f"sort by {', '.join(map(shown, by))}", made.capacity):
            made = made.sort(*directions)
    names = [output.name for output in select.outputs]
    if row.shown:
        made = made.assign(**{name: with_null_shown(made.column(name), made.rows) for name in added})
    made = made.select(*added).rename(**{f"output_{k}": name for k, name in enumerate(names)})
    return replace(rows, table=made, columns={Slot("", name): name for name in names}, unique=frozenset())


def _limit(select: Select, node: exp.Limit) -> int:
    number = node.expression
    if (
        not isinstance(number, exp.Literal)
        or number.is_string
        or not str(number.this).isdigit()
        or int(number.this) < 1
    ):
        raise select.text.refused(node, f"{shown(node)}: write a whole number from 1 up")
    return int(number.this)


__all__ = ["Output", "outcome", "relation_of", "scalars_of"]
