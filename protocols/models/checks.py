"""Checked assumptions about many values at once, beside the critical path of a loop."""

from __future__ import annotations

import numpy as np

from mpc.machine.assumptions import Assumption, assuming
from mpc.machine.runtime import Runtime
from mpc.values.secret import SecretArray, concatenate


class Held:
    """Values that are assumed to be within [-limit, limit]; `check` compares all that were held since the last time.

    As `within`, with one comparison for all: where an assumption does not hold, only "out of range" is released of
    what was computed from these values.
    """

    def __init__(self, run: Runtime, limit: float) -> None:
        self._run = run
        self._limit = limit
        self._waiting: list[SecretArray] = []
        self._assumption: Assumption | None = None

    def hold(self, x: SecretArray) -> SecretArray:
        """x, from here on with the limit as its bound."""
        bound = int(np.ldexp(self._limit, x.frac))
        if x.bound <= bound:
            return x
        self._waiting.append(x)
        if self._assumption is None:
            self._assumption = Assumption(self._run)
        return assuming(x.restated(bound=bound), self._assumption)

    def check(self) -> None:
        """Rounds: a comparison, a bit's conversion and a test for 0."""
        if self._assumption is None:
            return
        joined = concatenate(self._waiting).bare()
        bound = int(np.ldexp(self._limit, joined.frac))
        self._waiting = []
        raw = SecretArray(self._run, joined.handle, type="int", bound=joined.bound)
        below = raw.below_each(np.asarray([-bound, bound + 1]).reshape(2, *[1] * raw.ndim))
        outside = (~(below[0] ^ below[1])).numeric().sum()
        self._assumption.bit = outside == 0
        self._assumption = None
