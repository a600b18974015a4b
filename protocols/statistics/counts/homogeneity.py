"""Whether strata of two by two counts have the same odds ratio: Breslow and Day's test with Tarone's correction.

Under the pooled odds ratio, psi = r / s with r + s = 1, a stratum's first cell x has, as a share of its rows,
    x = p q + h,  h = 2 (r - s) g / (f + D),  D^2 = f^2 - 4 (r - s)^2 g,
where p and q are its shares of rows with exposure and with outcome, g = p (1-p) q (1-q), and
f = s u + r (1 - u) with u = p q + (1-p) (1-q). This is the root of Breslow and Day's quadratic, taken from the point
of independence, where it cancels no digits. D is the slope at the root, so the variance of x is s x (x + 1 - p - q) / D
in the same units: that of 1 / (sum of 1/cell), without a division by a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpc.values.secret import SecretArray, stack, where
from mpc.values.wide_products import precise_product
from protocols.numeric.division import divide
from protocols.statistics.counts.pooled import SHARE, Pooled

#: Largest pooled odds ratio, and its inverse; smallest variance of a cell, as a share of the rows: powers of two.
ODDS, VARIANCE = 8, 20
#: Fraction bits of narrow divisors; largest difference of an observed cell from an expected one, in units of its
#: deviation times the root of the rows: a power of two.
_FINE, _RATIO = 28, 3
_FAR = f"the pooled odds ratio is 0, or not between 1/{1 << ODDS} and {1 << ODDS}"
_THIN = "a stratum in which next to no rows are expected in a cell"


@dataclass
class Homogeneity:
    """strata    how many have rows with and without the exposure, and with and without the outcome
    numbers  (3,) over all rows: Breslow and Day's sum; the sum of observed less expected cells; of their variances
    """

    strata: SecretArray
    numbers: SecretArray


def homogeneity(pooled: Pooled) -> Homogeneity:
    """Strata without rows on a side say nothing about the odds ratio, and are left out.

    Undefined  where the pooled odds ratio is not between 1/256 and 256, or the variance of a cell under it is below
               2^-20 of the rows of a stratum, or a cell differs from it by 8 sqrt(rows) deviations
    Error      of a cell 2^-36 of its stratum's rows; the pooled odds ratio is off by 2^-25, which does not move the
               corrected statistic in first order. Of the statistic relative 2^-18, and rows 2^-38
    Rounds     two wide divisions, two narrow ones, two roots, and about 40
    """
    a, b, c, d = (pooled.shares[k] for k in range(4))
    strata = len(a)
    odds, usable = _odds(pooled)
    other = (1 - odds).bounded(1 << SHARE)
    r, s = (x.reshape(1).broadcast_to((strata,)) for x in (odds, other))
    one = (1 << SHARE) + 64
    p, rest = (a + b).bounded(one), (c + d).bounded(one)
    q, well = (a + c).bounded(one), (b + d).bounded(one)
    products = _each([(p, q), (rest, well), (a, d), (b, c)])
    both, neither, agree, differ = (x.bounded(one) for x in products)
    alike = (both + neither).bounded(one)
    far = (odds - other).bounded(one)
    slope, g, away = _each([((s - r).bounded(one), alike), (both, neither), (r - s, r - s)])
    f = (r + slope).bounded(one)
    square, less = _each([(f, f), (away, g)])
    root = (square - 4 * less).bounded(one).sqrt().without_mask()
    root = root.cut(SHARE).bounded(one)
    # f and the root are at least 2^-8: each is a mean of r and s.
    inverse = (1.0 / stack([(f + root).bounded(2 * one).cut(_FINE), root.cut(_FINE)])).without_mask()
    inverse = inverse.cut(min(inverse.frac, _FINE)).bounded(1 << (min(inverse.frac, _FINE) + ODDS + 1))
    moved, weight = _each([(g, inverse[0]), (s, inverse[1])])
    wide = far.broadcast_to((strata,))
    h = precise_product(2 * moved.cut(min(moved.frac, SHARE)), wide).cut(SHARE).bounded(one)
    # A step on the quadratic, whose residual is exact to 2^-38: the inverse has 2^-24 of its digits alone.
    curved, straight = _each([((g + precise_product(h, h).cut(SHARE)).bounded(one), wide), (f, h)])
    residual = (curved.cut(SHARE) - straight.cut(SHARE)).bounded(one)
    h = (h + precise_product(residual, inverse[1]).cut(SHARE)).bounded(one)
    x, y = (both + h).bounded(one), (neither + h).bounded(one)
    variance = precise_product(precise_product(x, y), weight).cut(SHARE).bounded(one)
    apart = ((agree - differ).bounded(one) - h).bounded(one)
    enough = variance >= 2.0**-VARIANCE
    inside = pooled.sided & enough
    thick = ~(pooled.sided & ~enough).any()
    variance = where(inside, variance, 0.25).bounded(one)
    apart = where(inside, apart, 0).bounded(one)
    deviation = variance.sqrt().without_mask()
    ratio = divide(apart, deviation.cut(min(deviation.frac, SHARE))).without_mask()
    ratio = ratio.cut(min(ratio.frac, 30))
    # |apart| is at most 1, and the deviation at least 2^-10.
    ratio = ratio.bounded(1 << (ratio.frac + VARIANCE // 2 + 1))
    near = (stack([ratio, -ratio]) < 2.0**_RATIO).all(0)
    ratio = where(near, ratio, 0).bounded(1 << (ratio.frac + _RATIO))
    squares = precise_product(ratio, ratio)
    variance = where(inside, variance, 0).bounded(one)
    part = pooled.part.bounded(one)
    terms = _each([(part, squares), (part, apart), (part, variance)])
    fine = min(SHARE, *(x.frac for x in terms))
    numbers = stack([x.cut(fine).sum() for x in terms])
    numbers = numbers.masked(usable, _FAR).masked(thick & near.all(), _THIN)
    count = pooled.sided.numeric().sum().bounded(strata)
    return Homogeneity(count, numbers)


def _odds(pooled: Pooled) -> tuple[SecretArray, SecretArray]:
    """r = R / (R + S) with 40 fraction bits, and whether it is between the limits; 1/2 where it is not."""
    first, second = pooled.sums[0], pooled.sums[1]
    total = (first + second + 2.0**-first.frac).bounded(2 * first.bound + 1)
    ratio = divide(first, total).without_mask()
    ratio = ratio.cut(min(ratio.frac, SHARE))
    ratio = ratio.bounded((1 << ratio.frac) + 64).shifted(SHARE)
    low = 1 / (1 + 2.0**ODDS)
    usable = (ratio >= low) & (ratio <= 1 - low)
    odds: SecretArray = where(usable, ratio, 0.5)
    return odds.bounded(1 << SHARE), usable


def _each(pairs: list[tuple[SecretArray, SecretArray]]) -> list[SecretArray]:
    """Products of vectors, side by side. Those of like bounds cost the rounds of one."""
    return [precise_product(x, y) for x, y in pairs]
