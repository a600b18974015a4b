"""A public table read at the number of set bits: for powers of two and other functions of a leading bit.

The set bits are counted modulo 256 in owner form: D knows A, both E and F know B, and the number is A + B. Then D reads
entry A of the table, which E and F turn by B places, as in `lookup`.
"""

from __future__ import annotations

import numpy as np

from mpc.machine import primitives
from mpc.machine.engine import Cost, Integers, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import size_of
from protocols.chunks import each
from protocols.declared import Task
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
    """Entries of the table for counts 0 to `bits`: a power of two, at least 8."""
    return max(8, 1 << bits.bit_length())


async def table_of_count(party: Party, x: Bits, table: Integers) -> Arithmetic:
    """table[number of set bits along the first axis].

    Shapes    x: (w, *shape), w up to 127, words of one bit; table: (w + 1,); result: shape, n elements
    Rounds    5
    Bytes     D: (w + p/8 + 8) n; E and F: 9 n each, where p is w + 1 rounded up to a power of two, at least 8
    Security  semi-honest: E sees D's bits masked by bytes of D and F, and a query that is uniform to E. D sees parts of
              the number masked by bytes of E and F, and entries masked by words of E and F; another word of E and F
              covers the two answers
    Raises    ShapeError
    """
    shape = primitives.table_of_count(x.spec, table=table).shape
    await kernels.loaded(GROUP, party.env.busy)
    w, size = x.shape[0], size_of(shape)
    entries = _entries(w)
    octets = entries // 8
    padded = np.zeros(2 * entries, np.uint64)
    padded[: w + 1] = padded[entries : entries + w + 1] = as_words(table)
    data = x.data.reshape(2, w, size)
    out = np.empty((2, size), np.uint64)
    wrap = np.uint8(entries - 1)

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        n = stop - start
        role, d, e, f = chunk.roles(party.index)
        rows = out[:, start:stop]
        if role == D:
            message: Octets = np.bitwise_xor(data[0, :, start:stop], data[1, :, start:stop])
            message -= draw(party, f, _A2, part, w * n, np.uint8).reshape(w, n)
            party.send(e, part, message.reshape(-1))
            a = await party.receive(e, part, (n,), np.uint8) + await party.receive(f, part, (n,), np.uint8)
            query = draw(party, f, _QUERY, part, octets * n, np.uint8)
            a &= wrap
            kernels_lookup.ask(a.astype(np.uint64), kernels.ZERO, np.uint64(entries), query.reshape(n, octets))
            party.send(e, part | 1, query)
            c1 = words(party, f, _C1, part, n)
            entry = await party.receive(e, part | 1, (n,), np.uint64)
            entry ^= await party.receive(f, part | 1, (n,), np.uint64)
            np.subtract(entry, c1, out=rows[1])
            rows[0] = c1
            party.send(e, part | 2, rows[1])
            return
        partner = f if role == E else e
        flips = np.ascontiguousarray(data[1 if role == E else 0, :, start:stop])
        if role == E:
            parts = (await party.receive(d, part, (w * n,), np.uint8)).reshape(w, n)
        else:
            parts = draw(party, d, _A2, part, w * n, np.uint8).reshape(w, n)
        s1, s2 = draw(party, partner, _S1, part, n, np.uint8), draw(party, partner, _S2, part, n, np.uint8)
        b = s1 + s2
        mine = s1 if role == E else s2
        # s - v, where E's v also counts the bits that E and F know: the number is B plus both messages to D.
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

    def chunk_load(n: int) -> Load:
        return Load(5, ((bits + _entries(bits) // 8 + 8) * n, 9 * n, 9 * n), (3, 2, 2))

    return load(cut(label, size, _CHUNK, _CHUNK), chunk_load)


def _work(task: Task) -> float:
    """A pass over the bits, and one word of the table for each entry."""
    return 0.8 * task.size + 20.0 * task.result.size


declare("table_of_count", table_of_count, cost=table_of_count_cost, work=_work, kernels=GROUP)
