"""Rows that releases of one run are about, and what one release tells about another's by subtraction.

The count of all rows less the count of those up to 100 years is the count of those above. So where two selections of
rows follow from the same columns, or one of them is of all rows, their difference is held against the minimum, too:
none, or enough. The release that comes later in the script falls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mpc.aggregates import Aggregate, Crosstab, Evaluate
from mpc.cohorts import Cohort, Counts
from mpc.errors import ConfigError
from mpc.expressions import Expression, Floats, conditions, everything
from mpc.local import share_parts
from mpc.outside import Part
from mpc.relations import Rule

if TYPE_CHECKING:
    from mpc.secret import SecretArray
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


class Overlaps(Aggregate):
    """Rows of one selection that are in none of others, and rows of these that are not in it: apart (2, others)."""

    def __init__(self, new: Expression, others: Sequence[Expression]) -> None:
        self._new = new
        self._others = others
        self._apart = np.zeros((2, len(others)))

    def expressions(self) -> Sequence[Expression]:
        return [self._new, *self._others]

    def settings(self) -> tuple[object, ...]:
        return ()

    def update(self, evaluate: Evaluate, rows: int) -> None:
        new = np.broadcast_to(evaluate(self._new) == 1.0, (rows,))
        for k, other in enumerate(self._others):
            there = np.broadcast_to(evaluate(other) == 1.0, (rows,))
            self._apart[:, k] += np.count_nonzero(new & ~there), np.count_nonzero(there & ~new)

    def result(self) -> dict[str, Floats]:
        return {"apart": self._apart}


@dataclass(frozen=True)
class Differing(Rule):
    """0 <= each number of rows <= at_most."""

    at_most: int
    covers = frozenset({"apart"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        return [parts["apart"], self.at_most - parts["apart"]]


def apart(new: Selection, earlier: Sequence[Selection]) -> Cohort:
    """The rows in which a selection differs from earlier ones, each difference by itself: none, or enough."""
    source = new.source
    whole = everything()
    local = source.local.ask(Overlaps(new.where or whole, [old.where or whole for old in earlier]))
    part = Part("apart", (2, len(earlier)), 0, source.at_most, "int")
    own = share_parts(source, local, [part], Differing(source.at_most))["apart"]
    total = own.sum(0).reshape(2 * len(earlier))
    owners = own.shape[0]

    def make() -> Counts:
        return Counts(total.bare(), own.bare().reshape(owners, 2 * len(earlier)))

    what = f"rows of {source.name} in which it differs from other releases"
    return Cohort(source.run, make, most=total.bound, what=what, or_none=True)


#: Conditions joined in one selection, of which all combinations are counted.
MOST_CONDITIONS = 8


def combinations_of(selection: Selection) -> Cohort | None:
    """Where a selection joins several conditions: the rows of each of their combinations, none or enough.

    With the numbers of rows under each condition, and under any other two, it would tell those of the smaller ones.
    Raises ConfigError for more conditions than MOST_CONDITIONS.
    """
    source = selection.source
    single = [] if selection.where is None else conditions(selection.where)
    if len(single) < 2:
        return None
    if len(single) > MOST_CONDITIONS:
        raise ConfigError(
            f"table {source.name}: {len(single)} conditions select rows of one release; at most {MOST_CONDITIONS} can "
            "be held apart. Use a category (`cut` makes one), or fewer conditions"
        )
    sizes = (2,) * len(single)
    local = source.local.ask(Crosstab(single, sizes))
    part = Part("apart", sizes, 0, source.at_most, "int", "counts")
    own = share_parts(source, local, [part], Differing(source.at_most))["apart"]
    what = f"rows of {source.name} for each combination of {' and '.join(one.text for one in single)}"
    return Cohort.of(own.sum(0), own, what=what, or_none=True).collapsed(None)
