"""Rows that releases of one run are about, and what one release tells about another's by subtraction.

The count of all rows less the count of those up to 100 years is the count of those above. So where two selections of
rows follow from the same columns, or one of them is of all rows, their difference is held against the minimum, too:
none, or enough. The release that comes later in the script falls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from mpc.aggregates import Crosstab
from mpc.cohorts import Cohort
from mpc.errors import ConfigError
from mpc.expressions import Expression, conditions, everything, fulfilled
from mpc.local import share_parts
from mpc.outside import Part
from mpc.relations import Rule
from mpc.secret import SecretArray, concatenate

if TYPE_CHECKING:
    from mpc.source import Source


class Selection(NamedTuple):
    """Some rows of a table. by: what a table of counts of them is by."""

    source: Source
    where: Expression | None
    by: tuple[Expression, ...] = ()

    @property
    def key(self) -> tuple[str, bytes]:
        """The same for the same rows."""
        return self.source.name, b"" if self.where is None else self.where.digest

    @property
    def columns(self) -> set[str]:
        """The columns that it follows from."""
        return set().union(*(e.columns() for e in (self.where, *self.by) if e is not None))

    def related(self, other: Selection) -> bool:
        """Whether the one can tell about the other."""
        if self.source is not other.source or self.key == other.key:
            return False
        return self.where is None or other.where is None or bool(self.columns & other.columns)


@dataclass(frozen=True)
class Differing(Rule):
    """0 <= each number of rows <= at_most."""

    at_most: int
    covers = frozenset({"apart"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        return [parts["apart"], self.at_most - parts["apart"]]


#: Conditions of which all combinations are counted; those of more are, two releases at a time.
MOST_CONDITIONS = 8

#: Cells of two tables together that are counted.
MOST_CELLS = 4096


def apart(new: Selection, earlier: Sequence[tuple[Selection, Cohort | None]]) -> list[Cohort]:
    """What a selection is held against besides its own rows.

    earlier: selections that were told, each with its rows as a cohort; None where it is known in any case.

    Where its conditions are combined in any way: no rows, or enough. So where they are combined with those of an
    earlier selection, unless that is small itself, and with those of all earlier ones, unless one of them is: numbers
    of rows under each of two conditions, and under any third that is joined from both, tell those of the smallest
    combination. Of all rows and some of them, the others are no rows, or enough.
    Raises ConfigError for a selection by more than MOST_CONDITIONS conditions.
    """
    own = _conditions(new)
    if len(own) > MOST_CONDITIONS:
        raise ConfigError(
            f"table {new.source.name}: {len(own)} conditions select rows of one release; at most {MOST_CONDITIONS} can "
            "be held apart. Use a category (`cut` makes one), or fewer conditions"
        )
    found = [_combinations(new.source, own)] if len(own) > 1 else []
    every = dict(own)
    for old, rows in earlier:
        pair = own | _conditions(old)
        every |= pair
        some = new.where if old.where is None else old.where
        beside = _others(new.source, some) if old.where is None or new.where is None else None
        found.append(_unless_small(beside or _combinations(new.source, pair), [rows]))
    if len(earlier) > 1 and len(every) <= MOST_CONDITIONS:
        found.append(_unless_small(_combinations(new.source, every), [rows for _, rows in earlier]))
    return found


def _unless_small(cells: Cohort, others: Sequence[Cohort | None]) -> Cohort:
    """The cells are none or enough, or one of the others is not enough itself: then nobody knows it."""
    secret = [one for one in others if one is not None]
    if not secret:
        return cells

    def decide(bits: Sequence[SecretArray]) -> SecretArray:
        known = concatenate([bit.reshape(1) for bit in bits[1:]]).all() if len(bits) > 2 else bits[1]
        return bits[0] | ~known

    return Cohort(
        cells.run,
        cells.counts,
        most=cells.most,
        what=cells.what,
        or_none=True,
        sources=(cells, *secret),
        decide=decide,
    )


def beside_table(table: Selection, other: Selection, came_out: Cohort | None) -> Cohort | None:
    """What a table and a selection, or another table, tell by subtraction: rows of each cell of the one that the other
    takes in, and leaves out, are none or enough. None where they tell nothing of each other.

    Only what shares columns counts: of a table by two categories and rows by one of them, that one's cells.
    came_out: the rows of `other`, where it came out only with enough of them.
    Raises ConfigError for more than MOST_CELLS cells.
    """
    if table.source is not other.source or (
        table.key == other.key and [one.digest for one in table.by] == [one.digest for one in other.by]
    ):
        return None
    reaches = set().union(*(one.columns() for one in other.by)) if other.by else other.columns
    here = {one.digest: one for one in table.by if one.columns() & reaches}
    there = {one.digest: one for one in other.by if any(one.columns() & by.columns() for by in here.values())}
    if not here or (here.keys() == there.keys() and table.key == other.key):
        return None
    if not other.by and (table.key == other.key or (table.where is None and _joined_from(here, other.where))):
        return None  # the rows of the whole table, or of whole cells
    by = here | there
    wheres = {one.where.digest: fulfilled(one.where) for one in (table, other) if one.where is not None}
    size = prod(len(one.levels) or 2 for one in by.values()) << len(wheres)
    if size > MOST_CELLS:
        raise ConfigError(
            f"table {table.source.name}: {size:,} cells would have to be held apart (at most {MOST_CELLS:,}); release "
            "one of the tables, or use fewer levels"
        )
    cells = _cells(table.source, [*by.values(), *wheres.values()])
    if len(wheres) > 1:
        cells = cells.view(lambda a: a.reshape(-1, 4)[:, 1:])  # but those that neither is about
    return _unless_small(cells.collapsed(None), [came_out])


def _joined_from(by: Mapping[bytes, Expression], where: Expression | None) -> bool:
    """Whether a condition says which cells of a table are meant, and nothing else."""
    single = [] if where is None else conditions(where)
    return all(
        one.digest in by or (one.symbol in ("==", "!=") and one.arguments[0].levels and one.arguments[0].digest in by)
        for one in single
    )


def _conditions(selection: Selection) -> dict[bytes, Expression]:
    where = selection.where
    return {} if where is None else {one.digest: fulfilled(one) for one in conditions(where)}


def _combinations(source: Source, single: Mapping[bytes, Expression]) -> Cohort:
    """The rows of each combination of conditions: none, or enough."""
    return _cells(source, list(single.values()) or [everything()]).collapsed(None)


def _others(source: Source, some: Expression | None) -> Cohort:
    """The rows that do not fulfil a condition: none, or enough."""
    return _cells(source, [everything() if some is None else fulfilled(some)]).at(0)


def _cells(source: Source, flags: Sequence[Expression]) -> Cohort:
    key = ("combinations", tuple(flag.digest for flag in flags))
    if key not in source.memo:
        sizes = [len(flag.levels) or 2 for flag in flags]
        local = source.local.ask(Crosstab(flags, sizes))
        part = Part("apart", tuple(sizes), 0, source.at_most, "int", "counts")
        own = share_parts(source, local, [part], Differing(source.at_most))["apart"]
        names = " and ".join(flag.text for flag in flags)
        what = f"rows of {source.name} for each combination of {names}"
        source.memo[key] = Cohort.of(own.sum(0), own, what=what, or_none=True)
    cohort: Cohort = source.memo[key]
    return cohort
