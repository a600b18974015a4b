"""The loops over planes of bits, and between planes and words. Local.

A word of a plane contains one bit of each of 64 elements. Arithmetic of the binary field is a list of steps: each adds
one plane, or the and of two planes, to another by exclusive or (see `binary_field`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.shamir.kernels import Words, kernel

Steps = NDArray[np.int64]

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_HALF = np.uint64(32)


@kernel("i8[:,::1], u8[:,:,::1], u8[:,:,::1], u8[:,:,::1]")
def product_planes(steps: Steps, x: Words, y: Words, out: Words) -> None:
    """out[e, k] ^= x[i, k] & y[j, k] for each step (i, j, e): products of field elements."""
    for k in range(out.shape[1]):
        for s in range(steps.shape[0]):
            a = x[steps[s, 0], k]
            b = y[steps[s, 1], k]
            c = out[steps[s, 2], k]
            for w in range(c.size):
                c[w] ^= a[w] & b[w]


@kernel("i8[:,::1], u8[:,:,::1], u8[:,::1]")
def sum_planes(steps: Steps, xs: Words, out: Words) -> None:
    """out[e] ^= xs[j, i] for each step (j, i, e): a sum of elements times constants."""
    for s in range(steps.shape[0]):
        a = xs[steps[s, 0], steps[s, 1]]
        c = out[steps[s, 2]]
        for w in range(c.size):
            c[w] ^= a[w]


@kernel("u8[::1]")
def transpose(a: Words) -> None:
    """Exchange bit j of word i with bit i of word j, for 64 words, in place."""
    span = _HALF
    mask = np.uint64((1 << 32) - 1)
    while span != _ZERO:
        s = np.int64(span)
        i = np.int64(0)
        while i < np.int64(64):
            for k in range(i, i + s):
                moved = ((a[k] >> span) ^ a[k + s]) & mask
                a[k] ^= moved << span
                a[k + s] ^= moved
            i += np.int64(2) * s
        span >>= _ONE
        mask ^= mask << span


@kernel("u8[:,::1], u8[::1], u8[:,::1]")
def to_planes(x: Words, scratch: Words, out: Words) -> None:
    """out[j] = bit j of each element (two words); bits beyond the elements are zero."""
    size, planes = x.shape[0], out.shape[0]
    for w in range(out.shape[1]):
        for half in range(2):
            first = half * 64
            if first >= planes:
                break
            for i in range(64):
                at = w * 64 + i
                scratch[i] = x[at, half] if at < size else _ZERO
            transpose(scratch)
            for j in range(min(64, planes - first)):
                out[first + j, w] = scratch[j]


@kernel("u8[:,::1], u8[::1], u8[::1]")
def from_planes(x: Words, scratch: Words, out: Words) -> None:
    """Words of at most 64 bits from their planes."""
    size, planes = out.size, x.shape[0]
    for w in range(x.shape[1]):
        for j in range(64):
            scratch[j] = x[j, w] if j < planes else _ZERO
        transpose(scratch)
        for i in range(min(64, size - w * 64)):
            out[w * 64 + i] = scratch[i]


@kernel("u8[::1], u8[:,::1]")
def bits_to_field(x: Words, out: Words) -> None:
    """Bits of a plane as the elements 0 and 1."""
    for i in range(out.shape[0]):
        out[i, 0] = (x[i >> 6] >> np.uint64(i & 63)) & _ONE
        out[i, 1] = _ZERO
