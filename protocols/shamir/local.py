"""Operations on arrays of shares modulo 2^127 - 1 that send nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocols.shamir import kernels, lagrange

Words = NDArray[np.uint64]


def constant(value: int, size: int) -> Words:
    """A public number as a sharing: all parties have the same share."""
    out = np.empty((size, 2), np.uint64)
    out[:] = lagrange.element(value)
    return out


def add(x: Words, y: Words) -> Words:
    out = np.empty_like(x)
    kernels.add(x, y, out)
    return out


def subtract(x: Words, y: Words) -> Words:
    out = np.empty_like(x)
    kernels.subtract(x, y, out)
    return out


def multiply(x: Words, y: Words) -> Words:
    """x y: the degree of the product is the sum of both degrees."""
    out = np.empty_like(x)
    kernels.multiply(x, y, out)
    return out


def add_one(x: Words, value: int) -> Words:
    """x plus a public number."""
    out = np.empty_like(x)
    low, high = lagrange.element(value)
    kernels.add_one(x, low, high, out)
    return out


def scale_one(x: Words, factor: int) -> Words:
    """x times a public number."""
    out = np.empty_like(x)
    low, high = lagrange.element(factor)
    kernels.scale_one(x, low, high, out)
    return out


def combine(factors: Sequence[int], xs: Sequence[Words]) -> Words:
    """The sum of public factors times arrays."""
    out = np.empty_like(xs[0])
    kernels.combine(np.stack([lagrange.element(f) for f in factors]), np.stack(xs), out)
    return out
