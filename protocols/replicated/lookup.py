"""Functions of one variable by tables, in three rounds: piecewise cubics and exponentials.

With roles D, E, F: x - low = A + B modulo the table's range, where D knows A and both E and F know B. Both are split
into a piece and a place inside it, A = A1 2^step + A0 and B = B1 2^step + B0, so that x - low is A0 + B0 beyond the
start of piece A1 + B1, exactly and without a carry. Moved to start at B0, the function on that piece is a sum of
entries c_k, which E and F know for every A1 (it only turns their table by B1 places), times g_k, which D knows from
A0: powers of A0 for a cubic, e^A0 for the exponential.

D reads its entries out of the table that E and F both hold as from two servers that do not talk to each other: it
sends F's query as a stream and E the same with one bit flipped, and each returns the exclusive or of the entries its
query names. The entries are hidden by words h_k of E and F, so what D reads is uniform; sum h_k g_k is added by
products of E and F with D's parts of the g_k. What follows is the truncation of `fused`.

Source: the query is the two-server scheme of Chor, Goldreich, Kushilevitz and Sudan, FOCS 1995; tables under secret
sharing by private reading: Wagh, PoPETs 2022 (Pika); the split without carries, and folding B into the table: our own.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError
from mpc.machine.engine import Cost, Integers, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import cubics, readable
from protocols.chunks import each
from protocols.declared import Task, per_element
from protocols.replicated import kernels, kernels_lookup
from protocols.replicated.declared import declare
from protocols.replicated.kernels_lookup import DIGIT, DIGITS, EXTRA, FACTOR, GROUP, UNIT
from protocols.replicated.masks import draw, words
from protocols.replicated.roles import Chunk, D, E, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Words, integers
from protocols.replicated.truncate import times_top, wide
from protocols.replicated.wire import Octets, small_bytes, small_dtype

_QUERY, _G2, _T, _T2 = b"query", b"g2", b"t", b"t2"
_HIDDEN, _COVER, _RHO, _R, _S1, _S2, _C1 = b"hidden", b"cover", b"rho", b"r", b"s1", b"s2", b"c1"
_CHUNK, _SMALL = 1 << 13, 1 << 12
#: Pieces of an exponential at most.
_MOST_EXPONENTIAL = 256


class _Reading(NamedTuple):
    """What of a lookup differs from function to function.

    pieces   of the table: a power of two from 8 on
    step     log2 of a piece's width
    basis    how many g_k there are, besides a constant one
    fixed    whether there is an entry more, times 2^shift
    known    known(a, g): D's g_k
    entries  entries(query, b, hidden, out): enter the entries that E's or F's query names
    """

    pieces: int
    step: int
    basis: int
    fixed: bool
    shift: int
    known: Callable[[Words, Words], None]
    entries: Callable[[Words, Words, Words, Words], None]

    @property
    def columns(self) -> int:
        return self.basis + self.fixed


async def piecewise_cubic(
    party: Party, x: Arithmetic, *, low: int, step: int, table: Integers, bits: int
) -> Arithmetic:
    """floor(y / 2^bits), or that plus one, for y = sum of table[k, i] 2^28 u^k, where x = low + (i + u) 2^step.

    Shapes    x, result: one shape, n elements; table: (4, pieces), pieces = 8, 16, ..., 512
    Range     low + 2^step <= x < low + pieces 2^step. i is the piece of x or the one before it, so the cubic of piece
              i must hold for 0 <= u < 2
    Ring      given |table| < 2^31 and |y| < 2^62
    Rounds    3
    Bytes     D: 32 n + pieces/8 n + w n + n/4; E and F: 40 n + w n (w = bytes of `bits` bits; for 0 bits no w and n/4)
    Error     of y / 2^28: 4 units in a table's last place
    Security  semi-honest, as `fused.multiply_truncate`; E's and F's queries are uniform to each, D's entries hidden
    Raises    ShapeError, RangeError
    """
    integers("piecewise_cubic", x)
    cubics(table, step, bits)
    twice = np.concatenate([table, table], axis=1).astype(np.int32)
    up, down = np.uint64(max(UNIT - step, 0)), np.uint64(max(step - UNIT, 0))
    width = np.uint64(step)

    def known(a: Words, g: Words) -> None:
        kernels_lookup.powers(a, width, up, down, g)

    def entries(query: Words, b: Words, hidden: Words, out: Words) -> None:
        kernels_lookup.answer(query, b, width, up, down, twice, hidden, out)

    return await _read(party, x, low, bits, _Reading(table.shape[1], step, 3, True, UNIT, known, entries))


def piecewise_cubic_cost(label: bytes, x: Spec, *, low: int, step: int, table: Integers, bits: int) -> Cost:
    return _cost(label, x.size, table.shape[1], 3, 4, bits)


async def exponential(
    party: Party, x: Arithmetic, *, low: int, high: int, frac: int, digits: int, bits: int
) -> Arithmetic:
    """floor(y / 2^bits), or that plus one, for y = e^(x / 2^frac) with `digits` fraction bits.

    Shapes    x, result: one shape, n elements
    Range     low <= x <= high, over 253 at most
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
    return await _read(party, x, start, bits, _Reading(plan.pieces, plan.step, 1, False, 0, known, entries))


