"""Sums, means and conjunctions over an axis; methods of `SecretArray`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mpc.arrays import concatenate, where
from mpc.errors import ShapeError
from mpc.public import constant

if TYPE_CHECKING:
    from mpc.secret import SecretArray


def total(x: SecretArray, axis: int | None = None) -> SecretArray:
    """Sum of all elements, or over one axis.

    Elements whose valid bit is cleared do not count; where one bit stands for the whole array, so it does for
    the sum.
    """
    a = x.numeric()
    whole = a.valid if a.valid is not None and a.valid.shape == () else None
    if a.valid is not None and whole is None:
        a = where(a.valid.bare(), a.without_mask(), 0)
    if axis is None:
        a = a.reshape(-1)
        axis = 0
    if not -a.ndim <= axis < a.ndim:
        raise ShapeError(f"sum: no axis {axis} in shape {a.shape}")
    axis %= a.ndim
    terms = a.shape[axis]
    # Each count behind an element stands behind the sum.
    cohorts = tuple(
        part for c in a.cohorts for part in ([c] if c.shape == () else [c.reshape(-1)[i] for i in range(c.size)])
    )
    changes = {"bound": a.bound * max(terms, 1), "valid": whole, "why": x.why if whole is not None else ""}
    return a._op("sum", axis=axis, changes={**changes, "cohorts": cohorts})


def mean(x: SecretArray, axis: int | None = None) -> SecretArray:
    """Mean of the elements (of the valid ones, where there is a mask)."""
    total = x.sum(axis)
    if x.valid is not None and x.valid.shape != ():
        quotient = total / x.valid.bare().sum(axis)
        why = quotient.why.replace("division by zero", "no valid element")
        return quotient._new(quotient.handle, valid=quotient.valid, why=why)
    terms = x.size if axis is None else x.shape[axis]
    if not terms:
        raise ShapeError("mean of no element")
    return total / terms


def every(x: SecretArray, axis: int | None = None) -> SecretArray:
    """Whether every element (along an axis) is true. Rounds: log2 of their number."""
    bits = x.reshape(-1) if axis is None else x._view(lambda a: np.moveaxis(a, axis, 0))
    if not len(bits):
        return constant(x.run, np.ones(bits.shape[1:], np.bool_))
    while len(bits) > 1:
        half = len(bits) // 2
        rest = bits[2 * half :]
        bits = bits[:half] & bits[half : 2 * half]
        if len(rest):
            bits = concatenate([bits, rest])
    return bits[0]


def some(x: SecretArray, axis: int | None = None) -> SecretArray:
    """Whether some element (along an axis) is true."""
    return ~(~x).all(axis)
