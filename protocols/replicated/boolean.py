"""Bits: and, and the or of all bits from the top."""

from __future__ import annotations

import numpy as np

from mpc.machine.engine import Cost, Shape, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import size_of
from protocols.chunks import each
from protocols.declared import per_bit
from protocols.replicated import kernels
from protocols.replicated.declared import declare
from protocols.replicated.local import public_row
from protocols.replicated.masks import draw, zero_bits
from protocols.replicated.roles import Chunk, Load, cut, load
from protocols.replicated.sharing import Bits, BitWords, Words, dtype_of, mask_of, words_of_bits
from protocols.replicated.wire import Octets, pack, packed_bytes, unpack, unpack_into

_RANDOM = b"random"


async def reshare(party: Party, part: int, local: BitWords, width: int) -> BitWords:
    """Both rows (2, n) of words, from the parties' exclusive-or parts `local`: one message to the next party.

    The zero share is drawn in wire form, so all bits that are sent are masked.
    """
    n = local.size
    wire = pack(local, width)
    mask: Octets = np.empty_like(wire)
    zero_bits(party, part, mask)
    wire ^= mask
    party.send((party.index + 1) % 3, part, wire)
    out = np.empty((2, n), local.dtype)
    unpack_into(out[1], wire, width)
    unpack_into(out[0], await party.receive((party.index + 2) % 3, part, (wire.size,), np.uint8), width)
    return out


def reshare_load(n: int, width: int) -> Load:
    octets = packed_bytes(n, width)
    return Load(1, (octets, octets, octets), (1, 1, 1))


def random_bits(party: Party, shape: Shape, width: int = 1) -> Bits:
    """Uniform words of `width` bits that no party knows. Local: each component is a stream of its two holders."""
    out = np.empty((2, size_of(shape)), dtype_of(width))
    for chunk in cut(party.label, out.shape[1]):
        for row, peer in ((0, (party.index + 2) % 3), (1, (party.index + 1) % 3)):
            octets = draw(party, peer, _RANDOM, chunk.part, packed_bytes(chunk.size, width), np.uint8)
            out[row, chunk.start : chunk.stop] = unpack(octets, chunk.size, width)
    return Bits(out, shape, width)


def and_local(x0: BitWords, x1: BitWords, y0: BitWords, y1: BitWords) -> BitWords:
    """This party's part of x & y, from rows 0 and 1 of x and of y. Local."""
    out: BitWords = y0 ^ y1
    out &= x1
    out ^= x0 & y1
    return out


async def bits_and(party: Party, x: Bits, y: Bits) -> Bits:
    """x & y bitwise.

    Shapes    x, y, result: one shape, n words of one width
    Rounds    1
    Bytes     n words as packed on the wire, from each party to the next one
    Security  semi-honest, as `multiply`, modulo 2
    Raises    ShapeError
    Source    Araki, Furukawa, Lindell, Nof, Ohara, CCS 2016
    """
    words_of_bits("bits_and", x, y)
    out = np.empty_like(x.data)

    async def step(chunk: Chunk) -> None:
        a, b = x.data[:, chunk.start : chunk.stop], y.data[:, chunk.start : chunk.stop]
        local = and_local(a[0], a[1], b[0], b[1])
        out[:, chunk.start : chunk.stop] = await reshare(party, chunk.part, local, x.width)

    await each(party, cut(party.label, x.size), step)
    return Bits(out, x.shape, x.width)


def bits_and_cost(label: bytes, x: Spec) -> Cost:
    return load(cut(label, x.size), lambda n: reshare_load(n, x.width))


def levels_of(count: int) -> int:
    """Depth of a balanced tree over `count` leaves."""
    return (count - 1).bit_length()


def upper_halves(level: int) -> int:
    """Positions i whose bit `level` is set: the upper half of each block of 2^(level+1) positions."""
    return sum(1 << i for i in range(64) if i >> level & 1)


async def prefix_or(party: Party, x: Bits) -> Bits:
    """Words whose bit i is the or of the bits i and above of x.

    Shapes    x, result: one shape, n words of one width w
    Rounds    ceil(log2 w)
    Bytes     two words share one word on the wire: about n/2 words a round, from each party to the next one
    Security  semi-honest: a tree of `bits_and` over the inverted bits
    Source    Sklansky's prefix tree
    """
    words_of_bits("prefix_or", x)
    levels = levels_of(x.width)
    if not levels:
        return x
    width = 1 << levels
    out = np.empty_like(x.data)
    row = public_row(party)

    async def step(chunk: Chunk) -> None:
        n = chunk.size
        q: Words = np.zeros((2, n + n % 2), np.uint64)
        q[:, :n] = x.data[:, chunk.start : chunk.stop]
        if row is not None:
            q[row] ^= kernels.ALL  # the bits above `width` become ones, which do not change an and
        for level in range(levels):
            upper, span = upper_halves(level), np.uint64(1 << level)
            lowest = np.uint64(upper & ~(upper << 1))
            local = np.empty((n + 1) // 2, np.uint64)
            kernels.ander(q, np.uint64(upper), lowest, span, local)
            local &= np.uint64(mask_of(width))
            kernels.anded(await reshare(party, chunk.part | level, local, width), np.uint64(upper), span, q)
        if row is not None:
            q[row] ^= kernels.ALL
        out[:, chunk.start : chunk.stop] = q[:, :n] & np.uint64(mask_of(x.width))

    await each(party, cut(party.label, x.size), step)
    return Bits(out, x.shape, x.width)


def prefix_or_cost(label: bytes, x: Spec) -> Cost:
    levels = levels_of(x.width)

    def chunk_load(n: int) -> Load:
        octets = levels * packed_bytes((n + 1) // 2, 1 << levels)
        return Load(levels, (octets, octets, octets), (levels, levels, levels))

    return load(cut(label, x.size) if levels else [], chunk_load)


declare("random_bits", random_bits, work=per_bit(0.4))
declare("bits_and", bits_and, cost=lambda label, x, y: bits_and_cost(label, x), work=per_bit(0.3))
declare("prefix_or", prefix_or, cost=prefix_or_cost, work=per_bit(0.9))
