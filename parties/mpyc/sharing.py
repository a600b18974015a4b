"""Shamir sharings of vectors over a prime field: split and recombined as whole vectors.

MPyC asks the operating system for a random number for each element; here all coefficients of a vector come from one
call. They are uniform, by rejection sampling. Points are 1 to m, as in MPyC. Vectors are `digits`, or object arrays of
integers if the field or the points do not allow digits.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np

from parties.mpyc import digits
from parties.mpyc.digits import Digits
from parties.mpyc.fields import Limbs, Objects, from_bytes, less, to_integers, width

#: Vectors of at most so many elements are split and recombined element by element.
FEW = 16


def uniform(order: int, count: int) -> list[int]:
    """`count` integers from 0 to order - 1, from the operating system."""
    if count <= 2 or order == 1:
        return [secrets.randbelow(order) for _ in range(count)]
    return to_integers(uniform_limbs(order, count))


def uniform_limbs(order: int, count: int) -> Limbs:
    """The same as (count, limbs) words."""
    size = width(order)
    bits = max(1, (order - 1).bit_length())
    limbs = -(-size // 8)
    pieces: list[Limbs] = [np.empty((0, limbs), np.uint64)]
    missing = count
    while missing > 0:
        tries = missing * (1 << bits) // order + missing // 16 + 8
        words = from_bytes(np.frombuffer(os.urandom(size * tries), np.uint8), size)
        words[:, -1] &= np.uint64((1 << (bits - 64 * (limbs - 1))) - 1)
        good = words[less(words, order)][:missing]
        pieces.append(good)
        missing -= good.shape[0]
    return np.concatenate(pieces)


def objects(values: Sequence[Any]) -> Objects:
    """An object array of any Python objects."""
    out = np.empty(len(values), object)
    out[:] = values
    return out


def split(modulus: int, values: Objects, threshold: int, parties: int) -> list[Objects]:
    """One vector of shares for each party, of integers reduced modulo the prime `modulus`."""
    count = values.size
    random = objects(uniform(modulus, threshold * count)).reshape(threshold, count)
    shares = []
    for point in range(1, parties + 1):
        value: Any = 0
        for coefficients in random:
            value = (value + coefficients) * point
        shares.append((value + values) % modulus)
    return shares


def recombine(modulus: int, shares: Sequence[Objects], weights: Sequence[int]) -> Objects:
    """The weighted sum of vectors, reduced."""
    half = modulus >> 1
    total: Any = 0
    for share, weight in zip(shares, weights, strict=True):
        # Small negative weights instead of their large representatives: the sum stays smaller.
        total = total + share * (weight if weight <= half else weight - modulus)
    reduced: Objects = total % modulus
    return reduced


def split_digits(modulus: int, values: Digits, threshold: int, parties: int) -> list[Digits]:
    """`split` on digits; `digits.powers_fit` must hold."""
    count = values.shape[1]
    random = [digits.from_limbs(uniform_limbs(modulus, count), modulus) for _ in range(threshold)]
    terms = [values, *random]
    return [
        digits.combination(modulus, [(term, point**k) for k, term in enumerate(terms)])
        for point in range(1, parties + 1)
    ]


def recombine_digits(modulus: int, points: Sequence[tuple[int, Digits]]) -> Digits | None:
    """The values at 0 of the polynomials through the points; None if Lagrange's coefficients are not small."""
    weights = digits.weights(tuple(point for point, _ in points))
    if weights is None:
        return None
    numerators, divisor = weights
    terms = [(share, factor) for (_, share), factor in zip(points, numerators, strict=True)]
    return digits.divided(modulus, digits.combination(modulus, terms), divisor)
