"""The loop of a universal hash: a separate group of kernels, since few runs use it."""

from __future__ import annotations

import numpy as np

from protocols.replicated.kernels import ONE, ZERO, Words, kernel

GROUP = "hash"
_32, _LOW = np.uint64(32), np.uint64((1 << 32) - 1)


@kernel("u8[:,::1], u8[:,::1], u8[::1]", GROUP)
def hashed(x: Words, keys: Words, out: Words) -> None:
    """The high half of a_0 x_0 + a_1 x_1 + ... + b modulo 2^128 for each row of x. Row 0 of `keys` has the high halves
    of a_0, a_1, ..., b, row 1 the low halves."""
    last = x.shape[1]
    for i in range(out.size):
        high, low = keys[0, last], keys[1, last]
        for j in range(last):
            a, b = keys[1, j], x[i, j]
            a0, a1, b0, b1 = a & _LOW, a >> _32, b & _LOW, b >> _32
            middle = a1 * b0 + ((a0 * b0) >> _32)
            other = a0 * b1 + (middle & _LOW)
            high += a1 * b1 + (middle >> _32) + (other >> _32) + keys[0, j] * b
            product = a * b
            low += product
            high += ONE if low < product else ZERO
        out[i] = high
