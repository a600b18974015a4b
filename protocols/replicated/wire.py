"""Words on the wire: the fewest whole bytes for the width; two words of 2 to 4 bits, or eight single bits, to a byte.

All functions are local. Masks are drawn in wire form, so that a message and its mask have the same width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Octets = NDArray[np.uint8]
_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def small_bytes(bits: int) -> int:
    """Bytes of the smallest unsigned type that holds `bits` bits."""
    return 1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8


def small_dtype(bits: int) -> np.dtype[Any]:
    """The smallest unsigned type that holds `bits` bits. Its arithmetic is right modulo 2^bits, too."""
    return np.dtype(_UNSIGNED[small_bytes(bits)])


def word_bytes(width: int) -> int:
    """Bytes that a word of `width` > 4 bits takes on the wire."""
    return (width + 7) // 8


def packed_bytes(size: int, width: int) -> int:
    """Bytes that `size` words of `width` bits take on the wire."""
    if width == 1:
        return (size + 7) // 8
    return (size + 1) // 2 if width <= 4 else size * word_bytes(width)


def pack(words: NDArray[Any], width: int) -> Octets:
    """Words of `width` bits in wire form; a view of `words` if a word takes 8 bytes.

    Bits above `width` are dropped here, or sent and dropped by `unpack`. Words of 2 to 4 bits go two to a byte: the
    second half of the words in the high bits, the first half in the low bits. Wider words go in planes of 4, 2 and 1
    bytes, as the width needs them, the low plane first.
    """
    if width == 1:
        return np.packbits(words.astype(np.uint8, copy=False) & np.uint8(1), bitorder="little")
    if width <= 4:
        out = words[: (words.size + 1) // 2].astype(np.uint8)
        out &= np.uint8(15)
        out[: words.size // 2] |= words[out.size :].astype(np.uint8) << np.uint8(4)
        return out
    octets = word_bytes(width)
    if octets == 8:
        return words.view(np.uint8)
    if octets in _UNSIGNED:
        return words.astype(_UNSIGNED[octets]).view(np.uint8)
    out, start, shift = np.empty(words.size * octets, np.uint8), 0, 0
    for plane in _planes(octets):
        stop = start + words.size * plane
        out[start:stop].view(_UNSIGNED[plane])[...] = words >> words.dtype.type(shift) if shift else words
        start, shift = stop, shift + 8 * plane
    return out


def unpack(wire: Octets, size: int, width: int) -> NDArray[Any]:
    """The inverse of `pack`, cut to `width` bits for any bytes of a peer; a view of `wire` at 64 bits. Do not write to
    the result."""
    if width == 1:
        return np.unpackbits(wire, count=size, bitorder="little")
    if width == 64:
        return wire.view(np.uint64)
    words = np.empty(size, np.uint64)
    unpack_into(words, wire, width)
    return words


def unpack_into(out: NDArray[Any], wire: Octets, width: int) -> None:
    """As `unpack`, into an array whose type holds at least `width` bits."""
    size = out.size
    if width == 1:
        out[...] = np.unpackbits(wire, count=size, bitorder="little")
        return
    if width <= 4:
        out[: wire.size] = wire & np.uint8(15)
        out[wire.size :] = wire[: size // 2] >> np.uint8(4)
    else:
        out[...] = lowest(wire, size, width)
        planes = _planes(word_bytes(width))
        start, shift = size * planes[0], 8 * planes[0]
        for plane in planes[1:]:
            stop = start + size * plane
            out |= wire[start:stop].view(_UNSIGNED[plane]).astype(out.dtype) << out.dtype.type(shift)
            start, shift = stop, shift + 8 * plane
    if width % 8:
        out &= out.dtype.type((1 << width) - 1)


def lowest(wire: Octets, size: int, width: int) -> NDArray[Any]:
    """The low plane of words of `width` > 4 bits, which has at least 8 bits of each word: a view of `wire`."""
    plane = _planes(word_bytes(width))[0]
    return wire[: size * plane].view(_UNSIGNED[plane])


def _planes(octets: int) -> tuple[int, ...]:
    """Powers of two that sum to `octets`, the largest first."""
    return tuple(plane for plane in (8, 4, 2, 1) if octets & plane)
