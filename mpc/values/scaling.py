"""Products with public real numbers: of measurements, and of wider values, which keep their last place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mpc.values.fixed import WIDTH, encode, finite, frac_for, magnitude, width_of
from mpc.values.operands import common_shape
from mpc.values.public import whole_numbers
from mpc.values.stated import Operand, Stated
from mpc.values.wide_products import halves, is_wide

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray

#: Bits of an integer that has room for a factor of WIDTH bits; of a wide value, and of its products.
_SHORT, _WIDEST = 32, 60
#: Fraction bits of the product of an integer and 1; bits of the digits of a public number.
_FINE, _DIGIT = 28, 28


def scale_public(x: SecretArray, other: Operand) -> SecretArray:
    """x times public numbers.

    By whole numbers below 2^20, or by a power of two that is the same for all elements: exact, local.

    Up to 33 bits (integers: 12): cut to 29 bits of the product's bound. Rounds 2

    Wider: has as many fraction bits as keep x's last place (of integers, 2^-28) times the largest factor, or as give
    the bound 60 bits. Error four cuts, and 2^-52 of the bound. Rounds 4, with five truncations; none for integers up
    to 32 bits, which meet a factor of 28 bits or 29.
    """
    values = np.asarray(other)
    finite(values)
    a = x.broadcast_to(common_shape(x.shape, values.shape))
    if whole_numbers(values):
        raw = encode(values, 0)
        return a.invoke("scale", by=raw, result=Stated(bound=max(a.bound * magnitude(raw), 1)))
    largest = float(np.abs(values).max(initial=0.0))
    if values.size and bool(np.all(values == largest)) and np.frexp(largest)[0] == 0.5:
        return a.rescaled(a.frac - int(np.frexp(largest)[1]) + 1)
    if is_wide(a) and largest and -900 < np.frexp(largest)[1] < 900:
        return _wide(a, values.astype(np.float64), int(np.frexp(largest)[1]))
    frac = frac_for(largest)
    raw = encode(values, frac)
    room = x.run.engine.capacity - width_of(magnitude(raw))
    if width_of(a.bound) > room:
        a = a.cut(a.frac - (width_of(a.bound) - room))
    product = _times(a, raw, frac)
    return product.cut(product.frac - max(width_of(product.bound) - WIDTH, 0))


def exact_multiple(x: SecretArray, by: int) -> SecretArray:
    """A public integer, from 0 up, times raw integers, exactly. Local."""
    return x.invoke("scale", by=np.asarray(by, np.int64), result=Stated(bound=x.bound * by))


def _wide(a: SecretArray, values: NDArray[np.float64], exponent: int) -> SecretArray:
    """a times numbers of magnitude below 2^exponent, the largest of them at least 2^(exponent - 1)."""
    width = width_of(a.bound)
    if width > _WIDEST:
        a = a.cut(a.frac - (width - _WIDEST))
        width = width_of(a.bound)
    fine = _FINE if a.type == "int" else a.frac
    frac = min(fine + 1, _WIDEST - width + a.frac) - exponent
    if width <= _SHORT:
        digits = min(WIDTH, frac - a.frac + exponent)
        raw = np.asarray(np.rint(np.ldexp(values, digits - exponent)), np.int64)
        return _times(a, raw, digits - exponent)
    # Both in two digits: a = high + low and values = (first + second / 2^_DIGIT) 2^(exponent - _DIGIT).
    parts_of_a = halves(a)
    scaled = np.ldexp(values, _DIGIT - exponent)
    rounded = np.rint(scaled)
    first = np.asarray(rounded, np.int64)
    second = np.asarray(np.rint((scaled - rounded) * 2.0**_DIGIT), np.int64)
    parts = [_times(digit, first, _DIGIT - exponent).cut(frac) for digit in parts_of_a]
    parts += [_times(digit, second, 2 * _DIGIT - exponent).cut(frac) for digit in parts_of_a]
    product = parts[0] + parts[1] + parts[2] + parts[3]
    # The exact product, four cuts, and what is left of the factors after two digits.
    over, under = float(np.abs(values).max()).as_integer_ratio()
    places = frac - a.frac
    most = over * a.bound * (1 << max(places, 0)) // (under << max(-places, 0))
    return product.bounded(most + (most >> 52) + 4 * a.run.engine.rounding + 2)


def _times(a: SecretArray, raw: NDArray[np.int64], frac: int) -> SecretArray:
    """The exact product with raw integers of `frac` fraction bits."""
    stated = Stated(bound=max(a.bound * magnitude(raw), 1), frac=a.frac + frac, type="fixed")
    return a.invoke("scale", by=raw, result=stated)
