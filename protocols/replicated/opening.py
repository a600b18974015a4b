"""Reveal a sharing to some of the compute parties.

The receiver compares its message later with the other holder of that component (`Party.compare_later`). The same
holds for each message that a protocol sends to two parties.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party
from protocols.chunks import each
from protocols.declared import per_element
from protocols.replicated.declared import declare
from protocols.replicated.roles import Chunk, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits
from protocols.replicated.wire import pack, packed_bytes, unpack


async def reveal(party: Party, x: Arithmetic | Bits, to: Sequence[int]) -> NDArray[Any] | None:
    """Reveal x to the compute parties `to`; the result is None at the others.

    Shapes    x, result: one shape, n elements
    Rounds    1
    Bytes     to each receiver from the party before it: 8 n, or the packed words of bits
    Security  semi-honest: a receiver gets the component that it misses, which is the result minus its own components.
              Nothing else is sent, and nothing to parties outside of `to`. A wrong component is detected before
              results are given out, because the party after the receiver holds the right component.
    Error     none; integers come as int64, bits as uint64 words
    """
    before, after = (party.index + 2) % 3, (party.index + 1) % 3
    out = np.empty(x.size, np.uint64) if party.index in to else None

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        if after in to:
            row = x.data[0, start:stop]
            party.send(after, part, pack(row, x.width) if isinstance(x, Bits) else row)
        if before in to:  # that party receives a component that this party holds, too
            row = x.data[1, start:stop]
            party.compare_later(before, part, pack(row, x.width) if isinstance(x, Bits) else row)
        if out is None:
            return
        mine = out[start:stop]
        if isinstance(x, Bits):
            octets = await party.receive(before, part, (packed_bytes(chunk.size, x.width),), np.uint8)
            party.compare_later(after, part, octets)
            np.bitwise_xor(x.data[0, start:stop], x.data[1, start:stop], out=mine, casting="safe")
            mine ^= unpack(octets, chunk.size, x.width)
        else:
            missing = await party.receive(before, part, (chunk.size,), np.uint64)
            party.compare_later(after, part, missing)
            np.add(x.data[0, start:stop], x.data[1, start:stop], out=mine)
            mine += missing

    await each(party, cut(party.label, x.size), step)
    if out is None:
        return None
    return out.reshape(x.shape) if isinstance(x, Bits) else out.view(np.int64).reshape(x.shape)


def reveal_cost(label: bytes, x: Spec, to: Sequence[int]) -> Cost:
    def chunk_load(n: int) -> Load:
        octets = packed_bytes(n, x.width) if x.kind == "bits" else 8 * n
        return Load(1, (octets, octets, octets), (1, 1, 1))

    total = load(cut(label, x.size), chunk_load)
    if not x.size or not to:
        return Cost(0, (0, 0, 0), (0, 0, 0))
    sends = [(i + 1) % 3 in to for i in range(3)]
    return Cost(
        1,
        tuple(count if send else 0 for count, send in zip(total.bytes_sent, sends, strict=True)),
        tuple(count if send else 0 for count, send in zip(total.messages, sends, strict=True)),
    )


declare("open", reveal, cost=reveal_cost, work=per_element(5.0))
