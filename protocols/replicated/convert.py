"""From integers to bits and back: decomposition, a bit as an integer, a bit times an integer."""

from __future__ import annotations

import numpy as np

from mpc.errors import ShapeError
from mpc.machine.engine import Cost
from mpc.machine.party import Party
from mpc.machine.shapes import comparable
from protocols.chunks import each
from protocols.declared import per_bit, per_element
from protocols.replicated import kernels
from protocols.replicated.boolean import levels_of, reshare, reshare_load, upper_halves
from protocols.replicated.declared import declare
from protocols.replicated.masks import words
from protocols.replicated.owner import from_owner, to_owner
from protocols.replicated.roles import Chunk, D, E, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, Words, dtype_of, integers, mask_of, words_of_bits
from protocols.replicated.wire import pack, packed_bytes, unpack

_A2, _V2, _S1, _S2 = b"a2", b"v2", b"s1", b"s2"


async def decompose(party: Party, x: Arithmetic, width: int) -> Bits:
    """The `width` low bits of x (two's complement) as words of bits.

    Shapes    x, result: one shape, n elements
    Rounds    2 + ceil(log2(width-1)); 1 for width 1 and 2 for width 2: 8 at 64 bits
    Bytes     D to E n words of `width` bits; E and F to D n words of width-1 bits; each party to the next one n such
              words for each level of the tree, at the last level only their upper half
    Security  semi-honest: A is hidden by a stream of D and F, the ands of A and B by a stream of E and F, the tree is
              `bits_and`
    Raises    RangeError
    Source    Sklansky's adder; one word a level has both the generate and the propagate lanes
    """
    integers("decompose", x)
    comparable("decomposition", width, 1)
    carried = width - 1
    out = np.empty((2, x.size), dtype_of(width))
    keep, keep_carried = np.uint64(mask_of(width)), np.uint64(mask_of(carried))

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        n = stop - start
        role = chunk.roles(party.index)[0]
        data = x.data[:, start:stop]
        p, g = np.empty((2, n), np.uint64), np.empty((2, n), np.uint64)
        whole = packed_bytes(n, width)
        if role == D:
            packed = pack((data[0] + data[1]) & keep, width)
            phi, message = await from_owner(party, chunk, whole, packed)
            p[0], p[1] = unpack(phi, n, width), unpack(message, n, width)
            if carried:
                await to_owner(party, chunk, carried, None, g)
        else:
            mine, other = (0, 1) if role == E else (1, 0)
            (message,) = await from_owner(party, chunk, whole, None)
            p[mine], p[other] = unpack(message, n, width), data[other] & keep
            if carried:
                await to_owner(party, chunk, carried, p[0] & p[1] & keep_carried, g)
        if carried:
            propagate = p & keep_carried
            for level in range(levels_of(carried)):
                await _join(party, part | (level + 1), g, propagate, level, carried)
            p ^= g << kernels.ONE
        out[:, start:stop] = p

    await each(party, cut(party.label, x.size), step)
    return Bits(out, x.shape, width)


async def _join(party: Party, part: int, g: Words, p: Words, level: int, carried: int) -> None:
    """One level of the adder's tree; it updates g and p in place."""
    span = np.uint64(1 << level)
    upper = np.uint64(upper_halves(level) & mask_of(carried))
    highest = np.uint64(upper_halves(level) >> 1 & ~upper_halves(level))
    local = np.empty(g.shape[1], np.uint64)
    kernels.adder(g, p, upper, highest, span, local)
    if 2 << level < carried:
        kernels.added(await reshare(party, part, local, carried), upper, span, g, p)
        return
    local &= upper  # the last level: P is not needed any more
    local >>= span
    both = await reshare(party, part, local, carried - (1 << level))
    g ^= both.astype(np.uint64, copy=False) << span


def decompose_cost(label: bytes, size: int, width: int) -> Cost:
    carried = width - 1
    levels = levels_of(carried) if carried else 0

    def chunk_load(n: int) -> Load:
        first, second = packed_bytes(n, width), packed_bytes(n, carried) if carried else 0
        joined = 0
        if levels:
            last = reshare_load(n, carried - (1 << (levels - 1))).bytes_sent[0]
            joined = (levels - 1) * reshare_load(n, carried).bytes_sent[0] + last
        count = int(carried > 0) + levels
        return Load(1 + count, (first + joined, second + joined, second + joined), (1 + levels, count, count))

    return load(cut(label, size), chunk_load)


