"""Secret arrays: shared among the compute parties, with a public shape, type, scale and bound.

Operators schedule their protocol and return at once; shape and range errors are raised at the line that made
them. What is more than one primitive (division, roots, sorting, …) comes from the run's `Functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from mpc.engine import Shape, Spec
from mpc.errors import LocalProtocolError, RangeError, ShapeError
from mpc.fixed import WIDTH, encode, frac_for, magnitude, width_of

if TYPE_CHECKING:
    from mpc.runtime import Handle, Runtime

Type = Literal["fixed", "int", "bool"]
Operand = "SecretArray | NDArray[Any] | float | int | bool"


class SecretArray:
    """A secret array.

    type     "fixed" (raw / 2^frac), "int" or "bool"
    bound    largest magnitude of the raw integer
    valid    secret bits (or None: all valid); where cleared, the value means nothing and is never opened
    why      what a cleared valid bit means, in words
    cohorts  how many rows stand behind the value: releases compare them with the minimum cohort size. Each is a
             scalar, about the whole value, or has its shape, one count an element
    """

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("bound", "cohorts", "frac", "handle", "run", "type", "valid", "why")

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
        cohorts: tuple[SecretArray, ...] = (),
    ) -> None:
        self.run = run
        self.handle = handle
        self.type: Type = type
        self.frac = frac
        self.bound = bound
        self.valid = valid
        self.why = why
        self.cohorts = cohorts

    # ---- what is public
    @property
    def spec(self) -> Spec:
        return self.handle.spec

    @property
    def shape(self) -> Shape:
        return self.handle.spec.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.handle.spec.size

    @property
    def limit(self) -> float:
        """Largest magnitude of the value."""
        return float(self.bound) * 2.0**-self.frac

    @property
    def T(self) -> SecretArray:
        return self._view(np.transpose)

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("a scalar has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<secret {self.type}{list(self.shape)}, |value| <= {self.limit:.4g}>"

    def __bool__(self) -> NoReturn:
        raise LocalProtocolError("a secret has no truth value here: use mpc.where(condition, a, b), or release it")

    def __iter__(self) -> Iterator[SecretArray]:
        return (self[i] for i in range(len(self)))

    def __float__(self) -> NoReturn:
        raise LocalProtocolError("a secret is no number here: release it to learn it")

    # ---- construction
    def _new(self, handle: Handle, *others: SecretArray, **changes: Any) -> SecretArray:
        fields: dict[str, Any] = {"type": self.type, "frac": self.frac, "bound": self.bound}
        fields.update(changes)
        if "valid" not in fields:
            fields["valid"], fields["why"] = _all_valid((self, *others), handle.spec.shape)
        if "cohorts" not in fields:
            fields["cohorts"] = _union(self, *others)
        if fields["type"] != "bool" and fields["bound"] >= 1 << self.run.engine.capacity:
            _too_wide(fields["bound"], self.run.engine.capacity, self, *others)
        return SecretArray(self.run, handle, **fields)

    def _op(self, primitive: str, *others: SecretArray, changes: dict[str, Any], **parameters: Any) -> SecretArray:
        bound = changes.get("bound", self.bound)
        if changes.get("type", self.type) != "bool" and bound >= 1 << self.run.engine.capacity:
            _too_wide(bound, self.run.engine.capacity, self, *others)
        handle = self.run.schedule(primitive, self.handle, *[o.handle for o in others], **parameters)
        return self._new(handle, *others, **changes)

    def _view(self, to: Callable[[NDArray[Any]], NDArray[Any]]) -> SecretArray:
        try:
            shape = to(np.empty(self.shape, np.bool_)).shape
        except (IndexError, ValueError) as error:
            raise ShapeError(f"a secret of shape {self.shape}: {error}") from None
        handle = self.run.schedule("view", self.handle, to=to, shape=shape)
        valid = self.valid
        if valid is not None and valid.shape == self.shape and self.shape != ():
            valid = valid._view(to)
        cohorts = tuple(c._view(to) if c.shape == self.shape and c.shape != () else c for c in self.cohorts)
        return SecretArray(
            self.run,
            handle,
            type=self.type,
            frac=self.frac,
            bound=self.bound,
            valid=valid,
            why=self.why,
            cohorts=cohorts,
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
        return self._op("bit_to_ring", changes={"type": "int", "frac": 0, "bound": 1})

    def __add__(self, other: Any) -> SecretArray:
        a = self.numeric()
        if not isinstance(other, SecretArray):
            return a._add_public(other)
        b = other.numeric()
        a, b = _aligned(a, b)
        a, b = _broadcast(a, b)
        return a._op("add", b, changes={"bound": a.bound + b.bound, "type": _joint(a, b)})

    __radd__ = __add__

    def __sub__(self, other: Any) -> SecretArray:
        a = self.numeric()
        if not isinstance(other, SecretArray):
            return a._add_public(_negative(other))
        b = other.numeric()
        a, b = _aligned(a, b)
        a, b = _broadcast(a, b)
        return a._op("subtract", b, changes={"bound": a.bound + b.bound, "type": _joint(a, b)})

    def __rsub__(self, other: Any) -> SecretArray:
        return (-self).__add__(other)

    def __neg__(self) -> SecretArray:
        a = self.numeric()
        return a._op("scale", by=np.asarray(-1, np.int64), changes={})

    def __mul__(self, other: Any) -> SecretArray:
        if not isinstance(other, SecretArray):
            return self.numeric()._scale_public(other)
        if self.type == "bool" or other.type == "bool":
            bit, value = (self, other) if self.type == "bool" else (other, self)
            if value.type == "bool":
                return (self & other).numeric()
            bit, value = _broadcast(bit, value)
            return bit._op("inject", value, changes={"type": value.type, "frac": value.frac, "bound": value.bound})
        a, b = _broadcast(*_fitting(self, other))
        bound = a.bound * b.bound
        cut = _cut_for(a, b, bound)
        if cut <= 0:
            return a._op("multiply", b, changes={"frac": a.frac + b.frac, "bound": bound, "type": _joint(a, b)})
        return a._op(
            "multiply_truncate",
            b,
            bits=cut,
            changes={"frac": a.frac + b.frac - cut, "bound": (bound >> cut) + 1, "type": "fixed"},
        )

    __rmul__ = __mul__

    def __matmul__(self, other: Any) -> SecretArray:
        run = self.run
        if not isinstance(other, SecretArray):
            other = constant(run, other)
        a, b = self.numeric(), other.numeric()
        if not a.shape or not b.shape or a.shape[-1] != b.shape[0 if b.ndim == 1 else -2] or max(a.ndim, b.ndim) > 2:
            raise ShapeError(f"@: shapes {a.shape} and {b.shape} do not fit")
        shape = a.shape[:-1] + b.shape[1:]
        inner = a.shape[-1]
        a, b = _fitting(a, b, terms=inner)
        bound = a.bound * b.bound * max(inner, 1)
        cut = _cut_for(a, b, bound)
        left = a.reshape(1, inner) if a.ndim == 1 else a
        right = b.reshape(inner, 1) if b.ndim == 1 else b
        if cut <= 0:
            product = left._op(
                "matmul", right, changes=_plain(frac=a.frac + b.frac, bound=bound, type=_joint(a, b), of=(a, b))
            )
        else:
            product = left._op(
                "matmul_truncate",
                right,
                bits=cut,
                changes=_plain(frac=a.frac + b.frac - cut, bound=(bound >> cut) + 1, type="fixed", of=(a, b)),
            )
        return product.reshape(shape)

    def __rmatmul__(self, other: Any) -> SecretArray:
        return constant(self.run, other) @ self

    def __truediv__(self, other: Any) -> SecretArray:
        if isinstance(other, SecretArray):
            return self.run.functions.divide(self, other)
        divisor = np.asarray(other)
        _finite(divisor)
        if not bool(np.all(divisor)):
            raise RangeError("/: a public divisor is 0")
        return self.numeric()._scale_public(1.0 / divisor.astype(np.float64))

    def __rtruediv__(self, other: Any) -> SecretArray:
        return self.run.functions.divide(constant(self.run, other), self)

    def _add_public(self, other: Any) -> SecretArray:
        values = np.asarray(other)
        _finite(values)
        a = self
        largest = float(np.abs(values.astype(np.float64)).max(initial=0.0))
        if a.type == "int" and values.dtype.kind == "f" and not bool(np.all(values == np.rint(values))):
            a = a._shifted(max(frac_for(max(a.limit, largest)), 0))
        room = self.run.engine.capacity - 1 - int(np.frexp(largest)[1])
        if a.type == "fixed" and a.frac > room and np.ldexp(largest, a.frac) + a.bound >= 1 << self.run.engine.capacity:
            a = a.cut(room)  # a scale too fine for the number that is added
        raw = encode(values, a.frac)
        a = a.broadcast_to(_common_shape(a.shape, raw.shape))
        return a._op("add_public", values=raw, changes={"bound": a.bound + magnitude(raw)})

    def _scale_public(self, other: Any) -> SecretArray:
        values = np.asarray(other)
        _finite(values)
        a = self.broadcast_to(_common_shape(self.shape, values.shape))
        if _whole_numbers(values):
            raw = encode(values, 0)
            return a._op("scale", by=raw, changes={"bound": max(a.bound * magnitude(raw), 1)})
        largest = float(np.abs(values).max(initial=0.0))
        if values.size and bool(np.all(values == largest)) and np.frexp(largest)[0] == 0.5:
            return a._new(a.handle, frac=a.frac - int(np.frexp(largest)[1]) + 1, type="fixed")
        frac = frac_for(largest)
        raw = encode(values, frac)
        room = self.run.engine.capacity - width_of(magnitude(raw))
        if width_of(a.bound) > room:
            a = a.cut(a.frac - (width_of(a.bound) - room))
        product = a._op(
            "scale", by=raw, changes={"bound": max(a.bound * magnitude(raw), 1), "frac": a.frac + frac, "type": "fixed"}
        )
        return product.cut(product.frac - max(width_of(product.bound) - WIDTH, 0))

    def _shifted(self, frac: int) -> SecretArray:
        """The same value with more fraction bits (exact)."""
        if frac == self.frac:
            return self
        up = frac - self.frac
        if up < 0 or width_of(self.bound) + up > self.run.engine.capacity:
            _too_wide(self.bound << max(up, 0), self.run.engine.capacity, self)
        return self._op(
            "scale",
            by=np.asarray(1 << up, np.int64),
            changes={"frac": frac, "bound": self.bound << up, "type": "fixed"},
        )

    def times(self, other: SecretArray, *, bound: int | None = None) -> SecretArray:
        """The exact product, not cut: fraction bits add up.

        `bound` is a bound of the raw result that the caller has proved (a theorem about the operands together,
        which their separate bounds do not show). Raises RangeError where no bound below the ring's is known.
        """
        a, b = _broadcast(self.numeric(), other.numeric())
        limit = min(a.bound * b.bound, bound) if bound is not None else a.bound * b.bound
        return a._op("multiply", b, changes={"frac": a.frac + b.frac, "bound": limit, "type": _joint(a, b)})

    def cut(self, frac: int, *, bound: int | None = None) -> SecretArray:
        """With `frac` fraction bits, fewer than now (floor or floor + 1 of the last one); a higher `frac` is exact.

        `bound`: a proved bound of the raw result.
        """
        if frac >= self.frac:
            return self if frac == self.frac else self._shifted(frac)
        bits = self.frac - frac
        if bits > self.run.engine.capacity:  # nothing is left: 0 is floor or floor + 1 of every value
            return self._op("scale", by=np.asarray(0, np.int64), changes={"frac": frac, "bound": 1, "type": "fixed"})
        limit = (self.bound >> bits) + 1
        if bound is not None:
            limit = min(limit, bound)
        return self._op("truncate", bits=bits, changes={"frac": frac, "bound": limit, "type": "fixed"})

    def product(self, other: SecretArray, frac: int, *, limit: float | None = None) -> SecretArray:
        """The product with `frac` fraction bits (floor or floor + 1), in one operation.

        The exact product must fit the ring, by the operands' bounds or because |product| <= `limit`, which the
        caller has proved. Rounds 2.
        """
        a, b = _broadcast(self.numeric(), other.numeric())
        bits = a.frac + b.frac - frac
        bound = a.bound * b.bound
        if limit is not None:
            bound = min(bound, int(np.ldexp(limit, a.frac + b.frac)) + 1)
        if not 0 < bits <= self.run.engine.capacity:
            return a.times(b, bound=bound).cut(frac)
        if bound >= 1 << self.run.engine.capacity:
            _too_wide(bound, self.run.engine.capacity, a, b)
        changes = {"frac": frac, "bound": (bound >> bits) + 1, "type": "fixed"}
        return a._op("multiply_truncate", b, bits=bits, changes=changes)

    def dot(self, other: SecretArray, frac: int) -> SecretArray:
        """The matrix product (m, k) @ (k, n) with `frac` fraction bits (floor or floor + 1). Rounds 2.

        Raises RangeError where the operands' bounds do not keep the exact product within the ring.
        """
        a, b = self.numeric(), other.numeric()
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
            raise ShapeError(f"dot: shapes {a.shape} and {b.shape} do not fit")
        bits = a.frac + b.frac - frac
        bound = max(a.bound * b.bound * max(a.shape[1], 1), 1)
        if bound >= 1 << self.run.engine.capacity or bits <= 0:
            _too_wide(bound, self.run.engine.capacity, a, b)
        changes = _plain(frac=frac, bound=(bound >> bits) + 1, type="fixed", of=(a, b))
        return a._op("matmul_truncate", b, bits=bits, changes=changes)

    def bounded(self, bound: int) -> SecretArray:
        """The same secret with a smaller raw bound that a theorem gives; the caller's comment names it."""
        return self._new(self.handle, bound=min(self.bound, bound))

    # ---- reductions
    def sum(self, axis: int | None = None) -> SecretArray:
        """Sum of all elements, or over one axis.

        Elements whose valid bit is cleared do not count; where one bit stands for the whole array, so it does for
        the sum.
        """
        a = self.numeric()
        whole = a.valid if a.valid is not None and a.valid.shape == () else None
        if a.valid is not None and whole is None:
            a = where(a.valid, a.without_mask(), 0)
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
        changes = {"bound": a.bound * max(terms, 1), "valid": whole, "why": self.why if whole is not None else ""}
        return a._op("sum", axis=axis, changes={**changes, "cohorts": cohorts})

    def mean(self, axis: int | None = None) -> SecretArray:
        """Mean of the elements (of the valid ones, where there is a mask)."""
        total = self.sum(axis)
        if self.valid is not None and self.valid.shape != ():
            return total / self.valid.sum(axis)
        terms = self.size if axis is None else self.shape[axis]
        if not terms:
            raise ShapeError("mean of no element")
        return total / terms

    # ---- comparisons and bits
    def _less(self, other: Any) -> SecretArray:
        if not isinstance(other, SecretArray) and self.type != "fixed":
            other = np.ceil(other) if np.asarray(other).dtype.kind == "f" else other  # whole x < c: x < ceil(c)
        difference: SecretArray = self - other
        width = min(64, width_of(difference.bound) + 1)
        primitive = self.run.cheapest(("sign", "quick_sign"), difference.handle, width=width)
        return difference._op(primitive, width=width, changes={"type": "bool", "frac": 0, "bound": 1})

    def __lt__(self, other: Any) -> SecretArray:
        return self._less(other)

    def __gt__(self, other: Any) -> SecretArray:
        return (-self)._less(-other if isinstance(other, SecretArray) else _negative(other))

    def __le__(self, other: Any) -> SecretArray:
        return ~self.__gt__(other)

    def __ge__(self, other: Any) -> SecretArray:
        return ~self.__lt__(other)

    def __eq__(self, other: object) -> SecretArray:  # type: ignore[override]
        if self.type == "bool" and _is_bool(other):
            return ~self.__xor__(other)
        if self.type != "fixed" and not isinstance(other, SecretArray) and np.asarray(other).dtype.kind == "f":
            values = np.asarray(other)
            nearest: SecretArray = self - np.rint(values)
            same: SecretArray = nearest.__eq__(0) & (np.rint(values) == values)
            return same
        difference = self - other
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
        return _broadcast(self, other)

    def all(self, axis: int | None = None) -> SecretArray:
        """Whether every element (along an axis) is true. Rounds: log2 of their number."""
        bits = self.reshape(-1) if axis is None else self._view(lambda a: np.moveaxis(a, axis, 0))
        if not len(bits):
            return constant(self.run, np.ones(bits.shape[1:], np.bool_))
        while len(bits) > 1:
            half = len(bits) // 2
            rest = bits[2 * half :]
            bits = bits[:half] & bits[half : 2 * half]
            if len(rest):
                bits = concatenate([bits, rest])
        return bits[0]

    def any(self, axis: int | None = None) -> SecretArray:
        """Whether some element (along an axis) is true."""
        return ~(~self).all(axis)

    # ---- masks and checks
    def masked(self, valid: SecretArray, why: str) -> SecretArray:
        """The same value, meaningless where `valid` is not set, for the reason `why`."""
        joint = valid if self.valid is None else self.valid & valid
        if joint.shape not in ((), self.shape):
            joint = joint.broadcast_to(self.shape)
        return self._new(self.handle, valid=joint, why=why or self.why)

    def without_mask(self) -> SecretArray:
        """The raw value with its mask taken off: for library code that deals with the mask itself."""
        return self._new(self.handle, valid=None, why="")

    def bare(self) -> SecretArray:
        """The value alone, without mask and cohorts: for library code that puts both on its result."""
        return self._new(self.handle, valid=None, why="", cohorts=())

    def about(self, *cohorts: SecretArray) -> SecretArray:
        """The same value, with these counts of rows behind it."""
        single: list[SecretArray] = []
        for cohort in cohorts:
            if cohort.shape in ((), self.shape):
                single.append(cohort)
            else:  # counts behind the whole value, not one an element
                single += [cohort.reshape(-1)[i] for i in range(cohort.size)]
        return self._new(self.handle, cohorts=_unique((*self.cohorts, *single)))

    def clamped(self, low: float, high: float, why: str) -> SecretArray:
        """The value where it lies in [low, high], else `low` with its valid bit cleared.

        The result's bound follows from the limits: nothing is assumed. Rounds: a comparison, an AND, a select.
        """
        below, above = self < low, self > high
        inside = ~below & ~above
        kept = where(inside, self.without_mask(), low)
        bound = max(abs(int(np.floor(np.ldexp(low, kept.frac)))), abs(int(np.ceil(np.ldexp(high, kept.frac))))) + 1
        result = kept._new(kept.handle, bound=min(kept.bound, bound), valid=self.valid, why=self.why)
        return result.masked(inside, why)

    def within(self, limit: float) -> SecretArray:
        """A checked assumption: from here on |value| <= limit is used as the bound.

        One comparison beside the critical path goes into the run's *sound* bit, which every release opens with its
        value: where it is not set, only "out of range" comes out.
        """
        if not 0 <= limit < np.inf:
            raise RangeError(f"within({limit}): a limit is a number from 0 up")
        if limit >= self.limit:
            return self
        bound = int(np.floor(np.ldexp(float(limit), self.frac)))
        bound = max(bound, 1)
        # The raw integers are compared, so that the check is of the very bound that is used from here on.
        raw, most = SecretArray(self.run, self.handle, type="int", bound=self.bound), bound
        if raw.bound + most >= 1 << self.run.engine.capacity:
            # No room for the difference: on two bits less, and so much stricter that the cut cannot hide anything.
            raw, most = raw.cut(-2), (bound >> 2) - 1
            raw = SecretArray(self.run, raw.handle, type="int", bound=raw.bound)
        self.run.scope.checks.append((~(raw > most) & ~(raw < -most)).all())
        return self._new(self.handle, bound=bound)

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


