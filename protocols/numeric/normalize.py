"""The position of a secret's leading bit, and public functions of it.

Normalising multiplies a wide value by a secret power of two, exactly, so that what is cut afterwards keeps the
same relative precision whatever its size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.secret import SecretArray, concatenate

#: Fraction bits of normalised values.
F = 28


class Exponent:
    """The position of the leading one bit of non-negative raw integers, among positions least..width-1.

    A value without a bit there counts as 0.
    """

    def __init__(self, bits: SecretArray, least: int = 0) -> None:
        self._bits = bits
        self._reached = bits.numeric()
        self._least = least

    @property
    def width(self) -> int:
        return self._least + self._bits.shape[0]

    @property
    def nonzero(self) -> SecretArray:
        """Bit: the value is not 0."""
        return self._bits[0]

    def reaches(self, position: int) -> SecretArray:
        """Bit: the leading bit is at `position` or above."""
        return self._bits[max(position - self._least, 0)]

    def table(self, values: Any) -> SecretArray:
        """values[position of the leading bit], and 0 for the value 0; linear, hence free.

        `values` are `width` integers for all elements, or an array (width, …) with own ones for each.
        """
        rows = np.asarray(values, dtype=object)
        if len(rows) != self.width:
            raise ShapeError(f"{len(rows)} values for {self.width} positions")
        rows = rows[self._least :]
        if rows.ndim == 1:
            rows = rows.reshape(-1, *[1] * (self._reached.ndim - 1))
        largest = max(int(np.abs(rows).max()), 1)
        steps = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
        most = max(int(np.abs(steps).max()), 1)
        scaled = self._reached._op("scale", by=steps.astype(np.int64), changes={"bound": most})
        # The steps telescope to one entry of the table, so the sum stays within it.
        return scaled._op("sum", axis=0, changes={"bound": largest})

    def is_zero(self) -> SecretArray:
        """1 where the value is 0, as an integer."""
        return 1 - self._reached[0]

    def one_hot(self) -> SecretArray:
        """1 at the position of the leading bit and 0 at the others, from `least` on: (positions, …) integers."""
        if len(self._bits) == 1:
            return self._reached
        return concatenate([(self._reached[:-1] - self._reached[1:]).bounded(1), self._reached[-1:]])


def leading_bit(x: SecretArray, width: int | None = None, *, least: int = 0, signed: bool = False) -> Exponent:
    """Where the leading bit of the raw value of 0 <= x < 2^width stands; below 2^`least` it counts as 0.

    `signed`: so does a negative one, -2^width <= x. Else it, or one that needs more bits, gives nonsense.

    Rounds    decompose, prefix or and one conversion: about 2 + 2 * log2(width) + 2; one more if signed
    Error     none
    Source    bit decomposition with prefix or (Damgård et al., TCC 2006), one conversion a bit
    """
    run = x.run
    bits = int(x.bound).bit_length() if width is None else width
    words = run.schedule("decompose", x.handle, width=bits + signed)
    reached = SecretArray(run, run.schedule("unpack", run.schedule("prefix_or", words)), type="bool")
    if signed:
        negative = SecretArray(run, run.schedule("unpack", words), type="bool")[bits]
        return Exponent(reached[least:bits] & ~negative, least)
    return Exponent(reached[least:] if least else reached, least)
