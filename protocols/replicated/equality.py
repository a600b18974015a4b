"""Equality with zero: a tree of ands over the bits where A and -B agree, for x = A + B.

D knows A = c_D + c_F and both E and F know B = c_E, so x is 0 exactly if all bits of A equal those of -B. D shares the
bits of A; the bits of B - 1, which is the inverted -B, are the third component. Each level of the tree halves the
words: a word has the ands of one word in its lower lanes and those of another word in its upper lanes, so only needed
bits are sent.
"""

from __future__ import annotations

import numpy as np

from mpc.machine.engine import Cost
from mpc.machine.party import Party
from mpc.machine.shapes import comparable
from protocols.chunks import each
from protocols.declared import per_bit
from protocols.replicated import kernels
from protocols.replicated.boolean import and_local, reshare, reshare_load, upper_halves
from protocols.replicated.declared import declare
from protocols.replicated.owner import from_owner
from protocols.replicated.roles import Chunk, D, E, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, Words, integers, mask_of
from protocols.replicated.wire import Octets, pack, packed_bytes, unpack

_LEVELS = 6
#: Most elements of a chunk: the tree's messages halve from round to round, so larger chunks pay.
CHUNK = 1 << 17


def _lanes(width: int) -> tuple[int, int]:
    """(bits of a first and, on words of this width, that halves the lane of the tree, or 0; bits of a lane)."""
    lane = 1 << (width - 1).bit_length()
    spare = width - lane // 2
    sent = packed_bytes(8, spare)
    return (spare, lane // 2) if width < lane and sent < lane // 2 else (0, lane)


async def equal(party: Party, x: Arithmetic, width: int) -> Bits:
    """The bit x == 0, given -2^width < x < 2^width; exact.

    Shapes    x, result: one shape, n elements; the result has one bit each
    Ring      components modulo 2^width
    Rounds    1 + ceil(log2 width): 7 at 64 bits
    Bytes     D to E n words of `width` bits; each party to the next one width-1 bits an element if `width` is a power
              of two (at 64 bits, 253 bits an element for all parties together)
    Security  semi-honest: A is hidden by a stream of D and F, the tree is `bits_and`
    Raises    RangeError
    """
    integers("equal", x)
    comparable("equality", width, 1)
    out = np.empty((2, x.size), np.uint8)

    async def step(chunk: Chunk) -> None:
        start, stop, _, _ = chunk
        await is_zero(party, chunk, x.data[:, start:stop], width, out[:, start:stop])

    await each(party, cut(party.label, x.size, chunk=CHUNK), step)
    return Bits(out, x.shape, 1)


async def is_zero(party: Party, chunk: Chunk, data: Words, width: int, out: Octets) -> None:
    """Fill both rows of `out` with the bits A + B == 0 of one chunk. At D the rows of `data` sum to A; at E and F the
    row that both know is B."""
    spare, lane = _lanes(width)
    keep, low = np.uint64(mask_of(width)), np.uint64(mask_of(lane))
    padding = np.uint64(mask_of(lane if not spare else width)) & ~keep
    part, n = chunk.part, data.shape[1]
    role = chunk.roles(party.index)[0]
    q: Words = np.empty((2, n), np.uint64)
    whole = packed_bytes(n, width)
    if role == D:
        packed = pack((data[0] + data[1]) & keep, width)
        phi, message = await from_owner(party, chunk, whole, packed)
        q[0], q[1] = unpack(phi, n, width), unpack(message, n, width)
    else:
        mine, other = (0, 1) if role == E else (1, 0)
        (message,) = await from_owner(party, chunk, whole, None)
        q[mine] = unpack(message, n, width)
        np.subtract(data[other], kernels.ONE, out=q[other])
        q[other] &= keep
        q[other] |= padding
    if spare:
        bits, half = np.uint64(mask_of(spare)), np.uint64(lane)
        high = q >> half
        local = and_local(q[0] & bits, q[1] & bits, high[0], high[1])
        q &= low & ~bits
        q |= await reshare(party, part | 7, local, spare)
    sizes = np.empty(_LEVELS, np.int64)
    for level in range(_LEVELS):
        span = 32 >> level
        sizes[level] = count = (q.shape[1] + 1) // 2
        if span >= lane:  # first, place the lanes of two words side by side in one word
            rest = q.shape[1] - count
            q[:, :rest] |= q[:, count:] << np.uint64(span)
            q = np.ascontiguousarray(q[:, :count])
            continue
        folded = np.empty(count, np.uint64)
        lower = np.uint64(~upper_halves(span.bit_length() - 1) & mask_of(64))
        kernels.fold(q, lower, np.uint64(span), folded)
        q = await reshare(party, part | (level + 1), folded, 64)
    for row in range(2):
        kernels.unfolded(q[row], sizes, out[row])


def equal_cost(label: bytes, size: int, width: int) -> Cost:
    return load(cut(label, size, chunk=CHUNK), lambda n: is_zero_load(n, width))


def is_zero_load(n: int, width: int) -> Load:
    spare, lane = _lanes(width)
    packed, levels = _LEVELS - (lane.bit_length() - 1), lane.bit_length() - 1
    shared = packed_bytes(n, width)
    joined = reshare_load(n, spare).bytes_sent[0] if spare else 0
    for level in range(_LEVELS):
        n = (n + 1) // 2
        joined += 8 * n if level >= packed else 0
    count = levels + (spare > 0)
    return Load(1 + count, (shared + joined, joined, joined), (1 + count, count, count))


declare("equal", equal, cost=lambda label, x, width: equal_cost(label, x.size, width), work=per_bit(0.7))
