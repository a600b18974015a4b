"""The loops over shares modulo 2^127 - 1: arrays of shape (elements, 2), low and high words. Local.

All arrays are C-contiguous; the other rules of kernels are in `protocols.compiled`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.compiled import Kernels
from protocols.shamir import prime

Words = NDArray[np.uint64]
Integers = NDArray[np.int64]

ZERO, ONE, WORD = np.uint64(0), np.uint64(1), np.uint64(64)
_LOW = np.uint64((1 << 64) - 1)
_HIGH = np.uint64((1 << 63) - 1)
_NEGATIVE = np.int64(0)

KERNELS = Kernels()
kernel, ready = KERNELS.kernel, KERNELS.ready
#: All kernels by group, also those that other modules of this folder declare.
GROUPS = KERNELS.groups


@kernel("u8[:,::1], u8[:,::1], u8[:,::1]")
def add(x: Words, y: Words, out: Words) -> None:
    """out = x + y."""
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = prime.add(x[i, 0], x[i, 1], y[i, 0], y[i, 1])


@kernel("u8[:,::1], u8[:,::1], u8[:,::1]")
def subtract(x: Words, y: Words, out: Words) -> None:
    """out = x - y."""
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = prime.sub(x[i, 0], x[i, 1], y[i, 0], y[i, 1])


@kernel("u8[:,::1], u8[:,::1], u8[:,::1]")
def multiply(x: Words, y: Words, out: Words) -> None:
    """out = x * y."""
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = prime.mul(x[i, 0], x[i, 1], y[i, 0], y[i, 1])


@kernel("u8[:,::1], u8[:,::1], u8[:,::1]")
def multiply_add(x: Words, y: Words, out: Words) -> None:
    """out += x * y."""
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = prime.mul_add(out[i, 0], out[i, 1], x[i, 0], x[i, 1], y[i, 0], y[i, 1])


@kernel("u8[:,::1], u8, u8, u8[:,::1]")
def add_one(x: Words, low: np.uint64, high: np.uint64, out: Words) -> None:
    """out = x + a public element."""
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = prime.add(x[i, 0], x[i, 1], low, high)


@kernel("u8[:,::1], u8, u8, u8[:,::1]")
def scale_one(x: Words, low: np.uint64, high: np.uint64, out: Words) -> None:
    """out = x * a public element."""
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = prime.mul(x[i, 0], x[i, 1], low, high)


@kernel("u8[:,::1], u8[:,:,::1], u8[:,::1]")
def combine(coefficients: Words, xs: Words, out: Words) -> None:
    """out = the sum of coefficients[j] * xs[j]."""
    c0, c1 = coefficients[0, 0], coefficients[0, 1]
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = prime.mul(xs[0, i, 0], xs[0, i, 1], c0, c1)
    for j in range(1, coefficients.shape[0]):
        c0, c1 = coefficients[j, 0], coefficients[j, 1]
        for i in range(out.shape[0]):
            out[i, 0], out[i, 1] = prime.mul_add(out[i, 0], out[i, 1], xs[j, i, 0], xs[j, i, 1], c0, c1)


@kernel("u8[:,::1], u8[:,:,::1], u8[:,:,::1], u8[:,:,::1]")
def spread(secret: Words, streams: Words, coefficients: Words, out: Words) -> None:
    """out[k] = coefficients[k, 0] * secret + the sum of coefficients[k, j + 1] * streams[j]; the highest bit of each
    stream element is ignored."""
    for k in range(out.shape[0]):
        c0, c1 = coefficients[k, 0, 0], coefficients[k, 0, 1]
        d0, d1 = coefficients[k, 1, 0], coefficients[k, 1, 1]
        for i in range(out.shape[1]):
            a, b = prime.mul(secret[i, 0], secret[i, 1], c0, c1)
            out[k, i, 0], out[k, i, 1] = prime.mul_add(a, b, streams[0, i, 0], streams[0, i, 1] & _HIGH, d0, d1)
        for j in range(1, streams.shape[0]):
            d0, d1 = coefficients[k, j + 1, 0], coefficients[k, j + 1, 1]
            for i in range(out.shape[1]):
                out[k, i, 0], out[k, i, 1] = prime.mul_add(
                    out[k, i, 0], out[k, i, 1], streams[j, i, 0], streams[j, i, 1] & _HIGH, d0, d1
                )


@kernel("u8[:,::1], u8[:,::1], u8[:,::1]")
def add_stream(x: Words, stream: Words, out: Words) -> None:
    """out = x + a stream; the highest bit of each stream element is ignored."""
    for i in range(out.shape[0]):
        out[i, 0], out[i, 1] = prime.add(x[i, 0], x[i, 1], stream[i, 0], stream[i, 1] & _HIGH)


@kernel("u8[:,::1], u8")
def drawn(x: Words, bits: np.uint64) -> None:
    """Cut random words to `bits` bits, at most 127, and make them elements, in place."""
    low, high = _LOW, _HIGH
    if bits <= WORD:
        low, high = low >> (WORD - bits), ZERO
    else:
        high = _LOW >> (np.uint64(128) - bits)
    for i in range(x.shape[0]):
        x[i, 0], x[i, 1] = prime.add(x[i, 0] & low, x[i, 1] & high, ZERO, ZERO)


@kernel("u8[:,:,::1], u8[:,:,::1], u8[:,:,::1], u8[:,::1]")
def bilinear(coefficients: Words, low: Words, high: Words, out: Words) -> None:
    """out = the sum over r and c of coefficients[r, c] * high[r] * low[c]."""
    for i in range(out.shape[0]):
        total0, total1 = ZERO, ZERO
        for r in range(coefficients.shape[0]):
            inner0, inner1 = ZERO, ZERO
            for c in range(coefficients.shape[1]):
                inner0, inner1 = prime.mul_add(
                    inner0, inner1, low[c, i, 0], low[c, i, 1], coefficients[r, c, 0], coefficients[r, c, 1]
                )
            total0, total1 = prime.mul_add(total0, total1, inner0, inner1, high[r, i, 0], high[r, i, 1])
        out[i, 0] = total0
        out[i, 1] = total1


@kernel("i8[::1], u8[:,::1]")
def encode(values: Integers, out: Words) -> None:
    """Signed integers as elements."""
    for i in range(out.shape[0]):
        if values[i] < _NEGATIVE:
            out[i, 0], out[i, 1] = prime.sub(ZERO, ZERO, np.uint64(-values[i]), ZERO)
        else:
            out[i, 0] = np.uint64(values[i])
            out[i, 1] = ZERO


@kernel("u8[:,::1], i8[::1], i8[::1]")
def decode(x: Words, out: Integers, beyond: Integers) -> None:
    """Elements within +-2^62 as signed integers; beyond[0] counts the others."""
    for i in range(out.size):
        low, high = prime.add(x[i, 0], x[i, 1], np.uint64(1 << 62), ZERO)
        if high != ZERO or low >> np.uint64(63) != ZERO:
            beyond[0] += np.int64(1)
        out[i] = np.int64(low) - np.int64(1 << 62)


@kernel("u8[:,::1], u8, u8, u8, u8[:,::1]")
def shifted(x: Words, low: np.uint64, high: np.uint64, bits: np.uint64, out: Words) -> None:
    """out = (x + a public number) shifted right by 0 to 126 bits, on numbers below 2^128."""
    for i in range(out.shape[0]):
        a = x[i, 0] + low
        b = x[i, 1] + high + np.uint64(a < low)
        if bits >= WORD:
            a, b = b >> (bits - WORD), ZERO
        elif bits > ZERO:
            a, b = (a >> bits) | (b << (WORD - bits)), b >> bits
        out[i, 0] = a
        out[i, 1] = b


@kernel("u8[:,::1], u8[:,::1]")
def negated(x: Words, out: Words) -> None:
    """out = -x modulo 2^128, as two's complement and not as an element."""
    for i in range(out.shape[0]):
        low = ~x[i, 0] + ONE
        out[i, 1] = ~x[i, 1] + np.uint64(low == ZERO)
        out[i, 0] = low


