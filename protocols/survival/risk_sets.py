"""Sums over risk sets, in secret: what the partial likelihood of Cox's model and its derivatives are made of.

Rows are in the order of their times, the latest first, so that the risk set of a time is all rows up to the last one of
its run. With hazards h = e^eta, and d events at a time, Breslow's partial likelihood has
    S0 = sum h, S1 = sum h x, m = S1 / S0             over the risk set of each time
    score        sum over events of x, less sum d m
    information  X^T W X - sum d m m^T                with w_i = h_i times the sum of d / S0 over times up to that of i
so no sum of h x x^T over each risk set is needed. All w together are the number of events.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, log2

import numpy as np

from mpc.values.secret import SecretArray
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.numeric.division import reciprocal
from protocols.numeric.exponential import exp_between, log
from protocols.numeric.normalize import F, leading_bit
from protocols.tables.segments import Segments

#: Largest log hazard, and its bits as a hazard; largest value of a standardised column.
HIGHEST, _HAZARD = 8.0, 11.55
FARTHEST = 32.0
#: Most bits that are used of a ring's value; fraction bits of means; of what hazards are divided by.
_ROOM, MEAN, _PART = 60, 22, 24
#: S0 is at most 2^_MANY times the power of two above the number of places.
_MANY = 4


@dataclass
class RiskSets:
    """Of rows in order, with hazards: by run of equal times (a place for each of the n rows), or by row.

    means       (n, p) m of each run, MEAN fraction bits
    weights     (n,) w of each row, 24 fraction bits
    logarithms  (n,) log S0 of each run
    regular     bit: S0 is nowhere too large for its digits
    """

    means: SecretArray
    weights: SecretArray
    logarithms: SecretArray
    regular: SecretArray


def risk_sets(x: SecretArray, eta: SecretArray, there: SecretArray, events: SecretArray, runs: Segments) -> RiskSets:
    """x (n, p) with |x| <= FARTHEST; eta (n,) with |eta| <= HIGHEST; there (n,) integers 0 and 1; events (n,) of each
    run.

    Error    of means 2^-21; of weights, relative 2^-20
    Rounds   about 50
    """
    n, p = x.shape
    rows = ceil(log2(n + 1))
    frac = min(24, _ROOM - ceil(rows + _HAZARD) - ceil(log2(FARTHEST)))
    most = int(exp(HIGHEST) * 1.002 * 2**frac) + 2
    hazard = exp_between(eta, HIGHEST).cut(frac).bounded(most).times(there, bound=most)
    moved = precise_product(hazard.reshape(n, 1).broadcast_to((n, p)), x).cut(frac)
    moved = moved.bounded(int(FARTHEST * most) + 2)
    sums = hazard.invoke("cumulative_sum", axis=0, result=Stated(bound=n * most))
    moved = moved.invoke("cumulative_sum", axis=0, result=Stated(bound=n * moved.bound))
    whole, moved = runs.at_ends(sums), runs.at_ends(moved)

    width = int(whole.bound).bit_length()
    leading = leading_bit(whole, width)
    up = leading.table([1 << (width - 1 - j) for j in range(width)])
    mantissa = whole.times(up, bound=1 << width).rescaled(width).cut(F, bound=1 << F)
    inverse = reciprocal((mantissa + leading.is_zero() * 0.75).bounded(1 << F))
    # |S1| <= FARTHEST S0
    lifted = moved.times(up.reshape(n, 1).broadcast_to((n, p)), bound=int(FARTHEST * 2**width) + 4)
    lifted = lifted.rescaled(width).cut(MEAN, bound=int(FARTHEST * 2**MEAN) + 4)
    means = lifted.product(inverse.reshape(n, 1).broadcast_to((n, p)), MEAN, limit=2.02 * FARTHEST)
    means = means.bounded(int(1.001 * FARTHEST * 2**MEAN))

    # d 2^rows / S0, with S0 >= e^-HIGHEST in a run that is there.
    powers = [rows + frac - j - 1 for j in range(width)]
    fits = [min(k, rows + ceil(_HAZARD)) for k in powers]
    scale = leading.table([1 << (k + _MANY) if k >= -_MANY else 0 for k in fits])
    most_part = (2 << 26) << (rows + ceil(_HAZARD) + _MANY)
    part = inverse.cut(26).times(scale, bound=most_part).rescaled(26 + _MANY)
    part = part.times(events, bound=most_part).cut(_PART)
    # sum over runs of 2^rows d / S0 <= 2^rows e^HIGHEST (1 + log n)
    bound = int(2.0**rows * exp(HIGHEST) * (2 + np.log(n + 1)) * 2**_PART)
    part = part.bounded(min(part.bound, bound))
    passed = part[::-1].invoke("cumulative_sum", axis=0, result=Stated(bound=bound))[::-1]
    weights = precise_product(hazard, runs.spread(passed))
    weights = weights.rescaled(weights.frac + rows).cut(24).bounded(int(1.01 * n * 2**24))

    too_large = leading.table([int(k < -_MANY) for k in powers])
    regular = (too_large.times(events, bound=n) < 1).all()
    logarithms = log(whole).without_mask()
    return RiskSets(means, weights, logarithms, regular)


def second_moments(x: SecretArray, sets: RiskSets, events: SecretArray, frac: int, width: int) -> SecretArray:
    """The information (p, p), 2 `frac` fraction bits, whose entries are stated to be below 2^width last places."""
    n, p = x.shape
    stated = Stated(bound=(1 << width) - 1, frac=2 * frac, type="fixed")
    fine, means = x.cut(frac), sets.means.cut(frac)
    weighted = precise_product(sets.weights.reshape(n, 1).broadcast_to((n, p)), x).cut(frac)
    within = fine.T.invoke("matmul", weighted.bounded(int(1.02 * n * FARTHEST * 2**frac)), result=stated)
    # All events together are at most n.
    times = means.times(events.reshape(n, 1).broadcast_to((n, p)), bound=int(1.02 * n * FARTHEST * 2**frac))
    between = means.T.invoke("matmul", times, result=stated)
    return (within - between).bounded((1 << width) - 1)
