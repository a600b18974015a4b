"""Shamir sharings of vectors over a prime field: split and recombined as whole vectors.

MPyC draws one random number an element from the operating system; here all coefficients of a vector come from one
draw. Uniform by rejection: no element is likelier than another. Points are 1 to m, as MPyC has them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np

from parties.mpyc.fields import Limbs, Objects, less, to_integers

#: Vectors up to here are split and recombined element by element.
FEW = 16


def uniform(order: int, count: int) -> list[int]:
    """`count` integers from 0 to order - 1, from the operating system."""
    if count <= 2 or order == 1:
        return [secrets.randbelow(order) for _ in range(count)]
    bits = (order - 1).bit_length()
    limbs = max(1, -(-bits // 64))
    found: list[Limbs] = []
    missing = count
    while missing > 0:
        tries = missing * (1 << bits) // order + missing // 16 + 8
        words = np.frombuffer(os.urandom(8 * limbs * tries), np.uint64).reshape(tries, limbs).copy()
        words[:, -1] &= np.uint64((1 << (bits - 64 * (limbs - 1))) - 1)
        good = words[less(words, order)][:missing]
        found.append(good)
        missing -= good.shape[0]
    return to_integers(np.concatenate(found))


def objects(values: Sequence[Any]) -> Objects:
    """A vector of Python objects, whatever they are."""
    out = np.empty(len(values), object)
    out[:] = values
    return out


def split(modulus: int, secrets_: Objects, threshold: int, parties: int) -> list[Objects]:
    """One vector of shares for each party, of integers reduced modulo the prime `modulus`."""
    count = secrets_.size
    random = objects(uniform(modulus, threshold * count)).reshape(threshold, count)
    shares = []
    for point in range(1, parties + 1):
        value: Any = 0
        for coefficients in random:
            value = (value + coefficients) * point
        shares.append((value + secrets_) % modulus)
    return shares


def recombine(modulus: int, shares: Sequence[Objects], weights: Sequence[int]) -> Objects:
    """The weighted sum of vectors, reduced."""
    half = modulus >> 1
    total: Any = 0
    for share, weight in zip(shares, weights, strict=True):
        # Small negative numbers instead of their large representatives: less to reduce.
        total = total + share * (weight if weight <= half else weight - modulus)
    reduced: Objects = total % modulus
    return reduced
