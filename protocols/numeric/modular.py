"""Quotients and remainders of whole numbers, as Python has them: exact, rounded down, remainders with the sign of the
divisor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError
from mpc.values.fixed import encode, finite, width_of
from mpc.values.inherited import kept
from mpc.values.integers import whole
from mpc.values.operands import broadcast, common_shape
from mpc.values.places import Lazy
from mpc.values.secret import SecretArray, concatenate, constant
from mpc.values.stated import Operand, Stated
from protocols.numeric.long_division import divided_by_secret

Divisors = NDArray[np.int64]
#: Bits of a dividend's leading digit, and of the factor that it meets: their product fits the ring.
_DIGIT, _FACTOR = 30, 31
#: Up to this magnitude, sums of quotients and remainders of rows tell how many rows have which: these are counted.
_FEW = 3


class Divided(NamedTuple):
    """x // k and x % k for one public k > 0: `whole` and `rest - k * part`, where `whole` is `before + part`.

    Each is scheduled when it is asked for, so that who wants the quotient only does not compute the remainder.
    """

    before: SecretArray | None
    part: SecretArray
    rest: SecretArray
    divisor: int
    bound: int

    def quotient(self) -> SecretArray:
        """x // k. |x // k| <= ceil(|x| / k), whatever its parts could be by their own bounds."""
        if self.before is None:
            return self.part.bounded(self.bound)
        return self.before.invoke("add", self.part, result=Stated(bound=self.bound))

    def remainder(self) -> SecretArray:
        """x % k, from 0 to k - 1."""
        most = min(self.rest.bound + self.divisor - 1, self.part.bound * self.divisor)
        taken = self.part.invoke("scale", by=np.asarray(self.divisor), result=Stated(bound=most))
        return self.rest.invoke("subtract", taken, result=Stated(bound=self.divisor - 1 or 1))


def floor_divide(x: SecretArray, divisor: Operand) -> SecretArray:
    """x // k for whole numbers, rounded down as in Python: exact. k is public, or secret.

    Domain    every x up to 2^61 (2^62 where k is a power of two); a secret k up to 2^61, and k = 0 clears `valid`
    Bound     the largest quotient that there could be
    Rounds    those of one exact truncation for powers of two, and for other k where x has up to 30 bits; 4 more for up
              to 57 bits, 8 for 61. Where |k| is above the bound of x, a comparison and a bit's conversion. Different
              k are operations of their own, beside each other. Of secret k: see `divided_by_secret`
    Raises    RangeError for a public k = 0 and for bounds above these; ShapeError for measurements (take `floor` first)
    Source    one multiplication: Granlund, Montgomery, PLDI 1994; more: long division, `divided`
    """
    return _elementwise("//", x, divisor, _Wanted(quotient=True))[0]


def remainder(x: SecretArray, divisor: Operand) -> SecretArray:
    """x % k for whole numbers: x - k (x // k), which has the sign of k, as in Python. Domain, rounds and errors as
    `floor_divide`, and a round of a secret k."""
    return _elementwise("%", x, divisor, _Wanted(remainder=True))[0]


def divide_with_remainder(x: SecretArray, divisor: Operand) -> tuple[SecretArray, SecretArray]:
    """`floor_divide` and `remainder` of one division."""
    quotient, rest = _elementwise("divmod", x, divisor, _Wanted(quotient=True, remainder=True))
    return quotient, rest


class _Wanted(NamedTuple):
    """Which results of a division somebody asked for."""

    quotient: bool = False
    remainder: bool = False

    def of(self, x: SecretArray, k: int) -> list[SecretArray]:
        """x // k = (-x) // (-k), so x % k = -((-x) % (-k))."""
        found = divided(x if k > 0 else -x, abs(k))
        results = [found.quotient()] if self.quotient else []
        if self.remainder:
            rest = found.remainder()
            results.append(rest if k > 0 else -rest)
        return results

    def of_secret(self, x: SecretArray, y: SecretArray) -> list[SecretArray]:
        """x // y and x % y, undefined where y is 0."""
        found = divided_by_secret(x.bare(), y.bare())
        results = ([found.quotient()] if self.quotient else []) + ([found.remainder()] if self.remainder else [])
        return [kept(result, x, y).masked(found.nonzero, "division by zero") for result in results]


