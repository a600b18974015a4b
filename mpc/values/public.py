"""Public operands: checked, encoded, made secrets and added to secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError, ShapeError
from mpc.suggestions import wrong

# secret.py takes its methods from here, so the class is looked up when it is used.
from mpc.values import secret
from mpc.values.basis import PUBLIC
from mpc.values.fixed import encode, frac_for, magnitude
from mpc.values.operands import common_shape
from mpc.values.stated import Stated

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime
    from mpc.values.secret import SecretArray


def constant(run: Runtime, values: Any, *, frac: int | None = None) -> SecretArray:
    """Public values as a secret: bools, integers, or reals with `frac` fraction bits (default: by their size)."""
    array = np.asarray(values)
    if array.dtype == np.bool_:
        handle = run.schedule("constant_bits", values=array.astype(np.uint64), width=1)
        return secret.SecretArray(run, handle, type="bool", basis=PUBLIC)
    finite(array)
    if array.dtype.kind in "iu" and frac is None:
        raw = encode(array, 0)
        handle = run.schedule("constant", values=raw)
        return secret.SecretArray(run, handle, type="int", bound=max(magnitude(raw), 1), basis=PUBLIC)
    bits = frac_for(float(np.abs(array).max(initial=0.0))) if frac is None else frac
    raw = encode(array, bits)
    handle = run.schedule("constant", values=raw)
    return secret.SecretArray(run, handle, type="fixed", frac=bits, bound=max(magnitude(raw), 1), basis=PUBLIC)


def constant_like(run: Runtime, values: Any, other: SecretArray) -> SecretArray:
    """Public values as a secret, encoded as `other` is where that is a fixed-point number."""
    array = np.asarray(values)
    if other.type != "fixed" or array.dtype == np.bool_:
        return constant(run, array)
    finite(array)
    largest = float(np.abs(array.astype(np.float64)).max(initial=0.0))
    room = run.engine.capacity - 1 - int(np.frexp(largest)[1])
    return constant(run, array, frac=min(other.frac, room))


def alike(run: Runtime, a: Any, b: Any) -> tuple[SecretArray, SecretArray]:
    """Both secret; a public one is encoded as the other is, where that is a fixed-point number."""
    if not isinstance(a, secret.SecretArray):
        a = constant_like(run, a, b) if isinstance(b, secret.SecretArray) else constant(run, a)
    if not isinstance(b, secret.SecretArray):
        b = constant_like(run, b, a)
    return a, b


def finite(values: NDArray[Any]) -> None:
    """Raise ShapeError unless the values are numbers, RangeError where one is infinite or NaN."""
    if values.dtype.kind not in "iubf":
        raise ShapeError(
            f"a public operand of type {values.dtype} does not mix with secrets (of a private column, reduce the rows "
            f"first, or say `share()`){wrong(*values.reshape(-1))}"
        )
    if values.dtype.kind == "f" and not bool(np.all(np.isfinite(values))):
        raise RangeError("a public operand is infinite or NaN")


def whole_numbers(values: NDArray[Any]) -> bool:
    """Whether public factors are small integers, so that the product with them is exact."""
    if values.dtype.kind in "iub":
        return True
    return bool(values.size) and bool(np.all(values == np.rint(values))) and bool(np.abs(values).max() < 2**20)


def is_bool(other: Any) -> bool:
    """Whether an operand, secret or public, is of bools."""
    if isinstance(other, secret.SecretArray):
        return other.type == "bool"
    return np.asarray(other).dtype == np.bool_


def negative(other: Any) -> NDArray[Any]:
    """A public operand negated: as signed numbers, since unsigned ones would wrap."""
    values = np.asarray(other)
    finite(values)
    if values.dtype.kind in "ub":
        encode(values, 0)
        values = values.astype(np.int64)
    return -values


def add_public(x: SecretArray, other: Any) -> SecretArray:
    """x + public numbers. Local, unless the scale of x is too fine for them."""
    return plus(*with_public(x, other))


def with_public(x: SecretArray, other: Any) -> tuple[SecretArray, NDArray[np.int64]]:
    """x and a public operand of a sum with it, as raw integers, on one scale."""
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
