"""Functions of several secret arrays, as in NumPy: elements chosen by a condition, and arrays joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mpc.errors import ShapeError
from mpc.values.beside import beside
from mpc.values.fixed import width_of
from mpc.values.inherited import Cause, Reasoned, causes, levels, nested
from mpc.values.operands import aligned, broadcast, joint
from mpc.values.public import alike
from mpc.values.stated import Operand, Stated
from mpc.values.value import is_secret

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray


def where(condition: SecretArray, a: Operand, b: Operand) -> SecretArray:
    """a where the condition is set, else b. Rounds: 2 (Π_INJ)."""
    if not is_secret(condition) or condition.type != "bool":
        raise ShapeError(f"where: the condition is {condition!r}; it must be a secret bool, as comparisons give them")
    a, b = alike(condition, a, b)
    a, b = aligned(a.numeric(), b.numeric())
    a, b = broadcast(a, b)
    chosen, b = broadcast(condition * (a - b), b)
    # Each element is one of a or of b, so the larger of both bounds holds, whatever the bound of a - b is.
    return chosen.invoke("add", b, result=Stated(bound=max(a.bound, b.bound), type=joint(a, b)))


def maximum(a: SecretArray, b: Operand) -> SecretArray:
    """The larger of two elements, elementwise. Rounds: a comparison and `where`."""
    return where(a < b, b, a)


def minimum(a: SecretArray, b: Operand) -> SecretArray:
    """The smaller of two elements, elementwise. Rounds: a comparison and `where`."""
    return where(a < b, a, b)


def concatenate(parts: Sequence[SecretArray], axis: int = 0) -> SecretArray:
    """Arrays of one type joined along an axis."""
    if not parts:
        raise ShapeError("concatenate: nothing to join")
    first = parts[0]
    if any(p.type == "bool" for p in parts) and not all(p.type == "bool" for p in parts):
        parts = [p.numeric() for p in parts]
    # The finest scale of the parts, or the finest at which each part still fits the ring.
    frac = min(max(p.frac for p in parts), *(first.run.engine.capacity - width_of(p.bound) + p.frac for p in parts))
    parts = [p if p.type == "bool" else p.cut(frac) for p in parts]
    shape = list(parts[0].shape)
    try:
        np.concatenate([np.empty(p.shape, np.bool_) for p in parts], axis)
    except ValueError as error:
        raise ShapeError(f"concatenate: {error}") from None
    handle = first.run.schedule("concatenate", *[p.handle for p in parts], axis=axis % len(shape))
    valid, why = _joined_masks(parts, axis)
    types = {p.type for p in parts}
    return type(first)(
        first.run,
        handle,
        type=parts[0].type if len(types) == 1 else "fixed",
        frac=parts[0].frac,
        bound=max(p.bound for p in parts),
        valid=valid,
        why=why,
        basis=beside(parts, axis % len(shape)),
    )


def _joined_masks(parts: Sequence[SecretArray], axis: int) -> Reasoned:
    """The masks of the parts, joined as the parts are; each part keeps its reasons."""
    chains = [causes(part.valid, part.why) for part in parts]
    links = []
    for why, taken in levels(chains):
        bits = [
            chain[k - 1].valid.broadcast_to(part.shape) if k else part.constant(np.ones(part.shape, np.bool_))
            for part, chain, k in zip(parts, chains, taken, strict=True)
        ]
        links.append(Cause(concatenate(bits, axis), why))
    return nested(links)


def stack(parts: Sequence[SecretArray]) -> SecretArray:
    """Arrays of one shape along a new first axis."""
    return concatenate([p.reshape(1, *p.shape) for p in parts])
