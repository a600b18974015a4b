"""Split a number in two: the piece of a table that it lies in, and its place in this piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.shamir.adder import operands, sum_bits
from protocols.shamir.conversion import to_numbers
from protocols.shamir.floor import Floor

Words = NDArray[np.uint64]


async def parted(f: Floor, x: Words, size: int, *, cut: int, width: int) -> tuple[list[Words], Words]:
    """The bits cut to cut + width - 1 of x as numbers, the lowest first, and x modulo 2^cut; |x| < 2^62.

    The second result has `cut` bits for any x, also for x beyond a table: so masks that are chosen for `cut` bits hide
    its powers.

    Rounds    those of `comparison.decompose` and of `to_numbers`, one after the other
    Bytes     those of `operands`, of the ands of `sum_bits`, and of `to_numbers` for width + log2(t+1) bits
    Security  as `truncation.cut`
    """
    if not cut:
        summands, _ = await operands(f, x, size, room=64, width=width)
        numbers = await to_numbers(f, await sum_bits(f, summands, width, size), width, size)
        return [f.rows(numbers, i, size) for i in range(width)], f.scale(x, 0)
    carries = f.scheme.threshold.bit_length()
    summands, high = await operands(f, x, size, room=64, width=cut + width, cut=cut)
    assert high is not None
    if len(summands) == 2:
        piece = await sum_bits(f, summands, cut + width, size, lowest=cut)
        a, b = summands
        # Where bit `cut` of the sum differs from the exclusive or of the summands' bits, the low bits carried.
        carried = f.xor(piece[:, :1], f.xor(a[:, cut : cut + 1], b[:, cut : cut + 1]))
    else:
        # Below all bits of a summand, a copy of its low bits with space for their carries: one addition does both.
        doubled = [f.joined([s[:, :cut], np.zeros_like(s[:, :carries]), s]) for s in summands]
        both = await sum_bits(f, doubled, 2 * cut + carries + width, size, lowest=cut)
        carried, piece = both[:, :carries], both[:, carries + cut :]
    numbers = await to_numbers(f, f.joined([carried, piece]), carries + width, size)
    bits = [f.rows(numbers, i, size) for i in range(carries + width)]
    weights = [-(1 << (cut + i)) for i in range(carries)]
    low = f.combine([1, -(1 << cut), *weights], [x, high, *bits[:carries]])
    return bits[carries:], low
