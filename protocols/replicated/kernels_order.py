"""The loops of permutations and sorting: the kernels' second group, compiled when it is first asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.replicated.kernels import ONE, Short, Words, kernel

GROUP = "order"
ADD, SUBTRACT, XOR = np.uint64(0), np.uint64(1), np.uint64(2)
_LOW, _32 = np.uint64((1 << 32) - 1), np.uint64(32)


@kernel("u8[::1], u4[::1]", GROUP)
def permuted(words: Words, out: Short) -> None:
    """A permutation of 0..n-1, n < 2^32: Fisher and Yates, each position by the high half of a word times the number
    of places. Of the n! permutations each comes up with its share of the random words to within n/2^64 a position."""
    for i in range(out.size):
        out[i] = np.uint32(i)
    for i in range(out.size - 1, 0, -1):
        places = np.uint64(i) + ONE
        word = words[i]
        j = ((word >> _32) * places + (((word & _LOW) * places) >> _32)) >> _32
        kept = out[i]
        out[i] = out[j]
        out[j] = kept


@kernel("u8[::1], u4[::1], u8[::1], i8, u8, u8[::1]", GROUP)
def gathered(x: Words, rows: Short, mask: Words, width: int, how: np.uint64, out: Words) -> None:
    """Records of `width` words: out[i] = x[rows[i]] + mask[i] (or minus, or exclusive or)."""
    for i in range(rows.size):
        start = np.int64(rows[i]) * width
        for k in range(width):
            value, m = x[start + k], mask[i * width + k]
            if how == ADD:
                out[i * width + k] = value + m
            elif how == SUBTRACT:
                out[i * width + k] = value - m
            else:
                out[i * width + k] = value ^ m


@kernel("u8[:,::1], u4[::1], u4[::1], u8[:,::1]", GROUP)
def differences(x: Words, a: Short, b: Short, out: Words) -> None:
    """out[:, i] = x[a[i]] - x[b[i]] of records of two words, both components of one value."""
    for i in range(a.size):
        p, q = a[i], b[i]
        out[0, i] = x[p, 0] - x[q, 0]
        out[1, i] = x[p, 1] - x[q, 1]


@kernel("u4[::1], i8[::1], u4[::1], u4[::1]", GROUP)
def pairs(members: Short, counts: NDArray[np.int64], a: Short, b: Short) -> None:
    """All pairs within groups: the first counts[0] members are the first group, and so on."""
    start, done = 0, 0
    for group in range(counts.size):
        stop = start + counts[group]
        for i in range(start, stop):
            for j in range(i + 1, stop):
                a[done] = members[i]
                b[done] = members[j]
                done += 1
        start = stop
