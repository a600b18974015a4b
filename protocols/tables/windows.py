"""Rows beside other rows of their group, in an order: ranks, the rows before and after, running sums.

    visits = windows(rows, [patient], [day])           rows of a patient in the order of the day
    visits.rank(), visits.shift(pressure, 1), visits.cumsum(dose), visits.number()

rows  bits (n,);  keys  none to three vectors (n,): without a key, all rows are one group
by    vectors (n,) that order the rows of a group; rows that are equal in all of them keep the order of the table

Results are vectors (n,) in the order of the table, in which no row moves: invalid where there is no row, or a key or an
order is missing. An element stands on its own row, as in `cumsum` of all rows: a rank or a running sum is never of
others alone. What `shift` brings from another row stands on that row, too, whose owner is counted.

One sort by keys and order, however many results; each of them takes about 8 rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.values.basis import union
from mpc.values.places import Lazy
from mpc.values.resolution import ordered
from mpc.values.secret import SecretArray, where
from mpc.values.stated import Stated
from protocols.order import order_by
from protocols.tables.grouped import need_columns, need_keys, present
from protocols.tables.segments import Segments, neighbours_equal
from protocols.tables.sequence import verb

Ties = Literal["first", "min", "max", "average", "dense"]
_NO_ROW = "no row with a key and an order"


class Windows:
    """Rows in the order of their groups and of a column within these."""

    def __init__(
        self, rows: SecretArray, keys: Sequence[SecretArray], by: Sequence[SecretArray], descending: bool
    ) -> None:
        need_columns("windows", rows, by)
        if keys:
            need_keys("windows", rows, keys)
        if not by:
            raise ShapeError("windows: expected at least one column that orders the rows of a group")
        ordered("windows", *by)
        self.run = rows.run
        self._there = present(rows, *keys, *by)
        self._basis = union(rows.basis, *[x.basis for x in (*keys, *by)])
        falling = [_opposite(x) if descending else x.bare() for x in by]
        sort_keys = [*[key.bare() for key in keys], *falling]
        self._order = order_by(*[key.masked(self._there, "no row") for key in sort_keys])
        self._sorted = self._order.apply(self._there)
        in_order = [self._order.apply(key) for key in sort_keys]
        self._groups = self._runs(in_order[: len(keys)])
        self._by, self._all = in_order[len(keys) :], in_order
        self._places = np.arange(len(rows))
        self._start: SecretArray | None = None
        self._same: Segments | None = None

    def _runs(self, keys: Sequence[SecretArray]) -> Segments:
        n = len(self._sorted)
        if n < 2:
            return Segments.between(self._sorted, None, n)
        return Segments.between(self._sorted, neighbours_equal(keys) if keys else self._ones(n - 1), n)

    def _ones(self, size: int) -> SecretArray:
        """Bits that are all set."""
        return self._sorted.constant(np.ones(size, np.bool_))

    @property
    def _ties(self) -> Segments:
        """Runs of rows of a group that are equal in the order."""
        if self._same is None:
            self._same = self._runs(self._all)
        return self._same

    def _starts(self) -> SecretArray:
        """For each row, in order, the place of the first row of its group."""
        if self._start is None:
            self._start = self._groups.spread(self._groups.starts())
        return self._start

    def _result(self, x: SecretArray, *columns: SecretArray) -> SecretArray:
        """x, in order, back in the order of the table, made of the rows themselves and of these columns."""
        basis = union(self._basis, *[column.basis for column in columns])
        return self._order.undo(x.bare()).masked(self._there, _NO_ROW).with_basis(basis)

    # ---- what a row's place tells
    @verb
    def number(self) -> SecretArray:
        """The number of rows of its group that come before each row: 0 for the first one, as `cumcount`."""
        return self._result((self._places - self._starts()).bounded(len(self._places)))

    @verb
    def rank(self, ties: Ties = "average") -> SecretArray:
        """The rank of each row in its group, from 1 on, as `rank(method=…)` of pandas.

        ties  rows that are equal in the order: "first" ranks them in the order of the table; "min", "max" and "average"
              give all of them the smallest, the largest or the mean of these ranks; "dense" is "min" without gaps
        """
        n = len(self._places)
        if ties == "first":
            return self._result((self._places + 1 - self._starts()).bounded(n))
        same = self._ties
        if ties == "dense":  # runs of equal rows that began in the group
            begun = same.first.numeric().cumsum()
            return self._result((begun - self._groups.spread(self._groups.before(begun))).bounded(n))
        if ties not in ("min", "max", "average"):
            raise ConfigError(f"rank: {ties!r}; expected 'first', 'min', 'max', 'average' or 'dense'")
        low = (same.spread(same.starts()) + 1 - self._starts()).bounded(n)
        if ties == "min":
            return self._result(low)
        high = (same.spread(same.end_places()) + 1 - self._starts()).bounded(n)
        return self._result(high if ties == "max" else (low + high).bounded(2 * n) / 2)

    # ---- other rows
    @verb
    def shift(self, x: SecretArray, rows: int = 1) -> SecretArray:
        """x of the row that is so many rows before each row in its group, as `shift` of pandas; negative: after it."""
        need_columns("shift", self._there, [x])
        if not rows:
            return x
        n = len(self._places)
        if abs(rows) >= n:
            inside = ~self._ones(n)
        elif rows > 0:
            inside = self._starts() <= self._places - rows
        else:
            inside = self._groups.spread(self._groups.end_places()) >= self._places - rows
        rolled = self._order.apply(x).view(lambda a: np.roll(a, rows))
        source = rolled.masked(inside, "no such row in the group")
        # Sums of all rows tell those that come to no other row: none or enough.
        taken = Lazy(self.run, inside.shape, lambda: inside.bare() & self._sorted)
        source = source.with_basis(rolled.basis.filtered((taken,)))
        back = self._order.undo(source)
        return back.masked(self._there, _NO_ROW).with_basis(union(self._basis, back.basis))

    @verb
    def cumsum(self, x: SecretArray) -> SecretArray:
        """The sum of x over the rows of its group up to each row; undefined where x is missing, which counts as 0."""
        need_columns("cumsum", self._there, [x])
        used = where(present(self._there, x), x.bare().numeric(), 0)
        running = self._order.apply(used).cumsum(0)
        before = self._groups.spread(self._groups.before(running))
        # What lies between two running sums is a sum of at most n elements.
        found = self._result(running.invoke("subtract", before, result=Stated(bound=running.bound)), x)
        if x.valid is None:
            return found
        return found.masked(x.valid.bare().broadcast_to(x.shape), x.why or "missing").with_basis(found.basis)


def _opposite(x: SecretArray) -> SecretArray:
    return ~x.bare() if x.type == "bool" else -x.bare()


@verb
def windows(
    rows: SecretArray,
    keys: Sequence[SecretArray],
    by: Sequence[SecretArray],
    *,
    descending: bool = False,
) -> Windows:
    """Rows in groups of equal keys (of no keys: all rows), in the order of columns.

    Raises ShapeError; RangeError for keys that were rounded when they were shared, and as `order_by`.
    """
    return Windows(rows, keys, by, descending)
