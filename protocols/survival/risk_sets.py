"""Sums over risk sets, in secret: what the partial likelihood of Cox's model and its derivatives are made of.

Rows are in the order of their times, the latest first, so that the risk set of a time is all rows up to the last one of
its run. With hazards h = e^eta, and d events at a time, Breslow's partial likelihood has
    S0 = sum h, S1 = sum h x, m = S1 / S0             over the risk set of each time
    score        sum over events of x, less sum d m
    information  X^T W X - sum d m m^T                with w_i = h_i times the sum of d / S0 over times up to that of i
so no sum of h x x^T over each risk set is needed. All w together are the number of events.
"""

from __future__ import annotations

from functools import cached_property
from math import ceil, exp, log2

import numpy as np

from mpc.values.secret import SecretArray
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.numeric.division import reciprocal
from protocols.numeric.exponential import exp_between, log
from protocols.numeric.normalize import Exponent, F, leading_bit
from protocols.tables.segments import Segments

#: Largest log hazard, and its bits as a hazard; largest value of a standardised column.
HIGHEST, _HAZARD = 8.0, 11.55
FARTHEST = 32.0
#: Most bits that are used of a ring's value; fraction bits of means; of what hazards are divided by.
_ROOM, MEAN, _PART = 60, 22, 24
#: Most fraction bits of weights; of very many strata they have fewer.
_WEIGHT = 32
#: S0 is at most 2^_MANY times the power of two above the number of places.
_MANY = 4


class RiskSets:
    """Of rows in order, with hazards: by run of equal times (a place for each of the n rows), or by row. What is not
    asked for is not computed.

    x (n, p) with |x| <= FARTHEST; eta (n,) with |eta| <= HIGHEST; there (n,) integers 0 and 1; events (n,) of each run

    slack    how many times FARTHEST denominators a numerator may be;  levels  most strata

    Error    of means 2^-21; of weights, relative 2^-20
    Rounds   about 50
    """

    slack = 1.0
    levels = 1

    def __init__(
        self, x: SecretArray, eta: SecretArray, there: SecretArray, events: SecretArray, runs: Segments
    ) -> None:
        n, self._columns = x.shape
        self._x, self._events, self._runs = x, events, runs
        self._rows = ceil(log2(n + 1))
        self._frac = min(24, _ROOM - ceil(self._rows + _HAZARD) - ceil(log2(FARTHEST)))
        self._most = int(exp(HIGHEST) * 1.002 * 2**self._frac) + 2
        hazard = exp_between(eta, HIGHEST).cut(self._frac).bounded(self._most)
        self._hazard = hazard.times(there, bound=self._most)
        self._whole = self._summed(self._hazard)
        self._width = int(self._whole.bound).bit_length()

    def _summed(self, x: SecretArray) -> SecretArray:
        """Sums over the risk set of each run."""
        sums = x.invoke("cumulative_sum", axis=0, result=Stated(bound=len(x) * x.bound))
        return self._runs.at_ends(sums)

    def _passed(self, part: SecretArray, bound: int) -> SecretArray:
        """(n,) for each row, the sum of a part of each run over the times that it is at risk at, which is at most
        `bound`."""
        passed = part[::-1].invoke("cumulative_sum", axis=0, result=Stated(bound=bound))[::-1]
        return self._runs.spread(passed)

    @cached_property
    def _leading(self) -> Exponent:
        return leading_bit(self._whole, self._width)

    @cached_property
    def _up(self) -> SecretArray:
        return self._leading.table([1 << (self._width - 1 - j) for j in range(self._width)])

    @cached_property
    def _inverse(self) -> SecretArray:
        """One over the mantissa of S0."""
        mantissa = self._whole.times(self._up, bound=1 << self._width).rescaled(self._width).cut(F, bound=1 << F)
        return reciprocal((mantissa + self._leading.is_zero() * 0.75).bounded(1 << F))

    @cached_property
    def _powers(self) -> list[int]:
        """By the place of S0's leading bit: the power of two that 2^rows / S0 is the inverse mantissa times."""
        return [self._rows + self._frac - j - 1 for j in range(self._width)]

    @property
    def regular(self) -> SecretArray:
        """Bit: S0 is nowhere too large for its digits."""
        too_large = self._leading.table([int(k < -_MANY) for k in self._powers])
        return (too_large.times(self._events, bound=len(self._x)) < 1).all()

    @property
    def logarithms(self) -> SecretArray:
        """(n,) log S0 of each run."""
        return log(self._whole).without_mask()

    @cached_property
    def means(self) -> SecretArray:
        """(n, p) m of each run, MEAN fraction bits."""
        wide = self._x.shape
        moved = precise_product(self._hazard.reshape(-1, 1).broadcast_to(wide), self._x).cut(self._frac)
        moved = self._summed(moved.bounded(int(FARTHEST * self._most) + 2))
        # |S1| <= FARTHEST S0
        most = self.slack * FARTHEST
        lifted = moved.times(self._up.reshape(-1, 1).broadcast_to(wide), bound=int(most * 2**self._width) + 4)
        lifted = lifted.rescaled(self._width).cut(MEAN, bound=int(most * 2**MEAN) + 4)
        means = lifted.product(self._inverse.reshape(-1, 1).broadcast_to(wide), MEAN, limit=2.02 * most)
        return means.bounded(int(1.001 * most * 2**MEAN))

    @cached_property
    def weights(self) -> SecretArray:
        """(n,) w of each row."""
        n, rows = len(self._x), self._rows
        # d 2^rows / S0, with S0 >= e^-HIGHEST in a run that is there.
        highest = rows + ceil(_HAZARD)
        scale = self._leading.table([1 << (min(k, highest) + _MANY) if k >= -_MANY else 0 for k in self._powers])
        most = (2 << 26) << (highest + _MANY)
        part = self._inverse.cut(26).times(scale, bound=most).rescaled(26 + _MANY)
        # Of many strata, sums of parts are larger, and so are parts.
        frac = _PART - (self.levels - 1).bit_length()
        part = part.times(self._events, bound=most).cut(frac)
        # sum over runs of 2^rows d / S0 <= 2^rows e^HIGHEST (1 + log n) in each stratum
        bound = int(2.0**rows * exp(HIGHEST) * (2 + np.log(n + 1)) * self.levels * 2.0**frac)
        part = part.bounded(min(part.bound, bound))
        weights = precise_product(self._hazard, self._passed(part, bound))
        weights = weights.rescaled(weights.frac + rows).bounded(int(1.01 * n * 2.0 ** (weights.frac + rows)))
        return weights.cut(min(_WEIGHT, weights.frac))


