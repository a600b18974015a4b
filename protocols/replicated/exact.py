"""Truncation with an exact result: floor or nearest.

floor(x / 2^m) = (A >> m) + (B >> m) + [the low m bits of A and B carry], up to the carry out of A + B, which the
truncation handles. A comparison of the low m bits, beside the truncation, gives the low carry; its bit is converted.
"""

from __future__ import annotations

import numpy as np

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party, concurrently, inner_label
from mpc.machine.primitives import Rounding
from mpc.machine.shapes import cuttable, rounding_known
from protocols.chunks import each
from protocols.declared import Task
from protocols.replicated import local
from protocols.replicated.compare import compared, compared_load
from protocols.replicated.convert import bit_to_ring, bit_to_ring_cost
from protocols.replicated.declared import declare
from protocols.replicated.roles import Chunk, D, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, integers, mask_of
from protocols.replicated.truncate import truncated, truncated_load


async def truncate_exact(party: Party, x: Arithmetic, bits: int, rounding: Rounding) -> Arithmetic:
    """floor(x / 2^bits), or the nearest integer; the larger one of two nearest integers.

    Shapes    x, result: one shape, n elements
    Ring      given -2^62 <= x < 2^62 (nearest: < 2^62 - 2^(bits-1))
    Rounds    those of `sign` on bits+1 bits, plus 2
    Bytes     those of `truncate`, of `sign` on bits+1 bits, and of `bit_to_ring`
    Error     none
    Security  semi-honest: `truncate` and `sign` on the same sides of x, each under its own label; the result is shared,
              and a function of x alone
    Raises    RangeError
    """
    integers("truncate_exact", x)
    cuttable(bits)
    rounding_known(rounding)
    if rounding == "nearest":
        x = local.add_public(party, x, np.asarray(1 << (bits - 1)))
    shifting, carrying = party.inner("shift"), party.inner("carry")
    out, carry = np.empty((2, x.size), np.uint64), np.empty((2, x.size), np.uint8)
    keep = np.uint64(mask_of(bits))

    async def step(chunk: Chunk) -> None:
        start, stop, _, _ = chunk
        data = x.data[:, start:stop]
        if chunk.roles(party.index)[0] == D:
            low = np.zeros_like(data)
            np.add(data[0], data[1], out=low[0])
            low[0] &= keep
        else:
            low = data & keep

        async def carried() -> None:
            carry[:, start:stop] = await compared(carrying, chunk, low, None, bits + 1)

        plain = np.zeros(stop - start, np.uint64)
        await concurrently(truncated(shifting, chunk, data, plain, bits, out[:, start:stop]), carried())

    await each(party, cut(party.label, x.size), step)
    carries = await bit_to_ring(party.inner("bit"), Bits(carry, x.shape, 1))
    return local.add_public(party, Arithmetic(out + carries.data, x.shape), np.asarray(-1))


def truncate_exact_cost(label: bytes, x: Spec, *, bits: int, rounding: Rounding) -> Cost:
    def chunk_load(n: int) -> Load:
        first, second = truncated_load(n, bits), compared_load(n, 1, bits + 1)
        d, e, f = (a + b for a, b in zip(first.bytes_sent, second.bytes_sent, strict=True))
        of_d, of_e, of_f = (a + b for a, b in zip(first.messages, second.messages, strict=True))
        return Load(max(first.rounds, second.rounds), (d, e, f), (of_d, of_e, of_f))

    return load(cut(label, x.size), chunk_load).then(bit_to_ring_cost(inner_label(label, 3, "bit"), x.size))


def _work(task: Task) -> float:
    """A truncation, a sign of the bits that are cut, and that bit as a number."""
    return (18.0 + 0.9 * (int(task.parameters["bits"]) + 1)) * task.size


declare("truncate_exact", truncate_exact, cost=truncate_exact_cost, whole=True, work=_work)
