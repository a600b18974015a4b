"""Lagrange coefficients: the value of a polynomial at one point from its values at other points.

Party i has the point i + 1 in both fields; the secret is the value at 0.
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
        numerator, denominator = 1, 1
        for k, other in enumerate(points):
            if k != j:
                numerator = numerator * (at - other) % PRIME
                denominator = denominator * (x - other) % PRIME
        rows.append(element(numerator * pow(denominator, -1, PRIME)))
    return np.asarray(rows, np.uint64)


@cache
def _binary(m: int, points: tuple[int, ...], at: int) -> tuple[int, ...]:
    weights = []
    for j, x in enumerate(points):
        value = 1
        for k, other in enumerate(points):
            if k != j:
                value = multiply(m, value, multiply(m, at ^ other, inverse(m, x ^ other)))
        weights.append(value)
    return tuple(weights)


@cache
def steps(m: int, points: tuple[int, ...], at: int) -> NDArray[np.int64]:
    """`coefficients` over GF(2^m), as steps on planes."""
    return sum_steps(m, _binary(m, points, at))


@cache
def dealing(silent: tuple[int, ...], targets: tuple[int, ...], members: tuple[int, ...], dealer: int) -> Words:
    """(len(targets), 1 + len(silent), 2): the coefficients of the share at each target, for the secret at 0 and the
    streams at points `silent`.

    With `members`, the dealer deals its share of a sharing among these points, times its coefficient.
    """
    weight = element(1) if not members else coefficients(members, 0)[members.index(dealer)]
    factor = int(weight[0]) + (int(weight[1]) << 64)
    rows = np.stack([coefficients((0, *silent), target) for target in targets])
    for row in rows:
        row[0] = element((int(row[0, 0]) + (int(row[0, 1]) << 64)) * factor)
    return rows


@cache
def dealing_steps(
    m: int, silent: tuple[int, ...], targets: tuple[int, ...], members: tuple[int, ...], dealer: int
) -> tuple[NDArray[np.int64], ...]:
    """`dealing` over GF(2^m), as steps on planes for each target: the secret's element first."""
    weight = 1 if not members else _binary(m, members, 0)[members.index(dealer)]
    dealt = []
    for target in targets:
        first, *rest = _binary(m, (0, *silent), target)
        dealt.append(sum_steps(m, (multiply(m, first, weight), *rest)))
    return tuple(dealt)
