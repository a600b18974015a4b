"""Joins on secret keys that nobody holds any more: both tables sorted together, and what is on the right copied down.

    joined = join_rows(left.rows, [left.key], right.rows, [right.key], [income])
    joined.found, joined.columns[0]            for each left row: whether its key is on the right, and the income there
    joined = join_rows(…, matches=3)           up to three right rows for each left row: arrays (left rows, 3)

Rows that their owners hold join at less cost: `protocols.tables.lookup`. What happens here:

1. Right rows, then left rows, are sorted by key; the sort is stable, so right rows come first among equal keys.
2. Right rows are brought to the front, in order: their number is public. Each takes the difference between what it
   shows and what the right row before it shows. The differences go back to their places, and a running sum copies what
   the last right row shows to the rows below it.
3. A left row has found its key if the copied key is its own.

For several matches, a right row also shows the rows before it that have the same key: as many as there is room for.
Further rows with that key are found by nobody; `beyond` counts them, in secret.

Results have no basis: the module that knows both tables states it. Nothing is opened but what sorting opens; sizes
follow from the public numbers of places. Rounds: a sort by the keys, a sort by one bit, two equalities and about 20.
Source: Asharov et al., CCS 2023, for unique keys on the right; copying by differences and a running sum is our own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.values.secret import SecretArray, concatenate, constant, stack
from mpc.values.stated import Stated
from protocols.order import order_by
from protocols.tables.grouped import need_columns, need_keys, present
from protocols.tables.groups import sorted_by_keys
from protocols.tables.segments import apart, equal_keys, neighbours_equal, nothing
from protocols.tables.sequence import verb

NOT_FOUND = "no such row on the other side"


class Joined:
    """What left rows found on the right.

    found    bits (left rows,), or (left rows, matches) for several matches; set for rows that are there alone
    columns  the columns of the right, of the shape of `found`: 0, and invalid, where nothing was found, and where they
             are missing
    """

    def __init__(self, found: SecretArray, columns: list[SecretArray], beyond: SecretArray) -> None:
        self.found = found
        self.columns = columns
        self._beyond = beyond

    @property
    def beyond(self) -> SecretArray:
        """The number of right rows that follow `matches` others with the same key, and are not found."""
        return self._beyond.sum()


@verb
def join_rows(
    left_rows: SecretArray,
    left_keys: Sequence[SecretArray],
    right_rows: SecretArray,
    right_keys: Sequence[SecretArray],
    columns: Sequence[SecretArray] = (),
    *,
    matches: int = 1,
) -> Joined:
    """For each left row the right rows with its keys: the first `matches` of them, in the order of the right table.

    left_rows, right_rows   bits (n,), (m,);  left_keys, right_keys  one to three vectors each, in the same order; a row
                            with a missing key finds nothing and is not found
    columns                 vectors (m,) of the right
    matches                 a public number of right rows for each key

    Raises ShapeError; RangeError for keys that were rounded when they were shared, and for numbers of 62 bits.
    """
    need_keys("join", left_rows, left_keys)
    need_keys("join", right_rows, right_keys)
    need_columns("join", right_rows, columns)
    if len(left_keys) != len(right_keys):
        raise ShapeError(f"join: {len(left_keys)} keys on the left and {len(right_keys)} on the right")
    if matches < 1:
        raise RangeError(f"join: matches={matches}; a public number of right rows for each key, from 1 up")
    return _Sorted(left_rows, left_keys, right_rows, right_keys).joined(columns, min(matches, len(right_rows)))


@verb
def matched(
    left_rows: SecretArray,
    left_keys: Sequence[SecretArray],
    right_rows: SecretArray,
    right_keys: Sequence[SecretArray],
) -> SecretArray:
    """Bits (n,): the left rows whose keys are on the right, once or more often."""
    return join_rows(left_rows, left_keys, right_rows, right_keys).found


class _Sorted:
    """Both tables in the order of the keys."""

    def __init__(
        self,
        left_rows: SecretArray,
        left_keys: Sequence[SecretArray],
        right_rows: SecretArray,
        right_keys: Sequence[SecretArray],
    ) -> None:
        run = left_rows.run
        self.left = [key.bare().numeric() for key in left_keys]
        self.wanted = present(left_rows, *left_keys)
        self.right_size, self.size = len(right_rows), len(right_rows) + len(left_rows)
        # The last of equal right rows is nearest to the left rows: so they stand in reverse.
        keys = [
            concatenate([right.bare().numeric()[::-1], left]) for right, left in zip(right_keys, self.left, strict=True)
        ]
        there = concatenate([present(right_rows, *right_keys)[::-1], self.wanted])
        self.order, _, _ = sorted_by_keys(there, keys)
        side = self.order.apply(constant(run, np.arange(self.size) >= self.right_size))
        self.heads = order_by(side)
        self.to_right = self.order.then(self.heads)
        self.there = self._on_right(there)
        self.keys = [self._on_right(key) for key in keys]

    def _on_right(self, x: SecretArray) -> SecretArray:
        """x of all rows: of the right rows, in the order of the keys."""
        return self.to_right.apply(x)[: self.right_size]

    def of_right(self, x: SecretArray) -> SecretArray:
        """A column of the right table in the order of the keys."""
        return self._on_right(concatenate([x[::-1], nothing(x, self.size - self.right_size)]))

    def copied(self, x: SecretArray) -> SecretArray:
        """For each left row, what the last right row above it shows; 0 where there is none."""
        return self._copied(x, x[1:] - x[:-1])

    def copied_key(self, x: SecretArray) -> SecretArray:
        """As `copied`, of a key, which may be a tag of 62 bits."""
        return self._copied(x, apart(x[1:], x[:-1]))

    def _copied(self, x: SecretArray, differences: SecretArray) -> SecretArray:
        steps = concatenate([x[:1], differences])
        steps = self.heads.undo(concatenate([steps, nothing(steps, self.size - self.right_size)]))
        # Differences of neighbours add up to what the last of them shows.
        shown = steps.invoke("cumulative_sum", axis=0, result=Stated(bound=x.bound))
        return self.order.undo(shown)[self.right_size :]

    def joined(self, columns: Sequence[SecretArray], matches: int) -> Joined:
        # Rows before each right row that have its keys: follows[k] is set where the row k places before has them.
        follows, beyond = [self.there], self._none(1)
        if self.right_size > 1:
            same = concatenate([self._none(1), neighbours_equal(self.keys) & self.there[1:]])
            for _ in range(1, matches):
                follows.append(same & self._shifted(follows[-1], 1))
            beyond = same & self._shifted(follows[-1], 1)
        mine = equal_keys(self.left, [self.copied_key(key) for key in self.keys]) & self.wanted
        found = [mine & (self.copied(bits.numeric()) > 0) for bits in follows]
        of_right = [
            (x, self.of_right(x.bare().numeric()), None if x.valid is None else self.of_right(_bits(x).numeric()))
            for x in columns
        ]
        results = []
        for x, values, valid in of_right:
            parts = [bit * self.copied(self._shifted(values, k)) for k, bit in enumerate(found)]
            there = found
            if valid is not None:
                there = [bit & (self.copied(self._shifted(valid, k)) > 0) for k, bit in enumerate(found)]
            results.append(_beside(parts).masked(_beside(there), x.why or NOT_FOUND))
        return Joined(_beside(found), results, beyond)

    def _none(self, size: int) -> SecretArray:
        return self.there.constant(np.zeros(size, np.bool_))

    def _shifted(self, x: SecretArray, places: int) -> SecretArray:
        """x of the right row so many places before."""
        if not places:
            return x
        first = self._none(places) if x.type == "bool" else nothing(x, places)
        return concatenate([first, x[:-places]])


def _bits(x: SecretArray) -> SecretArray:
    assert x.valid is not None
    return x.valid.bare().broadcast_to(x.shape)


def _beside(parts: Sequence[SecretArray]) -> SecretArray:
    """One array, or several ones along a last axis."""
    return parts[0] if len(parts) == 1 else stack(list(parts)).T
