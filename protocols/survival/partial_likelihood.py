"""The partial likelihood of Cox's model on secret rows, maximised by Newton's method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, log2, sqrt

import numpy as np

from mpc.values.secret import SecretArray, constant, stack, where
from mpc.values.stated import Stated
from protocols.order import order_by
from protocols.statistics.regression.newton import (
    FINE,
    LIMIT,
    WEIGHT,
    Information,
    Scales,
    moved,
    scaled_information,
    step,
)
from protocols.statistics.regression.standard_rows import StandardRows
from protocols.survival.by_row import RiskSetsByRow, Rows
from protocols.survival.efron import shares
from protocols.survival.logrank import of_runs
from protocols.survival.risk_sets import BEYOND, FARTHEST, HIGHEST, MEAN, RiskSets, second_moments
from protocols.tables.segments import Segments, neighbours_equal

#: So many last steps take small scores alone, with more digits, and how many.
_SMALL, _EXTRA = 2, 8
#: In the last step the log hazard of a row moves by at most 2^-_STILL.
_STILL = 13
#: Bits of the largest entry of the information.
_WIDTH = 58
#: The information of a standardised predictor is at least 2^-_FAINT of the number of events.
_FAINT = 7


class PartialLikelihood:
    """The partial likelihood of rows in the order of their times, the latest first.

    x       (n, p) standardised columns, 0 in places that do not count;  happened  bits: rows with the event
    by_time  events of each run of equal times;  events  the same; with Efron's ties, and within strata, by row
    near    bit: no value is more than FARTHEST;  inside  bit: all log hazards are within their limits
    converged, coefficients, first, last   as `logit` has them; even  bits of the information
    """

    first: Information
    last: Information
    inside: SecretArray
    converged: SecretArray
    likelihood: SecretArray

    def __init__(self, x: SecretArray, near: SecretArray, happened: SecretArray, there: SecretArray) -> None:
        self.x, self.near, self.happened, self.there = x, near, happened, there
        n, p = x.shape
        bits = ceil(log2(1.1 * n * FARTHEST**2))
        self.even = bits + bits % 2
        self.frac = min((_WIDTH - self.even) // 2, 24)
        self.width = self.even + 2 * self.frac
        self.coefficients = constant(x.run, np.zeros(p), frac=FINE)
        self.eta = constant(x.run, np.zeros(n), frac=WEIGHT)

    @classmethod
    def of(
        cls,
        rows: StandardRows,
        keys: Sequence[SecretArray],
        happened: SecretArray,
        there: SecretArray,
        *,
        stratified: bool,
        efron: bool,
    ) -> PartialLikelihood:
        """keys: the time; with `stratified` the stratum first, alone if rows have no time"""
        x = rows.x[:, 1:]
        inside = (stack([x, -x]) <= FARTHEST).all(0)
        near = inside.all()
        x = where(inside, x, 0).bounded(int(FARTHEST * 2**x.frac) + 1)
        order = order_by(keys[0].masked(there, "missing"), *keys[1:], ~happened, descending=True)
        n = len(x)
        there, happened, *keys = (order.apply(a) for a in (there, happened, *keys))
        model = cls(order.apply(x), near, happened, there)
        died = happened.numeric().bounded(1)
        model._total = _product(model.x, died, n)
        model.runs = Segments.between(there, neighbours_equal(keys) if n > 1 else None, n)
        model.events = model.by_time = of_runs(model.runs, died, n)
        if efron or stratified:
            strata, levels = None, 1
            if stratified:
                of_stratum = neighbours_equal(keys[:1]) if n > 1 else None
                strata = Segments.between(there, of_stratum, n) if len(keys) > 1 else model.runs
                levels = min(2 * int(keys[0].bound) + 1, n)
            share = shares(died, model.events, model.runs) if efron else None
            model.by_row = Rows(died, model.runs, strata, levels, share)
            model.events, model.null = died, model.by_row.null_likelihood()
            return model
        # At the end of a run in place i, i + 1 rows are at risk.
        logs = constant(x.run, np.log(np.arange(1.0, n + 1)), frac=24)
        model.null = -_weighted_sum(model.events, model.runs.at_ends(logs), n)
        return model

    runs: Segments
    by_time: SecretArray
    by_row: Rows | None = None
    events: SecretArray
    null: SecretArray
    _total: SecretArray
    _fits: SecretArray

    async def fit(self, iterations: int) -> None:
        """Awaits after every step, so that the number of operations in flight stays bounded."""
        run, n = self.x.run, len(self.x)
        good = constant(run, np.asarray(True))
        before = self.eta
        for i in range(iterations):
            sets = self._sets()
            self.last = self._information(sets)
            if not i:
                self.first = self.last
            extra = _EXTRA if iterations - 1 - i < _SMALL else 0
            d, stepped = step(self.last, self._score(sets), self._scales, extra)
            self.coefficients, kept = moved(self.coefficients, d)
            good = stepped & kept
            before, self.eta = self.eta, self._log_hazards()
            await run.settle(self.eta.handle, good.handle)
        change = self.eta - before
        still = (stack([change, -change]) <= 2.0**-_STILL).all()
        self.converged = good & still
        sets = self._sets()
        self.inside = self._fits.all() & sets.regular
        total = (self.eta * self.happened.numeric().bounded(1)).cut(20).sum()
        self.likelihood = total.cut(20) - _weighted_sum(self.events, sets.logarithms, n).cut(20)

    def _sets(self) -> RiskSets:
        fits = (stack([self.eta, -self.eta]) <= HIGHEST).all(0)
        eta = where(fits, self.eta, 0).bounded(int(HIGHEST * 2**WEIGHT) + 1)
        self._fits = fits
        there = self.there.numeric().bounded(1)
        if self.by_row is not None:
            return RiskSetsByRow(self.x, eta, there, self.by_row)
        return RiskSets(self.x, eta, there, self.events, self.runs)

    def _information(self, sets: RiskSets) -> Information:
        matrix = second_moments(self.x, sets, self.events, self.frac, self.width)
        n, engine = len(self.x), self.x.run.engine
        noise = 8 * sqrt(2.0 * n) * 2.0 ** (self.frac - BEYOND) * engine.rounding
        found = scaled_information(matrix, self.width, noise)
        # Means of risk sets have errors for each event: a predictor that hardly varies within risk sets is too faint.
        faint = self.events.sum().numeric().bounded(n).rescaled(_FAINT)
        found.regular = found.regular & (matrix.diagonal() >= faint.broadcast_to((len(matrix),))).all()
        return found

    def _score(self, sets: RiskSets) -> SecretArray:
        """Sum over events of x less the mean of the risk set, (p,)."""
        n = len(self.x)
        return (self._total.cut(MEAN) - _product(sets.means, self.events, n)).bounded(int(n * 2.1 * FARTHEST * 2**MEAN))

    @property
    def _scales(self) -> Scales:
        n, p = self.x.shape
        return replace(Scales.of(n, p + 1), even=self.even)

    def _log_hazards(self) -> SecretArray:
        p = len(self.coefficients)
        column = self.coefficients.cut(WEIGHT).reshape(p, 1)
        bound = int(LIMIT * p * FARTHEST * 2.0 ** (self.x.frac + WEIGHT)) + 1
        return self.x.dot(column, WEIGHT, bound=bound).reshape(len(self.x))


def _product(x: SecretArray, counts: SecretArray, n: int) -> SecretArray:
    """X^T counts, (p,), for |x| <= FARTHEST and counts that add up to at most n."""
    bound = int(1.01 * n * FARTHEST * 2**x.frac)
    found = x.T.invoke("matmul", counts.reshape(n, 1), result=Stated(bound=bound, frac=x.frac, type="fixed"))
    return found.reshape(x.shape[1])


def _weighted_sum(counts: SecretArray, values: SecretArray, n: int) -> SecretArray:
    """Sum of counts times values, for counts that add up to at most n."""
    each = counts.times(values, bound=n * values.bound)
    return each.invoke("sum", axis=0, result=Stated(bound=n * values.bound))
