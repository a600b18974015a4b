"""The fused loops over share arrays, compiled by numba. Local: arrays in, arrays out.

All arrays are C-contiguous; `protocols.compiled` has the other rules of kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.compiled import Kernels

Words = NDArray[np.uint64]
Short = NDArray[np.uint32]
Octets = NDArray[np.uint8]
Reals = NDArray[np.float64]

ZERO, ONE, ALL = np.uint64(0), np.uint64(1), np.uint64((1 << 64) - 1)
_TOP = np.uint64(63)
_HALF = np.uint64(1 << 62)

_kernels = Kernels()
kernel, ready, loaded = _kernels.kernel, _kernels.ready, _kernels.loaded
#: The kernels of all groups: "base", and the groups that modules of this folder declare.
GROUPS: dict[str, dict[str, tuple[Any, str]]] = _kernels.groups
KERNELS = GROUPS["base"]


@kernel("u8[:,::1], u8[:,::1], i8, i8, u8, u8[::1]")
def cross(x: Words, y: Words, start: int, stop: int, squares: np.uint64, out: Words) -> None:
    """out += x0*y1 + x1*y0 (+ x1*y1 if squares is 1) over elements start..stop."""
    x0, x1, y0, y1 = x[0, start:stop], x[1, start:stop], y[0, start:stop], y[1, start:stop]
    for i in range(out.size):
        out[i] += x0[i] * y1[i] + x1[i] * (y0[i] + squares * y1[i])


@kernel("u8[:,::1], u8[:,::1], i8, i8, u8[::1]")
def square(x: Words, y: Words, start: int, stop: int, out: Words) -> None:
    """out = (x0+x1) * (y0+y1) over elements start..stop."""
    x0, x1, y0, y1 = x[0, start:stop], x[1, start:stop], y[0, start:stop], y[1, start:stop]
    for i in range(out.size):
        out[i] = (x0[i] + x1[i]) * (y0[i] + y1[i])


@kernel("u8[::1], u8[::1], u8[::1], u8[::1], u8, u8[::1], u1[::1]")
def shift_d(p: Words, q: Words, r: Words, mask: Words, bits: np.uint64, u: Words, top: Octets) -> None:
    """A = p+q+r+2^62: u = (A shifted right arithmetically) - mask, top = its highest bit."""
    for i in range(u.size):
        a = p[i] + q[i] + r[i] + _HALF
        u[i] = np.uint64(np.int64(a) >> np.int64(bits)) - mask[i]
        top[i] = np.uint8(a >> _TOP)


@kernel("u8[::1], u8[::1], u1[::1], u8, u8[::1]")
def lift(base: Words, w: Words, e: Octets, up: np.uint64, out: Words) -> None:
    """out = base + ((1-2e) * w << up)."""
    for i in range(out.size):
        negative = ZERO - np.uint64(e[i])
        out[i] = base[i] + (((w[i] ^ negative) - negative) << up)


@kernel("u8[::1], u8[::1], u8[::1], u1[::1], u8, u8[::1]")
def shift_ef(b: Words, s1: Words, s2: Words, e: Octets, bits: np.uint64, out: Words) -> None:
    """out = (B shifted right arithmetically) + ((e*top(B) + (1-2e)*(s1+s2)) << 64-bits) + 1 - 2^(62-bits)."""
    up = np.uint64(64) - bits
    offset = ONE - (_HALF >> bits)
    for i in range(out.size):
        flip = np.uint64(e[i])
        negative = ZERO - flip
        carry = (flip & (b[i] >> _TOP)) + (((s1[i] + s2[i]) ^ negative) - negative)
        out[i] = np.uint64(np.int64(b[i]) >> np.int64(bits)) + (carry << up) + offset


_S21, _S22, _S42 = np.uint64(21), np.uint64(22), np.uint64(42)
_LIMB, _TOP_LIMB = np.uint64((1 << 22) - 1), np.uint64((1 << 21) - 1)
_OFFSET, _TOP_OFFSET = np.uint64(1 << 21), np.uint64(1 << 20)


@kernel("u8[:,::1], u8[:,::1], i8, u8, u8, b1, f8[:,::1], f8[:,::1], f8[:,::1]")
def split(
    p: Words,
    q: Words,
    column: int,
    shift: np.uint64,
    flip: np.uint64,
    left: bool,
    middle: Reals,
    both: Reals,
    crossed: Reals,
) -> None:
    """Limbs of p 2^shift + q modulo 2^65, or of p 2^shift - q modulo 2^64 (if all bits of `flip` are set), from
    `column` on: low + 2^22 middle + 2^44 high, low and middle in [-2^21, 2^21), high in [-2^20, 2^20); both = low +
    middle. `crossed` holds low and high side by side (left), or high above low."""
    rows, columns = middle.shape
    for i in range(rows):
        a, b, m, s = p[i], q[i], middle[i], both[i]
        if left:
            low, high = crossed[i, :columns], crossed[i, columns:]
        else:
            low, high = crossed[rows + i], crossed[i]
        for j in range(columns):
            x = a[column + j]
            shifted = x << shift
            word = shifted + ((b[column + j] ^ flip) - flip)
            top = ((x >> _TOP) & shift) + np.uint64(word < shifted)
            # An offset makes all limbs nonnegative, so that they fit 32 bits without a sign.
            moved = word + _OFFSET
            top += np.uint64(moved < word)
            l = np.float64(np.uint32(moved & _LIMB)) - 2097152.0  # noqa: E741
            rest = (moved >> _S22) + (top << _S42) + _OFFSET
            k = np.float64(np.uint32(rest & _LIMB)) - 2097152.0
            rest = (rest >> _S22) + _TOP_OFFSET
            low[j] = l
            m[j] = k
            high[j] = np.float64(np.uint32(rest & _TOP_LIMB)) - 1048576.0
            s[j] = l + k


@kernel("f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], u8[:,::1]")
def gather_less(low: Reals, middle: Reals, both: Reals, high: Reals, out: Words) -> None:
    """out -= low + 2^22 (both - low - middle) + 2^44 (middle + high)."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            l, m = np.int64(low[i, j]), np.int64(middle[i, j])  # noqa: E741
            b, h = np.int64(both[i, j]), np.int64(high[i, j])
            out[i, j] -= np.uint64(l + ((b - l - m) << np.int64(22)) + ((m + h) << np.int64(44)))


