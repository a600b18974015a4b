"""Truncation: cut the low bits of numbers, with an error in the last place or exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Spec
from mpc.machine.primitives import Rounding
from protocols.shamir import kernels
from protocols.shamir.adder import operands, sum_bits
from protocols.shamir.conversion import to_numbers
from protocols.shamir.declared import declare_on_floor
from protocols.shamir.floor import Floor
from protocols.shamir.lagrange import element
from protocols.shamir.work import of_numbers

Words = NDArray[np.uint64]


def shifted(x: Words, plus: int, bits: int) -> Words:
    """(x + plus) >> bits, on clear numbers."""
    out = np.empty_like(x)
    low, high = element(plus)
    kernels.shifted(x, low, high, np.uint64(bits), out)
    return out


async def cut(f: Floor, z: Words | None, size: int, *, bits: int, room: int) -> Words:
    """x / 2^bits rounded to an integer less than (t+1)/2 below it or at most (t+1)/2 above it: for t = 1, the floor or
    the floor plus one. z is x with degree t or 2t, -2^(room-1) <= x < 2^(room-1).

    Rounds    2: x is opened, masked, to the king; king and maskers deal their summands of the result
    Bytes     16 N for each of 2t + D messages
    Security  semi-honest. The king sees x plus the maskers' numbers, in shares that are otherwise uniform. Any t
              parties lack the king or a masker, so what they see is uniform up to a distance of 2^(room - mask bits)
              (`rooms`): 2^-62 for t = 1 and numbers of 64 bits.
    Source    Catrina and Saxena, FC 2010, for masking; Mohassel and Zhang, S&P 2017, §4.1, for parties that cut
              their summands locally, here t + 1 of them
    """
    if not bits:
        return await f.reduce(z, size)
    room = max(room, bits + 2)
    offset = 1 << (room - 1)
    committee = f.committee
    r, c = f.masked_to_king(z, size, room=room, offset=offset)
    half = 1 << (bits - 1)
    # -r / 2^bits rounded to the nearest integer, halves up, is -((r + half - 1) >> bits).
    parts = [f.deal(d, f.at(d, shifted, r.own, half - 1, bits), size) for d in committee.maskers]
    opened = await c
    total = await f.deal(committee.king, f.at(committee.king, shifted, opened, half, bits), size)
    for part in parts:
        total = f.subtract(total, await part)
    return f.add_one(total, -(offset >> bits))


#: Room for the numbers of a scenario, which stay within +-2^62.
ROOM = 64


async def cut_product(f: Floor, z: Words, size: int, *, bits: int) -> Words:
    """`cut` of numbers of degree t or 2t that all parties hold.

    Rounds    2
    Bytes     16 N for each of 2t + D messages
    Security  as `cut`
    """
    return await cut(f, z if f.member else None, size, bits=bits, room=ROOM)


async def multiply_cut(f: Floor, x: Words, y: Words, size: int, *, bits: int) -> Words:
    """x y / 2^bits, rounded as in `cut`: the product is masked and opened with degree 2t, without a reduction.

    Rounds    2
    Bytes     16 N for each of 2t + D messages
    Security  as `cut`
    """
    return await cut(f, f.product(x, y) if f.member else None, size, bits=bits, room=ROOM)


async def cut_exactly(f: Floor, x: Words, size: int, *, bits: int, nearest: bool) -> Words:
    """floor(x / 2^bits), or the nearest integer (halves go up), for |x| < 2^62.

    Rounds    those of `cut`, of adding t+1 numbers of bits + log2(t+1) bits, and of `to_numbers` for the carries
    Bytes     16 N for each of 2t + D messages and 8 m W (bits + log2(t+1)) for each of D; the ands of `sum_bits`, and
              `to_numbers` for log2(t+1) bits
    Security  as `cut`; the low bits of all summands are added as secret bits
    """
    if nearest:
        x = f.add_one(x, 1 << (bits - 1))
    carries = f.scheme.threshold.bit_length()
    added = await operands(f, x, size, room=max(64, bits + 2), width=bits, padded=carries, cut=bits)
    total = added.high
    assert total is not None
    top = await sum_bits(f, added.planes, bits + carries, size, lowest=bits)
    # The low parts of the summands add up to the low bits of x plus 2^bits times these carries.
    numbers = await to_numbers(f, top, carries, size)
    carried = [f.rows(numbers, i, size) for i in range(carries)]
    return f.combine([1, *(1 << i for i in range(carries))], [total, *carried])


def _exactly(x: Spec, *, bits: int, rounding: Rounding) -> dict[str, Any]:
    return {"bits": bits, "nearest": rounding == "nearest"}


declare_on_floor("truncate", cut_product, work=of_numbers)
declare_on_floor("multiply_truncate", multiply_cut, work=of_numbers)
declare_on_floor("truncate_exact", cut_exactly, given=_exactly)