def where(condition: SecretArray, a: Any, b: Any) -> SecretArray:
    """a where the condition is set, else b. Rounds: 2 (Π_INJ)."""
    if not isinstance(condition, SecretArray) or condition.type != "bool":
        raise ShapeError(f"where: the condition is {condition!r}; it must be a secret bool, as comparisons give them")
    a, b = _alike(condition.run, a, b)
    a, b = _aligned(a.numeric(), b.numeric())
    a, b = _broadcast(a, b)
    chosen, b = _broadcast(condition * (a - b), b)
    # One of both: its bound is the larger one, whatever the difference's is.
    return chosen._op("add", b, changes={"bound": max(a.bound, b.bound), "type": _joint(a, b)})


def _alike(run: Runtime, a: Any, b: Any) -> tuple[SecretArray, SecretArray]:
    """Both secret; a public one is encoded as the other is, where that is a fixed-point number."""
    if not isinstance(a, SecretArray):
        a = _constant_like(run, a, b) if isinstance(b, SecretArray) else constant(run, a)
    if not isinstance(b, SecretArray):
        b = _constant_like(run, b, a)
    return a, b


def _constant_like(run: Runtime, values: Any, other: SecretArray) -> SecretArray:
    array = np.asarray(values)
    if other.type != "fixed" or array.dtype == np.bool_:
        return constant(run, array)
    _finite(array)
    largest = float(np.abs(array.astype(np.float64)).max(initial=0.0))
    room = run.engine.capacity - 1 - int(np.frexp(largest)[1])
    return constant(run, array, frac=min(other.frac, room))


