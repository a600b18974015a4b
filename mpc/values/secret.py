"""Secret arrays: shared among the compute parties, with a public shape, type, scale and bound.

Operators schedule their protocol and return at once; shape and range errors are raised at the line that caused
them. Products, reductions and limits are methods whose bodies stand in files of their own; division, roots, sorting
and whatever else takes several primitives come from the run's `Functions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mpc.errors import RangeError, ShapeError
from mpc.values import comparisons, integers, limits, products, reductions
from mpc.values.arrays import concatenate, maximum, minimum, stack, where
from mpc.values.fixed import finite, width_of
from mpc.values.operands import aligned, broadcast, joint
from mpc.values.public import add_public, is_bool, negative
from mpc.values.resolution import told_apart
from mpc.values.scaling import scale_public
from mpc.values.stated import BIT, Operand, Stated, Type
from mpc.values.value import Value

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime


class SecretArray(Value):
    """A secret array: a `Value` with the operators and methods of NumPy's arrays that make sense for secrets."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    # ---- arithmetic
    def numeric(self) -> SecretArray:
        """A bool as the integers 0 and 1; numbers as they are."""
        if self.type != "bool":
            return self
        integer = Stated(bound=1, frac=0, type="int", basis=self.basis.noting(self))
        return self.invoke("bit_to_ring", result=integer)

    def __add__(self, other: Operand) -> SecretArray:
        a = self.numeric()
        if not isinstance(other, SecretArray):
            return add_public(a, other)
        b = other.numeric()
        a, b = aligned(a, b)
        a, b = broadcast(a, b)
        return a.invoke("add", b, result=Stated(bound=a.bound + b.bound, type=joint(a, b)))

    __radd__ = __add__

    def __sub__(self, other: Operand) -> SecretArray:
        a = self.numeric()
        if not isinstance(other, SecretArray):
            return add_public(a, negative(other))
        b = other.numeric()
        a, b = aligned(a, b)
        a, b = broadcast(a, b)
        return a.invoke("subtract", b, result=Stated(bound=a.bound + b.bound, type=joint(a, b)))

    def __rsub__(self, other: Operand) -> SecretArray:
        return (-self).__add__(other)

    def __neg__(self) -> SecretArray:
        a = self.numeric()
        return a.invoke("scale", by=np.asarray(-1, np.int64), result=Stated(bound=a.bound))

    __mul__ = __rmul__ = products.multiply
    __matmul__ = products.matmul

    def __rmatmul__(self, other: Operand) -> SecretArray:
        return products.picking(self.constant(other) @ self, self, other, 0 if self.ndim == 1 else self.ndim - 2)

    def __truediv__(self, other: Operand) -> SecretArray:
        if isinstance(other, SecretArray):
            return self.run.functions.divide(self, other)
        divisor = np.asarray(other)
        finite(divisor)
        if not bool(np.all(divisor)):
            raise RangeError("/: a public divisor is 0")
        return scale_public(self.numeric(), 1.0 / divisor.astype(np.float64))

    def __rtruediv__(self, other: Operand) -> SecretArray:
        return self.run.functions.divide(self.constant(other), self)

    times, product, dot = products.times, products.product, products.dot
    cut, shifted = products.cut, products.shifted

    # ---- reductions
    sum, mean, count = reductions.total, reductions.mean, reductions.count
    all, any = reductions.all_set, reductions.any_set

    # ---- integers
    __lshift__, __rshift__ = integers.shift_left, integers.shift_right
    bits, cumsum = integers.bits, integers.cumulative_sum

    # ---- comparisons and bits
    _less, below_each, same_rows = comparisons.less, comparisons.below_each, comparisons.same_rows

    def __lt__(self, other: Operand) -> SecretArray:
        return self._less(other)

    def __gt__(self, other: Operand) -> SecretArray:
        return (-self)._less(-other if isinstance(other, SecretArray) else negative(other))

    def __le__(self, other: Operand) -> SecretArray:
        return ~self.__gt__(other)

    def __ge__(self, other: Operand) -> SecretArray:
        return ~self.__lt__(other)

    def __eq__(self, other: object) -> SecretArray:  # type: ignore[override]
        if self.type == "bool" and is_bool(other):
            return ~self.__xor__(other)
        if self.type != "fixed" and not isinstance(other, SecretArray) and np.asarray(other).dtype.kind == "f":
            values = np.asarray(other)
            nearest: SecretArray = self - np.rint(values)
            same: SecretArray = nearest.__eq__(0) & (np.rint(values) == values)
            return same
        difference = self - other
        told_apart("==", difference)
        return difference.invoke("equal", width=min(64, width_of(difference.bound)), result=BIT)

    def __ne__(self, other: object) -> SecretArray:  # type: ignore[override]
        return ~self.__eq__(other)

    def __and__(self, other: Operand) -> SecretArray:
        a, b = self._bits(other)
        return a.invoke("bits_and", b, result=BIT)

    def __xor__(self, other: Operand) -> SecretArray:
        a, b = self._bits(other)
        return a.invoke("xor", b, result=BIT)

    def __or__(self, other: Operand) -> SecretArray:
        a, b = self._bits(other)
        return ~(~a & ~b)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> SecretArray:
        return self.as_flag().invoke("invert", result=BIT)

    def as_flag(self) -> SecretArray:
        """A flag as bools: integers 0 and 1 (columns of flags are such) are compared with 0. ShapeError for others."""
        if self.type == "bool":
            return self
        if self.type != "int" or self.bound > 1:
            raise ShapeError(f"{self!r} is no flag: compare it with something first, as in (x > 3) & (y == 1)")
        return self != 0

    def _bits(self, other: Operand) -> tuple[SecretArray, SecretArray]:
        if not isinstance(other, SecretArray):
            values = np.asarray(other)
            if values.dtype != np.bool_:
                raise ShapeError("& | ^ ~ are for flags and public bools: compare numbers with something first")
            other = self.constant(values)
        return broadcast(self.as_flag(), other.as_flag())

    undefined_outside, within = limits.undefined_outside, limits.within

    # ---- what the library provides
    def var(self, axis: int | None = None, ddof: int = 1) -> SecretArray:
        """Variance of the elements."""
        return self.run.functions.var(self, axis, ddof)

    def std(self, axis: int | None = None, ddof: int = 1) -> SecretArray:
        """Standard deviation of the elements."""
        return self.run.functions.sqrt(self.var(axis, ddof))

    def __floordiv__(self, other: Operand) -> SecretArray:
        return self.run.functions.floor_divide(self, other)

    def __mod__(self, other: Operand) -> SecretArray:
        return self.run.functions.remainder(self, other)

    def __divmod__(self, other: Operand) -> tuple[SecretArray, SecretArray]:
        return self.run.functions.divide_with_remainder(self, other)

    def __rfloordiv__(self, other: Operand) -> SecretArray:
        return constant(self.run, other) // self

    def __rmod__(self, other: Operand) -> SecretArray:
        return constant(self.run, other) % self

    def __rdivmod__(self, other: Operand) -> tuple[SecretArray, SecretArray]:
        return divmod(constant(self.run, other), self)

    def take(self, index: Operand, axis: int | None = None) -> SecretArray:
        """The elements at places along an axis (default: of all elements in their order), secret or public ones."""
        if isinstance(index, SecretArray):
            return self.run.functions.take(self, index, axis)
        places = np.asarray(index)
        return self.view(lambda a: np.take(a, places, axis))

    def __pow__(self, exponent: Operand, modulus: Operand = None) -> SecretArray:
        if modulus is not None:
            return self.run.functions.power_modulo(self, exponent, modulus)
        return self.run.functions.power(self, exponent)

    def sqrt(self) -> SecretArray:
        """Square root; undefined below zero."""
        return self.run.functions.sqrt(self)

    def exp(self) -> SecretArray:
        """e to its power; undefined above 20."""
        return self.run.functions.exp(self)

    def log(self) -> SecretArray:
        """Natural logarithm; undefined from zero down."""
        return self.run.functions.log(self)

    def sort(self, *, descending: bool = False) -> SecretArray:
        """A vector sorted, invalid elements last; what else sorts is in `protocols.order`."""
        return self.run.functions.sort(self, descending)

    def quantile(self, q: float | Sequence[float]) -> SecretArray:
        """Quantiles of the valid elements of a vector, linear between two of them."""
        return self.run.functions.quantile(self, q)

    def median(self) -> SecretArray:
        """The median of the valid elements of a vector: of an even number, the mean of the two in the middle."""
        return self.run.functions.quantile(self, 0.5)

    def abs(self) -> SecretArray:
        """Absolute value."""
        return where(self < 0, -self, self)

    __abs__ = abs


def constant(run: Runtime, values: ArrayLike, *, frac: int | None = None) -> SecretArray:
    """Public values as a secret: bools, integers, or reals with `frac` fraction bits (default: by their size)."""
    return SecretArray.public(run, values, frac=frac)


__all__ = ["SecretArray", "Type", "concatenate", "constant", "maximum", "minimum", "stack", "where"]
