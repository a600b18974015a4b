"""One interface to the two fields of sharings: the operations for dealing, masking and opening."""

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
    def spread(
        self, secret: Words, streams: Words, silent: Points, targets: Points, members: Points, own: int
    ) -> Words:
        """The shares at `targets` of polynomials through the secret at 0 and the streams at `silent`.

        With `members`, the secret is first multiplied by the coefficient of point `own` among these points.
        """

    @abstractmethod
    def add_into(self, total: Words, values: Words) -> None:
        """total += values."""

    @abstractmethod
    def add_stream(self, total: Words, stream: Words) -> None:
        """total += a stream of uniform words."""

    @abstractmethod
    def uniform(self, words: Words) -> None:
        """Make uniform elements of uniform words, in place."""


class PrimeField(Field):
    """Modulo 2^127 - 1; arrays (N, 2)."""

    def interpolate(self, points: Points, at: int, values: Words) -> Words:
        out = np.empty(values.shape[1:], np.uint64)
        kernels.combine(lagrange.coefficients(points, at), values, out)
        return out

    def spread(
        self, secret: Words, streams: Words, silent: Points, targets: Points, members: Points, own: int
    ) -> Words:
        out = np.empty((len(targets), *secret.shape), np.uint64)
        kernels.spread(secret, streams, lagrange.dealing(silent, targets, members, own), out)
        return out

    def add_into(self, total: Words, values: Words) -> None:
        kernels.add(total, values, total)

    def add_stream(self, total: Words, stream: Words) -> None:
        kernels.add_stream(total, stream, total)

    def uniform(self, words: Words) -> None:
        kernels.drawn(words, np.uint64(BITS))


class BinaryField(Field):
    """GF(2^m); arrays (m, k, W) of planes."""

    def __init__(self, degree: int) -> None:
        self.degree = degree

    def interpolate(self, points: Points, at: int, values: Words) -> Words:
        out = np.zeros((self.degree, values[0, 0].size), np.uint64)
        flat = values.reshape(len(points), self.degree, -1)
        kernels_planes.sum_planes(lagrange.steps(self.degree, points, at), flat, out)
        return out.reshape(values.shape[1:])

    def spread(
        self, secret: Words, streams: Words, silent: Points, targets: Points, members: Points, own: int
    ) -> Words:
        out = np.zeros((len(targets), self.degree, secret[0].size), np.uint64)
        known = np.empty((len(silent) + 1, *out.shape[1:]), np.uint64)
        known[0] = secret.reshape(self.degree, -1)
        known[1:] = streams.reshape(len(silent), self.degree, -1)
        dealing = lagrange.dealing_steps(self.degree, silent, targets, members, own)
        for steps, share in zip(dealing, out, strict=True):
            kernels_planes.sum_planes(steps, known, share)
        return out.reshape(len(targets), *secret.shape)

    def add_into(self, total: Words, values: Words) -> None:
        np.bitwise_xor(total, values, out=total)

    def add_stream(self, total: Words, stream: Words) -> None:
        np.bitwise_xor(total, stream, out=total)

    def uniform(self, words: Words) -> None:
        pass
