"""The position of a secret's leading bit, and public functions of it.

Normalising multiplies a wide value by a secret power of two, exactly, so that what is cut afterwards keeps the
same relative precision whatever its size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.secret import SecretArray, concatenate

#: Fraction bits of normalised values.
F = 28


class Exponent:
    """The position of the leading one bit of a non-negative raw integer, as secret 0/1 integers.

    reached[j] = 1 iff the leading bit is at j or above; `nonzero` is the same as a bit for j = 0.
    """

    def __init__(self, reached: SecretArray, nonzero: SecretArray) -> None:
        self._reached = reached
        self.nonzero = nonzero

    @property
    def width(self) -> int:
        return self._reached.shape[0]

    def table(self, values: Sequence[int]) -> SecretArray:
        """values[position of the leading bit], and 0 for the value 0; linear, hence free."""
        if len(values) != self.width:
            raise ValueError(f"{len(values)} values for {self.width} positions")
        steps = np.diff(np.asarray([0, *values], dtype=object))
        by = np.asarray(steps, np.int64).reshape(-1, *([1] * (self._reached.ndim - 1)))
        largest = max(max(abs(int(v)) for v in values), 1)
        scaled = self._reached._op("scale", by=by, changes={"bound": max(int(np.abs(by).max()), 1)})
        # The steps telescope to one entry of the table, so the sum stays within it.
        return scaled._op("sum", axis=0, changes={"bound": largest})

    def is_zero(self) -> SecretArray:
        """1 where the value is 0, as an integer."""
        return 1 - self._reached[0]


def leading_bit(x: SecretArray, width: int | None = None) -> Exponent:
    """Where the leading bit of the raw value of x >= 0 stands, among its `width` low bits.

    Rounds    decompose, prefix or and one conversion: about 2 + 2 * log2(width) + 2
    Error     none; for a negative x the result means nothing
    Source    bit decomposition with prefix or (Damgård et al., TCC 2006), one conversion a bit
    """
    bits = width if width is not None else int(x.bound).bit_length()
    run = x.run
    words = run.schedule("decompose", x.handle, width=bits)
    prefix = run.schedule("prefix_or", words)
    rows = [SecretArray(run, run.schedule("bit", prefix, index=j), type="bool") for j in range(bits)]
    stacked = concatenate([row.reshape(1, *x.shape) for row in rows])
    return Exponent(stacked.numeric(), rows[0])
