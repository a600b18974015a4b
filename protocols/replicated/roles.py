"""Chunks of an operation, and the parties that are D, E and F in each chunk.

Protocols in owner form load their three roles differently. So a large operation is cut in chunks whose roles rotate; a
small operation is one chunk whose D follows from the label, which spreads small operations over the parties. A chunk's
index is the high half of all its part numbers, in messages and in streams: rotation draws no stream twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mpc.errors import ShapeError
from mpc.machine.engine import Cost

#: Most elements of a chunk: the data of a few kernels then stays in the second-level cache.
CHUNK = 1 << 15
#: Most elements of an operation that is one chunk.
SMALL = 1 << 13
_CHAINS = 1 << 16

D, E, F = 0, 1, 2


class Chunk(NamedTuple):
    """Elements start..stop of an operation; `part` is its chain, `d` the index of the party that is D."""

    start: int
    stop: int
    part: int
    d: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    def roles(self, index: int) -> tuple[int, int, int, int]:
        """(role of party `index`, the parties that are D, E and F)."""
        return (index - self.d) % 3, self.d, (self.d + 1) % 3, (self.d + 2) % 3


class Load(NamedTuple):
    """The cost of a chunk: rounds, payload bytes and messages of D, E and F."""

    rounds: int
    bytes_sent: tuple[int, int, int]
    messages: tuple[int, int, int]


NOTHING = Cost(0, (0, 0, 0), (0, 0, 0))


def cut(label: bytes, size: int, small: int = SMALL, chunk: int = CHUNK) -> list[Chunk]:
    """The chunks of an operation on `size` elements: none, one, or a multiple of three, of nearly equal size."""
    first = label[0] % 3
    if size <= small:
        return [Chunk(0, size, 0, first)] if size else []
    count = min(size, 3 * -(-size // (3 * chunk)))
    if count > _CHAINS:
        raise ShapeError(f"an operation on {size} elements; the most is {_CHAINS * chunk}: split it")
    return [Chunk(size * i // count, size * (i + 1) // count, i << 16, (first + i) % 3) for i in range(count)]


def load(chunks: list[Chunk], one: Callable[[int], Load]) -> Cost:
    """The cost of all chunks; `one(size)` is the load of a chunk of `size` elements."""
    if not chunks:
        return NOTHING
    if len(chunks) == 1:
        start, stop, _, d = chunks[0]
        rounds, sent, messages = one(stop - start)
        return Cost(rounds, _by_party(sent, d), _by_party(messages, d))
    sizes = Counter((chunk.stop - chunk.start, chunk.d) for chunk in chunks)
    total = NOTHING
    for (size, d), count in sizes.items():
        rounds, sent, messages = one(size)
        cost = Cost(rounds, _by_party([count * x for x in sent], d), _by_party([count * x for x in messages], d))
        total = total.beside(cost)
    return total


def _by_party(roles: Sequence[int], d: int) -> tuple[int, int, int]:
    """The numbers of the roles D, E and F as numbers of the parties 0, 1 and 2, where party d is D."""
    return roles[-d % 3], roles[(1 - d) % 3], roles[(2 - d) % 3]