#: Fraction bits that a weighted column keeps beyond those of an exact product.
BEYOND = 8


def second_moments(x: SecretArray, sets: RiskSets, events: SecretArray, frac: int, width: int) -> SecretArray:
    """The information (p, p), 2 `frac` fraction bits, whose entries are stated to be below 2^width last places.

    Error  8 sqrt(2 n) 2^-(frac + BEYOND), and of means: relative 2^-20 for an information of all events together
    """
    n, p = x.shape
    shape = n, p

    def moments(z: SecretArray, weights: SecretArray) -> SecretArray:
        """Z^T W Z, but for its opposite half: the mean with its transpose is symmetric."""
        short = z.cut(frac)
        # With z = short + rest: short (short + 2 rest), made symmetric, is z^2 but for rest^2.
        weighted = precise_product(weights.reshape(n, 1).broadcast_to(shape), z + (z - short))
        most = int(1.02 * n * FARTHEST * 2**frac)
        whole = weighted.cut(frac).bounded(most)
        rest = (weighted.cut(frac + BEYOND) - whole).bounded((1 + x.run.engine.rounding) << BEYOND)
        stated = Stated(bound=(1 << width) - 1, frac=2 * frac, type="fixed")
        finer = Stated(bound=n * rest.bound * short.bound, frac=2 * frac + BEYOND, type="fixed")
        return short.T.invoke("matmul", whole, result=stated) + short.T.invoke("matmul", rest, result=finer).cut(
            2 * frac
        )

    # All weights together are the number of events, and so at most n.
    half = moments(x, sets.weights) - moments(sets.means, events)
    both = half + half.T
    return both.rescaled(2 * frac + 1).cut(2 * frac).bounded((1 << width) - 1)
