"""Who plays which part in an operation, and how a large one is cut in chunks whose parts rotate.

The *committee* of a chunk are 2t+1 parties in a row: enough to open a product of two sharings. Its first member is
the *king*, to whom masked values are opened; its next t are the *maskers*, who draw the masks. Any t parties miss
the king or one of the maskers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mpc.errors import ShapeError
from protocols.shamir import binary_field

#: Elements of one chunk at most.
CHUNK = 1 << 15
#: Up to here an operation is one chunk.
SMALL = 1 << 12
_CHAINS = 1 << 16


@dataclass(frozen=True)
class Scheme:
    """Shamir's sharing between n parties: `threshold` of them learn nothing, one more than that everything."""

    parties: int
    threshold: int

    @cached_property
    def degree(self) -> int:
        """Of the binary field over GF(2)."""
        return binary_field.degree(self.parties)

    def after(self, index: int, count: int) -> tuple[int, ...]:
        """The next `count` parties after one, round the table."""
        return tuple((index + 1 + j) % self.parties for j in range(count))

    @cached_property
    def silent(self) -> tuple[tuple[int, ...], ...]:
        """For each dealer, who has its share from a common stream."""
        return tuple(self.after(dealer, self.threshold) for dealer in range(self.parties))

    @cached_property
    def receivers(self) -> tuple[tuple[int, ...], ...]:
        """For each dealer, to whom a share is sent."""
        t = self.threshold
        return tuple(self.after(dealer, self.parties - 1)[t:] for dealer in range(self.parties))

    @cached_property
    def silent_points(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(peer + 1 for peer in peers) for peers in self.silent)

    @cached_property
    def targets(self) -> tuple[tuple[int, ...], ...]:
        """For each dealer, the points of its receivers, and last its own."""
        return tuple((*(peer + 1 for peer in peers), dealer + 1) for dealer, peers in enumerate(self.receivers))

    @cached_property
    def committees(self) -> tuple[Committee, ...]:
        """By their first members."""
        return tuple(Committee(self, first) for first in range(self.parties))


class Committee:
    """The parts in one chunk, counted from the party `first`."""

    def __init__(self, scheme: Scheme, first: int) -> None:
        t = scheme.threshold
        self.members = ((first % scheme.parties), *scheme.after(first, 2 * t))
        self.king = self.members[0]
        self.maskers = self.members[1 : t + 1]
        #: King and maskers: t+1 parties, so that any t of them miss one.
        self.dealers = self.members[: t + 1]
        #: What stands in the coefficients of one of its members, besides the dealer: the points of all.
        self.points = tuple(member + 1 for member in self.members)
        everyone = range(scheme.parties)
        #: For each party, from which members it has shares by a stream, and from which by a message.
        self.streams = tuple(
            tuple(d for d in self.members if d != party and party in scheme.silent[d]) for party in everyone
        )
        self.senders = tuple(
            tuple(d for d in self.members if d != party and party not in scheme.silent[d]) for party in everyone
        )


class Chunk(NamedTuple):
    """Elements start..stop of an operation; `part` is its chain, `first` the party its committee begins with."""

    start: int
    stop: int
    part: int
    first: int

    @property
    def size(self) -> int:
        return self.stop - self.start


def cut(scheme: Scheme, label: bytes, size: int) -> list[Chunk]:
    """The chunks of an operation on `size` elements: none, one, or a multiple of n; they begin at whole words of bits
    and are of nearly equal size."""
    n = scheme.parties
    first = label[0] % n
    if size <= SMALL:
        return [Chunk(0, size, 0, first)] if size else []
    words = -(-size // 64)
    count = min(words, n * -(-size // (n * CHUNK)))
    if count > _CHAINS:
        raise ShapeError(f"an operation on {size} elements: at most {_CHAINS * CHUNK}; split it")
    edges = [min(size, 64 * (words * i // count)) for i in range(count)] + [size]
    return [Chunk(edges[i], edges[i + 1], i << 16, (first + i) % n) for i in range(count)]
