"""The three-party engine: replicated sharing over Z_2^64, one corruption, semi-honest.

The other files of this folder have its protocols, and declare the primitive of each. Creating an engine loads its
compiled kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Integers, Piece, Spec
from mpc.machine.primitives import Primitive
from protocols.declared import Declared, Protocol
from protocols.replicated import kernels, outside
from protocols.replicated.declared import PROTOCOLS
from protocols.replicated.scenarios import of_scenario


def warm_up(progress: Callable[[int, int], None] | None = None) -> None:
    """Compile the kernels of the group "base", or load them from numba's cache; call `progress(done, all)` after each.

    Call it in one process before parties start, so that they find the cache filled. numba keeps the cache beside the
    source, or in NUMBA_CACHE_DIR; if the installation is not writable, the caller sets that before the first import.
    """
    kernels.ready(progress)


class ReplicatedEngine(Declared, package="protocols.replicated"):
    """Three parties; each holds two of the three components of a value."""

    name = "replicated"
    parties = 3
    capacity = 62
    protocols = PROTOCOLS

    def __init__(self) -> None:
        super().__init__()
        warm_up()

    def _of_scenario(self, stated: Primitive, run: Callable[..., Any]) -> Protocol:
        return of_scenario(stated, run)

    def prepare(self, primitives: Collection[str]) -> None:
        kernels.ready(groups=self.groups(primitives))

    def pieces(self, size: int) -> tuple[Piece, ...]:
        return outside.pieces(size)

    def deal(self, values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
        return outside.deal(values, random)

    def handed_words(self, x: Spec) -> int:
        return 2 * x.size

    def combine(self, parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
        return outside.combine(parts, x)
