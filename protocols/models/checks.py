"""Check an assumption about many values at once, beside the critical path of a loop."""

from __future__ import annotations

import numpy as np

from mpc.machine.assumptions import Assumption, assuming
from mpc.machine.runtime import Runtime
from mpc.values.secret import SecretArray, concatenate


class Held:
    """Values that are assumed to lie in [-limit, limit]; `check` compares all values held since the last check.

    It works like `within`, with a single comparison for all values: if an assumption does not hold, releases that
    follow from these values say "out of range".
    """

    def __init__(self, run: Runtime, limit: float) -> None:
        self._run = run
        self._limit = limit
        self._waiting: list[SecretArray] = []
        self._assumption: Assumption | None = None

    def hold(self, x: SecretArray) -> SecretArray:
        """x, with the limit as its bound from here on."""
        bound = int(np.ldexp(self._limit, x.frac))
        if x.bound <= bound:
            return x
        self._waiting.append(x)
        if self._assumption is None:
            self._assumption = Assumption(self._run)
        return assuming(x.restated(bound=bound), self._assumption)

    def check(self) -> None:
        """Compare all values held since the last check. Rounds: a comparison, an injection and a test for 0."""
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
