"""What integers have beyond sums and products: shifts, bits, running sums; methods of `SecretArray`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.values.arrays import where
from mpc.values.basis import Basis
from mpc.values.cohorts import Cohort
from mpc.values.fixed import encode, width_of
from mpc.values.inherited import kept
from mpc.values.operands import too_wide
from mpc.values.stated import Operand, Stated
from mpc.values.value import is_secret

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray


def whole(what: str, x: SecretArray) -> SecretArray:
    """A secret as integers, flags as 0 and 1. Raises ShapeError for measurements."""
    x = x.numeric()
    if x.type != "int":
        raise ShapeError(
            f"{what}: {x!r} is a measurement, and this is for whole numbers: take protocols.numeric.floor(x) of it, or "
            "declare the column as Integer(low, high)"
        )
    return x


def _places(what: str, places: Operand) -> np.ndarray[Any, np.dtype[np.int64]]:
    if is_secret(places):
        raise ShapeError(f"{what}: a shift by a secret number of places; multiply by (powers of two).take(places)")
    values = np.asarray(places)
    if values.dtype.kind not in "iu":
        raise ShapeError(f"{what}: {places!r} places; whole numbers are wanted")
    if values.size and int(values.min()) < 0:
        raise RangeError(f"{what}: a negative number of places")
    return values.astype(np.int64)


def shift_left(x: SecretArray, places: Operand) -> SecretArray:
    """x 2^places for public places from 0 up. Local. Raises RangeError where the result could exceed the ring."""
    x, values = whole("<<", x), _places("<<", places)
    if values.size and int(values.max()) >= x.run.engine.capacity:
        too_wide(x.bound << int(values.max()), x.run.engine.capacity, x)
    shifted: SecretArray = x * np.left_shift(1, values)
    return shifted


def shift_right(x: SecretArray, places: Operand) -> SecretArray:
    """x // 2^places for public places from 0 up, rounded down, below 0 as well. Rounds of an exact truncation."""
    x, values = whole(">>", x), _places(">>", places)
    # From so many places on, nothing is left but the sign.
    return x.run.functions.floor_divide(x, np.left_shift(1, np.minimum(values, width_of(x.bound))))


def bits(x: SecretArray, width: int | None = None) -> SecretArray:
    """The `width` lowest bits along a new last axis, the lowest one first; negative numbers are in two's complement.

    width    1 to 64; default: as many as the bound needs, and one of the sign
    Rounds   those of `decompose`: about 2 + log2(width)
    """
    x = whole("bits", x)
    wanted = width_of(x.bound) + 1 if width is None else width
    if not 1 <= wanted <= 64:
        raise RangeError(f"bits: {width} bits; 1 to 64 are wanted")
    words = x.run.schedule("decompose", x.handle, width=wanted)
    found = type(x)(x.run, x.run.schedule("unpack", words), type="bool")
    shape = (*x.shape, wanted)
    return kept(found.view(lambda a: np.moveaxis(a, 0, -1)), x.reshape(*x.shape, 1).broadcast_to(shape))


def from_bits(x: SecretArray, *, signed: bool = False) -> SecretArray:
    """Numbers from bits along the last axis, the lowest one first; what `bits` undoes.

    x        bools, or integers that are 0 and 1; a number is defined where all its bits are
    signed   the last bit is the sign, as in two's complement
    Rounds   2 for bools, else none
    Raises   RangeError for more than 62 bits; ShapeError for other numbers
    """
    x = whole("from_bits", x)
    if not x.ndim or not x.shape[-1] or x.bound > 1:
        raise ShapeError(f"from_bits: {x!r}; bits along a last axis are wanted")
    width = x.shape[-1]
    weights = [1 << i for i in range(width)]
    most = (1 << width) - 1
    if signed:
        weights[-1], most = -weights[-1], 1 << width - 1
    if most >= 1 << x.run.engine.capacity:
        too_wide(most, x.run.engine.capacity, x)
    # Where bits are of several rows, the number tells each of them.
    valid, basis = x.valid, x.basis.picked(x.ndim - 1)
    scaled = x.bare().invoke("scale", by=encode(np.asarray(weights), 0), result=Stated(bound=abs(weights[-1])))
    found = scaled.invoke("sum", axis=x.ndim - 1, result=Stated(bound=most, basis=basis))
    if valid is None:
        return found
    return found.masked(valid if valid.shape == () else valid.all(-1), x.why)


def cumulative_sum(x: SecretArray, axis: int | None = None) -> SecretArray:
    """Running sums along an axis, each with its own element; default: of all elements, in their order. Local.

    Elements whose valid bit is cleared do not count, as in `sum`. Two sums that follow each other differ by one
    element, so that each is a single row where x is of rows, and stands on all counts along the axis where x has some.
    """
    x = x.numeric()
    if axis is None:
        x, axis = x.reshape(-1), 0
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"cumsum: no axis {axis} in shape {x.shape}")
    axis %= x.ndim
    if x.valid is not None and x.valid.shape != ():
        # Sums of running sums stand on the defined elements, as sums do.
        x = where(x.valid.bare(), x.without_mask(), 0).with_basis(x.basis.where(x.valid))
    most = x.bound * max(x.shape[axis], 1)
    return x.invoke("cumulative_sum", axis=axis, result=Stated(bound=most, basis=_up_to_each(x, axis)))


def _up_to_each(x: SecretArray, axis: int) -> Basis:
    """What running sums stand on: a difference of two is an element, so counts of all elements must be large enough."""
    shape = x.shape

    def each(cohort: Cohort) -> Cohort:
        whole = cohort.collapsed(axis)
        return whole.view(lambda a: np.broadcast_to(np.expand_dims(a, axis), shape)) if whole.shape else whole

    return x.basis._replace(cohorts=tuple(each(c) if c.shape else c for c in x.basis.cohorts))
