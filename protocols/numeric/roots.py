"""Square roots by the inverse square root of a normalised argument."""

from __future__ import annotations

from mpc.secret import SecretArray
from protocols.numeric.normalize import F, leading_bit


def inverse_root(c: SecretArray) -> SecretArray:
    """1/sqrt(c) for c in [1/4, 1], with F = 28 fraction bits, in [1, 2].

    Rounds    6 + 3 * 6
    Error     relative 2^-26
    Source    Newton iteration w <- w(3 - cw^2)/2 from a minimax cubic (relative error 2^-7.2)
    """
    c = c.cut(F)
    w = c * -2.4384537812 + 6.2299462581
    w = c.product(w.cut(F).bounded(int(6.5 * 2**F)), F, limit=6.5) + -5.9109081941
    w = c.product(w.bounded(int(6.5 * 2**F)), F, limit=6.5) + 3.1123752354
    w = w.bounded(int(2.25 * 2**F))
    for _ in range(3):
        square = w.product(w, F, limit=5.1).bounded(int(5.1 * 2**F))
        step = 3 - c.product(square, F, limit=1.2)
        w = w.product(step.bounded(int(3.1 * 2**F)), F + 1, limit=7.0)
        w = w._new(w.handle, frac=F + 2, bound=int(2.25 * 2 ** (F + 2))).cut(F)
        w = w.bounded(int(2.25 * 2**F))
    return w


def even_exponent(width: int) -> tuple[list[int], list[int]]:
    """For each leading-bit position j < width: a with x * 4^a in [4^t / 4, 4^t), where 4^t >= 2^width; and t - a."""
    top = (width + 1) // 2
    shifts = [top - (j // 2 + 1) for j in range(width)]
    return shifts, [top - a for a in shifts]


def sqrt(x: SecretArray) -> SecretArray:
    """Square root, elementwise; negative arguments clear `valid`.

    Error     relative 2^-25 for an argument whose raw value has some bits, and a unit in the result's last place
    Rounds    about 50
    """
    x = x.numeric()
    if x.frac % 2:
        x = x.cut(x.frac - 1) if int(x.bound).bit_length() >= 58 else x._shifted(x.frac + 1)
    raw = x.without_mask()
    valid = ~(raw < 0)
    width = int(raw.bound).bit_length()
    shifts, back = even_exponent(width)
    top = (width + 1) // 2
    exponent = leading_bit(raw, width)
    power = exponent.table([1 << (2 * a) for a in shifts])
    c = raw.times(power, bound=1 << (2 * top))
    c = c._new(c.handle, frac=2 * top, type="fixed").cut(F) + exponent.is_zero()
    c = c.bounded(2**F)
    root = c.product(inverse_root(c), F, limit=1.01)
    # sqrt(raw) = root * 2^(top - a); zero gives 0 through the table.
    scale = exponent.table([1 << t for t in back])
    room = 61 - F - top
    result = root if room >= 0 else root.cut(F + room)
    result = result.times(scale, bound=int(1.01 * 2 ** (result.frac + top)))
    result = result._new(result.handle, frac=result.frac + x.frac // 2, type="fixed")
    masked = result.masked(valid, "root of a negative number")
    if x.valid is not None:
        masked = masked.masked(x.valid, x.why)
    return masked.about(*x.cohorts)
