"""Numbers to open as a mantissa and a power of two, so that the opened pair is a function of the value alone."""

from __future__ import annotations

from mpc.values.secret import SecretArray
from protocols.numeric.normalize import F, leading_bit


def floating(x: SecretArray, exponent: SecretArray) -> tuple[SecretArray, SecretArray]:
    """x * 2^exponent for x in [2^-4, 8), with its mantissa normalised to [1, 2), 30 fraction bits; 0 stays 0."""
    width = F + 3
    leading = leading_bit(x, width)
    shifts = [min(width - 1 - j, 10) for j in range(width)]
    mantissa = x.times(leading.table([1 << s for s in shifts]), bound=1 << width)
    normal = mantissa.rescaled(width - 1)
    return normal, exponent - leading.table(shifts) + (width - 1 - F)
