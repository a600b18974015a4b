"""The two fields that sharings are over, behind one face: what dealing, masking and opening need of them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from protocols.shamir import kernels, kernels_planes, lagrange
from protocols.shamir.prime import BITS

Words = NDArray[np.uint64]
Points = tuple[int, ...]


class Field(ABC):
    """Arrays of shares, and polynomials through them."""

    @abstractmethod
    def interpolate(self, points: Points, at: int, values: Words) -> Words:
        """f(at) of the polynomials through (points[j], values[j])."""

    @abstractmethod
    def weigh(self, points: Points, own: int, values: Words) -> Words:
        """What f(own) = values contributes to f(0)."""

    @abstractmethod
    def add_into(self, total: Words, values: Words) -> None:
        """total += values."""

    @abstractmethod
    def uniform(self, words: Words) -> None:
        """Turn uniform words into uniform elements, in place."""


class PrimeField(Field):
    """Modulo 2^127 - 1; arrays (N, 2)."""

    def interpolate(self, points: Points, at: int, values: Words) -> Words:
        out = np.empty(values.shape[1:], np.uint64)
        kernels.combine(lagrange.coefficients(points, at), values, out)
        return out

    def weigh(self, points: Points, own: int, values: Words) -> Words:
        low, high = lagrange.coefficients(points, 0)[points.index(own)]
        out = np.empty_like(values)
        kernels.scale_one(values, low, high, out)
        return out

    def add_into(self, total: Words, values: Words) -> None:
        kernels.add(total, values, total)

    def uniform(self, words: Words) -> None:
        kernels.drawn(words, np.uint64(BITS))


class BinaryField(Field):
    """GF(2^m); arrays (m, k, W) of planes."""

    def __init__(self, degree: int) -> None:
        self.degree = degree

    def interpolate(self, points: Points, at: int, values: Words) -> Words:
        out = np.zeros((self.degree, values[0, 0].size), np.uint64)
        flat = values.reshape(len(points), self.degree, -1)
        kernels_planes.combine(lagrange.steps(self.degree, points, at), flat, out)
        return out.reshape(values.shape[1:])

    def weigh(self, points: Points, own: int, values: Words) -> Words:
        out = np.zeros((self.degree, values[0].size), np.uint64)
        flat = np.ascontiguousarray(values).reshape(1, self.degree, -1)
        kernels_planes.combine(lagrange.weight_steps(self.degree, points, own), flat, out)
        return out.reshape(values.shape)

    def add_into(self, total: Words, values: Words) -> None:
        np.bitwise_xor(total, values, out=total)

    def uniform(self, words: Words) -> None:
        pass
