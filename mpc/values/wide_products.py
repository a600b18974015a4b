"""Products of wide secrets, such as sums of rows and quotients: by digits, so that they keep twice as many bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpc.errors import RangeError
from mpc.values.fixed import MAX_FRAC, WIDTH, width_of
from mpc.values.inherited import kept

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray

#: Bits of the widest fixed-point number and integer that products cut to WIDTH bits are for.
NARROW, SMALL = 33, 12
#: Bits of the largest product; of an operand that needs no second digit; fewest fraction bits of a product.
_WIDEST, _SINGLE, _LEAST = 58, 30, 10


def is_wide(x: SecretArray) -> bool:
    """Whether a number has more bits than measurements or labels, so that a product of 29 bits would lose digits."""
    return width_of(x.bound) > (SMALL if x.type == "int" else NARROW)


def wide_product(a: SecretArray, b: SecretArray) -> SecretArray:
    """`precise_product`. Raises RangeError where the bounds leave it fewer than 10 fraction bits."""
    fine_enough("*", _frac(a, b), a, b)
    return precise_product(a, b)


def fine_enough(sign: str, frac: int, a: SecretArray, b: SecretArray) -> None:
    """Raise RangeError where a product of which a factor is wide would have fewer than 10 fraction bits."""
    if frac < _LEAST and (is_wide(a) or is_wide(b)):
        raise RangeError(
            f"{a!r} {sign} {b!r}: the bounds are so large that the product would have too few digits; say "
            "`within(limit)` of the operands, or scale the rows that they come from"
        )


def precise_product(a: SecretArray, b: SecretArray) -> SecretArray:
    """The elementwise product of two numbers of one shape, with 58 bits of its bound, or 29 and 40 fraction bits.

    Error     four cuts; and a cut of operands above 60 bits, or above 58, 56, 54 where cuts are off by up to 2, 4, 8
    Rounds    4; a truncation for each operand above 30 bits, and 2 or 4 products for 1 or 2 of them
    """
    frac = _frac(a, b)
    operands = (a, b)
    a, b = _fitting(a.bare()), _fitting(b.bare())
    parts = [x.product(y, frac) for x in _digits(a) for y in _digits(b)]
    product = parts[0]
    for part in parts[1:]:
        product = product + part
    places = a.frac + b.frac - frac
    exact = a.bound * b.bound
    most = (exact >> places if places > 0 else exact << -places) + 1 + len(parts) * a.run.engine.rounding
    return kept(product.bounded(most), *operands)


def _frac(a: SecretArray, b: SecretArray) -> int:
    whole = a.frac + b.frac - width_of(a.bound * b.bound)
    return min(_WIDEST + whole, max(MAX_FRAC, WIDTH + whole))


def _fitting(x: SecretArray) -> SecretArray:
    """x, cut so that the ring holds the exact product of any two digits."""
    most = 60 - 2 * (x.run.engine.rounding - 1).bit_length()
    return x.cut(x.frac - max(width_of(x.bound) - most, 0))


def _digits(x: SecretArray) -> list[SecretArray]:
    return [x] if width_of(x.bound) <= _SINGLE else halves(x)


def halves(x: SecretArray) -> list[SecretArray]:
    """Two numbers of about half the bits that add up to x. Rounds: a cut."""
    half = width_of(x.bound) // 2
    high = x.cut(x.frac - half)
    # A cut is off by at most `rounding` of its last places, so x - high is at most rounding * 2^half.
    return [high, (x - high.shifted(x.frac)).bounded(x.run.engine.rounding << half)]
