"""Dropping low bits without wrap failures; `fused` joins it with a product.

Roles D, E, F: D knows A = c_D + c_F, both E and F know B = c_E, and x = A + B. Since 0 <= x + 2^62 < 2^63, the
sum (A + 2^62) + B carries out exactly if a or b, the two top bits, is set. So the shifted sum needs only the
correction a + b - ab. ab is the product of a bit of D and a bit of E and F; the protocol needs it modulo 2^bits.
(A >> m) - (a << 64-m) is the arithmetic shift of A.

A part of `bits` bits travels in the smallest unsigned type that holds it, hidden by a full word of that type.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import cuttable
from protocols.chunks import each
from protocols.declared import per_element
from protocols.replicated import kernels
from protocols.replicated.declared import declare
from protocols.replicated.masks import draw, words
from protocols.replicated.roles import Chunk, D, E, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Words, integers
from protocols.replicated.wire import small_bytes, small_dtype

_C1, _A2, _S1, _S2, _DITHER = b"c1", b"a2", b"s1", b"s2", b"dither"
_TOP = np.uint64(63)


def times_top(part: NDArray[Any], b: Words, mask: NDArray[Any]) -> NDArray[Any]:
    """part * top bit of b - mask, in part's type. Local, at E and F."""
    out: NDArray[Any] = (b >> _TOP).astype(part.dtype)
    out *= part
    out -= mask
    return out


def wide(part: NDArray[Any]) -> Words:
    return part.astype(np.uint64, copy=False)


async def truncate(party: Party, x: Arithmetic, bits: int) -> Arithmetic:
    """floor(x / 2^bits), or the floor plus one.

    Shapes    x, result: one shape, n elements
    Ring      given -2^62 <= x < 2^62; the parts a1, v modulo 2^bits
    Rounds    2
    Bytes     8 n + w n from D to E; w n from E to D and from F to D (w = bytes of `bits` bits: 1, 2, 4 or 8)
    Error     0 or +1; +1 has probability (x mod 2^bits + 1) / 2^bits over the common dither, which is uniform for all
              components of x
    Security  semi-honest, for the functionality that gives the parties a uniform theta in [0, 2^bits) and shares
              1 + floor((x - theta) / 2^bits): each message is masked by a stream that its receiver does not have
    Raises    RangeError
    """
    integers("truncate", x)
    cuttable(bits)
    out = np.empty((2, x.size), np.uint64)

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        dither = np.empty(stop - start, np.uint64)
        party.keys.common.fill(dither, party.label, _DITHER, part)
        await truncated(party, chunk, x.data[:, start:stop], dither, bits, out[:, start:stop])

    await each(party, cut(party.label, x.size), step)
    return Arithmetic(out, x.shape)


async def truncated(party: Party, chunk: Chunk, data: Words, dither: Words, bits: int, rows: Words) -> None:
    """Fill `rows` with one chunk: the sum of A + dither and B - dither, shifted, minus the carry of the dropped bits,
    plus one."""
    part, n, part_type = chunk.part, data.shape[1], small_dtype(bits)
    role, d, e, f = chunk.roles(party.index)
    count, up = np.uint64(bits), np.uint64(64 - bits)
    if role == D:
        c1 = words(party, f, _C1, part, n)
        a2 = draw(party, f, _A2, part, n, part_type)
        message = np.empty(n * (8 + part_type.itemsize), np.uint8)
        u, top = message[: 8 * n].view(np.uint64), np.empty(n, np.uint8)
        kernels.shift_d(data[0], data[1], dither, c1, count, u, top)
        np.subtract(top, a2, out=message[8 * n :].view(part_type), dtype=part_type)
        party.send(e, part, message)
        v_f = await party.receive(f, part, (n,), part_type)
        v_e = await party.receive(e, part + 1, (n,), part_type)
        plain = np.zeros(n, np.uint8)
        kernels.lift(u, wide(v_e), plain, up, rows[1])
        kernels.lift(c1, wide(v_f), plain, up, rows[0])
        return
    partner = f if role == E else e
    s1 = draw(party, partner, _S1, part, n, part_type)
    s2 = draw(party, partner, _S2, part, n, part_type)
    b = data[1 if role == E else 0] - dither
    if role == E:
        message = await party.receive(d, part, (n * (8 + part_type.itemsize),), np.uint8)
        base = message[: 8 * n].view(np.uint64)
        v = times_top(message[8 * n :].view(part_type), b, s1)
        party.send(d, part + 1, v)
    else:
        base = words(party, d, _C1, part, n)
        v = times_top(draw(party, d, _A2, part, n, part_type), b, s2)
        party.send(d, part, v)
    plain = np.zeros(n, np.uint8)
    kernels.lift(base, wide(v), plain, up, rows[0 if role == E else 1])
    kernels.shift_ef(b, wide(s1), wide(s2), plain, count, rows[1 if role == E else 0])


def truncate_cost(label: bytes, x: Spec, *, bits: int) -> Cost:
    return load(cut(label, x.size), lambda n: truncated_load(n, bits))


def truncated_load(n: int, bits: int) -> Load:
    w = small_bytes(bits)
    return Load(2, ((8 + w) * n, w * n, w * n), (1, 1, 1))


declare("truncate", truncate, cost=truncate_cost, work=per_element(12.0))