def maximum(a: SecretArray, b: Any) -> SecretArray:
    """Elementwise larger one."""
    return where(a < b, b, a)


def minimum(a: SecretArray, b: Any) -> SecretArray:
    """Elementwise smaller one."""
    return where(a < b, a, b)


def concatenate(parts: Sequence[SecretArray], axis: int = 0) -> SecretArray:
    """Arrays of one type joined along an axis."""
    if not parts:
        raise ShapeError("concatenate: nothing to join")
    first = parts[0]
    if any(p.type == "bool" for p in parts) and not all(p.type == "bool" for p in parts):
        parts = [p.numeric() for p in parts]
    # The finest scale of all, or the finest at which each still fits.
    frac = min(max(p.frac for p in parts), *(first.run.engine.capacity - width_of(p.bound) + p.frac for p in parts))
    parts = [p if p.type == "bool" else p.cut(frac) for p in parts]
    shape = list(parts[0].shape)
    try:
        np.concatenate([np.empty(p.shape, np.bool_) for p in parts], axis)
    except ValueError as error:
        raise ShapeError(f"concatenate: {error}") from None
    handle = first.run.schedule("concatenate", *[p.handle for p in parts], axis=axis % len(shape))
    valid, why = None, ""
    if any(p.valid is not None for p in parts):
        valids = [
            constant(p.run, np.ones(p.shape, np.bool_)) if p.valid is None else p.valid.broadcast_to(p.shape)
            for p in parts
        ]
        valid = concatenate(valids, axis)
        why = next(p.why for p in parts if p.valid is not None)
    cohorts: tuple[SecretArray, ...] = ()
    if any(p.cohorts for p in parts):
        depth = max(len(p.cohorts) for p in parts)
        everyone = 1 << 40  # parts without a count behind them are never small
        for k in range(depth):
            cohorts += (
                concatenate(
                    [
                        p.cohorts[k].numeric().broadcast_to(p.shape)
                        if k < len(p.cohorts)
                        else constant(p.run, np.full(p.shape, everyone))
                        for p in parts
                    ],
                    axis,
                ),
            )
    types = {p.type for p in parts}
    return SecretArray(
        first.run,
        handle,
        type=parts[0].type if len(types) == 1 else "fixed",
        frac=parts[0].frac,
        bound=max(p.bound for p in parts),
        valid=valid,
        why=why,
        cohorts=cohorts,
    )


