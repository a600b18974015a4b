"""Local operations on the two kinds of share: linear ones, rearranging, and bits by position."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.machine.engine import Integers
from mpc.machine.shapes import axis_of, fitting, joined_shape, same_shape, size_of, wanted
from protocols.shamir import kernels, local
from protocols.shamir.committee import Scheme
from protocols.shamir.sharing import Numbers, Planes, encoded, joined, packed, split_words

Words = NDArray[np.uint64]
AnyShare = TypeVar("AnyShare", Numbers, Planes)


class Shares:
    """What a party computes on shares of one scheme without sending."""

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme

    def alike(self, what: str, *xs: Numbers | Planes) -> None:
        """Raise ShapeError unless all are of one kind, shape and width."""
        first = xs[0]
        for x in xs[1:]:
            if type(x) is not type(first) or x.shape != first.shape or x.width != first.width:
                same_shape(what, first.spec, x.spec)

    def constant(self, values: Integers) -> Numbers:
        """A public array: the polynomial that is constant, the same point at every party."""
        return Numbers(encoded(values), np.shape(values))

    def constant_bits(self, values: NDArray[np.uint64], width: int) -> Planes:
        words = np.asarray(values, np.uint64)
        planes = split_words(words, width)
        data = np.zeros((self._scheme.degree, *planes.shape), np.uint64)
        data[0] = planes
        return Planes(data, words.shape, width)

    def add(self, x: Numbers, y: Numbers) -> Numbers:
        self.alike("add", x, y)
        return Numbers(local.add(x.data, y.data), x.shape)

    def subtract(self, x: Numbers, y: Numbers) -> Numbers:
        self.alike("subtract", x, y)
        return Numbers(local.subtract(x.data, y.data), x.shape)

    def scale(self, x: Numbers, by: Integers) -> Numbers:
        wanted("scale", x.spec, "arith")
        factor = np.asarray(by)
        if not factor.ndim:
            return Numbers(local.scale_one(x.data, int(factor)), x.shape)
        return Numbers(local.multiply(x.data, encoded(fitting("scale", factor, x.shape))), x.shape)

    def add_public(self, x: Numbers, values: Integers) -> Numbers:
        wanted("add_public", x.spec, "arith")
        public = np.asarray(values)
        if not public.ndim:
            return Numbers(local.add_one(x.data, int(public)), x.shape)
        return Numbers(local.add(x.data, encoded(fitting("add_public", public, x.shape))), x.shape)

    def sum(self, x: Numbers, axis: int) -> Numbers:
        wanted("sum", x.spec, "arith")
        axis = axis_of("sum", x.shape, axis)
        outer, extent, inner = size_of(x.shape[:axis]), x.shape[axis], size_of(x.shape[axis + 1 :])
        out = np.empty((outer * inner, 2), np.uint64)
        kernels.sum_over(x.data, outer, extent, inner, out)
        return Numbers(out, x.shape[:axis] + x.shape[axis + 1 :])

    def cumulative_sum(self, x: Numbers, axis: int) -> Numbers:
        wanted("cumulative_sum", x.spec, "arith")
        axis = axis_of("cumulative_sum", x.shape, axis)
        outer, extent, inner = size_of(x.shape[:axis]), x.shape[axis], size_of(x.shape[axis + 1 :])
        out = np.empty_like(x.data)
        kernels.cumulative_sum(x.data, outer, extent, inner, out)
        return Numbers(out, x.shape)

    def concatenate(self, xs: tuple[Any, ...], axis: int) -> Any:
        for x in xs[1:]:
            wanted("concatenate", x.spec, xs[0].spec.kind, xs[0].spec.width)
        shape = joined_shape([x.shape for x in xs], axis)
        return joined(xs, axis % len(shape), shape)

    def xor(self, x: Planes, y: Planes) -> Planes:
        self.alike("xor", x, y)
        return Planes(x.data ^ y.data, x.shape, x.width)

    def invert(self, x: Planes) -> Planes:
        wanted("invert", x.spec, "bits")
        data = x.data.copy()
        np.invert(data[0], out=data[0])
        return Planes(data, x.shape, x.width)

    def unpack(self, x: Planes) -> Planes:
        """The bits of each word, the lowest first along a new first axis."""
        wanted("unpack", x.spec, "bits")
        shape = (x.width, *x.shape)
        if x.width == 1 or not x.size % 64:
            return Planes(x.data.reshape(x.data.shape[0], 1, -1), shape, 1)
        return Planes(packed(x.single().reshape(x.data.shape[0], 1, -1)), shape, 1)

    def magnitude(self, x: Planes) -> Planes:
        """Words of two's complement without their highest bit, which flips the others where it is set."""
        wanted("magnitude", x.spec, "bits")
        if x.width < 2:
            raise ShapeError("magnitude: a word of one bit has only a sign")
        return Planes(x.data[:, :-1] ^ x.data[:, -1:], x.shape, x.width - 1)

    def first_axis_as_width(self, x: Planes) -> Words:
        """Words of one bit along a first axis as the planes of words."""
        rest = size_of(x.shape[1:])
        if not rest % 64:
            return x.data.reshape(x.data.shape[0], x.shape[0], -1)
        return packed(x.single().reshape(x.data.shape[0], x.shape[0], rest))
