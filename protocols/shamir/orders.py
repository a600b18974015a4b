"""Secret orders of rows: shuffle rows, undo a shuffle, and make an order from shared places.

An order is a chain of permutations, then a public one. Each set of t+1 parties of a committee knows one permutation
of the chain, and nobody else does (see `hops`). One set contains none of any given t parties, so they do not know the
whole chain, and the public permutation discloses nothing about the order. A random order has no public part. For an
order from given places, these are shuffled and opened: that discloses a uniformly random permutation.

At most one array shuffled by a chain may ever be opened: `order_of` and the sorts make a new chain each time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mpc.machine import primitives
from mpc.machine.engine import Cost, Share, Spec
from mpc.machine.party import Party, inner_label
from protocols.permuting import Places, distance, placing
from protocols.shamir.arithmetic import reveal, reveal_cost
from protocols.shamir.committee import Scheme
from protocols.shamir.hops import Way, shared_anew, walk_cost, walked
from protocols.shamir.operation import cost, nothing, run
from protocols.shamir.sharing import Numbers, Planes

SEED = b"shamir/seed"
_BACK = "back"


@dataclass(frozen=True)
class Order(Share):
    """A party's part of an order: the seeds of its sets, by number of the set, and the public permutation. Party
    `first` begins the committee. With `back`, the inverse of this order."""

    rows: int
    first: int
    seeds: dict[int, bytes]
    public: Places | None = None
    back: bool = False

    @property
    def spec(self) -> Spec:
        return _spec(self.rows, self.first, back=self.back)

    def opposite(self) -> Order:
        return replace(self, back=not self.back)

    def then(self, public: Places) -> Order:
        """This order, which is not `back`, followed by a public one."""
        return replace(self, public=public if self.public is None else self.public[public])


def _spec(rows: int, first: int, *, back: bool = False) -> Spec:
    return Spec((rows,), "order", 64, f"{first} {_BACK}" if back else str(first))


def turned(order: Spec) -> Spec:
    """The specification of the opposite order."""
    first, *back = order.form.split()
    return _spec(order.shape[0], int(first), back=not back)


def _way(scheme: Scheme, order: Spec) -> Way:
    return _way_of(scheme, order.form)


@lru_cache(maxsize=64)
def _way_of(scheme: Scheme, form: str) -> Way:
    first, *back = form.split()
    return Way(scheme, int(first), back=bool(back))


# ---- random orders
async def permutation(party: Party, scheme: Scheme, rows: int) -> Order:
    """A uniformly random order that nobody knows. The seed of a set is a stream of two of its members; one of these,
    the dealer, sends it to the other members.

    Rounds    1; 0 for t = 1, or fewer than two rows
    Bytes     16 for each set and t-1 of its members, in at most one message for each pair of parties and direction
    Security  semi-honest: one set contains none of any t parties, and its seed is uniform to them; the order is uniform
              up to `distance`
    Raises    ShapeError
    """
    spec = permutation_spec(scheme, party.label, rows)
    order = Order(rows, int(spec.form), {})
    if rows < 2:
        return order
    me = party.index
    outgoing: dict[int, list[bytes]] = {}
    awaited: dict[int, list[int]] = {}
    for number, (dealer, other, rest) in enumerate(_seeding(scheme, spec)):
        if me in (dealer, other):
            seed = np.empty(16, np.uint8)
            party.keys.pair[other if me == dealer else dealer].fill(seed, party.label, SEED, number)
            order.seeds[number] = seed.tobytes()
            for peer in rest if me == dealer else ():
                outgoing.setdefault(peer, []).append(order.seeds[number])
        elif me in rest:
            awaited.setdefault(dealer, []).append(number)
    for peer, seeds in outgoing.items():
        party.send(peer, 0, np.frombuffer(b"".join(seeds), np.uint8))
    for dealer, numbers in awaited.items():
        received = await party.receive(dealer, 0, (len(numbers), 16), np.uint8)
        order.seeds.update(zip(numbers, (seed.tobytes() for seed in received), strict=True))
    for number, (_, other, rest) in enumerate(_seeding(scheme, spec)):
        holders = (other, *rest)
        for peer in holders if me in holders else ():
            if peer != me:  # both have the seed from the dealer: from its message or from a common stream
                party.compare_later(peer, number, np.frombuffer(order.seeds[number], np.uint8))
    return order


def _seeding(scheme: Scheme, order: Spec) -> list[tuple[int, int, tuple[int, ...]]]:
    """For each set: the dealer of its seed, the member with the common stream, and the receivers of the seed."""
    seeding = []
    for number, members in enumerate(_way(scheme, order).sets):
        at = number % len(members)
        dealer, other, *rest = (*members[at:], *members[:at])
        seeding.append((dealer, other, tuple(rest)))
    return seeding


def permutation_spec(scheme: Scheme, label: bytes, rows: int) -> Spec:
    return _spec(rows, label[0] % scheme.parties)


def permutation_cost(scheme: Scheme, label: bytes, rows: int) -> Cost:
    spec = permutation_spec(scheme, label, rows)
    sent, pairs = [0] * scheme.parties, set()
    for dealer, _, rest in _seeding(scheme, spec) if rows > 1 else ():
        sent[dealer] += 16 * len(rest)
        pairs |= {(dealer, peer) for peer in rest}
    messages = tuple(sum(dealer == i for dealer, _ in pairs) for i in range(scheme.parties))
    return Cost(1 if pairs else 0, tuple(sent), messages, distance(rows))


# ---- rows in an order
async def shuffle(party: Party, scheme: Scheme, x: Numbers | Planes, order: Order) -> Numbers | Planes:
    """The rows of x, whole records, in this order, or with `order.back` in the order that they had before it.

    Rounds    those of `hops.walked`, and 1: 2, 5, 11, 30, 81, 249 for t = 1 to 6; 0 for fewer than two rows
    Bytes     those of `walked`, for 2, 9, 34, 125, 461, 1715 moves; then N elements (16 each, or 8 m width W) for each
              of t+1 holders and n-1-t receivers
    Security  semi-honest, as `hops.walked` and `hops.shared_anew`
    Raises    ShapeError
    """
    primitives.shuffle(x.spec, order.spec)
    if order.rows < 2 or not x.size:
        return x
    way = _way(scheme, order.spec)
    width = x.width if isinstance(x, Planes) else 0
    part = await walked(party.inner("walk"), scheme, way, x, order.seeds, order.public)
    operands = () if part is None else (part,)
    data = await run(
        party.inner("share"), scheme, shared_anew, *operands,
        size=x.size, result=width, holders=way.last, width=width,
    )  # fmt: skip
    return Planes(data, x.shape, width) if width else Numbers(data, x.shape)


def shuffle_cost(scheme: Scheme, label: bytes, x: Spec, order: Spec) -> Cost:
    if order.shape[0] < 2 or not x.size:
        return nothing(scheme)
    way = _way(scheme, order)
    width = x.width if x.kind == "bits" else 0
    last = inner_label(label, 2, "share")
    return walk_cost(scheme, way, x).then(cost(scheme, last, shared_anew, size=x.size, holders=way.last, width=width))


# ---- given orders
async def order_of(party: Party, scheme: Scheme, x: Numbers, owner: int | None = None) -> Order:
    """The order that brings row i to place x[i].

    Rounds    those of `permutation` and `shuffle`, and 1
    Bytes     those of `permutation` and `shuffle`, and 16 N from each of t parties to each party
    Security  semi-honest: x in a fresh random order is opened: this is a uniformly random permutation
    Raises    ShapeError; LocalProtocolError if x is no permutation, RemoteProtocolError if it is that of `owner`
    """
    order = await permutation(party.inner("permutation"), scheme, x.size)
    mixed = await shuffle(party.inner("shuffle"), scheme, x, order)
    # The random order brought some row to j; places[j] is the place of this row in the result.
    places = await reveal(party.inner("open"), scheme, mixed, range(scheme.parties))
    assert places is not None
    return order.then(placing(places, owner))


def order_of_plan(scheme: Scheme, label: bytes, x: Spec) -> tuple[Spec, Cost]:
    first = inner_label(label, 1, "permutation")
    spec = permutation_spec(scheme, first, x.size)
    spent = permutation_cost(scheme, first, x.size)
    spent = spent.then(shuffle_cost(scheme, inner_label(label, 2, "shuffle"), x, spec))
    return spec, spent.then(reveal_cost(scheme, inner_label(label, 3, "open"), x, range(scheme.parties)))
