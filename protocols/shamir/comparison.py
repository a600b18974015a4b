"""Comparisons of numbers, and circuits over the bits of words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Integers, Spec
from mpc.machine.party import Party, inner_label
from mpc.machine.shapes import against, rows_of, size_of
from protocols.shamir.adder import carry_save, conjunction, highest_bit, operands, sum_bits
from protocols.shamir.committee import Scheme
from protocols.shamir.conversion import to_numbers
from protocols.shamir.declared import declare, declare_on_floor
from protocols.shamir.floor import Floor
from protocols.shamir.operation import cost, run
from protocols.shamir.shares import add_public, first_axis_as_width
from protocols.shamir.sharing import Numbers, Planes
from protocols.shamir.work import of_bits

Words = NDArray[np.uint64]

#: Width for a comparison of any number with zero.
WHOLE = 63


async def sign(f: Floor, x: Words, size: int, *, width: int) -> Words:
    """One plane: x < 0, for -2^(width-1) <= x < 2^(width-1).

    Rounds    3 + ceil(log2(width - 1)) for t = 1: summands, then carries; for larger t also those of `carry_save`
    Bytes     16 N for each of 2t messages and 8 m width W for each of D, then the ands of `highest_bit`
    Security  semi-honest, as `truncation.cut`
    """
    summands, _ = await operands(f, x, size, room=width, width=width)
    return await highest_bit(f, summands, width, size)


async def equal(f: Floor, x: Words, size: int, *, width: int) -> Words:
    """One plane: x == 0, for -2^width < x < 2^width.

    x = 0 exactly if two summands of x - 1 add up to -1 modulo 2^width, that is, if they are each other's complement: no
    carry is computed.

    Rounds    2 + ceil(log2 width) for t = 1, and those of `carry_save`
    Bytes     16 N for each of 2t messages and 8 m width W for each of D; 8 m W for each of P messages and
              t (width - 1) ands
    Security  semi-honest, as `truncation.cut`
    """
    summands, _ = await operands(f, x, size, room=width + 1, width=width, plus=-1)
    summands = await carry_save(f, summands, width, size)
    return await all_set(f, f.xor(*summands), width, size)


async def all_set(f: Floor, x: Words, width: int, size: int) -> Words:
    """One plane: the and of all planes.

    Rounds    ceil(log2 width)
    Bytes     8 m (width - 1) W for each of P messages
    Security  semi-honest, as `conjunction`
    """
    while width > 1:
        half = width // 2
        both = await conjunction(f, x[:, :half], x[:, half : 2 * half], half, size)
        x = f.joined([both, x[:, 2 * half :]]) if width % 2 else both
        width = half + width % 2
    return x


async def decompose(f: Floor, x: Words, size: int, *, width: int) -> Words:
    """The `width` low bits of x, |x| < 2^62, two's complement.

    Rounds    3 + ceil(log2(width - 1)) for t = 1, and those of `carry_save`
    Bytes     16 N for each of 2t messages and 8 m width W for each of D, then the ands of `sum_bits`
    Security  semi-honest, as `truncation.cut`
    """
    summands, _ = await operands(f, x, size, room=64, width=width)
    return await sum_bits(f, summands, width, size)


async def below(f: Floor, x: Words, y: Words, size: int, *, width: int) -> Words:
    """One plane: x < y, for words as numbers that are not negative.

    y and the complement of x add up to 2^width or more exactly if y is larger.

    Rounds    1 + ceil(log2 width)
    Bytes     8 m W for each of P messages and less than 3 width ands
    Security  semi-honest, as `conjunction`
    """
    zero = np.zeros_like(x[:, :1])
    return await highest_bit(f, [f.joined([y, zero]), f.joined([f.invert(x), zero])], width + 1, size)


async def prefix_or(f: Floor, x: Words, size: int, *, width: int) -> Words:
    """Words whose bit i is the or of bit i of x and all higher bits.

    Rounds    ceil(log2 width)
    Bytes     8 m W for each of P messages and about width / 2 ands a round
    Security  semi-honest, as `conjunction`
    """
    x = np.array(x)
    span = 1
    while span < width:
        lower = [i for i in range(width) if not i & span and (i // span + 1) * span < width]
        higher = [(i // span + 1) * span for i in lower]
        a, b = x[:, lower], x[:, higher]
        both = await conjunction(f, a, b, len(lower), size)
        x[:, lower] = f.xor(f.xor(a, b), both)
        span *= 2
    return x


async def bits_and(f: Floor, x: Words, y: Words, size: int, *, width: int) -> Words:
    """x & y.

    Rounds    1
    Bytes     8 m width W for each of P messages
    Security  semi-honest, as `conjunction`
    """
    return await conjunction(f, x, y, width, size)


async def every(f: Floor, x: Words, size: int, *, width: int) -> Words:
    """One plane: whether all bits of a word are set.

    Rounds    ceil(log2 width)
    Bytes     8 m (width - 1) W for each of P messages
    Security  semi-honest, as `conjunction`
    """
    return await all_set(f, x, width, size)


async def as_number(f: Floor, b: Words, size: int) -> Words:
    """A bit as the number 0 or 1.

    Rounds    3 for t = 1 or 2, as `to_numbers`
    Bytes     those of `to_numbers`
    Security  as `to_numbers`
    """
    return await to_numbers(f, b, 1, size)


async def inject(f: Floor, b: Words, x: Words, size: int) -> Words:
    """b x.

    Rounds    1 more than `to_numbers`
    Bytes     those of `to_numbers`, and 16 N for each of P messages
    Security  as `to_numbers`, and `arithmetic.multiply`
    """
    number = await to_numbers(f, b, 1, size)
    return await f.reduce(f.product(number, x) if f.member else None, size)


async def recompose(f: Floor, x: Words, size: int, *, width: int) -> Words:
    """Words as the integers 0 to 2^width - 1.

    Rounds    3 for t = 1 or 2, as `to_numbers`
    Bytes     those of `to_numbers` for all bits
    Security  as `to_numbers`
    """
    bits = await to_numbers(f, x, width, size)
    return f.combine([1 << i for i in range(width)], [f.rows(bits, i, size) for i in range(width)])


async def _rows_zero(party: Party, scheme: Scheme, x: Numbers) -> Planes:
    shape, columns = rows_of(x.shape), x.shape[-1]
    equals = await run(party.inner("equal"), scheme, equal, x.data, size=x.size, result=1, width=WHOLE)
    zero = Planes(equals, x.shape, 1).viewed(lambda a: np.moveaxis(a, -1, 0), (columns, *shape))
    planes, size = first_axis_as_width(zero), size_of(shape)
    all_zero = await run(party.inner("every"), scheme, every, planes, size=size, result=1, width=columns)
    return Planes(all_zero, shape, 1)


def _rows_zero_cost(scheme: Scheme, label: bytes, x: Spec) -> Cost:
    size, columns = size_of(rows_of(x.shape)), x.shape[-1]
    equals = cost(scheme, inner_label(label, 1, "equal"), equal, 0, size=x.size, width=WHOLE)
    return equals.then(cost(scheme, inner_label(label, 2, "every"), every, columns, size=size, width=columns))


def _minus_thresholds(x: Numbers, *, thresholds: Integers, width: int) -> list[Words]:
    """x minus each threshold."""
    shape = against("signs", x.shape, np.shape(thresholds))
    many = x.viewed(lambda values: np.broadcast_to(values, shape), shape)
    return [add_public(many, -thresholds).data]


def _width(*operands: Spec, width: int, thresholds: Integers | None = None) -> dict[str, Any]:
    return {"width": width}


def _own_width(x: Spec, y: Spec | None = None) -> dict[str, Any]:
    return {"width": x.width}


declare_on_floor("sign", sign)
declare_on_floor("quick_sign", sign)
declare_on_floor("signs", sign, operands=_minus_thresholds, given=_width)
declare_on_floor("quick_signs", sign, operands=_minus_thresholds, given=_width)
declare_on_floor("equal", equal)
declare("rows_zero", _rows_zero, cost=_rows_zero_cost, whole=True, work=of_bits)
declare_on_floor("decompose", decompose)
declare_on_floor("bits_and", bits_and, given=_own_width)
declare_on_floor("prefix_or", prefix_or, given=_own_width)
declare_on_floor("recompose", recompose, given=_own_width)
declare_on_floor("bit_to_ring", as_number)
declare_on_floor("inject", inject)
