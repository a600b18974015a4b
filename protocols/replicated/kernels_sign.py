"""The loops of the comparison: products of bits of A, and the carries of digits of A + B evaluated from shares of them.

A digit has its bits in one lane of four. Words 0 and 1 hold, for every digit, the products of its three lower bits,
and words 2 and 3, for digits of four bits, all these times the fourth one:

    0: a0, a1, a2, a0 a1        1: a0 a2, a1 a2, a0 a1 a2, (free)
    2: a3, a0 a3, a1 a3, a2 a3  3: a0 a1 a3, a0 a2 a3, a1 a2 a3, a0 a1 a2 a3

The first digits have four bits, the further ones three, so that the digits fill the leaves of the tree.
"""

from __future__ import annotations

import numpy as np

from protocols.replicated.kernels import ALL, ONE, ZERO, Short, Words, kernel

_LANES = np.uint64(0x1111111111111111)
_2, _3 = np.uint64(2), np.uint64(3)
_8, _4 = np.uint64(8), np.uint64(4)
_LOW24, _HIGH24 = np.uint64(0xFFFFFF), np.uint64(0xFFFFFF000000)
_LOW12, _HIGH12 = np.uint64(0xFFF00000FFF), np.uint64(0xFFF00000FFF000)
_LOW6, _HIGH6 = np.uint64(0x3F003F003F003F), np.uint64(0xFC00FC00FC00FC0)
_LOW3, _HIGH3 = np.uint64(0x707070707070707), np.uint64(0x3838383838383838)


@kernel("u8[::1], u8[::1], u8, u8, u8[:,::1]")
def monomials(p: Words, q: Words, width: np.uint64, fours: np.uint64, out: Words) -> None:
    """A = p+q modulo 2^width, with ones from bit width-1 up, in digits: `fours` bits in those of four bits. The free
    lane of the lowest digit is A's bit width-1. Rows 2 and 3 of `out` are written where there are digits of four."""
    pad, first = ALL << (width - ONE), (ONE << fours) - ONE
    for i in range(p.size):
        a = p[i] + q[i]
        x = (a | pad) >> fours
        x = (x & _LOW24) | ((x & _HIGH24) << _8)
        x = (x & _LOW12) | ((x & _HIGH12) << _4)
        x = (x & _LOW6) | ((x & _HIGH6) << _2)
        x = (x & _LOW3) | ((x & _HIGH3) << ONE)
        x = ((a | pad) & first) | (x << fours)
        a0, a1, a2 = x & _LANES, (x >> ONE) & _LANES, (x >> _2) & _LANES
        a01 = a0 & a1
        top = ((a >> (width - ONE)) & ONE) << _3
        low = a0 | (a1 << ONE) | (a2 << _2) | (a01 << _3)
        high = (a0 & a2) | ((a1 & a2) << ONE) | ((a01 & a2) << _2)
        out[0, i] = low
        out[1, i] = high | top
        if fours:
            a3 = (x >> _3) & _LANES
            every = (a3 << _4) - a3  # all four bits of the lane
            out[2, i] = (a3 | (low << ONE)) & every
            out[3, i] = ((a01 & a3) | (high << ONE)) & every


@kernel("u8[:,::1], u8[::1], u8, u8, u8, u8, u8[::1], u4[::1]")
def carries(
    m: Words, b: Words, width: np.uint64, fours: np.uint64, pad: np.uint64, one: np.uint64, fold: Words, out: Short
) -> None:
    """From shares of the monomials and the bits of B: G = [a digit of A and one of B carry] and P = [they would, with
    a carry from below] of each digit, folded to lanes of neighbouring bits: G | P << lanes.

    pad    at E, the lanes beyond the digits, which pass a carry on; 0 at F
    one    1 at E, which adds the constant; 0 at F
    fold   shift, mask, shift, mask, lanes
    """
    keep, first = (ONE << (width - ONE)) - ONE, (ONE << fours) - ONE
    constant = (ZERO - one) & _LANES
    threes = _LANES & ~first
    sh1, m1, sh2, m2, lanes = fold[0], fold[1], fold[2], fold[3], fold[4]
    for i in range(b.size):
        low = b[i] & keep
        x = low >> fours
        x = (x & _LOW24) | ((x & _HIGH24) << _8)
        x = (x & _LOW12) | ((x & _HIGH12) << _4)
        x = (x & _LOW6) | ((x & _HIGH6) << _2)
        x = (x & _LOW3) | ((x & _HIGH3) << ONE)
        x = (low & first) | (x << fours)
        b0, b1, b2 = x & _LANES, (x >> ONE) & _LANES, (x >> _2) & _LANES
        b01, b02, b12 = b0 & b1, b0 & b2, b1 & b2
        b012 = b01 & b2
        w, v = m[0, i], m[1, i]
        a0, a1, a2, a01 = w, w >> ONE, w >> _2, w >> _3
        a02, a12, a012 = v, v >> ONE, v >> _2
        g = (a2 & b2) ^ (a12 & b1) ^ (a012 & b0) ^ (a02 & b01)
        g ^= (a1 & b12) ^ (a01 & b02) ^ (a0 & b012)
        p = (a0 & b12) ^ (a1 & b02) ^ (a2 & b01) ^ (a01 & b2) ^ (a02 & b1) ^ (a12 & b0) ^ a012
        p ^= constant & b012
        if fours:
            b3 = (x >> _3) & _LANES
            u, t = m[2, i], m[3, i]
            a3, a0, a1, a2 = u, u >> ONE, u >> _2, u >> _3
            a01, a02, a12, a012 = t, t >> ONE, t >> _2, t >> _3
            b3 |= threes  # digits of three bits: as if nothing came from a fourth one of A
            g = (g & b3) ^ (a3 & b3) ^ (a2 & b2) ^ (a12 & b1) ^ (a012 & b0) ^ (a02 & b01)
            g ^= (a1 & b12) ^ (a01 & b02) ^ (a0 & b012)
            p = (p & b3) ^ (a0 & b12) ^ (a1 & b02) ^ (a2 & b01) ^ (a01 & b2) ^ (a02 & b1) ^ (a12 & b0) ^ a012
            p ^= a3 & b012
        g &= _LANES
        p = (p & _LANES) | pad
        g = (g | (g >> sh1)) & m1
        p = (p | (p >> sh1)) & m1
        out[i] = np.uint32(((g | (g >> sh2)) & m2) | (((p | (p >> sh2)) & m2) << lanes))
