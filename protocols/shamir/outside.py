"""Organizations that do not compute: how they share a vector before a run, and how they receive results.

The owner deals t+1 summands of the vector modulo 2^127 - 1, one to each of the first t+1 parties: t of them are 16-byte
seeds that their holders expand. In the run each holder shares its summand, so any dealt bytes become sharings of degree
t: a lying owner can choose its values, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import CheckFailed
from mpc.machine.engine import Cost, Integers, Piece, Spec
from mpc.machine.labels import Streams
from mpc.machine.party import Party
from mpc.untyped import Opaque
from protocols.shamir import kernels, local
from protocols.shamir.committee import Scheme
from protocols.shamir.declared import declare
from protocols.shamir.fields import BinaryField, Field, PrimeField
from protocols.shamir.floor import Floor, words
from protocols.shamir.operation import cost, run
from protocols.shamir.prime import BITS
from protocols.shamir.sharing import Numbers, Planes, decoded, encoded, joined_words
from protocols.shamir.work import of_bits, of_numbers

Words = NDArray[np.uint64]
SEED_BYTES = 16
_LABEL, _DEALT = b"comity/1/dealing", b"dealt"


def pieces(scheme: Scheme, size: int) -> tuple[Piece, ...]:
    """One piece each for the first t+1 parties: t seeds and a vector."""
    t = scheme.threshold
    return (*(Piece((i,), SEED_BYTES) for i in range(t)), Piece((t,), 16 * size))


def deal(scheme: Scheme, values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
    """The summands of a vector of n integers.

    Bytes     16 (n + t)
    Security  any t parties lack a summand: a seed, which masks the vector, or the masked vector
    """
    seeds = [random(SEED_BYTES) for _ in range(scheme.threshold)]
    rest = encoded(values)
    for seed in seeds:
        rest = local.subtract(rest, _expanded(seed, len(rest)))
    return [*(np.frombuffer(seed, np.uint8) for seed in seeds), rest.reshape(-1).view(np.uint8)]


def summand(
    scheme: Scheme, index: int, dealt: Sequence[Sequence[NDArray[np.uint8] | None]], sizes: Sequence[int]
) -> Words | None:
    """The summand of the dealt vectors, joined, that party `index` holds; None if it holds none."""
    if index > scheme.threshold:
        return None
    parts = []
    for contribution, size in zip(dealt, sizes, strict=True):
        piece = contribution[index]
        assert piece is not None
        if index < scheme.threshold:
            parts.append(_expanded(piece.tobytes(), size))
            continue
        vector = np.empty((size, 2), np.uint64)
        vector.reshape(-1).view(np.uint8)[:] = piece
        kernels.drawn(vector, np.uint64(BITS))  # makes elements of any words that came
        parts.append(vector)
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.uint64)


def _expanded(seed: bytes, size: int) -> Words:
    out = np.empty((size, 2), np.uint64)
    Streams(seed).fill(out, _LABEL, _DEALT)
    kernels.drawn(out, np.uint64(BITS))
    return out


async def take(f: Floor, *operands: Opaque) -> Words:
    """Sharings of the dealt vectors: each holder shares its summand. The values can be any elements.

    Rounds    1
    Bytes     16 N for each of (t+1)(n-1-t) messages
    Security  semi-honest compute parties; the owner may have dealt anything
    """
    *held, size = operands
    dealers = range(f.scheme.threshold + 1)
    dealt = [f.deal(d, held[0] if f.me == d else None, size) for d in dealers]
    total = await dealt[0]
    for sharing in dealt[1:]:
        total = f.add(total, await sharing)
    return total


async def fresh_numbers(f: Floor, x: Words, size: int) -> Words:
    """The same numbers in fresh shares, which disclose nothing else.

    Rounds    1
    Bytes     16 N for each of (t+1)(n-1-t) messages
    Security  t+1 parties deal zeros: the sharing is uniform to any t of them, and to a recipient of all shares
    """
    shares = [f.deal(d, f.at(d, local.constant, 0, size), size) for d in f.committee.dealers]
    for share in shares:
        x = f.add(x, await share)
    return x


async def fresh_planes(f: Floor, x: Words, size: int, *, width: int) -> Words:
    """`fresh_numbers` for words of bits.

    Rounds    1
    Bytes     8 m width W for each of (t+1)(n-1-t) messages
    Security  as `fresh_numbers`
    """
    shares = [f.deal_planes(d, f.at(d, _no_planes, width, size), width, size) for d in f.committee.dealers]
    for share in shares:
        x = f.xor(x, await share)
    return x


def _no_planes(width: int, size: int) -> Words:
    return np.zeros((width, words(size)), np.uint64)


def handed_words(scheme: Scheme, x: Spec) -> int:
    return scheme.degree * x.width * words(x.size) if x.kind == "bits" else 2 * x.size


def combine(scheme: Scheme, parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
    """The value that the parts of all parties share. Raises CheckFailed if they are no sharing of degree t, or a number
    is beyond +-2^62."""
    bits = x.kind == "bits"
    shape = (scheme.degree, x.width, words(x.size)) if bits else (x.size, 2)
    field: Field = BinaryField(scheme.degree) if bits else PrimeField()
    known = np.stack([np.array(part, np.uint64).reshape(shape) for part in parts])
    t = scheme.threshold
    points = tuple(range(1, t + 2))
    first = np.ascontiguousarray(known[: t + 1])
    for i in range(t + 1, scheme.parties):
        if not np.array_equal(field.interpolate(points, i + 1, first), known[i]):
            raise CheckFailed("the compute parties handed out shares of one release that contradict each other")
    value = field.interpolate(points, 0, first)
    if bits:
        return joined_words(value[0], x.size).reshape(x.shape)
    return decoded(value).reshape(x.shape)


async def _taken(
    party: Party, scheme: Scheme, *, pieces: Sequence[Sequence[NDArray[np.uint8] | None]], sizes: Sequence[int]
) -> Numbers:
    held = summand(scheme, party.index, pieces, sizes)
    size = sum(sizes)
    operands = () if held is None else (held,)
    return Numbers(await run(party, scheme, take, *operands, size=size), (size,))


def _take_cost(scheme: Scheme, label: bytes, *, pieces: object, sizes: Sequence[int]) -> Cost:
    return cost(scheme, label, take, size=sum(sizes))


async def _hand_out(party: Party, scheme: Scheme, x: Numbers | Planes) -> NDArray[np.uint64]:
    if isinstance(x, Planes):
        data = await run(party, scheme, fresh_planes, x.data, size=x.size, result=x.width, width=x.width)
    else:
        data = await run(party, scheme, fresh_numbers, x.data, size=x.size)
    return data.reshape(-1)


def _hand_out_cost(scheme: Scheme, label: bytes, x: Spec) -> Cost:
    if x.kind == "bits":
        return cost(scheme, label, fresh_planes, x.width, size=x.size, width=x.width)
    return cost(scheme, label, fresh_numbers, 0, size=x.size)


declare("take", _taken, cost=_take_cost, work=of_numbers)
declare("hand_out", _hand_out, cost=_hand_out_cost, work=of_bits)
