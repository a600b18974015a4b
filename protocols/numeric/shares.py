"""Shares of counts, with 40 fraction bits, and their running products."""

from __future__ import annotations

from mpc.values.secret import SecretArray, concatenate
from protocols.numeric.division import divide

#: Fraction bits of shares.
SHARE_BITS = 40


def at_least_one(x: SecretArray) -> SecretArray:
    """Integers from 0 up, with 1 for 0."""
    return (x + (x < 1).numeric()).bounded(max(x.bound, 1))


def share_of(a: SecretArray, b: SecretArray) -> SecretArray:
    """a / b with 40 fraction bits, for integers 0 <= a <= b; 0 for 0 / 0.

    Error  2^-39. Rounds: two divisions, of a, and of the remainder that the first one leaves
    """
    b = at_least_one(b)
    first = divide(a, b).without_mask()
    first = first.cut(min(first.frac, 28))
    frac = first.frac
    first = first.bounded((1 << frac) + (1 << max(frac - 20, 1)))
    exact = first.times(b, bound=(b.bound << frac) + (b.bound << max(frac - 20, 1))).restated(frac=0, type="int")
    rest = (a.restated(type="int") * (1 << frac) if frac else a) - exact
    # The first quotient is off by 2^-24 of itself and a few last places at most.
    rest = rest.bounded((b.bound << max(frac - 23, 0)) + 8 * b.bound)
    second = divide(rest, b).without_mask()
    second = second.bounded(1 << max(second.frac + frac - 20, 8)).rescaled(second.frac + frac)
    total = first.shifted(SHARE_BITS) + second.cut(SHARE_BITS)
    return total.bounded((1 << SHARE_BITS) + 4)


def running_product(x: SecretArray) -> SecretArray:
    """Products of the first, the first two, … numbers from 0 to 1 along the first axis, with 40 fraction bits.

    Error  2^-38 for each doubling. Rounds: a product of wide numbers for each doubling of the number of factors
    """
    most, shift = 1 << SHARE_BITS, 1
    while shift < len(x):
        longer = (x[shift:] * x[:-shift]).cut(SHARE_BITS).bounded(most + 16)
        x = concatenate([x[:shift], longer]).bounded(most + 16)
        shift *= 2
    return x
