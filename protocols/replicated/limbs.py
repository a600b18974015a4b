"""Exact matrix products of sums of components, by floating-point matrix products.

With x = a + b + c and y = d + e + f, where D knows a, b, d, e, E knows a, c, d, f and F knows b, c, e, f,

    2 x y = (2a + b)(2d + e) - 2 (a - c)(d - f) + (b + 2c)(e + 2f)

over the integers: one product for each party, where the usual split takes two. D's and F's products have the parity of
b e, so D rounds its half up and F rounds its half down; both need their products modulo 2^65 for this.

Numbers modulo 2^65 are split in balanced limbs of 22, 22 and 21 bits. Limb products of weight 2^66 and above vanish.
Karatsuba's (a0+a1)(b0+b1) - a0 b0 - a1 b1 gives the products of weight 2^22 from two products that are needed anyway:
five floating-point products in place of six. They are exact: an entry of (a0+a1)(b0+b1) is at most 2^44, and over an
inner block of 512 all partial sums stay within 2^53.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.replicated import kernels
from protocols.replicated.roles import D, E, F

Words = NDArray[np.uint64]
Reals = NDArray[np.float64]

#: Largest inner dimension of one floating-point product: 2^44 * 512 = 2^53.
BLOCK = 512
#: Below these, numpy's own integer product is quicker.
_NARROW = 12
_FEW = 1 << 15


class _Part(NamedTuple):
    """A role's factor: 2^shift * row `first` + row `second`, or minus row `second` if all bits of `flip` are set."""

    first: int
    second: int
    shift: np.uint64
    flip: np.uint64


_PARTS = {
    D: _Part(1, 0, kernels.ONE, kernels.ZERO),
    E: _Part(0, 1, kernels.ZERO, kernels.ALL),
    F: _Part(0, 1, kernels.ONE, kernels.ZERO),
}


class Limbs:
    """Limbs of a block in a buffer of 4 * rows * columns elements: side by side for a left factor, one above the other
    for a right factor."""

    __slots__ = ("both", "crossed", "left", "low", "middle")

    def __init__(self, buffer: Reals, rows: int, columns: int, left: bool) -> None:
        self.left = left
        size = rows * columns
        self.middle: Reals = buffer[:size].reshape(rows, columns)
        self.both: Reals = buffer[size : 2 * size].reshape(rows, columns)
        # [a0 | a2] times [b2 over b0] is a0 b2 + a2 b0: one product in place of two
        crossed = buffer[2 * size : 4 * size]
        self.crossed: Reals = crossed.reshape(rows, 2 * columns) if left else crossed.reshape(2 * rows, columns)
        self.low: Reals = self.crossed[:, :columns] if left else self.crossed[rows:]

    def fill(self, role: int, data: Words, row: int, column: int) -> None:
        """Split the block of the factor of `role` that begins at (row, column); `data`: both components, (2, m, n)."""
        part = _PARTS[role]
        stop = row + self.middle.shape[0]
        first, second = data[part.first, row:stop], data[part.second, row:stop]
        kernels.split(first, second, column, part.shift, part.flip, self.left, self.middle, self.both, self.crossed)


def add_product(role: int, a: Limbs, b: Limbs, buffer: Reals, out: Words) -> None:
    """out += this role's part of the product of one inner block, modulo 2^64; `buffer` has 4 * out.size elements."""
    low, middle, both, crossed = buffer[: 4 * out.size].reshape(4, *out.shape)
    np.matmul(a.low, b.low, out=low)
    np.matmul(a.middle, b.middle, out=middle)
    np.matmul(a.both, b.both, out=both)
    np.matmul(a.crossed, b.crossed, out=crossed)
    if role == E:
        kernels.gather_less(low, middle, both, crossed, out)
    else:
        kernels.gather_half(low, middle, both, crossed, int(role == D), out)


def plain(rows: int, inner: int, columns: int) -> bool:
    """Whether numpy's integer product is quicker."""
    return min(rows, columns) < _NARROW or rows * inner * columns < _FEW
