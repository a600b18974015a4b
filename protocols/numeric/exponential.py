"""Exponentials and logarithms."""

from __future__ import annotations

from decimal import Decimal
from math import ceil, log2
from math import exp as public_exp
from math import log as public_log

import numpy as np

from mpc.errors import RangeError
from mpc.values.inherited import kept
from mpc.values.secret import SecretArray
from mpc.values.stated import Stated
from protocols.numeric.elementwise import confine
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.tables import Pieces, tabulated

#: The largest argument that `exp` takes.
HIGHEST = 20.0
#: Bits of a result, those of e^HIGHEST included.
_WIDE = 60
#: Widest range of arguments that is read from a table; an argument below it counts as its lowest one.
_RANGE = 120.0
#: The logarithm on [1/2, 1]: error 2^-24.9.
_LOG = Pieces(lambda c: c.ln(), Decimal("0.5"), Decimal(1), 6)


def precision(high: float) -> tuple[int, int]:
    """For arguments up to `high`: K and G such that e^x is exact to 2^-K, or to 2^-G of itself."""
    room = _WIDE - max(ceil(high * log2(public_exp(1.0)) + 2.0**-10), 0)
    absolute = min(24, room // 2)
    return absolute, min(24, room - absolute)


def exp(x: SecretArray, *, at_most: float = HIGHEST) -> SecretArray:
    """e^x, elementwise.

    Range     x <= `at_most` <= 20; larger arguments clear `valid`. Far below 0 the result is 0 up to its error
    Error     1.001 * 2^-K + 2^-(G - 2) e^x with (K, G) = `precision(limit)`, where limit is the smaller of x's bound
              and `at_most`: (15, 16) for 20, (20, 21) for 12, (24, 24) from 7 down. An argument keeps 28 fraction
              bits at most, and 60 bits in all
    Raises    RangeError for a bound from 2^44 up
    Bound     e^limit, with K + G fraction bits: up to 60 bits. A product is cut by the bounds of its factors, so say
              `within` before the result is multiplied
    Rounds    3; 7 more where the bound leaves room for arguments above the limit, or below -100 and more
    """
    if not 0 <= at_most <= HIGHEST:
        raise RangeError(f"exp: at_most={at_most}; it must be from 0 to {HIGHEST:g}")
    given = x.numeric()
    x = _fine(given.bare())
    high = min(at_most, x.limit)
    inside, above = confine(x, max(high - _RANGE, -x.limit), high)
    result = kept(exp_between(inside, high), given)
    return result if above is None else result.masked(~above, f"exponential of more than {high:g}")


def _fine(x: SecretArray) -> SecretArray:
    """x with 20 fraction bits or more, or as many as there is room for; of 61 bits the last one is lost."""
    frac = 60 - int(x.bound).bit_length() + x.frac
    if frac < 16:
        raise RangeError(f"exp: {x!r} has too wide a bound; clip it, or state `x.within(limit)`")
    return x.cut(min(max(x.frac, 20), frac))


def exp_of_negative(x: SecretArray, frac: int) -> SecretArray:
    """e^x for x <= 0, without a check, with `frac` fraction bits: error 2^-23 and a last place. Rounds as `exp`."""
    x = _fine(x)
    x = confine(x, max(-_RANGE, -x.limit), x.limit)[0]
    return exp_between(x, 0.0, frac=frac)


def exp_between(x: SecretArray, high: float, *, frac: int | None = None) -> SecretArray:
    """e^x for x <= high, without a check: with K + G fraction bits, or cut to `frac`. K, G and the error are those of
    `exp` for the limit `high`. Rounds 3."""
    x = x.cut(min(x.frac, F))
    digits = sum(precision(high))
    cut = 0 if frac is None else digits - frac
    most = int(np.ldexp(high, x.frac)) + 1
    bound = (int(public_exp(high) * 1.001 * 2**digits) >> cut) + x.run.engine.rounding
    low = max(-x.bound, int(np.floor(np.ldexp(high - _RANGE, x.frac))) - 2)
    result = Stated(bound=bound, frac=digits - cut, type="fixed")
    return x.invoke("exponential", low=low, high=most, frac=x.frac, digits=digits, bits=cut, result=result)


def log(x: SecretArray) -> SecretArray:
    """Natural logarithm, elementwise.

    Range     x > 0; other arguments clear `valid`
    Error     2^-21
    Bound     the larger magnitude of the logarithms of x's bound and of its last place; 29 bits and more
    Rounds    about 20, fewer for a small bound
    """
    given = x.numeric()
    raw = given.bare()
    width = int(raw.bound).bit_length()
    exponent = leading_bit(raw, width, signed=True)
    mantissa = raw.times(exponent.table([1 << (width - 1 - j) for j in range(width)]), bound=1 << width)
    mantissa = mantissa.rescaled(width).cut(F, bound=1 << F)
    # c is in [1/2, 1], also for an argument without a logarithm.
    c = (mantissa + exponent.is_zero() * 0.75).bounded(1 << F)
    wholes = [(j + 1 - given.frac) * public_log(2.0) for j in range(width)]
    whole = exponent.table([round(w * 2**F) for w in wholes])
    result = tabulated(c, _LOG, frac=F, bound=1 << F) + whole.rescaled(F)
    largest = max(abs(wholes[-1]), abs(wholes[0] - public_log(2.0)), public_log(2.0)) + 2.0**-20
    result = result.bounded(int(largest * 2**F) + 1)
    return kept(result, given).masked(exponent.nonzero, "logarithm of a number that is not positive")