class ExponentialPlan(NamedTuple):
    """pieces and log2 of their width; fraction bits of D's factor and of the table."""

    pieces: int
    step: int
    g_bits: int
    table_bits: int


def exponential_plan(low: int, high: int, frac: int, digits: int) -> ExponentialPlan:
    """The fewest pieces no wider than 1/2, or 256 of them no wider than 1. Raises RangeError."""
    if not 1 <= frac <= DIGIT * DIGITS:
        raise RangeError(f"exponential: {frac} fraction bits; 1 to {DIGIT * DIGITS} can be taken")
    g_bits = min(24, digits // 2)
    for step in (frac - 1, frac):
        pieces = max(8, 1 << (((high - low) >> step) + 2).bit_length())
        if pieces <= _MOST_EXPONENTIAL and step >= 0:
            return ExponentialPlan(pieces, step, g_bits, digits - g_bits)
    raise RangeError(f"exponential: arguments over a range of {(high - low) / 2**frac:.4g}; at most 253 can be read")


def exponential_cost(label: bytes, x: Spec, *, low: int, high: int, frac: int, digits: int, bits: int) -> Cost:
    plan = exponential_plan(low, high, frac, digits)
    readable(plan.pieces, plan.step, bits)
    return _cost(label, x.size, plan.pieces, 1, 1, bits)


#: Correctly rounded, so that E's table is F's on whatever machines they are.
_EXACT = Context(prec=40)


def _exp(value: Decimal, bits: int) -> int:
    return int((_EXACT.exp(value) * (1 << bits)).to_integral_value())


@lru_cache(maxsize=64)
def _table(low: int, high: int, frac: int, plan: ExponentialPlan) -> Words:
    """e^x at the start of each piece, twice over; piece 0 lies below `low`, those above `high` are never read."""
    with localcontext(_EXACT):
        scale = Decimal(1 << frac)
        starts = (min(low + ((i - 1) << plan.step), high) for i in range(plan.pieces))
        values = [_exp(Decimal(start) / scale, plan.table_bits + EXTRA) for start in starts]
    return np.asarray(values * 2, np.uint64)


@lru_cache(maxsize=16)
def _factors(frac: int) -> Words:
    """e^(d 2^(10 k - frac)) for each value d of digit k, 30 fraction bits; what is beyond e is never read."""
    with localcontext(_EXACT):
        scale = Decimal(1 << frac)
        places = range(1 << DIGIT)
        rows = [[_exp(min((d << (DIGIT * k)) / scale, Decimal(1)), FACTOR) for d in places] for k in range(DIGITS)]
    return np.asarray(rows, np.uint64)


async def _read(party: Party, x: Arithmetic, low: int, bits: int, reading: _Reading) -> Arithmetic:
    await kernels.loaded(GROUP, party.env.busy)
    out = np.empty((2, x.size), np.uint64)
    start = np.uint64(low & ((1 << 64) - 1))
    step, pieces, shift = np.uint64(reading.step), np.uint64(reading.pieces), np.uint64(reading.shift)
    octets, basis, columns = reading.pieces // 8, reading.basis, reading.columns
    kind = small_dtype(bits)
    w = kind.itemsize if bits else 0
    count, up = np.uint64(bits), np.uint64(64 - bits if bits else 0)

    async def chunk_at_d(chunk: Chunk, given: Words, rows: Words) -> None:
        n, part = chunk.size, chunk.part
        _, _, e, f = chunk.roles(party.index)
        flags = (n + 7) // 8 if bits else 0
        a = given[0] + given[1]
        a -= start
        g = np.empty((basis, n), np.uint64)
        reading.known(a, g)
        message = np.empty((8 * basis + w + octets) * n, np.uint8)
        party.keys.pair[f].fill(message[(8 * basis + w) * n :], party.label, _QUERY, part)
        kernels_lookup.ask(a, step, pieces, message[(8 * basis + w) * n :].reshape(n, octets))
        np.subtract(g.reshape(-1), words(party, f, _G2, part, basis * n), out=message[: 8 * basis * n].view(np.uint64))
        if bits:
            t = np.empty(flags, np.uint8)
            party.keys.private.fill(t, party.label, _T, part)
            t1 = np.unpackbits(t, count=n, bitorder="little").astype(kind)
            np.subtract(t1, draw(party, f, _T2, part, n, kind), out=_small(message, basis, w, n, kind))
        party.send(e, part, message)
        c1, z = words(party, f, _C1, part, n), np.empty(n, np.uint64)
        from_f = await party.receive(f, part, (n * (8 * columns + 8 + w),), np.uint8)
        from_e = await party.receive(e, part, (n * (8 * columns + 8 + w),), np.uint8)
        kernels_lookup.combine(_columns(from_e, columns, n), _columns(from_f, columns, n), g, shift, z)
        m_e, m_f = _cross(from_e, columns, n), _cross(from_f, columns, n)
        if not bits:
            z += m_e
            z += m_f
            np.subtract(z, c1, out=rows[1])
            rows[0] = c1
            party.send(e, part | 1, rows[1])
            return
        message = np.empty(8 * n + flags, np.uint8)
        u, top = message[: 8 * n].view(np.uint64), np.empty(n, np.uint8)
        kernels.shift_d(z, m_e, m_f, c1, count, u, top)
        packed = np.packbits(top, bitorder="little")
        packed ^= t
        message[8 * n :] = packed
        party.send(e, part | 1, message)
        party.send(f, part | 1, packed)
        flip = np.unpackbits(packed, count=n, bitorder="little")
        kernels.lift(c1, wide(_small(from_f, columns + 1, w, n, kind)), flip, up, rows[0])
        kernels.lift(u, wide(_small(from_e, columns + 1, w, n, kind)), flip, up, rows[1])

    async def chunk_at_ef(chunk: Chunk, given: Words, rows: Words) -> None:
        n, part = chunk.size, chunk.part
        role, d, e, f = chunk.roles(party.index)
        partner, at_e = (f, True) if role == E else (e, False)
        flags = (n + 7) // 8 if bits else 0
        b = np.ascontiguousarray(given[1 if at_e else 0])
        hidden = words(party, partner, _HIDDEN, part, columns * n).reshape(columns, n)
        message = np.empty((8 * columns + 8 + w) * n, np.uint8)
        party.keys.pair[partner].fill(message[: 8 * columns * n], party.label, _COVER, part)
        r, masked = words(party, partner, _R, part, n), _cross(message, columns, n)
        party.keys.pair[partner].fill(masked, party.label, _RHO, part)
        if not at_e:
            np.subtract(r, masked, out=masked)
        if at_e:
            asked = await party.receive(d, part, ((8 * basis + w + octets) * n,), np.uint8)
            parts, query = _columns(asked, basis, n), asked[(8 * basis + w) * n :]
        else:
            parts = words(party, d, _G2, part, basis * n).reshape(basis, n)
            query = draw(party, d, _QUERY, part, octets * n, np.uint8)
        reading.entries(in_words(query, n, octets), b, hidden, _columns(message, columns, n))
        kernels_lookup.crossed(parts, hidden, shift, kernels.ONE if at_e else kernels.ZERO, masked)
        r = np.subtract(kernels.ZERO, r, out=r)
        if not bits:
            party.send(d, part, message)
            if at_e:
                rows[0] = await party.receive(d, part | 1, (n,), np.uint64)
                rows[1] = r
            else:
                rows[0], rows[1] = r, words(party, d, _C1, part, n)
            return
        s1, s2 = draw(party, partner, _S1, part, n, kind), draw(party, partner, _S2, part, n, kind)
        t_part = _small(asked, basis, w, n, kind) if at_e else draw(party, d, _T2, part, n, kind)
        mine = _small(message, columns + 1, w, n, kind)
        mine[:] = times_top(t_part, r, s1 if at_e else s2)
        party.send(d, part, message)
        if at_e:
            from_d = await party.receive(d, part | 1, (8 * n + flags,), np.uint8)
            party.compare_later(f, part | 1, from_d[8 * n :])
            flip = np.unpackbits(from_d[8 * n :], count=n, bitorder="little")
            kernels.lift(from_d[: 8 * n].view(np.uint64), wide(mine), flip, up, rows[0])
        else:
            c1 = words(party, d, _C1, part, n)
            packed = await party.receive(d, part | 1, (flags,), np.uint8)
            party.compare_later(e, part | 1, packed)
            flip = np.unpackbits(packed, count=n, bitorder="little")
            kernels.lift(c1, wide(mine), flip, up, rows[1])
        kernels.shift_ef(r, wide(s1), wide(s2), flip, count, rows[1 if at_e else 0])

    async def at(chunk: Chunk) -> None:
        given, rows = x.data[:, chunk.start : chunk.stop], out[:, chunk.start : chunk.stop]
        mine = chunk_at_d if (party.index - chunk.d) % 3 == D else chunk_at_ef
        await mine(chunk, given, rows)

    await each(party, cut(party.label, x.size, _SMALL, _CHUNK), at)
    return Arithmetic(out, x.shape)


def _columns(message: Octets, columns: int, n: int) -> Words:
    """The first words of a message, as rows of n."""
    return message[: 8 * columns * n].view(np.uint64).reshape(columns, n)


def _cross(message: Octets, columns: int, n: int) -> Words:
    """The row of words after them."""
    return message[8 * columns * n : 8 * (columns + 1) * n].view(np.uint64)


def _small(message: Octets, rows: int, w: int, n: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """The numbers of w bytes after so many rows of words."""
    return message[8 * rows * n : (8 * rows + w) * n].view(kind)


def in_words(query: Octets, n: int, octets: int) -> Words:
    """Queries as rows of whole words."""
    if octets >= 8:
        return np.frombuffer(query.tobytes(), np.uint64).reshape(n, octets // 8).copy()
    return query.view(small_dtype(8 * octets)).astype(np.uint64).reshape(n, 1)


def _cost(label: bytes, size: int, pieces: int, basis: int, columns: int, bits: int) -> Cost:
    w = small_bytes(bits) if bits else 0

    def one(n: int) -> Load:
        flags = (n + 7) // 8 if bits else 0
        asked, told = (8 * basis + w + pieces // 8) * n, (8 * (columns + 1) + w) * n
        return Load(3, (asked + 8 * n + 2 * flags, told, told), (3 if bits else 2, 1, 1))

    return load(cut(label, size, _SMALL, _CHUNK), one)


def _work_of_cubic(task: Task) -> float:
    pieces: int = task.parameters["table"].shape[1]
    return (70.0 + 0.75 * pieces) * task.size


declare("piecewise_cubic", piecewise_cubic, cost=piecewise_cubic_cost, work=_work_of_cubic, kernels=GROUP)
declare("exponential", exponential, cost=exponential_cost, work=per_element(50.0), kernels=GROUP)
