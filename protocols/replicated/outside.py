"""Organizations that do not compute: sharing a vector before a run, and results for somebody outside of it.

What is dealt are the three components of a replicated sharing: two of them 16-byte seeds that their holders expand,
the third one the vector less both streams. Each of the three goes to the two parties that hold it.
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
    """Component i, held by the parties i and i + 1: two seeds and a vector."""
    return Piece((0, 1), SEED_BYTES), Piece((1, 2), 8 * size), Piece((2, 0), SEED_BYTES)


def deal(values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
    """The components of a fresh sharing of a vector.

    Ring      Z_{2^64}
    Bytes     16 n + 64 altogether
    Security  each party lacks a component: P_1 and P_2 one of the two seeds, which masks the vector they hold; P_0
              holds both seeds and nothing that depends on the values
    """
    first, last = random(SEED_BYTES), random(SEED_BYTES)
    rest = as_words(values).reshape(-1) - _expanded(first, values.size) - _expanded(last, values.size)
    return [np.frombuffer(first, np.uint8), rest.view(np.uint8), np.frombuffer(last, np.uint8)]


def take(party: Party, pieces: Sequence[Sequence[NDArray[np.uint8] | None]], sizes: Sequence[int]) -> Arithmetic:
    """This party's part of vectors that were dealt, joined. Local. Any ring elements may come out."""
    out = np.empty((2, sum(sizes)), np.uint64)
    start = 0
    for own, size in zip(pieces, sizes, strict=True):
        for row, component in ((0, (party.index + 2) % 3), (1, party.index)):
            piece = own[component]
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
    """One bit each: x is not negative, for any ring elements x; with public bounds from 0 to 2^62, of bound - x and
    bound + x, along a new first axis.

    Shapes    x, bounds: n elements; result: that of x, with bounds (2, *shape)
    Rounds    those of a `sign` of 64 bits
    Bytes     those of n signs of 64 bits, with bounds 2 n
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
    """This party's part of x for somebody outside: both of its components, made anew.

    Shapes    x: n elements; result: 2 n words, the component shared with the party before first
    Rounds    1
    Bytes     8 n from each party to the next one, or the packed words of bits
    Security  semi-honest: as a zero share is added, all components together are a uniform sharing of x. Without it
              they could tell more than x: of several sums of inputs, who added what.
    """
    out = np.empty((2, x.size), np.uint64)
    width = x.width if isinstance(x, Bits) else 64

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        own = out[1, start:stop]
        if isinstance(x, Bits):
            zero_bits(party, part, own)
            own ^= x.data[1, start:stop]
            own &= np.uint64(mask_of(width))
        else:
            zero_share(party, part, own)
            own += x.data[1, start:stop]
        party.send((party.index + 1) % 3, part, pack(own, width))
        octets = await party.receive((party.index + 2) % 3, part, (packed_bytes(chunk.size, width),), np.uint8)
        out[0, start:stop] = unpack(octets, chunk.size, width)

    await each(party, cut(party.label, x.size), step)
    return out.reshape(-1)


def hand_out_cost(label: bytes, x: Spec) -> Cost:
    def one(n: int) -> Load:
        octets = packed_bytes(n, x.width) if x.kind == "bits" else 8 * n
        return Load(1, (octets, octets, octets), (1, 1, 1))

    return load(cut(label, x.size), one)


def combine(parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
    """What the parts of the three parties tell. Raises CheckFailed where two parties gave one component differently."""
    rows = [part.reshape(2, x.size) for part in parts]
    for i in range(3):
        if not np.array_equal(rows[i][1], rows[(i + 1) % 3][0]):
            raise CheckFailed(f"the compute parties {i} and {(i + 1) % 3} gave different shares of one release")
    a, b, c = (part[1] for part in rows)
    joint: NDArray[Any] = a ^ b ^ c if x.kind == "bits" else (a + b + c).view(np.int64)
    return joint.reshape(x.shape)


declare("take", take)
declare("nonnegative", nonnegative, cost=nonnegative_cost, whole=True)
declare("hand_out", hand_out, cost=hand_out_cost)
