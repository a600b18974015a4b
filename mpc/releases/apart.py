"""What holds a release apart from earlier ones: the differences between their rows, and between their tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mpc.releases.enough import enough, every_one
from mpc.tables.beside_tables import Levels
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray

if TYPE_CHECKING:
    from mpc.releases.disclosure import Guard


@dataclass(frozen=True, eq=False)
class Beside:
    """A table with its own rule, beside rows or another table.

    levels  beside rows: all levels that may have these rows are shown, or all that may have others. Then the suppressed
            levels are on one side of the rows, which tell no more about them than the table's total does. None: beside
            a table; none of the cells may be suppressed
    """

    guard: Guard
    levels: Levels | None = None

    def same(self, other: Beside) -> bool:
        return self is other or (self.guard is other.guard and self.levels is other.levels is None)

    def holds(self, minimum: int, others: bool) -> SecretArray:
        """The bit that both may come out."""
        shown = list(self.guard.bits(minimum, others).values())
        if self.levels is None or any(bits.shape != self.levels.touched.shape for bits in shown):
            return _all(bits.all() for bits in shown)
        bits = shown[0]
        for other in shown[1:]:
            bits = bits & other
        parts = self.levels.parts
        if parts is not None:
            bits = bits & enough(parts.run, [parts], minimum, others=others)[parts].broadcast_to(bits.shape)
        sides = {side.tobytes(): np.flatnonzero(side) for side in (self.levels.touched, self.levels.left)}
        first, *second = (bits.view(lambda a, i=index: a[i]).all() for index in sides.values())  # type: ignore[misc]
        return first | second[0] if second else first


def _all(bits: Iterable[SecretArray]) -> SecretArray:
    joint = every_one(bits)
    assert joint is not None
    return joint


@dataclass(frozen=True)
class Apart:
    """What holds a release apart from earlier ones, besides the rows that it stands on.

    cohorts  rows in which it differs from earlier releases of rows
    tables   earlier tables of counts by the same columns, and the release itself where it is a table
    beside   the names of the earlier releases
    """

    cohorts: tuple[Cohort, ...] = ()
    tables: tuple[Beside, ...] = ()
    beside: tuple[str, ...] = ()

    def counts(self) -> list[Cohort]:
        """All cohorts that must be none, or enough."""
        levels = [table.levels for table in self.tables if table.levels is not None]
        return [*self.cohorts, *(level.parts for level in levels if level.parts is not None)]

    def joined(self, other: Apart) -> Apart:
        """Both together; what both have, once."""
        return Apart(
            tuple(dict.fromkeys((*self.cohorts, *other.cohorts))),
            (*self.tables, *(table for table in other.tables if not any(table.same(known) for known in self.tables))),
            tuple(dict.fromkeys((*self.beside, *other.beside))),
        )
