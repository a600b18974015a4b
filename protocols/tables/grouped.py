"""Statistics of rows in groups that follow from sums over groups, however these are formed.

A result has a place for each group. What a cell stands on: the rows of its own group, counted for all owners together
and for each owner, with conditions and flags as for a sum of all rows (`protocols.tables.cohorts`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.values.basis import Basis, union
from mpc.values.reductions import is_flag
from mpc.values.resolution import told_apart
from mpc.values.secret import SecretArray, where
from protocols.numeric.variance import TOO_LITTLE, accurate, in_units, squared
from protocols.tables.cohorts import Bases, Totals, by_group, sides_by_group
from protocols.tables.sequence import verb

#: Of three key columns at most, people can still say what a group is.
_MOST_KEYS = 3
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
    if rows.type != "bool" or rows.ndim != 1 or not len(rows):
        raise ShapeError(f"{what}: rows is {rows!r}; expected bits (n,), with at least one place")
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


class Grouped(ABC):
    """Rows of a table in groups; results are vectors with a place for each group.

    exists  bits (groups,), without basis: whether there is such a group
    """

    exists: SecretArray

    def __init__(self, rows: SecretArray, keys: Sequence[SecretArray]) -> None:
        need_keys("group_by", rows, keys)
        self.run = rows.run
        self._there = present(rows, *keys)
        self._basis = union(rows.basis, *[key.basis.plain() for key in keys])
        self._bases: Bases = {}

    # ---- what kinds of groups bring
    @abstractmethod
    def totals(self, x: SecretArray) -> SecretArray:
        """Sums (groups,) of numbers (n,) that are 0 where rows do not count; any number where there is no group."""

    @abstractmethod
    def spread(self, x: SecretArray) -> SecretArray:
        """A number of each group (groups,) for each of its rows (n,); any number within the bound for other rows."""

    @abstractmethod
    def result(self, x: SecretArray, basis: Basis, defined: SecretArray | None = None) -> SecretArray:
        """x (groups,) with this basis, valid where there is a group and where it is `defined`."""

    @property
    def _left_out(self) -> Totals | None:
        """Sums over rows that filters of the table left out, by the group that they would be in; None: not known."""
        return None

    def sizes(self) -> SecretArray:
        """The number of rows of each group; any number where there is no group."""
        return self.totals(self._there.numeric())

    # ---- what a result stands on
    @verb
    def _zeroed(self, x: SecretArray) -> SecretArray:
        """Sums over each group of integers; 0 without a group."""
        return where(self.exists, self.totals(x.numeric()), 0)

    def rows_behind(self, name: str = "") -> Basis:
        """The basis of what follows from which rows are in which group."""
        return by_group(
            self._basis, self._there, self._zeroed, self.exists, self._bases, name=name, left_out=self._left_out
        )

    def behind(self, x: SecretArray, name: str, share: Fraction = Fraction(1)) -> Basis:
        """The basis of a result of the valid rows of x in each group."""
        basis = union(x.basis, self._basis)
        there = present(self._there, x)
        return by_group(
            basis, there, self._zeroed, self.exists, self._bases, share=share, name=name, left_out=self._left_out
        )

    def _sides(self, x: SecretArray) -> Basis:
        """The basis of what tells how many rows of each group have a flag."""
        joint, there = union(x.basis, self._basis), present(self._there, x)
        return sides_by_group(joint, x, there, self._zeroed, self.exists, self._bases, self._left_out)

    def need(self, what: str, x: SecretArray) -> None:
        """Raise ShapeError unless x is a column of these rows."""
        if x.shape != self._there.shape:
            raise ShapeError(f"{what}: a column of shape {x.shape}; the table has {len(self._there)} places")

    # ---- sums
    def _sum(self, x: SecretArray) -> SecretArray:
        return self.totals(where(present(self._there, x), x.bare().numeric(), 0))

    def _counted(self, x: SecretArray) -> SecretArray:
        """The number of valid values of x in each group; 0 where there is no group."""
        counted = self.sizes() if x.valid is None else self.totals(present(self._there, x).numeric())
        return where(self.exists, counted, 0).bounded(len(self._there))

    @verb
    def count(self, x: SecretArray | None = None) -> SecretArray:
        """The number of rows of each group; of a column, its valid values. Rounds 2; of a column 4."""
        if x is None or x.valid is None:
            return self.result(self.sizes(), self.rows_behind("count"))
        self.need("count", x)
        return self.result(self.totals(present(self._there, x).numeric()), self.behind(x, "count"))

    @verb
    def sum(self, x: SecretArray) -> SecretArray:
        """The sum of a column's valid values in each group; 0 where all are missing. Rounds 6."""
        self.need("sum", x)
        if not is_flag(x):
            return self.result(self._sum(x), self.behind(x, "sum"))
        return self.result(self._sum(x), self._sides(x))

    @verb
    def mean(self, x: SecretArray) -> SecretArray:
        """The mean of a column's valid values in each group; undefined where all are missing. Rounds: a division."""
        self.need("mean", x)
        count = self._counted(x)
        nonempty = count > 0
        mean = where(nonempty, self._sum(x), 0) / where(nonempty, count, 1)
        # It lies between two values of x, but for the rounding of the division.
        limit = np.ldexp(float(x.bound), mean.frac - x.frac)
        mean = mean.bounded(int(limit * (1 + 2.0**-20)) + 8)
        return self.result(mean, self._sides(x) if is_flag(x) else self.behind(x, "mean"), nonempty)

    @verb
    def var(self, x: SecretArray, ddof: int = 1) -> SecretArray:
        """The variance of a column's valid values about their group's mean; with ddof 0 of all, not of a sample.

        Undefined where at most ddof values are valid, or vary too little for the bound of x, as `SecretArray.var`,
        which has its error, too.
        """
        self.need("var", x)
        basis = self._sides(x) if is_flag(x) else self.behind(x, "variance")
        there, n = present(self._there, x), len(self._there)
        values, unit = in_units(x.bare())
        count = self._counted(x)
        several = count > ddof
        total = self.totals(where(there, values, 0))
        # The mean is no larger than the values; where it is undefined, there is nothing to centre.
        mean = (total / where(count > 0, count, 1)).without_mask().cut(values.frac)
        mean = where(self.exists, mean, 0).bounded(values.bound + 1)
        squares = self.totals(squared(where(there, values - self.spread(mean), 0), n))
        variance = (squares / where(several, count - ddof, 1)).without_mask()
        variance = accurate(variance, squares.frac, unit)
        valid = variance.valid
        assert valid is not None
        return self.result(variance.without_mask(), basis, several).masked(valid, TOO_LITTLE)

    @verb
    def std(self, x: SecretArray, ddof: int = 1) -> SecretArray:
        """The standard deviation of a column's valid values in each group; undefined where `var` is."""
        return self.var(x, ddof).sqrt()

    @verb
    def any(self, x: SecretArray) -> SecretArray:
        """Whether a flag is set in at least one row of each group where it is valid."""
        return self.result(self._set("any", x) > 0, self._deciding(x, "any"))

    @verb
    def all(self, x: SecretArray) -> SecretArray:
        """Whether a flag is set in all rows of each group where it is valid."""
        return self.result(self._set("all", x) == self._counted(x), self._deciding(x, "all"))

    def _set(self, what: str, x: SecretArray) -> SecretArray:
        self.need(what, x)
        if not is_flag(x):
            raise ShapeError(f"{what}: {x!r} is no flag; compare it with a number first")
        return where(self.exists, self._sum(x), 0)

    def _deciding(self, x: SecretArray, name: str) -> Basis:
        # A single row can decide the result, as in `any` of all rows: where it is of rows, a release needs a reason.
        basis = self.behind(x, name)
        return basis._replace(loose=True) if union(x.basis, self._basis).places else basis


def need_places(groups: int) -> None:
    """Raise RangeError unless there is room for at least one group."""
    if groups < 1:
        raise RangeError(f"group_by: groups={groups}; a public number of groups from 1 up")