def stack(parts: Sequence[SecretArray]) -> SecretArray:
    """Arrays of one shape along a new first axis."""
    return concatenate([p.reshape(1, *p.shape) for p in parts])


def constant(run: Runtime, values: Any, *, frac: int | None = None) -> SecretArray:
    """Public values as a secret: bools, integers, or reals with `frac` fraction bits (default: by their size)."""
    array = np.asarray(values)
    if array.dtype == np.bool_:
        handle = run.schedule("constant_bits", values=array.astype(np.uint64), width=1)
        return SecretArray(run, handle, type="bool")
    _finite(array)
    if array.dtype.kind in "iu" and frac is None:
        raw = encode(array, 0)
        return SecretArray(run, run.schedule("constant", values=raw), type="int", bound=max(magnitude(raw), 1))
    bits = frac_for(float(np.abs(array).max(initial=0.0))) if frac is None else frac
    raw = encode(array, bits)
    return SecretArray(run, run.schedule("constant", values=raw), type="fixed", frac=bits, bound=max(magnitude(raw), 1))


# ---- helpers
def _whole_numbers(values: NDArray[Any]) -> bool:
    """Whether public factors are small integers, so that the product with them is exact."""
    if values.dtype.kind in "iub":
        return True
    return bool(values.size) and bool(np.all(values == np.rint(values))) and bool(np.abs(values).max() < 2**20)


