"""Two operands made to fit each other and the ring: shapes, fraction bits, bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.machine.engine import Shape
from mpc.values.fixed import WIDTH, width_of

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray
    from mpc.values.stated import Type
    from mpc.values.value import Value


def aligned(a: SecretArray, b: SecretArray) -> tuple[SecretArray, SecretArray]:
    """Both with the same fraction bits: those of the finer operand if the sum then fits, else as many as fit."""
    if a.frac == b.frac:
        return a, b
    capacity = a.run.engine.capacity
    coarse, fine = (a, b) if a.frac < b.frac else (b, a)
    up = min(fine.frac - coarse.frac, capacity - 1 - max(width_of(coarse.bound), 1))
    frac = coarse.frac + max(up, 0)
    return a.cut(frac), b.cut(frac)


def broadcast(a: SecretArray, b: SecretArray) -> tuple[SecretArray, SecretArray]:
    """Both repeated to their common shape. Raises ShapeError where they have none."""
    if a.shape == b.shape:
        return a, b
    shape = common_shape(a.shape, b.shape)
    return a.broadcast_to(shape), b.broadcast_to(shape)


def common_shape(a: Shape, b: Shape) -> Shape:
    """The shape that two shapes broadcast to. Raises ShapeError where there is none."""
    if a == b:
        return a
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise ShapeError(f"shapes {a} and {b} do not fit") from None


def fitting(a: SecretArray, b: SecretArray, terms: int = 1) -> tuple[SecretArray, SecretArray]:
    """Operands cut so that a product (a sum of `terms` products) fits; integers are never cut."""
    capacity = a.run.engine.capacity
    room = capacity - (max(terms, 1) - 1).bit_length()
    a, b = a.numeric(), b.numeric()
    if width_of(a.bound) + width_of(b.bound) <= room:
        return a, b
    if a.type == "int" and b.type == "int":
        too_wide(a.bound * b.bound * terms, capacity, a, b)
    # The wider operand is cut to the width of the other one; if that is not enough, both are cut alike.
    if a.type == "int" or b.type == "int":
        whole = width_of(a.bound if a.type == "int" else b.bound)
        target = room - whole
    else:
        target = max(room // 2, room - min(width_of(a.bound), width_of(b.bound)))
    if target < 1:
        too_wide(a.bound * b.bound * terms, capacity, a, b)
    return narrowed(a, target), narrowed(b, target)


def narrowed(x: SecretArray, width: int) -> SecretArray:
    """A fixed-point number cut so that its bound has at most `width` bits; an integer is not cut."""
    if x.type == "int" or width_of(x.bound) <= width:
        return x
    drop = width_of(x.bound) - width
    if width_of((x.bound >> drop) + x.run.engine.rounding) > width:
        drop += 1  # the cut can round up to the next power of two
    return x.cut(x.frac - drop)


def cut_for(a: SecretArray, b: SecretArray, bound: int) -> int:
    """The number of bits to cut from a product with this bound: none where both factors are integers."""
    if a.type == "int" and b.type == "int":
        return 0
    return min(width_of(bound) - WIDTH, a.run.engine.capacity)


def joint(a: SecretArray, b: SecretArray) -> Type:
    """The type of a sum or product of numbers."""
    return "int" if a.type == b.type == "int" else "fixed"


def too_wide(bound: int, capacity: int, *values: Value) -> NoReturn:
    """Raise RangeError: a raw result of these values could be as large as `bound`, which the ring does not hold."""
    raise RangeError(
        f"the result from {' and '.join(map(repr, values))} could need {width_of(bound)} bits, and the ring holds "
        f"{capacity}: narrow the schema's ranges, "
        "rescale, use `protocols.numeric.clip`, or state `x.within(limit)`, an assumption that the computation checks"
    )
