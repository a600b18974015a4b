"""Quantiles: which places in sorted rows they have, and what is between two places.

The q-quantile of m values has the place q (m - 1), linear between two values, as `numpy.quantile` has it. q is a public
fraction; m may be secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError
from mpc.values.basis import Basis
from mpc.values.secret import SecretArray


def fraction_of(q: float) -> Fraction:
    """q as the nearest fraction with a denominator up to 1000. Raises RangeError outside of [0, 1]."""
    if not 0 <= q <= 1:
        raise RangeError(f"quantile: {q}; expected fractions from 0 to 1")
    return Fraction(float(q)).limit_denominator(1000)


def sides(x: SecretArray, fraction: Fraction, others: Sequence[Fraction]) -> Basis:
    """The rows behind a quantile: the rows on its smaller side, and those up to the next wanted quantile. The smallest
    and the largest element are single rows."""
    side = min(fraction, 1 - fraction, *(abs(fraction - other) for other in others if other != fraction))
    name = "median" if fraction == Fraction(1, 2) else f"quantile {float(fraction):g}"
    basis = x.basis.reduced(0, x.valid if x.valid is not None and x.valid.shape else None, share=side or Fraction(1))
    basis = basis._replace(origin=tuple(f"{name} of {o}" for o in basis.origin))
    return basis if side or not x.basis.places else basis._replace(loose=True)


def place_of(count: SecretArray, fraction: Fraction) -> tuple[SecretArray, SecretArray]:
    """The place of a quantile of `count` > 0 values: whole steps, and what is left of the next step in parts of the
    fraction's denominator."""
    most, parts = max(count.bound - 1, 0), fraction.denominator
    spot = (count - 1).bounded(most) * fraction.numerator
    if parts == 1:
        return spot, spot - spot
    steps = count.run.functions.floor_divide(spot, parts).bounded(most * fraction.numerator // parts)
    return steps, (spot - steps * parts).bounded(parts - 1)


def between(lower: SecretArray, upper: SecretArray, rest: SecretArray, parts: int) -> SecretArray:
    """The number that is rest / parts of the way from `lower` to `upper`, which have one bound, and no mask."""
    if parts == 1:
        return lower
    return inside(lower + (upper - lower).times(rest) / parts, lower)


def inside(value: SecretArray, of: SecretArray) -> SecretArray:
    """`value`, a mean of two elements: its bound is theirs, and a few units for roundings."""
    up = value.frac - of.frac
    limit = of.bound << up if up >= 0 else of.bound >> -up
    return value.bounded(limit + 8)


def padding(size: int, fraction: Fraction) -> NDArray[np.int64]:
    """-1 and 1 for `size` places, so that among the last c of them, floor(c fraction) are -1, for each c.

    If the last c of `size` sorted places are filled with the smallest and the largest number as these say, then the
    quantile of the other m = size - c values, which has the place fraction (m - 1) among them, comes to the place
    floor(c fraction) + floor(fraction (m - 1)) among all: floor(fraction (size - 1)), or one less.
    """
    reached = np.arange(size + 1) * fraction.numerator // fraction.denominator
    return np.where(reached[1:] > reached[:-1], -1, 1)[::-1].astype(np.int64)
