"""Areas under survival curves up to a public time, in secret: restricted means and their variances.

With S the estimate of Kaplan and Meier and A(t) its area from t to tau, the restricted mean is A(0), and its variance
the sum over the times of events of A^2 d / (n (n - d)). All are computed as parts of a public
unit, tau or the power of two above it, from 0 to 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mpc.values.fixed import width_of
from mpc.values.secret import SecretArray, concatenate, maximum, minimum, stack, where
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.survival.in_order import SURVIVAL_BITS, InOrder, raw_of
from protocols.survival.private import UNIT, PrivateRows, sum_bound
from protocols.survival.shared import SharedRows

#: Fraction bits of areas, and of variances; bits of a sum of squares.
_AREA, _VARIANCE, _SQUARES = 30, 50, 59
#: The smallest variance of shared rows.
_LEAST = 2.0**-36
#: Most bits of a time; fraction bits of times where tau has some and they have fewer.
_TIME, _FINER = 31, 12


class Areas(NamedTuple):
    """(groups,) mean and variance;  complete: bits, the curve is known up to tau.

    unit   public: what areas are parts of
    scale  public: what the variance was multiplied with
    least  public: of a smaller variance, what rounding adds may be more than 2^-10
    """

    unit: float
    scale: float
    least: float
    mean: SecretArray
    variance: SecretArray
    complete: SecretArray


def areas_of_counts(rows: PrivateRows, tau: float) -> Areas:
    """Of rows counted in steps, whose times are the ends of steps."""
    steps, groups = rows.shape
    limits = np.append(rows.ends, np.inf).clip(0, tau) / tau
    # Rounded ends, not rounded widths: what rounding does to the areas does not add up.
    raw = np.diff(np.rint(np.ldexp(limits, _AREA))).astype(np.int64).reshape(-1, 1)
    most = (1 << 2 * _AREA) + (1 << _AREA + 6)
    survival = rows.survival.cut(_AREA).bounded((1 << _AREA) + 32)
    parts = survival.invoke("scale", by=np.broadcast_to(raw, survival.shape), result=Stated(bound=most))
    # The widths add up to 1 at most, and S is at most 1.
    areas = parts[::-1].invoke("cumulative_sum", axis=0, result=Stated(bound=most))[::-1]
    areas = areas.rescaled(2 * _AREA).cut(_AREA, bound=(1 << _AREA) + 128)
    first = areas.constant(np.full(groups, limits[0]), like=areas)
    mean = (areas[0] + first).bounded((1 << _AREA) + 256)
    terms = precise_product(precise_product(areas, areas), rows.greenwood)
    # While rows are left, sum d / (n (n - d)) is at most 1; where none is left, the area is 0.
    variance = terms.invoke("sum", axis=0, result=Stated(bound=sum_bound(2, terms)))
    last = int(np.searchsorted(rows.ends, tau * (1 - 1e-12)))
    gone = rows.survival[min(last, steps) - 1] < 2.0**-28 if last else None
    watched = rows.at_risk[last] > 0 if last < steps else None
    bits = [bit for bit in (gone, watched) if bit is not None]
    complete = bits[0] | bits[1] if len(bits) > 1 else bits[0]
    return Areas(tau, UNIT, steps * 2.0**-46, mean, variance, complete)


def areas_of_rows(rows: SharedRows, tau: float) -> Areas:
    """Of shared rows with exact times."""
    time = rows.time.numeric()
    if tau * 2.0**time.frac != int(tau * 2.0**time.frac) and time.frac < _FINER:
        time = time.cut(_FINER)
    frac, limit = time.frac, max(int(np.rint(np.ldexp(tau, time.frac))), 1)
    whole = time.restated(frac=0, type="int")
    if limit < time.bound:
        whole = minimum(whole, limit)
    whole = maximum(whole, 0).bounded(limit)
    if (spare := width_of(limit) - _TIME) > 0:
        whole, limit, frac = whole.rescaled(spare).cut(0), limit >> spare, frac - spare
        whole = minimum(whole.restated(type="int"), limit).bounded(limit)
    unit = 2.0 ** (width_of(limit) - frac)
    moved = rows.order.apply(whole)
    each = [_group(group, group.moved(moved), limit) for group in rows.in_order]
    return Areas(unit, 1, _LEAST, *[stack([one[k] for one in each]) for k in range(3)])


def _group(group: InOrder, time: SecretArray, limit: int) -> tuple[SecretArray, SecretArray, SecretArray]:
    """time: integers from 0 to `limit`, in the group's order. The unit is the power of two above `limit`."""
    time = where(group.there, time, 0).bounded(limit)
    tau = time.constant(np.asarray([limit]))
    # The latest comes first: from each row's time to that of the row before it. Rows of others have time 0. All these
    # widths add up to tau, and within equal times they are 0, so that ties need no further care.
    width = concatenate([tau, time[:-1]]).invoke("subtract", time, result=Stated(bound=limit))
    survival = group.survival(before=False).rescaled(0)
    most = survival.bound * limit
    areas = survival.times(width, bound=most).invoke("cumulative_sum", axis=0, result=Stated(bound=most))
    mean = (areas[-1] + time[-1] * (1 << SURVIVAL_BITS)).bounded(most + (limit << SURVIVAL_BITS))
    bits = SURVIVAL_BITS + width_of(limit)
    complete = (time[0] >= limit) | (group.events[0] > 0)
    return mean.rescaled(bits), _variance(group, areas.rescaled(bits).cut(min(bits, _AREA))), complete


def _variance(group: InOrder, area: SecretArray) -> SecretArray:
    """The sum over events with i rows at risk of area^2 / (i (i - 1)).

    By blocks of places i from 2^k to 2^(k + 1), as squares of area 2^k / sqrt(i (i - 1)): all terms keep their digits.
    """
    n, total = len(group), area.constant(np.zeros(()), like=area).rescaled(_VARIANCE)
    chosen = group.events.times(area, bound=area.bound)
    for k in range(1, n.bit_length()):
        i = np.arange(1 << k, min(2 << k, n + 1), dtype=np.float64)
        weights = (1 << k) / np.sqrt(i * (i - 1))
        raw, bits = raw_of(weights, _AREA - 1), (_SQUARES - k) // 2
        most = area.bound * int(raw.max())
        scaled = chosen[(1 << k) - 1 : (1 << k) - 1 + len(i)].invoke("scale", by=raw, result=Stated(bound=most))
        scaled = scaled.rescaled(area.frac + _AREA - 1).cut(bits).reshape(1, -1)
        # An area is at most 1, up to what rounding adds.
        most = int(((np.ldexp(weights, bits) * (area.bound / 2**area.frac) + 4) ** 2).sum() * 1.001)
        squares = scaled.dot(scaled.T, 2 * bits, bound=most).reshape(())
        total = total + squares.rescaled(2 * bits + 2 * k).cut(_VARIANCE)
    return total
