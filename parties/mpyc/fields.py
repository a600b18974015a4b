"""Vectors of finite field elements to bytes and back: fixed width, length and range checked.

Elements are integers from 0 to order - 1 (a polynomial over GF(p) stands for its value at p, as in MPyC), in
little-endian order, each in the fewest whole bytes that hold order - 1. Longer vectors are converted through 64-bit
limbs in NumPy. This format replaces the pickles that MPyC sends for arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RemoteProtocolError
from mpc.machine.channel import Bytes

Objects = NDArray[np.object_]
Limbs = NDArray[np.uint64]

#: Vectors of at most so many elements are converted one by one: NumPy's fixed costs are larger there.
_FEW = 24
#: With more limbs for each element, it is quicker to convert long integers one by one.
_MOST_LIMBS = 4
_WORD = (1 << 64) - 1


def width(order: int) -> int:
    """Bytes of one element."""
    return max(1, ((order - 1).bit_length() + 7) >> 3)


def encode(order: int, values: Sequence[int] | Objects) -> Bytes:
    """The bytes of elements, which must be reduced already."""
    size = width(order)
    if len(values) > _FEW and size <= 8 * _MOST_LIMBS:
        return to_bytes(to_limbs(np.asarray(values, object), -(-size // 8)), size)
    return np.frombuffer(b"".join([int(v).to_bytes(size, "little") for v in values]), np.uint8)


def decode(order: int, payload: Bytes, count: int, peer: str) -> list[int]:
    """Exactly `count` elements; RemoteProtocolError for another length or a number that is not an element."""
    size = width(order)
    if count > _FEW and size <= 8 * _MOST_LIMBS:
        return to_integers(decode_limbs(order, payload, count, peer))
    _check_length(size, payload, count, peer)
    data = payload.tobytes()
    values = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]
    if values and max(values) >= order:
        raise _too_large(peer)
    return values


def decode_limbs(order: int, payload: Bytes, count: int, peer: str) -> Limbs:
    """Like `decode`, as (count, limbs) words."""
    size = width(order)
    _check_length(size, payload, count, peer)
    limbs = from_bytes(payload, size)
    if not below(limbs, order):
        raise _too_large(peer)
    return limbs


def _check_length(size: int, payload: Bytes, count: int, peer: str) -> None:
    if payload.size != count * size:
        raise RemoteProtocolError(
            f"{peer} sent {payload.size} bytes for {count} elements of a field; expected {count * size}", peer=peer
        )


def _too_large(peer: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{peer} sent a number that is not an element of the field", peer=peer)


def to_limbs(values: Objects, limbs: int) -> Limbs:
    """(n, limbs) 64-bit words, low ones first, of integers from 0 to 2^(64 limbs) - 1."""
    out = np.empty((values.size, limbs), np.uint64)
    if limbs == 1:
        out[:, 0] = values.astype(np.uint64)
        return out
    for j in range(limbs):
        word = values if j == 0 else values >> (64 * j)
        out[:, j] = (word & _WORD if j < limbs - 1 else word).astype(np.uint64)
    return out


def to_integers(limbs: Limbs) -> list[int]:
    """The integers of (n, limbs) words."""
    if limbs.shape[1] == 1:
        words: list[int] = limbs[:, 0].tolist()
        return words
    value: Any = limbs[:, -1].astype(object)
    for j in range(limbs.shape[1] - 2, -1, -1):
        value = (value << 64) | limbs[:, j].astype(object)
    integers: list[int] = value.tolist()
    return integers


def to_bytes(limbs: Limbs, size: int) -> Bytes:
    """The lowest `size` bytes of each element, without gaps."""
    words = np.ascontiguousarray(limbs, "<u8").view(np.uint8).reshape(limbs.shape[0], -1)
    return np.ascontiguousarray(words[:, :size]).reshape(-1)


def from_bytes(payload: Bytes, size: int) -> Limbs:
    """(n, limbs) words of elements of `size` bytes each."""
    limbs = -(-size // 8)
    words = np.zeros((payload.size // size, 8 * limbs), np.uint8)
    words[:, :size] = payload.reshape(-1, size)
    return words.view("<u8").astype(np.uint64, copy=False)


def below(limbs: Limbs, order: int) -> bool:
    """Whether all elements are less than `order`."""
    return bool(np.all(less(limbs, order)))


def less(limbs: Limbs, order: int) -> NDArray[np.bool_]:
    """Elementwise limbs < order; word by word, the highest first."""
    if order.bit_length() > 64 * limbs.shape[1]:
        return np.ones(limbs.shape[0], np.bool_)
    result = np.zeros(limbs.shape[0], np.bool_)
    equal = np.ones(limbs.shape[0], np.bool_)
    for j in range(limbs.shape[1] - 1, -1, -1):
        word = np.uint64((order >> (64 * j)) & _WORD)
        result |= equal & (limbs[:, j] < word)
        equal &= limbs[:, j] == word
    return result
