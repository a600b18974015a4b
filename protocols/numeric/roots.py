"""Square roots and inverse square roots, from an argument normalised by an even power of two."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from mpc.values.inherited import kept
from mpc.values.secret import SecretArray
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.tables import Pieces, tabulated

_ROOT = Pieces(Decimal.sqrt, Decimal("0.25"), Decimal(1), 7)
_INVERSE = Pieces(lambda c: 1 / c.sqrt(), Decimal("0.25"), Decimal(1), 8)


class Roots(NamedTuple):
    """sqrt(c) and 1/sqrt(c), with F fraction bits."""

    root: SecretArray
    inverse: SecretArray


def roots(c: SecretArray) -> Roots:
    """sqrt(c) in [1/2, 1] and 1/sqrt(c) in [1, 2] for c in [1/4, 1], with F = 28 fraction bits.

    Rounds    3
    Error     relative 2^-26
    """
    return Roots(root(c), inverse_root(c))


def root(c: SecretArray) -> SecretArray:
    """sqrt(c) for c in [1/4, 1]: see `roots`."""
    return tabulated(c.cut(F), _ROOT, frac=F, bound=(1 << F) + (1 << 4))


def inverse_root(c: SecretArray) -> SecretArray:
    """1/sqrt(c) for c in [1/4, 1]: see `roots`."""
    return tabulated(c.cut(F), _INVERSE, frac=F, bound=(1 << (F + 1)) + (1 << 5))


def even_exponent(width: int) -> tuple[list[int], list[int]]:
    """For each leading-bit position j < width: a with x * 4^a in [4^t / 4, 4^t), where 4^t >= 2^width; and t - a."""
    top = (width + 1) // 2
    shifts = [top - (j // 2 + 1) for j in range(width)]
    return shifts, [top - a for a in shifts]


def sqrt(x: SecretArray) -> SecretArray:
    """Square root, elementwise; negative arguments clear `valid`.

    Error     relative 2^-25; an argument of 61 bits with an odd number of fraction bits is cut by a bit first
    Bound     the result has 28 fraction bits more than the root of its argument's last place: up to 60 bits. Say
              `within` before it is multiplied, if a smaller limit is known
    Rounds    about 25
    """
    x = x.numeric()
    given = x
    if x.frac % 2:
        x = x.cut(x.frac - 1) if int(x.bound).bit_length() > 60 else x.shifted(x.frac + 1)
    raw = x.bare()
    width = int(raw.bound).bit_length()
    shifts, back = even_exponent(width)
    top = (width + 1) // 2
    exponent = leading_bit(raw, width, signed=True)
    # The table gives 0 for an argument without a root; c is 1 there.
    c = raw.times(exponent.table([1 << (2 * a) for a in shifts]), bound=(1 << (2 * top)) - 1)
    c = c.rescaled(2 * top).cut(F, bound=1 << F) + exponent.is_zero()
    normal = root(c.bounded(1 << F))
    # sqrt(raw) = normal * 2^(top - a); zero gives 0 through the table.
    result = normal.times(exponent.table([1 << t for t in back]), bound=int(1.01 * 2 ** (F + top)))
    result = result.rescaled(F + x.frac // 2)
    assert exponent.negative is not None
    return kept(result, given).masked(~exponent.negative, "root of a negative number")
