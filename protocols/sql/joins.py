"""Joins: at one owner as far as one owner can, then in secret.

Columns that WHERE and ON say are equal form classes. A table joins another one by columns of the same classes; where
these are unique in it, each row of the other finds one row at most, and no number of rows grows. So the rows with the
most partners come first, and tables are looked up for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from sqlglot import exp

from mpc.errors import ShapeError
from mpc.tables.private import PrivateTable
from mpc.tables.secret_columns import SecretColumn, SecretKey, like_column, numbers_of
from mpc.tables.secret_table import SecretTable
from protocols.sql.relations import Relation
from protocols.sql.scopes import Slot
from protocols.sql.steps import IN_SECRET, Steps
from protocols.sql.text import Text, shown
from protocols.sql.values import kind

#: Most columns of a key.
MOST_KEYS = 3
NO_MATCH = "NULL: no match"
How = Literal["inner", "left", "semi", "anti"]


@dataclass
class Classes:
    """Columns that are equal in every row of the result, and where the query says so."""

    parent: dict[Slot, Slot] = field(default_factory=dict)
    said: dict[Slot, exp.Expr] = field(default_factory=dict)

    def root(self, slot: Slot) -> Slot:
        """One column that stands for all that are equal."""
        while self.parent.get(slot, slot) != slot:
            slot = self.parent[slot]
        return slot

    def join(self, a: Slot, b: Slot, node: exp.Expr) -> None:
        """Both columns are equal."""
        self.parent[self.root(a)] = self.root(b)
        self.said.setdefault(a, node)
        self.said.setdefault(b, node)

    def pairs(self, left: Relation, right: Relation) -> list[tuple[Slot, Slot]]:
        """Equal columns of two relations, one pair a class."""
        own = {self.root(slot): slot for slot in left.slots if slot in self.said}
        found: dict[Slot, tuple[Slot, Slot]] = {}
        for slot in sorted(right.slots):
            if slot in self.said and self.root(slot) in own:
                found.setdefault(self.root(slot), (own[self.root(slot)], slot))
        return list(found.values())


@dataclass
class Attached:
    """A table that does not change which rows there are by more than its `how` says.

    left   its columns beside each row, NULL where it has no match;  semi, anti  rows with and without a match
    pairs  columns of the rows, and the columns of the table that are equal to them
    name   in FROM, where it stands there
    """

    how: How
    relation: Relation
    pairs: list[tuple[Slot, Slot]]
    node: exp.Expr
    name: str = ""
    #: Its keys alone, each once, where rows have many partners: rows without a partner are found by them.
    lonely: Relation | None = None


@dataclass(frozen=True)
class Joiner:
    """How the tables of one SELECT are joined.

    matches  public upper limit of the rows with one key, where no side's keys are unique; None: the author states none
    """

    text: Text
    steps: Steps
    classes: Classes
    matches: int | None

    # ---- which columns
    def unique_pairs(self, left: Relation, right: Relation) -> list[tuple[Slot, Slot]] | None:
        """Pairs of equal columns by which a row of `left` finds one row of `right` at most. None: there are none."""
        pairs = self.classes.pairs(left, right)
        by_right = {b: (a, b) for a, b in pairs}
        roots = {self.classes.root(b): (a, b) for a, b in pairs}
        for key in sorted(right.unique, key=len):
            covered = [by_right.get(slot) or roots.get(self.classes.root(slot)) for slot in key]
            if covered and all(covered):
                chosen = [(pair[0], slot) for pair, slot in zip(covered, key, strict=True) if pair is not None]
                more = [pair for pair in pairs if pair[1] not in {b for _, b in chosen}]
                keys = [pair for pair in more if pair[1] in right.columns and kind(right.value(pair[1])) == "key"]
                return (chosen + keys)[:MOST_KEYS]
        return None

    def left_over(self, left: Relation, right: Relation, used: Sequence[tuple[Slot, Slot]]) -> list[tuple[Slot, Slot]]:
        """Equal columns that the join does not compare."""
        roots = {self.classes.root(b) for _, b in used}
        return [pair for pair in self.classes.pairs(left, right) if self.classes.root(pair[1]) not in roots]

    # ---- at an owner
    def merged(self, relations: Sequence[Relation]) -> list[Relation]:
        """The tables of each single owner joined there, where keys are unique."""
        left = list(relations)
        while True:
            found = next(
                (
                    (a, b, pairs)
                    for a in left
                    for b in left
                    if a is not b and a.owner is not None and a.owner == b.owner
                    if (pairs := self.unique_pairs(a, b)) is not None
                ),
                None,
            )
            if found is None:
                return left
            a, b, pairs = found
            joined = self.at_owner(a, b, pairs, "inner")
            left = [joined if each is a else each for each in left if each is not b]

    def at_owner(
        self, a: Relation, b: Relation, pairs: Sequence[tuple[Slot, Slot]], how: How, *, many: bool = False
    ) -> Relation:
        """Two private tables of one owner, joined there. many: a row of `a` may have many partners."""
        left, right = a.table, b.table
        assert isinstance(left, PrivateTable)
        assert isinstance(right, PrivateTable)
        self.same_kinds(a, b, pairs)
        words = f"{a.words} {_WORDS[how]} {b.words} by {self._names(pairs)}"
        most = left.source.at_most + right.source.at_most if many else None
        if many:
            a = replace(a, places=None if a.places is None or b.places is None else a.places + b.places)
        with self.steps.step(self.steps.owners(a.owners or ()), f"join: {words}", a.places):
            table = left.join(
                right,
                left_on=[a.columns[x] for x, _ in pairs],
                right_on=[b.columns[y] for _, y in pairs],
                how=how,
                at_most=most,
            )
        joined = self._joined(a, b, pairs, how, words)
        return (
            self._residual(replace(joined, table=table), a, b, pairs)
            if how == "inner"
            else replace(joined, table=table)
        )

    # ---- in secret
    def in_secret(self, relations: Sequence[Relation]) -> Relation:
        """Secret tables joined one after the other, from the rows that find one partner at most in each other table."""
        if len(relations) == 1:
            return relations[0]
        for first in self._largest_first(relations):
            order = self._order(first, relations)
            if order is not None:
                return self._folded(order)
        return self._many(relations)

    def _folded(self, order: Sequence[Relation]) -> Relation:
        """Tables joined to the table that has their keys, leaves first: so each table is looked up as its owner has
        it."""
        beside: dict[int, list[int]] = {}
        last: list[int] = []  # their keys are in several tables
        for k, child in enumerate(order[1:], 1):
            parent = next((p for p in range(k) if self.unique_pairs(order[p], child) is not None), None)
            if parent is None:
                last.append(k)
            else:
                beside.setdefault(parent, []).append(k)

        def folded(place: int) -> Relation:
            joined = order[place]
            for child in beside.get(place, []) + (last if place == 0 else []):
                other = folded(child)
                pairs = self.unique_pairs(joined, other)
                assert pairs is not None
                joined = self.secretly(joined, other, pairs, "inner", one=True)
            return joined

        return folded(0)

    def _largest_first(self, relations: Sequence[Relation]) -> list[Relation]:
        return sorted(relations, key=lambda r: -getattr(r.table, "capacity", 0))

    def _order(self, first: Relation, relations: Sequence[Relation]) -> list[Relation] | None:
        """The tables in an order in which each is looked up by unique keys."""
        order, joined, left = [first], first, [each for each in relations if each is not first]
        while left:
            found = next((each for each in left if self.unique_pairs(joined, each) is not None), None)
            if found is None:
                return None
            order.append(found)
            joined = replace(joined, columns={**joined.columns, **found.columns}, keys={**joined.keys, **found.keys})
            left = [each for each in left if each is not found]
        return order

    def _many(self, relations: Sequence[Relation]) -> Relation:
        """Joined where no order has unique keys throughout: with a public limit of the rows with one key."""
        joined, *left = self._largest_first(relations)
        while left:
            found = next((each for each in left if self.classes.pairs(joined, each)), None)
            if found is None:
                names = " and ".join((joined.words, left[0].words))
                node = next(iter(self.classes.said.values()), exp.Select())
                raise self.text.refused(
                    node, f"nothing says which rows of {names} belong together; add  a.key = b.key  to WHERE or ON"
                )
            pairs = self.unique_pairs(joined, found)
            if pairs is None and self.matches is None:
                pair = self.classes.pairs(joined, found)[0]
                raise self.text.refused(
                    self.classes.said[pair[1]],
                    f"neither {joined.words} nor {found.words} is known to have each {pair[1].name} once, so the "
                    f"number of joined rows has no limit: say which columns of a table are unique (unique="
                    f'{{"{found.words}": "{pair[1].name}"}}, or in its schema), or how many rows of {found.words} have '
                    "the same key at most (matches=…)",
                )
            used = pairs if pairs is not None else self.classes.pairs(joined, found)[:MOST_KEYS]
            joined = self.secretly(joined, found, used, "inner", one=pairs is not None)
            left = [each for each in left if each is not found]
        return joined

    def secretly(
        self, a: Relation, b: Relation, pairs: Sequence[tuple[Slot, Slot]], how: How, *, one: bool
    ) -> Relation:
        """Two secret tables, joined in secret. one: a row of `a` has one partner at most."""
        assert isinstance(a.table, SecretTable)
        assert isinstance(b.table, SecretTable)
        self.same_kinds(a, b, pairs)
        left, on = _keyed(a, [x for x, _ in pairs])
        right, there = _keyed(b, [y for _, y in pairs])
        right = right.rename(**{old: new for old, new in zip(there, on, strict=True) if old != new})
        words = f"{a.words} {_WORDS[how]} {b.words} by {self._names(pairs)}"
        with self.steps.step(IN_SECRET, f"join: {words}") as step:
            matches = None if one or how in ("semi", "anti") else self.matches
            table = left.join(
                right,
                on=on[0] if len(on) == 1 else on,
                how=how,
                validate="m:1" if one else None,
                matches=matches,
            )
            step.places = table.capacity
        joined = replace(self._joined(a, b, pairs, how, words), table=table)
        return self._residual(joined, a, b, pairs) if how == "inner" else joined

    # ---- both
    def attach(self, a: Relation, attached: Attached, *, at_owner: bool) -> Relation:
        """The rows with a table attached to them."""
        b, how = attached.relation, attached.how
        one = how != "left" or self.finds_one(b, attached.pairs)
        if not one and at_owner:
            return self.at_owner(a, b, attached.pairs, how, many=True)
        if not one and attached.lonely is not None and self.finds_one(a, [(y, x) for x, y in attached.pairs]):
            return self._many_beside(a, attached)
        if not one and self.matches is None:
            names = " and ".join(slot.name for _, slot in attached.pairs)
            raise self.text.refused(
                attached.node,
                f"{b.words} is not known to have each {names} once, so the number of joined rows has no limit: say "
                f'that it is unique (unique={{"{b.words}": …}}, or in its schema), how many rows have the same key '
                "at most (matches=…), or group its rows in an inner query first",
            )
        if at_owner:
            return self.at_owner(a, b, attached.pairs, how)
        return self.secretly(a, b, attached.pairs, how, one=one)

    def finds_one(self, right: Relation, pairs: Sequence[tuple[Slot, Slot]]) -> bool:
        """Whether a row finds one row of `right` at most by these pairs of columns."""
        on = {slot for _, slot in pairs}
        return any(key <= on for key in right.unique)

    def _many_beside(self, a: Relation, attached: Attached) -> Relation:
        """A LEFT JOIN of rows with many partners: each partner with its row, and the rows without a partner."""
        assert attached.lonely is not None
        b, pairs = attached.relation, attached.pairs
        turned = [(y, x) for x, y in pairs]
        matched = self.secretly(b, a, turned, "inner", one=True)
        alone = self.secretly(a, attached.lonely, pairs, "anti", one=True)
        assert isinstance(matched.table, SecretTable)
        assert isinstance(alone.table, SecretTable)
        columns = {**a.columns, **b.columns}
        names = list(dict.fromkeys(columns.values()))
        nothing = {name: _missing_like(matched.table.column(name), alone.table) for name in b.columns.values()}
        words = f"{a.words} {_WORDS['left']} {b.words} by {self._names(pairs)}"
        with self.steps.step(IN_SECRET, f"put together: {words}") as step:
            first, second = matched.table.select(*names), alone.table.assign(**nothing).select(*names)
            table = first.concat(second)
            step.places = table.capacity
        return Relation(table, columns, present=a.present, words=words)

    def _joined(self, a: Relation, b: Relation, pairs: Sequence[tuple[Slot, Slot]], how: str, words: str) -> Relation:
        """What is known of joined rows; their table is put in later."""
        if how in ("semi", "anti"):
            return replace(a, words=words)
        columns = {**a.columns, **b.columns}
        if isinstance(b.table, PrivateTable):  # the key's columns stand in the left table alone
            keys = {y for _, y in pairs}
            columns = {slot: name for slot, name in columns.items() if slot not in keys}
        if how == "inner":
            columns |= {y: a.columns[x] for x, y in pairs if x in a.columns and y not in columns}
        on = {slot for _, slot in pairs}
        one = any(key <= on for key in b.unique)
        unique = a.unique if one else frozenset(x | y for x in a.unique for y in b.unique)
        equal = {slot for pair in pairs for slot in pair}
        present = (a.present | b.present | equal) if how == "inner" else a.present
        return replace(a, columns=columns, unique=unique, present=frozenset(present), words=words)

    def _residual(self, joined: Relation, a: Relation, b: Relation, used: Sequence[tuple[Slot, Slot]]) -> Relation:
        """Equal columns that were no keys of the join are compared."""
        for x, y in self.left_over(a, b, used):
            equal = joined.value(x) == joined.value(y)
            joined = joined.filter(equal, (x, y))
        return joined

    def same_kinds(self, a: Relation, b: Relation, pairs: Iterable[tuple[Slot, Slot]]) -> None:
        """Refuse keys of two kinds, and keys that are real numbers."""
        for x, y in pairs:
            if x not in a.columns or y not in b.columns:
                continue
            kinds = kind(a.value(x)), kind(b.value(y))
            node = self.classes.said.get(y) or self.classes.said.get(x)
            if node is not None and kinds[0] != kinds[1]:
                raise self.text.refused(node, f"{shown(node)}: {x.name} is a {kinds[0]}, and {y.name} a {kinds[1]}")
            if node is not None and "real" in kinds:
                raise self.text.refused(
                    node, f"{shown(node)}: rows are joined by keys and whole numbers, not by real numbers"
                )

    def _names(self, pairs: Sequence[tuple[Slot, Slot]]) -> str:
        return " and ".join(x.name if x.name == y.name else f"{x.name} = {y.name}" for x, y in pairs)


_WORDS = {"inner": "with", "left": "beside", "semi": "that are in", "anti": "that are not in"}


def _keyed(relation: Relation, slots: Sequence[Slot]) -> tuple[SecretTable, list[str]]:
    """A secret table, and its keys for these columns. A number that no owner holds any more is its own tag."""
    table = relation.table
    assert isinstance(table, SecretTable)
    names = []
    for slot in slots:
        name = relation.keys.get(slot) or relation.columns[slot]
        column = table.column(name)
        if not isinstance(column, SecretKey):
            name = f"key {name}"
            table = table.assign(**{name: SecretKey.of_numbers(name, column)})
        names.append(name)
    return table, names


def _missing_like(column: SecretColumn, table: SecretTable) -> SecretColumn:
    """A column of the same kind, missing in all rows."""
    if isinstance(column, SecretKey):
        raise ShapeError(
            f"{column.name} is a key, which cannot be missing beside a row; leave it out, or count the rows"
        )
    like = numbers_of(column)
    kind_ = np.bool_ if like.type == "bool" else np.int64 if like.type == "int" else np.float64
    rows = table.rows
    none = rows.constant(np.zeros(table.capacity, kind_))
    nowhere = rows.constant(np.zeros(table.capacity, np.bool_))
    return like_column(column, none.masked(nowhere, NO_MATCH))
