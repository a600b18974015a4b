"""Words of bits as integers: the inverse of `decompose`.

A word is alpha xor beta, where D knows alpha and both E and F know beta, so its value is the sum of
2^i (beta_i + (1 - 2 beta_i) alpha_i). D sends E a share of each alpha_i modulo 2^(64-i); E and F reshare the sum of
all products as one number.
"""

from __future__ import annotations

import numpy as np

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party
from protocols.chunks import each
from protocols.declared import per_bit
from protocols.replicated.declared import declare
from protocols.replicated.masks import draw, words
from protocols.replicated.roles import Chunk, D, E, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, Words, words_of_bits
from protocols.replicated.wire import Octets, pack, packed_bytes, unpack, word_bytes

_A2, _S1, _S2 = b"a2", b"s1", b"s2"
#: Most elements of a chunk: an element takes up to 288 bytes on the wire.
_CHUNK = 1 << 13


async def recompose(party: Party, x: Bits) -> Arithmetic:
    """Words of w bits as the integers 0 to 2^w - 1 (for w = 64: modulo 2^64).

    Shapes    x, result: one shape, n elements
    Ring      the share of bit i modulo 2^(64-i), rounded up to whole bytes (up to 4 bits: to 1 or 4 bits)
    Rounds    2
    Bytes     D to E n (64 + 63 + ... + 65-w) / 8, each summand rounded up to whole bytes; E and F to D 8 n
    Security  semi-honest, as `bit_to_ring`: each share that E receives is hidden by as many bits of a stream of D and
              F; words of a stream of E and F hide the words that D receives
    Raises    ShapeError
    """
    words_of_bits("recompose", x)
    out = np.empty((2, x.size), np.uint64)

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        n = stop - start
        role, d, e, f = chunk.roles(party.index)
        data, rows = x.data[:, start:stop], out[:, start:stop]
        if role == D:
            mask = draw(party, f, _A2, part, _sent(n, x.width), np.uint8)
            alpha = (data[0] ^ data[1]).astype(np.uint64, copy=False)
            parts = []
            for place, width, octets in _parts(n, x.width):
                bit = (alpha >> np.uint64(place)) & np.uint64(1)
                parts.append(pack(bit - unpack(mask[octets], n, width), width))
            party.send(e, part, np.concatenate(parts))
            rows[0] = await party.receive(f, part, (n,), np.uint64)
            rows[1] = await party.receive(e, part, (n,), np.uint64)
            return
        partner = f if role == E else e
        mine, other = (0, 1) if role == E else (1, 0)
        s1, s2 = words(party, partner, _S1, part, n), words(party, partner, _S2, part, n)
        beta = data[other].astype(np.uint64, copy=False)
        if role == E:
            shares: Octets = await party.receive(d, part, (_sent(n, x.width),), np.uint8)
        else:
            shares = draw(party, d, _A2, part, _sent(n, x.width), np.uint8)
        total: Words = np.negative(s1 if role == E else s2)
        for place, width, octets in _parts(n, x.width):
            negative = np.uint64(0) - ((beta >> np.uint64(place)) & np.uint64(1))
            turned = (unpack(shares[octets], n, width) ^ negative) - negative
            total += turned << np.uint64(place)
        party.send(d, part, total)
        rows[mine] = total
        rows[other] = beta + s1 + s2

    await each(party, cut(party.label, x.size, chunk=_CHUNK), step)
    return Arithmetic(out, x.shape)


def _parts(n: int, width: int) -> list[tuple[int, int, slice]]:
    """(bit, bits of its shares, their bytes in the message) for each bit of the words."""
    parts, start = [], 0
    for place in range(width):
        bits = 64 - place
        bits = 8 * word_bytes(bits) if bits > 4 else 4 if bits > 1 else 1  # all bits that are sent are masked
        stop = start + packed_bytes(n, bits)
        parts.append((place, bits, slice(start, stop)))
        start = stop
    return parts


def _sent(n: int, width: int) -> int:
    return int(_parts(n, width)[-1][2].stop)


def recompose_cost(label: bytes, x: Spec) -> Cost:
    return load(cut(label, x.size, chunk=_CHUNK), lambda n: Load(2, (_sent(n, x.width), 8 * n, 8 * n), (1, 1, 1)))


declare("recompose", recompose, cost=recompose_cost, work=per_bit(3.0))
