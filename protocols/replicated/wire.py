"""Words on the wire: as few bytes as their width asks for, by whole bytes; single bits eight to a byte.

All of it is local. Masks are drawn in the wire's own form, so that a message and its mask have the same width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.replicated import kernels

Octets = NDArray[np.uint8]
_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def small_bytes(bits: int) -> int:
    """Bytes of the smallest unsigned type that holds `bits` bits."""
    return 1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8


def small_dtype(bits: int) -> np.dtype[Any]:
    """The smallest unsigned type that holds `bits` bits. Arithmetic in it is arithmetic modulo 2^bits and more."""
    return np.dtype(_UNSIGNED[small_bytes(bits)])


def word_bytes(width: int) -> int:
    """Bytes that a word of `width` bits takes on the wire."""
    return (width + 7) // 8


def packed_bytes(size: int, width: int) -> int:
    """Bytes that `size` words of `width` bits take on the wire."""
    return (size + 7) // 8 if width == 1 else size * word_bytes(width)


def pack(words: NDArray[Any], width: int) -> Octets:
    """Words of `width` bits in wire form; a view of `words` where they fill 8 bytes.

    Width 1: the lowest bit of uint8 or uint64, whatever stands above it. Else uint64 below 2^width.
    """
    if width == 1:
        return np.packbits(words.astype(np.uint8, copy=False) & np.uint8(1), bitorder="little")
    octets = word_bytes(width)
    if octets == 8:
        return words.view(np.uint8)
    if octets in _UNSIGNED:
        return words.astype(_UNSIGNED[octets]).view(np.uint8)
    out = np.empty(words.size * octets, np.uint8)
    kernels.narrow(words, octets, out)
    return out


def unpack(wire: Octets, size: int, width: int) -> NDArray[Any]:
    """The inverse of `pack`, cut to `width` bits whatever a peer sent; a view of `wire` at 64 bits. Not to be
    written to."""
    if width == 1:
        return np.unpackbits(wire, count=size, bitorder="little")
    if width == 64:
        return wire.view(np.uint64)
    octets = word_bytes(width)
    if octets in _UNSIGNED:
        words = wire.view(_UNSIGNED[octets]).astype(np.uint64)
    else:
        words = np.empty(size, np.uint64)
        kernels.widen(wire, octets, words)
    if width % 8:
        words &= np.uint64((1 << width) - 1)
    return words
