"""Whether elements are small and not negative, whatever elements they are: what owners' inputs are checked with."""

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
#: A number that is not negative has these bits at most; its two's complement has 128 in all.
SPAN, WIDE = 64, 128


def sides(x: Numbers, bounds: Integers | None) -> Numbers:
    """x itself, or bound - x and bound + x along a new first axis, for public bounds. Local."""
    if bounds is None:
        return x
    limits = encoded(np.broadcast_to(np.asarray(bounds, np.int64), x.shape))
    both: Any = np.concatenate([local.subtract(limits, x.data), local.add(limits, x.data)])
    return Numbers(both, (2, *x.shape))


async def nonnegative(f: Floor, x: Words, size: int) -> Words:
    """One plane: 0 <= x < 2^64, for any elements x.

    x is opened, masked, to the king. The difference of that and the masks has 128 bits, of which those from 64 on must
    be zero: an element that is not in [0, 2^64) keeps a higher bit or, where it passed the prime with the masks, is
    negative. Of two summands a and b whose low halves carry q, the high halves must add up to -q modulo 2^64: all bits
    of a ^ b are set where q = 1, and a_i ^ b_i = a_(i-1) | b_(i-1) for all i where q = 0.

    Rounds    10 for t = 1: 2 for the summands, 7 for the carry and both conjunctions beside each other, and a choice;
              and those of `carry_save`
    Bytes     16 N for each of 2t messages, 8 m 128 W for D; those of `carry_save`; 8 m W for each of P messages and 380
              ands
    Security  semi-honest: masks hide numbers of 64 bits. What is beyond may be told to the king: it is its owner's lie
    """
    summands = await open_summands(f, x, size, bits=SPAN, width=WIDE)
    a, b = await carry_save(f, summands, WIDE, size)
    either = f.xor(a, b)
    p, high = either[:, 1:SPAN], either[:, SPAN:]  # of the lowest bit nothing propagates
    # a & b for the carry of the low half and for a | b of the high one; the first halving of the ones.
    g, both, ones = await _ands(f, size, [(a[:, :SPAN], b[:, :SPAN]), (a[:, SPAN:-1], b[:, SPAN:-1]), _halves(high)])
    either_set = f.joined([np.zeros_like(high[:, :1]), f.xor(both, high[:, :-1])])
    zeros = f.invert(f.xor(high, either_set))
    while g.shape[1] > 1:
        left, right = p[:, 0::2], p[:, 1::2]  # a group's propagation, its lower neighbour's (the lowest has none)
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
    """Several conjunctions in one round."""
    widths = [x.shape[1] for x, _ in pairs]
    found = await conjunction(f, f.joined([x for x, _ in pairs]), f.joined([y for _, y in pairs]), sum(widths), size)
    ends = np.cumsum(widths).tolist()
    return [found[:, end - width : end] for end, width in zip(ends, widths, strict=True)]


declare_on_floor(
    "nonnegative",
    nonnegative,
    given=lambda x, bounds=None: {},
    operands=lambda x, bounds=None: [sides(x, bounds).data],
)