@kernel("f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], i8, u8[:,::1]")
def gather_half(low: Reals, middle: Reals, both: Reals, high: Reals, up: int, out: Words) -> None:
    """out += half of the sum that `gather_less` subtracts, rounded up (up = 1) or down (0)."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            l, m = np.int64(low[i, j]), np.int64(middle[i, j])  # noqa: E741
            b, h = np.int64(both[i, j]), np.int64(high[i, j])
            half = (l + np.int64(up)) >> np.int64(1)
            out[i, j] += np.uint64(half + ((b - l - m) << np.int64(21)) + ((m + h) << np.int64(43)))


@kernel("u4[:,::1], u4, u4, u4, u4, u4[::1]")
def tree(g: Short, p_at: np.uint32, pair: np.uint32, mask: np.uint32, p_to: np.uint32, out: Short) -> None:
    """This party's part of P_high G_low and of P_high P_low for pairs of lanes at the distance `pair`."""
    high = p_at + pair
    for i in range(out.size):
        g0, g1 = g[0, i], g[1, i]
        x0, x1 = (g0 >> high) & mask, (g1 >> high) & mask
        x0, x1 = x0 | (x0 << p_to), x1 | (x1 << p_to)
        y0 = (g0 & mask) | (((g0 >> p_at) & mask) << p_to)
        y1 = (g1 & mask) | (((g1 >> p_at) & mask) << p_to)
        out[i] = np.uint32((x1 & (y0 ^ y1)) ^ (x0 & y1))


@kernel("u4[:,::1], u4, u4, u4[:,::1]")
def joined(both: Short, pair: np.uint32, mask: np.uint32, g: Short) -> None:
    """Enter the reshared result of `tree`: G = G_high + P_high G_low, P = P_high P_low."""
    for r in range(2):
        for i in range(g.shape[1]):
            g[r, i] = np.uint32(both[r, i] ^ ((g[r, i] >> pair) & mask))


@kernel("u1[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1]")
def select(e: Octets, other: Words, known: Words, v: Words, a: Words, s: Words, out: Words) -> None:
    """out = e*other + (1-2e) * (v + a*known) + s."""
    for i in range(out.size):
        negative = ZERO - np.uint64(e[i])
        inner = v[i] + a[i] * known[i]
        out[i] = (other[i] & negative) + ((inner ^ negative) - negative) + s[i]


