"""Secret orders of rows: shuffle, unshuffle, and an order from shared places.

An order is a chain of three permutations, then a public permutation: out = x[p][q][r][public]. Each pair of parties
knows one permutation of the chain. No party knows the whole chain, so the public permutation tells nothing about the
order. A random order has no public permutation. `order_of` shuffles given places and opens them, which shows a
uniformly random permutation. So an order costs one shuffle to apply, and one to undo, and serves any number of columns.

Only one array may ever be opened for a chain: `order_of` and the sort make a new chain each time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Share, Spec
from mpc.machine.party import Party, inner_label
from mpc.machine.shapes import vector
from protocols.declared import nothing_to_do, per_element
from protocols.permuting import WORDS, Places, distance, inverted, placing
from protocols.replicated import kernels, kernels_order
from protocols.replicated.declared import declare
from protocols.replicated.given import Given, is_given, moved, moved_cost, turned
from protocols.replicated.hops import Hops, check_rows, pieces_of
from protocols.replicated.masks import words
from protocols.replicated.opening import reveal, reveal_cost
from protocols.replicated.roles import NOTHING
from protocols.replicated.sharing import Arithmetic, Bits, dtype_of
from protocols.replicated.wire import packed_bytes
from protocols.sorting import PLACES

_ORDER = b"order"


class Order(Share):
    """One party's part of an order: the permutations `before` and `after`, which it shares with the party before it and
    with the party after it, and the public permutation. `d` is the index of D: the chain is DF, DE, EF. If `reversed`,
    the order undoes that chain."""

    __slots__ = ("_inverse", "after", "before", "d", "public", "reversed")

    def __init__(
        self, before: Places, after: Places, d: int, public: Places | None = None, *, reversed: bool = False
    ) -> None:
        self.before = before
        self.after = after
        self.d = d
        self.public = public
        self.reversed = reversed
        self._inverse: tuple[Places, Places] | None = None

    @property
    def spec(self) -> Spec:
        return _spec(self.before.size, self.d)

    def then(self, public: Places) -> Order:
        """This order, then the public order `public`."""
        return Order(self.before, self.after, self.d, public if self.public is None else self.public[public])

    def opposite(self) -> Order:
        """The order that undoes this order. Local: the chain from its other end."""
        order = Order(self.before, self.after, self.d, self.public, reversed=not self.reversed)
        order._inverse = self._inverse
        return order

    def inverse(self) -> tuple[Places, Places]:
        """The inverses of `before` and `after`, computed once."""
        if self._inverse is None:
            self._inverse = inverted(self.before), inverted(self.after)
        return self._inverse


def _spec(rows: int, d: int) -> Spec:
    return Spec((rows,), "order", form=str(d))


async def permutation(party: Party, size: int) -> Order:
    """A uniformly random order of `size` rows. Sends nothing: each pair draws its permutation from its stream.

    Security  semi-honest: each party lacks one of three permutations, so the order is uniform to it, up to `distance`
    """
    await kernels.loaded(kernels_order.GROUP, party.env.busy)

    def drawn(peer: int) -> Places:
        out = np.empty(size, np.uint32)
        kernels_order.permuted(words(party, peer, _ORDER, 0, WORDS * size), out)
        return out

    before, after = (party.index + 2) % 3, (party.index + 1) % 3
    first, second = await party.compute(size, lambda: (drawn(before), drawn(after)))
    return Order(first, second, party.label[0] % 3)


def permutation_plan(label: bytes, size: int) -> tuple[Spec, Cost]:
    return _spec(size, label[0] % 3), replace(NOTHING, distance=distance(size))


async def shuffle(party: Party, x: Arithmetic | Bits, order: Order | Given, octets: int = 8) -> Arithmetic | Bits:
    """The rows of x in this order; numbers modulo 2^(8 octets). An order that one party gave: see `given.moved`.

    Shapes    x, result: (n, ...), with m elements in all; order: n rows
    Ring      that of x; bits by exclusive or
    Rounds    2
    Bytes     m elements from D to F, F to E, E to F and F to E, each of `octets` bytes (bits: packed words); D, E
              and F are those of the order
    Security  semi-honest: D's message to F is hidden by a stream of D and E, F's message to E by a stream of D and F,
              and their messages to each other after it by a stream of D and the sender; D receives nothing
    Raises    ShapeError
    Source    Laud 2021; Araki et al., CCS 2021
    """
    check_rows("shuffle", x.spec, order.spec)
    if isinstance(order, Given):
        return await moved(party, x, order)
    return await (_back if order.reversed else _forth)(party, "shuffle", x, order, octets)


async def unshuffle(party: Party, x: Arithmetic | Bits, order: Order | Given) -> Arithmetic | Bits:
    """Undo `shuffle`.

    Shapes    x, result: (n, ...), with m elements in all; order: n rows
    Ring      that of x; bits by exclusive or
    Rounds    2
    Bytes     m elements from E to F, F to D, D to F and F to D
    Security  as `shuffle`, with E in the place of D: E receives nothing
    Raises    ShapeError
    """
    check_rows("unshuffle", x.spec, order.spec)
    if isinstance(order, Given):
        return await moved(party, x, order.opposite())
    return await (_forth if order.reversed else _back)(party, "unshuffle", x, order)


async def _forth(party: Party, what: str, x: Arithmetic | Bits, order: Order, octets: int = 8) -> Arithmetic | Bits:
    """Along the chain, then by the public permutation."""
    d, e, f = order.d, (order.d + 1) % 3, (order.d + 2) % 3
    after_ef = None
    if party.index != d:
        last = order.after if party.index == e else order.before
        after_ef = last if order.public is None else last[order.public]
    if party.index == d:  # knows the permutations of DE (after) and of DF (before)
        return await _hop(party, what, x, order, (d, e, f), order.before, order.after, octets)
    if party.index == e:
        return await _hop(party, what, x, order, (d, e, f), order.before, after_ef, octets)
    return await _hop(party, what, x, order, (d, e, f), order.after, after_ef, octets)


async def _back(party: Party, what: str, x: Arithmetic | Bits, order: Order, octets: int = 8) -> Arithmetic | Bits:
    """By the inverse of the public permutation, then along the chain from its end."""
    d, e, f = order.d, (order.d + 1) % 3, (order.d + 2) % 3
    before, after = order.inverse()
    if party.index != d and order.public is not None:  # E and F join their permutation with the public permutation
        last = order.after if party.index == e else order.before
        undone = inverted(last[order.public])
        before, after = (before, undone) if party.index == e else (undone, after)
    if party.index == e:
        return await _hop(party, what, x, order, (e, d, f), after, before, octets)
    if party.index == d:
        return await _hop(party, what, x, order, (e, d, f), after, before, octets)
    return await _hop(party, what, x, order, (e, d, f), before, after, octets)


async def _hop(
    party: Party,
    what: str,
    x: Arithmetic | Bits,
    order: Order,
    roles: tuple[int, int, int],
    first: Places,
    second: Places | None,
    octets: int,
) -> Arithmetic | Bits:
    """This party's steps as X, Y or Z of `roles`; `first` and `second` are its permutations, in the chain's order."""
    hops = Hops(party, x, order.before.size, check_rows(what, x.spec, order.spec), octets)
    if not x.size:
        return x
    assert second is not None
    a, b, c = roles
    # by peer: the row of the component that this party shares with it
    row = {(party.index + 2) % 3: 0, (party.index + 1) % 3: 1}
    if party.index == a:
        total = x.data[0] ^ x.data[1] if hops.bits else x.data[0] + x.data[1]
        with_b, with_c = await hops.as_x(b, c, np.ascontiguousarray(total, np.uint64), first, second)
        parts = {row[b]: with_b, row[c]: with_c}
    elif party.index == b:
        with_a, with_c = await hops.as_y(a, c, first, second)
        parts = {row[a]: with_a, row[c]: with_c}
    else:
        third = np.ascontiguousarray(x.data[row[b]], np.uint64)
        with_a, with_b = await hops.as_z(a, b, third, first, second)
        parts = {row[a]: with_a, row[b]: with_b}
    if isinstance(x, Bits):
        data: NDArray[Any] = np.empty((2, x.size), dtype_of(x.width))
        data[0], data[1] = parts[0], parts[1]
        return Bits(data, x.shape, x.width)
    return Arithmetic(np.stack((parts[0], parts[1])), x.shape)


def shuffle_cost(x: Spec, order: Spec, *, back: bool = False, octets: int = 8) -> Cost:
    record = check_rows("unshuffle" if back else "shuffle", x, order)
    pieces = pieces_of(x.shape[0], record)
    if not x.size:
        return NOTHING
    if is_given(order):
        return moved_cost(x, order)
    width = x.width if x.kind == "bits" else 8 * octets
    sent = sum(packed_bytes((stop - start) * record, width) for start, stop, _ in pieces)
    d, count = int(order.form), len(pieces)
    factor = [1, 1, 1]
    factor[(d + 2) % 3] = 2
    return Cost(2, tuple(k * sent for k in factor), tuple(k * count for k in factor))


async def order_of(party: Party, x: Arithmetic, owner: int | None = None) -> Order:
    """The order that brings row i to place x[i].

    Shapes    x: (n,), a permutation of 0..n-1 in secret; result: an order of n rows
    Rounds    3
    Bytes     a shuffle of n numbers, and 8 n from each party to the next one
    Security  semi-honest: it opens x in a fresh random order, which is a uniformly random permutation
    Raises    ShapeError; LocalProtocolError if x is not a permutation, RemoteProtocolError if it is that of `owner`
    """
    vector("order_of", x.spec)
    order = await permutation(party.inner("permutation"), x.size)
    mixed = await shuffle(party.inner("shuffle"), x, order)
    # places[j] is the place in the result for the row that the random order brought to place j
    places = await reveal(party.inner("open"), mixed, (0, 1, 2))
    assert places is not None
    return order.then(placing(places, owner))


def order_of_plan(label: bytes, x: Spec, owner: int | None = None) -> tuple[Spec, Cost]:
    spec, _ = permutation_plan(inner_label(label, 1, "permutation"), x.size)
    cost = shuffle_cost(x, spec).then(reveal_cost(inner_label(label, 3, "open"), x, (0, 1, 2)))
    return spec, cost


declare(
    "permutation",
    permutation,
    plan=permutation_plan,
    work=per_element(8.0, of_result=True),
    kernels=kernels_order.GROUP,
)
declare("shuffle", shuffle, cost=lambda label, x, order: shuffle_cost(x, order), work=per_element(20.0))
declare("unshuffle", unshuffle, cost=lambda label, x, order: shuffle_cost(x, order, back=True), work=per_element(20.0))
declare(
    "opposite",
    lambda order: order.opposite(),
    local=True,
    plan=lambda label, order: (turned(order) if is_given(order) else order, NOTHING),
    work=nothing_to_do,
)
declare(
    "order_of",
    order_of,
    plan=order_of_plan,
    whole=True,
    work=per_element(40.0),
    kernels=kernels_order.GROUP,
    discloses=lambda x, owner=None: {PLACES: x.size},
)
