"""Comparisons of each element with several public thresholds: D sends its first message once for all thresholds.

In x - t = A + (B - t) the threshold belongs to B alone, which both E and F know. D's shares of the bits of A, which are
most of a comparison's bytes, serve for all thresholds; E and F evaluate them for each threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

from mpc.machine.engine import Cost, Integers, Shape, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import against, comparable, size_of
from protocols.chunks import each
from protocols.declared import per_bit
from protocols.replicated.compare import compared, compared_load
from protocols.replicated.declared import declare
from protocols.replicated.roles import CHUNK, SMALL, Chunk, Load, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, Words, as_words, integers
from protocols.replicated.wire import Octets

#: (chunk, components of its elements, its thresholds) -> both rows of the bits, threshold by threshold.
Step = Callable[[Chunk, Words, Words], Coroutine[Any, Any, Octets]]


async def signs(party: Party, x: Arithmetic, thresholds: Integers, width: int) -> Bits:
    """The bits x < t for public thresholds t, given -2^(width-1) <= x - t < 2^(width-1).

    Shapes    x: n elements; thresholds broadcast to (k, *x.shape), with k thresholds along the first axis; the result
              has this shape
    Rounds    those of `sign`
    Bytes     D to E as many as in `sign` on n elements; all other messages as in `sign` on k n elements
    Security  semi-honest, as `sign`: each share of G and P has its own mask bits
    Raises    RangeError; ShapeError
    """

    async def step(chunk: Chunk, data: Words, block: Words) -> Octets:
        return await compared(party, chunk, data, block, width)

    comparable("signs", width)
    return await in_chunks("signs", party, x, thresholds, CHUNK, step)


async def in_chunks(what: str, party: Party, x: Arithmetic, thresholds: Integers, most: int, step: Step) -> Bits:
    """Run `step` on all chunks of (thresholds, elements), of about `most` results each."""
    integers(what, x)
    shape = against(what, x.shape, np.shape(thresholds))
    k, n = shape[0], x.size
    words = as_words(np.asarray(thresholds))
    words = words.reshape(k, 1) if words.size == k else np.broadcast_to(words, shape).reshape(k, n)
    out = np.empty((2, k, n), np.uint8)

    async def part(chunk: Chunk) -> None:
        section = slice(chunk.start, chunk.stop)
        rows, columns = (slice(k), section) if n >= k else (section, slice(n))
        data = x.data[:, columns]
        block = words[rows] if words.shape[1] == 1 else words[rows, columns]
        out[:, rows, columns] = (await step(chunk, data, block)).reshape(2, -1, data.shape[1])

    await each(party, _chunks(party.label, k, n, most), part)
    return Bits(out.reshape(2, -1), shape, 1)


def _chunks(label: bytes, k: int, n: int, most: int) -> list[Chunk]:
    """Chunks along the longer side of (k, n)."""
    short, long = sorted((k, n))
    return cut(label, long, max(SMALL // short, 1), max(most // short, 1)) if short else []


def signs_cost(label: bytes, x: Spec, *, thresholds: Integers, width: int) -> Cost:
    shape = against("signs", x.shape, np.shape(thresholds))
    return in_chunks_cost(label, shape, CHUNK, lambda n, k: compared_load(n, k, width))


def in_chunks_cost(label: bytes, shape: Shape, most: int, one: Callable[[int, int], Load]) -> Cost:
    """The cost of all chunks; `one(elements, thresholds)` is the load of a chunk."""
    k, n = shape[0], size_of(shape[1:])
    return load(_chunks(label, k, n, most), lambda size: one(size, k) if n >= k else one(n, size))


declare("signs", signs, cost=signs_cost, work=per_bit(0.9, of_result=True))
