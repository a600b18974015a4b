"""Permutations from random words: a loop that each engine compiles as its own kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import LocalProtocolError, RemoteProtocolError

Words = NDArray[np.uint64]
#: A permutation: for each place of the result, the row that comes there (32 bits).
Places = NDArray[np.uint32]
_ONE, _LOW, _32 = np.uint64(1), np.uint64((1 << 32) - 1), np.uint64(32)
#: numba's signature of `permuted`.
PERMUTED = "u8[::1], u4[::1]"
#: Random words for each place of a permutation.
WORDS = 2


def permuted(words: Words, out: Places) -> None:
    """Fill `out` with a permutation of 0..n-1, n < 2^32, drawn from 2n words.

    Fisher and Yates. Each position is floor(r * places), r being a fraction of 128 random bits. `distance` bounds the
    distance from a uniform permutation.
    """
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
    """A bound of the statistical distance of `permuted` from uniform: the sum of m / 2^129 over positions with m
    places."""
    return rows * rows / 2.0**130


def told(order: NDArray[Any], rows: int, owner: int, me: int) -> Places:
    """An order that its owner told party `me`, checked to be a permutation. Local.

    Raises RemoteProtocolError, which names the owner; at the owner LocalProtocolError.
    """
    if order.shape == (rows,) and (not rows or (order.min() >= 0 and order.max() < rows)):
        seen = np.zeros(rows, np.bool_)
        seen[order] = True
        if seen.all():
            return np.ascontiguousarray(order, np.uint32)
    if owner == me:
        raise LocalProtocolError(f"given_order: {order.shape} rows are not a permutation of {rows}")
    raise RemoteProtocolError(
        f"given_order: party {owner} gave an order of {rows} rows that is not a permutation of them", peer=owner
    )


def placing(places: NDArray[np.int64], owner: int | None = None) -> Places:
    """The order that brings row i to place places[i]. Local.

    Raises LocalProtocolError if the places are not a permutation; RemoteProtocolError, which names the owner, if an
    organization gave them.
    """
    n = places.size
    if n and (places.min() < 0 or places.max() >= n or np.bincount(places).max() > 1):
        if owner is not None:
            raise RemoteProtocolError(
                f"order_of: party {owner} gave places of {n} rows that are not a permutation of them", peer=owner
            )
        raise LocalProtocolError(f"order_of: the {n} places are not a permutation")
    return inverted(places.astype(np.uint32))


def inverted(permutation: Places) -> Places:
    """The inverse of a permutation. Local."""
    out = np.empty_like(permutation)
    out[permutation] = np.arange(permutation.size, dtype=np.uint32)
    return out
