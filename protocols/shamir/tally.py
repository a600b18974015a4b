"""A floor that computes and sends nothing: it counts the cost of a protocol that runs on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost
from mpc.untyped import Opaque
from protocols.shamir.committee import Committee, Scheme
from protocols.shamir.floor import Floor, Masks, words
from protocols.shamir.rooms import checked_room, distance

Words = NDArray[np.uint64]
T = TypeVar("T")


class _Later(Generic[T]):
    """Awaitable: party i has the value after rounds[i] rounds, 0 if it waits for no message."""

    def __init__(self, tally: Tally, value: T, rounds: list[int]) -> None:
        self._tally = tally
        self._value = value
        self._rounds = rounds

    def __await__(self) -> Generator[Any, None, T]:
        self._tally.depths = [max(pair) for pair in zip(self._tally.depths, self._rounds, strict=True)]
        return self._value
        yield


class Tally(Floor):
    """The methods of `Floor` on arrays of one element or one word; it stands for no party."""

    def __init__(self, scheme: Scheme, committee: Committee) -> None:
        self.scheme = scheme
        self.committee = committee
        self.me = -1
        self.member = False
        #: For each party, the rounds after which it has all values that it has awaited.
        self.depths = [0] * scheme.parties
        self.rounds = 0
        self.bytes_sent = [0] * scheme.parties
        self.messages = [0] * scheme.parties
        self.distance = 0.0

    @property
    def cost(self) -> Cost:
        return Cost(self.rounds, tuple(self.bytes_sent), tuple(self.messages), self.distance)

    # ---- local
    def constant(self, value: int, size: int) -> Words:
        return _number()

    def add(self, x: Words, y: Words) -> Words:
        return x

    def subtract(self, x: Words, y: Words) -> Words:
        return x

    def product(self, x: Words, y: Words) -> Words:
        return x

    def add_one(self, x: Words, value: int) -> Words:
        return x

    def scale(self, x: Words, factor: int) -> Words:
        return x

    def combine(self, factors: Sequence[int], xs: Sequence[Words]) -> Words:
        return xs[0]

    def products(self, pairs: Sequence[tuple[Words, Words]]) -> Words:
        return pairs[0][0]

    def bilinear(self, coefficients: Words, low: Words, high: Words) -> Words:
        return _number()

    def rows(self, x: Words, index: int, size: int) -> Words:
        return x

    def conjunction(self, x: Words, y: Words) -> Words:
        return x

    def planes(self, values: Words, width: int) -> Words:
        return np.zeros((width, 1), np.uint64)

    def at(self, index: int, function: Callable[..., Words], *arguments: Opaque) -> None:
        return None

    # ---- sending
    def deal(self, dealer: int, values: Words | None, size: int) -> Awaitable[Words]:
        return self._deals([dealer], 16 * size, _number())

    def deal_planes(self, dealer: int, planes: Words | None, width: int, size: int) -> Awaitable[Words]:
        return self._deals([dealer], self._planes_bytes(width, size), self._plane(width))

    def masks(self, size: int, room: int) -> Masks:
        threshold = self.scheme.threshold
        self.distance += size * distance(threshold, checked_room(threshold, room))
        return Masks(_number(), None)

    def masks_planes(self, width: int, size: int) -> Masks:
        return Masks(self._plane(width), None)

    def to_king(self, z: Words | None, size: int) -> Awaitable[Words | None]:
        return self._gathers(16 * size)

    def to_king_planes(self, z: Words | None, width: int, size: int) -> Awaitable[Words | None]:
        return self._gathers(self._planes_bytes(width, size))

    def reduce(self, z: Words | None, size: int) -> Awaitable[Words]:
        return self._deals(self.committee.members, 16 * size, _number())

    def reduce_planes(self, z: Words | None, width: int, size: int) -> Awaitable[Words]:
        return self._deals(self.committee.members, self._planes_bytes(width, size), self._plane(width))

    def _sent(self, size: int, pairs: Iterable[tuple[int, int]], value: T) -> Awaitable[T]:
        """Count messages of `size` bytes for pairs of sender and receiver; gives an awaitable of the value. A message
        depends on all values that its sender has; a party whose share is a stream waits for no message."""
        arrives = [0] * self.scheme.parties
        for sender, receiver in pairs:
            self.bytes_sent[sender] += size
            self.messages[sender] += 1
            arrives[receiver] = max(arrives[receiver], self.depths[sender] + 1)
        self.rounds = max(self.rounds, *arrives)
        return _Later(self, value, arrives)

    def _deals(self, dealers: Sequence[int], size: int, value: Words) -> Awaitable[Words]:
        n, t = self.scheme.parties, self.scheme.threshold
        pairs = [(dealer, peer) for dealer in dealers for peer in self.scheme.after(dealer, n - 1)[t:]]
        return self._sent(size, pairs, value)

    def _gathers(self, size: int) -> Awaitable[Words | None]:
        return self._sent(size, [(member, self.committee.king) for member in self.committee.members[1:]], None)

    def _planes_bytes(self, width: int, size: int) -> int:
        return 8 * self.scheme.degree * width * words(size)

    def _plane(self, width: int) -> Words:
        return np.zeros((self.scheme.degree, width, 1), np.uint64)


def _number() -> Words:
    return np.zeros((1, 2), np.uint64)


def counted(scheme: Scheme, first: int, program: Callable[[Tally], Coroutine[Any, Any, Any]]) -> Cost:
    """The cost of a program in a chunk whose committee begins with party `first`."""
    tally = Tally(scheme, scheme.committees[first])
    try:
        program(tally).send(None)
    except StopIteration:
        return tally.cost
    raise RuntimeError("a protocol on a floor may await only the results of the floor")