async def bit_to_ring(party: Party, b: Bits) -> Arithmetic:
    """One bit as the integer 0 or 1.

    Shapes    b, result: one shape, n elements
    Rounds    2
    Bytes     8 n from D to E, from E to D and from F to D
    Security  semi-honest: with b = alpha xor beta, a word of a stream of D and F hides D's alpha, and words of a stream
              of E and F hide the shares of (1 - 2 beta) alpha
    Raises    ShapeError
    """
    words_of_bits("bit_to_ring", b, width=1)
    out = np.empty((2, b.size), np.uint64)

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        n = stop - start
        role, d, e, f = chunk.roles(party.index)
        data, rows = b.data[:, start:stop], out[:, start:stop]
        if role == D:
            party.send(e, part, (data[0] ^ data[1]) - words(party, f, _A2, part, n))
            rows[0] = await party.receive(f, part, (n,), np.uint64)
            rows[1] = await party.receive(e, part, (n,), np.uint64)
            return
        partner = f if role == E else e
        s1, s2 = words(party, partner, _S1, part, n), words(party, partner, _S2, part, n)
        mine, other = (0, 1) if role == E else (1, 0)
        beta = data[other]
        if role == E:
            a = await party.receive(d, part, (n,), np.uint64)
        else:
            a = words(party, d, _A2, part, n)
        kernels.lift(s1 if role == E else s2, a, beta, kernels.ZERO, rows[mine])
        party.send(d, part, rows[mine])
        np.subtract(beta, s1, out=rows[other])
        rows[other] -= s2

    await each(party, cut(party.label, b.size), step)
    return Arithmetic(out, b.shape)


def bit_to_ring_cost(label: bytes, size: int) -> Cost:
    return load(cut(label, size), lambda n: Load(2, (8 * n, 8 * n, 8 * n), (1, 1, 1)))


async def inject(party: Party, b: Bits, x: Arithmetic) -> Arithmetic:
    """b * x for one bit b.

    Shapes    b, x, result: one shape, n elements
    Rounds    2
    Bytes     16 n from D to E, 8 n from E to D and from F to D
    Security  semi-honest: words of a stream of D and F hide D's alpha and alpha * A, and words of a stream of E and F
              hide the shares of the product
    Raises    ShapeError
    """
    words_of_bits("inject", b, width=1)
    integers("inject", x)
    if b.shape != x.shape:
        raise ShapeError(f"inject: the bits have shape {b.shape}, the values {x.shape}; expected one shape")
    out = np.empty((2, b.size), np.uint64)

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        n = stop - start
        role, d, e, f = chunk.roles(party.index)
        bit, data, rows = b.data[:, start:stop], x.data[:, start:stop], out[:, start:stop]
        if role == D:
            alpha, v = (bit[0] ^ bit[1]).astype(np.uint64), data[0] + data[1]
            v *= alpha
            v -= words(party, f, _V2, part, n)
            alpha -= words(party, f, _A2, part, n)
            party.send(e, part, np.concatenate((v, alpha)))
            rows[0] = await party.receive(f, part, (n,), np.uint64)
            rows[1] = await party.receive(e, part, (n,), np.uint64)
            return
        partner = f if role == E else e
        s1, s2 = words(party, partner, _S1, part, n), words(party, partner, _S2, part, n)
        mine, other = (0, 1) if role == E else (1, 0)
        beta, known = bit[other], data[other]
        if role == E:
            shares = await party.receive(d, part, (2 * n,), np.uint64)
            v, a = shares[:n], shares[n:]
        else:
            v, a = words(party, d, _V2, part, n), words(party, d, _A2, part, n)
        kernels.select(beta, data[mine], known, v, a, s1 if role == E else s2, rows[mine])
        party.send(d, part, rows[mine])
        np.multiply(known, beta, out=rows[other])
        rows[other] -= s1
        rows[other] -= s2

    await each(party, cut(party.label, b.size), step)
    return Arithmetic(out, b.shape)


def inject_cost(label: bytes, size: int) -> Cost:
    return load(cut(label, size), lambda n: Load(2, (16 * n, 8 * n, 8 * n), (1, 1, 1)))


declare("decompose", decompose, cost=lambda label, x, width: decompose_cost(label, x.size, width), work=per_bit(2.5))
declare("bit_to_ring", bit_to_ring, cost=lambda label, b: bit_to_ring_cost(label, b.size), work=per_element(6.0))
declare("inject", inject, cost=lambda label, b, x: inject_cost(label, x.size), work=per_element(8.0))
