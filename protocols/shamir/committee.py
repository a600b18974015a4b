"""The roles of the parties in an operation, and its chunks: the roles rotate from chunk to chunk.

The *committee* of a chunk is 2t+1 parties in a row: enough to open a product of two sharings. Its first member is the
*king*: masked values are opened to it. Its next t members are the *maskers*: they draw the masks. Any t parties lack
the king or a masker.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mpc.errors import ShapeError
from protocols.shamir import binary_field

#: Largest number of elements of a chunk.
CHUNK = 1 << 15
#: An operation on at most this many elements is one chunk.
SMALL = 1 << 12
_CHAINS = 1 << 16


@dataclass(frozen=True)
class Scheme:
    """Shamir's sharing among n parties: `threshold` of them learn nothing; one party more, and they learn the value."""

    parties: int
    threshold: int

    @cached_property
    def degree(self) -> int:
        """The degree m of the binary field GF(2^m)."""
        return binary_field.degree(self.parties)

    def after(self, index: int, count: int) -> tuple[int, ...]:
        """The `count` parties that follow party `index`, in a circle."""
        return tuple((index + 1 + j) % self.parties for j in range(count))

    @cached_property
    def silent(self) -> tuple[tuple[int, ...], ...]:
        """For each dealer, the parties whose shares are streams in common with it: no message is sent to them."""
        return tuple(self.after(dealer, self.threshold) for dealer in range(self.parties))

    @cached_property
    def receivers(self) -> tuple[tuple[int, ...], ...]:
        """For each dealer, the parties to which it sends shares."""
        t = self.threshold
        return tuple(self.after(dealer, self.parties - 1)[t:] for dealer in range(self.parties))

    @cached_property
    def silent_points(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(peer + 1 for peer in peers) for peers in self.silent)

    @cached_property
    def targets(self) -> tuple[tuple[int, ...], ...]:
        """For each dealer, the points of its receivers, then its own point."""
        return tuple((*(peer + 1 for peer in peers), dealer + 1) for dealer, peers in enumerate(self.receivers))

    @cached_property
    def committees(self) -> tuple[Committee, ...]:
        """The committee that begins with each party."""
        return tuple(Committee(self, first) for first in range(self.parties))


class Committee:
    """The roles in one chunk; party `first` is the first member."""

    def __init__(self, scheme: Scheme, first: int) -> None:
        t = scheme.threshold
        self.members = ((first % scheme.parties), *scheme.after(first, 2 * t))
        self.king = self.members[0]
        self.maskers = self.members[1 : t + 1]
        #: King and maskers: t+1 parties, so any t parties lack one of them.
        self.dealers = self.members[: t + 1]
        #: The points of all members: Lagrange coefficients depend on them.
        self.points = tuple(member + 1 for member in self.members)
        everyone = range(scheme.parties)
        #: For each party, the members whose shares reach it as streams, and those who send messages.
        self.streams = tuple(
            tuple(d for d in self.members if d != party and party in scheme.silent[d]) for party in everyone
        )
        self.senders = tuple(
            tuple(d for d in self.members if d != party and party not in scheme.silent[d]) for party in everyone
        )


class Chunk(NamedTuple):
    """Elements start:stop of an operation. `part` begins its chain; party `first` is the first of its committee."""

    start: int
    stop: int
    part: int
    first: int

    @property
    def size(self) -> int:
        return self.stop - self.start


def cut(scheme: Scheme, label: bytes, size: int) -> list[Chunk]:
    """The chunks of an operation on `size` elements: none, one, or a multiple of n, of nearly equal size. Each begins
    at a whole word of bits."""
    n = scheme.parties
    first = label[0] % n
    if size <= SMALL:
        return [Chunk(0, size, 0, first)] if size else []
    words = -(-size // 64)
    count = min(words, n * -(-size // (n * CHUNK)))
    if count > _CHAINS:
        raise ShapeError(f"an operation on {size} elements: at most {_CHAINS * CHUNK} are allowed; split it")
    edges = [min(size, 64 * (words * i // count)) for i in range(count)] + [size]
    return [Chunk(edges[i], edges[i + 1], i << 16, (first + i) % n) for i in range(count)]
