"""Random numbers and orders that nobody knows."""

from __future__ import annotations

from typing import overload

from mpc.errors import RangeError, ShapeError
from mpc.machine.engine import Shape
from mpc.machine.runtime import Runtime
from mpc.releases.study import Study, runtime_of
from mpc.values.basis import PUBLIC
from mpc.values.secret import SecretArray, constant
from protocols.order import random_order

#: Random bits that a remainder is taken of; bits of the widest range that is no power of two.
_DRAWN, _WIDEST = 61, 53
#: By how many bits what is reduced is longer than the range: the statistical distance from uniform is 2^-_HIDDEN.
_HIDDEN = 40


class Random:
    """Draws secret random numbers in a study's script, or in a run; each call draws new ones.

    What is drawn says nothing about anybody, so it is released as public numbers are. What is computed from it and from
    rows stands on the rows.

    of        the study, in a script; a run, in tests and notebooks
    Security  as the engine's: no coalition up to the threshold learns anything about what is drawn
    """

    def __init__(self, of: Study | Runtime) -> None:
        self._run = runtime_of(of) if isinstance(of, Study) else of

    def bits(self, size: int | Shape = ()) -> SecretArray:
        """Uniform bools of a shape. Local."""
        handle = self._run.schedule("random_bits", shape=_shape(size), width=1)
        return SecretArray(self._run, handle, type="bool", basis=PUBLIC)

    def integers(self, low: int, high: int | None = None, size: int | Shape = ()) -> SecretArray:
        """Uniform integers from `low` on and below `high`, or from 0 on and below `low`, as NumPy's generators give.

        Error     none where high - low is a power of two; else each is within 2^-40 of uniform (statistical distance)
        Rounds    2; else those of a remainder of 61 bits, too, once, twice beyond 2^21, up to five times for 2^53
        Raises    RangeError for an empty range, one beyond 2^61, and one beyond 2^53 that is no power of two
        """
        first, span = (0, low) if high is None else (low, high - low)
        if span < 1:
            raise RangeError(f"integers: no integer from {first} on and below {first + span}")
        if span & (span - 1) == 0 and span <= 1 << _DRAWN:
            return self._below_power((span - 1).bit_length(), _shape(size)) + first
        if span >= 1 << _WIDEST:
            raise RangeError(
                f"integers: one of {span} numbers; draw one of fewer than 2^{_WIDEST}, or of a power of two"
            )
        width, drawn = span.bit_length(), _DRAWN
        number = self._below_power(_DRAWN, _shape(size)) % span
        while drawn < width + _HIDDEN:  # the remainder of so many bits more
            more = _DRAWN - width
            number = ((number << more) + self._below_power(more, _shape(size))) % span
            drawn += more
        return number + first

    @overload
    def permutation(self, x: int) -> SecretArray: ...
    @overload
    def permutation(self, x: SecretArray) -> SecretArray: ...
    def permutation(self, x: int | SecretArray) -> SecretArray:
        """The numbers from 0 on and below x in a random order; or the rows of an array, whole records with their masks.

        Rounds    2 among three parties
        Error     uniform but for the engine's distance: n^2 / 2^130 for n rows (replicated)
        """
        rows = x if isinstance(x, int) else len(x)
        order = random_order(self._run, rows)
        return order.sources() if isinstance(x, int) else order.apply(x)

    def _below_power(self, width: int, shape: Shape) -> SecretArray:
        """Uniform integers of so many bits."""
        if not width:
            return constant(self._run, 0).broadcast_to(shape)
        words = self._run.schedule("random_bits", shape=shape, width=width)
        handle = self._run.schedule("recompose", words)
        return SecretArray(self._run, handle, type="int", bound=(1 << width) - 1, basis=PUBLIC)


def _shape(size: int | Shape) -> Shape:
    shape = (size,) if isinstance(size, int) else tuple(size)
    if any(extent < 0 for extent in shape):
        raise ShapeError(f"a shape of {shape}: no extent is negative")
    return shape
