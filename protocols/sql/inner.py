"""Inner queries in conditions: EXISTS and IN become joins, and a single value is computed once, or for each key.

An inner query may name columns of the query around it in equalities: these become the keys of the join.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from protocols.sql.aggregates import aggregates_in
from protocols.sql.joins import Attached
from protocols.sql.relations import Relation
from protocols.sql.scopes import Slot, columns_in, within
from protocols.sql.sources import Source
from protocols.sql.text import shown
from protocols.sql.values import Value

if TYPE_CHECKING:
    from protocols.sql.select import Select


@dataclass(frozen=True)
class Finding:
    """Finds columns and single values for the expressions of a SELECT."""

    select: Select
    relation: Relation

    def column(self, node: exp.Column) -> Value:
        """The column that a name means."""
        slot = self.select.every.find(node)
        if slot not in self.relation.columns:
            raise self.select.text.refused(node, f"column {shown(node)} is not known here")
        return self.relation.value(slot)

    def scalar(self, node: exp.Subquery) -> Value:
        """The single value of an inner query that needs no column of the query around."""
        return single_value(self.select, node)


@dataclass(frozen=True)
class InGroups:
    """Finds columns for expressions of groups: there are none but keys and aggregates."""

    select: Select

    def column(self, node: exp.Column) -> Value:
        """Refuses the column."""
        raise self.select.text.refused(
            node, f"{shown(node)} differs between the rows of a group; name it in GROUP BY, or take max({shown(node)})"
        )

    def scalar(self, node: exp.Subquery) -> Value:
        """As in rows."""
        return single_value(self.select, node)


# ---- single values
def scalars_in(part: exp.Expr) -> Iterator[exp.Subquery]:
    """Inner queries that stand for a value."""
    for each in within(part):
        if isinstance(each, exp.Subquery) and not isinstance(each.parent, exp.In | exp.Exists):
            yield each


def secret_scalars(select: Select, part: exp.Expr) -> bool:
    """Whether a condition needs a single secret value."""
    return any(node.sql() not in select.computed for node in scalars_in(part))


def single_value(select: Select, node: exp.Subquery) -> Value:
    """The value of an inner query with one aggregate and no GROUP BY; computed once."""
    from protocols.sql.outcome import scalars_of

    known = select.query.singles
    sql = node.sql()
    if sql not in known:
        if not isinstance(node.this, exp.Select):
            raise select.text.refused(node, f"{shown(node)}: an inner SELECT is expected")
        found = scalars_of(_inner(select, node.this))
        if found is None or len(found) != 1:
            raise select.text.refused(
                node, f"{shown(node)}: an inner query that stands for a value gives one aggregate"
            )
        known[sql] = next(iter(found.values()))
    return known[sql]


def scalar(select: Select, node: exp.Subquery) -> Attached | None:
    """A value for each key, beside the rows that have the key; None for a query that needs no column from around."""
    if not isinstance(node.this, exp.Select):
        raise select.text.refused(node, f"{shown(node)}: an inner SELECT is expected")
    sql = node.sql()
    inner = _inner(select, node.this.copy(), null_group=False)
    if not inner.correlated:
        return None
    if (
        len(inner.outputs) != 1
        or inner.node.args.get("group")
        or not aggregates_in([inner.outputs[0].node], select.text)
    ):
        raise select.text.refused(node, f"{shown(node)}: an inner query that stands for a value gives one aggregate")
    if any(each.statistic in ("rows", "count") for each in inner.aggregates().values()):
        raise select.text.refused(
            node,
            f"{shown(node)}: a count is 0 without a match, and would be NULL here; LEFT JOIN the table and group",
        )
    from protocols.sql.select import Output

    keys = [side for _, side in inner.correlated]
    for side in keys:
        inner.resolve(side)
    inner.node.set("group", exp.Group(expressions=[side.copy() for side in keys]))
    inner.outputs += [Output(f"key {k}", side) for k, side in enumerate(keys)]
    rows = inner.rows()
    value, *found = [Slot("", output.name) for output in inner.outputs]
    turned = {value: Slot("", sql)} | {slot: _apart(select, slot) for slot in found}
    relation = _turned(rows, turned, select)
    select.computed[sql] = Slot("", sql)
    pairs = [(_outer(select, column), turned[slot]) for (column, _), slot in zip(inner.correlated, found, strict=True)]
    return Attached("left", relation, pairs, node)


# ---- EXISTS and IN
def is_query(part: exp.Expr) -> bool:
    """Whether a condition is EXISTS or IN with an inner query, or the contrary of one."""
    while isinstance(part, exp.Paren | exp.Not):
        part = part.this
    return isinstance(part, exp.Exists) or (isinstance(part, exp.In) and part.args.get("query") is not None)


def semi(select: Select, part: exp.Expr) -> Attached:
    """EXISTS and IN as rows with a match, NOT EXISTS and NOT IN as rows without one."""
    from protocols.sql.placement import Placement

    wanted, node = True, part
    while isinstance(node, exp.Paren | exp.Not):
        wanted = wanted is not isinstance(node, exp.Not)
        node = node.this
    query = node.this if isinstance(node, exp.Exists) else node.args["query"]
    query = query.this if isinstance(query, exp.Subquery) else query
    if not isinstance(query, exp.Select):
        raise select.text.refused(part, f"{shown(part)}: an inner SELECT is expected")
    inner = _inner(select, query, null_group=False)
    if inner.aggregated or inner.node.args.get("limit"):
        if isinstance(node, exp.Exists) or inner.correlated:
            raise select.text.refused(
                part, f"{shown(part)}: an inner query with groups cannot name columns from around"
            )
        rows = inner.rows()
        sides = [Slot("", inner.outputs[0].name)]
    else:
        own = [side for _, side in inner.correlated] + ([inner.outputs[0].node] if isinstance(node, exp.In) else [])
        sources = [inner.slot_of(side) for side in own]
        needed = [exp.column(slot.name, table=slot.table) for slot in sources if slot.table]
        rows = Placement(inner).joined(needed, private=True)
        sides = sources
    if isinstance(node, exp.In) and len(inner.outputs) != 1:
        raise select.text.refused(part, f"{shown(part)}: IN takes an inner query with one column")
    outer = [_outer(select, column) for column, _ in inner.correlated]
    if isinstance(node, exp.In):
        outer.append(_outer(select, node.this))
    if not outer:
        raise select.text.refused(
            part, f"{shown(part)}: the inner query needs no column of the query around; compare its count(*)"
        )
    if not wanted and isinstance(node, exp.In):
        _never_missing(select, part, rows, sides[-1], outer[-1])
    turned = {slot: _apart(select, slot) for slot in dict.fromkeys(sides)}
    relation = _turned(rows, turned, select)
    pairs = [(x, turned[y]) for x, y in zip(outer, sides, strict=True)]
    return Attached("semi" if wanted else "anti", relation, pairs, part)


def _never_missing(select: Select, part: exp.Expr, rows: Relation, inside: Slot, outside: Slot) -> None:
    """NOT IN holds nowhere if the inner query gives a NULL, which an anti-join does not say."""
    source = next(s for s in select.sources if outside in s.relation.columns)
    gaps = [
        f"{slot.name} of the {where} query"
        for slot, relation, where in ((inside, rows, "inner"), (outside, source.relation, "outer"))
        if slot not in relation.present
    ]
    if gaps:
        raise select.text.refused(
            part,
            f"{shown(part)}: NOT IN depends on missing values, and {' and '.join(gaps)} may be missing: add a "
            "condition IS NOT NULL there (before this one), or write NOT EXISTS",
        )


def _inner(select: Select, node: exp.Select, *, null_group: bool = True) -> Select:
    from protocols.sql.select import Select as Inner

    return Inner(select.query, node, select.tables, select.every, null_group=null_group)


def _outer(select: Select, node: exp.Expr) -> Slot:
    """A column of the query around, or a term of one of its tables."""
    sources: list[Source] = select.sources_of(node)
    if len(sources) != 1:
        raise select.text.refused(node, f"{shown(node)}: take columns of one table here")
    return select.slot_in(sources[0], node)


def _apart(select: Select, slot: Slot) -> Slot:
    """A name for a column of an inner query that no column around has."""
    select.query.inner_columns += 1
    return Slot(f"inner query {select.query.inner_columns}", slot.name)


def _turned(rows: Relation, turned: dict[Slot, Slot], select: Select) -> Relation:
    """The rows with these columns alone, under names that the query around does not have."""
    kept = {slot: name for slot, name in rows.columns.items() if slot in turned}
    select.query.inner_columns += 1
    number = select.query.inner_columns
    names = {name: f"inner_{number}_{k}" for k, name in enumerate(dict.fromkeys(kept.values()))}
    made = replace(rows, table=rows.table.select(*names), columns=kept).renamed(names)

    def known(slots: Iterable[Slot]) -> frozenset[Slot]:
        return frozenset(turned[slot] for slot in slots if slot in turned)

    return replace(
        made,
        columns={turned[slot]: name for slot, name in made.columns.items()},
        unique=frozenset(known(key) for key in rows.unique if key <= set(turned)),
        present=known(rows.present),
    )


def correlated(select: Select, part: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """The side of a condition that is of the query around, and the side that is of this one. None: all is of this."""
    outside = [column for column in columns_in(part) if not select.scope.is_own(column)]
    if not outside:
        return None
    sides = [part.this, part.expression] if isinstance(part, exp.EQ) else []
    around = [side for side in sides if any(c in outside for c in columns_in(side))]
    if len(around) == 1:
        own = next(side for side in sides if side is not around[0])
        if columns_in(own) and all(c in outside for c in columns_in(around[0])):
            return around[0], own
    raise select.text.refused(
        part,
        f"{shown(part)}: an inner query names columns of the query around ({', '.join(shown(c) for c in outside)}) in "
        "equalities only, column = column; write a join for the rest",
    )
