"""Joins of secret tables on keys. Nobody learns which rows match, or how many.

Where the rows of both tables stand as their owners shared them, owners prepare a lookup of linear cost
(`protocols.tables.lookup`). The result has the places of the table that looks up: of each row at most one matches.

What stands behind a joined row: the row that looked up, and the row that it found. A row that several rows found counts
once: the owner of the rows that look up tells, in secret, which of them is the first with its key. Where several owners
look up, each may have such a row, and a minimum holds for each of them.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.machine.assumptions import Assumption, assuming
from mpc.machine.outside import Part
from mpc.machine.runtime import Runtime
from mpc.tables import lookups
from mpc.tables.keys import KeyColumn
from mpc.tables.local import share_parts
from mpc.tables.lookups import HeldKeys
from mpc.tables.secret_columns import SecretColumn, SecretKey, like_column, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.tables.selections import Selection
from mpc.tables.sharing import Row
from mpc.tables.table_functions import How, Validate
from mpc.values.basis import Basis
from mpc.values.cohorts import Cohort
from mpc.values.places import Lazy, Places, Shared, indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray
from protocols.tables.lookup import Links, link
from protocols.tables.moving import concatenated
from protocols.tables.sorted_join import sorted_join, without

T = TypeVar("T")
NO_MATCH = "no match"
_HOWS = ("inner", "left", "semi", "anti", "outer")
_VALIDATES = (None, "1:1", "m:1", "1:m", "m:m")


def joined(
    left: SecretTable,
    right: SecretTable,
    on: Sequence[str],
    how: How,
    validate: Validate | None,
    matches: int | None,
    suffix: str,
) -> SecretTable:
    """The join of two tables; see `SecretTable.join`."""
    if how not in _HOWS:
        raise ConfigError(f"join: how={how!r}; expected one of {', '.join(map(repr, _HOWS))}")
    if validate not in _VALIDATES:
        raise ConfigError(f'join: validate={validate!r}; expected "1:1", "m:1", "1:m" or "m:m"')
    if not isinstance(right, SecretTable):
        raise ShapeError(f"join: with {right!r}; share its rows first: table.share(rows=N)")
    if not 1 <= len(on) <= lookups.MOST_COLUMNS:
        raise ConfigError(f"join: on {len(on)} columns; expected one to {lookups.MOST_COLUMNS}")
    for name in on:
        _key(left, name).need_rule_of(_key(right, name), "join", (left.name, right.name))
    if matches is not None and (not isinstance(matches, int) or matches < 1):
        raise ConfigError(f"join: matches={matches!r}; expected a public number of rows a key, from 1 up")
    ones = Ones.of(left, right, on, validate)
    if how == "outer":
        return _outer(left, right, on, suffix, ones)
    return _joined(left, right, on, how, suffix, ones, matches)


@dataclass(frozen=True)
class Ones:
    """In which of two tables each key is of one row at most.

    left, right             so the schema says, the script, or the verb that made the table
    held_left, held_right   so its owner's rows are as they were shared: it can prepare a lookup of them
    checked                 the script says it of both, and owners on the left check theirs
    """

    left: bool
    right: bool
    held_left: bool
    held_right: bool
    checked: bool = False

    @classmethod
    def of(cls, left: SecretTable, right: SecretTable, on: Sequence[str], validate: Validate | None) -> Ones:
        """As `validate` says; None: as the tables are known."""
        if validate is None:
            return cls(unique(left, on), unique(right, on), held_unique(left, on), held_unique(right, on))
        one_left, one_right = validate in ("1:1", "1:m"), validate in ("1:1", "m:1")
        return cls(one_left, one_right, one_left, one_right, validate == "1:1")

    @property
    def turned(self) -> Ones:
        """Of the same tables the other way round."""
        return Ones(self.right, self.left, self.held_right, self.held_left)


def _joined(
    left: SecretTable, right: SecretTable, on: Sequence[str], how: How, suffix: str, ones: Ones, matches: int | None
) -> SecretTable:
    """By a lookup that owners prepare where they can, else by a sort."""
    both_held = left.held is not None and right.held is not None
    if both_held and ones.held_right:
        return Join(left, right, on, suffix, checked=ones.checked).result(how)
    if both_held and ones.held_left and how == "inner":
        return _in_order_of(left, right, on, suffix, Join(right, left, on, suffix).result("inner"))
    if ones.checked and not unique(left, on):
        raise ConfigError(
            f'join: validate="1:1" cannot be checked for {left.name}, whose rows or those of {right.name} were moved: '
            'join first, or say validate="m:1"'
        )
    names = right_names(left, right, suffix)
    if ones.right or how in ("semi", "anti"):
        return sorted_join(left, right, on, how, names, 1, one_left=ones.left)
    if ones.left and how == "left":
        both = _joined(left, right, on, "inner", suffix, ones, None)
        return concatenated(both, without(sorted_join(left, right, on, "anti", names, 1, one_left=True), both))
    if ones.left:
        found = sorted_join(right, left, on, "inner", right_names(right, left, suffix), 1, one_left=ones.right)
        return _in_order_of(left, right, on, suffix, found)
    if matches is not None:
        return sorted_join(left, right, on, how, names, matches, one_left=unique(left, on))
    keys = ", ".join(on)
    raise ConfigError(
        f"join: several rows of {right.name} may have the same {keys}. Say how many at most, matches=5; or keep one "
        f'row a key at their owners: latest(per="{on[0]}", by=…), group_by("{on[0]}").agg(…), '
        f'drop_duplicates("{on[0]}"); or declare Key(unique=True), or say validate="m:1", which owners check'
    )


def _outer(left: SecretTable, right: SecretTable, on: Sequence[str], suffix: str, ones: Ones) -> SecretTable:
    """All rows of both tables: those of a left join, and the right rows without a match."""
    if not ones.right and not ones.left:
        raise ConfigError(f'join: how="outer" needs one row a key in one of the tables; on {", ".join(on)} neither has')
    first = _joined(left, right, on, "left", suffix, ones, None)
    alone = _joined(right, left, on, "anti", suffix, ones.turned, None)
    alone = alone.rename(**{old: new for old, new in right_names(left, right, suffix).items() if old != new})
    return concatenated(first, without(alone, first))


def unique(table: SecretTable, on: Sequence[str]) -> bool:
    """Whether each key is of one row at most: by the schema, or by the verb that made the table."""
    return held_unique(table, on) or any(names <= set(on) for names in table.unique)


def held_unique(table: SecretTable, on: Sequence[str]) -> bool:
    """Whether each key is of one row at most, by the schema of the rows as their owners have them."""
    if table.held is None or len(on) != 1:
        return False
    column = table.held.source.schema[_source_name(table, on[0])]
    return isinstance(column, KeyColumn) and column.unique


def right_names(left: SecretTable, right: SecretTable, suffix: str) -> dict[str, str]:
    """The names of the right columns in a join; keys do not come along. Raises ConfigError for a name twice."""
    taken = set(left.columns)
    numbers = [name for name in right.columns if not isinstance(right.column(name), SecretKey)]
    names = {name: f"{name}{suffix}" if name in taken else name for name in numbers}
    new = list(names.values())
    twice = [name for name in new if new.count(name) > 1 or name in taken]
    if twice:
        raise ConfigError(f"join: a column {twice[0]!r} is in both tables; rename it, or give another suffix")
    return names


def _key(table: SecretTable, name: str) -> SecretKey:
    column = table.column(name)
    if not isinstance(column, SecretKey):
        raise ShapeError(f"join: {name} of {table.name} is {column!r}; rows are joined on a key: declare it as Key(…)")
    return column


def _source_name(table: SecretTable, name: str) -> str:
    expression = _key(table, name).expression
    assert expression is not None
    return expression.column


def held_keys(table: SecretTable, on: Sequence[str]) -> HeldKeys:
    """The keys of rows that stand where their owners shared them."""
    held = table.held
    assert held is not None
    return HeldKeys(held.source, held.where, tuple(_source_name(table, name) for name in on), held.rows)


def at_once(run: Runtime, steps: Coroutine[Any, Any, T]) -> T:
    """The result of steps that only schedule: their waits return at once."""
    with run.scope.sequence():
        try:
            steps.send(None)
        except StopIteration as done:
            result: T = done.value
            return result
    raise AssertionError("a step inside of a sequence waits")


class Join:
    """The rows of `left` looked up among those of `right`, which has one row a key."""

    def __init__(
        self, left: SecretTable, right: SecretTable, on: Sequence[str], suffix: str, *, checked: bool = False
    ) -> None:
        """checked: each owner on the left checks that its rows have different keys, as the script says."""
        self.left, self.right = left, right
        self.run = left.run
        self._checked = checked
        #: Whether each key is of one row of an owner on the left.
        self._unique = checked or held_unique(left, on)
        self.keys = held_keys(left, on)
        self.found_keys = held_keys(right, on)
        self.names = right_names(left, right, suffix)

    def result(self, how: How) -> SecretTable:
        """The table."""
        wanted = how in ("inner", "left")
        given = {name: self.right.column(name) for name in self.names} if wanted else {}
        numbers = {name: numbers_of(column) for name, column in given.items()}
        masks, mask_of = self._masks(numbers)
        columns = [x.bare() for x in numbers.values()]
        packed = self._packed(masks)
        steps = link(self.keys, self.found_keys, [*columns, *packed], one_left=self._checked)
        links = at_once(self.run, steps)
        values = links.gathered[: len(columns)]
        bits = self._unpacked(masks, links.gathered[len(columns) :])
        masks_there = {name: bits[k] for name, k in mask_of.items()}
        found = links.found.bare()
        if self._filtered:
            found = found & bits[0]
        self._fits = self._once(links, found)
        found = self._assuming(found)
        if how == "anti":
            return self._apart(self._base(links), found).filter(self._flag(~found))
        base = self._base(links)
        if how == "left":
            return self.left.assign(**self._columns(base, given, values, masks_there, found, left_out=True))
        chosen = self._told(base, found).filter(self._flag(found))
        return chosen.assign(**self._columns(base, given, values, masks_there, found)) if wanted else chosen

    # ---- masks of the right columns, as bits of one number
    @property
    def _filtered(self) -> bool:
        """Whether rows with a key may not be there; places without a row have no key."""
        return bool(self.right.filtered)

    def _masks(self, numbers: Mapping[str, SecretArray]) -> tuple[list[SecretArray], dict[str, int]]:
        """Different masks, first that of the rows, where a filter may have cleared some; and which one a column has."""
        masks = [self.right.rows.bare()] if self._filtered else []
        known = {id(mask.handle): k for k, mask in enumerate(masks)}
        of: dict[str, int] = {}
        for name, x in numbers.items():
            if x.valid is not None:
                handle = id(x.valid.handle)
                if handle not in known:
                    known[handle] = len(masks)
                    masks.append(x.valid.bare().broadcast_to(x.shape))
                of[name] = known[handle]
        return masks, of

    def _packed(self, masks: Sequence[SecretArray]) -> list[SecretArray]:
        if len(masks) < 2:
            return list(masks)
        total = indicator(masks[0])
        for k, mask in enumerate(masks[1:], 1):
            total = total + indicator(mask) * (1 << k)
        return [total.bounded((1 << len(masks)) - 1).bare()]

    def _unpacked(self, masks: Sequence[SecretArray], gathered: Sequence[SecretArray]) -> list[SecretArray]:
        if len(masks) < 2:
            return [bit.bare() for bit in gathered]
        bits = gathered[0].bare().bounded((1 << len(masks)) - 1).bits(len(masks))
        return [bits[..., k] for k in range(len(masks))]

    # ---- several owners on the right
    def _once(self, links: Links, found: SecretArray) -> Assumption | None:
        """That a key is of one row at most, where several owners have rows: each checks its own."""
        if len(links.hits) < 2:
            return None
        times = indicator(links.hits[0])
        for hit in links.hits[1:]:
            times = times + indicator(hit)
        return Assumption(self.run, ~((times > 1) & found).any())

    def _assuming(self, x: SecretArray) -> SecretArray:
        return x if self._fits is None else assuming(x, self._fits)

    # ---- what a joined row stands on
    def _base(self, links: Links) -> Shared:
        """The right rows at the places of the left rows that found them."""
        source = self.found_keys.source
        once = None if self._unique else Lazy(self.run, (self.left.capacity,), self._first)
        linked = tuple(Lazy.of(hit.bare()) for hit in links.hits)
        # Each owner on the left may have a row with a key that counts, so different keys are at least a part of these.
        share = Fraction(1, len(self.keys.source.owners))
        return Shared(
            self.run,
            source.name,
            len(source.owners),
            self.found_keys.rows,
            Selection(source, self.found_keys.where),
            linked=linked,
            once=once,
            share=share,
        )

    def _first(self) -> SecretArray:
        """Bits of the left rows that are the first with their key, as their owner knows."""
        keys = self.keys
        memo = keys.source.memo
        key = ("first", keys.names, keys.rows, b"" if keys.where is None else keys.where.digest)
        if key not in memo:
            parts = [Part("present", (keys.rows,), 0, 1, "int", of="first")]
            memo[key] = share_parts(keys.source, lookups.first_of_key(keys), parts, Row())["present"].reshape(-1) > 0
        bits: SecretArray = memo[key]
        return bits

    def _behind(self, base: Shared, present: Lazy, flags: tuple[Lazy, ...] = ()) -> Places:
        return Places(base, np.arange(self.left.capacity), present, (), flags)

    @property
    def _needs_right(self) -> bool:
        """Whether the number of found rows tells more than that of the rows that found them."""
        return not self._unique or len(self.keys.source.owners) > 1 or len(self.found_keys.source.owners) > 1

    def _told(self, base: Shared, found: SecretArray) -> SecretTable:
        """The left rows, which now tell whether rows on the right exist."""
        if not self._needs_right:
            return self.left
        return self.left.about(Basis((), (self._behind(base, Lazy.of(found)),)))

    def _apart(self, base: Shared, found: SecretArray) -> SecretTable:
        """The left rows, of which those without a match tell, with all of them, how many have one: rows on the right
        that were found must be none or enough."""
        if not self._needs_right:
            return self.left
        there = found & self.left.rows.bare()
        behind = self._behind(base, Lazy.of(there)).reduced(None, None, Fraction(1))
        assert isinstance(behind, Cohort)
        behind.or_none = True
        return self.left.about(Basis((behind,)))

    def _flag(self, bits: SecretArray) -> SecretArray:
        """A condition on the left rows, of which nothing but their own basis is known."""
        return bits.with_basis(self.left.rows.basis.plain())

    def _columns(
        self,
        base: Shared,
        given: Mapping[str, SecretColumn],
        values: Sequence[SecretArray],
        masks: Mapping[str, SecretArray],
        found: SecretArray,
        *,
        left_out: bool = False,
    ) -> dict[str, SecretColumn]:
        """The columns that were looked up, at the places of the left rows.

        left_out  rows without a match stay in the table; a statistic of the columns leaves them out
        """
        ours = self.left.rows
        there = found & ours.bare()
        behind = ours.basis.filtered((*self.left.kept, Lazy.of(there))) if left_out else ours.basis
        added: dict[str, SecretColumn] = {}
        for (name, column), raw in zip(given.items(), values, strict=True):
            x = numbers_of(column)
            mask = there & masks[name] if name in masks else there
            # At most one row of an owner was found; of several owners, at most one has it, which `_once` checks.
            value = self._assuming(raw.bare().bounded(x.bound))
            flags = (Lazy.of(value),) if is_flag(value) else ()
            # What was made from flags and is none itself tells how many rows have them, and these did not come along.
            made = not flags and any(place.flags for place in x.basis.places)
            places = tuple(replace(p, flags=flags) for p in behind.places)
            right = (self._behind(base, Lazy.of(mask), flags),) if self._needs_right else ()
            cohorts = tuple(c.collapsed(None) if c.shape else c for c in x.basis.cohorts)
            basis = Basis(cohorts, (*places, *right), x.basis.loose or made, x.basis.origin)
            added[self.names[name]] = like_column(column, value.masked(mask, NO_MATCH).with_basis(basis))
        return added


def _in_order_of(
    left: SecretTable, right: SecretTable, on: Sequence[str], suffix: str, found: SecretTable
) -> SecretTable:
    """A join of `right` with `left` under the names of a join of `left` with `right`: columns of both tables have the
    suffix on the right."""
    both = {name for name in right.columns if name in left.columns and name not in on}
    names = {}
    for name in both:
        names[name] = f"{name}{suffix}"
        names[f"{name}{suffix}"] = name
    order = [*left.columns, *(f"{name}{suffix}" if name in both else name for name in right.columns if name not in on)]
    turned = found.rename(**names) if names else found
    return turned.select(*[name for name in order if name in turned.columns])


__all__ = ["joined"]
