"""Who is whose partner: filters of two sides in blocks, compared pair by pair in secret.

The *lead* of a pair is 2 q |a and b| - p (|a| + |b|) for a threshold p/q: from 0 up if and only if the Dice coefficient
reaches the threshold. Leads are whole numbers, and a matrix product gives those of a whole block. Two rows are partners
if each has its largest lead with the other, the first one of equal leads, and this lead is not below 0.

Ranking pairs by lead rather than by Dice coefficient takes no division, and both agree on what matters: of all filters,
the lead with a is largest for a itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from mpc.values.secret import SecretArray, concatenate, stack
from protocols.linkage.tournament import joined, place, winners

#: Most pairs that are compared at a time: this bounds the memory of a party.
PAIRS = 1 << 22


class Sides(NamedTuple):
    """Rows in blocks: filters as bits (blocks, rows, bits), and whether there is a row (blocks, rows)."""

    filters: SecretArray
    there: SecretArray


class Partners(NamedTuple):
    """Who was linked with whom; all secret.

    left, right   bits (blocks, m) and (blocks, n): which rows of each side have a partner
    of_left       bits (blocks, m, k): in binary, the lowest digit first, which row of the block is a row's partner; 0
                  where it has none
    of_right      bits (blocks, n, k), the other way round
    lead          (blocks, m): the largest lead of each row of the left side
    ones_left, ones_right   (blocks, m), (blocks, n): the number of bits of each filter
    """

    left: SecretArray
    right: SecretArray
    of_left: SecretArray
    of_right: SecretArray
    lead: SecretArray
    ones_left: SecretArray
    ones_right: SecretArray


async def partners(left: Sides, right: Sides, threshold: Fraction) -> Partners:
    """The partners of each block; at most one a row.

    Shapes    left m rows, right n rows a block; both with the same blocks and bits
    Rounds    those of the longer side's `tournament.winners`, and about 6; again for every PAIRS pairs
    Bytes     for each pair a product, two comparisons of about 17 bits, two injections and three ANDs; for each bit of
              a filter its conversion to an integer
    Security  nothing is opened; sizes follow from the shapes alone
    Error     none
    """
    blocks, m, _ = left.filters.shape
    n = right.filters.shape[1]
    run = left.filters.run
    done: list[Partners] = []
    for start, stop, rows in _tiles(blocks, m, n):
        block = slice(start, stop)
        ours = right.filters[block].bare().numeric()
        here = right.there[block].bare()
        parts = []
        for begin in range(0, m, rows):
            chosen = slice(begin, min(begin + rows, m))
            mine = left.filters[block, chosen].bare().numeric()
            part = _best(mine, left.there[block, chosen].bare(), ours, here, threshold)
            parts.append(part)
            await run.settle(*[x.handle for x in part])
            del mine
        done.append(_together(parts, ours.sum(-1)))
    if len(done) == 1:
        return done[0]
    return Partners(*[concatenate(list(column)) for column in zip(*done, strict=True)])


def _tiles(blocks: int, m: int, n: int) -> Iterator[tuple[int, int, int]]:
    """Blocks from start to stop, and how many of their left rows are compared at a time."""
    together = max(PAIRS // max(m * n, 1), 1)
    for start in range(0, blocks, together):
        yield start, min(start + together, blocks), min(max(PAIRS // max(n, 1), 1), m)


class _Best(NamedTuple):
    """Pairs of some left rows with all right rows that are each other's best ones so far.

    hot    bits (blocks, rows, n): the pairs
    lead   (blocks, rows): the largest lead of each left row
    seen   (blocks, n): the largest lead of each right row
    ones   (blocks, rows): the number of bits of each left filter
    """

    hot: SecretArray
    lead: SecretArray
    seen: SecretArray
    ones: SecretArray


def leads(a: SecretArray, b: SecretArray, threshold: Fraction) -> SecretArray:
    """The lead of each pair: (blocks, m, bits), (blocks, n, bits), integers 0 and 1 -> (blocks, m, n). Rounds 1."""
    p, q = threshold.numerator, threshold.denominator
    bits = a.shape[-1]
    common = stack([x @ y.T for x, y in zip(a, b, strict=True)])
    ones, others = a.sum(-1), b.sum(-1)
    shape = common.shape
    less = p * (ones.reshape(*ones.shape, 1).broadcast_to(shape) + others.reshape(len(b), 1, -1).broadcast_to(shape))
    # |a and b| is at most |a| and at most |b|, so the lead is from -2 p bits to 2 (q - p) bits.
    return (2 * q * common - less).bounded(2 * bits * max(p, q - p))


def _best(a: SecretArray, there: SecretArray, b: SecretArray, here: SecretArray, threshold: Fraction) -> _Best:
    lead = leads(a, b, threshold)
    of_rows, by_rows = winners(lead)
    of_columns, by_columns = winners(lead.view(lambda x: np.swapaxes(x, 1, 2)))
    mutual = by_rows & by_columns.view(lambda x: np.swapaxes(x, 1, 2))
    fits = there & (of_rows >= 0)
    shape = lead.shape
    may = fits.reshape(*fits.shape, 1).broadcast_to(shape)
    be = here.reshape(len(b), 1, shape[2]).broadcast_to(shape)
    return _Best(mutual & (may & be), of_rows, of_columns, a.sum(-1))


def _together(parts: list[_Best], ones_right: SecretArray) -> Partners:
    """Partners, from the left rows part by part: a right row has its largest lead in one part, the first one of
    equals."""
    hot = parts[0].hot
    if len(parts) > 1:
        _, won = winners(stack([part.seen for part in parts]).view(lambda x: np.moveaxis(x, 0, -1)))
        pieces = []
        for k, part in enumerate(parts):
            shape = part.hot.shape
            pieces.append(part.hot & won[..., k].reshape(shape[0], 1, shape[2]).broadcast_to(shape))
        hot = concatenate(pieces, axis=1)
    turned = hot.view(lambda x: np.swapaxes(x, 1, 2))
    lead, ones = (_rows([part[k] for part in parts]) for k in (1, 3))
    return Partners(joined(hot), joined(turned), place(hot), place(turned), lead, ones, ones_right)


def _rows(parts: list[SecretArray]) -> SecretArray:
    return parts[0] if len(parts) == 1 else concatenate(parts, axis=1)
