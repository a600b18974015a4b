"""Efron's treatment of ties in Cox's model: events of one time leave the risk set one after the other, each as the mean
of all of them.

Of the d events of a time, the one with k events after it has the denominator
    S0 - (k / d) D0,   with S0 = sum h over the risk set and D0 = sum h over the d events,
so each event has a risk set of its own, and sums are by row instead of by time. Rows are in the order of their times,
the latest first, and the events of a time come last: so k counts from the end of a run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpc.values.secret import SecretArray, constant
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.numeric.division import reciprocal
from protocols.numeric.normalize import F, leading_bit
from protocols.survival.risk_sets import RiskSets
from protocols.tables.segments import Segments

#: Fraction bits of the share k / d: with d = 2^17, d times its error is 2^-23.
_SHARE, _FINE = 40, 44


@dataclass
class Ties:
    """Of rows in order: integers 0 and 1 for rows with the event, and the share k / d of those of its time that come
    after it; 0 for other rows."""

    died: SecretArray
    share: SecretArray
    runs: Segments

    @classmethod
    def of(cls, died: SecretArray, events: SecretArray, runs: Segments) -> Ties:
        """died  (n,) integers 0 and 1;  events  (n,) their number in each run. Rounds  about 40"""
        n = len(died)
        ends, of_time = (runs.spread(x) for x in (runs.end_places(), events))
        after = (ends - constant(died.run, np.arange(n))).times(died, bound=n)
        # k < d, both below 2^width; d = m 2^(j + 1) with m in [1/2, 1).
        width = n.bit_length()
        leading = leading_bit(of_time.bounded(n), width)
        up = leading.table([1 << (width - 1 - j) for j in range(width)])
        # Where there is no event, as if the mantissa were 1.
        mantissa = of_time.times(up, bound=1 << width).rescaled(width) + leading.is_zero()
        mantissa = mantissa.bounded(1 << width)
        near = reciprocal(mantissa.shifted(F).bounded(1 << F))
        # Twice as many digits, on an exact remainder.
        remainder = (1.0 - near.times(mantissa)).bounded(1 << (F + width - 22))
        fine = near.shifted(_FINE) + near.product(remainder, _FINE, limit=2.0**-21)
        fine = fine.cut(_SHARE).bounded((2 << _SHARE) + (1 << 20))
        part = after.times(up, bound=1 << width).rescaled(width)
        share = part.times(fine, bound=(1 << (_SHARE + width)) + (1 << (20 + width))).cut(_SHARE)
        return cls(died, share.bounded(1 << _SHARE), runs)


class EfronSets(RiskSets):
    """As `RiskSets`, by row: what an event divides by is its own. ties: of the rows"""

    #: Numerators are at most FARTHEST times denominators, but for the error of a share.
    slack = 1.02

    def __init__(self, x: SecretArray, eta: SecretArray, there: SecretArray, ties: Ties) -> None:
        self._ties = ties
        super().__init__(x, eta, there, ties.died, ties.runs)

    def _summed(self, x: SecretArray) -> SecretArray:
        died, share, runs = self._ties.died, self._ties.share, self._ties.runs
        once = [a if x.ndim == 1 else a.reshape(-1, 1).broadcast_to(x.shape) for a in (died, share)]
        all_sums = runs.spread(super()._summed(x))
        # The events of a run are rows of its risk set: their sum has no larger bound.
        tied = runs.spread(runs.totals(x.times(once[0], bound=x.bound)))
        left = precise_product(once[1], tied).cut(x.frac)
        return (all_sums - left).bounded(all_sums.bound)

    def _passed(self, part: SecretArray, bound: int) -> SecretArray:
        died, share, runs = self._ties.died, self._ties.share, self._ties.runs
        sums = part.invoke("cumulative_sum", axis=0, result=Stated(bound=bound))
        # Of a run and all after it: the whole sum less that of the runs before it.
        upto = runs.before(sums)
        later = (sums[-1:].broadcast_to(upto.shape) - upto).bounded(bound)
        own = runs.totals(precise_product(part, share).cut(part.frac).bounded(part.bound), bound)
        later, own = runs.spread(later), runs.spread(own)
        return (later - own.times(died, bound=own.bound)).bounded(bound)


def null_likelihood(died: SecretArray) -> SecretArray:
    """The log partial likelihood of no predictors: k events after its own leave place + 1 rows, whatever the times."""
    n = len(died)
    logs = constant(died.run, np.log(np.arange(1.0, n + 1)), frac=24)
    each = died.times(logs, bound=logs.bound)
    return -each.invoke("sum", axis=0, result=Stated(bound=n * logs.bound))
