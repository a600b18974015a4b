"""Columns of the partners beside the rows that they were linked with, and what these columns stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mpc.tables.secret_columns import SecretColumn, like_column, numbers_of
from mpc.values.basis import Basis
from mpc.values.cohorts import Cohort
from mpc.values.integers import from_bits
from mpc.values.places import Lazy, Places, Shared, indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, concatenate, constant, stack, where
from mpc.values.stated import UNMASKED
from protocols.linkage.blocks import Table
from protocols.linkage.pairs import Partners
from protocols.order import order_to


class Bringing:
    """The rows of the right table, brought to the places of the left rows that they were linked with.

    Rounds    about 10 for the order, 2 for each call of `columns`
    Bytes     about 100 for each row of both tables, and 24 for each row and column
    Security  right rows and as many empty rows as there are left places are put in an order that brings partners to
              their left rows. As each row has at most one partner, it is a permutation whatever the filters are; it is
              opened in a random order only (`order_to`)
    """

    def __init__(self, ours: Table, theirs: Table, found: Partners) -> None:
        self.ours, self.theirs = ours, theirs
        self.run = found.left.run
        blocks, m = found.left.shape
        n = found.right.shape[1]
        self.places, self.rows = blocks * m, blocks * n
        offsets = np.arange(blocks).reshape(-1, 1)
        at_right = from_bits(found.of_left.bare()).bare() + offsets * n
        at_left = from_bits(found.of_right.bare()).bare() + offsets * m
        # A right row goes to its partner's place, else behind all places; an empty row to its own place, else to where
        # the right row would have gone that is there now.
        behind = self.places + np.arange(self.rows).reshape(blocks, n)
        there = np.arange(self.places).reshape(blocks, m)
        rows = where(found.right, at_left, constant(self.run, behind)).reshape(-1)
        empty = where(found.left, at_right + self.places, constant(self.run, there)).reshape(-1)
        self._order = order_to(concatenate([rows, empty]))
        self.linked = self._flag(found)
        self._base = self._right_base(found)

    def _by_owner(self, x: SecretArray) -> SecretArray:
        return self.ours.by_owner(x.reshape(self.ours.blocks, -1, *x.shape[1:]))

    def moved(self, x: SecretArray) -> SecretArray:
        """Right rows by blocks (rows, …) at the left places by owners (places, …), 0 where there is none."""
        kind = np.bool_ if x.type == "bool" else np.int64
        empty = constant(self.run, np.zeros((self.places, *x.shape[1:]), kind)).bare()
        return self._by_owner(self._order.apply(concatenate([x.bare(), empty]))[: self.places])

    def columns(self) -> dict[str, SecretColumn]:
        """All columns of the right table at the left places; missing where there is no partner."""
        given = self.theirs.columns
        if not given:
            return {}
        numbers = [numbers_of(column) for column in given.values()]
        # Whole numbers in one array, whatever their scale is: rows move as they are.
        raw = [x.restated(frac=0, type="int", mask=UNMASKED) for x in numbers]
        masks = [x.constant(np.ones(x.shape, np.bool_)) if x.valid is None else x.valid for x in numbers]
        values, valid = (self.moved(_side_by_side(self.theirs, parts)) for parts in (raw, masks))
        found: dict[str, SecretColumn] = {}
        for k, (name, column) in enumerate(given.items()):
            x = numbers[k]
            mask = valid[:, k].bare()
            value = values[:, k].restated(bound=x.bound, frac=x.frac, type=x.type)
            stood = value.masked(mask, "no partner, or missing").with_basis(self._basis(value, mask, x.basis))
            found[name] = like_column(column, stood)
        return found

    def _flag(self, found: Partners) -> SecretArray:
        """Whether a left row has a partner. It stands on the left rows, and on both sides of the right rows: those with
        a partner and the others."""
        linked = self.ours.by_owner(found.left.bare())
        taken = self.theirs.by_owner(found.right.bare())
        there = self.theirs.there.bare()
        name = self.theirs.base.table
        sides = []
        for bits, what, or_none in (
            (taken, f"linked rows of {name}", False),
            (taken ^ there, f"rows of {name} that are not linked", True),
        ):
            own = indicator(bits).reshape(self.theirs.base.owners, -1).sum(1)
            sides.append(Cohort.of(own.sum(0), own, what=what, or_none=or_none))
        origin = (f"links of {self.ours.base.table} and {name}",)
        return linked.with_basis(Basis(tuple(sides), self.ours.there.basis.places, origin=origin))

    def _right_base(self, found: Partners) -> Shared:
        """The right rows in an order that nobody knows: each owner has at most its linked rows among them."""
        base = self.theirs.base
        taken = self.theirs.by_owner(found.right.bare())

        def own() -> SecretArray:
            if base.owners == 1:  # there is nobody else whose rows this owner could single out
                return constant(self.run, np.zeros(1, np.int64)).bare()
            return indicator(taken).reshape(base.owners, -1).sum(1).bare()

        rows = -(-self.places // base.owners)
        return replace(base, rows=rows, limits=own)

    def _basis(self, value: SecretArray, mask: SecretArray, given: Basis) -> Basis:
        flags = (Lazy.of(value),) if is_flag(value) else ()
        # What was made from flags and is none itself tells how many rows have them, and these did not come along.
        made = not flags and any(place.flags for place in given.places)
        places = tuple(replace(place, flags=flags) for place in self.stands_on(mask))
        cohorts = tuple(c.collapsed(None) if c.shape else c for c in given.cohorts)
        return Basis(cohorts, places, loose=given.loose or made, origin=given.origin)

    def stands_on(self, mask: SecretArray) -> tuple[Places, Places]:
        """The rows of both tables behind values at left places that are defined where `mask` is set: all left rows are
        there, so that those without a partner count as left out."""
        ids = np.arange(self.places)
        return Places(self.ours.base, ids, Lazy.of(self.ours.there)), Places(self._base, ids, Lazy.of(mask))


def _side_by_side(table: Table, columns: Sequence[SecretArray]) -> SecretArray:
    """Columns by owners as (rows by blocks, columns)."""
    return stack([table.by_block(x.bare()).reshape(-1) for x in columns]).T
