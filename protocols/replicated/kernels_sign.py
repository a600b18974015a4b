"""The loops of the comparison: products of bits of A, and from their shares the carries of the digits of A + B.

The bits of a digit stand in a lane of four bits. For each digit, words 0 and 1 hold the products of its three lower
bits. For digits of four bits, words 2 and 3 hold the fourth bit and its products with all of these:

    0: a0, a1, a2, a0 a1        1: a0 a2, a1 a2, a0 a1 a2, (free)
    2: a3, a0 a3, a1 a3, a2 a3  3: a0 a1 a3, a0 a2 a3, a1 a2 a3, a0 a1 a2 a3

The lowest digits have four bits, the others three, so that the digits fill the leaves of the tree.
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
    """Products of the bits of A = p+q, with ones from bit width-1 up. The low `fours` bits are digits of four bits. The
    free bit of the lowest digit is A's bit width-1. Rows 2 and 3 of `out` are written if there are digits of four."""
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
            lane = (a3 << _4) - a3  # all four bits of a lane where a3 is set
            out[2, i] = (a3 | (low << ONE)) & lane
            out[3, i] = ((a01 & a3) | (high << ONE)) & lane


@kernel("u8[:,::1], u8[::1], u8, u8, u8, u8, u8[::1], u4[::1]")
def carries(
    m: Words, b: Words, width: np.uint64, fours: np.uint64, pad: np.uint64, one: np.uint64, fold: Words, out: Short
) -> None:
    """Shares of G and P of each digit, from shares of the monomials and the bits of B, folded to lanes of neighbouring
    bits: G | P << lanes. G = [the digits of A and B carry]; P = [they pass on a carry from below].

    pad    at E, the lanes beyond the digits, which pass on a carry; 0 at F
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
            b3 |= threes  # in digits of three bits, a3 is 0 and b3 counts as 1
            g = (g & b3) ^ (a3 & b3) ^ (a2 & b2) ^ (a12 & b1) ^ (a012 & b0) ^ (a02 & b01)
            g ^= (a1 & b12) ^ (a01 & b02) ^ (a0 & b012)
            p = (p & b3) ^ (a0 & b12) ^ (a1 & b02) ^ (a2 & b01) ^ (a01 & b2) ^ (a02 & b1) ^ (a12 & b0) ^ a012
            p ^= a3 & b012
        g &= _LANES
        p = (p & _LANES) | pad
        g = (g | (g >> sh1)) & m1
        p = (p | (p >> sh1)) & m1
        out[i] = np.uint32(((g | (g >> sh2)) & m2) | (((p | (p >> sh2)) & m2) << lanes))