@kernel("u8[:,::1], i8, i8, i8, u8[:,::1]")
def sum_over(x: Words, outer: int, extent: int, inner: int, out: Words) -> None:
    """out[i, k] = the sum of x[i, j, k] over j."""
    for i in range(outer):
        for k in range(inner):
            low, high = ZERO, ZERO
            for j in range(extent):
                at = (i * extent + j) * inner + k
                low, high = prime.add(low, high, x[at, 0], x[at, 1])
            out[i * inner + k, 0] = low
            out[i * inner + k, 1] = high


@kernel("u8[:,::1], i8, i8, i8, u8[:,::1]")
def cumulative_sum(x: Words, outer: int, extent: int, inner: int, out: Words) -> None:
    """out[i, j, k] = the sum of x[i, 0, k] to x[i, j, k]."""
    for i in range(outer):
        for k in range(inner):
            low, high = ZERO, ZERO
            for j in range(extent):
                at = (i * extent + j) * inner + k
                low, high = prime.add(low, high, x[at, 0], x[at, 1])
                out[at, 0] = low
                out[at, 1] = high


@kernel("u8[:,:,::1], u8[:,:,::1], i8, i8, u8[:,:,::1]")
def matmul(x: Words, y: Words, start: int, stop: int, out: Words) -> None:
    """Rows start..stop of out = x @ y."""
    inner, columns = y.shape[0], y.shape[1]
    for i in range(start, stop):
        for j in range(columns):
            out[i, j, 0] = ZERO
            out[i, j, 1] = ZERO
        for k in range(inner):
            c0, c1 = x[i, k, 0], x[i, k, 1]
            for j in range(columns):
                out[i, j, 0], out[i, j, 1] = prime.mul_add(out[i, j, 0], out[i, j, 1], y[k, j, 0], y[k, j, 1], c0, c1)
