"""Tighter bounds: values kept within limits, and assumptions that the run checks; methods of `SecretArray`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mpc.errors import RangeError
from mpc.machine.assumptions import Assumption, assuming
from mpc.values.arrays import where
from mpc.values.basis import LOOSE
from mpc.values.public import with_public
from mpc.values.stated import UNMASKED

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray


def undefined_outside(x: SecretArray, low: float, high: float, why: str) -> SecretArray:
    """x, undefined (with the reason `why`) for values outside of [low, high]; `protocols.numeric.clip` moves them in.

    The bound of the result follows from the limits: nothing is assumed. Rounds: a comparison, an and, a select.
    """
    limits = np.asarray([np.ceil(low), np.floor(high)] if x.type == "int" else [low, high])
    a, raw = with_public(x.numeric().without_mask(), limits)
    below = a.below_each((raw + np.asarray([0, 1])).reshape(2, *[1] * a.ndim))
    inside = ~below[0] & below[1]
    kept = where(inside, x.without_mask(), low)
    bound = max(abs(int(np.floor(np.ldexp(low, kept.frac)))), abs(int(np.ceil(np.ldexp(high, kept.frac))))) + 1
    result = kept.restated(bound=min(kept.bound, bound), mask=(x.valid, x.why))
    return result.masked(inside, why)


def within(x: SecretArray, limit: float) -> SecretArray:
    """A checked assumption: from here on |value| <= limit is used as the bound.

    One comparison beside the critical path, whose bit goes along with the value (`mpc.machine.assumptions`): where it
    is not set, releases of what was computed from the value say "out of range" and this line. An undefined element
    counts as 0, so it breaks no assumption, and no bound. Rounds 2 where elements can be undefined, else none.
    """
    if not 0 <= limit < np.inf:
        raise RangeError(f"within({limit}): a limit is a number from 0 up")
    if limit >= x.limit:
        return x
    bound = int(np.floor(np.ldexp(float(limit), x.frac)))
    bound = max(bound, 1)
    if x.valid is not None:
        defined = x.valid.bare() * x.bare()
        x = x.with_handle(defined.handle)
    # The raw integers are compared, so that the check is of the very bound that is used from here on.
    raw = x.restated(type="int", frac=0, mask=UNMASKED, basis=LOOSE)
    below = raw.below_each(np.asarray([-bound, bound + 1]).reshape(2, *[1] * raw.ndim))
    return assuming(x.restated(bound=bound), Assumption(x.run, (~below[0] & below[1]).all()))
