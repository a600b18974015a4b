"""One party's part of a replicated sharing.

A value is the sum modulo 2^64 (for bits: the exclusive or) of three components c_0, c_1, c_2. Party i holds
c_{i-1}, which the party before it holds too, and c_i, which the party after it holds too; it misses c_{i+1}. With the
roles D, E = D+1 and F = D+2, D knows the sum A = c_F + c_D, and both E and F know B = c_E: this is the *owner form*. A
sharing is in owner form for any choice of D, so the form has no class: a protocol reads it off the rows (D: sum or
exclusive or of both rows; E: row 1; F: row 0).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Shape, Share, Spec
from mpc.machine.shapes import same_shape, wanted

Words = NDArray[np.uint64]
#: Rows of bits: uint8 for words of one bit, else uint64.
BitWords = NDArray[Any]


class Arithmetic(Share):
    """Integers modulo 2^64. `data` is one contiguous (2, size) array: row 0 is c_{i-1}, row 1 is c_i. Nothing writes to
    it after its creation: its rows may be on their way to a peer."""

    __slots__ = ("data", "shape")

    def __init__(self, data: Words, shape: Shape) -> None:
        self.data = data
        self.shape = shape

    @property
    def spec(self) -> Spec:
        return Spec(self.shape)

    @property
    def size(self) -> int:
        return int(self.data.shape[1])


class Bits(Share):
    """Words of `width` bits, with the rows of `Arithmetic`; bits from `width` up are zero in both rows."""

    __slots__ = ("data", "shape", "width")

    def __init__(self, data: BitWords, shape: Shape, width: int) -> None:
        self.data = data
        self.shape = shape
        self.width = width

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, "bits", self.width)

    @property
    def size(self) -> int:
        return int(self.data.shape[1])


def dtype_of(width: int) -> np.dtype[Any]:
    """The type of a row of words of `width` bits."""
    return np.dtype(np.uint8 if width == 1 else np.uint64)


def mask_of(width: int) -> int:
    """The word with `width` low bits set."""
    return (1 << width) - 1


def integers(what: str, *xs: Arithmetic | Bits) -> None:
    """Raise ShapeError unless all shares are integers of one shape."""
    for x in xs:
        if type(x) is not Arithmetic or x.shape != xs[0].shape:
            wanted(what, x.spec, "arith")
            same_shape(what, xs[0].spec, x.spec)


def words_of_bits(what: str, *xs: Arithmetic | Bits, width: int | None = None) -> None:
    """Raise ShapeError unless all shares are words of bits of one shape and one width, or of `width` if given."""
    for x in xs:
        wanted(what, x.spec, "bits", width)
        same_shape(what, xs[0].spec, x.spec)


def as_words(values: NDArray[Any]) -> Words:
    """Public integers as ring elements (a view where possible)."""
    return np.asarray(values, np.int64).view(np.uint64) if values.dtype != np.uint64 else values
