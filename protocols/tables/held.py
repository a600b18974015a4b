"""What owners give of the keys that they hold: orders of rows, the lines of a lookup, and tags. See `lookup`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpc.machine.digest import digest
from mpc.machine.operation import Handle, Local
from mpc.machine.outside import Part, Partial
from mpc.machine.relations import Rule
from mpc.tables.local import share_parts
from mpc.tables.lookups import HeldKeys
from mpc.tables.slots import CHOICES
from mpc.values.basis import LOOSE
from mpc.values.secret import SecretArray, constant
from protocols.order import Ordering, order_from_places


@dataclass(frozen=True)
class _Anything(Rule):
    """Nothing is claimed of the parts beyond their bounds."""


@dataclass(frozen=True)
class Asking:
    """The line of slots and rows that ask for them, which an owner on the left gave.

    facts  whether the slots keep their sequence in it, where that was checked
    """

    order: Ordering
    facts: Handle | None

    def through(self, primitive: str, x: SecretArray) -> Handle:
        """`copy_down` or `sum_up` of x; 0 where the slots do not keep their sequence."""
        moved = x.run.schedule(primitive, x.handle, self.order.handle)
        return moved if self.facts is None else x.run.schedule("keep", moved, self.facts)


def _reads(keys: HeldKeys, local: Local, what: str, size: int) -> bytes:
    return digest((keys.source.name, local.digest, what, size))


def orders_of(keys: HeldKeys, local: Local, rows: int) -> list[Ordering]:
    """The order of each owner."""
    run, source = keys.source.run, keys.source
    reads = _reads(keys, local, "order", rows)
    orders = []
    for owner in source.owners:
        if owner >= run.parties:
            places = _outside(keys, local, "places", rows, max(rows - 1, 1), owner)
            orders.append(order_from_places(run, places, owner))
        else:
            values = None if run.dry or run.index != owner else lambda found: found["order"]
            handle = run.schedule("given_order", local=local, reads=reads, owner=owner, values=values, rows=rows)
            orders.append(Ordering(run, handle, LOOSE))
    return orders


def lines_of(keys: HeldKeys, local: Local, slots: int, asks: int) -> list[Asking]:
    """The line of each owner: of slots, and of rows that ask for three of them each.

    Copies of a row are sums of differences: in a line whose slots do not keep their sequence these do not telescope,
    and may be beyond the bound of the rows. Where masks rest on bounds, it is checked, as other inputs of owners are:
    slot k of n must be the k-th slot of the line. Places in the line are a permutation of 1 to n, for which the sum
    of k times its place is largest, and sum k^2, for the identity alone.
    """
    run, rows = keys.source.run, slots + CHOICES * asks
    orders = orders_of(keys, local, rows)
    if not run.engine.rests_on_bounds:
        return [Asking(order, None) for order in orders]
    counted = np.arange(1, slots + 1)
    lines = []
    for owner, order in zip(keys.source.owners, orders, strict=True):
        is_slot = constant(run, (np.arange(rows) < slots).astype(np.int64))
        # Counts of slots, from 1 to `slots` at a slot.
        place = order.undo(order.apply(is_slot).cumsum().bounded(slots))[:slots]
        excess = (place * counted).sum() - int((counted.astype(object) ** 2).sum())
        lines.append(Asking(order, run.relations.hold([owner], [excess.reshape(1, 1)])))
    return lines


def numbers_of(keys: HeldKeys, local: Local, name: str, size: int, bound: int) -> list[SecretArray]:
    """What the local results call `name`, of each owner: integers (size,). They are checked against their bound where
    masks rest on it; elsewhere a wrong one only makes the results about its owner's rows wrong."""
    run, source = keys.source.run, keys.source
    if run.engine.rests_on_bounds:
        checked = share_parts(source, local, [Part(name, (size,), 0, bound, "int")], _Anything())[name]
        return [x.with_basis(LOOSE) for x in checked]
    reads = _reads(keys, local, name, size)
    shared = []
    for owner in source.owners:
        if owner >= run.parties:
            handle = _outside(keys, local, name, size, bound, owner)
        else:
            values = None if run.dry or run.index != owner else lambda found: found[name]
            handle = run.schedule("input", local=local, reads=reads, owner=owner, values=values, shape=(size,))
        shared.append(SecretArray(run, handle, type="int", bound=bound, basis=LOOSE))
    return shared


def _outside(keys: HeldKeys, local: Local, name: str, size: int, bound: int, owner: int) -> Handle:
    """Integers of an organization that does not compute, (size,)."""
    run, source = keys.source.run, keys.source
    partial = Partial(source.name, (Part(name, (size,), 0, bound, "int"),), (owner,), _Anything(), local.digest)
    values = run.outside.share(run, partial, local, lambda found: np.asarray(found[name], np.int64).reshape(1, -1))
    return run.schedule("view", values, to=lambda x: x[0], shape=(size,))


__all__ = ["Asking", "lines_of", "numbers_of", "orders_of"]
