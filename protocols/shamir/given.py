"""Orders that one party knows, and rows copied to where an order asks for them."""

from __future__ import annotations

import numpy as np

from mpc.machine.engine import Cost, Integers, Spec
from mpc.machine.party import Party, inner_label
from mpc.machine.primitives import PRIMITIVES
from protocols.declared import Planned
from protocols.permuting import Places, distance, inverted, told
from protocols.shamir import arithmetic, ordering, orders, shares
from protocols.shamir.committee import Scheme
from protocols.shamir.declared import declare
from protocols.shamir.hops import Way, permutation_of
from protocols.shamir.operation import nothing
from protocols.shamir.orders import Order
from protocols.shamir.sharing import Numbers
from protocols.shamir.switches import Switches
from protocols.shamir.work import of_bits

_SEED = b"shamir/given"
#: Most rows of a message that tells an order.
_TOLD = 1 << 19


async def given_order(
    party: Party, scheme: Scheme, *, owner: int, values: Integers | None, rows: int
) -> Order | Switches:
    """An order that the party `owner` knows; `values` names for each place of the result the row that comes there.

    The owner draws the seeds of all sets (see `orders`), and tells each set its seed. It tells the last set, which
    alone needs it, what is left of its order: a public permutation. From 15 parties on it shares the places, and rows
    pass through the switches of a network.

    Rounds    1; 0 for fewer than two rows
    Bytes     16 for each set and member, and 4 a row for each member of the last set, from the owner
    Security  semi-honest: one set contains none of any t parties other than the owner; its seed is uniform to them, and
              with it what is left of the order, up to `distance`. Members of a set compare what they were told
    Raises    LocalProtocolError at an owner whose `values` are no permutation; RemoteProtocolError, which names the
              owner, at a party that is told something else than a permutation
    """
    if ordering.switched(scheme):
        places = None if values is None else inverted(told(values, rows, owner, party.index)).astype(np.int64)
        x = await arithmetic.share_input(party.inner("places"), scheme, owner, places, (rows,))
        return await ordering.order_of(party.inner("order"), scheme, x)
    spec = orders.permutation_spec(scheme, party.label, rows)
    sets = Way(scheme, int(spec.form)).sets
    if rows < 2:
        return Order(rows, int(spec.form), {})
    me = party.index
    seeds: dict[int, bytes] = {}
    public: Places | None = None
    if me == owner:
        assert values is not None
        order = told(values, rows, owner, owner)
        seed = np.empty((len(sets), 16), np.uint8)
        party.keys.private.fill(seed, party.label, _SEED)
        seeds = {number: one.tobytes() for number, one in enumerate(seed)}
        for peer, numbers in _told(sets, owner).items():
            party.send(peer, 0, np.ascontiguousarray(seed[numbers]))
        public = await party.compute(rows * len(sets), _left, [seeds[k] for k in range(len(sets))], order)
        for part, start in enumerate(range(0, rows, _TOLD)):
            await party.room()
            for peer in sets[-1]:
                if peer != owner:
                    party.send(peer, part << 16 | 1, public[start : start + _TOLD])
    else:
        numbers = _told(sets, owner).get(me, [])
        if numbers:
            received = await party.receive(owner, 0, (len(numbers), 16), np.uint8)
            seeds = {number: one.tobytes() for number, one in zip(numbers, received, strict=True)}
        if me in sets[-1]:
            public = np.empty(rows, np.uint32)
            for part, start in enumerate(range(0, rows, _TOLD)):
                piece = public[start : start + _TOLD]
                piece[...] = await party.receive(owner, part << 16 | 1, (piece.size,), np.uint32)
            public = told(public, rows, owner, me)
    for number, members in enumerate(sets):
        for peer in members if me in members else ():
            if peer != me:
                party.compare_later(peer, number, np.frombuffer(seeds[number], np.uint8))
    for peer in sets[-1] if me in sets[-1] else ():
        if peer != me:
            assert public is not None
            party.compare_later(peer, len(sets), public)
    mine = {number: seed for number, seed in seeds.items() if me in sets[number]}
    return Order(rows, int(spec.form), mine, public if me in sets[-1] else None)


def _told(sets: tuple[tuple[int, ...], ...], owner: int) -> dict[int, list[int]]:
    """For each party other than the owner, the numbers of its sets."""
    numbers: dict[int, list[int]] = {}
    for number, members in enumerate(sets):
        for peer in members:
            if peer != owner:
                numbers.setdefault(peer, []).append(number)
    return numbers


def _left(seeds: list[bytes], order: Places) -> Places:
    """What is left of an order after the permutations of all sets."""
    chain = permutation_of(seeds[0], order.size)
    for seed in seeds[1:]:
        chain = chain[permutation_of(seed, order.size)]
    return inverted(chain)[order]


