"""Secret limits: numbers that count only within them, and results that are defined only where bits say so."""

from __future__ import annotations

import numpy as np

from mpc.values.secret import SecretArray, stack, where

#: A bit, and the words for where it is not set.
Reason = tuple[SecretArray, str]


def within(x: SecretArray, limit: float) -> tuple[SecretArray, SecretArray]:
    """Bits |x| <= limit, and x, or 0 where it is not. Rounds: a comparison, an and, and a select."""
    sides = stack([x, -x]) <= limit
    inside = sides[0] & sides[1]
    return inside, where(inside, x, 0).bounded(int(np.ldexp(limit, x.frac)) + 1)


def defined(x: SecretArray, *reasons: Reason) -> SecretArray:
    """x where all bits are set; elsewhere undefined, with the words of the first bit that is not."""
    x = x.without_mask()
    for bit, why in reasons:
        x = x.masked(bit, why)
    return x
