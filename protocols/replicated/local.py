"""Operations on shares that send nothing: linear operations, rearranging, and bits by position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.machine.engine import Integers, Shape, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import axis_of, fitting, joined_shape, size_of, wanted
from protocols.declared import Task, copied, nothing_to_do, per_bit, per_element
from protocols.replicated import kernels
from protocols.replicated.declared import declare
from protocols.replicated.sharing import Arithmetic, Bits, as_words, dtype_of, integers, mask_of, words_of_bits

AnyShare = TypeVar("AnyShare", Arithmetic, Bits)


def public_row(party: Party) -> int | None:
    """This party's row of component 0, to which public values are added; None if the party does not hold it."""
    return (1, 0, None)[party.index]


def constant(party: Party, values: Integers) -> Arithmetic:
    """A public array as a share: component 0 is the value, the others are zero."""
    x = as_words(np.asarray(values))
    data = np.zeros((2, x.size), np.uint64)
    row = public_row(party)
    if row is not None:
        data[row] = x.reshape(-1)
    return Arithmetic(data, x.shape)


def constant_bits(party: Party, values: NDArray[np.uint64], width: int = 1) -> Bits:
    """Public words as a share of bits, cut to `width`."""
    x = np.asarray(values, np.uint64) & np.uint64(mask_of(width))
    data = np.zeros((2, x.size), dtype_of(width))
    row = public_row(party)
    if row is not None:
        data[row] = x.reshape(-1)
    return Bits(data, x.shape, width)


def add(x: Arithmetic, y: Arithmetic) -> Arithmetic:
    """x + y."""
    integers("add", x, y)
    return Arithmetic(x.data + y.data, x.shape)


def subtract(x: Arithmetic, y: Arithmetic) -> Arithmetic:
    """x - y."""
    integers("subtract", x, y)
    return Arithmetic(x.data - y.data, x.shape)


def scale(x: Arithmetic, by: Integers) -> Arithmetic:
    """x times public integers."""
    integers("scale", x)
    factor = as_words(np.asarray(by))
    if not factor.ndim:
        return Arithmetic(x.data * factor, x.shape)
    out = x.data.reshape(2, *x.shape) * fitting("scale", factor, x.shape)
    return Arithmetic(out.reshape(2, -1), x.shape)


def add_public(party: Party, x: Arithmetic, values: Integers) -> Arithmetic:
    """x plus public integers."""
    integers("add_public", x)
    public = fitting("add_public", as_words(np.asarray(values)), x.shape)
    row = public_row(party)
    if row is None:
        return x
    data = x.data.copy()
    data[row].reshape(x.shape)[...] += public
    return Arithmetic(data, x.shape)


def sum_over(x: Arithmetic, axis: int) -> Arithmetic:
    """Sum over one axis."""
    integers("sum", x)
    axis = axis_of("sum", x.shape, axis)
    out = np.add.reduce(x.data.reshape(2, *x.shape), axis=axis + 1)
    return Arithmetic(out.reshape(2, -1), x.shape[:axis] + x.shape[axis + 1 :])


def cumulative_sum(x: Arithmetic, axis: int) -> Arithmetic:
    """Running sums along one axis; each sum includes its element."""
    integers("cumulative_sum", x)
    axis = axis_of("cumulative_sum", x.shape, axis)
    out = np.add.accumulate(x.data.reshape(2, *x.shape), axis=axis + 1)
    return Arithmetic(out.reshape(2, -1), x.shape)


def view(x: AnyShare, to: Callable[[NDArray[Any]], NDArray[Any]], shape: Shape) -> AnyShare:
    """Rearranged elements, of integers or bits: `to` is applied to each row."""
    first = to(x.data[0].reshape(x.shape))
    if first.shape != shape:
        raise ShapeError(f"view: declared to give {shape}, gave {first.shape}")
    if first.size == x.size and first.flags.c_contiguous and _address(first) == _address(x.data):
        data = x.data  # only another shape
    else:
        data = np.empty((2, size_of(shape)), x.data.dtype)
        data[0].reshape(shape)[...] = first
        data[1].reshape(shape)[...] = to(x.data[1].reshape(x.shape))
    if isinstance(x, Bits):
        return Bits(data, shape, x.width)
    return Arithmetic(data, shape)


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def concatenate(*xs: AnyShare, axis: int) -> AnyShare:
    """Arrays of one kind and width joined along an axis."""
    for x in xs[1:]:
        wanted("concatenate", x.spec, xs[0].spec.kind, xs[0].spec.width)
    shape = joined_shape([x.shape for x in xs], axis)
    parts = [x.data.reshape(2, *x.shape) for x in xs]
    data = np.concatenate(parts, axis=axis % len(shape) + 1).reshape(2, -1)
    first = xs[0]
    if isinstance(first, Bits):
        return Bits(data, shape, first.width)
    return Arithmetic(data, shape)


