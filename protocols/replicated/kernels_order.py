"""The loops of permutations and sorting: a separate group of kernels, compiled before its first use."""

from __future__ import annotations

import numpy as np

from protocols import permuting
from protocols.replicated.kernels import Short, Words, kernel

GROUP = "order"
ADD, SUBTRACT, XOR = np.uint64(0), np.uint64(1), np.uint64(2)


permuted = kernel(permuting.PERMUTED, GROUP)(permuting.permuted)


@kernel("u8[::1], u4[::1], u8[::1], i8, u8, u8[::1]", GROUP)
def gathered(x: Words, rows: Short, mask: Words, width: int, how: np.uint64, out: Words) -> None:
    """Records of `width` words: out[i] = x[rows[i]] + mask[i]; `how` takes + (ADD), - (SUBTRACT) or exclusive or."""
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
    """out[:, i] = x[a[i]] - x[b[i]]; a record of x has two words, both components of a value."""
    for i in range(a.size):
        p, q = a[i], b[i]
        out[0, i] = x[p, 0] - x[q, 0]
        out[1, i] = x[p, 1] - x[q, 1]


@kernel("u8[::1], u4[::1], i8, u8[::1]", GROUP)
def taken(x: Words, rows: Short, width: int, out: Words) -> None:
    """Records of `width` words: out[i] = x[rows[i]]."""
    for i in range(rows.size):
        start = np.int64(rows[i]) * width
        for k in range(width):
            out[i * width + k] = x[start + k]


@kernel("u8[::1], u4[::1], u8[::1], u4[::1], i8, u8, u8[::1]", GROUP)
def taken_together(x: Words, rows: Short, y: Words, others: Short, width: int, how: np.uint64, out: Words) -> None:
    """Records of `width` words: out[i] = x[rows[i]] + y[others[i]]; with XOR their exclusive or."""
    for i in range(rows.size):
        start, other = np.int64(rows[i]) * width, np.int64(others[i]) * width
        for k in range(width):
            value, m = x[start + k], y[other + k]
            out[i * width + k] = value ^ m if how == XOR else value + m


@kernel("u8[::1], i8, u8", GROUP)
def add_up(x: Words, width: int, back: np.uint64) -> None:
    """Running sums of records of `width` words, in place; with `back` = 1 from the last record to the first."""
    if back == 1:
        for i in range(x.size - width - 1, -1, -1):
            x[i] += x[i + width]
    else:
        for i in range(width, x.size):
            x[i] += x[i - width]
