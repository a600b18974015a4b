"""The functionality in the clear, with cuts rounded up or down at random: what differs between two runs is rounding.

Rounding at random (Vignes' CESTAC, Mathematics and Computers in Simulation 35, 1993) shows how many digits of a result
are left on given rows, whatever was computed in between: digits that change from run to run are none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.machine.party import Party
from protocols.ideal.engine import Clear, IdealEngine


class RoundingEngine(IdealEngine):
    """As `IdealEngine`; every cut goes to one of the two nearest numbers, each with the probability that makes the mean
    right, as the engines do."""

    def _cut(self, party: Party, exact: Any, bits: int) -> Clear:
        values = np.asarray(exact, dtype=object)
        words = np.empty(values.size, np.uint64)
        party.keys.common.fill(words, party.label, b"rounding")
        added = (words & np.uint64((1 << bits) - 1)).astype(object).reshape(values.shape)
        return self._checked((values + added) >> bits)

    async def truncate(self, party: Party, x: Clear, *, bits: int) -> Clear:
        return self._cut(party, x.values.astype(object), bits)

    async def multiply_truncate(self, party: Party, x: Clear, y: Clear, *, bits: int) -> Clear:
        return self._cut(party, x.values.astype(object) * y.values, bits)

    async def matmul_truncate(self, party: Party, x: Clear, y: Clear, *, bits: int) -> Clear:
        return self._cut(party, x.values.astype(object) @ y.values.astype(object), bits)
