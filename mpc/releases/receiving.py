"""Contributions of organizations that do not compute, taken into a run and checked before its script starts.

The compute parties turn them into shares, compare every value with its public bound, and open whether it keeps the
bound. Then they do so for the relations between the values of each organization (`mpc.machine.relations`). An
organization of which a bound or a relation does not hold counts as an organization without rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mpc.machine.outside import Layout, Outside
from mpc.releases.disclosure import open_bits
from mpc.tables.local import parted, raw_integers

if TYPE_CHECKING:
    from mpc.machine.operation import Handle
    from mpc.machine.runtime import Runtime

#: Most elements of contributions that are taken and checked together.
BLOCK = 1 << 19


async def receive(run: Runtime) -> None:
    """Take all contributions to the run; every party calls it, in a scope of its own, before the script.

    Rounds    twice those of `nonnegative`, and 3, for each block of contributions
    Security  opens two bits for each value (whether it keeps its public bound) and one for each relation. They are
              all set for honest organizations
    """
    layout = run.outside.agreed
    if layout is not None:
        for owners in _blocks(layout):
            await _receive(run, layout, owners)


async def _receive(run: Runtime, layout: Layout, owners: Sequence[int]) -> None:
    outside = run.outside
    sizes = tuple(layout.size(owner) for owner in owners)
    pieces = None if run.dry else tuple(outside.dealt[owner].pieces for owner in owners)
    x = run.schedule("take", pieces=pieces, sizes=sizes)
    bounds = np.concatenate([layout.bounds(owner) for owner in owners])
    fits = run.schedule("nonnegative", x, bounds=bounds)
    bits = (await open_bits(run, fits)).reshape(2, -1).all(axis=0)
    ends = np.cumsum(sizes)[:-1]
    ok = np.asarray([part.all() for part in np.split(bits, ends)])
    if not ok.all():
        x = run.schedule("scale", x, by=np.repeat(ok, sizes).astype(np.int64))
        outside.left_out += tuple(owner for owner, fine in zip(owners, ok, strict=True) if not fine)
    _place(outside, owners, sizes, x)
    holds = await _relations_hold(run, layout, owners)
    if not holds.all():
        x = run.schedule("scale", x, by=np.repeat(holds, sizes).astype(np.int64))
        outside.left_out += tuple(owner for owner, fine in zip(owners, holds, strict=True) if not fine)
        _place(outside, owners, sizes, x)


def _place(outside: Outside, owners: Sequence[int], sizes: Sequence[int], x: Handle) -> None:
    start = 0
    for owner, size in zip(owners, sizes, strict=True):
        outside.shares[owner] = x, start
        start += size


async def _relations_hold(run: Runtime, layout: Layout, owners: Sequence[int]) -> NDArray[np.bool_]:
    """For each owner, whether its values keep the relations between them."""
    values: list[Handle] = []
    of: list[NDArray[np.int64]] = []
    position = {owner: i for i, owner in enumerate(owners)}
    for place, partial in layout.partials.items():
        asked = [owner for owner in partial.owners if owner in position]
        if not asked:
            continue
        parts = parted(run, run.outside.rows(run, place, asked), partial.parts)
        for value in partial.rule.relations({name: raw_integers(x) for name, x in parts.items()}):
            values.append(value.reshape(-1).handle)
            of.append(np.repeat([position[owner] for owner in asked], value.size // len(asked)))
    holds = np.ones(len(owners), np.bool_)
    if values:
        joint = values[0] if len(values) == 1 else run.schedule("concatenate", *values, axis=0)
        bits = await open_bits(run, run.schedule("nonnegative", joint))
        np.logical_and.at(holds, np.concatenate(of), bits)
    return holds


def _blocks(layout: Layout) -> list[list[int]]:
    """Owners in blocks of at most BLOCK elements; an owner with more is a block of its own."""
    blocks: list[list[int]] = []
    room = 0
    for owner in layout.owners:
        size = layout.size(owner)
        if not blocks or size > room:
            blocks.append([])
            room = BLOCK
        blocks[-1].append(owner)
        room -= size
    return blocks
