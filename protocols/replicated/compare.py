"""The sign of a value: the carry of A + B, computed from digits of four or three bits and a tree.

D knows A = c_D + c_F and both E and F know B = c_E. For a digit of four bits, G = [a + b >= 16] and P = [a + b = 15]
are sums modulo 2 of products of bits of a with functions of the bits of b. D shares all 15 products of bits of a (7 for
a digit of three bits), so E and F evaluate G and P locally on their shares. A tree of ands then joins the digits.

The tree has 1, 2, 4, 8 or 16 leaves: as few as digits of four bits need. As many digits as these leaves allow have
three bits, because D sends half as much for them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost
from mpc.machine.party import Party
from mpc.machine.shapes import comparable
from protocols.chunks import each
from protocols.declared import per_bit
from protocols.replicated import kernels, kernels_sign
from protocols.replicated.boolean import reshare, reshare_load
from protocols.replicated.declared import declare
from protocols.replicated.kernels import Short
from protocols.replicated.masks import zero_bits
from protocols.replicated.owner import from_owner, to_owner
from protocols.replicated.roles import Chunk, D, E, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, Words, integers
from protocols.replicated.wire import Octets, lowest, pack, packed_bytes, unpack

#: The lowest bit of each lane of four bits.
_LANES = 0x1111111111111111
_ONE = np.uint32(1)


class _Level(NamedTuple):
    """One level of the tree: pairs of lanes at the distance `pair` become the lanes `mask`; P then stands at `p_to`."""

    pair: int
    mask: int
    p_to: int
    width: int


#: By number of lanes: `fold` of kernels_sign.carries, and the levels of the tree. With these foldings, each level joins
#: lanes at one distance and leaves the results at neighbouring bits.
_FOLD = {
    1: (0, 0x1, 0, 0x1, 1),
    2: (3, 0x3, 0, 0x3, 2),
    4: (7, 0x33, 2, 0xF, 4),
    8: (15, 0x3333, 6, 0xFF, 8),
    16: (31, 0x33333333, 14, 0xFFFF, 16),
}
_TREE = {
    1: (),
    2: (_Level(1, 0x1, 1, 1),),
    4: (_Level(2, 0x3, 2, 4), _Level(1, 0x1, 1, 1)),
    8: (_Level(4, 0xF, 4, 8), _Level(2, 0x3, 2, 4), _Level(1, 0x1, 1, 1)),
    16: (_Level(4, 0xF0F, 4, 16), _Level(8, 0xF, 4, 8), _Level(2, 0x3, 2, 4), _Level(1, 0x1, 1, 1)),
}


class _Digits(NamedTuple):
    """The digits of the low width-1 bits: their number, how many have four bits, and the leaves of the tree."""

    digits: int
    fours: int
    lanes: int

    def sent(self, n: int) -> int:
        """Bytes of the monomials of n elements."""
        return packed_bytes(2 * n, 4 * self.digits) + (packed_bytes(2 * n, 4 * self.fours) if self.fours else 0)

    def pack(self, m: Words) -> Octets:
        """The message: words 0 and 1 for all digits, and words 2 and 3 for the digits of four bits."""
        first = pack(m[:2].reshape(-1), 4 * self.digits)
        return np.concatenate((first, pack(m[2:].reshape(-1), 4 * self.fours))) if self.fours else first

    def unpack(self, message: Octets, n: int) -> Words:
        m = np.empty((4 if self.fours else 2, n), np.uint64)
        first = packed_bytes(2 * n, 4 * self.digits)
        m[:2] = unpack(message[:first], 2 * n, 4 * self.digits).reshape(2, n)
        if self.fours:
            m[2:] = unpack(message[first:], 2 * n, 4 * self.fours).reshape(2, n)
        return m

    def top(self, message: Octets, n: int) -> Octets:
        """The free bit in the lowest lane of word 1: a share of A's highest bit."""
        if self.digits == 1:  # two words to a byte: word 1 is in the high bits
            return (message[:n] >> np.uint8(7)) & np.uint8(1)
        first = message[: packed_bytes(2 * n, 4 * self.digits)]
        low = lowest(first, 2 * n, 4 * self.digits)[n:]
        lane: Octets = (low >> low.dtype.type(3)).astype(np.uint8) & np.uint8(1)
        return lane


