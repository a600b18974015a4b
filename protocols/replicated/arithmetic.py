"""Sharing and multiplying integers modulo 2^64 (replicated, one corruption, semi-honest).

Each message is one component, hidden by a stream that the receiver does not have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.machine.engine import Cost, Integers, Shape
from mpc.machine.party import Party
from mpc.machine.shapes import size_of
from protocols.chunks import each
from protocols.declared import per_element
from protocols.replicated import kernels
from protocols.replicated.declared import declare
from protocols.replicated.masks import zero_share
from protocols.replicated.roles import SMALL, Chunk, Load, cut, load
from protocols.replicated.sharing import Arithmetic, as_words, integers

_INPUT, _RANDOM = b"input", b"random"


def random(party: Party, shape: Shape) -> Arithmetic:
    """Uniform ring elements that no party knows. Local: each component is a stream of the two parties that hold it."""
    out = np.empty((2, size_of(shape)), np.uint64)
    for chunk in cut(party.label, out.shape[1]):
        for row, peer in ((0, (party.index + 2) % 3), (1, (party.index + 1) % 3)):
            party.keys.pair[peer].fill(out[row, chunk.start : chunk.stop], party.label, _RANDOM, chunk.part)
    return Arithmetic(out, shape)


async def share_input(party: Party, owner: int, values: Integers | None, shape: Shape) -> Arithmetic:
    """Share integers that `owner` holds.

    Shapes    values (owner; None elsewhere), result: one shape, n elements
    Rounds    1
    Bytes     8 n from the owner to the party before it
    Security  semi-honest: c_owner is a stream of the owner and the next party, and the component of the two other
              parties is zero. The message is x minus that stream, which its receiver does not have. Any message is a
              valid input.
    """
    size = size_of(shape)
    out = np.zeros((2, size), np.uint64)
    role = (party.index - owner) % 3
    x = as_words(values).reshape(-1) if values is not None else None

    async def step(chunk: Chunk) -> None:
        rows = out[:, chunk.start : chunk.stop]
        if role == 0 and x is not None:
            party.keys.pair[(owner + 1) % 3].fill(rows[1], party.label, _INPUT, chunk.part)
            np.subtract(x[chunk.start : chunk.stop], rows[1], out=rows[0])
            party.send((owner + 2) % 3, chunk.part, rows[0])
        elif role == 1:
            party.keys.pair[owner].fill(rows[0], party.label, _INPUT, chunk.part)
        else:
            rows[1] = await party.receive(owner, chunk.part, (chunk.size,), np.uint64)

    await each(party, cut(party.label, size), step)
    return Arithmetic(out, shape)


def input_cost(label: bytes, size: int, owner: int) -> Cost:
    total = load(cut(label, size), lambda n: Load(1, (8 * n, 0, 0), (1, 0, 0)))
    sent, messages = [0, 0, 0], [0, 0, 0]
    sent[owner], messages[owner] = sum(total.bytes_sent), sum(total.messages)
    return Cost(total.rounds, tuple(sent), tuple(messages))


async def multiply(party: Party, x: Arithmetic, y: Arithmetic) -> Arithmetic:
    """x * y elementwise, modulo 2^64.

    Shapes    x, y, result: one shape, n elements
    Rounds    1
    Bytes     8 n from each party to the next one
    Security  semi-honest: each message is masked by a zero share; the receiver lacks one of its streams
    Raises    ShapeError
    Source    Araki, Furukawa, Lindell, Nof, Ohara, CCS 2016
    """
    integers("multiply", x, y)
    size = x.size
    out = np.empty((2, size), np.uint64)
    if 0 < size <= SMALL:
        # The step below for a single chunk: for few elements, the interpreter takes most of the time.
        sent = out[1]
        zero_share(party, 0, sent)
        kernels.cross(x.data, y.data, 0, size, kernels.ONE, sent)
        party.send((party.index + 1) % 3, 0, sent)
        out[0] = await party.receive((party.index + 2) % 3, 0, (size,), np.uint64)
        return Arithmetic(out, x.shape)

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        sent = out[1, start:stop]
        zero_share(party, part, sent)
        # x0 y1 + x1 y0 + x1 y1; the party before this party computes x0 y0
        kernels.cross(x.data, y.data, start, stop, kernels.ONE, sent)
        party.send((party.index + 1) % 3, part, sent)
        out[0, start:stop] = await party.receive((party.index + 2) % 3, part, (stop - start,), np.uint64)

    await each(party, cut(party.label, size), step)
    return Arithmetic(out, x.shape)


async def sum_of_products(party: Party, xs: Sequence[Arithmetic], ys: Sequence[Arithmetic]) -> Arithmetic:
    """The elementwise sum of the products of pairs of arrays. The products are added before they are reshared.

    Shapes    all operands, result: one shape, n elements
    Rounds    1
    Bytes     8 n from each party to the next one, for any number of pairs
    Security  semi-honest, as `multiply`: one zero share masks the sum
    """
    x = xs[0]
    integers("sum_of_products", *xs, *ys)
    out = np.empty((2, x.size), np.uint64)

    async def step(chunk: Chunk) -> None:
        start, stop, part, _ = chunk
        sent = out[1, start:stop]
        zero_share(party, part, sent)
        for a, b in zip(xs, ys, strict=True):
            kernels.cross(a.data, b.data, start, stop, kernels.ONE, sent)
        party.send((party.index + 1) % 3, part, sent)
        out[0, start:stop] = await party.receive((party.index + 2) % 3, part, (stop - start,), np.uint64)

    await each(party, cut(party.label, x.size), step)
    return Arithmetic(out, x.shape)


def multiply_cost(label: bytes, size: int) -> Cost:
    return load(cut(label, size), lambda n: Load(1, (8 * n, 8 * n, 8 * n), (1, 1, 1)))


def _input(label: bytes, *, owner: int, values: object = None, shape: Shape) -> Cost:
    return input_cost(label, size_of(shape), owner)


declare("random", random, local=False, work=per_element(3.0))
declare("input", share_input, cost=_input, work=per_element(4.0))
declare("multiply", multiply, cost=lambda label, x, y: multiply_cost(label, x.size), work=per_element(8.0))
