"""Efron's treatment of ties in Cox's model: events of one time leave the risk set one after the other, each as the mean
of all of them."""

from __future__ import annotations

import numpy as np

from mpc.values.secret import SecretArray, constant
from protocols.numeric.division import reciprocal
from protocols.numeric.normalize import F, leading_bit
from protocols.tables.segments import Segments

#: Fraction bits of the share k / d: with d = 2^17, d times its error is 2^-23.
_SHARE, _FINE = 40, 44


def shares(died: SecretArray, events: SecretArray, runs: Segments) -> SecretArray:
    """(n,) k / d for the events of rows in order: k of the d events of its time come after it. 0 for other rows.

    died    (n,) integers 0 and 1, with the events of a time last among its rows;  events  (n,) their number in each run
    Rounds  about 40
    """
    n = len(died)
    ends, of_time = (runs.spread(x) for x in (runs.end_places(), events))
    after = (ends - constant(died.run, np.arange(n))).times(died, bound=n)
    # k < d, both below 2^width; d = m 2^(j + 1) with m in [1/2, 1).
    width = n.bit_length()
    leading = leading_bit(of_time.bounded(n), width)
    up = leading.table([1 << (width - 1 - j) for j in range(width)])
    # Where there is no event, as if the mantissa were 1.
    mantissa = of_time.times(up, bound=1 << width).rescaled(width) + leading.is_zero()
    mantissa = mantissa.bounded(1 << width)
    near = reciprocal(mantissa.shifted(F).bounded(1 << F))
    # Twice as many digits, on an exact remainder.
    remainder = (1.0 - near.times(mantissa)).bounded(1 << (F + width - 22))
    fine = near.shifted(_FINE) + near.product(remainder, _FINE, limit=2.0**-21)
    fine = fine.cut(_SHARE).bounded((2 << _SHARE) + (1 << 20))
    part = after.times(up, bound=1 << width).rescaled(width)
    share = part.times(fine, bound=(1 << (_SHARE + width)) + (1 << (20 + width))).cut(_SHARE)
    return share.bounded(1 << _SHARE)
