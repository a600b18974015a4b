"""Powers with public exponents."""

from __future__ import annotations

from math import isfinite

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.values.secret import SecretArray, constant, where
from mpc.values.stated import Operand
from mpc.values.wide_products import is_wide, precise_product
from protocols.numeric.division import divide
from protocols.numeric.exponential import exp, log
from protocols.numeric.modular import remainder
from protocols.numeric.roots import sqrt


def power(x: SecretArray, exponent: float) -> SecretArray:
    """x ** exponent, elementwise, for a public exponent p.

    0, 1, 2, ...    all x, and 0 ** 0 is 1; integers stay exact. Error p * 2^-26 * L^p for the bound L, since each
                    product is cut to 29 bits of its bound (58 for x of more than 33 bits)
    1/2, -1/2, -1   by `sqrt` and `divide`, with their errors
    other p         e^(p log |x|): the error of `exp`, and max(1, |p|) * 2^-20 of the result. A result above e^20
                    clears `valid`
    Range           x = 0 clears `valid` unless p is 1/2 or 0, 1, 2, ...; x < 0 does unless p is a whole number
    Raises          RangeError where an integer power could exceed the ring, or for an exponent beyond 1024
    Rounds          2 for each squaring and product; those of a root or a quotient; else those of `log` and `exp`
    """
    if isinstance(exponent, SecretArray) or np.ndim(exponent):
        raise ShapeError(f"power: the exponent is {exponent!r}; one public number for all elements is wanted")
    p = float(exponent)
    if not isfinite(p) or abs(p) > 1024:
        raise RangeError(f"power {exponent!r}: an exponent is a number from -1024 to 1024")
    x = x.numeric()
    if p >= 0 and p.is_integer():
        return _whole(x, int(p))
    if p in (-1.0, -0.5, 0.5):
        base = x if p > 0 else divide(constant(x.run, 1.0), x)
        return base if p == -1 else sqrt(base)
    if not p.is_integer():
        return exp(log(x) * p)
    negative = x.bare() < 0
    size = exp(log(where(negative, -x, x)) * p)
    return where(negative, -size, size) if p % 2 else size


def power_modulo(x: SecretArray, exponent: int, modulus: Operand) -> SecretArray:
    """x ** exponent % modulus for whole numbers and a public exponent from 0 up: Python's `pow` with three arguments.

    Modulus   as the divisor of `remainder`; up to 1.5e9, so that products of two remainders are below 2^61
    Rounds    a product and a remainder for each bit of the exponent, and for each that is set
    Raises    RangeError for a negative exponent, and where products exceed the ring; ShapeError for measurements
    """
    if isinstance(exponent, SecretArray) or np.ndim(exponent) or exponent != int(exponent):
        raise ShapeError(f"pow: the exponent is {exponent!r}; one public whole number is wanted")
    if exponent < 0:
        raise RangeError(f"pow: the exponent {exponent} is negative")
    base = remainder(x, modulus)
    if exponent == 0:
        return remainder(base * 0 + 1, modulus)
    result = base
    for bit in bin(int(exponent))[3:]:
        result = remainder(result * result, modulus)
        if bit == "1":
            result = remainder(result * base, modulus)
    return result


def _whole(x: SecretArray, exponent: int) -> SecretArray:
    """By squaring, from the highest bit of the exponent down."""
    if exponent == 0:
        return x * 0 + 1
    result = x
    for bit in bin(exponent)[3:]:
        result = _product(result, result)
        if bit == "1":
            result = _product(result, x)
    return result


def _product(a: SecretArray, b: SecretArray) -> SecretArray:
    """a * b; of wide values with the error that their bounds give it, where `*` would refuse it."""
    wide = "fixed" in (a.type, b.type) and (is_wide(a) or is_wide(b))
    return precise_product(a, b) if wide else a * b
