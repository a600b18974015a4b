"""The fields GF(2^m), 2 <= m <= 5: elements as Python integers, and their arithmetic as steps on planes of bits.

Bits are shared over the smallest of these fields that has a nonzero point for each party. An element is the
polynomial whose coefficient of z^i is bit i.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Irreducible polynomials: z^2+z+1, z^3+z+1, z^4+z+1, z^5+z^2+1.
_MODULUS = {2: 0b111, 3: 0b1011, 4: 0b10011, 5: 0b100101}

Steps = NDArray[np.int64]


def degree(parties: int) -> int:
    """m of the smallest field with more elements than parties; at least 2."""
    return max(2, parties.bit_length())


@cache
def multiply(m: int, a: int, b: int) -> int:
    total = 0
    for i in range(m):
        if b >> i & 1:
            total ^= a << i
    for i in range(2 * m - 2, m - 1, -1):
        if total >> i & 1:
            total ^= _MODULUS[m] << (i - m)
    return total


@cache
def inverse(m: int, a: int) -> int:
    if not a:
        raise ZeroDivisionError("0 has no inverse")
    return next(b for b in range(1, 1 << m) if multiply(m, a, b) == 1)


@cache
def product_steps(m: int) -> Steps:
    """Steps (i, j, e) of a product x y: the product of bit i of x and bit j of y is added to bit e."""
    steps = [(i, j, e) for i in range(m) for j in range(m) for e in range(m) if multiply(m, 1 << i, 1 << j) >> e & 1]
    return np.asarray(steps, np.int64)


@cache
def sum_steps(m: int, coefficients: tuple[int, ...]) -> Steps:
    """Steps (j, i, e) of the sum of coefficients[j] x_j: bit i of x_j is added to bit e."""
    steps = [
        (j, i, e)
        for j, c in enumerate(coefficients)
        for i in range(m)
        for e in range(m)
        if multiply(m, c, 1 << i) >> e & 1
    ]
    return np.asarray(steps, np.int64).reshape(-1, 3)
