"""Functions of one variable by piecewise cubics in public tables.

A table is computed by every party for itself and must be the same at all of them, so it comes from decimal arithmetic
that is correctly rounded, not from the floating point of a machine.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError
from mpc.values.secret import SecretArray
from mpc.values.stated import Stated

Function = Callable[[Decimal], Decimal]
_EXACT = Context(prec=50)
#: cos((2 k + 1) pi / 8), k = 0..3: Chebyshev's nodes of degree 3.
_NODES = tuple(
    Decimal(c)
    for c in (
        "0.92387953251128675612818318939678828682",
        "0.38268343236508977172845998403039886676",
        "-0.38268343236508977172845998403039886676",
        "-0.92387953251128675612818318939678828682",
    )
)
#: Fraction bits of the position inside a piece: see `Engine.piecewise_cubic`.
_UNIT = 28
_PIECES = (8, 16, 32, 64, 128, 256, 512)


class Pieces(NamedTuple):
    """A function on [low, high] in pieces of width 2^-fine; the first piece is below `low`."""

    function: Function
    low: Decimal
    high: Decimal
    fine: int

    @property
    def number(self) -> int:
        """The number of pieces, as tables have it."""
        needed = int(((self.high - self.low) * 2**self.fine).to_integral_value(rounding="ROUND_CEILING")) + 2
        return next(number for number in _PIECES if number >= needed)


@lru_cache(maxsize=64)
def table(pieces: Pieces) -> tuple[NDArray[np.int64], int]:
    """Coefficients (4, pieces), with a piece's width as the unit, and their fraction bits: as many as fit 31 bits.

    Each cubic meets the function at Chebyshev's nodes of its piece and the next one: for width h the error is
    h^4 / 192 times the largest fourth derivative there.
    """
    with localcontext(_EXACT):
        width = Decimal(1) / Decimal(1 << pieces.fine)
        rows = [_cubic(pieces.function, pieces.low + (i - 1) * width, width) for i in range(pieces.number)]
        largest = max(abs(c) for row in rows for c in row)
        bits = 30 - max(int(largest).bit_length(), 0)
        scaled = [[int((c * (1 << bits)).to_integral_value()) for c in row] for row in rows]
    return np.ascontiguousarray(np.asarray(scaled, np.int64).T), bits


def _cubic(function: Function, start: Decimal, width: Decimal) -> list[Decimal]:
    """Coefficients in u of the cubic that meets function(start + u width) at four nodes of 0 <= u <= 2."""
    nodes = [1 + c for c in _NODES]
    divided = [function(start + u * width) for u in nodes]
    for order in range(1, 4):
        for k in range(3, order - 1, -1):
            divided[k] = (divided[k] - divided[k - 1]) / (nodes[k] - nodes[k - order])
    coefficients = [divided[3]]
    for k in (2, 1, 0):  # times (u - node) plus the next one
        up = [Decimal(0), *coefficients]
        coefficients = [a - nodes[k] * b for a, b in zip(up, [*coefficients, Decimal(0)], strict=True)]
        coefficients[0] += divided[k]
    return coefficients


def tabulated(x: SecretArray, pieces: Pieces, *, frac: int, bound: int) -> SecretArray:
    """The function at x, elementwise, with `frac` fraction bits.

    Range     pieces.low <= x <= pieces.high, as the caller has proved; outside the result means nothing
    Error     that of the cubics, five last places of the table, and a cut of the engine
    Bound     `bound`, as the caller has proved for the range
    Rounds    3
    """
    coefficients, bits = table(pieces)
    step = x.frac - pieces.fine
    if step < 0:
        raise RangeError(f"tabulated: {x!r} has {x.frac} fraction bits; at least {pieces.fine} tell the pieces apart")
    with localcontext(_EXACT):
        low = int((pieces.low * Decimal(2) ** x.frac).to_integral_value(rounding="ROUND_FLOOR")) - (1 << step)
    drop = bits + _UNIT - frac
    result = Stated(bound=bound + x.run.engine.rounding - 1, frac=frac, type="fixed")
    return x.invoke("piecewise_cubic", low=low, step=step, table=coefficients, bits=drop, result=result)
