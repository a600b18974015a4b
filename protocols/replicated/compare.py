"""The sign of a value: the carry of A + B, found by digits of four bits and a tree.

D knows A = c_D + c_F and both E and F know B = c_E. Per digit, G = [a + b >= 16] and P = [a + b = 15] are sums
modulo 2 of products of bits of a (D shares all 15 of them) with functions of the bits of b, so E and F evaluate
them locally on their shares. A tree of ands then joins the digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mpc.engine import Cost
from mpc.errors import RangeError
from mpc.party import Party
from protocols.replicated import kernels
from protocols.replicated.boolean import reshare, reshare_load
from protocols.replicated.owner import from_owner, to_owner
from protocols.replicated.roles import Chunk, D, E, Load, cut, each, load
from protocols.replicated.sharing import Arithmetic, Bits, Words, integers
from protocols.replicated.wire import Octets, lowest, pack, packed_bytes, unpack

#: The lane of a0 a1 a2 a3 in the last word of monomials.
_ALL_FOUR = 0x4444444444444444


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


def _digits(width: int) -> tuple[int, int]:
    """Digits of the low width-1 bits, and the lanes of the tree over them (a power of two)."""
    digits = (width + 2) // 4
    return digits, 1 << (digits - 1).bit_length()


def check_width(width: int) -> None:
    if not 2 <= width <= 64:
        raise RangeError(f"sign of a value of {width} bits; 2 to 64 can be compared")


async def sign(party: Party, x: Arithmetic, width: int) -> Bits:
    """The bit x < 0, given -2^(width-1) <= x < 2^(width-1).

    Shapes    x, result: one shape, n elements; the result has one bit each
    Rounds    2 + ceil(log2 digits), digits = ceil((width-1)/4): 6 at 64 bits, 5 at 33, 2 at 5
    Bytes     D to E 4 n words of 4 digits bits; E and F to D n words of 2 lanes bits; each party to the next one
              n words of lanes, lanes/2, ..., 4 and 1 bits (lanes: digits rounded up to a power of two)
    Security  semi-honest: each monomial of A's bits and its highest bit are hidden by a bit of the stream of D and
              F, each share of G and P by one of E and F, and the tree is `bits_and`
    Raises    RangeError
    """
    integers("sign", x)
    check_width(width)
    out = np.empty((2, x.size), np.uint8)

    async def step(chunk: Chunk) -> None:
        start, stop, _, _ = chunk
        out[:, start:stop] = await compared(party, chunk, x.data[:, start:stop], None, width)

    await each(party, cut(party.label, x.size), step)
    return Bits(out, x.shape, 1)


async def compared(party: Party, chunk: Chunk, given: Words, thresholds: Words | None, width: int) -> Octets:
    """Both rows of the bits x < t for each threshold t in turn, of shape (count, 1) or (count, elements), or x < 0
    where there is none. One chunk; D's message is one for all thresholds, since they are a part of B alone."""
    part, n = chunk.part, given.shape[1]
    role = chunk.roles(party.index)[0]
    digits, lanes = _digits(width)
    bits, sent = np.uint64(width), 4 * digits
    count = 1 if thresholds is None else len(thresholds)
    total = count * n
    gp = np.empty((2, total), np.uint64)
    top = np.empty((2, count, n), np.uint8)
    whole = packed_bytes(4 * n, sent)
    wide = 2 * lanes if lanes > 1 else 1
    if role == D:
        m = np.empty((4, n), np.uint64)
        kernels.monomials(given[0], given[1], bits, m)
        phi, message = await from_owner(party, chunk, whole, pack(m.reshape(-1), sent))
        top[0], top[1] = _top(phi, n, sent), _top(message, n, sent)
        await to_owner(party, chunk, wide, None, gp)
    else:
        (message,) = await from_owner(party, chunk, whole, None)
        if role == E:
            b, pad, one = given[1], np.uint64(_ALL_FOUR & (-1 << sent)), kernels.ONE
        else:
            b, pad, one = given[0], kernels.ZERO, kernels.ZERO
        mine, other = (0, 1) if role == E else (1, 0)
        top[mine] = _top(message, n, sent)
        raw: Words = gp[mine]
        shares = np.ascontiguousarray(unpack(message, 4 * n, sent)).reshape(4, n)
        fold = np.array(_FOLD[lanes], np.uint64)
        for k in range(count):
            b_k = b if thresholds is None else b - thresholds[k]
            top[other, k] = (b_k >> (bits - kernels.ONE)) & kernels.ONE
            kernels.carries(shares, b_k, bits, pad, one, fold, raw[k * n : (k + 1) * n])
        if wide == 1:
            raw &= kernels.ONE  # one digit: nothing follows that would want its P
        await to_owner(party, chunk, wide, raw, gp)
    found = await _joined(party, part, gp, lanes)
    found ^= top.reshape(2, total)
    return found


async def _joined(party: Party, part: int, gp: Words, lanes: int) -> Octets:
    """The carry out of all digits, from G and P of each: the tree. Overwrites gp."""
    at, last = lanes, None
    for number, level in enumerate(_TREE[lanes], 1):
        local = np.empty(gp.shape[1], np.uint64)
        pair, mask = np.uint64(level.pair), np.uint64(level.mask)
        kernels.tree(gp, np.uint64(at), pair, mask, np.uint64(level.p_to), local)
        both = await reshare(party, part | number, local, level.width)
        if level.width == 1:
            gp >>= pair  # what is left of G_high; bits beside it are dropped below
            last = both
        else:
            kernels.joined(both, pair, mask, gp)
        at = level.p_to
    gp &= kernels.ONE
    found = gp.astype(np.uint8)
    if last is not None:
        found ^= last.astype(np.uint8)
    return found


def _top(message: Octets, n: int, width: int) -> Octets:
    """The lane beside the last word's lowest monomials: a share of A's highest bit. Local."""
    if width == 4:  # two words to a byte: the last ones are in the upper halves
        return (message[n:] >> np.uint8(7)) & np.uint8(1)
    low = lowest(message, 4 * n, width)[3 * n :]
    lane: Octets = (low >> low.dtype.type(3)).astype(np.uint8) & np.uint8(1)
    return lane


def sign_cost(label: bytes, size: int, width: int) -> Cost:
    check_width(width)
    return load(cut(label, size), lambda n: compared_load(n, 1, width))


def compared_load(n: int, count: int, width: int) -> Load:
    """What `compared` costs on n elements and `count` thresholds."""
    digits, lanes = _digits(width)
    levels = _TREE[lanes]
    shared = packed_bytes(count * n, 2 * lanes if lanes > 1 else 1)
    joined = sum(reshare_load(count * n, level.width).bytes_sent[0] for level in levels)
    messages = 1 + len(levels)
    return Load(
        2 + len(levels),
        (packed_bytes(4 * n, 4 * digits) + joined, shared + joined, shared + joined),
        (messages, messages, messages),
    )
