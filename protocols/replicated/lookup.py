"""Functions of one variable by tables, in three rounds; piecewise cubics here, exponentials in `exponential`.

With roles D, E, F: x - low = A + B modulo the table's range, where D knows A and both E and F know B. Both sides are
split into a piece and a place inside it, A = A1 2^step + A0 and B = B1 2^step + B0. So x - low lies A0 + B0 after the
start of piece A1 + B1, exactly and without a carry. Moved to start at B0, the function on that piece is a sum of
products c_k g_k. E and F know the entries c_k for all A1: B1 only turns their table by B1 places. D knows the g_k from
A0: powers of A0 for a cubic, e^A0 for the exponential.

D reads its entries from the table of E and F as from two servers that do not talk to each other. F's query is a stream
of D and F; D sends E the same query with one bit flipped. E and F each return the exclusive or of the entries that
their query names. Words h_k of E and F hide the entries, so D reads uniform words. Products of the h_k with shares of
the g_k at E and F add sum h_k g_k. Then follows the truncation of `fused`.

Source: the query is the two-server scheme of Chor, Goldreich, Kushilevitz and Sudan, FOCS 1995; private reading of
tables under secret sharing: Wagh, PoPETs 2022 (Pika); the split without carries, and B in the table: our own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Integers, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import cubics
from protocols.chunks import each
from protocols.declared import Task
from protocols.replicated import kernels, kernels_lookup
from protocols.replicated.declared import declare
from protocols.replicated.kernels_lookup import GROUP, UNIT
from protocols.replicated.masks import draw, words
from protocols.replicated.roles import Chunk, D, E, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Words, integers
from protocols.replicated.truncate import times_top, wide
from protocols.replicated.wire import Octets, small_bytes, small_dtype

_QUERY, _G2, _T, _T2 = b"query", b"g2", b"t", b"t2"
_HIDDEN, _COVER, _RHO, _R, _S1, _S2, _C1 = b"hidden", b"cover", b"rho", b"r", b"s1", b"s2", b"c1"
_CHUNK, _SMALL = 1 << 13, 1 << 12


class Reading(NamedTuple):
    """The properties of a function that is read.

    pieces   pieces of the table: a power of two, at least 8
    step     log2 of a piece's width
    basis    number of the g_k, without a constant g_k
    fixed    whether there is an entry for the constant 2^shift
    known    known(a, g): write D's g_k
    entries  entries(query, b, hidden, out): add to `out`, by exclusive or, the entries that E's or F's query names
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
    """floor(y / 2^bits), or the floor plus one, for y = sum of table[k, i] 2^28 u^k, where x = low + (i + u) 2^step.

    Shapes    x, result: one shape, n elements; table: (4, pieces), pieces = 8, 16, ..., 512
    Range     low + 2^step <= x < low + pieces 2^step. i is the piece of x or the one before it, so the cubic of piece
              i must hold for 0 <= u < 2
    Ring      given |table| < 2^31 and |y| < 2^62
    Rounds    3
    Bytes     D: 32 n + pieces/8 n + w n + n/4; E and F: 40 n + w n (w = bytes of `bits` bits; for 0 bits no w and n/4)
    Error     of y / 2^28: 4 units in a table's last place
    Security  semi-honest, as `fused.multiply_truncate`; the queries are uniform to E and to F, the entries hidden to D
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

    return await read(party, x, low, bits, Reading(table.shape[1], step, 3, True, UNIT, known, entries))


def piecewise_cubic_cost(label: bytes, x: Spec, *, low: int, step: int, table: Integers, bits: int) -> Cost:
    return read_cost(label, x.size, table.shape[1], 3, 4, bits)


async def read(party: Party, x: Arithmetic, low: int, bits: int, reading: Reading) -> Arithmetic:
    """The function of `reading` at x, as `piecewise_cubic` reads it.

    Rounds    3
    Bytes     D: 8 (b + 1) n + pieces/8 n + w n + n/4; E and F: 8 (c + 1) n + w n, with b = `basis` and c = `columns`
    Security  as `piecewise_cubic`
    """
    await kernels.loaded(GROUP, party.env.busy)
    out = np.empty((2, x.size), np.uint64)
    start = np.uint64(low & ((1 << 64) - 1))
    step, pieces, shift = np.uint64(reading.step), np.uint64(reading.pieces), np.uint64(reading.shift)
    octets, basis, columns = reading.pieces // 8, reading.basis, reading.columns
    kind = small_dtype(bits)
    w = kind.itemsize if bits else 0
    count, up = np.uint64(bits), np.uint64(64 - bits if bits else 0)

    async def chunk_at_d(chunk: Chunk, data: Words, rows: Words) -> None:
        n, part = chunk.size, chunk.part
        _, _, e, f = chunk.roles(party.index)
        flags = (n + 7) // 8 if bits else 0
        a = data[0] + data[1]
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

    async def chunk_at_ef(chunk: Chunk, data: Words, rows: Words) -> None:
        n, part = chunk.size, chunk.part
        role, d, e, f = chunk.roles(party.index)
        partner, at_e = (f, True) if role == E else (e, False)
        flags = (n + 7) // 8 if bits else 0
        b = np.ascontiguousarray(data[1 if at_e else 0])
        hidden = words(party, partner, _HIDDEN, part, columns * n).reshape(columns, n)
        message = np.empty((8 * columns + 8 + w) * n, np.uint8)
        party.keys.pair[partner].fill(message[: 8 * columns * n], party.label, _COVER, part)
        r, masked = words(party, partner, _R, part, n), _cross(message, columns, n)
        party.keys.pair[partner].fill(masked, party.label, _RHO, part)
        if not at_e:
            np.subtract(r, masked, out=masked)
        if at_e:
            from_d = await party.receive(d, part, ((8 * basis + w + octets) * n,), np.uint8)
            parts, query = _columns(from_d, basis, n), from_d[(8 * basis + w) * n :]
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
        t_part = _small(from_d, basis, w, n, kind) if at_e else draw(party, d, _T2, part, n, kind)
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
        data, rows = x.data[:, chunk.start : chunk.stop], out[:, chunk.start : chunk.stop]
        mine = chunk_at_d if (party.index - chunk.d) % 3 == D else chunk_at_ef
        await mine(chunk, data, rows)

    await each(party, cut(party.label, x.size, _SMALL, _CHUNK), at)
    return Arithmetic(out, x.shape)


def _columns(message: Octets, columns: int, n: int) -> Words:
    """The first words of a message, as rows of n."""
    return message[: 8 * columns * n].view(np.uint64).reshape(columns, n)


def _cross(message: Octets, columns: int, n: int) -> Words:
    """The row of words after `columns` rows."""
    return message[8 * columns * n : 8 * (columns + 1) * n].view(np.uint64)


def _small(message: Octets, rows: int, w: int, n: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """The numbers of w bytes after `rows` rows of words."""
    return message[8 * rows * n : (8 * rows + w) * n].view(kind)


def in_words(query: Octets, n: int, octets: int) -> Words:
    """Queries as rows of whole words."""
    if octets >= 8:
        return np.frombuffer(query.tobytes(), np.uint64).reshape(n, octets // 8).copy()
    return query.view(small_dtype(8 * octets)).astype(np.uint64).reshape(n, 1)


def read_cost(label: bytes, size: int, pieces: int, basis: int, columns: int, bits: int) -> Cost:
    w = small_bytes(bits) if bits else 0

    def chunk_load(n: int) -> Load:
        flags = (n + 7) // 8 if bits else 0
        query, reply = (8 * basis + w + pieces // 8) * n, (8 * (columns + 1) + w) * n
        return Load(3, (query + 8 * n + 2 * flags, reply, reply), (3 if bits else 2, 1, 1))

    return load(cut(label, size, _SMALL, _CHUNK), chunk_load)


def _work_of_cubic(task: Task) -> float:
    pieces: int = task.parameters["table"].shape[1]
    return (70.0 + 0.75 * pieces) * task.size


declare("piecewise_cubic", piecewise_cubic, cost=piecewise_cubic_cost, work=_work_of_cubic, kernels=GROUP)
