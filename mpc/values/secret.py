"""Secret arrays: shared among the compute parties, with a public shape, type, scale and bound.

Operators schedule their protocol and return at once; shape and range errors are raised at the line that made
them. Products, reductions and limits are methods whose bodies stand in files of their own; what is more than one
primitive (division, roots, sorting, …) comes from the run's `Functions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from mpc.errors import LocalProtocolError, RangeError, ShapeError
from mpc.machine.engine import Shape, Spec
from mpc.values import comparisons, integers, limits, products, reductions
from mpc.values.arrays import concatenate, maximum, minimum, stack, where
from mpc.values.basis import LOOSE, PUBLIC, Basis, union
from mpc.values.cohorts import Cohort, View
from mpc.values.fixed import width_of
from mpc.values.inherited import Reasoned, all_valid, joined
from mpc.values.numpy_calls import refused_by_numpy
from mpc.values.operands import aligned, broadcast, joint, too_wide
from mpc.values.public import add_public, constant, finite, is_bool, negative
from mpc.values.resolution import told_apart
from mpc.values.scaling import scale_public
from mpc.values.stated import BIT, UNMASKED, Stated, Type, impossible

if TYPE_CHECKING:
    from mpc.machine.operation import Handle
    from mpc.machine.runtime import Runtime


class SecretArray:
    """A secret array.

    type     "fixed" (raw / 2^frac), "int" or "bool"
    bound    largest magnitude of the raw integer
    valid    secret bits (or None: all valid); where cleared, the value means nothing and is never opened
    why      what a cleared valid bit means, in words; of several reasons the last one (see `mpc.values.inherited`)
    basis    what it stands on: which rows are behind the value, so that a release can tell whether they are enough
    """

    __array_ufunc__ = None
    __array_function__ = refused_by_numpy
    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("basis", "bound", "frac", "handle", "run", "type", "valid", "why")

    def __init__(
        self,
        run: Runtime,
        handle: Handle,
        *,
        type: Type = "fixed",
        frac: int = 0,
        bound: int = 1,
        valid: SecretArray | None = None,
        why: str = "",
        basis: Basis = LOOSE,
    ) -> None:
        self.run = run
        self.handle = handle
        self.type: Type = type
        self.frac = frac
        self.bound = bound
        self.valid = valid
        self.why = why
        self.basis = basis

    # ---- what is public
    @property
    def spec(self) -> Spec:
        """What is public about its shares."""
        return self.handle.spec

    @property
    def shape(self) -> Shape:
        """Public, as NumPy's."""
        return self.handle.spec.shape

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return self.handle.spec.size

    @property
    def limit(self) -> float:
        """Largest magnitude of the value."""
        return float(self.bound) * 2.0**-self.frac

    @property
    def T(self) -> SecretArray:
        """With its axes in reverse order. Local."""
        return self.view(np.transpose)

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("a scalar has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<secret {self.type}{list(self.shape)}, |value| <= {self.limit:.4g}>"

    def __bool__(self) -> NoReturn:
        raise LocalProtocolError(
            "a secret has no truth value here: use mpc.where(condition, a, b), or release it. In place of `and`, `or`, "
            "`not`, a < x < b: & | ~; of max(), min() of two secrets: mpc.maximum(a, b), mpc.minimum(a, b); of all "
            "rows: protocols.numeric.largest(x), smallest(x), x.quantile(q); of any(), all(), sorted(): x.any(), "
            "x.all(), x.sort()"
        )

    def __format__(self, how: str) -> NoReturn:
        raise LocalProtocolError("a secret has no text here: release it to learn it; {x!r} shows what is public of it")

    def __iter__(self) -> Iterator[SecretArray]:
        return (self[i] for i in range(len(self)))

    def __float__(self) -> NoReturn:
        raise LocalProtocolError("a secret is no number here: release it to learn it")

    # ---- for authors of protocols
    def invoke(self, primitive: str, *others: SecretArray, result: Stated, **parameters: Any) -> SecretArray:
        """The result of an engine's primitive of this array and `others`; it is scheduled, and returned at once.

        primitive   a method of `mpc.machine.engine.Engine`; `parameters` are its keywords
        result      what its author has proved of the result: `Stated(bound=…)`, or BIT

        Raises RangeError for a bound that is negative or that the ring does not hold, for bits with another bound than
        1 or with fraction bits; TypeError for a parameter that the primitive lacks; ShapeError as the primitive does.
        """
        bound, frac, type, mask, basis = result
        if frac is None:
            frac = self.frac
        if type is None:
            type = self.type
        self._check(bound, frac, type, *others)
        # Any: what a parameter may be is the primitive's; its plan, which always runs, refuses others.
        handle = self.run.schedule(primitive, self.handle, *[o.handle for o in others], **parameters)
        if mask is None:
            mask = UNMASKED
            for x in (self, *others):  # most have none: this is in the way of every operation
                if x.valid is not None:
                    mask = all_valid((self, *others), handle.spec.shape)
                    break
        if basis is None:
            basis = union(self.basis, *[x.basis for x in others]) if others else self.basis
        valid, why = mask
        return SecretArray(self.run, handle, type=type, frac=frac, bound=bound, valid=valid, why=why, basis=basis)

    def _check(self, bound: int, frac: int, type: Type, *others: SecretArray) -> None:
        if type == "bool" or bound < 0:
            if bound != 1 or frac:
                impossible(bound, frac, type)
        elif bound >= 1 << self.run.engine.capacity:
            too_wide(bound, self.run.engine.capacity, self, *others)

    def view(self, to: View) -> SecretArray:
        """Elements rearranged, repeated or left out: `to` maps any array of this shape to the result's, as
        `lambda a: np.moveaxis(a, 0, 1)` does. Raises ShapeError where it does not fit."""
        try:
            shape = to(np.empty(self.shape, np.bool_)).shape
        except (IndexError, ValueError) as error:
            raise ShapeError(f"a secret of shape {self.shape}: {error}") from None
        handle = self.run.schedule("view", self.handle, to=to, shape=shape)
        valid = self.valid
        known = {}
        if valid is not None and valid.shape == self.shape and self.shape != ():
            known[id(valid)] = valid = valid.view(to)
        return SecretArray(
            self.run,
            handle,
            type=self.type,
            frac=self.frac,
            bound=self.bound,
            valid=valid,
            why=self.why,
            basis=self.basis.view(to, self.shape, known),
        )

    def restated(
        self,
        *,
        bound: int | None = None,
        frac: int | None = None,
        type: Type | None = None,
        mask: Reasoned | None = None,
        basis: Basis | None = None,
    ) -> SecretArray:
        """The same raw integers with other statements about them, as in `Stated`; None: as they are. Free.

        Raises RangeError as `invoke` does.
        """
        bound = self.bound if bound is None else bound
        frac = self.frac if frac is None else frac
        type = self.type if type is None else type
        self._check(bound, frac, type)
        valid, why = (self.valid, self.why) if mask is None else mask
        basis = self.basis if basis is None else basis
        return SecretArray(self.run, self.handle, type=type, frac=frac, bound=bound, valid=valid, why=why, basis=basis)

    def rescaled(self, frac: int) -> SecretArray:
        """The same raw integers with `frac` fraction bits: the value times 2^(frac before - frac), exactly. Free."""
        return self.restated(frac=frac, type="fixed")

    def bounded(self, bound: int) -> SecretArray:
        """The same secret with a smaller raw bound, if it is smaller, that a theorem gives; the caller's comment names
        it. Raises RangeError for a negative one."""
        return self if bound >= self.bound else self.restated(bound=bound)

    def with_handle(self, handle: Handle) -> SecretArray:
        """What is said of this secret, said of another share: for library code that knows it to be true."""
        return SecretArray(
            self.run,
            handle,
            type=self.type,
            frac=self.frac,
            bound=self.bound,
            valid=self.valid,
            why=self.why,
            basis=self.basis,
        )

    def constant(self, values: Any, *, like: SecretArray | None = None) -> SecretArray:
        """Public values as a secret of this run, encoded like `like` (default: by their own size)."""
        return constant(self.run, values, frac=None if like is None else like.frac)

    # ---- structure
    def __getitem__(self, index: Any) -> SecretArray:
        if isinstance(index, SecretArray):
            raise ShapeError("a secret index would show what it selects: use mpc.where, or filter a table")
        return self.view(lambda a: a[index])

    def reshape(self, *shape: Any) -> SecretArray:
        """The same elements in another shape."""
        if shape in (self.shape, (self.shape,)) or (shape == (-1,) and self.ndim == 1):
            return self
        return self.view(lambda a: a.reshape(*shape))

    def broadcast_to(self, shape: Shape) -> SecretArray:
        """Repeated along new axes."""
        if self.shape == shape:
            return self
        return self.view(lambda a: np.broadcast_to(a, shape))

    def diagonal(self) -> SecretArray:
        """The diagonal of a square matrix."""
        return self.view(lambda a: np.diagonal(a))

    # ---- arithmetic
    def numeric(self) -> SecretArray:
        """A bool as the integers 0 and 1; numbers as they are."""
        if self.type != "bool":
            return self
        integer = Stated(bound=1, frac=0, type="int", basis=self.basis.noting(self))
        return self.invoke("bit_to_ring", result=integer)

    def __add__(self, other: Any) -> SecretArray:
        a = self.numeric()
        if not isinstance(other, SecretArray):
            return add_public(a, other)
        b = other.numeric()
        a, b = aligned(a, b)
        a, b = broadcast(a, b)
        return a.invoke("add", b, result=Stated(bound=a.bound + b.bound, type=joint(a, b)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> SecretArray:
        a = self.numeric()
        if not isinstance(other, SecretArray):
            return add_public(a, negative(other))
        b = other.numeric()
        a, b = aligned(a, b)
        a, b = broadcast(a, b)
        return a.invoke("subtract", b, result=Stated(bound=a.bound + b.bound, type=joint(a, b)))

    def __rsub__(self, other: Any) -> SecretArray:
        return (-self).__add__(other)

    def __neg__(self) -> SecretArray:
        a = self.numeric()
        return a.invoke("scale", by=np.asarray(-1, np.int64), result=Stated(bound=a.bound))

    __mul__ = __rmul__ = products.multiply
    __matmul__ = products.matmul

    def __rmatmul__(self, other: Any) -> SecretArray:
        return products.picking(constant(self.run, other) @ self, self, other, 0 if self.ndim == 1 else self.ndim - 2)

    def __truediv__(self, other: Any) -> SecretArray:
        if isinstance(other, SecretArray):
            return self.run.functions.divide(self, other)
        divisor = np.asarray(other)
        finite(divisor)
        if not bool(np.all(divisor)):
            raise RangeError("/: a public divisor is 0")
        return scale_public(self.numeric(), 1.0 / divisor.astype(np.float64))

    def __rtruediv__(self, other: Any) -> SecretArray:
        return self.run.functions.divide(constant(self.run, other), self)

    times, product, dot = products.times, products.product, products.dot
    cut, shifted = products.cut, products.shifted

    # ---- reductions
    sum, mean, count = reductions.total, reductions.mean, reductions.count
    all, any = reductions.every, reductions.some

    # ---- integers
    __lshift__, __rshift__ = integers.shift_left, integers.shift_right
    bits, cumsum = integers.bits, integers.cumulative_sum

    # ---- comparisons and bits
    _less, below_each, same_rows = comparisons.less, comparisons.below_each, comparisons.same_rows

    def __lt__(self, other: Any) -> SecretArray:
        return self._less(other)

    def __gt__(self, other: Any) -> SecretArray:
        return (-self)._less(-other if isinstance(other, SecretArray) else negative(other))

    def __le__(self, other: Any) -> SecretArray:
        return ~self.__gt__(other)

    def __ge__(self, other: Any) -> SecretArray:
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

    def __and__(self, other: Any) -> SecretArray:
        a, b = self._bits(other)
        return a.invoke("bits_and", b, result=BIT)

    def __xor__(self, other: Any) -> SecretArray:
        a, b = self._bits(other)
        return a.invoke("xor", b, result=BIT)

    def __or__(self, other: Any) -> SecretArray:
        a, b = self._bits(other)
        return ~(~a & ~b)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> SecretArray:
        if self.type != "bool":
            raise ShapeError("~ is for bools")
        return self.invoke("invert", result=BIT)

    def _bits(self, other: Any) -> tuple[SecretArray, SecretArray]:
        if not isinstance(other, SecretArray):
            values = np.asarray(other)
            if values.dtype != np.bool_:
                raise ShapeError("& | ^ are for bools")
            other = constant(self.run, values)
        if self.type != "bool" or other.type != "bool":
            raise ShapeError("& | ^ are for bools")
        return broadcast(self, other)

    # ---- masks and checks
    def masked(self, valid: SecretArray, why: str) -> SecretArray:
        """The same value, meaningless where `valid` is not set, for the reason `why`; reasons it has already come
        before."""
        if valid.valid is not None:  # a bit that is undefined itself is not set
            valid = valid.with_handle((valid.bare() & valid.valid.bare()).handle)
        if valid.shape not in ((), self.shape):
            valid = valid.broadcast_to(self.shape)
        joint, reason = joined((self.valid, self.why), (valid, why or self.why), self.shape)
        return self.restated(mask=(joint, reason), basis=self._also(valid))

    def without_mask(self) -> SecretArray:
        """The raw value with its mask taken off: for library code that deals with the mask itself."""
        return self.restated(mask=UNMASKED)

    def bare(self) -> SecretArray:
        """The value alone, without mask and basis: for library code that puts both on its result."""
        basis = PUBLIC if self.basis.public else LOOSE
        return SecretArray(self.run, self.handle, type=self.type, frac=self.frac, bound=self.bound, basis=basis)

    def about(self, *counts: SecretArray) -> SecretArray:
        """The same value, which these counts of rows stand behind, too: scalars, or one count for each element.

        Only ever asks for more: what is in the value that no count covers stays so.
        """
        cohorts = tuple(Cohort.of(count, what="a count that the script gives") for count in counts)
        return self.with_basis(union(self.basis, Basis(_fitted(cohorts, self.shape))))

    def standing_on(self, *cohorts: Cohort, origin: tuple[str, ...] = ()) -> SecretArray:
        """The same value, which is about these rows and no others: a statement of library code, with its reason."""
        return self.with_basis(Basis(_fitted(cohorts, self.shape), origin=origin or self.basis.origin))

    def like(self, *others: SecretArray) -> SecretArray:
        """The same value, standing on what `others` stand on: it was computed from them, element by element."""
        return self.with_basis(union(*[x.basis for x in others]))

    def _also(self, other: SecretArray) -> Basis:
        """What it stands on together with a mask: which elements are defined is told, too."""
        if not other.basis.places and not other.basis.cohorts:
            return self.basis
        basis = other.basis if other.shape in ((), self.shape) else other.basis.reduced(None)
        if other.shape == () and self.shape != ():
            basis = basis.view(lambda a: np.broadcast_to(a, self.shape), (), {})
        return union(self.basis, basis._replace(loose=False))

    def with_basis(self, basis: Basis) -> SecretArray:
        """The same value with another basis: a statement of library code."""
        return self.restated(basis=basis)

    undefined_outside, within = limits.undefined_outside, limits.within

    # ---- what the library provides
    def var(self, axis: int | None = None, ddof: int = 1) -> SecretArray:
        """Variance of the elements."""
        return self.run.functions.var(self, axis, ddof)

    def std(self, axis: int | None = None, ddof: int = 1) -> SecretArray:
        """Standard deviation of the elements."""
        return self.run.functions.sqrt(self.var(axis, ddof))

    def __floordiv__(self, other: Any) -> SecretArray:
        return self.run.functions.floor_divide(self, other)

    def __mod__(self, other: Any) -> SecretArray:
        return self.run.functions.remainder(self, other)

    def __divmod__(self, other: Any) -> tuple[SecretArray, SecretArray]:
        return self.run.functions.divide_with_remainder(self, other)

    def __rfloordiv__(self, other: Any) -> SecretArray:
        return constant(self.run, other) // self

    def __rmod__(self, other: Any) -> SecretArray:
        return constant(self.run, other) % self

    def __rdivmod__(self, other: Any) -> tuple[SecretArray, SecretArray]:
        return divmod(constant(self.run, other), self)

    def __pow__(self, exponent: float) -> SecretArray:
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
        """The middle one of the valid elements of a vector, or the mean of the two middle ones."""
        return self.run.functions.quantile(self, 0.5)

    def abs(self) -> SecretArray:
        """Absolute value."""
        return where(self < 0, -self, self)

    __abs__ = abs


def _fitted(cohorts: tuple[Cohort, ...], shape: Shape) -> tuple[Cohort, ...]:
    """Counts of another shape than the value's are behind the whole value."""
    return tuple(c if c.shape in ((), shape) else c.collapsed(None) for c in cohorts)


__all__ = ["SecretArray", "Type", "concatenate", "constant", "maximum", "minimum", "stack", "where"]
