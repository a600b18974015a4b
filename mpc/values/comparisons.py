"""Comparisons of secrets with secrets and with public numbers; methods of `SecretArray`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.values.fixed import magnitude, width_of
from mpc.values.operands import too_wide
from mpc.values.public import negative, plus, with_public
from mpc.values.resolution import compared, told_apart
from mpc.values.stated import BIT, UNMASKED, Operand, Stated
from mpc.values.thresholds import spread
from mpc.values.value import is_secret

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray


def less(x: SecretArray, other: Operand) -> SecretArray:
    """x < other. Public numbers that meet the same element of x, which is repeated along an axis for them, are compared
    with it in one operation."""
    if is_secret(other):
        compared(x, other)
        return _below_zero(x - other)
    compared(x, np.asarray(other))
    if x.type != "fixed":
        other = np.ceil(other) if np.asarray(other).dtype.kind == "f" else other  # whole x < c: x < ceil(c)
    a, raw = with_public(x.numeric(), negative(other))
    apart = spread(a.shape, raw)
    if apart is None:
        return _below_zero(plus(a, raw))
    a = a if a.shape == apart.kept else a.reshape(apart.kept)
    return below_each(a, -apart.thresholds).view(apart.back)


def _below_zero(x: SecretArray) -> SecretArray:
    width = min(64, width_of(x.bound) + 1)
    primitive = x.run.cheapest(("sign", "quick_sign"), x.handle, width=width)
    return x.invoke(primitive, width=width, result=BIT)


def below_each(x: SecretArray, thresholds: NDArray[np.int64]) -> SecretArray:
    """Bits of shape (k, *x.shape): whether the raw integers are below each of k public thresholds.

    thresholds  integers that broadcast to the shape of the result, along its first axis
    Rounds      of one comparison, in which the thresholds share the first messages
    """
    bound = x.bound + magnitude(thresholds)
    if bound >= 1 << 63:
        too_wide(bound, 63, x)
    shape, width = (len(thresholds), *x.shape), width_of(bound) + 1
    basis = x.basis.view(lambda a: np.broadcast_to(a, shape), x.shape, {})
    primitive = x.run.cheapest(("signs", "quick_signs"), x.handle, thresholds=thresholds, width=width)
    return x.invoke(primitive, thresholds=thresholds, width=width, result=BIT._replace(basis=basis))


def same_rows(x: SecretArray, other: Operand) -> SecretArray:
    """Whether the rows of two arrays, along the last axis, are equal in all elements: one test for each row.

    Rows that fit the ring as one number are compared exactly. Of wider rows a hash of 64 bits is compared: it takes
    two different rows for equal with probability 2^-64. A row with an undefined element is undefined.
    """
    apart = (x.numeric() - other) if not is_secret(other) else x.numeric() - other.numeric()
    if not apart.shape or not apart.shape[-1]:
        raise ShapeError(f"same_rows: expected rows with at least one element, got shape {apart.shape}")
    told_apart("same_rows", apart)
    columns, bits = apart.shape[-1], width_of(apart.bound) + 1
    bit = BIT._replace(mask=UNMASKED, basis=apart.basis.reduced(apart.ndim - 1))
    if columns * bits <= x.run.engine.capacity:
        # Each difference is a digit in base 2^bits, below half of the base: the number is 0 only if all digits are 0.
        raw = apart.bare()
        places = np.left_shift(1, bits * np.arange(columns))
        most = 1 << (columns * bits - 1)
        digits = raw.invoke("scale", by=places, result=Stated(bound=most))
        number = digits.invoke("sum", axis=raw.ndim - 1, result=Stated(bound=most))
        equal = number.invoke("equal", width=columns * bits, result=bit)
    else:
        equal = apart.invoke("rows_zero", result=bit)
    if apart.valid is None:
        return equal
    valid = apart.valid if apart.valid.shape == () else apart.valid.all(axis=-1)
    return equal.masked(valid, apart.why)
