"""Public operands: encoded, made secrets, and added to secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpc.values.fixed import encode, finite, frac_for, magnitude
from mpc.values.operands import common_shape
from mpc.values.stated import Operand, Stated
from mpc.values.value import is_secret

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray


def constant_like(values: ArrayLike, other: SecretArray) -> SecretArray:
    """Public values as a secret, encoded as `other` is where that is a fixed-point number."""
    array = np.asarray(values)
    if other.type != "fixed" or array.dtype == np.bool_:
        return other.constant(array)
    finite(array)
    largest = float(np.abs(array.astype(np.float64)).max(initial=0.0))
    room = other.run.engine.capacity - 1 - int(np.frexp(largest)[1])
    return other.public(other.run, array, frac=min(other.frac, room))


def alike(condition: SecretArray, a: Operand, b: Operand) -> tuple[SecretArray, SecretArray]:
    """Both operands as secrets of the run of `condition`; a public one is encoded as a fixed-point one beside it."""
    if not is_secret(a):
        a = constant_like(a, b) if is_secret(b) else condition.constant(a)
    return a, b if is_secret(b) else constant_like(b, a)


def whole_numbers(values: NDArray[Any]) -> bool:
    """Whether public factors are small integers, so that the product with them is exact."""
    if values.dtype.kind in "iub":
        return True
    return bool(values.size) and bool(np.all(values == np.rint(values))) and bool(np.abs(values).max() < 2**20)


def is_bool(other: Operand) -> bool:
    """Whether an operand, secret or public, is an array of bools."""
    if is_secret(other):
        return other.type == "bool"
    return np.asarray(other).dtype == np.bool_


def negative(other: Operand) -> NDArray[Any]:
    """A public operand negated, as signed numbers: unsigned numbers would wrap."""
    values = np.asarray(other)
    finite(values)
    if values.dtype.kind in "ub":
        encode(values, 0)
        values = values.astype(np.int64)
    return -values


def add_public(x: SecretArray, other: Operand) -> SecretArray:
    """x + public numbers. Local; a cut where the scale of x is too fine for the numbers."""
    return plus(*with_public(x, other))


def with_public(x: SecretArray, other: Operand) -> tuple[SecretArray, NDArray[np.int64]]:
    """x, and a public operand of a sum with x as raw integers on the same scale."""
    values = np.asarray(other)
    finite(values)
    a = x
    largest = float(np.abs(values.astype(np.float64)).max(initial=0.0))
    if a.type == "int" and values.dtype.kind == "f" and not bool(np.all(values == np.rint(values))):
        a = a.cut(max(frac_for(max(a.limit, largest)), 0))
    room = x.run.engine.capacity - 1 - int(np.frexp(largest)[1])
    if a.type == "fixed" and a.frac > room and np.ldexp(largest, a.frac) + a.bound >= 1 << x.run.engine.capacity:
        a = a.cut(room)  # a scale too fine for the number that is added
    return a, encode(values, a.frac)


def plus(x: SecretArray, raw: NDArray[np.int64]) -> SecretArray:
    """x + raw integers, on its scale. Local."""
    a = x.broadcast_to(common_shape(x.shape, raw.shape))
    return a.invoke("add_public", values=raw, result=Stated(bound=a.bound + magnitude(raw)))
