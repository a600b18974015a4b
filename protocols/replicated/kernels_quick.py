"""The loops of the comparison in few rounds: a separate group of kernels, since few runs use them."""

from __future__ import annotations

import numpy as np

from protocols.replicated.kernels import Octets, Words, kernel

GROUP = "quick"
PRIME = 67
_P = np.int64(PRIME)
_32, _LOW = np.uint64(32), np.uint64((1 << 32) - 1)


@kernel("u8[::1], u8, u8, u1[::1]", GROUP)
def residues(words: Words, modulus: np.uint64, lowest: np.uint64, out: Octets) -> None:
    """Three numbers of lowest..lowest+modulus-1 from each word. With the word as a fraction in [0, 1), a number is the
    integer part of modulus times the fraction, and the fractional part serves for the next number. The distance of the
    three from uniform is below modulus^3 / 2^65, that is 2^-46 for 67."""
    for i in range(words.size):
        word = words[i]
        for k in range(3):
            high, low = (word >> _32) * modulus, (word & _LOW) * modulus
            if 3 * i + k < out.size:
                out[3 * i + k] = np.uint8(((high + (low >> _32)) >> _32) + lowest)
            word = (high << _32) + low


@kernel("u8[::1], i8, u1[::1], u1[::1]", GROUP)
def hidden_bits(a: Words, bits: int, mask: Octets, out: Octets) -> None:
    """The low bits of each word minus their masks, modulo 67."""
    for i in range(a.size):
        for j in range(bits):
            bit = np.int64((a[i] >> np.uint64(j)) & np.uint64(1))
            out[i * bits + j] = np.uint8((bit - np.int64(mask[i * bits + j]) + _P) % _P)


@kernel("u1[::1], u8[::1], i8, u1[::1], u1[::1], u8[::1], u1[::1], i8, u1[::1]", GROUP)
def tested(
    shares: Octets, c: Words, bits: int, beta: Octets, r: Octets, turn: Words, z: Octets, one: int, out: Octets
) -> None:
    """Shares of v times r, turned by `turn` places and masked by z, from shares of the bits of a. At bit i, v = 1 -
    (-1)^beta (a_i - c_i) + the sum of a_j xor c_j over j > i; below bit 0 there is one more place, where a is 0 and c
    is 1. E passes one = 1, F passes 0."""
    places = bits + 1
    for i in range(c.size):
        sign = np.int64(1) - np.int64(2) * np.int64(beta[i])
        above = np.int64(0)
        start = np.int64(turn[i])
        for j in range(bits - 1, -2, -1):
            if j >= 0:
                share = np.int64(shares[i * bits + j])
                bit = np.int64((c[i] >> np.uint64(j)) & np.uint64(1))
            else:
                share, bit = np.int64(0), np.int64(1)
            v = np.int64(one) - sign * (share - one * bit) + above
            above = (above + share * (np.int64(1) - np.int64(2) * bit) + one * bit) % _P
            place = i * places + j + 1
            mask = np.int64(z[place]) if one else -np.int64(z[place])
            to = i * places + (j + 1 + start) % places
            out[to] = np.uint8(((v % _P) * np.int64(r[place]) + mask + _P) % _P)


@kernel("u1[::1], u1[::1], i8, u1[::1]", GROUP)
def any_zero(first: Octets, second: Octets, places: int, out: Octets) -> None:
    """1 for each element with a place where the two shares sum to 0 modulo 67, else 0."""
    for i in range(out.size):
        zero = np.uint8(0)
        for j in range(i * places, (i + 1) * places):
            if (np.int64(first[j]) + np.int64(second[j])) % _P == 0:
                zero = np.uint8(1)
        out[i] = zero
