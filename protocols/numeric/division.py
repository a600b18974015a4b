"""Reciprocals and division.

Normalised reciprocals come from a table; general division normalises both operands first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from mpc.errors import RangeError
from mpc.values.fixed import WIDTH, width_of
from mpc.values.inherited import kept
from mpc.values.secret import SecretArray, concatenate, where
from mpc.values.stated import Stated
from protocols.numeric.normalize import Exponent, F, by_count, leading_bit, powers_below
from protocols.numeric.tables import Pieces, tabulated

#: Fraction bits of normalised quotients.
_G = 30
#: 1/c at 31/32 c, for c in [1/2, 1]: 62 pieces, so that a table of 64 is enough.
_RECIPROCAL = Pieces(lambda c: Decimal(31) / (32 * c), Decimal(31) / 64, Decimal(31) / 32, 7)
#: Bits of a quotient's bound; bits of both operands together in a division with a single mantissa.
_WIDE, _NARROW = 60, 57
#: Fraction bits of a wide dividend's mantissa; bits of the largest valid wide quotient.
_FINE, _TOP = 31, _WIDE - 2
#: Most places by which normalised quotients are shifted to the left; to the right, where all of their bits are lost.
_ROOM, _DOWN = _TOP - _G, _G + 1
#: Where the result does not hold all wide quotients: fraction bits; bits of the quotient of the bounds above the last
#: place; bits of the range above that quotient; fewest fraction bits, and fewest bits of the range.
_DIGITS, _BELOW, _ABOVE, _LEAST = 28, 16, 4, 10


def reciprocal(c: SecretArray) -> SecretArray:
    """1/c for c in [1/2, 1], with F = 28 fraction bits, in [1, 2].

    Rounds    3
    Error     relative 2^-26
    """
    c = c.cut(F)  # of a factor that rounding moved above 1, the bound says by how much
    scaled = c.invoke("scale", by=np.asarray(31, np.int64), result=Stated(bound=31 * c.bound, frac=F + 5))
    return tabulated(scaled, _RECIPROCAL, frac=F, bound=(2 << F) + (1 << 4))


class Normal(NamedTuple):
    """A value as sign, mantissa in [1/2, 1) (0 for 0), and leading bit."""

    negative: SecretArray
    mantissa: SecretArray
    exponent: Exponent


def normal(x: SecretArray, frac: int = F) -> Normal:
    """Sign, mantissa and exponent of raw values; only the cut to `frac` fraction bits is not exact. Rounds about 25."""
    negative = x < 0
    size = where(negative, -x, x)
    width = int(size.bound).bit_length()
    exponent = leading_bit(size, width)
    mantissa = size.times(exponent.table([1 << (width - 1 - j) for j in range(width)]), bound=(1 << width) - 1)
    mantissa = mantissa.rescaled(width).cut(frac, bound=1 << frac)
    return Normal(negative, mantissa, exponent)


def divide(a: SecretArray, b: SecretArray) -> SecretArray:
    """a / b elementwise for secret b, positive or negative.

    Narrow    a is a fixed-point number, and both operands have at most 29 bits, and 57 together: measurements
    Wide      all other operands, such as sums of rows. `scale_of` gives the fraction bits of the result and, where it
              does not hold all quotients, its range: 28 bits and 2^30 for operands of similar bounds
    Domain    b = 0 clears `valid`, and so does a quotient at or beyond the end of the range (up to 2^-26 of it); the
              reason says so
    Error     2^-25 of a / b (2^-24 where cuts are off by three to five places: shamir with a threshold above 3), and
              narrow: a quarter of a's last place, over |b|, and three last places of the result;
              wide: a cut of the result by the engine
    Bound     the largest possible quotient, or the end of the range. A product is cut by the bounds of its factors, so
              say `within` before the quotient is multiplied
    Raises    RangeError for wide operands of too different bounds: see `scale_of`
    Rounds    about 27 (narrow), 40 (wide)
    """
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = a.numeric().broadcast_to(shape), b.numeric().broadcast_to(shape)
    widths = width_of(a.bound), width_of(b.bound)
    why = "division by zero"
    if a.type == "fixed" and max(widths) <= WIDTH and sum(widths) <= _NARROW:
        quotient, valid = _narrow(a.bare(), b.bare())
    else:
        scale = scale_of(a, b)
        quotient, valid = _wide(a.bare(), b.bare(), scale)
        if scale.most is not None:
            why = f"division by zero, or a quotient of 2^{scale.most} or more"
    return kept(quotient, a, b).masked(valid, why)


def _narrow(a: SecretArray, b: SecretArray) -> tuple[SecretArray, SecretArray]:
    """a times the reciprocal of b's mantissa, exact up to a single cut; and whether b is not 0.

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
    mantissa = mantissa.rescaled(width).cut(F, bound=1 << F)
    nonzero = ~(~reached[0] & ~negative)
    mantissa = (mantissa + (~nonzero).numeric() * 0.75).bounded(1 << F)
    spare = _WIDE - 1 - width_of(a.bound) - width
    quotient = a.product(reciprocal(mantissa), a.frac + spare, limit=2.01 * a.limit)
    bound = min(quotient.bound << width, (1 << _WIDE + 1) - 1)
    result = quotient.times(power, bound=bound)
    return result.rescaled(a.frac + spare + width - b.frac), nonzero


