"""Whether any given elements are small and not negative: the check of owners' inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Integers
from protocols.shamir import local
from protocols.shamir.adder import carry_save, conjunction, open_summands
from protocols.shamir.declared import declare_on_floor
from protocols.shamir.floor import Floor
from protocols.shamir.sharing import Numbers, encoded

Words = NDArray[np.uint64]
#: Most bits of a number that is not negative, and the bits of its two's complement.
SPAN, WIDE = 64, 128


def sides(x: Numbers, bounds: Integers | None) -> Numbers:
    """x, or with public bounds: bound - x and bound + x along a new first axis. Local."""
    if bounds is None:
        return x
    limits = encoded(np.broadcast_to(np.asarray(bounds, np.int64), x.shape))
    both: Any = np.concatenate([local.subtract(limits, x.data), local.add(limits, x.data)])
    return Numbers(both, (2, *x.shape))


async def nonnegative(f: Floor, x: Words, size: int) -> Words:
    """One plane: 0 <= x < 2^64, for any elements x.

    x is opened, masked, to the king. The opened number minus the masks has 128 bits, of which the high 64 must be zero:
    for an element outside [0, 2^64) one of these bits is set, or, if x plus the masks passed the prime, the difference
    is negative. Let a and b be two summands, and q the carry of their low halves. The high halves must add up to -q
    modulo 2^64: all bits of a ^ b are set if q = 1, and a_i ^ b_i = a_(i-1) | b_(i-1) for all i if q = 0.

    Rounds    10 for t = 1: 2 for the summands, 7 for the carry and both conjunctions in parallel, 1 for the choice;
              and those of `carry_save`
    Bytes     16 N for each of 2t messages, 8 m 128 W for each of D; those of `carry_save`; 8 m W for each of P messages
              and 380 ands
    Security  semi-honest: masks hide numbers of 64 bits. An element outside of [0, 2^64) may be disclosed to the
              king: it follows from the inputs of one owner, who lied
    """
    summands = await open_summands(f, x, size, bits=SPAN, width=WIDE)
    a, b = await carry_save(f, summands, WIDE, size)
    a_xor_b = f.xor(a, b)
    p, high = a_xor_b[:, 1:SPAN], a_xor_b[:, SPAN:]  # the lowest bit needs no propagate bit
    # a & b for the carry of the low half and for a | b of the high half; the first halving of `ones`.
    g, both, ones = await _ands(f, size, [(a[:, :SPAN], b[:, :SPAN]), (a[:, SPAN:-1], b[:, SPAN:-1]), _halves(high)])
    a_or_b = f.joined([np.zeros_like(high[:, :1]), f.xor(both, high[:, :-1])])
    zeros = f.invert(f.xor(high, a_or_b))
    while g.shape[1] > 1:
        left, right = p[:, 0::2], p[:, 1::2]  # propagate bits of groups and of their lower neighbours (one fewer)
        pairs = [(left, g[:, 0::2]), (left[:, 1:], right), _halves(zeros)]
        if ones.shape[1] > 1:
            pairs.append(_halves(ones))
        carried, p, zeros, *rest = await _ands(f, size, pairs)
        g = f.xor(g[:, 1::2], carried)
        ones = rest[0] if rest else ones
    (chosen,) = await _ands(f, size, [(g, f.xor(zeros, ones))])
    return f.xor(zeros, chosen)


def _halves(x: Words) -> tuple[Words, Words]:
    half = x.shape[1] // 2
    return x[:, :half], x[:, half:]


async def _ands(f: Floor, size: int, pairs: list[tuple[Words, Words]]) -> list[Words]:
    """Ands of all pairs in one round."""
    widths = [x.shape[1] for x, _ in pairs]
    ands = await conjunction(f, f.joined([x for x, _ in pairs]), f.joined([y for _, y in pairs]), sum(widths), size)
    ends = np.cumsum(widths).tolist()
    return [ands[:, end - width : end] for end, width in zip(ends, widths, strict=True)]


declare_on_floor(
    "nonnegative",
    nonnegative,
    given=lambda x, bounds=None: {},
    operands=lambda x, bounds=None: [sides(x, bounds).data],
)
