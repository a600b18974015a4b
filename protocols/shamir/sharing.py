"""How one party holds its share of a Shamir sharing.

The share of a number is the value of a polynomial of degree t modulo p = 2^127 - 1; x is shared as x modulo p, so
products and sums within +-2^62 are exact, and masks have room above them. Bits are shared over GF(2^m) and held as
planes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import CheckFailed, ShapeError
from mpc.machine.engine import Integers, Shape, Share, Spec
from mpc.machine.shapes import size_of
from protocols.shamir import kernels, kernels_planes
from protocols.shamir.floor import words

Words = NDArray[np.uint64]
#: Two words as one item: NumPy moves it and never computes with it.
_ITEM = np.dtype("V16")


class Numbers(Share):
    """Integers. `data` is a contiguous (size, 2) array. Nobody writes to it later, since a message may still use it."""

    __slots__ = ("data", "shape")
    #: Not bits.
    width = 0

    def __init__(self, data: Words, shape: Shape) -> None:
        self.data = data
        self.shape = shape

    @property
    def spec(self) -> Spec:
        return Spec(self.shape)

    @property
    def size(self) -> int:
        return int(self.data.shape[0])

    def viewed(self, to: Callable[[NDArray[Any]], NDArray[Any]], shape: Shape) -> Numbers:
        """Rearranged elements."""
        moved = to(self.data.view(_ITEM).reshape(self.shape))
        if moved.shape != shape:
            raise ShapeError(f"view: the function gave shape {moved.shape}, expected {shape}")
        items = np.ascontiguousarray(moved)
        if not items.flags.writeable:  # a kernel has one signature, for arrays that can be written to
            items = items.copy()
        return Numbers(items.reshape(-1, 1).view(np.uint64).reshape(-1, 2), shape)


class Planes(Share):
    """Words of `width` bits. `data` is a contiguous (m, width, W) array: one bit of each of 64 elements a word."""

    __slots__ = ("data", "shape", "width")

    def __init__(self, data: Words, shape: Shape, width: int) -> None:
        self.data = data
        self.shape = shape
        self.width = width

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, "bits", self.width)

    @property
    def size(self) -> int:
        return size_of(self.shape)

    def single(self) -> NDArray[np.uint8]:
        """Single bits, 0 or 1: (m, width, *shape)."""
        flat = unpacked(self.data, self.size)
        return flat.reshape(*flat.shape[:-1], *self.shape)

    def viewed(self, to: Callable[[NDArray[Any]], NDArray[Any]], shape: Shape) -> Planes:
        """Rearranged elements."""
        places = to(np.arange(self.size).reshape(self.shape))
        if places.shape != shape:
            raise ShapeError(f"view: the function gave shape {places.shape}, expected {shape}")
        flat = places.reshape(-1)
        if flat.size == self.size and bool(np.array_equal(flat, np.arange(self.size))):
            return Planes(self.data, shape, self.width)
        return Planes(packed(unpacked(self.data, self.size)[..., flat]), shape, self.width)


def unpacked(data: Words, size: int) -> NDArray[np.uint8]:
    """Planes (..., W) as single bits (..., size)."""
    return np.unpackbits(data.view(np.uint8), axis=-1, count=size, bitorder="little")


def packed(single: NDArray[np.uint8]) -> Words:
    """Single bits (..., size) as planes (..., W)."""
    size = single.shape[-1]
    out = np.zeros((*single.shape[:-1], 8 * words(size)), np.uint8)
    octets = np.packbits(single, axis=-1, bitorder="little")
    out[..., : octets.shape[-1]] = octets
    return out.view(np.uint64)


def joined(xs: Sequence[Numbers] | Sequence[Planes], axis: int, shape: Shape) -> Numbers | Planes:
    """Arrays of one kind and width joined along an axis."""
    if isinstance(xs[0], Planes):
        parts = [x.single() for x in xs]  # type: ignore[union-attr]
        both = np.concatenate(parts, axis=2 + axis)
        return Planes(packed(both.reshape(*both.shape[:2], -1)), shape, xs[0].width)
    items = [x.data.view(_ITEM).reshape(x.shape) for x in xs]
    return Numbers(np.concatenate(items, axis=axis).reshape(-1, 1).view(np.uint64).reshape(-1, 2), shape)


def encoded(values: Integers) -> Words:
    """Signed integers as elements (size, 2)."""
    flat = np.ascontiguousarray(values, np.int64).reshape(-1)
    out = np.empty((flat.size, 2), np.uint64)
    kernels.encode(flat.copy() if not flat.flags.writeable else flat, out)
    return out


def decoded(elements: Words) -> Integers:
    """Elements as signed integers. Raises CheckFailed if an element is beyond +-2^62."""
    out = np.empty(len(elements), np.int64)
    beyond = np.zeros(1, np.int64)
    kernels.decode(elements, out, beyond)
    if beyond[0]:
        raise CheckFailed(
            f"{beyond[0]} of {len(out)} opened numbers are beyond +-2^62: a share was wrong, or a bound does not hold"
        )
    return out


def joined_pairs(planes: Words, size: int) -> Words:
    """Planes (width, W), up to 128 of them, as pairs of words (size, 2)."""
    return np.stack([joined_words(planes[:64], size), joined_words(planes[64:], size)], axis=1)


def split_words(values: NDArray[np.uint64], width: int) -> Words:
    """Public words of `width` bits as planes (width, W)."""
    flat = np.zeros((values.size, 2), np.uint64)
    flat[:, 0] = values.reshape(-1)
    out = np.zeros((width, words(values.size)), np.uint64)
    kernels_planes.to_planes(flat, np.empty(64, np.uint64), out)
    return out


def joined_words(planes: Words, size: int) -> NDArray[np.uint64]:
    """Planes (width, W) as words."""
    out = np.zeros(size, np.uint64)
    kernels_planes.from_planes(np.ascontiguousarray(planes), np.empty(64, np.uint64), out)
    return out
