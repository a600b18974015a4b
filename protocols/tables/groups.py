"""Group-by on secret keys: rows sorted by key, sums as differences of running sums, a public number of results.

    by_age = group_rows(rows, [age], groups=100)       at most 100 groups: a checked assumption
    by_age.keys[0], by_age.count(), by_age.mean(income)    vectors of 100 places in the order of the key

rows     bits (n,): which places hold a row;  keys  one to three SecretArrays (n,): integers, flags, tags of 62 bits
Rows with a missing key are in no group, as in pandas. A result is invalid ("no such group") in places without a group,
and where more groups than places exist, every result rests on a checked assumption that fails: the release says so.

What a cell stands on: the rows of its own group, counted for all owners together and for each owner, with conditions
and flags as for a sum of all rows (`protocols.tables.cohorts`).

Nothing is opened but what sorting opens. Rounds: those of a sort by the keys and of a sort by one bit, and about 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from mpc.errors import RangeError, ShapeError
from mpc.machine.assumptions import Assumption, assuming
from mpc.values.basis import Basis, union
from mpc.values.reductions import is_flag
from mpc.values.resolution import told_apart
from mpc.values.secret import SecretArray, where
from protocols.order import Ordering, order_by
from protocols.tables.cohorts import by_group, sides_by_group
from protocols.tables.segments import Segments, neighbours_equal

#: Of three key columns at most, people can still say what a group is.
_MOST_KEYS = 3
NO_GROUP = "no such group"
NO_VALUE = "no valid value in this group"


def present(rows: SecretArray, *columns: SecretArray) -> SecretArray:
    """Bits of the rows that are there and valid in all columns, without mask and basis."""
    bits = rows.bare()
    for x in (rows, *columns):
        if x.valid is not None:
            bits = bits & x.valid.bare().broadcast_to(bits.shape)
    return bits


def need_columns(what: str, rows: SecretArray, columns: Sequence[SecretArray]) -> None:
    """Raise ShapeError unless all columns are vectors of the length of the row mask, a vector of bits."""
    if rows.type != "bool" or rows.ndim != 1:
        raise ShapeError(f"{what}: rows is {rows!r}; expected bits (n,)")
    for x in columns:
        if x.shape != rows.shape:
            raise ShapeError(f"{what}: a column of shape {x.shape}; the table has {len(rows)} places")


def need_keys(what: str, rows: SecretArray, keys: Sequence[SecretArray]) -> None:
    """Raise ShapeError unless there are one to three keys of the rows, RangeError for numbers that were rounded."""
    if not 1 <= len(keys) <= _MOST_KEYS:
        raise ShapeError(f"{what}: {len(keys)} keys; expected one to {_MOST_KEYS}")
    need_columns(what, rows, keys)
    for key in keys:
        told_apart(what, key)


def sorted_by_keys(
    rows: SecretArray, keys: Sequence[SecretArray], order: Ordering | None
) -> tuple[Ordering, SecretArray, list[SecretArray]]:
    """The order of rows by key, those that do not count last; and whether a row counts, and its keys, in this order.

    order  an order in which rows with equal keys are neighbours already, the others anywhere
    """
    there = present(rows, *keys)
    bare = [key.bare() for key in keys]
    if order is None:
        order = order_by(*[key.masked(there, "no row") for key in bare])
    else:
        order = order.then(order_by(order.apply(~there)))
    return order, order.apply(there), [order.apply(key) for key in bare]


class Groups:
    """Rows of a table in groups.

    keys    each key of each group, in order: (groups,)
    exists  bits (groups,): whether there is such a group
    """

    def __init__(
        self, rows: SecretArray, keys: Sequence[SecretArray], groups: int, order: Ordering | None = None
    ) -> None:
        need_keys("group_by", rows, keys)
        if not len(rows):
            raise ShapeError("group_by: a table without places")
        if groups < 1:
            raise RangeError(f"group_by: groups={groups}; a public number of groups from 1 up")
        self.run = rows.run
        self.groups = min(groups, len(rows))
        self._there = present(rows, *keys)
        self._basis = union(rows.basis, *[key.basis.plain() for key in keys])
        self._order, there, in_order = sorted_by_keys(rows, keys, order)
        same = neighbours_equal(in_order) if len(rows) > 1 else None
        self.segments = Segments.between(there, same, self.groups)
        self._fits: Assumption | None = None
        if self.groups < len(rows):
            self._fits = Assumption(self.run, self.segments.number() <= self.groups)
        # A group's key is that of each of its rows.
        self.keys = [
            self._result(self.segments.at_ends(x), self._rows_behind()).restated(type=key.type, frac=key.frac)
            for x, key in zip(in_order, keys, strict=True)
        ]
        exists = self.segments.exists
        self.exists = (exists if self._fits is None else assuming(exists, self._fits)).with_basis(self._rows_behind())

    # ---- what a result stands on
    def _totals(self, x: SecretArray) -> SecretArray:
        """Sums over each group of integers in the order of the table; 0 without a group."""
        return where(self.segments.exists, self.segments.totals(self._order.apply(x.numeric())), 0)

    def _rows_behind(self, name: str = "") -> Basis:
        return by_group(self._basis, self._there, self._totals, self.segments.exists, name=name)

    def _behind(self, x: SecretArray, name: str, share: Fraction = Fraction(1)) -> Basis:
        basis = union(x.basis, self._basis)
        return by_group(basis, present(self._there, x), self._totals, self.segments.exists, share=share, name=name)

    def _result(self, x: SecretArray, basis: Basis, defined: SecretArray | None = None) -> SecretArray:
        """x (groups,) with what is known of it: no value without a group or where it is not `defined`; and the
        assumption that all groups fit. That is no assumption about x: without it, groups would be lost silently."""
        if self._fits is not None:
            x = assuming(x, self._fits)
        x = x.without_mask().masked(self.segments.exists, NO_GROUP)
        return (x if defined is None else x.masked(defined, NO_VALUE)).with_basis(basis)

    def _need(self, what: str, x: SecretArray) -> None:
        if x.shape != self._there.shape:
            raise ShapeError(f"{what}: a column of shape {x.shape}; the table has {len(self._there)} places")

    def _used(self, x: SecretArray) -> SecretArray:
        """The values of x in groups, 0 where there is none; in the order of the table, without mask and basis."""
        return where(present(self._there, x), x.bare().numeric(), 0)

    # ---- sums
    def number(self) -> SecretArray:
        """The number of groups, also of those without a place. Stands on all rows."""
        return self.segments.number().with_basis(self._basis.reduced(0, self._there, name="number of groups"))

    def count(self, x: SecretArray | None = None) -> SecretArray:
        """The number of rows of each group; of a column, its valid values. Rounds 2; of a column 4."""
        if x is None or x.valid is None:
            return self._result(self._sizes(), self._rows_behind("count"))
        self._need("count", x)
        counted = self.segments.totals(self._order.apply(present(self._there, x)).numeric())
        return self._result(counted, self._behind(x, "count"))

    def _sizes(self) -> SecretArray:
        return self.segments.counts()

    def _counted(self, x: SecretArray) -> SecretArray:
        """Valid values of x in each group, from 0 up: 0 where there is no group."""
        counted = (
            self._sizes()
            if x.valid is None
            else self.segments.totals(self._order.apply(present(self._there, x)).numeric())
        )
        return where(self.segments.exists, counted, 0)

    def _sum(self, x: SecretArray) -> SecretArray:
        return self.segments.totals(self._order.apply(self._used(x)))

    def sum(self, x: SecretArray) -> SecretArray:
        """The sum of a column's valid values in each group; 0 where all are missing. Rounds 6."""
        self._need("sum", x)
        basis = self._behind(x, "sum")
        if is_flag(x):
            joint = union(x.basis, self._basis)
            basis = sides_by_group(joint, x, present(self._there, x), self._totals, self.segments.exists)
        return self._result(self._sum(x), basis)

    def mean(self, x: SecretArray) -> SecretArray:
        """The mean of a column's valid values in each group; undefined where all are missing."""
        self._need("mean", x)
        count = self._counted(x)
        nonempty = count > 0
        mean = self._sum(x) / where(nonempty, count, 1)
        return self._result(mean, self._behind(x, "mean"), nonempty)

    def any(self, x: SecretArray) -> SecretArray:
        """Whether a flag is set in at least one row of each group where it is valid."""
        return self._result(self._flags("any", x)[0] > 0, self._deciding(x, "any"))

    def all(self, x: SecretArray) -> SecretArray:
        """Whether a flag is set in all rows of each group where it is valid."""
        set_, count = self._flags("all", x)
        return self._result(set_ == count, self._deciding(x, "all"))

    def _flags(self, what: str, x: SecretArray) -> tuple[SecretArray, SecretArray]:
        self._need(what, x)
        if not is_flag(x):
            raise ShapeError(f"{what}: {x!r} is no flag; compare it with a number first")
        return where(self.segments.exists, self._sum(x), 0), self._counted(x)

    def _deciding(self, x: SecretArray, name: str) -> Basis:
        # A single row can decide the result, as in `any` of all rows: where it is of rows, a release needs a reason.
        basis = self._behind(x, name)
        return basis._replace(loose=True) if union(x.basis, self._basis).places else basis


def group_rows(rows: SecretArray, keys: Sequence[SecretArray], *, groups: int, order: Ordering | None = None) -> Groups:
    """Rows in groups of equal keys.

    rows    bits (n,);  keys  one to three vectors (n,) of whole numbers, flags or tags; a row with a missing one is in
            no group
    groups  a public number of places for groups: that there are no more groups is a checked assumption
    order   an order in which equal keys are neighbours, such as one that the owner of all rows gave; default: a sort

    Raises ShapeError; RangeError for keys that were rounded when they were shared.
    """
    return Groups(rows, keys, groups, order)
