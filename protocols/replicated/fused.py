"""A product and a truncation in one: two rounds, and about a third more bytes than the product alone.

E and F choose B = -r before the product is known. So D learns A, the product masked by r, and shifts A. The product of
the top bits of A and B comes from a random bit t of D: the parties share [t*b] beside the first round.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import cuttable
from protocols.chunks import each
from protocols.declared import per_element
from protocols.replicated import kernels
from protocols.replicated.declared import declare
from protocols.replicated.masks import draw, words
from protocols.replicated.roles import Chunk, D, E, F, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Words, integers
from protocols.replicated.truncate import times_top, wide
from protocols.replicated.wire import small_bytes, small_dtype

_R, _RHO, _T, _T2, _C1, _S1, _S2 = b"r", b"rho", b"t", b"t2", b"c1", b"s1", b"s2"

#: product(role, out): adds (E, F) or writes (D) this role's local products to the one-dimensional array `out`.
Product = Callable[[int, Words], Awaitable[None]]


async def shifted_product(party: Party, chunk: Chunk, bits: int, product: Product, rows: Words) -> None:
    """Fill `rows`, this party's (2, n) part, with one chunk of a product truncated by `bits`.

    Local products: z_D = (x_DE+x_DF)(y_DE+y_DF), z_E = x_EF(y_DE+y_EF) + x_DE y_EF, z_F = x_EF y_DF + x_DF y_EF.
    """
    part, n, kind = chunk.part, rows.shape[1], small_dtype(bits)
    w, flags = kind.itemsize, (n + 7) // 8
    role, d, e, f = chunk.roles(party.index)
    count, up = np.uint64(bits), np.uint64(64 - bits)
    if role == D:
        t = np.empty(flags, np.uint8)
        party.keys.private.fill(t, party.label, _T, part)
        t1 = np.unpackbits(t, count=n, bitorder="little").astype(kind)
        t1 -= draw(party, f, _T2, part, n, kind)
        party.send(e, part, t1)
        c1, z = words(party, f, _C1, part, n), np.empty(n, np.uint64)
        await product(D, z)
        from_f = await party.receive(f, part, (n * (8 + w),), np.uint8)
        from_e = await party.receive(e, part, (n,), np.uint64)
        message = np.empty(8 * n + flags, np.uint8)
        u, top = message[: 8 * n].view(np.uint64), np.empty(n, np.uint8)
        kernels.shift_d(z, from_e, from_f[: 8 * n].view(np.uint64), c1, count, u, top)
        packed = np.packbits(top, bitorder="little")
        packed ^= t
        message[8 * n :] = packed
        party.send(e, part + 1, message)
        party.send(f, part + 1, packed)
        flip = np.unpackbits(packed, count=n, bitorder="little")
        kernels.lift(c1, wide(from_f[8 * n :].view(kind)), flip, up, rows[0])
        w_e = await party.receive(e, part + 1, (n,), kind)
        kernels.lift(u, wide(w_e), flip, up, rows[1])
        return
    partner = f if role == E else e
    r, rho = words(party, partner, _R, part, n), words(party, partner, _RHO, part, n)
    s1, s2 = draw(party, partner, _S1, part, n, kind), draw(party, partner, _S2, part, n, kind)
    if role == E:
        await product(E, rho)
        party.send(d, part, rho)
        b = np.subtract(kernels.ZERO, r, out=r)
        w_e = times_top(await party.receive(d, part, (n,), kind), b, s1)
        party.send(d, part + 1, w_e)
        from_d = await party.receive(d, part + 1, (8 * n + flags,), np.uint8)
        party.compare_later(f, part + 1, from_d[8 * n :])
        flip = np.unpackbits(from_d[8 * n :], count=n, bitorder="little")
        kernels.lift(from_d[: 8 * n].view(np.uint64), wide(w_e), flip, up, rows[0])
    else:
        message = np.empty(n * (8 + w), np.uint8)
        masked, w_f = message[: 8 * n].view(np.uint64), message[8 * n :].view(kind)
        np.subtract(r, rho, out=masked)
        await product(F, masked)
        b = np.subtract(kernels.ZERO, r, out=r)
        w_f[:] = times_top(draw(party, d, _T2, part, n, kind), b, s2)
        party.send(d, part, message)
        c1 = words(party, d, _C1, part, n)
        packed = await party.receive(d, part + 1, (flags,), np.uint8)
        party.compare_later(e, part + 1, packed)
        flip = np.unpackbits(packed, count=n, bitorder="little")
        kernels.lift(c1, wide(w_f), flip, up, rows[1])
    kernels.shift_ef(b, wide(s1), wide(s2), flip, count, rows[1 if role == E else 0])


def shifted_load(bits: int) -> Callable[[int], Load]:
    """The load of `shifted_product`, as a function of the number of elements."""
    w = small_bytes(bits)

    def chunk_load(n: int) -> Load:
        flags = (n + 7) // 8
        return Load(2, ((w + 8) * n + 2 * flags, (8 + w) * n, (8 + w) * n), (3, 2, 1))

    return chunk_load


async def multiply_truncate(party: Party, x: Arithmetic, y: Arithmetic, bits: int) -> Arithmetic:
    """floor(x * y / 2^bits), or the floor plus one, elementwise.

    Shapes    x, y, result: one shape, n elements
    Ring      given |x * y| < 2^62
    Rounds    2
    Bytes     D: (8 + w) n + 2 n/8; E and F: (8 + w) n each (w = bytes of `bits` bits: 1, 2, 4 or 8)
    Error     0 or +1; +1 has probability (x*y mod 2^bits + 1) / 2^bits over r, which is fresh
    Security  semi-honest, as `truncate` with theta = -r mod 2^bits: D sees the product masked by r, and the parts
              masked by rho or s; E and F receive words masked by c1, t2 or t, and the receiver lacks that mask
    Raises    ShapeError, RangeError
    """
    integers("multiply_truncate", x, y)
    cuttable(bits)
    out = np.empty((2, x.size), np.uint64)

    async def step(chunk: Chunk) -> None:
        start, stop = chunk.start, chunk.stop

        async def product(role: int, into: Words) -> None:
            if role == D:
                kernels.square(x.data, y.data, start, stop, into)
            else:
                kernels.cross(x.data, y.data, start, stop, kernels.ONE if role == E else kernels.ZERO, into)

        await shifted_product(party, chunk, bits, product, out[:, start:stop])

    await each(party, cut(party.label, x.size), step)
    return Arithmetic(out, x.shape)


def multiply_truncate_cost(label: bytes, x: Spec, y: Spec, *, bits: int) -> Cost:
    return load(cut(label, x.size), shifted_load(bits))


declare("multiply_truncate", multiply_truncate, cost=multiply_truncate_cost, work=per_element(16.0))
