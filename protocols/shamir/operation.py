"""A protocol on a whole operation: each chunk runs on a separate floor, and their costs are added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost
from mpc.machine.party import Party
from mpc.untyped import Parameter
from protocols.chunks import each
from protocols.shamir.committee import Chunk, Scheme, cut
from protocols.shamir.floor import Floor, words
from protocols.shamir.tally import Tally, counted

Words = NDArray[np.uint64]
#: protocol(floor, *operands, size, **parameters) -> numbers (size, 2) or planes (m, k, W)
Protocol = Callable[..., Coroutine[Any, Any, Words]]


def nothing(scheme: Scheme) -> Cost:
    zero = (0,) * scheme.parties
    return Cost(0, zero, zero)


async def run(
    party: Party,
    scheme: Scheme,
    protocol: Protocol,
    *operands: Words,
    size: int,
    result: int = 0,
    **parameters: Parameter,
) -> Words:
    """The result of `protocol` on all elements: planes of `result` bits, or numbers if `result` is 0.

    Operands are numbers (size, 2) or planes (m, k, words(size)).

    Rounds, Bytes and Security are the protocol's. Sends nothing itself.
    Security  each chunk has a separate chain, so no stream is drawn twice
    """
    shape = (scheme.degree, result, words(size)) if result else (size, 2)
    chunks = cut(scheme, party.label, size)
    if not chunks:
        return np.zeros(shape, np.uint64)
    if len(chunks) == 1:
        floor = Floor(party, scheme, scheme.committees[chunks[0].first], 0)
        return await protocol(floor, *operands, size, **parameters)
    out = np.empty(shape, np.uint64)

    async def step(chunk: Chunk) -> None:
        floor = Floor(party, scheme, scheme.committees[chunk.first], chunk.part)
        computed = await protocol(floor, *(_part(x, chunk) for x in operands), chunk.size, **parameters)
        if result:
            out[:, :, chunk.start // 64 : words(chunk.stop)] = computed
        else:
            out[chunk.start : chunk.stop] = computed

    await each(party, chunks, step)
    return out


def _part(x: Words, chunk: Chunk) -> Words:
    if x.ndim == 3:
        return np.ascontiguousarray(x[:, :, chunk.start // 64 : words(chunk.stop)])
    return x[chunk.start : chunk.stop]


def cost(scheme: Scheme, label: bytes, protocol: Protocol, *widths: int, size: int, **parameters: Parameter) -> Cost:
    """The cost of `run`. `widths` are those of its operands, 0 for numbers; parameters must be hashable."""
    total = nothing(scheme)
    for (elements, first), count in Counter((c.size, c.first) for c in cut(scheme, label, size)).items():
        chunk = _chunk_cost(scheme, first, protocol, widths, elements, tuple(sorted(parameters.items())))
        sent, messages = (tuple(count * x for x in xs) for xs in (chunk.bytes_sent, chunk.messages))
        total = total.beside(Cost(chunk.rounds, sent, messages, count * chunk.distance))
    return total


@lru_cache(maxsize=4096)
def _chunk_cost(
    scheme: Scheme,
    first: int,
    protocol: Protocol,
    widths: tuple[int, ...],
    size: int,
    parameters: tuple[tuple[str, Any], ...],
) -> Cost:
    operands = [np.zeros((scheme.degree, width, 1) if width else (1, 2), np.uint64) for width in widths]

    async def program(tally: Tally) -> None:
        await protocol(tally, *operands, size, **dict(parameters))

    return counted(scheme, first, program)
