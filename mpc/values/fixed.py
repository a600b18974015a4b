"""Fixed-point encoding: real numbers as integers with a public number of fraction bits and a public bound.

A value with `frac` fraction bits stands for raw / 2^frac; `frac` may be negative. A *bound* is the largest
magnitude of the raw integer. A product is cut so that its bound has WIDTH bits, unless a protocol says otherwise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpc.errors import RangeError, ShapeError
from mpc.machine.engine import Integers
from mpc.suggestions import wrong

#: Significant bits of a value's bound after a product.
WIDTH = 29
#: Most fraction bits that a value gets unless a protocol asks for more.
MAX_FRAC = 40


def width_of(bound: int) -> int:
    """Bits that hold 0..bound."""
    return int(bound).bit_length()


def frac_for(limit: float, width: int = WIDTH) -> int:
    """Fraction bits of a value with |value| <= limit so that its bound has `width` bits."""
    if limit <= 0:
        return MAX_FRAC
    exponent = math.frexp(limit)[1]  # limit <= 2^exponent
    return min(MAX_FRAC, width - 1 - exponent)


def finite(values: NDArray[Any]) -> None:
    """Raise ShapeError unless the values are numbers, and RangeError for an infinite value or a NaN."""
    if values.dtype.kind not in "iubf":
        raise ShapeError(
            f"a public operand of type {values.dtype} does not mix with secrets (of a private column, reduce the rows "
            f"first, or say `share()`){wrong(*values.reshape(-1))}"
        )
    if values.dtype.kind == "f" and not bool(np.all(np.isfinite(values))):
        raise RangeError("a public operand is infinite or NaN")


def encode(values: ArrayLike, frac: int, what: str = "value") -> Integers:
    """Round to the nearest multiple of 2^-frac. Raises RangeError beyond 62 bits or for NaN and infinities."""
    array = np.asarray(values)
    if array.dtype.kind in "iub" and frac >= 0:
        limit = 1 << max(62 - frac, 0)
        if array.size and not -limit < int(array.min()) <= int(array.max()) < limit:
            raise _no_room(what, frac)
        return np.asarray(array.astype(np.int64) << min(frac, 62), np.int64)
    with np.errstate(over="ignore"):
        scaled = np.ldexp(array.astype(np.float64), frac)
    if not bool(np.all(np.abs(scaled) < 2.0**62)):
        raise _no_room(what, frac)
    return np.asarray(np.rint(scaled), np.int64)


def _no_room(what: str, frac: int) -> RangeError:
    return RangeError(f"a public {what} does not fit: {frac} fraction bits leave room for less than 2^{62 - frac}")


def decode(raw: Integers, frac: int) -> NDArray[np.float64]:
    """The real numbers that raw integers stand for."""
    return np.ldexp(raw.astype(np.float64), -frac)


def magnitude(raw: Integers) -> int:
    """Largest absolute value, as a Python integer."""
    return max(int(raw.max()), -int(raw.min())) if raw.size else 0
