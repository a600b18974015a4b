"""The loops over rows of words: permutations, rearrangements of rows, and running sums. Local."""

from __future__ import annotations

import numpy as np

from protocols import permuting
from protocols.permuting import Places
from protocols.shamir import prime
from protocols.shamir.kernels import ZERO, Words, kernel

permuted = kernel(permuting.PERMUTED)(permuting.permuted)


@kernel("u8[:,::1], u4[::1], u8[:,::1]")
def gathered(x: Words, rows: Places, out: Words) -> None:
    """out[i] = x[rows[i]]."""
    for i in range(rows.size):
        at = np.int64(rows[i])
        for k in range(x.shape[1]):
            out[i, k] = x[at, k]


@kernel("u8[:,::1], u4[::1], u8[:,::1]")
def scattered(x: Words, rows: Places, out: Words) -> None:
    """out[rows[i]] = x[i]."""
    for i in range(rows.size):
        at = np.int64(rows[i])
        for k in range(x.shape[1]):
            out[at, k] = x[i, k]


@kernel("u8[:,::1], u8[:,::1]")
def sums_before(x: Words, out: Words) -> None:
    """out[i] = the sum of x[0] to x[i-1], modulo 2^127 - 1."""
    low, high = ZERO, ZERO
    for i in range(x.shape[0]):
        out[i, 0] = low
        out[i, 1] = high
        low, high = prime.add(low, high, x[i, 0], x[i, 1])
