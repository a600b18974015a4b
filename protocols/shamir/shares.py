"""Local operations on both kinds of share: linear ones, rearrangements, and steps on the bits of words."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Integers
from mpc.machine.party import Party
from mpc.machine.shapes import axis_of, fitting, joined_shape, same_shape, size_of, wanted
from mpc.untyped import Opaque
from protocols.declared import copied, nothing_to_do, per_element
from protocols.shamir import kernels, local
from protocols.shamir.committee import Scheme
from protocols.shamir.declared import declare
from protocols.shamir.sharing import Numbers, Planes, encoded, joined, packed, split_words
from protocols.shamir.work import of_planes

Words = NDArray[np.uint64]
AnyShare = TypeVar("AnyShare", Numbers, Planes)


def alike(what: str, *xs: Numbers | Planes) -> None:
    """Raise ShapeError unless all are of one kind, shape and width."""
    first = xs[0]
    for x in xs[1:]:
        if type(x) is not type(first) or x.shape != first.shape or x.width != first.width:
            same_shape(what, first.spec, x.spec)


def constant(values: Integers) -> Numbers:
    """A public array as a sharing: the polynomial is constant, so all parties have the same share."""
    return Numbers(encoded(values), np.shape(values))


def constant_bits(scheme: Scheme, values: NDArray[np.uint64], width: int = 1) -> Planes:
    words = np.asarray(values, np.uint64)
    planes = split_words(words, width)
    data = np.zeros((scheme.degree, *planes.shape), np.uint64)
    data[0] = planes
    return Planes(data, words.shape, width)


def add(x: Numbers, y: Numbers) -> Numbers:
    alike("add", x, y)
    return Numbers(local.add(x.data, y.data), x.shape)


def subtract(x: Numbers, y: Numbers) -> Numbers:
    alike("subtract", x, y)
    return Numbers(local.subtract(x.data, y.data), x.shape)


def scale(x: Numbers, by: Integers) -> Numbers:
    wanted("scale", x.spec, "arith")
    factor = np.asarray(by)
    if not factor.ndim:
        return Numbers(local.scale_one(x.data, int(factor)), x.shape)
    return Numbers(local.multiply(x.data, encoded(fitting("scale", factor, x.shape))), x.shape)


def add_public(x: Numbers, values: Integers) -> Numbers:
    wanted("add_public", x.spec, "arith")
    public = np.asarray(values)
    if not public.ndim:
        return Numbers(local.add_one(x.data, int(public)), x.shape)
    return Numbers(local.add(x.data, encoded(fitting("add_public", public, x.shape))), x.shape)


def sum_over(x: Numbers, axis: int) -> Numbers:
    wanted("sum", x.spec, "arith")
    axis = axis_of("sum", x.shape, axis)
    outer, extent, inner = size_of(x.shape[:axis]), x.shape[axis], size_of(x.shape[axis + 1 :])
    out = np.empty((outer * inner, 2), np.uint64)
    kernels.sum_over(x.data, outer, extent, inner, out)
    return Numbers(out, x.shape[:axis] + x.shape[axis + 1 :])


def cumulative_sum(x: Numbers, axis: int) -> Numbers:
    wanted("cumulative_sum", x.spec, "arith")
    axis = axis_of("cumulative_sum", x.shape, axis)
    outer, extent, inner = size_of(x.shape[:axis]), x.shape[axis], size_of(x.shape[axis + 1 :])
    out = np.empty_like(x.data)
    kernels.cumulative_sum(x.data, outer, extent, inner, out)
    return Numbers(out, x.shape)


def concatenate(*xs: Opaque, axis: int) -> Opaque:
    for x in xs[1:]:
        wanted("concatenate", x.spec, xs[0].spec.kind, xs[0].spec.width)
    shape = joined_shape([x.shape for x in xs], axis)
    return joined(xs, axis % len(shape), shape)


def xor(x: Planes, y: Planes) -> Planes:
    alike("xor", x, y)
    return Planes(x.data ^ y.data, x.shape, x.width)


def invert(x: Planes) -> Planes:
    wanted("invert", x.spec, "bits")
    data = x.data.copy()
    np.invert(data[0], out=data[0])
    return Planes(data, x.shape, x.width)


def unpack(x: Planes) -> Planes:
    """The bits of each word along a new first axis, the lowest first."""
    wanted("unpack", x.spec, "bits")
    shape = (x.width, *x.shape)
    if x.width == 1 or not x.size % 64:
        return Planes(x.data.reshape(x.data.shape[0], 1, -1), shape, 1)
    return Planes(packed(x.single().reshape(x.data.shape[0], 1, -1)), shape, 1)


def magnitude(x: Planes) -> Planes:
    """Words of two's complement without their highest bit; where it is set, all other bits are flipped."""
    wanted("magnitude", x.spec, "bits")
    return Planes(x.data[:, :-1] ^ x.data[:, -1:], x.shape, x.width - 1)


def first_axis_as_width(x: Planes) -> Words:
    """Words of one bit along the first axis as planes of words of that many bits."""
    rest = size_of(x.shape[1:])
    if not rest % 64:
        return x.data.reshape(x.data.shape[0], x.shape[0], -1)
    return packed(x.single().reshape(x.data.shape[0], x.shape[0], rest))


def bit_reverse(x: Planes) -> Planes:
    """The bits of each word in reverse order."""
    wanted("bit_reverse", x.spec, "bits")
    return Planes(np.ascontiguousarray(x.data[:, ::-1]), x.shape, x.width)


def keep(x: AnyShare, facts: NDArray[np.int64]) -> AnyShare:
    """x where the public fact holds, else 0."""
    if bool(np.all(facts)):
        return x
    if isinstance(x, Planes):
        return xor(x, x)
    return scale(x, facts.reshape([-1, *[1] * len(x.shape)][: len(x.shape)]))


def _constant_bits(party: Party, scheme: Scheme, *, values: NDArray[np.uint64], width: int = 1) -> Planes:
    return constant_bits(scheme, values, width)


declare("constant", constant, local=True, work=per_element(6.0))
declare("constant_bits", _constant_bits, work=per_element(1.0))
declare("add", add, local=True, work=per_element(5.0))
declare("subtract", subtract, local=True, work=per_element(5.0))
declare("scale", scale, local=True, work=per_element(8.0))
declare("add_public", add_public, local=True, work=per_element(6.0))
declare("sum", sum_over, local=True, work=per_element(2.0))
declare("cumulative_sum", cumulative_sum, local=True, work=per_element(5.0))
declare("view", lambda x, to, shape: x.viewed(to, shape), local=True, work=lambda task: 8.0 * copied(task))
declare("concatenate", concatenate, local=True, work=per_element(10.0, of_result=True))
declare("xor", xor, local=True, work=of_planes)
declare("invert", invert, local=True, work=of_planes)
declare("unpack", unpack, local=True, work=of_planes)
declare("magnitude", magnitude, local=True, work=of_planes)
declare("bit_reverse", bit_reverse, local=True, work=of_planes)
declare("keep", keep, local=True, work=nothing_to_do)