@kernel("u8[:,::1], u8[:,::1], u8, u8, u8, u8[::1]")
def adder(g: Words, p: Words, upper: np.uint64, highest: np.uint64, span: np.uint64, out: Words) -> None:
    """This party's part of one level of a carry tree: P_upper G_lower in the upper halves, P_upper P_lower below."""
    for i in range(out.size):
        x0, x1 = p[0, i] & upper, p[1, i] & upper
        y0, y1 = (g[0, i] & highest) << ONE, (g[1, i] & highest) << ONE
        z0, z1 = (p[0, i] & highest) << ONE, (p[1, i] & highest) << ONE
        # (bit << span) - bit copies the highest bit of a lower half to all bits of the upper half beside it
        y0, y1 = (y0 << span) - y0, (y1 << span) - y1
        z0, z1 = (z0 << span) - z0, (z1 << span) - z1
        y0, y1 = (y0 & upper) | ((z0 & upper) >> span), (y1 & upper) | ((z1 & upper) >> span)
        x0, x1 = x0 | (x0 >> span), x1 | (x1 >> span)
        out[i] = (x1 & (y0 ^ y1)) ^ (x0 & y1)


@kernel("u8[:,::1], u8, u8, u8[:,::1], u8[:,::1]")
def added(both: Words, upper: np.uint64, span: np.uint64, g: Words, p: Words) -> None:
    """Enter the reshared result of `adder` in g and p."""
    for r in range(2):
        for i in range(g.shape[1]):
            b = both[r, i]
            g[r, i] ^= b & upper
            p[r, i] = (p[r, i] & ~upper) | ((b << span) & upper)


@kernel("u8[:,::1], u8, u8, u8, u8[::1]")
def ander(q: Words, upper: np.uint64, lowest: np.uint64, span: np.uint64, out: Words) -> None:
    """This party's part of one level of a tree of ands from the top: the and of the lowest bit of each upper half and
    each bit of the lower half beside it. Words 2i and 2i+1 share out[i]: 2i in the lower halves, 2i+1 moved up."""
    lower = ~upper
    for i in range(out.size):
        both = ZERO
        for j in range(2):
            q0, q1 = q[0, 2 * i + j], q[1, 2 * i + j]
            y0, y1 = q0 & lowest, q1 & lowest
            y0, y1 = y0 - (y0 >> span), y1 - (y1 >> span)
            q0, q1 = q0 & lower, q1 & lower
            both |= ((q1 & (y0 ^ y1)) ^ (q0 & y1)) << (span * np.uint64(j))
        out[i] = both


@kernel("u8[:,::1], u8, u8, u8[:,::1]")
def anded(both: Words, upper: np.uint64, span: np.uint64, q: Words) -> None:
    """Enter the reshared result of `ander` in the lower halves of q."""
    for r in range(2):
        for i in range(both.shape[1]):
            b = both[r, i]
            q[r, 2 * i] = (q[r, 2 * i] & upper) | (b & ~upper)
            q[r, 2 * i + 1] = (q[r, 2 * i + 1] & upper) | ((b & upper) >> span)


@kernel("u8[:,::1], u8, u8, u8[::1]")
def fold(q: Words, lower: np.uint64, span: np.uint64, out: Words) -> None:
    """This party's part of the ands of bits at the distance `span`, at the bits `lower`. Words j and j + out.size share
    out[j]: word j in its place, word j + out.size moved up by `span`."""
    half = out.size
    for j in range(half):
        x0, x1 = q[0, j], q[1, j]
        y0, y1 = x0 >> span, x1 >> span
        out[j] = ((x1 & (y0 ^ y1)) ^ (x0 & y1)) & lower
    for j in range(q.shape[1] - half):
        x0, x1 = q[0, half + j], q[1, half + j]
        y0, y1 = x0 >> span, x1 >> span
        out[j] |= (((x1 & (y0 ^ y1)) ^ (x0 & y1)) & lower) << span


@kernel("u8[::1], i8[::1], u1[::1]")
def unfolded(q: Words, sizes: NDArray[np.int64], out: Octets) -> None:
    """The bit of each element after six foldings (spans 32, 16, ..., 1) into `sizes` words."""
    for i in range(out.size):
        word, bit = i, ZERO
        for k in range(6):
            bit <<= ONE
            if word >= sizes[k]:
                word -= sizes[k]
                bit |= ONE
        out[i] = np.uint8((q[word] >> bit) & ONE)


@kernel("u8[:,::1], u1[:,:,::1]")
def spread(x: Words, out: Octets) -> None:
    """out[row, j, i] = bit j of x[row, i]."""
    for row in range(out.shape[0]):
        for j in range(out.shape[1]):
            place = np.uint64(j)
            for i in range(out.shape[2]):
                out[row, j, i] = np.uint8((x[row, i] >> place) & ONE)