class Scale(NamedTuple):
    """What the raw result of a wide division stands for."""

    #: Fraction bits of the result.
    frac: int
    #: The result holds quotients below 2^most; None: all possible quotients.
    most: int | None


def scale_of(a: SecretArray, b: SecretArray) -> Scale:
    """Fraction bits and range of a wide division, by the operands' types, scales and bounds.

    As many fraction bits as leave room for the largest possible quotient, if these are enough: 28, or down to a's last
    place over b's bound. Else 28 fraction bits and a range of 2^30, both moved so that the quotient of the bounds is
    at least 16 bits above the last place and 4 bits below the end of the range. Raises RangeError where that leaves
    fewer than 10 fraction bits or a range below 2^10.
    """
    widths = width_of(a.bound), width_of(b.bound)
    bounds = (widths[0] - a.frac) - (widths[1] - b.frac)  # the bounds' quotient is about 2^bounds
    wanted = min(max(_DIGITS, _BELOW - bounds), _TOP - _ABOVE - bounds)
    whole = _TOP + 1 - widths[0] + a.frac - b.frac
    coarse = a.frac + widths[1] - b.frac if a.type == "fixed" else wanted
    if whole >= min(wanted, coarse) and whole >= min(_LEAST, coarse):
        return Scale(whole, None)
    if not _LEAST <= wanted <= _TOP - _LEAST:
        what = "dividend" if wanted < _LEAST else "divisor"
        raise RangeError(
            f"{a!r} / {b!r}: the bound of the {what} is so large that the quotient would have too few digits; say "
            f"`within(limit)` of the {what}, or scale the rows that it comes from"
        )
    return Scale(wanted, _TOP - wanted)


def _wide(a: SecretArray, b: SecretArray, scale: Scale) -> tuple[SecretArray, SecretArray]:
    """The quotient from both mantissas and the difference of the exponents; and whether it is within the range."""
    x, y = normal(a, _FINE), normal(b)
    divisor = (y.mantissa + y.exponent.is_zero() * 0.5).bounded(1 << F)
    quotient = x.mantissa.product(reciprocal(divisor), _G, limit=2.01)
    # With leading bits at i and j the raw result is quotient * 2^up for up = i - j + first. Bits that are set in the
    # exponent of x, and bits that are not set in that of y, together number i - j + width.
    difference = concatenate([x.exponent.bits, ~y.exponent.bits])
    first = b.frac - a.frac + scale.frac - _G
    ups = [count - y.exponent.width + first for count in range(len(difference) + 1)]
    # A shift to the left is exact. A shift to the right is a shift to the left before a cut. At most one of the two
    # factors is not 0.
    left = by_count(difference, [1 << up if 0 <= up <= _ROOM else 0 for up in ups])
    right = by_count(difference, [1 << up + _DOWN if -_DOWN <= up < 0 else 0 for up in ups])
    right = right.rescaled(_DOWN)
    size = quotient.times(left, bound=quotient.bound << _ROOM)
    size = (size + quotient.product(right, _G, limit=2.01)).bounded((quotient.bound << _ROOM) + a.run.engine.rounding)
    # The quotient of 0 is 0, whatever its cuts gave.
    negative = (x.negative ^ y.negative) & x.exponent.nonzero
    sign = (x.exponent.nonzero ^ negative).numeric() - negative.numeric()
    result = size.times(sign.bounded(1), bound=size.bound)
    result = result.rescaled(scale.frac)
    if scale.most is None:
        return result, y.exponent.nonzero
    # At the largest shift only quotients of mantissas below 1 have room.
    beyond = by_count(difference, [2 * (up > _ROOM) + (up == _ROOM) for up in ups])
    inside = beyond - (x.mantissa < divisor).numeric() - x.exponent.is_zero() * 2 < 1
    return result, y.exponent.nonzero & inside