def given_order_plan(scheme: Scheme, label: bytes, *, owner: int, values: object = None, rows: int) -> Planned:
    if ordering.switched(scheme):
        entered = arithmetic.input_cost(scheme, inner_label(label, 1, "places"), rows, owner)
        spec, sorted_ = ordering.order_of_plan(scheme, inner_label(label, 2, "order"), Spec((rows,)))
        return spec, entered.then(sorted_)
    spec = orders.permutation_spec(scheme, label, rows)
    if rows < 2:
        return spec, nothing(scheme)
    sets = Way(scheme, int(spec.form)).sets
    told_sets = _told(sets, owner)
    others = sum(peer != owner for peer in sets[-1])
    sent, messages = [0] * scheme.parties, [0] * scheme.parties
    sent[owner] = 16 * sum(len(numbers) for numbers in told_sets.values()) + 4 * rows * others
    messages[owner] = len(told_sets) + others * -(-rows // _TOLD)
    return spec, Cost(1, tuple(sent), tuple(messages), distance(rows))


# ---- rows copied, and summed
async def _there_and_back(party: Party, scheme: Scheme, what: str, x: Numbers, order: Order | Switches) -> Numbers:
    shape = PRIMITIVES[what].result(x.spec, order.spec).shape
    first, rows = (x.shape[0] if what == "copy_down" else shape[0]), order.rows
    if not x.size or not Spec(shape).size:
        return Numbers(np.zeros((Spec(shape).size, 2), np.uint64), shape)
    line = await ordering.shuffle(party.inner("there"), scheme, _before(what, x, rows), order)
    assert isinstance(line, Numbers)
    back = await ordering.shuffle(party.inner("back"), scheme, _running(what, line), order.opposite())
    assert isinstance(back, Numbers)
    if what == "copy_down":
        return back.viewed(lambda a: a[first:], shape)
    # The first rows, each less the row after it; the last one as it is.
    sums = back.viewed(lambda a: a[:first], shape)
    return sums if first == 1 else _less(sums, sums.viewed(lambda a: a[1:], (first - 1, *shape[1:])), 0)


def _less(x: Numbers, y: Numbers, start: int) -> Numbers:
    """x, whose rows from `start` on have y subtracted."""
    rows = y.size
    data = x.data.copy()
    at = start * (x.size // x.shape[0])
    data[at : at + rows] = shares.subtract(Numbers(np.ascontiguousarray(data[at : at + rows]), y.shape), y).data
    return Numbers(data, x.shape)


def _before(what: str, x: Numbers, rows: int) -> Numbers:
    """`copy_down`: each row less the row before it, then zeros. `sum_up`: zeros, then the rows."""
    gap = (rows - x.shape[0], *x.shape[1:])
    zeros = Numbers(np.zeros((Spec(gap).size, 2), np.uint64), gap)
    if what == "sum_up":
        return _joined(zeros, x)
    if x.shape[0] > 1:
        x = _less(x, x.viewed(lambda a: a[:-1], (x.shape[0] - 1, *x.shape[1:])), 1)
    return _joined(x, zeros)


def _joined(x: Numbers, y: Numbers) -> Numbers:
    joined = shares.concatenate(x, y, axis=0)
    assert isinstance(joined, Numbers)
    return joined


def _running(what: str, x: Numbers) -> Numbers:
    if what == "copy_down":
        return shares.cumulative_sum(x, 0)
    turned = shares.cumulative_sum(x.viewed(lambda a: a[::-1], x.shape), 0)
    return turned.viewed(lambda a: a[::-1], x.shape)


async def copy_down(party: Party, scheme: Scheme, x: Numbers, order: Order | Switches) -> Numbers:
    """The rows of x copied to the further rows that follow them in the line of an order.

    Shapes    x: (n, ...); order: n + k rows, which keeps the sequence of the first n; result: (k, ...)
    Rounds    those of two shuffles
    Bytes     those of two shuffles of n + k rows
    Security  semi-honest, as `shuffle`; between both, a running sum of differences, which telescopes to the row before
    """
    return await _there_and_back(party, scheme, "copy_down", x, order)


async def sum_up(party: Party, scheme: Scheme, x: Numbers, order: Order | Switches) -> Numbers:
    """The sums of the further rows that follow each first row in the line of an order.

    Rounds    those of two shuffles
    Bytes     those of two shuffles of all rows of the order
    Security  semi-honest, as `shuffle`
    """
    return await _there_and_back(party, scheme, "sum_up", x, order)


def _cost(scheme: Scheme, label: bytes, x: Spec, order: Spec) -> Cost:
    if order.shape[0] == x.shape[0] or not x.size:
        return nothing(scheme)
    whole = Spec((order.shape[0], *x.shape[1:]))
    there = ordering.shuffle_cost(scheme, inner_label(label, 1, "there"), whole, order)
    return there.then(
        ordering.shuffle_cost(scheme, inner_label(label, 2, "back"), whole, ordering.turned(order, scheme))
    )


declare("given_order", given_order, plan=given_order_plan, whole=True, work=of_bits)
declare("copy_down", copy_down, cost=_cost, whole=True, work=of_bits)
declare("sum_up", sum_up, cost=_cost, whole=True, work=of_bits)
