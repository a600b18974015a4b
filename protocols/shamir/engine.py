"""The engine for any number of parties: Shamir's sharing modulo 2^127 - 1, t < n/2 corruptions, semi-honest.

The other files of this folder contain its protocols and declare the primitive of each. A plan runs the protocol itself
on a tally. A new engine object compiles or loads the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Integers, Piece, Spec
from mpc.machine.primitives import Primitive
from protocols.declared import Declared, Protocol
from protocols.engines import checked_threshold
from protocols.shamir import kernels, outside
from protocols.shamir.committee import Scheme
from protocols.shamir.declared import PROTOCOLS, on_floor
from protocols.shamir.work import of_bits


def warm_up(progress: Callable[[int, int], None] | None = None) -> None:
    """Compile all kernels, or load them from numba's cache, in this process; `progress(done, all)` after each."""
    kernels.ready(progress)


class ShamirEngine(Declared, package="protocols.shamir"):
    """n parties, each with one point of each polynomial; any t of them learn nothing.

    threshold  t (default: the largest, (n - 1) // 2)
    Raises ConfigError as `checked_threshold` does.
    """

    name = "shamir"
    capacity = 62
    protocols = PROTOCOLS
    rests_on_bounds = True

    def __init__(self, parties: int = 3, threshold: int | None = None) -> None:
        t = checked_threshold(self.name, parties, threshold)
        self.parties = parties
        self.threshold = t
        self.scheme = Scheme(parties, t)
        self.setting = (self.scheme,)
        #: Largest distance of the result of a truncation from the exact quotient.
        self.rounding = t // 2 + 1
        super().__init__()
        warm_up()

    def _of_scenario(self, stated: Primitive, run: Callable[..., Any]) -> Protocol:
        at_party, cost = on_floor(stated, run)
        return Protocol(stated, at_party, False, cost, None, False, of_bits, "", None)

    def pieces(self, size: int) -> tuple[Piece, ...]:
        return outside.pieces(self.scheme, size)

    def deal(self, values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
        return outside.deal(self.scheme, values, random)

    def handed_words(self, x: Spec) -> int:
        return outside.handed_words(self.scheme, x)

    def combine(self, parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
        return outside.combine(self.scheme, parts, x)
