"""Arithmetic modulo a prime on whole vectors: digits of 32 bits in 64-bit words, (digits, n), low digits first.

Sums of elements times small public numbers fit a word without a carry. So splitting or recombining a Shamir sharing
takes a few dozen NumPy operations for a vector of any length; with Python integers it takes several for each element.
Reduced means: every digit is in [0, 2^32), and the number in [0, modulus).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import lcm, prod

import numpy as np
from numpy.typing import NDArray

from parties.mpyc.fields import Limbs

Digits = NDArray[np.int64]

#: Python's integers are used for larger moduli.
MOST_BITS = 512
#: Bound of public factors and of their sum.
MOST_FACTOR = 1 << 20
_MASK = np.int64((1 << 32) - 1)
_SHIFT = np.int64(32)


def digits_of(modulus: int) -> int:
    """How many digits an element has."""
    return -(-modulus.bit_length() // 32)


def from_limbs(limbs: Limbs, modulus: int) -> Digits:
    """Digits of (n, limbs) 64-bit words."""
    words = np.ascontiguousarray(limbs, "<u8").view("<u4")[:, : digits_of(modulus)]
    return np.ascontiguousarray(words.T).astype(np.int64)


def to_limbs(digits: Digits) -> Limbs:
    """(n, limbs) 64-bit words of reduced digits."""
    count, n = digits.shape
    words = np.zeros((n, count + count % 2), "<u4")
    words[:, :count] = digits.T
    return words.view("<u8").astype(np.uint64, copy=False)


@cache
def _modulus(modulus: int) -> Digits:
    """The digits of a modulus as a column, with one more digit for the carry."""
    count = digits_of(modulus)
    return np.array([[modulus >> (32 * j) & 0xFFFFFFFF] for j in range(count)] + [[0]], np.int64)


def combination(modulus: int, terms: Sequence[tuple[Digits, int]]) -> Digits:
    """The reduced sum of reduced vectors times public integers, whose sizes sum up to at most MOST_FACTOR."""
    count, n = terms[0][0].shape
    total = np.zeros((count + 1, n), np.int64)
    for digits, factor in terms:
        total[:count] += digits if factor == 1 else digits * np.int64(factor)
    return _reduced(total, modulus)


def _carry(total: Digits) -> None:
    for j in range(total.shape[0] - 1):
        total[j + 1] += total[j] >> _SHIFT
        total[j] &= _MASK


def _reduced(total: Digits, modulus: int) -> Digits:
    """Reduce numbers from -MOST_FACTOR to MOST_FACTOR times the modulus; `total` has a digit more, for the carry."""
    p = _modulus(modulus)
    _carry(total)
    # The quotient from the leading digits is wrong by at most one.
    scale = [float(Fraction(1 << 32 * j, modulus)) for j in range(total.shape[0])]
    quotient = sum(row * factor for row, factor in zip(total[-3:], scale[-3:], strict=True))
    total -= np.floor(quotient).astype(np.int64) * p
    _carry(total)
    total += (total[-1] < 0) * p
    _carry(total)
    total -= _at_least(total, p) * p
    _carry(total)
    return total[:-1]


def _at_least(total: Digits, p: Digits) -> NDArray[np.bool_]:
    """Elementwise total >= p, for carried digits."""
    result = np.ones(total.shape[1], np.bool_)
    for j in range(total.shape[0]):
        result = (total[j] > p[j, 0]) | ((total[j] == p[j, 0]) & result)
    return result


def divided(modulus: int, digits: Digits, divisor: int) -> Digits:
    """Reduced vectors times the inverse of a small public number, which the modulus does not divide."""
    if divisor == 1:
        return digits
    d = np.int64(divisor)
    rest = np.zeros(digits.shape[1], np.int64)
    for row in digits[::-1]:
        rest = ((rest << _SHIFT) + row) % d
    # Add a multiple of the modulus, so that the sum is divisible by d.
    multiple = (-rest * np.int64(pow(modulus, -1, divisor))) % d
    total = np.concatenate((digits, np.zeros((1, digits.shape[1]), np.int64))) + multiple * _modulus(modulus)
    _carry(total)
    rest = np.zeros(digits.shape[1], np.int64)
    for j in range(total.shape[0] - 1, -1, -1):
        value = (rest << _SHIFT) + total[j]
        total[j] = value // d
        rest = value - total[j] * d
    return total[:-1]


@cache
def weights(points: tuple[int, ...]) -> tuple[tuple[int, ...], int] | None:
    """Numerators and the common denominator of Lagrange's coefficients at 0; None if they are not small."""
    exact = [prod((Fraction(y, y - x) for y in points if y != x), start=Fraction(1)) for x in points]
    divisor = lcm(*(weight.denominator for weight in exact))
    numerators = tuple(int(weight * divisor) for weight in exact)
    if sum(map(abs, numerators)) > MOST_FACTOR or divisor > MOST_FACTOR:
        return None
    return numerators, divisor


def powers_fit(parties: int, threshold: int) -> bool:
    """Whether polynomials of this degree can be evaluated at all points by `combination`."""
    largest: int = parties ** (threshold + 1)  # more than the sum of all lower powers
    return largest <= MOST_FACTOR
