"""Who is whose partner: filters of two sides in blocks, compared pair by pair in secret.

The *lead* of a pair is 2 q |a and b| - p (|a| + |b|) for a threshold p/q: from 0 up if and only if the Dice coefficient
reaches the threshold. Leads are whole numbers, and a matrix product gives those of a whole block. Two rows are partners
if each has its largest lead with the other, the first one of equal leads, and this lead is not below 0.

Ranking pairs by lead rather than by Dice coefficient takes no division, and both agree on what matters: of all filters,
the lead with a is largest for a itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from mpc.values.secret import SecretArray, concatenate, constant, stack
from protocols.linkage.encoding import WORD
from protocols.linkage.tournament import joined, place, winners

#: Most pairs that are compared at a time, and most bits of filters that become integers at a time: they bound the
#: memory of a party.
PAIRS = 1 << 20
BITS = 1 << 22


class Sides(NamedTuple):
    """Rows in blocks: their filters and whether there is a row, as `packed` gives them, (blocks, rows, words)."""

    words: SecretArray
    bits: int

    def there(self, block: slice, rows: slice) -> SecretArray:
        """Bits (blocks, rows): where there is a row."""
        return self.words[block, rows, 0].bits(1)[..., 0].bare()

    async def ones(self, block: slice, rows: slice) -> SecretArray:
        """The bits of filters as integers 0 and 1, (blocks, rows, bits)."""
        words = self.words[block, rows]
        with words.run.scope.sequence():
            single = words.bits(WORD).bare().reshape((*words.shape[:2], -1))
            ones = single[..., 1 : self.bits + 1].numeric()
        await ones.run.settle(ones.handle)
        return ones


class Partners(NamedTuple):
    """Who was linked with whom; all secret.

    left, right             bits (blocks, m) and (blocks, n): which rows of each side have a partner
    of_left                 bits (blocks, m, k): in binary, the lowest digit first, which row of the block is a row's
                            partner; 0 where it has none
    of_right                bits (blocks, n, k), the other way round
    lead                    (blocks, m): the largest lead of each row of the left side
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
    Rounds    those of the longer side's `tournament.winners`, and about 20; again for every PAIRS pairs or BITS bits
    Bytes     for each pair a product, two comparisons of about 17 bits, two injections and three ANDs; for each bit of
              a filter its conversion to an integer
    Security  nothing is opened; sizes follow from the shapes alone. A filter is bits whatever an owner shares
    Error     none
    """
    blocks, m, _ = left.words.shape
    n = right.words.shape[1]
    run = left.words.run
    done: list[Partners] = []
    together = max(min(PAIRS // max(m * n, 1), BITS // ((m + n) * left.bits)), 1)
    rows, columns = _power_of_two(min(PAIRS // n, BITS // left.bits)), max(BITS // left.bits, 1)
    for start in range(0, blocks, together):
        block = slice(start, min(start + together, blocks))
        theirs = [(await right.ones(block, part)) for part in _parts(n, columns)]
        with run.scope.sequence():
            turned = [x.view(lambda a: np.swapaxes(a, 1, 2)) for x in theirs]
            ones_right = _columns([x.sum(-1) for x in theirs])
            here = right.there(block, slice(None))
        await run.settle(*[x.handle for x in turned])
        del theirs
        parts = []
        for part in _parts(m, m if together > 1 else rows):
            mine = await left.ones(block, part)
            with run.scope.sequence():
                lead = leads(mine, turned, ones_right, threshold)
                best = _best(lead, left.there(block, part), here, mine.sum(-1))
            parts.append(best)
            await run.settle(*[x.handle for x in best])
        done.append(await _together(parts, ones_right))
    if len(done) == 1:
        return done[0]
    return Partners(*[concatenate(list(column)) for column in zip(*done, strict=True)])


def _power_of_two(most: int) -> int:
    """The largest power of two up to `most`; at least 1."""
    return 1 << max(most, 1).bit_length() - 1


def _parts(rows: int, most: int) -> list[slice]:
    return [slice(begin, min(begin + most, rows)) for begin in range(0, rows, most)]


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


def leads(a: SecretArray, b: Sequence[SecretArray], ones_right: SecretArray, threshold: Fraction) -> SecretArray:
    """The lead of each pair, (blocks, m, n), of integers 0 and 1: a (blocks, m, bits), b in parts (blocks, bits, …)."""
    p, q = threshold.numerator, threshold.denominator
    bits = a.shape[-1]
    common = stack([_columns([x @ part[k] for part in b]) for k, x in enumerate(a)])
    shape = common.shape
    less = p * (a.sum(-1).reshape(*shape[:2], 1).broadcast_to(shape) + ones_right.reshape(shape[0], 1, -1))
    # |a and b| is at most |a| and at most |b|, so the lead is from -2 p bits to 2 (q - p) bits.
    return (2 * q * common - less).bounded(2 * bits * max(p, q - p))


def _columns(parts: list[SecretArray]) -> SecretArray:
    return parts[0] if len(parts) == 1 else concatenate(parts, axis=1)


def _best(lead: SecretArray, there: SecretArray, here: SecretArray, ones: SecretArray) -> _Best:
    of_rows, by_rows = winners(lead)
    of_columns, by_columns = winners(lead.view(lambda x: np.swapaxes(x, 1, 2)))
    mutual = by_rows & by_columns.view(lambda x: np.swapaxes(x, 1, 2))
    fits = there & (of_rows >= 0)
    shape = lead.shape
    may = fits.reshape(*fits.shape, 1).broadcast_to(shape)
    be = here.reshape(shape[0], 1, shape[2]).broadcast_to(shape)
    return _Best(mutual & (may & be), of_rows, of_columns, ones)


async def _together(parts: list[_Best], ones_right: SecretArray) -> Partners:
    """Partners, from the left rows part by part: a right row has its largest lead in one part, the first one of
    equals. All parts but the last one have 2^k rows, so that k digits tell the place in a part."""
    run = ones_right.run
    with run.scope.sequence():
        _, won = winners(stack([part.seen for part in parts]).view(lambda x: np.moveaxis(x, 0, -1)))
    left: list[SecretArray] = []
    right: list[SecretArray] = []
    of_left: list[SecretArray] = []
    of_right: list[SecretArray] = []
    for k, part in enumerate(parts):
        shape = part.hot.shape
        with run.scope.sequence():
            hot = part.hot
            if len(parts) > 1:
                hot = hot & won[..., k].reshape(shape[0], 1, shape[2]).broadcast_to(shape)
            turned = hot.view(lambda x: np.swapaxes(x, 1, 2))
            each = joined(hot), place(hot), joined(turned), place(turned)
        await run.settle(*[x.handle for x in each])
        for known, new in zip((left, of_left, right, of_right), each, strict=True):
            known.append(new)
    with run.scope.sequence():
        lead, ones = (_columns([part[k] for part in parts]) for k in (1, 3))
        has, of_right_row = right[0], of_right[0]
        if len(parts) > 1:
            which = stack(right).view(lambda x: np.moveaxis(x, 0, -1))
            digits = (parts[0].hot.shape[1] - 1).bit_length()
            has, of_right_row = joined(which), concatenate([_either(of_right)[..., :digits], place(which)], axis=-1)
        found = Partners(_columns(left), has, _columns(of_left), of_right_row, lead, ones, ones_right)
    await run.settle(found.of_right.handle)
    return found


def _either(digits: list[SecretArray]) -> SecretArray:
    """Digits (…, k) of which at most one array is not 0; the arrays may have fewer digits, the lowest ones."""
    most = max(x.shape[-1] for x in digits)
    padded = []
    for x in digits:
        zeros = constant(x.run, np.zeros((*x.shape[:-1], most - x.shape[-1]), np.bool_)).bare()
        padded.append(concatenate([x, zeros], axis=-1) if x.shape[-1] < most else x)
    found = padded[0]
    for x in padded[1:]:
        found = found ^ x
    return found
