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


def permuted(words: Words, out: Places) -> None:
    """A permutation of 0..n-1, n < 2^32: Fisher and Yates, each position by the high half of a word times the number
    of places. Of the n! permutations each comes up with its share of the random words to within n/2^64 a position."""
    for i in range(out.size):
        out[i] = np.uint32(i)
    for i in range(out.size - 1, 0, -1):
        places = np.uint64(i) + _ONE
        word = words[i]
        j = ((word >> _32) * places + (((word & _LOW) * places) >> _32)) >> _32
        kept = out[i]
        out[i] = out[j]
        out[j] = kept


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