def _is_bool(other: Any) -> bool:
    if isinstance(other, SecretArray):
        return other.type == "bool"
    return np.asarray(other).dtype == np.bool_


def _negative(other: Any) -> NDArray[Any]:
    """A public operand negated: as signed numbers, since unsigned ones would wrap."""
    values = np.asarray(other)
    _finite(values)
    if values.dtype.kind in "ub":
        encode(values, 0)
        values = values.astype(np.int64)
    return -values


def _finite(values: NDArray[Any]) -> None:
    if values.dtype.kind not in "iubf":
        raise ShapeError(
            f"a public operand of type {values.dtype} does not mix with secrets (of a private column, reduce the rows "
            "first, or say `share()`)"
        )
    if values.dtype.kind == "f" and not bool(np.all(np.isfinite(values))):
        raise RangeError("a public operand is infinite or NaN")


def _too_wide(bound: int, capacity: int, *values: SecretArray) -> NoReturn:
    raise RangeError(
        f"the result from {' and '.join(map(repr, values))} could need {width_of(bound)} bits, and the ring holds "
        f"{capacity}: narrow the schema's ranges, "
        "rescale, use `clamped`, or state `x.within(limit)`, an assumption that the computation checks"
    )


def _joint(a: SecretArray, b: SecretArray) -> Type:
    return "int" if a.type == b.type == "int" else "fixed"


