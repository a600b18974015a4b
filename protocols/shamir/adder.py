"""A number as a sum of summands that single parties know, and the circuits that add such summands in secret bits.

x = c - r_1 - ... - r_t: the king knows c, masker d knows r_d, and each of them deals the bits of its summand. One round
turns three summands into two (carry-save); a tree of carries adds the last two. Bit planes are along axis 1, the lowest
first; all sums are modulo 2^width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocols.shamir import kernels
from protocols.shamir.floor import Floor
from protocols.shamir.lagrange import element

Words = NDArray[np.uint64]


class Operands(NamedTuple):
    """Secret planes of t+1 summands; `high`, with a `cut`, is a sharing of the sum of floor(summand / 2^cut)."""

    planes: list[Words]
    high: Words | None


async def operands(
    f: Floor, x: Words, size: int, *, room: int, width: int, padded: int = 0, plus: int = 0, cut: int = 0
) -> Operands:
    """The summands of x + plus modulo 2^width, each with `padded` zero planes on top; -2^(room-1) <= x < 2^(room-1).

    With `cut`, x = high 2^cut + the sum of the low `cut` bits of all summands, as integers.

    Rounds    2
    Bytes     16 N for each of 2t messages; 8 m (width + padded) W, and with `cut` 16 N, for each of D messages
    Security  semi-honest: as `truncation.cut`
    Raises    RangeError for numbers of more than `rooms.most_room` bits: 87 and more for t = 1
    """
    committee = f.committee
    offset = 1 << max(room - 1, width, cut)
    r, c = f.masked_to_king(x, size, room=room, offset=offset)
    planes = [f.deal_planes(d, f.at(d, _masker_planes, f, r.own, width, padded), width + padded, size)
              for d in committee.maskers]  # fmt: skip
    highs = [f.deal(d, f.at(d, _shifted_up, r.own, cut), size) for d in committee.maskers] if cut else []
    opened = await c
    king = committee.king
    first = f.deal_planes(king, f.at(king, _king_planes, f, opened, plus, width, padded), width + padded, size)
    high = None
    if cut:
        high = f.add_one(await f.deal(king, f.at(king, _shifted_down, opened, cut), size), -(offset >> cut))
        for part in highs:
            high = f.subtract(high, await part)
    return Operands([await first, *[await dealt for dealt in planes]], high)


async def open_summands(f: Floor, x: Words, size: int, *, bits: int, width: int) -> list[Words]:
    """The summands of any element x modulo 2^width, width >= 128. If x plus the masks passes the prime, they add up to
    a negative number. The masks hide x if it is in [0, 2^bits).

    Rounds    2
    Bytes     16 N for each of 2t messages; 8 m width W for each of D messages
    Security  semi-honest: as `truncation.cut`
    """
    committee = f.committee
    r = f.masks(size, bits)
    c = f.to_king(f.add(x, r.share) if r.share is not None else None, size)
    planes = [f.deal_planes(d, f.at(d, _masker_planes, f, r.own, width, 0), width, size) for d in committee.maskers]
    opened = await c
    first = f.deal_planes(committee.king, f.at(committee.king, _king_planes, f, opened, 0, width, 0), width, size)
    return [await first, *[await dealt for dealt in planes]]


def _king_planes(f: Floor, c: Words, plus: int, width: int, padded: int) -> Words:
    """The planes of c + plus."""
    out = np.empty_like(c)
    kernels.shifted(c, np.uint64(plus & ((1 << 64) - 1)), np.uint64((plus >> 64) & ((1 << 64) - 1)), np.uint64(0), out)
    return _with_zero_planes(f.planes(out, width), padded)


def _masker_planes(f: Floor, r: Words, width: int, padded: int) -> Words:
    """The planes of -r."""
    out = np.empty_like(r)
    kernels.negated(r, out)
    return _with_zero_planes(f.planes(out, width), padded)


def _with_zero_planes(planes: Words, padded: int) -> Words:
    if not padded:
        return planes
    return np.concatenate((planes, np.zeros((padded, planes.shape[1]), np.uint64)))


def _shifted_down(c: Words, bits: int) -> Words:
    """floor(c / 2^bits)."""
    out = np.empty_like(c)
    kernels.shifted(c, np.uint64(0), np.uint64(0), np.uint64(bits), out)
    return out


def _shifted_up(r: Words, bits: int) -> Words:
    """ceil(r / 2^bits)."""
    out = np.empty_like(r)
    low, high = element((1 << bits) - 1)
    kernels.shifted(r, low, high, np.uint64(bits), out)
    return out


async def conjunction(f: Floor, x: Words, y: Words, width: int, size: int) -> Words:
    """x & y for `width` planes.

    Rounds    1
    Bytes     8 m width W for each of P messages
    Security  semi-honest, as `arithmetic.multiply`: the same over GF(2^m)
    """
    return await f.reduce_planes(f.conjunction(x, y) if f.member else None, width, size)


async def carry_save(f: Floor, summands: list[Words], width: int, size: int) -> list[Words]:
    """Turn s summands of `width` planes into at most two with the same sum.

    Rounds    0 for two summands, 1 for three, 2 for four: in a round, each group of three becomes two
    Bytes     8 m W for each of P messages and each of (s - 2)(width - 1) ands
    Security  semi-honest, as `conjunction`
    """
    while len(summands) > 2:
        triples = [summands[i : i + 3] for i in range(0, len(summands) - 2, 3)]
        rest = summands[3 * len(triples) :]
        if width > 1:
            x = f.joined([f.xor(a, b)[:, :-1] for a, b, _ in triples])
            y = f.joined([f.xor(a, c)[:, :-1] for a, _, c in triples])
            both = await conjunction(f, x, y, (width - 1) * len(triples), size)
        summands = rest
        for i, (a, b, c) in enumerate(triples):
            summands.append(f.xor(f.xor(a, b), c))
            carry = np.zeros_like(summands[-1])
            if width > 1:
                carry[:, 1:] = f.xor(both[:, i * (width - 1) : (i + 1) * (width - 1)], a[:, :-1])
            summands.append(carry)
    return summands


async def highest_bit(f: Floor, summands: list[Words], width: int, size: int) -> Words:
    """The highest of `width` bits of a sum, one plane.

    Rounds    those of `carry_save`, and 1 + ceil(log2(width - 1))
    Bytes     those of `carry_save`; 8 m W for each of P messages and less than 3 width ands
    Security  semi-honest, as `conjunction`
    Source    a tree of generate and propagate, Ladner and Fischer, JACM 27(4), 1980
    """
    summands = await carry_save(f, summands, width, size)
    if len(summands) == 1:
        return summands[0][:, -1:]
    a, b = summands
    a_xor_b = f.xor(a, b)
    if width == 1:
        return a_xor_b
    g = await conjunction(f, a[:, :-1], b[:, :-1], width - 1, size)
    p = a_xor_b[:, 1:-1]  # the lowest group needs no propagate bit
    count = width - 1
    while count > 1:
        pairs = count // 2
        high, low = p[:, 0::2][:, :pairs], p[:, 1::2][:, : pairs - 1]
        x = f.joined([high, high[:, 1:]]) if pairs > 1 else high
        y = f.joined([g[:, 0 : 2 * pairs : 2], low]) if pairs > 1 else g[:, 0:2:2]
        both = await conjunction(f, x, y, 2 * pairs - 1, size)
        upper = f.xor(g[:, 1 : 2 * pairs : 2], both[:, :pairs])
        if count % 2:
            g, p = f.joined([upper, g[:, -1:]]), f.joined([both[:, pairs:], p[:, -1:]])
        else:
            g, p = upper, both[:, pairs:]
        count = pairs + count % 2
    return f.xor(a_xor_b[:, -1:], g)


async def sum_bits(f: Floor, summands: list[Words], width: int, size: int, lowest: int = 0) -> Words:
    """The bits `lowest` to width - 1 of a sum, as planes.

    Rounds    those of `carry_save`, and 1 + ceil(log2(width - 1))
    Bytes     those of `carry_save`; 8 m W for each of P messages and at most width (1 + log2(width)) ands
    Security  semi-honest, as `conjunction`
    Source    parallel prefix adder, Sklansky, IRE Trans. EC-9, 1960
    """
    if lowest == width - 1:
        return await highest_bit(f, summands, width, size)
    summands = await carry_save(f, summands, width, size)
    if len(summands) == 1:
        return summands[0][:, lowest:]
    a, b = summands
    a_xor_b = f.xor(a, b)
    if width == 1:
        return a_xor_b
    g = np.array(await conjunction(f, a[:, :-1], b[:, :-1], width - 1, size))
    p = np.array(a_xor_b[:, :-1])
    span = 1
    while span < width - 1:
        upper = [i for i in range(width - 1) if i & span]
        neighbours = [i // span * span - 1 for i in upper]
        further = [(i, j) for i, j in zip(upper, neighbours, strict=True) if i >= 2 * span]
        inner, outer = [i for i, _ in further], [j for _, j in further]
        x, y = f.joined([p[:, upper], p[:, inner]]), f.joined([g[:, neighbours], p[:, outer]])
        both = await conjunction(f, x, y, len(upper) + len(inner), size)
        g[:, upper] ^= both[:, : len(upper)]
        p[:, inner] = both[:, len(upper) :]
        span *= 2
    out = np.array(a_xor_b)
    out[:, 1:] ^= g
    return out[:, lowest:]
