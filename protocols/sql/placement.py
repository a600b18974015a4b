"""Where the rows of a SELECT are joined: at their owner as far as one owner has them, then in secret.

All that one owner can compute of its own rows it computes before rows are shared: joins with its other tables,
conditions, and every term with columns of these tables alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from mpc.tables.private import PrivateTable
from mpc.tables.secret_table import SecretTable
from protocols.sql import inner
from protocols.sql.joins import Attached
from protocols.sql.relations import Relation
from protocols.sql.scopes import Slot, within
from protocols.sql.strictness import strict_terms

if TYPE_CHECKING:
    from protocols.sql.select import Select


class Placement:
    """The rows of a SELECT, and what of it their owners compute."""

    def __init__(self, select: Select) -> None:
        self.select = select

    def joined(self, wanted: Sequence[exp.Expr], *, private: bool) -> Relation:
        """The rows of all tables, with what the `wanted` parts of the query need. private: rows of one table, or of
        tables of one owner, may stay where they are."""
        relations = [source.relation for source in self.select.sources if source.how == "inner"]
        relations = self.select.joiner.merged(relations)
        relations = self._attach_at_owner(relations)
        relations = self._filter_at_owner(relations)
        if len(relations) == 1 and not self.select.attached and not self.select.rest and private:
            return relations[0]
        needed = [*wanted, *self.select.rest]
        relations = [self._lifted(relation, needed) for relation in relations]
        relations = [self._shared(relation, needed, relations) for relation in relations]
        for attached in self.select.attached:
            self._shared_beside(attached, needed)
        rows = self.select.joiner.in_secret(self._attach_in_secret(relations))
        for attached in self.select.attached:
            rows = self.select.joiner.attach(rows, attached, at_owner=False)
        for part in self.select.rest:
            rows = self.select.filtered(rows, part)
        return rows

    def _attach_at_owner(self, relations: list[Relation]) -> list[Relation]:
        for attached in list(self.select.attached):
            for place, relation in enumerate(relations):
                same = relation.owner is not None and relation.owner == attached.relation.owner
                if same and relation.has(x for x, _ in attached.pairs):
                    relations[place] = self.select.joiner.attach(relation, attached, at_owner=True)
                    self.select.attached.remove(attached)
                    break
        return relations

    def _shared_beside(self, attached: Attached, needed: Sequence[exp.Expr]) -> None:
        """Share an attached table; each of its keys once, where the question is whether there is a match."""
        relation = attached.relation
        keys = [y for _, y in attached.pairs]
        if isinstance(relation.table, PrivateTable) and not self.select.joiner.finds_one(relation, attached.pairs):
            each = relation.once(keys)
            if attached.how == "left":
                attached.lonely = self._shared(each, [], [], attached)
            else:
                relation = each
        if attached.how != "left":  # nothing but its keys is asked for
            attached.relation = self._shared(relation, [], [], attached)
            return
        strict = [term for part in needed for term in strict_terms(part)]
        attached.relation = self._shared(self._lifted(relation, strict), needed, [], attached)

    def _attach_in_secret(self, relations: list[Relation]) -> list[Relation]:
        """Tables attached where one table has the columns that they are attached by."""
        self.select.attached.sort(key=lambda each: each.how == "left")  # fewer columns are moved
        for attached in list(self.select.attached):
            for place, relation in enumerate(relations):
                grows = attached.lonely is not None and len(relations) > 1  # its rows are no longer its owner's
                if relation.has(x for x, _ in attached.pairs) and not grows:
                    relations[place] = self.select.joiner.attach(relation, attached, at_owner=False)
                    self.select.attached.remove(attached)
                    break
        return relations

    def _filter_at_owner(self, relations: list[Relation]) -> list[Relation]:
        for part in list(self.select.rest):
            if inner.secret_scalars(self.select, part):
                continue
            slots = self._slots(part)
            for place, relation in enumerate(relations):
                if isinstance(relation.table, PrivateTable) and relation.has(slots):
                    relations[place] = self.select.filtered(relation, part)
                    self.select.rest.remove(part)
                    break
        return relations

    def _slots(self, node: exp.Expr) -> set[Slot]:
        """The columns that a part of the query takes: computed ones stand for what they were computed from."""
        slot = None if _is_branch(node) else self.select.computed.get(node.sql())
        if slot is not None:
            return {slot}
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            return {self.select.every.find(node)}
        if isinstance(node, exp.Select):
            return set()
        return set().union(*(self._slots(child) for child in node.iter_expressions()))

    def _lifted(self, relation: Relation, parts: Sequence[exp.Expr]) -> Relation:
        """The rows with a column for each term of their columns alone: their owner computes it."""
        if not isinstance(relation.table, PrivateTable):
            return relation
        for part in parts:
            for term in self._terms(part, relation):
                relation = self.select.with_term(relation, term)
        return relation

    def _terms(self, node: exp.Expr, relation: Relation) -> list[exp.Expr]:
        """The largest parts of a part that take columns of these rows alone, and are more than a column."""
        if isinstance(node, exp.Column | exp.Select | exp.Literal):
            return []
        slots = self._slots(node)
        of_rows = isinstance(node, exp.Condition) and not isinstance(
            node, exp.AggFunc | exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.Distinct | exp.Ordered | exp.Paren
        )
        free = not any(isinstance(part, exp.AggFunc | exp.Subquery | exp.Star) for part in within(node))
        if (
            of_rows
            and free
            and not _is_branch(node)
            and slots
            and relation.has(slots)
            and node.sql() not in self.select.computed
        ):
            return [node]
        return [term for child in node.iter_expressions() for term in self._terms(child, relation)]

    def share(self, relation: Relation, wanted: Sequence[exp.Expr]) -> Relation:
        """Private rows in secret, with what the `wanted` parts of the query need."""
        return self._shared(self._lifted(relation, wanted), wanted, [])

    def _shared(
        self,
        relation: Relation,
        wanted: Sequence[exp.Expr],
        others: Sequence[Relation],
        attached: Attached | None = None,
    ) -> Relation:
        """The rows in secret, with the columns that are needed from here on."""
        if not isinstance(relation.table, PrivateTable):
            return relation
        slots = set().union(*(self._slots(part) for part in wanted)) if wanted else set()
        keys, compared = self._joining(relation, others)
        pairs = attached.pairs if attached else [pair for each in self.select.attached for pair in each.pairs]
        keys |= {slot for pair in pairs for slot in pair if slot in relation.columns}
        slots |= compared
        rows = self.select.query.places(relation, attached.node if attached else self.select.node)
        with self.select.steps.step(self.select.steps.owners(relation.owners or ()), f"share {relation.words}") as step:
            made = relation.shared(slots, keys, rows)
            assert isinstance(made.table, SecretTable)
            step.places = made.table.capacity
        return made

    def _joining(self, relation: Relation, others: Sequence[Relation]) -> tuple[set[Slot], set[Slot]]:
        """The columns by which rows meet those of other tables, and those whose values are compared with others': where
        no table has a unique key with them, or where three tables have the same."""
        classes = self.select.classes
        keys, compared = set(), set()
        for slot in relation.columns:
            if slot not in classes.said:
                continue
            root = classes.root(slot)
            same = [[x for x in each.columns if x in classes.said and classes.root(x) == root] for each in others]
            if sum(map(bool, same)) < 2:
                continue
            unique = {x for each in others for key in each.unique for x in key}
            keyed = any(x in unique for found in same for x in found)
            if keyed or self.select.query.matches is not None:
                keys.add(slot)
            if not keyed or sum(map(bool, same)) > 2:
                compared.add(slot)
        return keys, compared


def _is_branch(node: exp.Expr) -> bool:
    """Whether a part is WHEN … THEN … of a CASE, which is no term of its own."""
    return isinstance(node, exp.If) and isinstance(node.parent, exp.Case)
