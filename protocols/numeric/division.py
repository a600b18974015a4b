"""Reciprocals and division.

Normalised reciprocals start from a quadratic and take Newton steps; general division normalises its divisor first.
"""

from __future__ import annotations

from mpc.secret import SecretArray, where
from protocols.numeric.normalize import F, leading_bit


def reciprocal(c: SecretArray) -> SecretArray:
    """1/c for c in [1/2, 1], with F = 28 fraction bits, in [1, 2].

    Rounds    2 + 3 * 4
    Error     relative 2^-26
    Source    Newton iteration w <- w(2 - cw) from a minimax quadratic (relative error 2^-6.6)
    """
    c = c.cut(F)
    w = (c.product(c, F, limit=1.01) * 2.5858588317).cut(F) + c * -5.8181830706 + 4.2424250727
    w = w.cut(F).bounded(int(2.25 * 2**F))
    for _ in range(3):
        step = 2 - c.product(w, F, limit=2.25)
        w = w.product(step.bounded(int(1.25 * 2**F)), F, limit=2.25)
    return w


def divide(a: SecretArray, b: SecretArray) -> SecretArray:
    """a / b elementwise for secret b, positive or negative.

    Domain    |b| at least one unit in its last place; b = 0 clears `valid`. The result's bound is |a| over that unit,
              so say `within` on the result, or scale b, where the quotient is known to be smaller.
    Error     relative 2^-24 of a / b plus the units in the last place of a and of the result
    Raises    RangeError where a / b could exceed the ring (narrow b's range, or cut it)
    Rounds    about 45
    """
    a, b = a.numeric(), b.numeric()
    if int(b.bound).bit_length() > F:
        b = b.cut(b.frac - (int(b.bound).bit_length() - F) - 1)
    if int(a.bound).bit_length() > F:
        a = a.cut(a.frac - (int(a.bound).bit_length() - F) - 1)
    negative = b.without_mask() < 0
    size = where(negative, -b.without_mask(), b.without_mask())
    width = int(size.bound).bit_length()
    exponent = leading_bit(size, width)
    power = exponent.table([1 << (width - 1 - j) for j in range(width)])
    # size * power lies in [2^(width-1), 2^width): a fraction in [1/2, 1) with `width` fraction bits.
    c = size.times(power, bound=1 << width)
    c = c._new(c.handle, frac=width, type="fixed").cut(F) + exponent.is_zero() * 0.5
    # 1/size = (1/c) * power / 2^width; the quotient a * power fits, and its cut keeps F bits of its bound.
    w = reciprocal(c.bounded(2**F))
    quotient = a.times(power)
    quotient = quotient._new(quotient.handle, frac=quotient.frac + width - b.frac, type="fixed")
    result = quotient * w
    result = where(negative, -result, result)
    valid = exponent.nonzero
    masked = result.masked(valid, "division by zero")
    if b.valid is not None:
        masked = masked.masked(b.valid, b.why)
    return masked.about(*a.cohorts, *b.cohorts)
