"""Sums, means and conjunctions over an axis; methods of `SecretArray`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mpc.errors import ShapeError
from mpc.values.arrays import concatenate, where
from mpc.values.basis import Basis
from mpc.values.places import indicator
from mpc.values.stated import UNMASKED, Stated

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray


def total(x: SecretArray, axis: int | None = None) -> SecretArray:
    """Sum of all elements, or over one axis.

    Elements whose valid bit is cleared do not count; a single bit for the whole array is the bit of the sum.
    """
    a = x.numeric()
    if axis is None and x.ndim != 1:
        x = a = a.reshape(-1)
        axis = 0
    whole = a.valid if a.valid is not None and a.valid.shape == () else None
    if a.valid is not None and whole is None:
        a = where(a.valid.bare(), a.without_mask(), 0)
    if axis is None:
        axis = 0
    if not -a.ndim <= axis < a.ndim:
        raise ShapeError(f"sum: no axis {axis} in shape {a.shape}")
    axis %= a.ndim
    terms = a.shape[axis]
    valid = x.valid if whole is None else None
    # The sum of a flag is a count.
    basis = x.basis.sides(x, axis, valid) if is_flag(x) else x.basis.reduced(axis, valid, name="sum")
    mask = UNMASKED if whole is None else (whole, x.why)
    return a.invoke("sum", axis=axis, result=Stated(bound=a.bound * max(terms, 1), mask=mask, basis=basis))


def is_flag(x: SecretArray) -> bool:
    """Whether x is a flag: bools, or integers 0 and 1."""
    return x.type == "bool" or (x.type == "int" and x.bound == 1)


def count(x: SecretArray, axis: int | None = None) -> SecretArray:
    """The number of valid elements (along an axis)."""
    valid = x.valid
    if valid is None or valid.shape != x.shape:
        terms = x.size if axis is None else x.shape[axis]
        rest = () if axis is None else tuple(np.delete(x.shape, axis))
        whole = x.constant(np.full(rest, terms))
        return whole if valid is None else whole.masked(valid, x.why)
    counted = indicator(valid).sum(axis)
    return counted.with_basis(x.basis.plain().reduced(_positive(axis, x.ndim), valid, name="count"))


def _positive(axis: int | None, ndim: int) -> int | None:
    return None if axis is None else axis % ndim


def mean(x: SecretArray, axis: int | None = None) -> SecretArray:
    """Mean of the elements (of the valid ones, where there is a mask)."""
    total = x.sum(axis)
    if x.valid is not None and x.valid.shape != ():
        quotient = total / indicator(x.valid).sum(axis)
        why = quotient.why.replace("division by zero", "no valid element")
        return quotient.restated(mask=(quotient.valid, why), basis=_renamed(total.basis, "mean"))
    terms = x.size if axis is None else x.shape[axis]
    if not terms:
        raise ShapeError("mean of no element")
    return (total / terms).with_basis(_renamed(total.basis, "mean"))


def _renamed(basis: Basis, name: str) -> Basis:
    return basis._replace(origin=tuple(f"{name} of {o.removeprefix('sum of ')}" for o in basis.origin))


def all_set(x: SecretArray, axis: int | None = None) -> SecretArray:
    """Whether all elements (along an axis) are true. Rounds: log2 of their number."""
    bits = x.reshape(-1) if axis is None else x.view(lambda a: np.moveaxis(a, axis, 0))
    if not len(bits):
        return x.constant(np.ones(bits.shape[1:], np.bool_))
    basis, valid, why = bits.basis.picked(0), bits.valid, bits.why
    bits = bits.bare()
    while len(bits) > 1:
        half = len(bits) // 2
        rest = bits[2 * half :]
        bits = bits[:half] & bits[half : 2 * half]
        if len(rest):
            bits = concatenate([bits, rest])
    result = bits[0].with_basis(basis)
    if valid is None:
        return result
    return result.masked(valid if valid.shape == () else valid.all(0), why)


def any_set(x: SecretArray, axis: int | None = None) -> SecretArray:
    """Whether at least one element (along an axis) is true. Rounds as `all_set`."""
    return ~(~x).all(axis)
