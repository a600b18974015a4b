"""The ideal functionality with truncations that round up or down at random: two runs differ in rounding alone.

Random rounding (Vignes' CESTAC, Mathematics and Computers in Simulation 35, 1993) shows how many digits of a result are
correct on given rows, whatever the computation: a digit that changes from run to run is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.machine.party import Party
from protocols.ideal.engine import Clear, IdealEngine


class RoundingEngine(IdealEngine):
    """As `IdealEngine`, but a truncation gives one of the two nearest integers, each with the probability that makes
    the mean exact, as the other engines do."""

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
