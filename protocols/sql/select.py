"""One SELECT, clause by clause: its tables, what WHERE says about one of them, by what they are joined, the rest of
WHERE, and the columns that come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from mpc.tables.private import PrivateTable
from mpc.tables.secret_columns import SecretColumn
from mpc.tables.secret_table import SecretTable
from protocols.sql import inner
from protocols.sql.aggregates import Aggregate, aggregates_in
from protocols.sql.conditions import holds
from protocols.sql.constants import is_public
from protocols.sql.joins import Attached, Classes, Joiner
from protocols.sql.relations import Relation
from protocols.sql.scopes import Scope, Slot, columns_in, conjuncts
from protocols.sql.sources import Reader, Source, scope_of, slots_of, unknown_table
from protocols.sql.steps import IN_SECRET
from protocols.sql.strictness import REJECTING, rejects_missing
from protocols.sql.text import shown
from protocols.sql.values import Row, Value, evaluate

if TYPE_CHECKING:
    from protocols.sql.query import Query

#: What is read of a SELECT; anything else in it is refused.
_CLAUSES = {
    *("expressions", "from_", "joins", "where", "group", "having", "order", "limit", "distinct", "with_", "kind"),
}
#: Single values, by name.
Scalars = dict[str, SecretColumn]


@dataclass(frozen=True)
class Output:
    """A column that comes out: its name, and what it is."""

    name: str
    node: exp.Expr


class Columns(Mapping[str, Value]):
    """What stands in place of parts of a query: columns of a table, by the SQL of the part."""

    def __init__(self, table: PrivateTable | SecretTable, names: Mapping[str, str]) -> None:
        self._table, self._names = table, names

    def __getitem__(self, sql: str) -> Value:
        return self._table.column(self._names[sql])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Select:
    """One SELECT of a query.

    around      the names of the query around it
    null_group  whether rows without a key are a group in the result (they match no row of a join)
    """

    def __init__(
        self,
        query: Query,
        node: exp.Select,
        tables: Mapping[str, exp.Select],
        around: Scope | None = None,
        *,
        null_group: bool = True,
    ) -> None:
        self.query, self.node, self.text, self.steps = query, node, query.text, query.steps
        self.null_group = null_group
        for key, value in node.args.items():
            if value and key not in _CLAUSES:
                part = value[0] if isinstance(value, list) else value
                raise self.text.refused(
                    part if isinstance(part, exp.Expr) else node, f"{key.upper().strip('_')} is not supported"
                )
        self.tables = {**tables, **self._named()}
        reader = Reader(self.text, self._table, self._inner)
        self.sources = self._apart(reader.read(node))
        self.every = Scope(self.text, {s.name: [x.name for x in s.relation.columns] for s in self.sources}, around)
        self.scope = scope_of(self.text, self.sources, around)
        self.classes = Classes()
        self.joiner = Joiner(self.text, self.steps, self.classes, query.matches)
        self.attached: list[Attached] = []
        #: Equalities with the query around: its side, and the side here.
        self.correlated: list[tuple[exp.Expr, exp.Expr]] = []
        #: Conditions about several tables, or about inner queries.
        self.rest: list[exp.Expr] = []
        #: Computed columns, by the SQL of what they stand for.
        self.computed: dict[str, Slot] = {}
        self.outputs = self._outputs()
        self._where()

    # ---- FROM
    def _named(self) -> dict[str, exp.Select]:
        """Inner queries of WITH, by name."""
        found: dict[str, exp.Select] = {}
        named = self.node.args.get("with_")
        if named is None:
            return found
        for each in named.expressions:
            if named.args.get("recursive") or not isinstance(each.this, exp.Select):
                raise self.text.refused(each, "WITH takes SELECTs, none of them recursive")
            if each.args["alias"].args.get("columns"):
                raise self.text.refused(
                    each, "names of columns after WITH name are not supported; write SELECT x AS name"
                )
            found[each.alias.lower()] = each.this
        return found

    def _table(self, node: exp.Table, alias: str) -> Relation:
        inner_query = self.tables.get(node.name.lower())
        if inner_query is not None:
            others = {name: each for name, each in self.tables.items() if name != node.name.lower()}
            return slots_of(alias, Select(self.query, inner_query.copy(), others).rows())
        found = self.query.base(node.name, alias)
        if found is None:
            unknown_table(self.text, node, [*self.query.names, *self.tables])
        assert found is not None
        return found

    def _inner(self, node: exp.Select, alias: str) -> Relation:
        return slots_of(alias, Select(self.query, node, self.tables).rows())

    def _apart(self, sources: list[Source]) -> list[Source]:
        """The tables with columns that have different names in all of them."""
        taken: set[str] = set()
        for source in sources:
            relation = source.relation
            changed = {}
            for name in dict.fromkeys(relation.columns.values()):
                new = name if name not in taken else f"{source.name}_{name}"
                while new in taken:
                    new += "_"
                taken.add(new)
                if new != name:
                    changed[name] = new
            source.relation = relation.renamed(changed)
        return sources

    def _outputs(self) -> list[Output]:
        found: list[Output] = []
        for each in self.node.expressions:
            node = each.this if isinstance(each, exp.Alias) else each
            if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
                star = node if isinstance(node, exp.Star) else node.this
                if any(star.args.values()):
                    raise self.text.refused(each, f"{shown(each)}: name the columns")
                for table, names in self.scope.tables.items():
                    if isinstance(node, exp.Star) or table.lower() == node.table.lower():
                        every = isinstance(node, exp.Star)
                        shown_once = [n for n in names if not every or Slot(table, n) not in self.scope.merged]
                        found += [Output(name, exp.column(name, table=table)) for name in shown_once]
                continue
            name = each.alias if isinstance(each, exp.Alias) else each.name if isinstance(each, exp.Column) else ""
            name = name or shown(node)
            self.resolve(node)
            found.append(Output(name, node))
        names = [output.name for output in found]
        for name in names:
            if names.count(name) > 1:
                raise self.text.refused(
                    self.node.expressions[0], f"two columns are named {name!r}; name one of them with AS"
                )
        return found

    def resolve(self, node: exp.Expr, scope: Scope | None = None) -> set[Slot]:
        """The columns that a part of the query takes; their names get the name of their table."""
        return {(scope or self.scope).find(column) for column in columns_in(node)}

    def has_column(self, node: exp.Column) -> bool:
        """Whether a table in FROM has a column of this name."""
        return any(name.lower() == node.name.lower() for names in self.scope.tables.values() for name in names)

    # ---- WHERE and ON
    def _where(self) -> None:
        where = self.node.args.get("where")
        for source in self.sources:
            if source.how == "inner":
                for part in [*conjuncts(source.on), *self._using(source)]:
                    self._inner_condition(part)
            else:
                self._attached(source)
        for part in conjuncts(where.this if where is not None else None):
            self._inner_condition(part)

    def _using(self, source: Source) -> list[exp.Expr]:
        """USING (k) as conditions: the column of a table before, and this one's."""
        found: list[exp.Expr] = []
        for name in source.using:
            before = [
                s.name
                for s in self.sources[: self.sources.index(source)]
                if any(slot.name.lower() == name.name.lower() for slot in s.relation.columns)
            ]
            if len(before) != 1:
                raise self.text.refused(
                    name, f"USING ({name.name}): {len(before)} tables before have this column; write ON"
                )
            left, right = exp.column(name.copy(), table=before[0]), exp.column(name.copy(), table=source.name)
            found.append(exp.EQ(this=left, expression=right))
        return found

    def _source_of(self, slots: Iterable[Slot]) -> list[Source]:
        tables = {slot.table for slot in slots}
        return [source for source in self.sources if source.name in tables]

    def _inner_condition(self, part: exp.Expr) -> None:
        """A condition that each row of the result fulfils."""
        between = None if inner.is_query(part) else inner.correlated(self, part)
        if between is not None:
            self.correlated.append(between)
            return
        if inner.is_query(part):
            self.attached.append(inner.semi(self, part))
            return
        for query in inner.scalars_in(part):
            attached = inner.scalar(self, query)
            if attached is not None:
                self.attached.append(attached)
        slots = self.resolve(part, self.scope)
        sources = self._source_of(slots)
        plain = not list(inner.scalars_in(part))
        for source in sources:
            if source.how == "left" and plain and rejects_missing(part, {source.name}):
                self._turn_inner(source)  # WHERE keeps no row without a match: the join is an inner one
        outer = [source for source in sources if source.how == "left"]
        if len(sources) == 1 and not outer and plain:
            source = sources[0]
            source.relation = self.filtered(source.relation, part)
        elif isinstance(part, exp.EQ) and plain and not outer and self._pair(part) is not None:
            a, b = self._pair(part) or (Slot("", ""), Slot("", ""))
            self.classes.join(a, b, part)
        else:
            self.rest.append(part)

    def _turn_inner(self, source: Source) -> None:
        for attached in [each for each in self.attached if each.name == source.name]:
            self.attached.remove(attached)
            for x, y in attached.pairs:
                self.classes.join(x, y, attached.node)
        source.how = "inner"

    def _pair(self, part: exp.EQ) -> tuple[Slot, Slot] | None:
        """The columns of two tables that a condition says are equal; terms are computed at their table first."""
        sides = []
        for side in (part.this, part.expression):
            sources = self._source_of(self.resolve(side, self.every))
            if len(sources) != 1:
                return None
            sides.append((sources[0], side))
        (one, a), (other, b) = sides
        if one is other:
            return None
        return self.slot_in(one, a), self.slot_in(other, b)

    def sources_of(self, node: exp.Expr) -> list[Source]:
        """The tables whose columns a part of the query takes."""
        return self._source_of(self.resolve(node, self.every))

    def slot_of(self, node: exp.Expr) -> Slot:
        """A column of one table, or a term of its columns."""
        sources = self.sources_of(node)
        if len(sources) != 1:
            raise self.text.refused(node, f"{shown(node)}: take columns of one table here")
        return self.slot_in(sources[0], node)

    def slot_in(self, source: Source, side: exp.Expr) -> Slot:
        if isinstance(side, exp.Column):
            return self.every.find(side)
        source.relation = self.with_term(source.relation, side)
        return self.computed[side.sql()]

    def _attached(self, source: Source) -> None:
        """A table of a LEFT, SEMI or ANTI JOIN."""
        pairs: list[tuple[Slot, Slot]] = []
        node = source.on if source.on is not None else source.node
        for part in [*conjuncts(source.on), *self._using(source)]:
            sources = self._source_of(self.resolve(part, self.every))
            if sources == [source]:
                source.relation = self.filtered(source.relation, part)
                continue
            pair = self._pair(part) if isinstance(part, exp.EQ) else None
            if pair is None or source not in sources:
                raise self.text.refused(
                    part,
                    f"{shown(part)}: ON of a {source.how} join takes equal columns of both tables, and conditions "
                    f"about {source.name} alone",
                )
            pairs.append(pair if pair[1] in source.relation.columns else (pair[1], pair[0]))
        how: Any = source.how
        self.attached.append(Attached(how, source.relation, pairs, node, source.name))

    def filtered(self, relation: Relation, part: exp.Expr) -> Relation:
        """The rows of one table where a condition holds."""
        row = self.row(relation)
        truth = holds(part, row)
        present = {self.every.find(c) for c in columns_in(part)} if isinstance(part, REJECTING) else set()
        if isinstance(part, exp.Not) and isinstance(part.this, exp.Is) and isinstance(part.this.expression, exp.Null):
            present = {self.every.find(c) for c in columns_in(part)}
        if isinstance(relation.table, PrivateTable):
            with self.steps.step(self.steps.owners(relation.owners or ()), f"filter {relation.words}: {shown(part)}"):
                return relation.filter(truth, present)
        with self.steps.step(IN_SECRET, f"filter: {shown(part)}", relation.table.capacity):
            return relation.filter(truth, present)

    def row(self, relation: Relation, ready: Mapping[str, Value] | None = None) -> Row:
        """What expressions are evaluated on: these rows."""
        known = {sql: relation.columns[slot] for sql, slot in self.computed.items() if slot in relation.columns}
        columns: Mapping[str, Value] = Columns(relation.table, known)
        return Row(self.text, inner.Finding(self, relation), ready if ready is not None else columns)

    def with_term(self, relation: Relation, node: exp.Expr) -> Relation:
        """The rows with a column for a part of the query."""
        slot = Slot("", node.sql())
        if slot in relation.columns:
            return relation
        value = evaluate(node, self.row(relation))
        if is_public(value):
            return relation
        self.computed[node.sql()] = slot
        return relation.assign(slot, f"computed_{len(self.computed)}", value)

    # ---- what comes out
    def rows(self) -> Relation:
        """The rows of an inner query."""
        from protocols.sql.outcome import relation_of

        return relation_of(self)

    @property
    def aggregated(self) -> bool:
        """Whether rows are reduced."""
        return bool(self.node.args.get("group") or self.aggregates() or self.node.args.get("having"))

    def aggregates(self) -> dict[str, Aggregate]:
        """The aggregates of all clauses."""
        return aggregates_in(self.late(), self.text)

    def late(self) -> list[exp.Expr]:
        """Parts that are computed of groups, or of rows where there are none."""
        having, order = self.node.args.get("having"), self.node.args.get("order")
        parts = [output.node for output in self.outputs]
        parts += [having.this] if having is not None else []
        for ordered in order.expressions if order is not None else ():
            found = self.output_of(ordered.this)
            if found is None:
                parts.append(ordered.this)
        for part in parts[len(self.outputs) :]:
            self.resolve(part, self.scope)
        return parts

    def output_of(self, node: exp.Expr) -> Output | None:
        """The output that ORDER BY or GROUP BY names, by its name or its number."""
        if isinstance(node, exp.Literal) and not node.is_string:
            number = int(node.this) if str(node.this).isdigit() else 0
            if not 1 <= number <= len(self.outputs):
                raise self.text.refused(node, f"column {node.this} of the result; there are {len(self.outputs)}")
            return self.outputs[number - 1]
        if isinstance(node, exp.Column) and not node.table:
            same = [output for output in self.outputs if output.name.lower() == node.name.lower()]
            return same[0] if same else None
        return None
