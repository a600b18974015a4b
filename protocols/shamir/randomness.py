"""Random numbers and bits that nobody knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.shamir.adder import sum_bits
from protocols.shamir.conversion import to_numbers
from protocols.shamir.declared import declare_on_floor
from protocols.shamir.floor import Floor
from protocols.shamir.work import of_numbers

Words = NDArray[np.uint64]
#: Bits of a random number.
WIDTH = 62


async def random_numbers(f: Floor, size: int) -> Words:
    """Uniform integers in [-2^61, 2^61) that nobody knows.

    Each of t+1 parties deals a number of 62 bits, and the bits of this number. The carries of the sum beyond 2^62 are
    subtracted: without this the sum would not be uniform, and each dealer could guess it from its own number.

    Rounds    1, then those of adding t+1 numbers of 62 + log2(t+1) bits, and those of `to_numbers` for the carries
    Bytes     16 N and 8 m 62 W for each of D messages; then those of the sum, and of `to_numbers` for its carries
    Security  any t parties lack one of the summands modulo 2^62
    """
    carries = f.scheme.threshold.bit_length()
    drawn = {d: f.at(d, f.drawn, size, WIDTH) for d in f.committee.dealers}
    dealt = [f.deal(d, drawn[d], size) for d in f.committee.dealers]
    bits = [
        f.deal_planes(d, f.at(d, _planes, f, drawn[d], WIDTH + carries), WIDTH + carries, size)
        for d in f.committee.dealers
    ]
    total = await dealt[0]
    for sharing in dealt[1:]:
        total = f.add(total, await sharing)
    top = await sum_bits(f, [await planes for planes in bits], WIDTH + carries, size, lowest=WIDTH)
    numbers = await to_numbers(f, top, carries, size)
    carried = [f.rows(numbers, i, size) for i in range(carries)]
    weights = [-(1 << (WIDTH + i)) for i in range(carries)]
    return f.add_one(f.combine([1, *weights], [total, *carried]), -(1 << (WIDTH - 1)))


def _planes(f: Floor, values: Words, width: int) -> Words:
    return f.planes(values, width)


async def random_planes(f: Floor, size: int, *, width: int) -> Words:
    """Uniform words of bits that nobody knows: the exclusive or of words that t+1 parties draw.

    Rounds    1
    Bytes     8 m width W for each of D messages
    Security  any t parties lack one of the words
    """
    dealt = [f.deal_planes(d, f.at(d, f.drawn_planes, width, size), width, size) for d in f.committee.dealers]
    total = await dealt[0]
    for sharing in dealt[1:]:
        total = f.xor(total, await sharing)
    return total


declare_on_floor("random", random_numbers, given=lambda shape: {}, work=of_numbers)
declare_on_floor("random_bits", random_planes, given=lambda shape, width=1: {"width": width})
