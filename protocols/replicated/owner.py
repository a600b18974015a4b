"""Bits shared between D, which knows A of x = A + B, and E and F, which both know B.

Words are packed to the bits that a protocol needs. The masked messages serve as shares.
"""

from __future__ import annotations

import numpy as np

from mpc.machine.party import Party
from protocols.replicated.masks import draw
from protocols.replicated.roles import Chunk, E
from protocols.replicated.sharing import BitWords
from protocols.replicated.wire import Octets, pack, packed_bytes, unpack_into

_PHI, _S1, _S2 = b"phi", b"g1", b"g2"


async def from_owner(party: Party, chunk: Chunk, size: int, packed: Octets | None) -> tuple[Octets, ...]:
    """Share `size` bytes that only D knows (`packed`, overwritten; None at E and F).

    Result    at D both shares, F's share first; at E and F their share
    Rounds    1
    Bytes     `size` from D to E
    Security  semi-honest: E's message is hidden by a stream of D and F
    """
    role, d, e, f = chunk.roles(party.index)
    if packed is not None:
        phi: Octets = draw(party, f, _PHI, chunk.part, size, np.uint8)
        packed ^= phi
        party.send(e, chunk.part, packed)
        return phi, packed
    if role == E:
        return (await party.receive(d, chunk.part, (size,), np.uint8),)
    return (draw(party, d, _PHI, chunk.part, size, np.uint8),)


async def to_owner(party: Party, chunk: Chunk, width: int, local: BitWords | None, shares: BitWords) -> None:
    """Share the exclusive or of a word of E and a word of F: words of `width` bits (`local`; None at D).

    Result    in `shares`, this party's (2, n) part
    Rounds    1
    Bytes     n words of `width` bits from E to D and from F to D
    Security  semi-honest: each message to D is hidden by a stream of E and F
    """
    role, d, e, f = chunk.roles(party.index)
    part, n = chunk.part, shares.shape[1]
    if local is None:
        size = packed_bytes(n, width)
        unpack_into(shares[0], await party.receive(f, part, (size,), np.uint8), width)
        unpack_into(shares[1], await party.receive(e, part, (size,), np.uint8), width)
        return
    wire = pack(local, width)
    mine, other, partner = (0, 1, f) if role == E else (1, 0, e)
    s1 = draw(party, partner, _S1, part, wire.size, np.uint8)
    s2 = draw(party, partner, _S2, part, wire.size, np.uint8)
    wire ^= s1 if role == E else s2
    party.send(d, part, wire)
    unpack_into(shares[mine], wire, width)
    s1 ^= s2
    unpack_into(shares[other], s1, width)