def xor(x: Bits, y: Bits) -> Bits:
    """Bitwise exclusive or."""
    words_of_bits("xor", x, y)
    return Bits(x.data ^ y.data, x.shape, x.width)


def invert(party: Party, x: Bits) -> Bits:
    """All bits flipped: component 0 is flipped."""
    words_of_bits("invert", x)
    row = public_row(party)
    if row is None:
        return x
    data = x.data.copy()
    data[row] ^= data.dtype.type(mask_of(x.width))
    return Bits(data, x.shape, x.width)


def unpack(x: Bits) -> Bits:
    """The bits of each word, the lowest first along a new first axis."""
    words_of_bits("unpack", x)
    if x.width == 1:
        return Bits(x.data, (1, *x.shape), 1)
    rows = np.empty((2, x.width, x.size), np.uint8)
    kernels.spread(x.data, rows)
    return Bits(rows.reshape(2, -1), (x.width, *x.shape), 1)


def magnitude(x: Bits) -> Bits:
    """Two's complement words of at least two bits, without their highest bit; if it is set, the other bits are flipped.
    This is linear, so all components are treated alike."""
    words_of_bits("magnitude", x)
    width = x.width - 1
    flips = np.uint64(0) - (x.data >> np.uint64(width))
    data = ((x.data ^ flips) & np.uint64(mask_of(width))).astype(dtype_of(width), copy=False)
    return Bits(data, x.shape, width)


def bit_reverse(x: Bits) -> Bits:
    """The bits of each word in reverse. This is linear, so all components are treated alike."""
    words_of_bits("bit_reverse", x)
    if x.width == 1:
        return x
    data = x.data
    for span in (1, 2, 4, 8, 16, 32):  # halves of blocks of 2 span bits change places
        low, by = np.uint64(mask_of(64) // ((1 << span) + 1)), np.uint64(span)
        data = ((data >> by) & low) | ((data & low) << by)
    return Bits(data >> np.uint64(64 - x.width), x.shape, x.width)


def keep(x: AnyShare, facts: NDArray[np.int64]) -> AnyShare:
    """x where public facts (1 or 0) hold, else 0: one fact for each row of x, or one for all."""
    if bool(np.all(facts)):
        return x
    if isinstance(x, Bits):
        return xor(x, x)
    return scale(x, facts.reshape([-1, *[1] * len(x.shape)][: len(x.shape)]))


#: Nanoseconds to copy a byte of both components.
_BYTE_NS = 0.8


def _work_of_view(task: Task) -> float:
    return _BYTE_NS * copied(task) * _octets(task.operands[0])


def _work_of_concatenation(task: Task) -> float:
    return _BYTE_NS * task.result.size * _octets(task.operands[0])


def _octets(x: Spec) -> int:
    """Bytes of an element of a component."""
    return dtype_of(x.width).itemsize if x.kind == "bits" else 8


declare("constant", constant, work=per_element(4.0))
declare("constant_bits", constant_bits, work=per_element(1.0))
declare("add", add, local=True, work=per_element(5.0))
declare("subtract", subtract, local=True, work=per_element(5.0))
declare("scale", scale, local=True, work=per_element(6.0))
declare("add_public", add_public, work=per_element(6.0))
declare("sum", sum_over, local=True, work=per_element(1.5))
declare("cumulative_sum", cumulative_sum, local=True, work=per_element(2.5))
declare("view", view, local=True, work=_work_of_view)
declare("concatenate", concatenate, local=True, work=_work_of_concatenation)
declare("xor", xor, local=True, work=per_bit(0.4))
declare("invert", invert, work=per_bit(0.4))
declare("unpack", unpack, local=True, work=per_bit(0.4))
declare("magnitude", magnitude, local=True, work=per_bit(0.4))
declare("bit_reverse", bit_reverse, local=True, work=per_bit(0.4))
declare("keep", keep, local=True, work=nothing_to_do)
