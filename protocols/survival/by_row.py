"""Risk sets of each event for itself: with Efron's ties, or within strata.

Of the d events of a time, the one with k events after it has, by Efron, the denominator
    S0 - (k / d) D0,   with S0 = sum h over the risk set and D0 = sum h over the d events,
and with Breslow's ties S0. Sums are by row instead of by time, and begin anew with each stratum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpc.values.secret import SecretArray, constant
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.numeric.exponential import log
from protocols.survival.risk_sets import RiskSets
from protocols.tables.segments import Segments


@dataclass
class Rows:
    """Rows by stratum, the latest first, those with the event last among equal times.

    died    (n,) integers 0 and 1: rows with the event
    runs    of equal times within a stratum;  strata  None: one;  levels  how many there are at most
    share   (n,) Efron's k / d (`efron.shares`); None: Breslow's ties
    """

    died: SecretArray
    runs: Segments
    strata: Segments | None = None
    levels: int = 1
    share: SecretArray | None = None

    def within(self, sums: SecretArray) -> SecretArray:
        """Running sums that begin anew with each stratum."""
        if self.strata is None:
            return sums
        before = self.strata.spread(self.strata.before(sums))
        return sums.invoke("subtract", before, result=Stated(bound=sums.bound))

    def null_likelihood(self) -> SecretArray:
        """The log partial likelihood of no predictors."""
        n = len(self.died)
        places = constant(self.died.run, np.arange(1, n + 1))
        if self.strata is not None:
            places = (places - self.strata.spread(self.strata.starts())).bounded(n)
        if self.share is None:
            places = self.runs.spread(self.runs.at_ends(places))  # all rows of a time are at risk
        # With Efron's ties, k events after its own leave as many rows as its place, from 1.
        logs = log(places.bounded(n)).without_mask() if self.share is None or self.strata is not None else None
        if logs is None:
            logs = constant(self.died.run, np.log(np.arange(1.0, n + 1)), frac=24)
        each = self.died.times(logs, bound=logs.bound)
        return -each.invoke("sum", axis=0, result=Stated(bound=n * logs.bound))


class RiskSetsByRow(RiskSets):
    """As `RiskSets`, by row: what an event divides by is its own."""

    #: Numerators are at most FARTHEST times denominators, but for the error of a share.
    slack = 1.02

    def __init__(self, x: SecretArray, eta: SecretArray, there: SecretArray, rows: Rows) -> None:
        self._rows_of, self.levels = rows, rows.levels
        super().__init__(x, eta, there, rows.died, rows.runs)

    def _summed(self, x: SecretArray) -> SecretArray:
        rows, runs = self._rows_of, self._rows_of.runs
        sums = x.invoke("cumulative_sum", axis=0, result=Stated(bound=len(x) * x.bound))
        whole = runs.spread(runs.at_ends(rows.within(sums)))
        if rows.share is None:
            return whole
        died, share = (a if x.ndim == 1 else a.reshape(-1, 1).broadcast_to(x.shape) for a in (rows.died, rows.share))
        # The events of a run are rows of its risk set: their sum has no larger bound.
        tied = runs.spread(runs.totals(x.times(died, bound=x.bound)))
        return (whole - precise_product(share, tied).cut(x.frac)).bounded(whole.bound)

    def _passed(self, part: SecretArray, bound: int) -> SecretArray:
        rows, runs, strata = self._rows_of, self._rows_of.runs, self._rows_of.strata
        sums = part.invoke("cumulative_sum", axis=0, result=Stated(bound=bound))
        # Of its time and all after it in its stratum: the stratum's sum less that of the times before.
        upto = runs.spread(runs.before(sums))
        last = sums[-1:].broadcast_to(upto.shape) if strata is None else strata.spread(strata.at_ends(sums))
        later = (last - upto).bounded(bound)
        if rows.share is None:
            return later
        own = runs.totals(precise_product(part, rows.share).cut(part.frac).bounded(part.bound), bound)
        return (later - runs.spread(own).times(rows.died, bound=own.bound)).bounded(bound)
