"""Which column a name in a query means. Names compare without case, as in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlglot import exp

from mpc.suggestions import also, closest
from protocols.sql.text import Text, shown


class Slot(NamedTuple):
    """A column of a query: of the table that has this name in FROM. Without a table: computed, and named by its SQL."""

    table: str
    name: str


@dataclass(frozen=True)
class Scope:
    """The names that a SELECT sees.

    tables  name in FROM -> its columns
    merged  columns that USING has joined to another one: they are found by the name of their table alone
    outer   names of the query around, for an inner query
    """

    text: Text
    tables: Mapping[str, Sequence[str]]
    outer: Scope | None = None
    merged: frozenset[Slot] = frozenset()

    def find(self, node: exp.Column) -> Slot:
        """The column of a name, which gets its table's name: `age` becomes `people.age`."""
        found = self._own(node)
        if found is None:
            every = [name for names in self.tables.values() for name in names]
            meant = also(closest(node.name, every if not node.table else self._columns(node)))
            where = f"{node.table} has" if node.table else "the tables here have"
            raise self.text.refused(node, f"no column {node.name!r}; {where} {', '.join(every[:12])}{meant}")
        node.set("table", exp.to_identifier(found.table))
        node.this.set("this", found.name)
        return found

    def is_own(self, node: exp.Column) -> bool:
        """Whether a name is one of this SELECT, and not of the query around."""
        return self._own(node) is not None or self.outer is None or self.outer._own(node) is None

    def _columns(self, node: exp.Column) -> Sequence[str]:
        return next((names for table, names in self.tables.items() if _same(table, node.table)), ())

    def _own(self, node: exp.Column) -> Slot | None:
        if node.args.get("db"):
            raise self.text.refused(node, f"{shown(node)}: a column is named COLUMN or TABLE.COLUMN")
        found = [
            Slot(table, name)
            for table, names in self.tables.items()
            if not node.table or _same(table, node.table)
            for name in names
            if _same(name, node.name) and (node.table or Slot(table, name) not in self.merged)
        ]
        if len(found) > 1:
            both = " and ".join(slot.table for slot in found)
            raise self.text.refused(node, f"column {node.name!r} is in {both}; write {found[0].table}.{node.name}")
        if found:
            return found[0]
        if node.table and not any(_same(table, node.table) for table in self.tables) and self.outer is None:
            known = ", ".join(self.tables)
            raise self.text.refused(
                node, f"no table {node.table!r} in FROM; there is {known}{also(closest(node.table, self.tables))}"
            )
        return None


def _same(a: str, b: str) -> bool:
    return a.lower() == b.lower()


def within(node: exp.Expr) -> Iterator[exp.Expr]:
    """A part of a query and its parts, without those of inner queries."""
    yield node
    if isinstance(node, exp.Select | exp.SetOperation):
        return
    for child in node.iter_expressions():
        if not isinstance(child, exp.Select | exp.SetOperation):
            yield from within(child)


def columns_in(node: exp.Expr) -> list[exp.Column]:
    """The names of columns in a part of a query, without those of inner queries."""
    return [each for each in within(node) if isinstance(each, exp.Column) and not isinstance(each.this, exp.Star)]


def conjuncts(node: exp.Expr | None) -> list[exp.Expr]:
    """The conditions that AND joins. What all branches of an OR share stands before it: (a AND b) OR (a AND c) is
    a AND (b OR c)."""
    if node is None:
        return []
    if isinstance(node, exp.Paren):
        return conjuncts(node.this)
    if isinstance(node, exp.And):
        return conjuncts(node.this) + conjuncts(node.expression)
    if isinstance(node, exp.Or):
        return _factored(node)
    return [node]


def _factored(node: exp.Or) -> list[exp.Expr]:
    branches = [conjuncts(branch) for branch in _branches(node)]
    texts = [[part.sql() for part in branch] for branch in branches]
    shared = [part for part in branches[0] if all(part.sql() in text for text in texts[1:])]
    if not shared:
        return [node]
    common = {part.sql() for part in shared}
    rest = [[part for part in branch if part.sql() not in common] for branch in branches]
    if not all(rest):  # one branch is what all share
        return shared
    either: exp.Expr = _joined(exp.And, rest[0])
    for branch in rest[1:]:
        either = exp.Or(this=either, expression=_joined(exp.And, branch))
    return [*shared, either]


def _branches(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Paren):
        return _branches(node.this)
    return _branches(node.this) + _branches(node.expression) if isinstance(node, exp.Or) else [node]


def _joined(kind: type[exp.And], parts: Sequence[exp.Expr]) -> exp.Expr:
    result = parts[0]
    for part in parts[1:]:
        result = kind(this=result, expression=part)
    return result
