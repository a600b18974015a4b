"""Quotients and remainders of secret whole numbers by secret ones: exact, rounded down, as Python has them."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import NamedTuple

from mpc.values.fixed import width_of
from mpc.values.secret import SecretArray
from mpc.values.stated import Stated
from protocols.numeric.division import reciprocal
from protocols.numeric.normalize import F, leading_bit

#: Bits of a remainder's leading digit; most places of a shift to the right.
_DIGIT, _RIGHT = 30, 31


class Quotient(NamedTuple):
    """x // y for x = y * whole + rest with |rest| < y, both turned round where y was negative."""

    whole: SecretArray
    rest: SecretArray
    lower: SecretArray
    y: SecretArray
    turn: SecretArray
    nonzero: SecretArray

    def quotient(self) -> SecretArray:
        """|x // y| <= |x| for |y| >= 1, whatever its parts could be by their own bounds."""
        return self.whole.invoke("subtract", self.lower.numeric(), result=Stated(bound=self.whole.bound - 1))

    def remainder(self) -> SecretArray:
        """From 0 to |y| - 1, with the sign of y."""
        most = Stated(bound=max(self.y.bound - 1, 1))
        return self.rest.invoke("add", self.lower * self.y, result=most).times(self.turn, bound=most.bound)


def divided_by_secret(x: SecretArray, y: SecretArray) -> Quotient:
    """x // y for bare whole numbers of one shape, exactly; where y is 0, a quotient by 1 that means nothing.

    Both are turned round where y is negative, and 0 is replaced by 1. A step takes the estimate e of rest / y away,
    rest' = rest - e y, which leaves x % y as it is. |rest'| <= A + c y for its A, and c little above 1/2. That is less
    than y where y >= 4 A. So only where y is below the next power of two does the next step see a rest; elsewhere its
    estimate is 0. In the end |rest| < y, and it is x % y or y less.

    Domain    |x| and |y| up to 2^61
    Rounds    26 for single bits, 57 for 24 bits each, 76 for 50 bits each; one more for the remainder
    Raises    RangeError beyond these bounds
    Source    long division by estimates of the quotient, whose error `_Step` bounds, and a last comparison
    """
    width = width_of(y.bound)
    turn = (1 - 2 * (y < 0).numeric()).bounded(1)
    divisor = _Divisor(y.times(turn, bound=y.bound), width)
    rest, y, whole = x.times(turn, bound=x.bound), divisor.y, None
    inner, below = rest, width
    while True:
        step = _Step.of(inner, divisor, below)
        left = ceil(step.left_over + step.share * min(y.bound, 1 << below))
        taken = step.estimate.times(y, bound=inner.bound + left)
        rest = rest.invoke("subtract", taken, result=Stated(bound=left if below == width else max(left, y.bound)))
        whole = step.estimate if whole is None else whole + step.estimate
        if step.left_over <= Fraction(1, 4):
            # The quotient, or 1 more.
            return Quotient(whole.restated(bound=x.bound + 1), rest, rest < 0, y, turn, divisor.exponent.nonzero)
        inner, following = rest, width_of(ceil(4 * step.left_over))
        if step.share and following < below:
            below = following
            small = ceil(step.left_over + step.share * (1 << below))
            inner = (~divisor.exponent.reaches(below) * rest).bounded(small)


class _Divisor:
    """y >= 1 (1 in place of 0) with its leading bit at j, and v with v / 2^(j + 1) = (1 + e) / y, |e| <= `error`."""

    def __init__(self, y: SecretArray, width: int) -> None:
        self.exponent = leading_bit(y, width)
        self._zero = self.exponent.is_zero()
        self.y = (y + self._zero).bounded(y.bound)
        mantissa = self.y.times(self.at([1 << (width - 1 - j) for j in range(width)]), bound=(1 << width) - 1)
        # In [1/2, 1): the cut to F bits, and the reciprocal and its cut.
        self.inverse = reciprocal(mantissa.rescaled(width).cut(F, bound=1 << F))
        self.error = Fraction(1 + 2 * y.run.engine.rounding, 1 << (F - 2))

    def at(self, values: list[int]) -> SecretArray:
        """values[j]: the table has 0 where there is no leading bit, and elsewhere the other summand is 0."""
        instead = self._zero * values[0]
        return self.exponent.table(values).invoke("add", instead, result=Stated(bound=max(values)))


class _Step(NamedTuple):
    """An estimate e of rest / y: |rest - e y| <= left_over + share y where y < 2^below; elsewhere e is 0."""

    estimate: SecretArray
    left_over: Fraction
    share: Fraction

    @classmethod
    def of(cls, rest: SecretArray, divisor: _Divisor, below: int) -> _Step:
        """With h = rest / 2^t of 30 bits and z = h v 2^(t + g) of 31 bits, the estimate is z / 2^(g + j + 1), rounded
        to the nearest integer. Times y, which is from 1 to 2^(j + 1): the error of v leaves error |rest|, the cut to h
        leaves rounding 2^t (1 + error), the cut to z leaves rounding 2^-g, and rounding leaves y / 2, or, where all of
        z is shifted out, z / 2^(_RIGHT + 1) y.
        """
        slack, bits = rest.run.engine.rounding, width_of(rest.bound)
        t, g = max(bits - _DIGIT, 0), _DIGIT - bits
        z = rest.cut(-t).product(divisor.inverse, g).restated(frac=0, type="int")
        ups = [-(g + j + 1) for j in range(below)]
        others = [0] * (divisor.exponent.width - below)
        down, share = min(_RIGHT, -ups[-1]), Fraction(0)
        lefts = [1 << up if up >= 0 else 0 for up in ups]
        rights = [1 << up + down if -down <= up < 0 else 0 for up in ups]
        parts = [z.times(divisor.at(lefts + others), bound=z.bound * lefts[0])] if any(lefts) else []
        if any(rights):
            moved = z.times(divisor.at(rights + others), bound=z.bound * max(rights))
            most = (moved.bound >> down) + 1
            parts.append(moved.invoke("truncate_exact", bits=down, rounding="nearest", result=Stated(bound=most)))
            share = max(Fraction(1, 2), Fraction(z.bound, 1 << (down + 1)) if -ups[-1] > down else Fraction(0))
        left_over = rest.bound * divisor.error + Fraction(slack) / Fraction(2) ** g
        left_over += slack * (1 << t) * (1 + divisor.error) if t else 0
        return cls(parts[0] if len(parts) == 1 else parts[0] + parts[1], left_over, share)
