"""Labels of MPyC's messages and inputs of its pseudorandom sharing: 128 bits of BLAKE2b in place of `hash()`.

MPyC names each step of a program by a counter that forks with every coroutine. MPyC forks by Python's hash of two
integers, for which anybody can make collisions; but the same number decides which randomness a step uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

BYTES = 16
_MASK = (1 << 8 * BYTES) - 1


def fork(counter: Sequence[int]) -> int:
    """The first number of a new branch, from (counter, depth)."""
    number, depth = counter
    data = (number & _MASK).to_bytes(BYTES, "little") + depth.to_bytes(8, "little")
    return int.from_bytes(blake2b(data, digest_size=BYTES, person=b"comity/mpyc/hop").digest(), "little")


def label(number: int) -> bytes:
    """A counter as 16 bytes."""
    return (number & _MASK).to_bytes(BYTES, "little")
