"""Sharing, opening and multiplying numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import CheckFailed
from mpc.machine.engine import Cost, Integers, Shape, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import size_of
from protocols.chunks import each
from protocols.shamir.committee import SMALL, Chunk, Scheme, cut
from protocols.shamir.declared import declare
from protocols.shamir.fields import BinaryField, Field, PrimeField
from protocols.shamir.floor import Floor, words
from protocols.shamir.operation import cost, nothing, run
from protocols.shamir.shares import alike
from protocols.shamir.sharing import Numbers, Planes, decoded, encoded, joined_words
from protocols.shamir.work import of_numbers

Words = NDArray[np.uint64]


async def multiply(f: Floor, x: Words, y: Words, size: int) -> Words:
    """x y elementwise.

    Rounds    1
    Bytes     16 N for each of P = (2t+1)(n-1-t) messages: with n = 2t+1 parties, t messages from each
    Security  semi-honest, t corruptions: each member of the committee deals its product of shares anew
    Source    Gennaro, Rabin and Rabin, PODC 1998; t of the shares that each member deals are streams, not messages
    """
    return await f.reduce(f.product(x, y) if f.member else None, size)


async def reduced(f: Floor, z: Words, size: int) -> Words:
    """Reduce numbers from degree 2t to degree t.

    Rounds    1
    Bytes     16 N for each of P messages
    Security  as `multiply`
    """
    return await f.reduce(z if f.member else None, size)


async def share_input(party: Party, scheme: Scheme, owner: int, values: Integers | None, shape: Shape) -> Numbers:
    """Share integers that the compute party `owner` holds.

    Rounds    1
    Bytes     16 N to each of n-1-t parties, from the owner
    Security  any t other parties hold uniform shares
    """
    size = size_of(shape)
    secret = encoded(values) if values is not None else None
    out = np.zeros((size, 2), np.uint64)

    async def step(chunk: Chunk) -> None:
        floor = Floor(party, scheme, scheme.committees[chunk.first], chunk.part)
        mine = None if secret is None else secret[chunk.start : chunk.stop]
        out[chunk.start : chunk.stop] = await floor.deal(owner, mine, chunk.size)

    await each(party, cut(scheme, party.label, size), step)
    return Numbers(out, shape)


def input_cost(scheme: Scheme, label: bytes, size: int, owner: int) -> Cost:
    chunks = cut(scheme, label, size)
    if not chunks:
        return nothing(scheme)
    peers = scheme.parties - 1 - scheme.threshold
    sent, messages = [0] * scheme.parties, [0] * scheme.parties
    sent[owner], messages[owner] = 16 * size * peers, len(chunks) * peers
    return Cost(1, tuple(sent), tuple(messages))


async def reveal(party: Party, scheme: Scheme, x: Numbers | Planes, to: Sequence[int]) -> NDArray[Any] | None:
    """Reveal x to the compute parties `to`; None at all others.

    Rounds    1
    Bytes     to each receiver from each of the n-1 others: 16 N, or 8 m width W
    Security  a receiver gets all shares: they disclose the value and nothing else, since the polynomial is uniform
              except for its value at 0. The shares of t+1 honest parties determine the polynomial, and all other
              shares must lie on it, so t corrupt parties cannot change the opened value
    Raises    CheckFailed for shares on no polynomial of degree t, a number beyond +-2^62, or a bit neither 0 nor 1
    """
    me, n, t = party.index, scheme.parties, scheme.threshold
    bits = isinstance(x, Planes)
    field: Field = BinaryField(scheme.degree) if bits else PrimeField()
    data = x.data
    opened = np.zeros(data.shape[1:] if bits else data.shape, np.uint64) if me in to else None
    senders = scheme.after(me, n - 1)
    points = (me + 1, *(peer + 1 for peer in senders))

    async def step(chunk: Chunk) -> None:
        if bits:
            mine = np.ascontiguousarray(data[:, :, chunk.start // 64 : words(chunk.stop)])
        else:
            mine = data[chunk.start : chunk.stop]
        for receiver in to:
            if receiver != me:
                party.send(receiver, chunk.part, mine)
        if opened is None:
            return
        known = np.empty((n, *mine.shape), np.uint64)
        known[0] = mine
        for j, peer in enumerate(senders, 1):
            known[j] = await party.receive(peer, chunk.part, mine.shape, np.uint64)
        value = _checked(field, points, known, t)
        if bits:
            if value[1:].any():
                raise CheckFailed("opened bits are neither 0 nor 1: a share was wrong")
            opened[:, chunk.start // 64 : words(chunk.stop)] = value[0]
        else:
            opened[chunk.start : chunk.stop] = value

    await each(party, cut(scheme, party.label, x.size), step)
    if opened is None:
        return None
    if bits:
        return joined_words(opened, x.size).reshape(x.shape)
    return decoded(opened).reshape(x.shape)


def _checked(field: Field, points: tuple[int, ...], known: Words, t: int) -> Words:
    """The value at 0 of the polynomial of degree t through all points. Raises CheckFailed if there is none."""
    first = np.ascontiguousarray(known[: t + 1])
    for point, share in zip(points[t + 1 :], known[t + 1 :], strict=True):
        if not np.array_equal(field.interpolate(points[: t + 1], point, first), share):
            raise CheckFailed(
                f"opened shares lie on no polynomial of degree {t}: a party did not follow the protocol. "
                "The value is not given out; compare the software of all parties"
            )
    return field.interpolate(points[: t + 1], 0, first)


def reveal_cost(scheme: Scheme, label: bytes, x: Spec, to: Sequence[int]) -> Cost:
    sent, messages = [0] * scheme.parties, [0] * scheme.parties
    chunks = cut(scheme, label, x.size)
    for receiver in to:
        for sender in scheme.after(receiver, scheme.parties - 1):
            for chunk in chunks:
                octets = 8 * scheme.degree * x.width * words(chunk.size) if x.kind == "bits" else 16 * chunk.size
                sent[sender] += octets
                messages[sender] += 1
    return Cost(1 if chunks and to else 0, tuple(sent), tuple(messages))


async def _multiplied(party: Party, scheme: Scheme, x: Numbers, y: Numbers) -> Numbers:
    alike("multiply", x, y)
    size = len(x.data)
    if 0 < size <= SMALL:
        # As `run` for one chunk, but faster: with scalars most of the time goes to the interpreter.
        f = Floor(party, scheme, scheme.committees[party.label[0] % scheme.parties], 0)
        return Numbers(await f.reduce(f.product(x.data, y.data) if f.member else None, size), x.shape)
    return Numbers(await run(party, scheme, multiply, x.data, y.data, size=size), x.shape)


def _multiply_cost(scheme: Scheme, label: bytes, x: Spec, y: Spec) -> Cost:
    return cost(scheme, label, multiply, 0, 0, size=x.size)


def _input_cost(scheme: Scheme, label: bytes, *, owner: int, values: object = None, shape: Shape) -> Cost:
    return input_cost(scheme, label, size_of(shape), owner)


declare("input", share_input, cost=_input_cost, work=of_numbers)
declare("open", reveal, cost=reveal_cost, work=of_numbers)
declare("multiply", _multiplied, cost=_multiply_cost, work=of_numbers)
