"""The variance between estimates by restricted maximum likelihood, in secret, by a public number of scoring steps.

With T = 1 + t, d_i the distance of an estimate from the effect in units of the smallest standard error, weights v_i of
`meta_analysis`, V, S2 and S3 the sums of v, v^2 and v^3, a step of Fisher's scoring is
    T <- T (1 + (sum (v d)^2 / T - L) / D),   L = V - S2/V,   D = S2 - 2 S3/V + (S2/V)^2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mpc.values.secret import SecretArray, where
from protocols.numeric.division import divide
from protocols.numeric.normalize import F

#: Largest |v d|, its fraction bits; largest relative step; smallest D; a last step is smaller than this part of T.
_FAR, _DISTANCE, _STEP, _LEAST, _STILL = 1000.0, 20, 64.0, 2.0**-10, 2.0**-17


class Weighted(NamedTuple):
    """weights  v, from 0 to 1;  parts  v / V;  apart  y_i - effect;  here  integers 0 and 1."""

    weights: SecretArray
    parts: SecretArray
    apart: SecretArray
    here: SecretArray


class Step(NamedTuple):
    """The next t, and whether the step and what it needs kept their limits; whether it was small."""

    t: SecretArray
    inside: SecretArray
    still: SecretArray


def scored(
    t: SecretArray, weighted: Callable[[SecretArray], Weighted], least: SecretArray, *, steps: int, most: float
) -> tuple[SecretArray, SecretArray, SecretArray]:
    """t after `steps` steps; the bits that all kept their limits, and that the last one was small. most: largest t."""
    inside = still = None
    for _ in range(steps):
        step = _step(t, weighted(t), least, most)
        t, still = step.t, step.still
        inside = step.inside if inside is None else inside & step.inside
    assert inside is not None
    assert still is not None
    return t, inside, still


def _step(t: SecretArray, about: Weighted, least: SecretArray, most: float) -> Step:
    k = len(about.weights)
    one = (t + 1.0).bounded(int((most + 1) * 2**F) + 4)
    distance = divide(about.apart, least.reshape(1).broadcast_to((k,)))
    near = _within(distance, _FAR * 64)
    d = where(near, distance.without_mask(), 0.0).cut(14).bounded(int(_FAR * 64 * 2**14) + 2)
    coarse = d.product(about.weights, 14, limit=_FAR * 65)
    close = (coarse <= _FAR) & (coarse >= -_FAR)
    # What is kept has |v d| <= _FAR, up to the cut of d to 14 fraction bits.
    kept = where(near & close, distance.without_mask(), 0.0).cut(_DISTANCE).bounded(int(_FAR * 64 * 2**_DISTANCE) + 2)
    e = kept.product(about.weights, _DISTANCE, limit=_FAR + 1)
    squares = e.product(e, F, limit=(_FAR + 2) ** 2).sum()
    v, p = about.weights, about.parts
    vp = v.product(p, F, limit=1.01)
    trace = (v - vp).sum().bounded(int(1.01 * k * 2**F))
    s2 = vp.sum().bounded(int(1.01 * 2**F))  # S2 / V, at most 1
    second = v.product(v, F, limit=1.01).sum()
    third = vp.product(v, F, limit=1.01).sum()
    bottom = (second - third * 2 + s2.product(s2, F, limit=1.03)).bounded(int(4.1 * k * 2**F))
    enough = bottom > _LEAST
    score = divide(squares, one)
    small = _within(score, 2.0**12)
    gap = where(small, score.without_mask(), 0.0).cut(F).bounded(int(2**12 * 2**F) + 2) - trace
    relative = divide(gap, where(enough, bottom, 1.0))
    moderate = _within(relative, _STEP)
    relative = where(moderate, relative.without_mask(), 0.0).cut(F - 4).bounded(int(_STEP * 2 ** (F - 4)) + 2)
    moved = _product(one, relative) + t
    upper = moved <= most
    new = where(upper & (moved > 0.0), moved, 0.0).cut(F).bounded(int(most * 2**F) + 2)
    change = divide(new - t, one).without_mask()
    still = (change < _STILL) & (change > -_STILL)
    good = ((near & close) | ~(about.here > 0)).all() & enough & small & moderate & upper
    return Step(new, good, still)


def _product(a: SecretArray, b: SecretArray) -> SecretArray:
    """a * b: a, of more bits than a factor has, is split in two halves.

    Error  2^-26, and of b's last place times a
    """
    high = a.cut(12)
    low = a - high
    low = low.bounded(2 << (F - 12))
    return high.product(b, 26) + low.product(b, 26)


def _within(x: SecretArray, limit: float) -> SecretArray:
    bare = x.without_mask()
    inside = (bare <= limit) & (bare >= -limit)
    return inside if x.valid is None else inside & x.valid.bare()
