"""The primitives on secret orders. Costs and security are those of the called protocols.

Orders are chains of permutations (`orders`, `sort`), or for many parties the switches of a network (`switches`).
"""

from __future__ import annotations

from collections.abc import Mapping

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import sortable, vector
from protocols.declared import Planned, nothing_to_do
from protocols.selecting import disclosed_by_selection, selection
from protocols.shamir import orders, sort, switches
from protocols.shamir.committee import Scheme
from protocols.shamir.declared import declare
from protocols.shamir.operation import nothing
from protocols.shamir.orders import Order
from protocols.shamir.sharing import Numbers, Planes
from protocols.shamir.switches import Switches
from protocols.shamir.work import of_bits
from protocols.sorting import PLACES


def switched(scheme: Scheme) -> bool:
    """Whether orders are switches of a sorting network: for t = 7 there are 6,435 sets of t+1 of 2t+1 parties, and from
    there on a walk through the sets takes more bytes and rounds than a network."""
    return scheme.threshold > 6


def _place_bits(size: int) -> int:
    """Bits of the places of a vector."""
    return size.bit_length() + 1


async def _permutation(party: Party, scheme: Scheme, *, size: int) -> Order | Switches:
    if switched(scheme):
        return await switches.permutation(party, scheme, size)
    return await orders.permutation(party, scheme, size)


def _permutation_plan(scheme: Scheme, label: bytes, *, size: int) -> Planned:
    if switched(scheme):
        return switches.spec(size), switches.permutation_cost(scheme, label, size)
    return orders.permutation_spec(scheme, label, size), orders.permutation_cost(scheme, label, size)


async def shuffle(party: Party, scheme: Scheme, x: Numbers | Planes, order: Order | Switches) -> Numbers | Planes:
    """Rows in this order.

    Rounds    those of `orders.shuffle` or `switches.applied`
    Bytes     those of `orders.shuffle` or `switches.applied`
    Security  semi-honest, as they are
    """
    if isinstance(order, Switches):
        return await switches.applied(party, scheme, x, order)
    return await orders.shuffle(party, scheme, x, order)


def shuffle_cost(scheme: Scheme, label: bytes, x: Spec, order: Spec) -> Cost:
    return (switches.applied_cost if switched(scheme) else orders.shuffle_cost)(scheme, label, x, order)


async def _unshuffle(party: Party, scheme: Scheme, x: Numbers | Planes, order: Order | Switches) -> Numbers | Planes:
    return await shuffle(party, scheme, x, order.opposite())


def _unshuffle_cost(scheme: Scheme, label: bytes, x: Spec, order: Spec) -> Cost:
    return shuffle_cost(scheme, label, x, turned(order, scheme))


def turned(order: Spec, scheme: Scheme) -> Spec:
    """The specification of the opposite order."""
    return switches.turned(order) if switched(scheme) else orders.turned(order)


def _opposite_plan(scheme: Scheme, label: bytes, order: Spec) -> Planned:
    return turned(order, scheme), nothing(scheme)


async def _sort_order(party: Party, scheme: Scheme, x: Numbers, *, width: int) -> Order | Switches:
    sortable("sort_order", x.spec, width)
    if switched(scheme):
        return await switches.sorting(party, scheme, x.data, width=width)
    return await sort.sort_order(party, scheme, x, width)


def _sort_plan(scheme: Scheme, label: bytes, x: Spec, *, width: int) -> Planned:
    if switched(scheme):
        return switches.spec(x.size), switches.sorting_cost(scheme, label, x.size, width=width)
    return sort.sort_plan(scheme, label, x, width)


async def _rank_order(
    party: Party, scheme: Scheme, x: Numbers, *, ranks: tuple[int, ...], width: int
) -> Order | Switches:
    sortable("rank_order", x.spec, width)
    if switched(scheme):
        return await switches.sorting(party, scheme, x.data, width=width, ranks=ranks)
    return await sort.rank_order(party, scheme, x, ranks, width)


def _rank_plan(scheme: Scheme, label: bytes, x: Spec, *, ranks: tuple[int, ...], width: int) -> Planned:
    if switched(scheme):
        return _sort_plan(scheme, label, x, width=width)
    return sort.rank_order_plan(scheme, label, x, ranks, width)


async def order_of(party: Party, scheme: Scheme, x: Numbers, *, owner: int | None = None) -> Order | Switches:
    """The order that brings row i to place x[i].

    Rounds    those of `orders.order_of` or `switches.sorting`
    Bytes     those of `orders.order_of` or `switches.sorting`
    Security  semi-honest, as they are
    """
    vector("order_of", x.spec)
    if switched(scheme):
        return await switches.sorting(party, scheme, x.data, width=_place_bits(x.size))
    return await orders.order_of(party, scheme, x, owner)


def order_of_plan(scheme: Scheme, label: bytes, x: Spec, *, owner: int | None = None) -> Planned:
    if switched(scheme):
        return _sort_plan(scheme, label, x, width=_place_bits(x.size))
    return orders.order_of_plan(scheme, label, x)


# ---- opened values; switches stay secret
def _opened_places(scheme: Scheme, x: Spec, *, owner: int | None = None) -> Mapping[str, int]:
    return {} if switched(scheme) else {PLACES: x.size}


def _opened_by_sort(scheme: Scheme, x: Spec, *, width: int) -> Mapping[str, int]:
    return {} if switched(scheme) else sort.disclosed_by_sort(scheme, x.size, width)


def _opened_by_ranks(scheme: Scheme, x: Spec, *, ranks: tuple[int, ...], width: int) -> Mapping[str, int]:
    plan = None if switched(scheme) else selection(x.size, ranks)
    return _opened_by_sort(scheme, x, width=width) if plan is None else disclosed_by_selection(plan)


declare("permutation", _permutation, plan=_permutation_plan, whole=True, work=of_bits)
declare("shuffle", shuffle, cost=shuffle_cost, whole=True, work=of_bits)
declare("unshuffle", _unshuffle, cost=_unshuffle_cost, whole=True, work=of_bits)
declare("opposite", lambda order: order.opposite(), local=True, plan=_opposite_plan, work=nothing_to_do)
declare("sort_order", _sort_order, plan=_sort_plan, whole=True, work=of_bits, discloses=_opened_by_sort)
declare("rank_order", _rank_order, plan=_rank_plan, whole=True, work=of_bits, discloses=_opened_by_ranks)
declare("order_of", order_of, plan=order_of_plan, whole=True, work=of_bits, discloses=_opened_places)