@lru_cache
def _digits(width: int) -> _Digits:
    low = width - 1
    lanes = 1 << ((low + 3) // 4 - 1).bit_length()
    fours = max(low - 3 * lanes, 0)
    return _Digits(fours + (low - 4 * fours + 2) // 3, fours, lanes)


async def sign(party: Party, x: Arithmetic, width: int) -> Bits:
    """The bit x < 0, given -2^(width-1) <= x < 2^(width-1).

    Shapes    x, result: one shape, n elements; the result has one bit each
    Rounds    2 + log2 lanes, with lanes = ceil((width-1)/4) rounded up to a power of two: 6 at 64 bits, 5 at 33
    Bytes     D to E 2 n words of 4 digits bits and 2 n of 4 fours bits, where `fours` = max(width-1 - 3 lanes, 0) of
              the digits have four bits and the others three; E and F to D n words of 2 lanes bits; each party to the
              next one n words of lanes, lanes/2, ..., 4 and 1 bits
    Security  semi-honest: each product of A's bits, and A's highest bit, is hidden by a bit of a stream of D and F;
              each share of G and P by a bit of a stream of E and F; the tree is `bits_and`
    Raises    RangeError
    """
    integers("sign", x)
    comparable("sign", width)
    out = np.empty((2, x.size), np.uint8)

    async def step(chunk: Chunk) -> None:
        start, stop, _, _ = chunk
        out[:, start:stop] = await compared(party, chunk, x.data[:, start:stop], None, width)

    await each(party, cut(party.label, x.size), step)
    return Bits(out, x.shape, 1)


async def compared(party: Party, chunk: Chunk, data: Words, thresholds: Words | None, width: int) -> Octets:
    """Both rows of the bits x < t of one chunk, for each threshold t in turn; without thresholds, of the bits x < 0.
    The thresholds have the shape (count, 1) or (count, elements). They belong to B, so D sends one message for all."""
    rows, last = await _carried(party, chunk, data, thresholds, width)
    if last is not None:
        rows ^= (await reshare(party, chunk.part | _last(width), last, 1)).astype(np.uint8)
    return rows


async def reveal_sign(party: Party, x: Arithmetic, width: int, lead: int) -> NDArray[np.bool_]:
    """Reveal the bit x < 0 to all parties, given -2^(width-1) <= x < 2^(width-1): one round less than `sign` with an
    opening, for the same bytes. Party `lead` is D in the first chunk.

    Shapes    x, result: one shape, n elements
    Rounds    those of `sign`; one more for a width up to 5
    Bytes     those of `sign`, but the last message, of one bit an element, goes to both other parties
    Security  semi-honest, as `sign`; in the last round a party receives bits of the two others: uniform, except that
              their exclusive or with the party's bits is the result
    Raises    RangeError
    """
    integers("reveal_sign", x)
    comparable("sign", width)
    out = np.empty(x.size, np.bool_)

    async def step(chunk: Chunk) -> None:
        start, stop, _, _ = chunk
        rows, last = await _carried(party, chunk, x.data[:, start:stop], None, width)
        wire = pack(rows[1] if last is None else rows[1] ^ last.astype(np.uint8), 1)
        mask: Octets = np.empty_like(wire)
        part = chunk.part | _last(width)
        zero_bits(party, part, mask)
        wire ^= mask
        peers = (party.index + 1) % 3, (party.index + 2) % 3
        for peer in peers:
            party.send(peer, part, wire)
        opened = wire
        for peer, other in (peers, peers[::-1]):
            message = await party.receive(peer, part, (wire.size,), np.uint8)
            party.compare_later(other, part, message)
            opened = opened ^ message
        out[start:stop] = unpack(opened, stop - start, 1)

    await each(party, cut(bytes((lead,)), x.size), step)
    return out.reshape(x.shape)


def _last(width: int) -> int:
    """The part number of the last message."""
    return max(len(_TREE[_digits(width).lanes]), 1)


async def _carried(
    party: Party, chunk: Chunk, data: Words, thresholds: Words | None, width: int
) -> tuple[Octets, Short | None]:
    """Both rows of the bits of `compared`, without the tree's last and; and this party's part of that and in the lowest
    bits, or None if the tree has no ands."""
    part, n = chunk.part, data.shape[1]
    role = chunk.roles(party.index)[0]
    shape = _digits(width)
    lanes = shape.lanes
    bits, fours = np.uint64(width), np.uint64(4 * shape.fours)
    count = 1 if thresholds is None else len(thresholds)
    total = count * n
    gp: Short = np.empty((2, total), np.uint32)
    top = np.empty((2, count, n), np.uint8)
    wide = 2 * lanes if lanes > 1 else 1
    if role == D:
        m = np.empty((4 if shape.fours else 2, n), np.uint64)
        kernels_sign.monomials(data[0], data[1], bits, fours, m)
        phi, message = await from_owner(party, chunk, shape.sent(n), shape.pack(m))
        top[0], top[1] = shape.top(phi, n), shape.top(message, n)
        await to_owner(party, chunk, wide, None, gp)
    else:
        (message,) = await from_owner(party, chunk, shape.sent(n), None)
        if role == E:
            b, pad, one = data[1], np.uint64(_LANES & (-1 << (4 * shape.digits))), kernels.ONE
        else:
            b, pad, one = data[0], kernels.ZERO, kernels.ZERO
        mine, other = (0, 1) if role == E else (1, 0)
        top[mine] = shape.top(message, n)
        raw: Short = gp[mine]
        shares = shape.unpack(message, n)
        fold = np.array(_FOLD[lanes], np.uint64)
        for k in range(count):
            b_k = b if thresholds is None else b - thresholds[k]
            top[other, k] = (b_k >> (bits - kernels.ONE)) & kernels.ONE
            kernels_sign.carries(shares, b_k, bits, fours, pad, one, fold, raw[k * n : (k + 1) * n])
        if wide == 1:
            raw &= _ONE  # one digit: no level of a tree needs its P
        await to_owner(party, chunk, wide, raw, gp)
    last = await _joined(party, part, gp, lanes)
    gp &= _ONE
    rows = gp.astype(np.uint8)
    rows ^= top.reshape(2, total)
    return rows, last


async def _joined(party: Party, part: int, gp: Short, lanes: int) -> Short | None:
    """The tree over G and P of the digits. The carry out of all digits is the lowest bit of gp, xor the last and, which
    is not reshared yet: returns this party's part of that and, or None if the tree has no levels."""
    at = lanes
    for number, level in enumerate(_TREE[lanes], 1):
        local: Short = np.empty(gp.shape[1], np.uint32)
        pair, mask = np.uint32(level.pair), np.uint32(level.mask)
        kernels.tree(gp, np.uint32(at), pair, mask, np.uint32(level.p_to), local)
        if level.width == 1:
            gp >>= pair  # G_high; the caller drops the other bits
            return local
        kernels.joined(await reshare(party, part | number, local, level.width), pair, mask, gp)
        at = level.p_to
    return None


def sign_cost(label: bytes, size: int, width: int) -> Cost:
    return load(cut(label, size), lambda n: compared_load(n, 1, width))


def compared_load(n: int, count: int, width: int) -> Load:
    """The load of `compared` for n elements and `count` thresholds."""
    shape = _digits(width)
    lanes, levels = shape.lanes, _TREE[shape.lanes]
    shared = packed_bytes(count * n, 2 * lanes if lanes > 1 else 1)
    joined = sum(reshare_load(count * n, level.width).bytes_sent[0] for level in levels)
    messages = 1 + len(levels)
    return Load(
        2 + len(levels),
        (shape.sent(n) + joined, shared + joined, shared + joined),
        (messages, messages, messages),
    )


def reveal_sign_cost(lead: int, size: int, width: int) -> Cost:
    levels = len(_TREE[_digits(width).lanes])

    def chunk_load(n: int) -> Load:
        rounds, sent, messages = compared_load(n, 1, width)
        opening = packed_bytes(n, 1) * (1 if levels else 2)
        d, e, f = (octets + opening for octets in sent)
        count = messages[0] + (1 if levels else 2)
        return Load(rounds + (not levels), (d, e, f), (count, count, count))

    return load(cut(bytes((lead,)), size), chunk_load)


declare("sign", sign, cost=lambda label, x, width: sign_cost(label, x.size, width), work=per_bit(0.9))
