"""Public tables at secret places, and the functions that use tables.

The bits of a place are shared as numbers. A table is a polynomial in these bits without squares. The bits form two
groups; products give the monomials of each group, and the entry is one bilinear form of both groups' monomials with
coefficients from the table. It has degree 2t, so it can be reduced or cut directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Integers, Spec
from protocols.shamir.adder import conjunction
from protocols.shamir.conversion import to_numbers
from protocols.shamir.declared import declare_on_floor
from protocols.shamir.digits import parted
from protocols.shamir.floor import Floor
from protocols.shamir.lagrange import element
from protocols.shamir.rooms import most_room
from protocols.shamir.shares import first_axis_as_width
from protocols.shamir.truncation import cut

Words = NDArray[np.uint64]

_DIGITS = 28


class Place(NamedTuple):
    """A secret place in tables of 2^k entries: the monomials of its low and of its high bits, (2^k', N, 2). The
    monomial of a set S of bits has the index sum of 2^j over S; the first one is the constant 1."""

    low: Words
    high: Words


async def place(f: Floor, bits: Sequence[Words], size: int) -> Place:
    """The monomials of the k bits of a place, which are numbers.

    Rounds    ceil(log2(k / 2))
    Bytes     16 N for each of P messages and each monomial of two or more bits: about 2 (2^(k/2) - 1) - k
    Security  semi-honest, as `arithmetic.multiply`
    """
    half = len(bits) // 2
    low, high = [[bit] for bit in bits[:half]], [[bit] for bit in bits[half:]]
    while len(low) > 1 or len(high) > 1:
        low, high = await _joined_in_pairs(f, [low, high], size)
    ones = f.constant(1, size)
    return Place(f.stacked([ones, *(low[0] if low else [])]), f.stacked([ones, *high[0]]))


async def _joined_in_pairs(f: Floor, groups: list[list[list[Words]]], size: int) -> list[list[list[Words]]]:
    """Join neighbouring sets of monomials: both sets, and all products of a monomial of each."""
    products, layout = [], []
    for sets in groups:
        for a, b in zip(sets[0::2], sets[1::2], strict=False):
            layout.append((a, b))
            products += [f.product(x, y) if f.member else None for y in b for x in a]
    reduced = iter(await f.reduce_all(products, size))
    joined = iter([[*a, *[part for y in b for part in (y, *[next(reduced) for _ in a])]] for a, b in layout])
    out = []
    for sets in groups:
        pairs = len(sets) // 2
        out.append([*[next(joined) for _ in range(pairs)], *sets[2 * pairs :]])
    return out


def coefficients(table: Sequence[int]) -> list[int]:
    """The coefficients of the polynomial without squares that has the values of the table (Möbius transform)."""
    out = list(table)
    span = 1
    while span < len(out):
        for i in range(len(out)):
            if i & span:
                out[i] -= out[i ^ span]
        span *= 2
    return out


@lru_cache(maxsize=64)
def _coefficient_rows(table: tuple[int, ...], columns: int) -> Words:
    """`coefficients` as elements: one row for each monomial of the high bits."""
    return np.stack([element(value) for value in coefficients(table)]).reshape(-1, columns, 2)


def read(f: Floor, at: Place, table: Sequence[int]) -> Words | None:
    """table[place], degree 2t, at members of the committee; None at others. Local."""
    return f.bilinear(_coefficient_rows(tuple(table), len(at.low)), at.low, at.high) if f.member else None


async def piecewise_cubic(
    f: Floor, x: Words, size: int, *, low: int, step: int, table: tuple[tuple[int, ...], ...], bits: int
) -> Words:
    """See `mpc.machine.primitives.piecewise_cubic`.

    Rounds    those of `parted`, of `place` and 1 for the coefficients; 4 for the powers of u, and 2 for a product that
              is cut
    Bytes     those of `parted`, `place` and three times `cut`, and 16 N for each of P messages and 4 coefficients
    Security  as `truncation.cut`, for any x: places within a piece are below 2^step, so masks hide their powers
    """
    width = (len(table[0]) - 1).bit_length()
    offset = f.add_one(x, -low)
    piece, u = await parted(f, offset, size, cut=step, width=width)
    if step <= _DIGITS:
        u = f.scale(u, 1 << (_DIGITS - step))
    else:
        u = await cut(f, u if f.member else None, size, bits=step - _DIGITS, room=step + 2)
    at = await place(f, piece, size)
    waiting = f.reduce_all([read(f, at, row) for row in table], size)
    square = await cut(f, f.product(u, u) if f.member else None, size, bits=_DIGITS, room=2 * _DIGITS + 2)
    cube = await cut(f, f.product(square, u) if f.member else None, size, bits=_DIGITS, room=2 * _DIGITS + 2)
    c = await waiting
    y = None
    if f.member:
        y = f.add(f.scale(c[0], 1 << _DIGITS), f.products([(c[1], u), (c[2], square), (c[3], cube)]))
    return await cut(f, y, size, bits=bits, room=64)


#: Leading fraction bits of the exponent that a table takes; the series of e^v takes the others.
_TABLE_BITS = 6


async def exponential(
    f: Floor, x: Words, size: int, *, low: int, high: int, frac: int, digits: int, bits: int
) -> Words:
    """See `mpc.machine.primitives.exponential`: e^x = T1[whole part] T2[first bits of the fraction] e^(rest); the last
    factor is a series of degree 3.

    Rounds    as `piecewise_cubic`, and those of one more product
    Bytes     those of `parted`, of `place` twice, and of four times `cut`; 16 N for each of P messages and 2 tables
    Security  as `truncation.cut`, for results below 2^60, as the primitive requires
    """
    whole = max(1, ((high - low) >> frac).bit_length())
    first = min(_TABLE_BITS, frac)
    width = whole + first
    offset = f.add_one(x, -low)
    places, rest = await parted(f, offset, size, cut=frac - first, width=width)
    v = f.scale(rest, 1 << max(0, _DIGITS - frac))
    if frac > _DIGITS:
        v = await cut(f, v if f.member else None, size, bits=frac - _DIGITS, room=frac + 2)
    coarse = await place(f, places[first:], size)
    integral = f.reduce(read(f, coarse, _powers(low, frac, whole, digits)), size)
    square = await cut(f, f.product(v, v) if f.member else None, size, bits=_DIGITS, room=2 * _DIGITS + 2)
    cube = await cut(f, f.product(square, v) if f.member else None, size, bits=_DIGITS, room=2 * _DIGITS + 2)
    # 6 e^v = 6 + 6 v + 3 v^2 + v^3
    series = f.combine([6 << _DIGITS, 6, 3, 1], [f.constant(1, size), v, square, cube])
    kept = min(24, most_room(f.scheme.threshold) - 61)
    if first:
        fine = await place(f, places[:first], size)
        fraction = await f.reduce(read(f, fine, _fractions(first)), size)
        mantissa = f.product(fraction, series) if f.member else None
    else:
        mantissa = f.scale(series, _SIXTH) if f.member else None
    mantissa = await cut(f, mantissa, size, bits=2 * _DIGITS - kept, room=2 * _DIGITS + 6)
    power = await integral
    y = f.product(power, mantissa) if f.member else None
    return await cut(f, y, size, bits=bits + kept, room=61 + kept)


_SIXTH = round((1 << _DIGITS) / 6)


@lru_cache(maxsize=64)
def _powers(low: int, frac: int, whole: int, digits: int) -> tuple[int, ...]:
    """e^(low 2^-frac + i) with `digits` fraction bits, at most 2^60: results are smaller."""
    with localcontext() as context:
        context.prec = 60
        base = Decimal(low) / (Decimal(2) ** frac)
        limit = Decimal(2) ** 60
        out = []
        for i in range(1 << whole):
            power = base + i
            value = limit if power > 80 else min(limit, power.exp() * Decimal(2) ** digits)
            out.append(int(value.to_integral_value()))
        return tuple(out)


@lru_cache(maxsize=8)
def _fractions(first: int) -> tuple[int, ...]:
    """e^(j 2^-first) / 6, with as many fraction bits as the series."""
    with localcontext() as context:
        context.prec = 60
        parts = [(Decimal(j) / (1 << first)).exp() / 6 * (1 << _DIGITS) for j in range(1 << first)]
        return tuple(int(part.to_integral_value()) for part in parts)


async def table_of_count(f: Floor, x: Words, size: int, *, bits: int, table: tuple[int, ...]) -> Words:
    """table[number of set planes]: adders of three or two planes count in secret bits.

    Rounds    about 2 log2(bits) of ands, then the count as numbers, its monomials and the table
    Bytes     8 m W for each of P messages and about `bits` ands; `to_numbers` and `place` for log2(bits) bits, and
              16 N for each of P messages
    Security  semi-honest, as `conjunction` and `arithmetic.multiply`
    """
    weights: dict[int, list[Words]] = {0: [x[:, i : i + 1] for i in range(bits)]}
    while any(len(same) > 1 for same in weights.values()):
        groups, kept = [], {}
        for weight, same in weights.items():
            last = len(same) // 3 * 3
            threes = [same[i : i + 3] for i in range(0, last, 3)]
            rest = same[last:]
            groups += [(weight, group) for group in threes]
            # two planes of a weight wait for a third as long as other planes of this weight can arrive
            if len(rest) == 2 and not threes:
                groups.append((weight, rest))
                rest = []
            kept[weight] = rest
        a = f.joined([f.xor(group[0], group[1]) if len(group) == 3 else group[0] for _, group in groups])
        b = f.joined([f.xor(group[0], group[2]) if len(group) == 3 else group[1] for _, group in groups])
        both = await conjunction(f, a, b, len(groups), size)
        weights = kept
        for i, (weight, group) in enumerate(groups):
            total, carry = f.xor(group[0], group[1]), both[:, i : i + 1]
            if len(group) == 3:
                total, carry = f.xor(total, group[2]), f.xor(carry, group[0])
            weights.setdefault(weight, []).append(total)
            weights.setdefault(weight + 1, []).append(carry)
    width = bits.bit_length()
    digits = f.joined([weights[i][0] for i in range(width) if weights.get(i)])
    numbers = await to_numbers(f, digits, width, size)
    if width == 1:
        return f.combine([table[0], table[1] - table[0]], [f.constant(1, size), numbers])
    at = await place(f, [f.rows(numbers, i, size) for i in range(width)], size)
    padded = [*table, *[0] * ((1 << width) - len(table))]
    return await f.reduce(read(f, at, padded), size)


def _cubic(x: Spec, *, low: int, step: int, table: Integers, bits: int) -> dict[str, Any]:
    rows = tuple(tuple(int(c) for c in row) for row in table)
    return {"low": low, "step": step, "table": rows, "bits": bits}


def _counted(x: Spec, *, table: Integers) -> dict[str, Any]:
    return {"bits": x.shape[0], "table": tuple(int(value) for value in table)}


declare_on_floor("piecewise_cubic", piecewise_cubic, given=_cubic)
declare_on_floor("exponential", exponential)
declare_on_floor(
    "table_of_count",
    table_of_count,
    given=_counted,
    operands=lambda x, table: [first_axis_as_width(x)],
    widths=lambda x, table: [x.shape[0]],
)