def _plain(*, of: tuple[SecretArray, SecretArray], **changes: Any) -> dict[str, Any]:
    """Changes for a contraction: masks of its operands fall together to one bit."""
    valid: SecretArray | None = None
    why = ""
    for x in of:
        if x.valid is not None:
            bit = x.valid.all()
            valid = bit if valid is None else valid & bit
            why = why or x.why
    cohorts = _unique(
        tuple(c if c.shape == () else c.reshape(-1)[i] for x in of for c in x.cohorts for i in range(max(c.size, 1)))
    )
    return {**changes, "valid": valid, "why": why, "cohorts": cohorts}


def _aligned(a: SecretArray, b: SecretArray) -> tuple[SecretArray, SecretArray]:
    """Both with the same fraction bits: the finer ones if their sum fits, else as many as fit."""
    if a.frac == b.frac:
        return a, b
    capacity = a.run.engine.capacity
    coarse, fine = (a, b) if a.frac < b.frac else (b, a)
    up = min(fine.frac - coarse.frac, capacity - 1 - max(width_of(coarse.bound), 1))
    frac = coarse.frac + max(up, 0)
    return a.cut(frac), b.cut(frac)


def _broadcast(a: SecretArray, b: SecretArray) -> tuple[SecretArray, SecretArray]:
    shape = _common_shape(a.shape, b.shape)
    return a.broadcast_to(shape), b.broadcast_to(shape)


