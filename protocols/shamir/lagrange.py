"""Lagrange coefficients: the value of a polynomial at one point from its values at others.

Party i has the point i + 1 in both fields; the secret stands at 0.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from protocols.shamir.binary_field import inverse, multiply, sum_steps
from protocols.shamir.prime import PRIME

Words = NDArray[np.uint64]
_LOW = (1 << 64) - 1


def element(value: int) -> Words:
    """An integer as an element (low, high)."""
    value %= PRIME
    return np.asarray((value & _LOW, value >> 64), np.uint64)


@cache
def coefficients(points: tuple[int, ...], at: int) -> Words:
    """(len(points), 2): f(at) = the sum of coefficients[j] f(points[j]), for degrees below the number of points."""
    rows = []
    for j, x in enumerate(points):
        above, below = 1, 1
        for k, other in enumerate(points):
            if k != j:
                above = above * (at - other) % PRIME
                below = below * (x - other) % PRIME
        rows.append(element(above * pow(below, -1, PRIME)))
    return np.asarray(rows, np.uint64)


@cache
def _binary(m: int, points: tuple[int, ...], at: int) -> tuple[int, ...]:
    found = []
    for j, x in enumerate(points):
        value = 1
        for k, other in enumerate(points):
            if k != j:
                value = multiply(m, value, multiply(m, at ^ other, inverse(m, x ^ other)))
        found.append(value)
    return tuple(found)


@cache
def steps(m: int, points: tuple[int, ...], at: int) -> NDArray[np.int64]:
    """The same over GF(2^m), as steps on planes."""
    return sum_steps(m, _binary(m, points, at))


@cache
def weight_steps(m: int, points: tuple[int, ...], own: int) -> NDArray[np.int64]:
    """A value times the coefficient of f(own) in f(0), as steps on planes."""
    return sum_steps(m, (_binary(m, points, 0)[points.index(own)],))
