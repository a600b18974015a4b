"""Groups of an inner query at the one owner of its rows: a row for each key, which no other organization sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from mpc.tables.private import PrivateTable
from mpc.tables.private_array import PrivateArray
from protocols.sql import inner
from protocols.sql.aggregates import Aggregate, argument
from protocols.sql.conditions import holds
from protocols.sql.constants import is_public
from protocols.sql.relations import Relation
from protocols.sql.scopes import Slot
from protocols.sql.text import shown
from protocols.sql.values import Row, Value, evaluate, kind, nulled

if TYPE_CHECKING:
    from protocols.sql.select import Select

_STATISTICS = {
    "rows": "sum", "count": "count", "sum": "sum", "mean": "mean", "min": "min", "max": "max",
    "median": "median", "any": "any", "all": "all",
}  # fmt: skip


def grouped(
    select: Select, rows: Relation, keys: Sequence[exp.Expr], aggregates: Mapping[str, Aggregate]
) -> Relation | None:
    """The groups of one owner's rows, at that owner; None where that is not possible."""
    if (
        rows.owner is None
        or not isinstance(rows.table, PrivateTable)
        or not all(isinstance(k, exp.Column) for k in keys)
    ):
        return None
    slots = [select.every.find(key) for key in keys if isinstance(key, exp.Column)]
    kinds = [kind(rows.value(slot)) for slot in slots]
    possible = all(
        each.statistic in _STATISTICS and (not each.distinct or each.statistic == "count")
        for each in aggregates.values()
    )
    if not possible or "real" in kinds or not aggregates:
        return None
    having = select.node.args.get("having")
    parts = [*(o.node for o in select.outputs), *([having.this] if having is not None else [])]
    if any(inner.secret_scalars(select, part) for part in parts):
        return None
    missing = [slot for slot in slots if slot not in rows.present]
    if missing and select.null_group:
        return None  # in SQL these rows are a group, and verbs leave them out
    table, asked = rows.table, dict[str, Any]()
    columns: dict[str, str] = {key.sql(): rows.columns[slot] for key, slot in zip(keys, slots, strict=True)}
    sums = []
    for k, (sql, aggregate) in enumerate(aggregates.items()):
        value = argument(aggregate, select.row(replace(rows, table=table)))
        columns[sql] = f"value_{k}"
        if aggregate.statistic == "rows" and value is True:
            asked[f"value_{k}"] = "count"
            continue
        if not isinstance(value, PrivateArray):
            return None
        table = table.assign(**{f"of_{k}": value})
        statistic = "nunique" if aggregate.distinct else _STATISTICS[aggregate.statistic]
        asked[f"value_{k}"] = (f"of_{k}", statistic)
        if aggregate.statistic == "sum":
            asked[f"there_{k}"] = (f"of_{k}", "count")
            sums.append((k, f"value_{k}"))
    names = [rows.columns[slot] for slot in slots]
    words = f"{rows.words} by {', '.join(map(shown, keys))}"
    step = select.steps.step(select.steps.owners(rows.owners or ()), f"group {words}: {', '.join(aggregates)}")
    with step, select.text.at(keys[0]):
        made = table.group_by(names).agg(**asked)
    return _out(select, replace(rows, table=made, words=words), columns, sums, keys)


def _out(
    select: Select,
    rows: Relation,
    columns: Mapping[str, str],
    sums: Sequence[tuple[int, str]],
    keys: Sequence[exp.Expr],
) -> Relation:
    """The columns that come out of groups, after HAVING."""
    from protocols.sql.select import Columns

    table: Any = rows.table
    for k, name in sums:  # a sum of no values is NULL in SQL
        table = table.assign(**{name: nulled(table.column(name), table.column(f"there_{k}") > 0)})

    def row() -> Row:
        return Row(select.text, inner.InGroups(select), Columns(table, columns))

    having = select.node.args.get("having")
    if having is not None:
        table = Relation(table, {}).filter(holds(having.this, row())).table
    out: dict[Slot, str] = {}
    for k, output in enumerate(select.outputs):
        value: Value = evaluate(output.node, row())
        if is_public(value):
            raise select.text.refused(
                output.node, f"{shown(output.node)}: the same in all rows; write it where it is used"
            )
        name = columns.get(output.node.sql(), f"output_{k}")
        if name == f"output_{k}":
            table = table.assign(**{name: value})
        out[Slot("", output.name)] = name
    by_sql = {output.node.sql(): Slot("", output.name) for output in select.outputs}
    slots = [by_sql.get(key.sql()) for key in keys]
    known = frozenset(slot for slot in slots if slot is not None)
    whole = known if all(slots) else frozenset[Slot]()
    return replace(rows, table=table, columns=out, unique=frozenset([whole]) if whole else frozenset(), present=known)
