"""Neighbouring rows that belong together, in a public number of places: sums of each run, and values for its rows.

Rows are in an order in which those of a run are neighbours, and rows that do not count come after all others. A run
ends at its last row. So its sum is the running sum there, less the running sum at the last row of the run before; and
a value of each run reaches its rows as a running sum, from the end, of differences at last rows. Both are local but for
moving last rows to the front, in a secret order that one bit a row sorts.

Arrays here have neither masks nor bases: what a result stands on is stated by the modules that use this one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.errors import ShapeError
from mpc.values.secret import SecretArray, concatenate, constant, minimum, where
from mpc.values.stated import Stated
from protocols.order import Ordering, order_by


def apart(a: SecretArray, b: SecretArray) -> SecretArray:
    """a - b of keys. Keys of more than 61 bits are tags, which are from 0 up, so that a difference is no wider."""
    a, b = a.numeric(), b.numeric()
    if a.frac == b.frac and a.bound + b.bound >= 1 << a.run.engine.capacity:
        return a.invoke("subtract", b, result=Stated(bound=max(a.bound, b.bound)))
    return a - b


def equal_keys(a: Sequence[SecretArray], b: Sequence[SecretArray]) -> SecretArray:
    """Bits: whether rows have the same keys. Rounds: those of an equality, and an and for each further key."""
    same: SecretArray | None = None
    for x, y in zip(a, b, strict=True):
        bit = x == y if x.type == "bool" else apart(x, y) == 0
        same = bit if same is None else same & bit
    if same is None:
        raise ShapeError("expected at least one key")
    return same


def neighbours_equal(keys: Sequence[SecretArray]) -> SecretArray:
    """Bits (n - 1,): whether row i and row i + 1 have the same keys."""
    return equal_keys([key[1:] for key in keys], [key[:-1] for key in keys])


class Segments:
    """Runs of neighbouring rows.

    there  (n,) bits: rows that count; they come first
    first  (n,) bits: rows with which a run begins
    last   (n,) bits: rows with which a run ends
    most   public upper limit of the number of runs for which results have places; further runs are left out
    """

    def __init__(self, there: SecretArray, first: SecretArray, last: SecretArray, most: int) -> None:
        self.run = there.run
        self.there = there
        self.first = first
        self.last = last
        self.most = most
        self.rows = len(there)
        self._ends: Ordering | None = None
        self._exists: SecretArray | None = None
        self._end_places: SecretArray | None = None

    @classmethod
    def between(cls, there: SecretArray, same: SecretArray | None, most: int) -> Segments:
        """The runs of rows that are there, a row belonging to the run of the row before it where `same` is set.

        there  (n,) bits, all set ones before all others;  same  (n - 1,) bits, None for a single row. Rounds 1.
        """
        if same is None or len(there) < 2:
            return cls(there, there, there, most)
        joined = same & there[1:]  # what is there has a row before it that is there
        first = concatenate([there[:1], there[1:] ^ joined])
        last = concatenate([there[:-1] ^ joined, there[-1:]])
        return cls(there, first, last, most)

    @property
    def ends(self) -> Ordering:
        """The order that brings last rows to the front. A sort by one bit."""
        if self._ends is None:
            self._ends = order_by(~self.last)
        return self._ends

    @property
    def exists(self) -> SecretArray:
        """Bits (most,): whether there is such a run."""
        if self._exists is None:
            self._exists = self.at_ends(self.last)
        return self._exists

    def number(self) -> SecretArray:
        """The number of runs, also beyond `most`. Rounds 2."""
        return self.last.sum()

    def at_ends(self, x: SecretArray) -> SecretArray:
        """x (n, …) at the last row of each run: (most, …). Where there is no run, any element of x. Rounds 2."""
        return self.ends.apply(x)[: self.most]

    def totals(self, x: SecretArray, bound: int | None = None) -> SecretArray:
        """The sum of x (n, …) over the rows of each run: (most, …), given that x is 0 at rows that are not there.

        bound  of the magnitudes of all rows together, where a theorem gives a smaller one than n times that of x

        Where there is no run, any number within the bound. Rounds 2; raises RangeError where n times the bound of x
        exceeds the ring.
        """
        running = x.cumsum(0) if bound is None else x.invoke("cumulative_sum", axis=0, result=Stated(bound=bound))
        return self._between(self.at_ends(running))

    def before(self, x: SecretArray) -> SecretArray:
        """x (n, …) at the last row of the run before each run, 0 before the first one: (most, …). Rounds 2."""
        return concatenate([nothing(x, 1), self.at_ends(x)[:-1]])

    def counts(self) -> SecretArray:
        """The number of rows of each run: (most,); where there is no run, any number from -n to n. Rounds 2."""
        return self._between(self.end_places() + 1)

    def _between(self, at: SecretArray) -> SecretArray:
        """The differences of running sums at the ends of runs, each less the one before it: a sum of as many elements
        at most, or its opposite where there is no run, so that the bound of the running sums holds."""
        before = concatenate([nothing(at, 1), at[:-1]])
        return at.invoke("subtract", before, result=Stated(bound=at.bound))

    def end_places(self) -> SecretArray:
        """The place of the last row of each run: (most,). Rounds 2."""
        if self._end_places is None:
            self._end_places = self.at_ends(constant(self.run, np.arange(self.rows)))
        return self._end_places

    def starts(self) -> SecretArray:
        """The place of the first row of each run: (most,). Rounds 2."""
        after = self.end_places() + 1
        return concatenate([nothing(after, 1), after[:-1]])

    def spread(self, x: SecretArray) -> SecretArray:
        """x (most, …), numbers for each run, for each of its rows: (n, …); 0 for other rows. Rounds 4."""
        exists = self.exists.reshape(self.most, *[1] * (x.ndim - 1)).broadcast_to(x.shape)
        x = where(exists, x, 0)
        steps = x - concatenate([x[1:], nothing(x, 1)])
        if self.rows > self.most:
            steps = concatenate([steps, nothing(steps, self.rows - self.most)])
        steps = self.ends.undo(steps)
        # A running sum from the end telescopes: at a row it is x of the first run that ends there or later.
        summed = steps[::-1].invoke("cumulative_sum", axis=0, result=Stated(bound=x.bound))
        return summed[::-1]

    def numbers(self) -> SecretArray:
        """For each row the number of runs that end before it, at most `most`, less half of that: a key of as few bits
        as keep rows in their runs. Rounds: those of a comparison, and 4."""
        ended = self.last.numeric()
        before = (ended.cumsum() - ended).bounded(max(self.rows, 1))
        if self.most < self.rows:  # of runs that are left out, all rows have the largest key
            before = minimum(before, self.most).bounded(self.most)
        half = (self.most + 1) // 2
        return (before - half).bounded(half)

    def at(self, places: SecretArray, x: SecretArray) -> SecretArray:
        """x (n, …) at a place of each run: (most, …), given that the place (most,) is one of the run's rows.

        Where there is no run, any element of x. Rounds: those of an equality and of a sort by one bit, and 8.
        """
        # The place of its run for each row: one row a run has it. For rows that are not there it is 0.
        chosen = (self.spread(places) == np.arange(self.rows)) & self.there
        return order_by(~chosen).apply(x)[: self.most]


def nothing(x: SecretArray, size: int) -> SecretArray:
    """Zeros of the type and scale of x: (size, …)."""
    zeros = x.public(x.run, np.zeros((size, *x.shape[1:]), np.int64), frac=x.frac)
    return zeros.restated(type=x.type)