def _common_shape(a: Shape, b: Shape) -> Shape:
    if a == b:
        return a
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise ShapeError(f"shapes {a} and {b} do not fit") from None


def _fitting(a: SecretArray, b: SecretArray, terms: int = 1) -> tuple[SecretArray, SecretArray]:
    """Operands cut so that a product (a sum of `terms` products) fits; integers are never cut."""
    capacity = a.run.engine.capacity
    room = capacity - (max(terms, 1) - 1).bit_length()
    a, b = a.numeric(), b.numeric()
    if width_of(a.bound) + width_of(b.bound) <= room:
        return a, b
    if a.type == "int" and b.type == "int":
        _too_wide(a.bound * b.bound * terms, capacity, a, b)
    # The wider one is cut down to the other's width, then both alike.
    if a.type == "int" or b.type == "int":
        whole = width_of(a.bound if a.type == "int" else b.bound)
        target = room - whole
    else:
        target = max(room // 2, room - min(width_of(a.bound), width_of(b.bound)))
    if target < 1:
        _too_wide(a.bound * b.bound * terms, capacity, a, b)
    return _narrowed(a, target), _narrowed(b, target)


def _narrowed(x: SecretArray, width: int) -> SecretArray:
    """A fixed-point number cut so that its bound has at most `width` bits; an integer as it is."""
    if x.type == "int" or width_of(x.bound) <= width:
        return x
    drop = width_of(x.bound) - width
    if width_of((x.bound >> drop) + 1) > width:
        drop += 1  # the cut can round up to the next power of two
    return x.cut(x.frac - drop)


def _cut_for(a: SecretArray, b: SecretArray, bound: int) -> int:
    """How many bits to drop after a product: none between integers."""
    if a.type == "int" and b.type == "int":
        return 0
    return min(width_of(bound) - WIDTH, a.run.engine.capacity)


def _all_valid(xs: tuple[SecretArray, ...], shape: Shape) -> tuple[SecretArray | None, str]:
    """The conjunction of the operands' masks, in the result's shape (or one bit)."""
    joint: SecretArray | None = None
    why = ""
    for x in xs:
        valid = x.valid
        if valid is None or valid is joint:
            continue
        if valid.shape not in ((), shape):
            valid = valid.broadcast_to(shape)
        joint = valid if joint is None else joint & valid
        why = why or x.why
    return joint, why


def _unique(cohorts: tuple[SecretArray, ...]) -> tuple[SecretArray, ...]:
    seen: dict[int, SecretArray] = {id(c): c for c in cohorts}
    return tuple(seen.values())


def _union(*xs: SecretArray) -> tuple[SecretArray, ...]:
    return _unique(tuple(c for x in xs for c in x.cohorts))
