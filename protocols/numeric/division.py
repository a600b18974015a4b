"""Reciprocals and division.

Normalised reciprocals come from a table; general division normalises both operands first.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from mpc.fixed import WIDTH, width_of
from mpc.secret import SecretArray, stack, where
from protocols.numeric.normalize import Exponent, F, leading_bit, powers_below
from protocols.numeric.tables import Pieces, tabulated

#: Fraction bits of normalised quotients.
_G = 30
#: 1/c at 31/32 c, for c in [1/2, 1]: 62 pieces, so that a table of 64 is enough.
_RECIPROCAL = Pieces(lambda c: Decimal(31) / (32 * c), Decimal(31) / 64, Decimal(31) / 32, 7)
#: Bits of a quotient's bound; and of both operands of a division that needs one mantissa only.
_WIDE, _NARROW = 60, 57


def reciprocal(c: SecretArray) -> SecretArray:
    """1/c for c in [1/2, 1], with F = 28 fraction bits, in [1, 2].

    Rounds    3
    Error     relative 2^-26
    """
    scaled = c.cut(F)._op("scale", by=np.asarray(31, np.int64), changes={"frac": F + 5, "bound": 31 << F})
    return tabulated(scaled, _RECIPROCAL, frac=F, bound=(2 << F) + (1 << 4))


class Normal(NamedTuple):
    """A value as sign, mantissa in [1/2, 1) with F fraction bits (0 for 0), and leading bit."""

    negative: SecretArray
    mantissa: SecretArray
    exponent: Exponent


def normal(x: SecretArray) -> Normal:
    """Sign, mantissa and exponent of raw values, exactly but for the cut to F fraction bits. Rounds about 25."""
    negative = x < 0
    size = where(negative, -x, x)
    width = int(size.bound).bit_length()
    exponent = leading_bit(size, width)
    mantissa = size.times(exponent.table([1 << (width - 1 - j) for j in range(width)]), bound=(1 << width) - 1)
    mantissa = mantissa._new(mantissa.handle, frac=width, type="fixed").cut(F, bound=1 << F)
    return Normal(negative, mantissa, exponent)


def divide(a: SecretArray, b: SecretArray) -> SecretArray:
    """a / b elementwise for secret b, positive or negative.

    Domain    b = 0 clears `valid`; every other b and every a is divided
    Error     relative 2^-25 of a / b, and
              where a is a fixed-point number and both have 29 bits at most, and 57 together, as measurements have: a
              quarter of a unit in a's last place, over |b|
              else: three units in the result's last place, which has 60 bits for the largest quotient there could be,
              |a|'s bound over one unit in b's last place
    Bound     that largest quotient; say `within` before the quotient is multiplied, which cuts it by its bound
    Rounds    about 27 for the former, 45 for the latter
    """
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = a.numeric().broadcast_to(shape), b.numeric().broadcast_to(shape)
    widths = width_of(a.bound), width_of(b.bound)
    narrow = a.type == "fixed" and max(widths) <= WIDTH and sum(widths) <= _NARROW
    quotient, nonzero = (_narrow if narrow else _wide)(a.bare(), b.bare())
    for operand in (a, b):
        if operand.valid is not None:
            quotient = quotient.masked(operand.valid, operand.why)
    return quotient.masked(nonzero, "division by zero").about(*a.cohorts, *b.cohorts)


def _narrow(a: SecretArray, b: SecretArray) -> tuple[SecretArray, SecretArray]:
    """The quotient by a times the reciprocal of b's mantissa, exactly but for one cut, and whether b is not 0.

    With 2^c >= |b| > 2^(c-1), c is the number of bits that reach the leading one of |b| - 1 (or of b, if positive), and
    b 2^(w-c) is a mantissa in [1/2, 1] times 2^w, with the sign of b, which 2^(w-c) then takes over.
    """
    run, width = b.run, width_of(b.bound)
    words = run.schedule("decompose", b.handle, width=width + 1)
    negative = SecretArray(run, run.schedule("unpack", words), type="bool")[width]
    prefixes = run.schedule("prefix_or", run.schedule("magnitude", words))
    reached = SecretArray(run, run.schedule("unpack", prefixes), type="bool")
    power = powers_below(reached, width)
    power = where(negative, -power, power)
    mantissa = b.times(power, bound=1 << width)
    mantissa = mantissa._new(mantissa.handle, frac=width, type="fixed").cut(F, bound=1 << F)
    nonzero = ~(~reached[0] & ~negative)
    mantissa = (mantissa + (~nonzero).numeric() * 0.75).bounded(1 << F)
    spare = _WIDE - 1 - width_of(a.bound) - width
    quotient = a.product(reciprocal(mantissa), a.frac + spare, limit=2.01 * a.limit)
    bound = min(quotient.bound << width, (1 << _WIDE + 1) - 1)
    result = quotient.times(power, bound=bound)
    return result._new(result.handle, frac=a.frac + spare + width - b.frac, type="fixed"), nonzero


def _wide(a: SecretArray, b: SecretArray) -> tuple[SecretArray, SecretArray]:
    """The quotient by both mantissas and the difference of the exponents, and whether b is not 0."""
    x, y = normal(a), normal(b)
    divisor = (y.mantissa + y.exponent.is_zero() * 0.5).bounded(1 << F)
    quotient = x.mantissa.product(reciprocal(divisor), _G, limit=2.01)
    # |a / b| = quotient * 2^(i - j) in units of last places, i and j being the leading bits' positions.
    most = x.exponent.width - 1
    down = 1 << (_WIDE - 2 - _G)
    size = quotient.times(x.exponent.table([down >> (most - i) for i in range(most + 1)]), bound=1 << (_WIDE - 1))
    if most > _WIDE - 2 - _G:
        deep = range(most - (_WIDE - 2 - _G))
        size = size + _shifted_right(quotient, x.exponent, [most - i - (_WIDE - 2 - _G) for i in deep])
        size = size.bounded(1 << (_WIDE - 1))
    size = _shifted_right(size, y.exponent, range(y.exponent.width))
    result = where(x.negative ^ y.negative, -size, size)
    result = result._new(result.handle, frac=_WIDE - 2 - most + a.frac - b.frac, type="fixed")
    return result, y.exponent.nonzero


def _shifted_right(x: SecretArray, exponent: Exponent, by: Sequence[int]) -> SecretArray:
    """x / 2^by[leading bit], floor or floor + 1, and 0 for positions that `by` does not have."""
    candidates = stack([_scaled(x.cut(x.frac - places), x.frac) for places in by])
    chosen = candidates.times(exponent.one_hot()[: len(by)], bound=x.bound + 1)
    # At most one of them is not 0, so that the sum is no larger than it.
    return chosen._op("sum", axis=0, changes={"bound": x.bound + 1})


def _scaled(x: SecretArray, frac: int) -> SecretArray:
    return x._new(x.handle, frac=frac, type="fixed")
