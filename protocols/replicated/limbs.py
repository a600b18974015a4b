"""Exact matrix products modulo 2^64 through floating-point matrix products.

Each factor is split in balanced limbs of 22, 22 and 20 bits. Of the nine limb products those above 2^64 vanish, and
Karatsuba's (a0+a1)(b0+b1) - a0 b0 - a1 b1 gives the second weight from two products that are needed anyway: five
floating-point products in place of six. They are exact: an entry of (a0+a1)(b0+b1) is at most 2^44, and over an
inner block of 512 every partial sum stays within 2^53.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.replicated import kernels

Words = NDArray[np.uint64]
Reals = NDArray[np.float64]

#: Largest inner dimension of one floating-point product: 2^44 * 512 = 2^53.
BLOCK = 512
#: Below these, numpy's own integer product is quicker.
_NARROW = 12
_FEW = 1 << 15


class Limbs:
    """A matrix's limbs over one inner block: side by side (left factor) or one above the other (right factor)."""

    __slots__ = ("both", "crossed", "low", "middle")

    def __init__(self, x: Words, left: bool) -> None:
        rows, columns = x.shape
        self.middle: Reals = np.empty((rows, columns))
        self.both: Reals = np.empty((rows, columns))
        # [a0 | a2] times [b2 over b0] is a0 b2 + a2 b0, one product for two
        self.crossed: Reals = np.empty((rows, 2 * columns) if left else (2 * rows, columns))
        first = self.crossed[:, :columns] if left else self.crossed[:rows]
        second = self.crossed[:, columns:] if left else self.crossed[rows:]
        self.low, high = (first, second) if left else (second, first)
        kernels.split(x, self.low, self.middle, high, self.both, columns)


def product(a: Limbs, b: Limbs, out: Words) -> None:
    """out += a @ b modulo 2^64, for one inner block."""
    kernels.gather(a.low @ b.low, a.middle @ b.middle, a.both @ b.both, a.crossed @ b.crossed, out)


def plain(rows: int, inner: int, columns: int) -> bool:
    """True where numpy's integer product is the quicker one."""
    return min(rows, columns) < _NARROW or rows * inner * columns < _FEW
