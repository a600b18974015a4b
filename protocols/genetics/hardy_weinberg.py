"""The exact test of Hardy-Weinberg proportions, from counts in the clear."""

from __future__ import annotations

import numpy as np


def exact_p(none: int, one: int, two: int) -> float:
    """The probability, given the number of copies, of a number of heterozygotes that is as likely as `one`, or less.

    Source  Wigginton, Cutler and Abecasis, American Journal of Human Genetics 76 (2005), without mid-p
    """
    people = none + one + two
    rare = 2 * min(none, two) + one
    if not rare:
        return 1.0
    mixed = np.arange(rare % 2, rare + 1, 2, dtype=np.float64)  # possible numbers of heterozygotes
    few = (rare - mixed) / 2
    many = people - mixed - few
    # From one number to the next: P(x + 2) / P(x) = 4 few many / ((x + 1) (x + 2)).
    steps = np.log(4 * few[:-1] * many[:-1]) - np.log((mixed[:-1] + 1) * (mixed[:-1] + 2))
    log = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(log - log.max())
    observed = weights[(one - rare % 2) // 2]
    return float(min(1.0, weights[weights <= observed * (1 + 1e-9)].sum() / weights.sum()))
