"""The sign of a value: the carry of A + B, found by digits of four or three bits and a tree.

D knows A = c_D + c_F and both E and F know B = c_E. Per digit of four bits, G = [a + b >= 16] and P = [a + b = 15]
are sums modulo 2 of products of bits of a (D shares all 15 of them; of digits of three bits there are 7) with
functions of the bits of b, so E and F evaluate them locally on their shares. A tree of ands then joins the digits.

The tree has 1, 2, 4, 8 or 16 leaves, as few as digits of four bits need. As many digits as that leaves room for have
three bits, which halves what D sends of them.
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

#: The lowest bit of each digit's four.
_LANES = 0x1111111111111111
_ONE = np.uint32(1)


class _Level(NamedTuple):
    """One level of the tree: pairs of lanes `pair` apart become the lanes `mask`, P then stands at `p_to`."""

    pair: int
    mask: int
    p_to: int
    width: int


#: By number of lanes: how carries are folded (see kernels.carries), and the levels of the tree. Lanes are folded so
#: that each level joins lanes at one distance and leaves them at neighbouring bits.
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
    """How many digits the low width-1 bits have, how many of them of four bits, and the leaves of the tree."""

    digits: int
    fours: int
    lanes: int

    def sent(self, n: int) -> int:
        """Bytes of the monomials of n elements."""
        return packed_bytes(2 * n, 4 * self.digits) + (packed_bytes(2 * n, 4 * self.fours) if self.fours else 0)

    def pack(self, m: Words) -> Octets:
        """Words 0 and 1 with all digits, and words 2 and 3 with those of four bits."""
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
        """The free lane of word 1's lowest digit: a share of A's highest bit."""
        if self.digits == 1:  # two words to a byte: word 1 is in the upper halves
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
    Security  semi-honest: each monomial of A's bits and its highest bit are hidden by a bit of the stream of D and
              F, each share of G and P by one of E and F, and the tree is `bits_and`
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


async def compared(party: Party, chunk: Chunk, given: Words, thresholds: Words | None, width: int) -> Octets:
    """Both rows of the bits x < t for each threshold t in turn, of shape (count, 1) or (count, elements), or x < 0
    where there is none. One chunk; D's message is one for all thresholds, since they are a part of B alone."""
    found, last = await _carried(party, chunk, given, thresholds, width)
    if last is not None:
        found ^= (await reshare(party, chunk.part | _last(width), last, 1)).astype(np.uint8)
    return found


async def reveal_sign(party: Party, x: Arithmetic, width: int, lead: int) -> NDArray[np.bool_]:
    """Reveal the bit x < 0 to all parties, given -2^(width-1) <= x < 2^(width-1); one round less than `sign` and
    opening its result, for the same bytes. Party `lead` is D in the first chunk.

    Shapes    x, result: one shape, n elements
    Rounds    those of `sign`; one more for a width up to 5
    Bytes     those of `sign` but for the last message of one bit an element, which goes to both other parties
    Security  semi-honest, as `sign`; of the last round a party gets bits of the other two that are uniform but for
              their exclusive or with its own, which is the result
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
        found = wire
        for peer, other in (peers, peers[::-1]):
            told = await party.receive(peer, part, (wire.size,), np.uint8)
            party.compare_later(other, part, told)
            found = found ^ told
        out[start:stop] = unpack(found, stop - start, 1)

    await each(party, cut(bytes((lead,)), x.size), step)
    return out.reshape(x.shape)


def _last(width: int) -> int:
    """The number of the last message's part."""
    return max(len(_TREE[_digits(width).lanes]), 1)


async def _carried(
    party: Party, chunk: Chunk, given: Words, thresholds: Words | None, width: int
) -> tuple[Octets, Short | None]:
    """Both rows of the bits that `compared` gives, but for an and that is still to be added: this party's part of it
    in the lowest bits, or None where there is none."""
    part, n = chunk.part, given.shape[1]
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
        kernels_sign.monomials(given[0], given[1], bits, fours, m)
        phi, message = await from_owner(party, chunk, shape.sent(n), shape.pack(m))
        top[0], top[1] = shape.top(phi, n), shape.top(message, n)
        await to_owner(party, chunk, wide, None, gp)
    else:
        (message,) = await from_owner(party, chunk, shape.sent(n), None)
        if role == E:
            b, pad, one = given[1], np.uint64(_LANES & (-1 << (4 * shape.digits))), kernels.ONE
        else:
            b, pad, one = given[0], kernels.ZERO, kernels.ZERO
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
            raw &= _ONE  # one digit: nothing follows that would want its P
        await to_owner(party, chunk, wide, raw, gp)
    last = await _joined(party, part, gp, lanes)
    gp &= _ONE
    found = gp.astype(np.uint8)
    found ^= top.reshape(2, total)
    return found, last


async def _joined(party: Party, part: int, gp: Short, lanes: int) -> Short | None:
    """The tree over G and P of the digits: of the carry out of all of them the lowest bits of gp, and this party's
    part of an and that is not reshared yet."""
    at = lanes
    for number, level in enumerate(_TREE[lanes], 1):
        local: Short = np.empty(gp.shape[1], np.uint32)
        pair, mask = np.uint32(level.pair), np.uint32(level.mask)
        kernels.tree(gp, np.uint32(at), pair, mask, np.uint32(level.p_to), local)
        if level.width == 1:
            gp >>= pair  # what is left of G_high; bits beside it are dropped by whoever reads it
            return local
        kernels.joined(await reshare(party, part | number, local, level.width), pair, mask, gp)
        at = level.p_to
    return None


def sign_cost(label: bytes, size: int, width: int) -> Cost:
    return load(cut(label, size), lambda n: compared_load(n, 1, width))


def compared_load(n: int, count: int, width: int) -> Load:
    """What `compared` costs on n elements and `count` thresholds."""
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

    def one(n: int) -> Load:
        rounds, sent, messages = compared_load(n, 1, width)
        more = packed_bytes(n, 1) * (1 if levels else 2)
        d, e, f = (octets + more for octets in sent)
        count = messages[0] + (1 if levels else 2)
        return Load(rounds + (not levels), (d, e, f), (count, count, count))

    return load(cut(bytes((lead,)), size), one)


declare("sign", sign, cost=lambda label, x, width: sign_cost(label, x.size, width), work=per_bit(0.9))
