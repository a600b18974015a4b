"""FROM: tables of the study, inner queries, and how they are joined in the text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from mpc.suggestions import also, closest
from protocols.sql.relations import Relation
from protocols.sql.scopes import Scope, Slot
from protocols.sql.text import Text, shown

#: What is read of each part of a FROM; anything else in it is refused.
_TABLE = {"this", "alias"}
_JOIN = {"this", "on", "side", "kind", "using"}


@dataclass
class Source:
    """A table in FROM, and how it is joined: "inner", "left", "semi" or "anti".

    on, using  the conditions after ON, or the columns after USING
    """

    name: str
    relation: Relation
    how: str = "inner"
    on: exp.Expr | None = None
    using: tuple[exp.Expr, ...] = ()
    node: exp.Expr = field(default_factory=exp.Select)


@dataclass(frozen=True)
class Reader:
    """Reads FROM.

    table  the study's table of a name, or None
    inner  the rows of an inner query
    """

    text: Text
    table: Callable[[exp.Table, str], Relation | None]
    inner: Callable[[exp.Select, str], Relation]

    def read(self, node: exp.Select) -> list[Source]:
        """The tables of a SELECT, in the order of the text."""
        start = node.args.get("from_")
        if start is None:
            raise self.text.refused(node, "a query without FROM reads nothing")
        sources = [self._source(start.this)]
        for join in node.args.get("joins") or ():
            sources.append(self._joined(join))
        names = [source.name.lower() for source in sources]
        for source in sources:
            if names.count(source.name.lower()) > 1:
                raise self.text.refused(
                    source.node, f"two tables are named {source.name!r}; name one of them: {source.name} AS b"
                )
        return sources

    def _joined(self, join: exp.Join) -> Source:
        self._known(join, _JOIN, "this kind of join")
        source = self._source(join.this)
        side, kind = (str(join.args.get(key) or "").upper() for key in ("side", "kind"))
        if side == "RIGHT" or side == "FULL":
            raise self.text.refused(
                join,
                f"{side} JOIN is not supported; "
                + (
                    "swap the tables of a LEFT JOIN"
                    if side == "RIGHT"
                    else "join with LEFT JOIN from each side, in two queries"
                ),
            )
        if kind not in ("", "INNER", "OUTER", "CROSS", "SEMI", "ANTI"):
            raise self.text.refused(join, f"{kind} JOIN is not supported")
        source.how = "left" if side == "LEFT" else kind.lower() if kind in ("SEMI", "ANTI") else "inner"
        source.on = join.args.get("on")
        source.using = tuple(join.args.get("using") or ())
        if source.how != "inner" and source.on is None and not source.using:
            raise self.text.refused(
                join, f"{source.how} join of {source.name}: say which rows belong together, with ON or USING"
            )
        return source

    def _source(self, node: exp.Expr) -> Source:
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select):
            if not node.alias:
                raise self.text.refused(node, "an inner query in FROM needs a name: (SELECT …) AS name")
            return Source(node.alias, self._renamed(node, self.inner(node.this, node.alias)), node=node)
        if not isinstance(node, exp.Table):
            raise self.text.refused(node, f"{shown(node)}: FROM takes tables of the study and inner queries")
        self._known(node, _TABLE, "what follows the table's name")
        alias = node.alias or node.name
        relation = self.table(node, alias)
        assert relation is not None
        return Source(alias, self._renamed(node, relation), node=node)

    def _renamed(self, node: exp.Expr, relation: Relation) -> Relation:
        if node.args.get("alias") is not None and node.args["alias"].args.get("columns"):
            raise self.text.refused(
                node, "names of columns after a table's name are not supported; write SELECT x AS name"
            )
        return relation

    def _known(self, node: exp.Expr, known: set[str], what: str) -> None:
        for key, value in node.args.items():
            if value and key not in known:
                raise self.text.refused(node, f"{what} is not supported: {shown(node)}")


def scope_of(text: Text, sources: list[Source], outer: Scope | None) -> Scope:
    """The names that a SELECT sees."""
    tables: Mapping[str, Any] = {
        source.name: [slot.name for slot in source.relation.columns if slot.table]
        for source in sources
        if source.how not in ("semi", "anti")
    }
    merged = [
        Slot(source.name, slot.name)
        for source in sources
        for slot in source.relation.columns
        if slot.name.lower() in [name.name.lower() for name in source.using]
    ]
    return Scope(text, tables, outer, frozenset(merged))


def unknown_table(text: Text, node: exp.Table, known: list[str]) -> None:
    """Refuse a table that is not there."""
    raise text.refused(node, f"no table {node.name!r}; there is {', '.join(known)}{also(closest(node.name, known))}")


def slots_of(alias: str, relation: Relation) -> Relation:
    """The rows of an inner query, whose columns have the name of the query around."""
    from dataclasses import replace

    def turned(slot: Slot) -> Slot:
        return Slot(alias, slot.name)

    return replace(
        relation,
        columns={turned(slot): name for slot, name in relation.columns.items()},
        unique=frozenset(frozenset(map(turned, key)) for key in relation.unique),
        present=frozenset(map(turned, relation.present)),
    )
