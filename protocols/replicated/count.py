"""A public table read at the number of set bits: what powers of two and other functions of a leading bit come from.

Bits are counted modulo 256 in owner form: D knows A, both E and F know B, and the number is A + B. Then D reads entry
A of the table that E and F turn by B places, as in `lookup`.
"""

from __future__ import annotations

import numpy as np

from mpc.machine import primitives
from mpc.machine.engine import Cost, Integers, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import size_of
from protocols.chunks import each
from protocols.replicated import kernels, kernels_lookup
from protocols.replicated.declared import declare
from protocols.replicated.kernels_lookup import GROUP
from protocols.replicated.lookup import in_words
from protocols.replicated.masks import draw, words
from protocols.replicated.roles import Chunk, D, E, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, as_words
from protocols.replicated.wire import Octets

_A2, _S1, _S2, _QUERY, _HIDDEN, _COVER, _C1 = b"a2", b"s1", b"s2", b"query", b"hidden", b"cover", b"c1"
_CHUNK = 1 << 13


def _entries(bits: int) -> int:
    """The power of two, from 8 on, that tells 0 to `bits` apart."""
    return max(8, 1 << bits.bit_length())


async def table_of_count(party: Party, x: Bits, table: Integers) -> Arithmetic:
    """table[number of set bits along the first axis].

    Shapes    x: (w, *shape), w up to 127, words of one bit; table: (w + 1,); result: shape, n elements
    Rounds    5
    Bytes     D: (w + p/8 + 8) n; E and F: 9 n each, p being w + 1 rounded up to a power of two
    Security  semi-honest: E sees D's bits under bytes of D and F, and a query that is uniform to it; D sees parts of
              the number under bytes of E and F, and entries under words of theirs, one more of which covers the answers
    Raises    ShapeError
    """
    shape = primitives.table_of_count(x.spec, table=table).shape
    await kernels.loaded(GROUP, party.env.busy)
    w, size = x.shape[0], size_of(shape)
    entries = _entries(w)
    octets = entries // 8
    padded = np.zeros(2 * entries, np.uint64)
    padded[: w + 1] = padded[entries : entries + w + 1] = as_words(table)
    given = x.data.reshape(2, w, size)
    out = np.empty((2, size), np.uint64)
    wrap = np.uint8(entries - 1)

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        n = stop - start
        role, d, e, f = chunk.roles(party.index)
        rows = out[:, start:stop]
        if role == D:
            message: Octets = np.bitwise_xor(given[0, :, start:stop], given[1, :, start:stop])
            message -= draw(party, f, _A2, part, w * n, np.uint8).reshape(w, n)
            party.send(e, part, message.reshape(-1))
            a = await party.receive(e, part, (n,), np.uint8) + await party.receive(f, part, (n,), np.uint8)
            query = draw(party, f, _QUERY, part, octets * n, np.uint8)
            a &= wrap
            kernels_lookup.ask(a.astype(np.uint64), kernels.ZERO, np.uint64(entries), query.reshape(n, octets))
            party.send(e, part | 1, query)
            c1 = words(party, f, _C1, part, n)
            read = await party.receive(e, part | 1, (n,), np.uint64)
            read ^= await party.receive(f, part | 1, (n,), np.uint64)
            np.subtract(read, c1, out=rows[1])
            rows[0] = c1
            party.send(e, part | 2, rows[1])
            return
        partner = f if role == E else e
        flips = np.ascontiguousarray(given[1 if role == E else 0, :, start:stop])
        if role == E:
            parts = (await party.receive(d, part, (w * n,), np.uint8)).reshape(w, n)
        else:
            parts = draw(party, d, _A2, part, w * n, np.uint8).reshape(w, n)
        s1, s2 = draw(party, partner, _S1, part, n, np.uint8), draw(party, partner, _S2, part, n, np.uint8)
        b = s1 + s2
        mine = s1 if role == E else s2
        # s - v, with E's v counting the bits of B, too; so the number is B less what D gets.
        kernels_lookup.counted(parts, flips, np.uint8(role == E), mine)
        party.send(d, part, np.subtract(np.uint8(0), mine))
        hidden = words(party, partner, _HIDDEN, part, n)
        answer = words(party, partner, _COVER, part, n)
        if role == E:
            query = await party.receive(d, part | 1, (octets * n,), np.uint8)
        else:
            query = draw(party, d, _QUERY, part, octets * n, np.uint8)
        kernels_lookup.plain_answer(in_words(query, n, octets), b, padded, hidden, answer)
        party.send(d, part | 1, answer)
        if role == E:
            rows[0], rows[1] = await party.receive(d, part | 2, (n,), np.uint64), hidden
        else:
            rows[0], rows[1] = hidden, words(party, d, _C1, part, n)

    await each(party, cut(party.label, size, _CHUNK, _CHUNK), step)
    return Arithmetic(out, shape)


def table_of_count_cost(label: bytes, x: Spec, *, table: Integers) -> Cost:
    bits, size = x.shape[0], size_of(x.shape[1:])

    def one(n: int) -> Load:
        return Load(5, ((bits + _entries(bits) // 8 + 8) * n, 9 * n, 9 * n), (3, 2, 2))

    return load(cut(label, size, _CHUNK, _CHUNK), one)


declare("table_of_count", table_of_count, cost=table_of_count_cost, kernels=GROUP)
