"""Exponentials, logarithms and powers, by splitting an argument into a whole power of two and a rest."""

from __future__ import annotations

from math import ceil, log2
from math import exp as public_exp
from math import log as public_log

import numpy as np

from mpc.errors import RangeError
from mpc.secret import SecretArray, concatenate
from protocols.numeric.elementwise import confine
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.polynomial import keeping, polynomial

#: The largest argument that `exp` takes.
HIGHEST = 20.0
#: Bits of a result: e^HIGHEST, and what is below it.
_WIDE = 60
#: Fraction bits of the argument's rest.
_Y = 26
#: 2^u on [0, 1], relative error 2^-23.1; log(3/4 + s/4) on [-1, 1], error 2^-25 (minimax, Remez exchange).
_EXP2 = (0.99999989311, 0.69315475247, 0.24013971111, 0.05586624626, 0.00894282902, 0.00189646113)
_LOG = (
    -0.287682081297,
    0.333333082980,
    -0.055555197078,
    0.012348969354,
    -0.003088826076,
    0.000811478244,
    -0.000222876663,
    0.000080030373,
    -0.000024609165,
)


def precision(high: float) -> tuple[int, int]:
    """For arguments up to `high`: K and G such that e^x is exact to 2^-K, or to 2^-G of itself."""
    room = _WIDE - max(ceil(high * log2(public_exp(1.0)) + 2.0**-10), 0)
    absolute = min(24, room // 2)
    return absolute, min(24, room - absolute)


def exp(x: SecretArray, *, at_most: float = HIGHEST) -> SecretArray:
    """e^x, elementwise.

    Range     x <= `at_most` <= 20; larger ones clear `valid`. Far below, the result is as good as 0
    Error     1.001 * 2^-K + 2^-(G - 2) e^x with (K, G) = `precision(limit)`, limit being the smaller one of x's bound
              and `at_most`: (15, 16) for 20, (20, 21) for 12, (24, 24) from 7 down. An argument with more than 28
              fraction bits loses the others, one of 61 bits its last one before it is compared
    Raises    RangeError for a bound from 2^44 up
    Bound     e^limit, with K + G fraction bits: up to 60 bits. Say `within` before it is multiplied, which cuts it
    Rounds    20; 7 more where the bound leaves room for arguments above the limit or below -K log 2
    Source    Aly and Smart, ACNS 2019 (2^x from the bits of its whole part and a polynomial of the rest)
    """
    if not 0 <= at_most <= HIGHEST:
        raise RangeError(f"exp: at_most={at_most}; it must be from 0 to {HIGHEST:g}")
    given = x.numeric()
    x = given.bare()
    x = _fine(x)
    high = min(at_most, x.limit)
    low = -precision(high)[0] * public_log(2.0) + 2.0**-12
    inside, above = confine(x, low, high)
    result = keeping(exp_between(inside, high), given)
    return result if above is None else result.masked(~above, f"exponential of more than {high:g}")


def _fine(x: SecretArray) -> SecretArray:
    """With 20 fraction bits, exactly, or as many as there is room for; one of 61 bits loses its last one."""
    frac = 60 - int(x.bound).bit_length() + x.frac
    if frac < 16:
        raise RangeError(f"exp: {x!r} has too wide a bound; clip it, or state `x.within(limit)`")
    return x.cut(min(max(x.frac, 20), frac))


def exp_of_negative(x: SecretArray) -> SecretArray:
    """e^x for x <= 0, without a check: error 2^-23, rounds as `exp`."""
    low = -precision(0.0)[0] * public_log(2.0) + 2.0**-12
    x = _fine(x)
    x = confine(x, low, x.limit)[0]
    return exp_between(x.bounded(int(np.ldexp(-low, x.frac)) + 1), 0.0)  # low <= x <= 0


def exp_between(x: SecretArray, high: float) -> SecretArray:
    """e^x for -K log 2 < x <= high, without a check, K and the error being those of `precision(high)`."""
    below, digits = precision(high)
    x = x.cut(min(x.frac, F))
    # y = x log2(e) + K > 0, exactly but for its last place.
    y = x._op(
        "scale",
        by=np.asarray(round(log2(public_exp(1.0)) * 2**F), np.int64),
        changes={"frac": x.frac + F, "bound": int(x.bound * 1.4427 * 2**F) + 1, "type": "fixed"},
    )
    most = int(high * log2(public_exp(1.0)) + below + 2.0**-10)
    y = (y + below).cut(_Y).bounded((most + 1) << _Y)
    width = most.bit_length()
    words = x.run.schedule("decompose", y.handle, width=_Y + width)
    bits = SecretArray(x.run, x.run.schedule("unpack", words), type="bool")[_Y:].numeric()
    weights = (1 << np.arange(width, dtype=np.int64)).reshape(-1, *[1] * x.ndim)
    whole = bits._op("scale", by=weights, changes={"bound": 1 << (width - 1)})
    whole = whole._op("sum", axis=0, changes={"bound": most})
    rest = (y - whole).bounded(1 << _Y)  # what the whole part leaves of y
    mantissa = polynomial(rest, _EXP2, frac=digits)
    result = mantissa.times(_power_of_two(bits, most), bound=int(public_exp(high) * 1.001 * 2 ** (below + digits)) + 1)
    return result._new(result.handle, frac=below + digits, type="fixed")


def _power_of_two(bits: SecretArray, most: int) -> SecretArray:
    """2^e for the bits of e <= most, lowest first. Rounds: log2 of their number."""
    steps = np.asarray([(1 << (1 << j)) - 1 for j in range(len(bits))], np.int64).reshape(-1, *[1] * (bits.ndim - 1))
    limit = 1 << most  # a product of some of the factors divides 2^e
    factors = bits._op("scale", by=steps, changes={"bound": limit})._op(
        "add_public", values=np.ones_like(steps), changes={"bound": limit}
    )
    while len(factors) > 1:
        half = len(factors) // 2
        products = factors[:half].times(factors[half : 2 * half], bound=limit)
        factors = products if len(factors) == 2 * half else concatenate([products, factors[2 * half :]])
    return factors[0]


def log(x: SecretArray) -> SecretArray:
    """Natural logarithm, elementwise.

    Range     x > 0; others clear `valid`
    Error     2^-21
    Bound     the larger one of the logarithms of x's bound and of its last place, in magnitude; 29 bits and more
    Rounds    about 26, fewer for a small bound
    """
    given = x.numeric()
    raw = given.bare()
    width = int(raw.bound).bit_length()
    exponent = leading_bit(raw, width, signed=True)
    mantissa = raw.times(exponent.table([1 << (width - 1 - j) for j in range(width)]), bound=1 << width)
    mantissa = mantissa._new(mantissa.handle, frac=width, type="fixed").cut(F, bound=1 << F)
    # In [1/2, 1], also where there is no logarithm; then s = 4 (mantissa - 3/4) in [-1, 1].
    s = (mantissa + exponent.is_zero() * 0.75 - 0.75).bounded(1 << (F - 2))
    s = s._new(s.handle, frac=F - 2)
    wholes = [(j + 1 - given.frac) * public_log(2.0) for j in range(width)]
    whole = exponent.table([round(w * 2**F) for w in wholes])
    result = polynomial(s, _LOG, frac=F) + whole._new(whole.handle, frac=F, type="fixed")
    largest = max(abs(wholes[-1]), abs(wholes[0] - public_log(2.0)), public_log(2.0)) + 2.0**-20
    result = result.bounded(int(largest * 2**F) + 1)
    return keeping(result, given).masked(exponent.nonzero, "logarithm of a number that is not positive")
