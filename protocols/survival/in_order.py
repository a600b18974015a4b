"""The rows of one group in the order of their times, the latest first: what sums over their events are made of.

Rows of other groups, and rows that miss something, come after those of the group, so that the row at place i of the
group, counted from 1, has i rows at risk: a public number. Censored rows stand before events of the same time.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mpc.values.secret import SecretArray
from mpc.values.stated import Stated
from protocols.numeric.exponential import exp_of_negative
from protocols.order import Ordering
from protocols.tables.segments import Segments, neighbours_equal

#: Fraction bits of logarithms; the logarithm that stands for no survivor.
LOG_BITS, NOBODY = 36, 64.0
#: Fraction bits of survival.
SURVIVAL_BITS = 28


class InOrder:
    """One group's rows in order, in n places.

    inner   of the rows of all groups, the latest first: the order that brings this group's to the front
    events  (n,) integers 0 and 1: events of this group;  there  bits: its rows;  time  of all rows. All three in the
            order of the rows of all groups
    """

    def __init__(self, inner: Ordering | None, events: SecretArray, there: SecretArray, time: SecretArray) -> None:
        self._inner = inner
        self.events = self.moved(events)
        self._there = there
        self._time = time

    def __len__(self) -> int:
        return len(self.events)

    @cached_property
    def there(self) -> SecretArray:
        """(n,) bits: rows of this group. They come first."""
        return self.moved(self._there)

    @cached_property
    def time(self) -> SecretArray:
        """(n,) of all rows: first those of this group."""
        return self.moved(self._time)

    def moved(self, x: SecretArray) -> SecretArray:
        """Rows of x, which are in the order of the rows of all groups: first those of this group."""
        return x if self._inner is None else self._inner.apply(x)

    def undo(self, x: SecretArray) -> SecretArray:
        """Rows of x moved back to the order of the rows of all groups."""
        return x if self._inner is None else self._inner.undo(x)

    @cached_property
    def runs(self) -> Segments:
        """Runs of equal times. Rounds: an equality."""
        n = len(self)
        return Segments.between(self.there, neighbours_equal([self.time]) if n > 1 else None, n)

    def survival(self, *, before: bool) -> SecretArray:
        """(n,) S after the event of each row, or before it, SURVIVAL_BITS fraction bits. Of equal times, those at later
        places come first. Error 2^-21 of S and 2^-23. Rounds: an exponential."""
        raw = raw_of(log_weights(len(self)), LOG_BITS)
        logs = scaled(self.events, raw)
        # All logarithms add up to -log n and what stands for no survivor.
        most = int(np.abs(raw).sum())
        summed = logs[::-1].invoke("cumulative_sum", axis=0, result=Stated(bound=most))[::-1]
        summed = summed.invoke("subtract", logs, result=Stated(bound=most)) if before else summed
        return exp_of_negative(summed.restated(frac=LOG_BITS, type="fixed", bound=most), SURVIVAL_BITS)


def log_weights(size: int) -> NDArray[np.float64]:
    """log(1 - 1/n) for an event with n = 1, 2, … rows at risk; of the last row at risk -NOBODY."""
    at_risk = np.arange(2, size + 1, dtype=np.float64)
    return np.concatenate([[-NOBODY], np.log1p(-1 / at_risk)])


def scaled(x: SecretArray, raw: NDArray[np.int64]) -> SecretArray:
    """Integers 0 and 1 times raw integers."""
    return x.invoke("scale", by=raw, result=Stated(bound=max(int(np.abs(raw).max(initial=0)), 1), type="int"))


def raw_of(values: NDArray[np.float64], frac: int) -> NDArray[np.int64]:
    """Numbers as raw integers with `frac` fraction bits."""
    return np.rint(np.ldexp(values, frac)).astype(np.int64)
