"""What a result inherits from its operands besides the value: valid masks, and the basis.

A value has one mask, `valid`, and one reason, `why`. Where a value can be undefined for several reasons, its mask has
a mask itself: what was undefined before, and why. So people read the first cause, and not its consequences: the
logarithm of a mean without rows says "no rows".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mpc.machine.engine import Shape
from mpc.values.basis import Basis, union
from mpc.values.people import need_same_people
from mpc.values.places import Places
from mpc.values.stated import Stated, Type

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray
    from mpc.values.value import Value


#: A mask and its reason; None: nothing is undefined.
Reasoned = tuple["SecretArray | None", str]


class Cause(NamedTuple):
    """A reason, and bits that are set where neither this reason nor an earlier one holds."""

    valid: SecretArray
    why: str


def causes(valid: SecretArray | None, why: str) -> list[Cause]:
    """The reasons of a mask, the earliest first; the bits of the last reason are the mask."""
    if valid is None:
        return []
    return [*causes(valid.valid, valid.why), Cause(valid.bare(), why)]


def levels(chains: Sequence[Sequence[Cause]]) -> list[tuple[str, tuple[int, ...]]]:
    """The reasons of several masks in a common order. With each reason: how many causes of each mask come up to it."""
    taken, ordered = [0] * len(chains), []
    while left := [(chain, k) for chain, k in zip(chains, taken, strict=True) if k < len(chain)]:
        chain, k = left[0]
        why = chain[k].why
        taken = [k + (k < len(chain) and chain[k].why == why) for chain, k in zip(chains, taken, strict=True)]
        ordered.append((why, tuple(taken)))
    return ordered


def joined(first: Reasoned, second: Reasoned, shape: Shape) -> Reasoned:
    """The mask that is set where both masks are; reasons of the first mask come before those of the second.

    Costs one AND for each reason, side by side; nothing where the masks are the same.
    """
    if second[0] is None or second[0] is first[0]:
        return first
    if first[0] is None:
        return second
    a, b = causes(*first), causes(*second)
    links = []
    for why, (i, j) in levels([a, b]):
        sides = [chain[k - 1].valid for chain, k in ((a, i), (b, j)) if k]
        links.append(Cause(sides[0] if len(sides) == 1 else both(sides[0], sides[1], shape), why))
    return nested(links)


def nested(links: Sequence[Cause]) -> Reasoned:
    """The mask with these reasons."""
    mask: SecretArray | None = None
    why = ""
    for cause in links:
        mask, why = cause.valid.restated(mask=(mask, why)), cause.why
    return mask, why


def both(a: SecretArray, b: SecretArray, shape: Shape) -> SecretArray:
    """Bits that are set where both are. Bits of different shapes are repeated to `shape`."""
    if a.handle is b.handle:
        return a
    if a.shape != b.shape:
        a, b = (x if x.shape == shape else x.broadcast_to(shape) for x in (a, b))
    return a & b


def all_valid(xs: Iterable[Value], shape: Shape) -> Reasoned:
    """The mask that is set where the masks of all operands are: in the result's shape, or a single bit."""
    joint: Reasoned = (None, "")
    for x in xs:
        valid = x.valid
        if valid is None or valid is joint[0]:
            continue
        if valid.shape not in ((), shape):
            valid = valid.broadcast_to(shape)
        joint = joined(joint, (valid, x.why), shape)
    return joint


def kept(result: SecretArray, *given: SecretArray) -> SecretArray:
    """The result with masks and basis of the values that it was computed from; their reasons come before its own."""
    masks: Reasoned = (None, "")
    for x in (*given, result):
        masks = joined(masks, (x.valid, x.why), result.shape)
    valid, why = masks
    if valid is not None and valid.shape not in ((), result.shape):
        valid = valid.broadcast_to(result.shape)
    return result.restated(mask=(valid, why), basis=union(*[x.basis for x in given]))


def contracted(a: SecretArray, b: SecretArray, *, bound: int, frac: int, type: Type) -> Stated:
    """The statement about the product of two matrices: an entry is defined where the row on the left and the column on
    the right are, whatever the others; counts of rows are behind the whole."""
    of = (a, b)
    shape = (a.shape[0], b.shape[1])
    _same_people_inside(*of)
    masks: list[Reasoned] = [(None, ""), (None, "")]
    for k, x in enumerate(of):
        if x.valid is not None:
            valid = x.valid
            if valid.shape != ():
                valid = valid.broadcast_to(x.shape).all(axis=1 - k)
                valid = valid.reshape(-1, 1) if k == 0 else valid.reshape(1, -1)
                valid = valid.broadcast_to(shape)
            masks[k] = valid, x.why
    joint, why = joined(masks[0], masks[1], shape)
    left, right = (_along(x, axis) for x, axis in zip(of, (1, 0), strict=True))
    left = left.view(lambda a: np.broadcast_to(a.reshape(-1, 1), shape), shape[:1], {})
    right = right.view(lambda a: np.broadcast_to(a.reshape(1, -1), shape), shape[1:], {})
    return Stated(bound=bound, frac=frac, type=type, mask=(joint, why), basis=union(left, right))


def _same_people_inside(a: SecretArray, b: SecretArray) -> None:
    """Raise ShapeError unless the rows that are multiplied with each other are of the same selection."""
    if a.basis.places and b.basis.places and a.shape[1]:
        row = [Places(p.base, p.ids[0], None) for p in a.basis.places if p.ids.size]
        need_same_people(row, [Places(p.base, p.ids[:, 0], None) for p in b.basis.places if p.ids.size])


def _along(x: SecretArray, axis: int) -> Basis:
    """The basis of a contraction over an axis; an element that is of a single row stays so."""
    valid = x.valid if x.valid is not None and x.valid.shape == x.shape else None
    basis = x.basis.reduced(axis, valid)
    return basis._replace(cohorts=tuple(c.collapsed(None) if c.shape else c for c in basis.cohorts))