def divided(x: SecretArray, k: int) -> Divided:
    """x by a public k > 0, exactly, for a bare x.

    Let |x| <= B. Where k > B, the quotient is -1 below 0 and else 0: a comparison. Where one multiplication is exact
    (`_one_multiplication`), it is one truncation. Where B is only a few k, the quotient is the number of multiples of k
    that x reaches: comparisons. Else long division takes away an estimate y of the quotient, x' = x - k y, which leaves
    the remainder as it is: x // k = y + x' // k. With x = (h + d) 2^t, h of 30 bits, and m the integer next to
    2^(t + s) / k,

        y = h m / 2^s + r   and so   |x - k y| <= |d| k m / 2^s + B |k m - 2^(t + s)| / 2^(t + s) + k |r|

    where |d| and |r| are at most the engine's rounding of a cut. This bound is computed in exact fractions. It is about
    2^28 times smaller than B, or below (rounding + 1) k, so there are at most two such steps.
    """
    capacity, slack = x.run.engine.capacity, x.run.engine.rounding
    before: SecretArray | None = None
    rest, most = x, -(-x.bound // k)
    while True:
        bound = rest.bound
        if bound < k:
            return Divided(before, -(rest < 0).numeric(), rest, k, most)
        fitting = _one_multiplication(bound, k, capacity)
        if fitting is not None:
            return Divided(before, _multiplied(rest, k, *fitting), rest, k, most)
        if bound < (slack + 2) * k:
            return Divided(before, _steps(rest, k), rest, k, most)
        t = width_of(bound) - _DIGIT
        s = max(_FACTOR + width_of(k) - 1 - t, 0)
        factor = ((1 << t + s + 1) + k) // (2 * k)
        high = rest.cut(-t)
        y = high.invoke("scale", by=np.asarray(factor), result=Stated(bound=high.bound * factor, frac=s)).cut(0)
        y = y.restated(type="int")
        off = Fraction(slack * k * factor, 1 << s) + Fraction(bound * abs(k * factor - (1 << t + s)), 1 << t + s)
        left = ceil(off) + (slack * k if s else 0)
        taken = y.invoke("scale", by=np.asarray(k), result=Stated(bound=bound + left))
        rest = rest.invoke("subtract", taken, result=Stated(bound=left))
        before = y if before is None else before + y


def _one_multiplication(bound: int, k: int, capacity: int) -> tuple[int, int, int] | None:
    """(m, c, s) with x // k = (m x + c) // 2^s for all |x| <= bound, within the ring; None where there are none.

    With m = ceil(2^s / k), e = m k - 2^s and x = q k + r, m x + c = q 2^s + (q e + r m + c). The bracket must be from 0
    to 2^s - 1. It is smallest for the least q and r = 0, and largest for the largest q and r = k - 1, where r m is
    2^s + e - m. So c = e ceil(bound / k) will do if e (ceil(bound / k) + floor(bound / k) + 1) < m.
    """
    for s in range(width_of(k) - 1, capacity + 1):
        m = -(-(1 << s) // k)
        e = m * k - (1 << s)
        c = e * -(-bound // k)
        if m * bound + c >= 1 << capacity:
            return None
        if e * (-(-bound // k) + bound // k + 1) < m:
            return m, c, s
    return None


def _multiplied(x: SecretArray, k: int, m: int, c: int, s: int) -> SecretArray:
    product = x if m == 1 else x.invoke("scale", by=np.asarray(m), result=Stated(bound=m * x.bound))
    if c:
        product = product.invoke("add_public", values=np.asarray(c), result=Stated(bound=product.bound + c))
    if not s:
        return product
    return product.invoke("truncate_exact", bits=s, rounding="floor", result=Stated(bound=-(-x.bound // k)))


def _steps(x: SecretArray, k: int) -> SecretArray:
    """x // k as the number of multiples of k that x reaches: one comparison with all of them."""
    lowest, highest = -(-x.bound // k), x.bound // k
    multiples = np.asarray([j * k for j in range(1 - lowest, highest + 1)])
    reached = ~x.below_each(multiples.reshape(-1, *[1] * x.ndim))
    return (reached.numeric().sum(0) - lowest).bounded(lowest)


# ---- operands
def public_divisors(sign: str, divisor: Operand) -> Divisors:
    """Public divisors as integers. Raises RangeError for 0, and for numbers that are not whole."""
    values = np.asarray(divisor)
    finite(values)
    if values.dtype.kind == "f" and not bool(np.all(values == np.rint(values))):
        raise RangeError(f"{sign}: a public divisor is no whole number; divide by /, and take floor of the quotient")
    whole = encode(values, 0, "divisor")
    if not bool(np.all(whole)):
        raise RangeError(f"{sign}: a public divisor is 0")
    return whole


def _elementwise(sign: str, x: SecretArray, divisor: Operand, wanted: _Wanted) -> list[SecretArray]:
    if isinstance(divisor, SecretArray):
        return wanted.of_secret(*broadcast(whole(sign, x), whole(sign, divisor)))
    x, values = whole(sign, x), public_divisors(sign, divisor)
    shape = common_shape(x.shape, values.shape)
    given = x.broadcast_to(shape)
    distinct = np.unique(values)
    if not given.size:
        results = [constant(x.run, np.zeros(shape, np.int64))] * sum(wanted)
    elif len(distinct) == 1:
        results = [found.broadcast_to(shape) for found in wanted.of(x.bare(), int(distinct[0]))]
    else:
        flat = _by_divisor(given.bare().reshape(-1), np.broadcast_to(values, shape).reshape(-1), wanted)
        results = [found.reshape(shape) for found in flat]
    kinds = [True] * wanted.quotient + [False] * wanted.remainder
    return [kept(found, _telling(given, values, found, kind)) for found, kind in zip(results, kinds, strict=True)]


def _by_divisor(x: SecretArray, values: Divisors, wanted: _Wanted) -> list[SecretArray]:
    """A vector by different divisors: those elements together that have the same one."""
    order = np.argsort(values, kind="stable")
    distinct, starts = np.unique(values[order], return_index=True)
    ends = [*starts[1:], len(order)]
    parts = [wanted.of(x[order[a:b]], int(k)) for k, a, b in zip(distinct, starts, ends, strict=True)]
    back = np.argsort(order)
    return [concatenate(results)[back] for results in zip(*parts, strict=True)]


# ---- rows
def _telling(given: SecretArray, values: Divisors, found: SecretArray, quotient: bool) -> SecretArray:
    """The dividend, whose rows are counted by what a sum of results tells: how many have which quotient or remainder,
    where there are few. Both, since a sum of the one and a sum of dividends tell the sum of the other."""
    if not given.basis.places or not given.size:
        return given
    x, sizes, signs = given.bare(), np.abs(values), np.sign(values)
    # The largest quotients; elements with divisors that leave more of them, or more remainders, reach no level.
    most = -(-x.bound // sizes)
    few = range(1 - _FEW, _FEW + 1) if bool((most <= _FEW).any()) else range(0)
    remainders = [j for j in range(1, _FEW + 1) if bool(((sizes > j) & (sizes <= _FEW + 1)).any())]

    def bits(make: Callable[[], SecretArray]) -> Lazy:
        return Lazy(x.run, x.shape, make)

    def reaches(level: int) -> Lazy:
        known = (most <= _FEW) & (level > -most) & (level <= most)
        least = np.where(known, np.where(known, sizes, 0) * level, x.bound + 1)
        return bits(lambda: x * signs >= least)

    def leaves(level: int) -> Lazy:
        return bits(lambda: rest.bits() >= np.where(sizes <= _FEW + 1, level, sizes))

    rest = bits(lambda: signs * (x - found * values if quotient else found))
    flags = (*map(reaches, few), *map(leaves, remainders))
    places = [replace(place, flags=(*place.flags, *flags)) for place in given.basis.places]
    return given.with_basis(given.basis._replace(places=tuple(places)))
