"""Square roots and inverse square roots, from an argument normalised by an even power of two."""

from __future__ import annotations

from typing import NamedTuple

from mpc.secret import SecretArray, where
from protocols.numeric.normalize import F, leading_bit

#: Fraction bits inside the iteration.
_G = 30


class Roots(NamedTuple):
    """sqrt(c) and 1/sqrt(c), with F fraction bits."""

    root: SecretArray
    inverse: SecretArray


def roots(c: SecretArray) -> Roots:
    """sqrt(c) in [1/2, 1] and 1/sqrt(c) in [1, 2] for c in [1/4, 1], with F = 28 fraction bits.

    Rounds    16
    Error     relative 2^-26
    Source    Goldschmidt's coupled iteration (Markstein, RNC 2004): with x near sqrt(c) and h near 1/(2 sqrt(c)), both
              are multiplied by 1 + r, r = 1/2 - x h. From a line with relative error 0.093; the third and last step is
              of third order, 1 + r + 3/2 r^2
    """
    c = c.cut(F)
    line = c * -5
    line = line._new(line.handle, frac=F + 2, type="fixed") + 2.158  # 2.158 - 1.25 c, exactly
    x = c.product(line.bounded(int(1.9 * 2 ** (F + 2))), _G, limit=1.1).bounded(int(1.1 * 2**_G))
    h = line._new(line.handle, frac=_G + 1, bound=int(1.1 * 2 ** (_G + 1)))
    for _ in range(2):
        r = _residual(x, h)
        x = (x + x.product(r, _G, limit=0.15)).bounded(int(1.1 * 2**_G))
        h = (h + h.product(r, _G + 1, limit=0.15)).bounded(int(1.1 * 2 ** (_G + 1)))
    r = _residual(x, h)  # within 2^-11
    square = (r * 3).product(r, _G - 1, limit=2.0**-12)
    step = (r + square._new(square.handle, frac=_G) + 1).bounded((1 << _G) + (1 << (_G - 10)))
    root = x.product(step, F, limit=1.01).bounded((1 << F) + (1 << 4))
    inverse = h.product(step, F + 1, limit=1.01)
    return Roots(root, inverse._new(inverse.handle, frac=F, bound=(1 << (F + 1)) + (1 << 5)))


def _residual(x: SecretArray, h: SecretArray) -> SecretArray:
    """1/2 - x h for x h within 0.1 of 1/2."""
    return (0.5 - x.product(h, _G, limit=0.65)).bounded(int(0.12 * 2**_G))


def inverse_root(c: SecretArray) -> SecretArray:
    """1/sqrt(c) for c in [1/4, 1]: see `roots`."""
    return roots(c).inverse


def even_exponent(width: int) -> tuple[list[int], list[int]]:
    """For each leading-bit position j < width: a with x * 4^a in [4^t / 4, 4^t), where 4^t >= 2^width; and t - a."""
    top = (width + 1) // 2
    shifts = [top - (j // 2 + 1) for j in range(width)]
    return shifts, [top - a for a in shifts]


def sqrt(x: SecretArray) -> SecretArray:
    """Square root, elementwise; negative arguments clear `valid`.

    Error     relative 2^-25; an argument of 61 bits and an odd number of fraction bits first loses the last of them
    Bound     the result has 28 fraction bits more than the root of its argument's last place: up to 60 bits. Say
              `within` before it is multiplied, where it is known to be smaller
    Rounds    about 45
    """
    x = x.numeric()
    given = x
    if x.frac % 2:
        x = x.cut(x.frac - 1) if int(x.bound).bit_length() > 60 else x._shifted(x.frac + 1)
    raw = x.bare()
    negative = raw < 0
    raw = where(negative, 0, raw)
    width = int(raw.bound).bit_length()
    shifts, back = even_exponent(width)
    top = (width + 1) // 2
    exponent = leading_bit(raw, width)
    c = raw.times(exponent.table([1 << (2 * a) for a in shifts]), bound=(1 << (2 * top)) - 1)
    c = c._new(c.handle, frac=2 * top, type="fixed").cut(F, bound=1 << F) + exponent.is_zero()
    root = roots(c.bounded(1 << F)).root
    # sqrt(raw) = root * 2^(top - a); zero gives 0 through the table.
    result = root.times(exponent.table([1 << t for t in back]), bound=int(1.01 * 2 ** (F + top)))
    result = result._new(result.handle, frac=F + x.frac // 2, type="fixed").about(*given.cohorts)
    if given.valid is not None:
        result = result.masked(given.valid, given.why)
    return result.masked(~negative, "root of a negative number")
