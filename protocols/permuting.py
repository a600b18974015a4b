"""Permutations from random words: the loop that the engines compile, each as a kernel of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.errors import LocalProtocolError

Words = NDArray[np.uint64]
#: 32 bits: for each place of the result the row that comes there.
Places = NDArray[np.uint32]
_ONE, _LOW, _32 = np.uint64(1), np.uint64((1 << 32) - 1), np.uint64(32)
#: The signature it is compiled with.
PERMUTED = "u8[::1], u4[::1]"


#: Random words for each place of a permutation.
WORDS = 2


def permuted(words: Words, out: Places) -> None:
    """A permutation of 0..n-1, n < 2^32, of 2n words: Fisher and Yates, each position by the whole part of a fraction
    of 128 bits times the number of places. `distance` says how far from uniform it is."""
    for i in range(out.size):
        out[i] = np.uint32(i)
    for i in range(out.size - 1, 0, -1):
        places = np.uint64(i) + _ONE
        high, low = words[2 * i], words[2 * i + 1]
        carry = ((low >> _32) * places + (((low & _LOW) * places) >> _32)) >> _32
        j = ((high >> _32) * places + (((high & _LOW) * places + carry) >> _32)) >> _32
        kept = out[i]
        out[i] = out[j]
        out[j] = kept


def distance(rows: int) -> float:
    """The statistical distance of `permuted` from uniform, at most: m/2^129 for each position of m places."""
    return rows * rows / 2.0**130


def placing(places: NDArray[np.int64]) -> Places:
    """The order that brings row i to place places[i]. Local.

    Raises LocalProtocolError where these are no permutation.
    """
    n = places.size
    if n and (places.min() < 0 or places.max() >= n or np.bincount(places).max() > 1):
        raise LocalProtocolError("order_of: the places are no permutation")
    return inverted(places.astype(np.uint32))


def inverted(permutation: Places) -> Places:
    """The inverse of a permutation. Local."""
    out = np.empty_like(permutation)
    out[permutation] = np.arange(permutation.size, dtype=np.uint32)
    return out
