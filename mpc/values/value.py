"""A secret without operators: its public properties, statements of protocols, views, masks, and its basis.

`SecretArray` adds operators; the modules that they are written in import this one, so each can be imported first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from mpc.errors import LocalProtocolError, ShapeError
from mpc.machine.engine import Shape, Spec
from mpc.untyped import Parameter
from mpc.values.basis import LOOSE, PUBLIC, Basis, union
from mpc.values.cohorts import Cohort, View
from mpc.values.fixed import encode, finite, frac_for, magnitude
from mpc.values.inherited import Reasoned, all_valid, both, joined
from mpc.values.numpy_calls import refused_by_numpy
from mpc.values.operands import too_wide
from mpc.values.stated import UNMASKED, Stated, Type, impossible

if TYPE_CHECKING:
    from mpc.machine.operation import Handle
    from mpc.machine.runtime import Runtime
    from mpc.values.secret import SecretArray


class Value:
    """What every secret array has besides operators.

    type     "fixed" (raw / 2^frac), "int" or "bool"
    bound    largest magnitude of the raw integer
    valid    secret bits (or None: all valid); where cleared, the value means nothing and is never opened
    why      what a cleared valid bit means, in words; of several reasons the last (see `mpc.values.inherited`)
    basis    which rows are behind the value, so that a release can tell whether they are enough
    """

    __array_ufunc__ = None
    __array_function__ = refused_by_numpy
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

    @classmethod
    def public(cls, run: Runtime, values: ArrayLike, *, frac: int | None = None) -> Self:
        """Public values as a secret of this run, of which a release needs no rows: bools, integers, or reals with
        `frac` fraction bits (default: by their size). Raises ShapeError and RangeError as `finite` does."""
        array = np.asarray(values)
        if array.dtype == np.bool_:
            handle = run.schedule("constant_bits", values=array.astype(np.uint64), width=1)
            return cls(run, handle, type="bool", basis=PUBLIC)
        finite(array)
        whole = frac is None and array.dtype.kind in "iu"
        if frac is None:
            frac = 0 if whole else frac_for(float(np.abs(array).max(initial=0.0)))
        raw = encode(array, frac)
        handle, bound = run.schedule("constant", values=raw), max(magnitude(raw), 1)
        return cls(run, handle, type="int" if whole else "fixed", frac=frac, bound=bound, basis=PUBLIC)

    def constant(self, values: ArrayLike, *, like: Value | None = None) -> Self:
        """Public values as a secret of this run, encoded like `like` (default: by their own size)."""
        return self.public(self.run, values, frac=None if like is None else like.frac)

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
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.handle.spec.size

    @property
    def limit(self) -> float:
        """Largest magnitude of the value."""
        return float(self.bound) * 2.0**-self.frac

    @property
    def T(self) -> Self:
        """The array with its axes in reverse order. Local."""
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

    def __float__(self) -> NoReturn:
        raise LocalProtocolError("a secret is no number here: release it to learn it")

    # ---- for authors of protocols
    def invoke(self, primitive: str, *others: Value, result: Stated, **parameters: Parameter) -> Self:
        """The result of an engine's primitive of this array and `others`; it is scheduled, and returned at once.

        primitive   one that `mpc.machine.primitives` states; `parameters` are its keywords
        result      what its author has proved of the result: `Stated(bound=…)`, or BIT

        Raises RangeError for a bound that is negative or that the ring does not hold, for bits with another bound than
        1 or with fraction bits; TypeError for a parameter that the primitive lacks; ShapeError as the primitive does.
        """
        bound, frac, type, mask, basis = result
        frac = self.frac if frac is None else frac
        type = self.type if type is None else type
        self._check(bound, frac, type, *others)
        # Any: what a parameter may be is the primitive's; `schedule` refuses names that it lacks.
        handle = self.run.schedule(primitive, self.handle, *[o.handle for o in others], **parameters)
        if mask is None:
            operands: tuple[Value, ...] = (self, *others)
            mask = UNMASKED
            for x in operands:  # each operation comes by here, and most operands have no mask
                if x.valid is not None:
                    mask = all_valid(operands, handle.spec.shape)
                    break
        if basis is None:
            basis = union(self.basis, *[x.basis for x in others]) if others else self.basis
        return self._of(handle, type, frac, bound, mask, basis)

    def _check(self, bound: int, frac: int, type: Type, *others: Value) -> None:
        if type == "bool" or bound < 0:
            if bound != 1 or frac:
                impossible(bound, frac, type)
        elif bound >= 1 << self.run.engine.capacity:
            too_wide(bound, self.run.engine.capacity, self, *others)

    def _of(self, handle: Handle, type: Type, frac: int, bound: int, mask: Reasoned, basis: Basis) -> Self:
        valid, why = mask
        return self.__class__(self.run, handle, type=type, frac=frac, bound=bound, valid=valid, why=why, basis=basis)

    def view(self, to: View) -> Self:
        """Elements rearranged, repeated or left out: `to` maps any array of this shape to one of the result's shape,
        as `lambda a: np.moveaxis(a, 0, 1)` does. Local. Raises ShapeError where it does not fit."""
        try:
            shape = to(np.empty(self.shape, np.bool_)).shape
        except (IndexError, ValueError) as error:
            raise ShapeError(f"a secret of shape {self.shape}: {error}") from None
        handle = self.run.schedule("view", self.handle, to=to, shape=shape)
        valid, known = self.valid, {}
        if valid is not None and valid.shape == self.shape and self.shape != ():
            known[id(valid)] = valid = valid.view(to)
        basis = self.basis.view(to, self.shape, known)
        return self._of(handle, self.type, self.frac, self.bound, (valid, self.why), basis)

    def restated(
        self,
        *,
        bound: int | None = None,
        frac: int | None = None,
        type: Type | None = None,
        mask: Reasoned | None = None,
        basis: Basis | None = None,
    ) -> Self:
        """The same raw integers with other statements about them, as in `Stated`; None: as they are. Free. Raises
        RangeError as `invoke` does."""
        bound = self.bound if bound is None else bound
        frac = self.frac if frac is None else frac
        type = self.type if type is None else type
        mask = (self.valid, self.why) if mask is None else mask
        self._check(bound, frac, type)
        return self._of(self.handle, type, frac, bound, mask, self.basis if basis is None else basis)

    def rescaled(self, frac: int) -> Self:
        """The same raw integers with `frac` fraction bits: the value times 2^(frac before - frac), exactly. Free."""
        return self.restated(frac=frac, type="fixed")

    def bounded(self, bound: int) -> Self:
        """The same secret with a smaller raw bound, if it is smaller, that a theorem gives; the caller's comment names
        it. Raises RangeError for a negative one."""
        return self if bound >= self.bound else self.restated(bound=bound)

    def with_handle(self, handle: Handle) -> Self:
        """What is said of this secret, said of another share: for library code that knows it to be true."""
        return self._of(handle, self.type, self.frac, self.bound, (self.valid, self.why), self.basis)

    # ---- structure
    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Self:  # Any: whatever NumPy takes as an index
        if isinstance(index, Value):
            raise ShapeError("[] with a secret index: x.take(index) takes elements at secret places")
        return self.view(lambda a: a[index])

    def reshape(self, *shape: Any) -> Self:  # Any: a shape or its extents, as NumPy takes them
        """The same elements in another shape."""
        if shape in (self.shape, (self.shape,)) or (shape == (-1,) and self.ndim == 1):
            return self
        return self.view(lambda a: a.reshape(*shape))

    def broadcast_to(self, shape: Shape) -> Self:
        """Repeated along new axes."""
        return self if self.shape == shape else self.view(lambda a: np.broadcast_to(a, shape))

    def diagonal(self) -> Self:
        """The diagonal of a square matrix."""
        return self.view(lambda a: np.diagonal(a))

    # ---- mask and basis
    def masked(self, valid: SecretArray, why: str) -> Self:
        """The same value, meaningless where `valid` is not set, for the reason `why`; earlier reasons stay first."""
        if valid.valid is not None:  # a bit that is undefined itself is not set
            valid = valid.with_handle(both(valid.bare(), valid.valid.bare(), valid.shape).handle)
        if valid.shape not in ((), self.shape):
            valid = valid.broadcast_to(self.shape)
        mask = joined((self.valid, self.why), (valid, why or self.why), self.shape)
        return self.restated(mask=mask, basis=self._also(valid))

    def without_mask(self) -> Self:
        """The raw value with its mask taken off: for library code that deals with the mask itself."""
        return self.restated(mask=UNMASKED)

    def bare(self) -> Self:
        """The value alone, without mask and basis: for library code that puts both on its result."""
        return self.restated(mask=UNMASKED, basis=PUBLIC if self.basis.public else LOOSE)

    def about(self, *counts: SecretArray) -> Self:
        """The same value, about these counts of rows as well: scalars, or a count for each element.

        A release then asks for these rows, too; private rows that no count covers stay uncovered.
        """
        cohorts = tuple(Cohort.of(count, what="a count that the script gives") for count in counts)
        return self.with_basis(union(self.basis, Basis(_fitted(cohorts, self.shape))))

    def standing_on(self, *cohorts: Cohort, origin: tuple[str, ...] = ()) -> Self:
        """The same value, about exactly these rows: a statement of library code, whose comment gives the reason."""
        return self.with_basis(Basis(_fitted(cohorts, self.shape), origin=origin or self.basis.origin))

    def like(self, *others: Value) -> Self:
        """The same value with the basis of `others`, from which it was computed element by element."""
        return self.with_basis(union(*[x.basis for x in others]))

    def _also(self, other: Value) -> Basis:
        """The basis together with that of a mask: a release also tells which elements are defined."""
        if not other.basis.places and not other.basis.cohorts:
            return self.basis
        basis = other.basis if other.shape in ((), self.shape) else other.basis.reduced(None)
        if other.shape == () and self.shape != ():
            basis = basis.view(lambda a: np.broadcast_to(a, self.shape), (), {})
        return union(self.basis, basis._replace(loose=False))

    def with_basis(self, basis: Basis) -> Self:
        """The same value with another basis: a statement of library code."""
        return self.restated(basis=basis)


def is_secret(x: object) -> TypeGuard[SecretArray]:
    """Whether an operand is secret: every `Value` is a `SecretArray`."""
    return isinstance(x, Value)


def _fitted(cohorts: tuple[Cohort, ...], shape: Shape) -> tuple[Cohort, ...]:
    """Cohorts for a value of this shape: counts of another shape are behind the whole value."""
    return tuple(c if c.shape in ((), shape) else c.collapsed(None) for c in cohorts)
