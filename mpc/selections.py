"""Rows that releases of one run are about, and what one release tells about another's by subtraction.

The count of all rows less the count of those up to 100 years is the count of those above. So where two selections of
rows follow from the same columns, or one of them is of all rows, their difference is held against the minimum, too:
none, or enough. The release that comes later in the script falls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def apart(new: Selection, earlier: Sequence[tuple[Selection, Cohort]]) -> list[Cohort]:
    """What a selection is held against besides its own rows; earlier ones, each with its own rows as a cohort.

    Where its conditions are combined in any way: no rows, or enough. So where they are combined with those of an
    earlier selection, unless that is small itself, and with those of all earlier ones, unless one of them is: numbers
    of rows under each of two conditions, and under any third that is joined from both, tell those of the smallest
    combination.
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
        found.append(_unless_small(_combinations(new.source, pair), [rows]))
    if len(earlier) > 1 and len(every) <= MOST_CONDITIONS:
        found.append(_unless_small(_combinations(new.source, every), [rows for _, rows in earlier]))
    return found


def _unless_small(cells: Cohort, others: Sequence[Cohort]) -> Cohort:
    """The cells are none or enough, or one of the others is not enough itself: then nobody knows it."""

    def decide(bits: Sequence[SecretArray]) -> SecretArray:
        known = concatenate([bit.reshape(1) for bit in bits[1:]]).all() if len(bits) > 2 else bits[1]
        return bits[0] | ~known

    return Cohort(
        cells.run,
        cells.counts,
        most=cells.most,
        what=cells.what,
        or_none=True,
        sources=(cells, *others),
        decide=decide,
    )


def _conditions(selection: Selection) -> dict[bytes, Expression]:
    where = selection.where
    return {} if where is None else {one.digest: fulfilled(one) for one in conditions(where)}


def _combinations(source: Source, single: Mapping[bytes, Expression]) -> Cohort:
    """The rows of each combination of conditions: none, or enough."""
    key = ("combinations", tuple(single))
    if key not in source.memo:
        flags = list(single.values()) or [everything()]
        sizes = (2,) * len(flags)
        local = source.local.ask(Crosstab(flags, sizes))
        part = Part("apart", sizes, 0, source.at_most, "int", "counts")
        own = share_parts(source, local, [part], Differing(source.at_most))["apart"]
        names = " and ".join(flag.text for flag in flags)
        what = f"rows of {source.name} for each combination of {names}"
        source.memo[key] = Cohort.of(own.sum(0), own, what=what, or_none=True).collapsed(None)
    cohort: Cohort = source.memo[key]
    return cohort
