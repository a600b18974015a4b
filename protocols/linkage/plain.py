"""The same linkage in the clear: the oracle of tests and of scenarios."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.linkage.encoding import Filters

Bits = NDArray[np.bool_]


class Linked(NamedTuple):
    """partner: for each left row the place of its partner among the right rows, or -1. score: their Dice coefficient,
    0 without a partner."""

    partner: NDArray[np.int64]
    score: NDArray[np.float64]


def linked(left: Filters, right: Filters, threshold: Fraction) -> Linked:
    """The partners of left rows (m, bits) among right rows (n, bits): pairs that have their largest lead with each
    other, the first of equal leads, if it is not below 0. An empty filter has no partner."""
    m, n = len(left), len(right)
    partner, score = np.full(m, -1), np.zeros(m)
    if not m or not n:
        return Linked(partner, score)
    common = np.rint(left.astype(np.float64) @ right.astype(np.float64).T).astype(np.int64)
    both = np.add.outer(left.sum(1), right.sum(1))
    lead = 2 * threshold.denominator * common - threshold.numerator * both
    theirs, ours = lead.argmax(1), lead.argmax(0)
    rows = np.arange(m)
    fits = (ours[theirs] == rows) & (lead[rows, theirs] >= 0) & left.any(1) & right[theirs].any(1)
    partner[fits] = theirs[fits]
    score[fits] = 2 * common[rows, theirs][fits] / both[rows, theirs][fits]
    return Linked(partner, score)
