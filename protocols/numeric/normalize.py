"""The position of a secret's leading bit, and public functions of it.

Normalising multiplies a wide value by a secret power of two, exactly, so that a cut afterwards leaves the same relative
precision whatever the size of the value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mpc.errors import ShapeError
from mpc.values.secret import SecretArray, concatenate
from mpc.values.stated import Stated

#: Fraction bits of normalised values.
F = 28
#: Tables are read at the number of bits from _FEW bits on, with at most _COUNTED bits for each element.
_FEW, _COUNTED = 1 << 15, 127


class Exponent:
    """The position of the leading one bit of non-negative raw integers, among positions least..width-1.

    A value without a bit there counts as 0.
    """

    def __init__(self, bits: SecretArray, least: int = 0, negative: SecretArray | None = None) -> None:
        self._bits = bits
        self._least = least
        #: Bit: the value is negative; None unless `leading_bit` was asked for it.
        self.negative = negative
        self._numbers: SecretArray | None = None

    @property
    def _reached(self) -> SecretArray:
        if self._numbers is None:
            self._numbers = self._bits.numeric()
        return self._numbers

    @property
    def bits(self) -> SecretArray:
        """For each position from `least` on, whether the leading bit is at it or above: (positions, …)."""
        return self._bits

    @property
    def width(self) -> int:
        """The number of bits of the raw integers; all positions are below it."""
        return self._least + self._bits.shape[0]

    @property
    def nonzero(self) -> SecretArray:
        """Bit: the value is not 0."""
        return self._bits[0]

    def reaches(self, position: int) -> SecretArray:
        """Bit: the leading bit is at `position` or above."""
        return self._bits[max(position - self._least, 0)]

    def table(self, values: ArrayLike) -> SecretArray:
        """values[position of the leading bit], and 0 for the value 0.

        values  `width` integers for all elements, or an array (width, …) with `width` integers for each element
        Rounds  5 for many elements, which read the table at the number of bits; 2 for few, whose bits are converted,
                so that the rest is linear
        """
        rows = np.asarray(values, dtype=object)
        if len(rows) != self.width:
            raise ShapeError(f"{len(rows)} values for {self.width} positions")
        rows = rows[self._least :]
        if rows.ndim == 1 and _many(self._bits):
            return by_count(self._bits, [0, *rows])
        if rows.ndim == 1:
            rows = rows.reshape(-1, *[1] * (self._reached.ndim - 1))
        largest = max(int(np.abs(rows).max()), 1)
        steps = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
        most = max(int(np.abs(steps).max()), 1)
        scaled = self._reached.invoke("scale", by=steps.astype(np.int64), result=Stated(bound=most))
        # The steps telescope to an entry of the table, so the sum is at most the largest entry.
        return scaled.invoke("sum", axis=0, result=Stated(bound=largest))

    def is_zero(self) -> SecretArray:
        """1 where the value is 0, as an integer."""
        return (~self._bits[0]).numeric()

    def one_hot(self) -> SecretArray:
        """1 at the position of the leading bit and 0 at the others, from `least` on: (positions, …) integers."""
        if len(self._bits) == 1:
            return self._reached
        return concatenate([(self._reached[:-1] - self._reached[1:]).bounded(1), self._reached[-1:]])


def _many(bits: SecretArray) -> bool:
    """Whether there are so many bits that bytes cost more than rounds."""
    return bits.size >= _FEW and 1 <= len(bits) <= _COUNTED


def by_count(bits: SecretArray, values: Sequence[int]) -> SecretArray:
    """values[number of set bits along the first axis]. Rounds 5."""
    largest = max(*(abs(int(v)) for v in values), 1)
    entries = np.asarray([int(v) for v in values], np.int64)
    return bits.invoke("table_of_count", table=entries, result=Stated(bound=largest, frac=0, type="int"))


def powers_below(reached: SecretArray, width: int) -> SecretArray:
    """2^(width - c), where the first c of `width` bits are set."""
    values = [1 << (width - c) for c in range(width + 1)]
    if _many(reached):
        return by_count(reached, values)
    return (Exponent(reached).table([v - values[0] for v in values[1:]]) + values[0]).bounded(values[0])


def leading_bit(
    x: SecretArray, width: int | None = None, *, least: int = 0, signed: bool = False, beyond: int = 0
) -> Exponent:
    """The position of the leading bit of the raw integer of 0 <= x < 2^width; below 2^`least` x counts as 0.

    signed    -2^width <= x, and negative values count as 0
    beyond    with `signed`: values that need up to `beyond` more bits count as 0, too. All other values give a result
              that means nothing

    Rounds    decompose, prefix or and a conversion: about 2 + 2 * log2(width) + 2; one more if signed
    Error     none
    Source    bit decomposition with prefix or (Damgård et al., TCC 2006), a conversion of each bit
    """
    run = x.run
    bits = int(x.bound).bit_length() if width is None else width
    words = run.schedule("decompose", x.handle, width=bits + beyond + signed)
    reached = SecretArray(run, run.schedule("unpack", run.schedule("prefix_or", words)), type="bool")
    if signed:
        negative = SecretArray(run, run.schedule("unpack", words), type="bool")[bits + beyond]
        return Exponent(reached[least:bits] & ~reached[bits], least, negative)
    return Exponent(reached[least:] if least else reached, least)
