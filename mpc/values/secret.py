"""Secret arrays: shared among the compute parties, with a public shape, type, scale and bound.

Operators schedule their protocol and return at once; shape and range errors are raised at the line that made
them. Products, reductions and limits are methods whose bodies stand in files of their own; what is more than one
primitive (division, roots, sorting, …) comes from the run's `Functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from mpc.errors import LocalProtocolError, RangeError, ShapeError
from mpc.machine.engine import Shape, Spec
from mpc.values import comparisons, limits, products, reductions
from mpc.values.arrays import concatenate, maximum, minimum, stack, where
from mpc.values.basis import LOOSE, PUBLIC, Basis, union
from mpc.values.cohorts import Cohort
from mpc.values.fixed import width_of
from mpc.values.inherited import all_valid, joined
from mpc.values.numpy_calls import refused_by_numpy
from mpc.values.operands import aligned, broadcast, joint, too_wide
from mpc.values.public import add_public, constant, finite, is_bool, negative
from mpc.values.resolution import told_apart
from mpc.values.scaling import scale_public

if TYPE_CHECKING:
    from mpc.machine.operation import Handle
    from mpc.machine.runtime import Runtime

Type = Literal["fixed", "int", "bool"]


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
        return self._view(np.transpose)

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

    # ---- construction
    def _new(self, handle: Handle, *others: SecretArray, **changes: Any) -> SecretArray:
        run, type, bound = self.run, changes.get("type", self.type), changes.get("bound", self.bound)
        if type != "bool" and bound >= 1 << run.engine.capacity:
            too_wide(bound, run.engine.capacity, self, *others)
        xs = (self, *others)
        valid, why, basis = changes.get("valid"), changes.get("why", ""), changes.get("basis")
        for x in xs:  # most have neither: this is in the way of every operation
            if x.valid is not None and "valid" not in changes:
                valid, why = all_valid(xs, handle.spec.shape)
                break
        if basis is None:
            basis = union(*[x.basis for x in xs]) if others else self.basis
        frac = changes.get("frac", self.frac)
        return SecretArray(run, handle, type=type, frac=frac, bound=bound, valid=valid, why=why, basis=basis)

    def _op(self, primitive: str, *others: SecretArray, changes: dict[str, Any], **parameters: Any) -> SecretArray:
        bound = changes.get("bound", self.bound)
        if changes.get("type", self.type) != "bool" and bound >= 1 << self.run.engine.capacity:
            too_wide(bound, self.run.engine.capacity, self, *others)
        handle = self.run.schedule(primitive, self.handle, *[o.handle for o in others], **parameters)
        return self._new(handle, *others, **changes)

    def _view(self, to: Callable[[NDArray[Any]], NDArray[Any]]) -> SecretArray:
        try:
            shape = to(np.empty(self.shape, np.bool_)).shape
        except (IndexError, ValueError) as error:
            raise ShapeError(f"a secret of shape {self.shape}: {error}") from None
        handle = self.run.schedule("view", self.handle, to=to, shape=shape)
        valid = self.valid
        known = {}
        if valid is not None and valid.shape == self.shape and self.shape != ():
            known[id(valid)] = valid = valid._view(to)
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

    def constant(self, values: Any, *, like: SecretArray | None = None) -> SecretArray:
        """Public values as a secret of this run, encoded like `like` (default: by their own size)."""
        return constant(self.run, values, frac=None if like is None else like.frac)

    # ---- structure
    def __getitem__(self, index: Any) -> SecretArray:
        if isinstance(index, SecretArray):
            raise ShapeError("a secret index would show what it selects: use mpc.where, or filter a table")
        return self._view(lambda a: a[index])

    def reshape(self, *shape: Any) -> SecretArray:
        """The same elements in another shape."""
        if shape in (self.shape, (self.shape,)) or (shape == (-1,) and self.ndim == 1):
            return self
        return self._view(lambda a: a.reshape(*shape))

    def broadcast_to(self, shape: Shape) -> SecretArray:
        """Repeated along new axes."""
        if self.shape == shape:
            return self
        return self._view(lambda a: np.broadcast_to(a, shape))

    def diagonal(self) -> SecretArray:
        """The diagonal of a square matrix."""
        return self._view(lambda a: np.diagonal(a))

    # ---- arithmetic
    def numeric(self) -> SecretArray:
        """A bool as the integers 0 and 1; numbers as they are."""
        if self.type != "bool":
            return self
        changes = {"type": "int", "frac": 0, "bound": 1, "basis": self.basis.noting(self)}
        return self._op("bit_to_ring", changes=changes)

    def __add__(self, other: Any) -> SecretArray:
        a = self.numeric()
        if not isinstance(other, SecretArray):
            return add_public(a, other)
        b = other.numeric()
        a, b = aligned(a, b)
        a, b = broadcast(a, b)
        return a._op("add", b, changes={"bound": a.bound + b.bound, "type": joint(a, b)})

    __radd__ = __add__

    def __sub__(self, other: Any) -> SecretArray:
        a = self.numeric()
        if not isinstance(other, SecretArray):
            return add_public(a, negative(other))
        b = other.numeric()
        a, b = aligned(a, b)
        a, b = broadcast(a, b)
        return a._op("subtract", b, changes={"bound": a.bound + b.bound, "type": joint(a, b)})

    def __rsub__(self, other: Any) -> SecretArray:
        return (-self).__add__(other)

    def __neg__(self) -> SecretArray:
        a = self.numeric()
        return a._op("scale", by=np.asarray(-1, np.int64), changes={})

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
    cut, _shifted = products.cut, products.shifted

    def bounded(self, bound: int) -> SecretArray:
        """The same secret with a smaller raw bound that a theorem gives; the caller's comment names it."""
        return self._new(self.handle, bound=min(self.bound, bound))

    # ---- reductions
    sum, mean, count = reductions.total, reductions.mean, reductions.count
    all, any = reductions.every, reductions.some

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
        return difference._op(
            "equal", width=min(64, width_of(difference.bound)), changes={"type": "bool", "frac": 0, "bound": 1}
        )

    def __ne__(self, other: object) -> SecretArray:  # type: ignore[override]
        return ~self.__eq__(other)

    def __and__(self, other: Any) -> SecretArray:
        a, b = self._bits(other)
        return a._op("bits_and", b, changes={})

    def __xor__(self, other: Any) -> SecretArray:
        a, b = self._bits(other)
        return a._op("xor", b, changes={})

    def __or__(self, other: Any) -> SecretArray:
        a, b = self._bits(other)
        return ~(~a & ~b)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> SecretArray:
        if self.type != "bool":
            raise ShapeError("~ is for bools")
        return self._op("invert", changes={})

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
            valid = valid._new((valid.bare() & valid.valid.bare()).handle, valid=valid.valid, why=valid.why)
        if valid.shape not in ((), self.shape):
            valid = valid.broadcast_to(self.shape)
        joint, reason = joined((self.valid, self.why), (valid, why or self.why), self.shape)
        return self._new(self.handle, valid=joint, why=reason, basis=self._also(valid))

    def without_mask(self) -> SecretArray:
        """The raw value with its mask taken off: for library code that deals with the mask itself."""
        return self._new(self.handle, valid=None, why="")

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
        return SecretArray(
            self.run,
            self.handle,
            type=self.type,
            frac=self.frac,
            bound=self.bound,
            valid=self.valid,
            why=self.why,
            basis=basis,
        )

    clamped, within = limits.clamped, limits.within

    # ---- what the library provides
    def var(self, axis: int | None = None, ddof: int = 1) -> SecretArray:
        """Variance of the elements."""
        return self.run.functions.var(self, axis, ddof)

    def std(self, axis: int | None = None, ddof: int = 1) -> SecretArray:
        """Standard deviation of the elements."""
        return self.run.functions.sqrt(self.var(axis, ddof))

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
