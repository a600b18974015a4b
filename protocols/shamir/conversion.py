"""Convert secret bits to numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocols.shamir.floor import Floor

Words = NDArray[np.uint64]


async def to_numbers(f: Floor, x: Words, width: int, size: int) -> Words:
    """The bits of `width` planes as numbers 0 and 1: (width size, 2), the first plane's elements first.

    Rounds    3 for t = 1 or 2, 4 for t = 3: the bit is opened to the king, masked by one bit of each masker; king and
              maskers deal their bits as numbers; these are added modulo 2 in pairs
    Bytes     16 width N for each of D + t P messages, and 8 m width W for each of 2t
    Security  semi-honest: what the king sees is uniform unless it knows all maskers' bits
    """
    committee = f.committee
    r = f.masks_planes(width, size)
    c = f.to_king_planes(f.xor(x, r.share) if r.share is not None else None, width, size)
    dealt = [f.deal(d, f.at(d, f.numbers, r.own, size), width * size) for d in committee.maskers]
    opened = await c
    last = f.deal(committee.king, f.at(committee.king, f.numbers, opened, size), width * size)
    bits = await _added_in_pairs(f, [await sharing for sharing in dealt], width * size)
    bits.append(await last)
    while len(bits) > 1:
        bits = await _added_in_pairs(f, bits, width * size)
    return bits[0]


async def _added_in_pairs(f: Floor, bits: list[Words], size: int) -> list[Words]:
    """Add pairs of bits modulo 2: a + b - 2ab."""
    pairs = [(bits[i], bits[i + 1]) for i in range(0, len(bits) - 1, 2)]
    rest = bits[2 * len(pairs) :]
    products = await f.reduce_all([f.product(a, b) if f.member else None for a, b in pairs], size)
    return [*[f.combine([1, 1, -2], [a, b, both]) for (a, b), both in zip(pairs, products, strict=True)], *rest]
