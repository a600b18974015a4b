"""Organizations that do not compute: they share a vector before a run, and receive shares of results.

Dealing makes the three components of a replicated sharing. Two components are 16-byte seeds that their holders expand;
the third component is the vector minus both streams. Each component goes to the two parties that hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import CheckFailed
from mpc.machine.engine import Cost, Integers, Piece, Spec
from mpc.machine.labels import Streams
from mpc.machine.party import Party, inner_label
from protocols.chunks import each
from protocols.declared import per_bit, per_element
from protocols.replicated import local
from protocols.replicated.compare import sign, sign_cost
from protocols.replicated.declared import declare
from protocols.replicated.masks import zero_bits, zero_share
from protocols.replicated.roles import Chunk, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, Words, as_words, mask_of
from protocols.replicated.wire import pack, packed_bytes, unpack

SEED_BYTES = 16
_LABEL, _DEALT = b"comity/1/dealing", b"dealt"


def pieces(size: int) -> tuple[Piece, ...]:
    """Component i, which the parties i and i + 1 hold, for i = 0, 1, 2: a seed, a vector, a seed."""
    return Piece((0, 1), SEED_BYTES), Piece((1, 2), 8 * size), Piece((2, 0), SEED_BYTES)


def deal(values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
    """The components of a fresh sharing of a vector.

    Ring      Z_{2^64}
    Bytes     16 n + 64 in all
    Security  each party lacks a component: P_1 and P_2 lack one of the two seeds, which masks the vector that they
              hold; P_0 holds both seeds, and nothing that depends on the values
    """
    first, last = random(SEED_BYTES), random(SEED_BYTES)
    rest = as_words(values).reshape(-1) - _expanded(first, values.size) - _expanded(last, values.size)
    return [np.frombuffer(first, np.uint8), rest.view(np.uint8), np.frombuffer(last, np.uint8)]


def take(party: Party, pieces: Sequence[Sequence[NDArray[np.uint8] | None]], sizes: Sequence[int]) -> Arithmetic:
    """This party's part of dealt vectors, one after the other. Local. Their elements may be any ring elements."""
    out = np.empty((2, sum(sizes)), np.uint64)
    start = 0
    for held, size in zip(pieces, sizes, strict=True):
        for row, component in ((0, (party.index + 2) % 3), (1, party.index)):
            piece = held[component]
            assert piece is not None
            words = out[row, start : start + size]
            words[...] = piece.view(np.uint64) if component == 1 else _expanded(piece.tobytes(), size)
        start += size
    return Arithmetic(out, (start,))


def _expanded(seed: bytes, size: int) -> Words:
    out = np.empty(size, np.uint64)
    Streams(seed).fill(out, _LABEL, _DEALT)
    return out


async def nonnegative(party: Party, x: Arithmetic, bounds: Integers | None = None) -> Bits:
    """The bit x >= 0 of any ring elements x; or, with public bounds from 0 to 2^62, the bits bound - x >= 0 and
    bound + x >= 0, along a new first axis.

    Shapes    x, bounds: n elements; result: the shape of x, or (2, *shape) with bounds
    Rounds    those of a `sign` of 64 bits
    Bytes     those of n signs of 64 bits; with bounds, of 2 n
    Security  semi-honest, as `sign`: nothing is opened
    Error     none: x is in [-B, B] if and only if neither B - x nor B + x is negative modulo 2^64
    """
    if bounds is not None:
        sides = (local.scale(x, np.asarray(-1, np.int64)), x)
        shape = (1, *x.shape)
        moved = [local.view(local.add_public(party, s, bounds), lambda a: a[None], shape) for s in sides]
        x = local.concatenate(*moved, axis=0)
    flat = local.view(x, lambda a: a.reshape(-1), (x.size,))
    positive = local.invert(party, await sign(party.inner("sign"), flat, 64))
    return local.view(positive, lambda b: b.reshape(x.shape), x.shape)


def nonnegative_cost(label: bytes, x: Spec, *, bounds: Integers | None = None) -> Cost:
    return sign_cost(inner_label(label, 1, "sign"), x.size if bounds is None else 2 * x.size, 64)


async def hand_out(party: Party, x: Arithmetic | Bits) -> NDArray[np.uint64]:
    """This party's part of x for a recipient that does not compute: both of its components, refreshed.

    Shapes    x: n elements; result: 2 n words, first the component that the party before this party holds too
    Rounds    1
    Bytes     8 n from each party to the next one, or the packed words of bits
    Security  semi-honest: a zero share is added, so all components together are a uniform sharing of x. Without it,
              the components could tell more than x: for sums of inputs, who added what
    """
    out = np.empty((2, x.size), np.uint64)
    width = x.width if isinstance(x, Bits) else 64

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        sent = out[1, start:stop]
        if isinstance(x, Bits):
            zero_bits(party, part, sent)
            sent ^= x.data[1, start:stop]
            sent &= np.uint64(mask_of(width))
        else:
            zero_share(party, part, sent)
            sent += x.data[1, start:stop]
        party.send((party.index + 1) % 3, part, pack(sent, width))
        octets = await party.receive((party.index + 2) % 3, part, (packed_bytes(chunk.size, width),), np.uint8)
        out[0, start:stop] = unpack(octets, chunk.size, width)

    await each(party, cut(party.label, x.size), step)
    return out.reshape(-1)


def hand_out_cost(label: bytes, x: Spec) -> Cost:
    def chunk_load(n: int) -> Load:
        octets = packed_bytes(n, x.width) if x.kind == "bits" else 8 * n
        return Load(1, (octets, octets, octets), (1, 1, 1))

    return load(cut(label, x.size), chunk_load)


def combine(parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
    """The values of the three parties' parts. Raises CheckFailed if two parties gave different words."""
    rows = [part.reshape(2, x.size) for part in parts]
    for i in range(3):
        if not np.array_equal(rows[i][1], rows[(i + 1) % 3][0]):
            raise CheckFailed(f"the compute parties {i} and {(i + 1) % 3} gave different shares of the same release")
    a, b, c = (part[1] for part in rows)
    joint: NDArray[Any] = a ^ b ^ c if x.kind == "bits" else (a + b + c).view(np.int64)
    return joint.reshape(x.shape)


declare("take", take, work=per_element(4.0))
declare("nonnegative", nonnegative, cost=nonnegative_cost, whole=True, work=per_bit(0.9, of_result=True))
declare("hand_out", hand_out, cost=hand_out_cost, work=per_element(10.0))
