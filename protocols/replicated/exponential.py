"""The exponential by a table, in three rounds: a product of a table's entry and D's factor, as `lookup` reads it."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mpc.errors import RangeError
from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import readable
from protocols.declared import per_element
from protocols.replicated import kernels, kernels_lookup
from protocols.replicated.declared import declare
from protocols.replicated.kernels_lookup import DIGIT, DIGITS, EXTRA, FACTOR, GROUP
from protocols.replicated.lookup import Reading, read, read_cost
from protocols.replicated.sharing import Arithmetic, Words, integers

_MOST_PIECES = 256


async def exponential(
    party: Party, x: Arithmetic, *, low: int, high: int, frac: int, digits: int, bits: int
) -> Arithmetic:
    """floor(y / 2^bits), or the floor plus one, for y = e^(x / 2^frac) with `digits` fraction bits.

    Shapes    x, result: one shape, n elements
    Range     low <= x <= high, where (high - low) / 2^frac is at most 253
    Ring      given e^(high / 2^frac) 2^digits < 2^60
    Rounds    3
    Bytes     D: 16 n + pieces/8 n + w n + n/4; E and F: 16 n + w n (as `piecewise_cubic`)
    Error     of y: 2^-(digits - G) + 2^-(G - 1) e^x, where G = min(24, digits // 2)
    Security  as `piecewise_cubic`
    Raises    RangeError
    """
    integers("exponential", x)
    plan = exponential_plan(low, high, frac, digits)
    readable(plan.pieces, plan.step, bits)
    table = _table(low, high, frac, plan)
    place = _factors(frac)
    width, down = np.uint64(plan.step), np.uint64(FACTOR - plan.g_bits)

    def known(a: Words, g: Words) -> None:
        kernels_lookup.factors(a, width, place, down, g[0])

    def entries(query: Words, b: Words, hidden: Words, out: Words) -> None:
        factor = np.empty_like(b)
        kernels_lookup.factors(b, width, place, kernels.ZERO, factor)
        kernels_lookup.scaled_answer(query, b, width, table, factor, hidden[0], out[0])

    start = low - (1 << plan.step)
    return await read(party, x, start, bits, Reading(plan.pieces, plan.step, 1, False, 0, known, entries))


class ExponentialPlan(NamedTuple):
    """Pieces, log2 of their width, fraction bits of D's factor, and fraction bits of the table."""

    pieces: int
    step: int
    g_bits: int
    table_bits: int


def exponential_plan(low: int, high: int, frac: int, digits: int) -> ExponentialPlan:
    """The fewest pieces of width 1/2; if that takes more than 256 pieces, of width 1. Raises RangeError."""
    if not 1 <= frac <= DIGIT * DIGITS:
        raise RangeError(f"exponential: x has {frac} fraction bits; expected 1 to {DIGIT * DIGITS}")
    g_bits = min(24, digits // 2)
    for step in (frac - 1, frac):
        pieces = max(8, 1 << (((high - low) >> step) + 2).bit_length())
        if pieces <= _MOST_PIECES and step >= 0:
            return ExponentialPlan(pieces, step, g_bits, digits - g_bits)
    width = (high - low) / 2**frac
    raise RangeError(f"exponential: the range of x has the width {width:.4g}; the most is 253. Give x closer bounds")


def exponential_cost(label: bytes, x: Spec, *, low: int, high: int, frac: int, digits: int, bits: int) -> Cost:
    plan = exponential_plan(low, high, frac, digits)
    readable(plan.pieces, plan.step, bits)
    return read_cost(label, x.size, plan.pieces, 1, 1, bits)


#: Correctly rounded, so that E and F compute the same table on any machines.
_EXACT = Context(prec=40)


def _exp(value: Decimal, bits: int) -> int:
    return int((_EXACT.exp(value) * (1 << bits)).to_integral_value())


@lru_cache(maxsize=64)
def _table(low: int, high: int, frac: int, plan: ExponentialPlan) -> Words:
    """e^x at the start of each piece, twice in a row. Piece 0 lies below `low`; pieces above `high` are never read."""
    with localcontext(_EXACT):
        scale = Decimal(1 << frac)
        starts = (min(low + ((i - 1) << plan.step), high) for i in range(plan.pieces))
        values = [_exp(Decimal(start) / scale, plan.table_bits + EXTRA) for start in starts]
    return np.asarray(values * 2, np.uint64)


@lru_cache(maxsize=16)
def _factors(frac: int) -> Words:
    """e^(d 2^(10 k - frac)) for each value d of digit k, 30 fraction bits; entries beyond e are never read."""
    with localcontext(_EXACT):
        scale = Decimal(1 << frac)
        places = range(1 << DIGIT)
        rows = [[_exp(min((d << (DIGIT * k)) / scale, Decimal(1)), FACTOR) for d in places] for k in range(DIGITS)]
    return np.asarray(rows, np.uint64)


declare("exponential", exponential, cost=exponential_cost, work=per_element(50.0), kernels=GROUP)
