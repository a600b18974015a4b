"""Numbers cut in two: the piece of a table they lie in, and where in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.shamir.adder import operands, sum_bits
from protocols.shamir.conversion import to_numbers
from protocols.shamir.floor import Floor

Words = NDArray[np.uint64]


async def parted(f: Floor, x: Words, size: int, *, cut: int, width: int) -> tuple[list[Words], Words]:
    """The bits cut to cut + width - 1 of x as numbers, the lowest first, and x modulo 2^cut; |x| < 2^62.

    The second is a number of `cut` bits whatever x is, also where a table ends before x, so that masks for that many
    bits hide its powers.

    Rounds    those of `comparison.decompose` and of `to_numbers`, one after the other
    Bytes     those of `operands`, of the ands of `sum_bits`, and of `to_numbers` for width + log2(t+1) bits
    Security  as `truncation.cut`
    """
    if not cut:
        summands, _ = await operands(f, x, size, room=64, width=width)
        bits = await to_numbers(f, await sum_bits(f, summands, width, size), width, size)
        return [f.rows(bits, i, size) for i in range(width)], f.scale(x, 0)
    carries = f.scheme.threshold.bit_length()
    summands, high = await operands(f, x, size, room=64, width=cut + width, cut=cut)
    assert high is not None
    if len(summands) == 2:
        found = await sum_bits(f, summands, cut + width, size, lowest=cut)
        a, b = summands
        # Where the sum's bit is not that of the summands, the low bits have carried.
        carried = f.xor(found[:, :1], f.xor(a[:, cut : cut + 1], b[:, cut : cut + 1]))
    else:
        # The low bits by themselves, with room for their carries, stand below a second copy: one sum of both.
        apart = [f.joined([s[:, :cut], np.zeros_like(s[:, :carries]), s]) for s in summands]
        both = await sum_bits(f, apart, 2 * cut + carries + width, size, lowest=cut)
        carried, found = both[:, :carries], both[:, carries + cut :]
    numbers = await to_numbers(f, f.joined([carried, found]), carries + width, size)
    each = [f.rows(numbers, i, size) for i in range(carries + width)]
    over = [-(1 << (cut + i)) for i in range(carries)]
    low = f.combine([1, -(1 << cut), *over], [x, high, *each[:carries]])
    return each[carries:], low
