"""Contributions of organizations that do not compute, taken into a run and checked before its script starts.

The compute parties turn them into shares, compare every value with its public bound, and open one bit an
organization. Where it is not set, the organization counts as one without rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mpc.disclosure import open_bits
from mpc.outside import Layout

if TYPE_CHECKING:
    from mpc.operation import Handle
    from mpc.runtime import Runtime

#: Elements of contributions that are taken and checked together.
BLOCK = 1 << 19


async def receive(run: Runtime) -> None:
    """Take all contributions to the run; every party calls it, in a scope of its own, before the script.

    Rounds    those of `within`, and the logarithm of a vector's size, for each block of contributions
    Security  opened is one bit an organization: whether each of its values keeps its public bound
    """
    layout = run.outside.agreed
    if layout is not None:
        for owners in _blocks(layout):
            await _receive(run, layout, owners)


async def _receive(run: Runtime, layout: Layout, owners: Sequence[int]) -> None:
    outside = run.outside
    sizes = tuple(layout.sizes[owner] for owner in owners)
    pieces = None if run.dry else tuple(outside.dealt[owner].pieces for owner in owners)
    x = run.schedule("take", pieces=pieces, sizes=sizes)
    await run.settle(x)
    bounds = np.concatenate([layout.bounds(owner) for owner in owners])
    fits = run.schedule("within", x, bounds=bounds)
    await run.settle(fits)
    ok = await open_bits(run, await _all_of_each(run, fits, sizes))
    if not ok.all():
        x = run.schedule("scale", x, by=np.repeat(ok, sizes).astype(np.int64))
        outside.left_out += tuple(owner for owner, fine in zip(owners, ok, strict=True) if not fine)
    start = 0
    for owner, size in zip(owners, sizes, strict=True):
        outside.shares[owner] = x, start
        start += size


async def _all_of_each(run: Runtime, bits: Handle, sizes: Sequence[int]) -> Handle:
    """For each of the vectors of these sizes that `bits` consists of: whether all its bits are set."""
    one = run.schedule("constant_bits", values=np.ones(1, np.uint64), width=1)
    padded = run.schedule("concatenate", bits, one, axis=0)
    await run.settle(padded)
    index = np.full((max(sizes), len(sizes)), sum(sizes))
    start = 0
    for column, size in enumerate(sizes):
        index[:size, column] = np.arange(start, start + size)
        start += size
    every = run.schedule("view", padded, to=lambda b: b[index], shape=index.shape)
    while (rows := every.spec.shape[0]) > 1:
        half = rows // 2
        rest = _cut(run, every, 2 * half, rows)
        every = run.schedule("bits_and", _cut(run, every, 0, half), _cut(run, every, half, 2 * half))
        if rows % 2:
            every = run.schedule("concatenate", every, rest, axis=0)
        await run.settle(every)
    return every


def _cut(run: Runtime, x: Handle, start: int, stop: int) -> Handle:
    shape = (stop - start, *x.spec.shape[1:])
    return run.schedule("view", x, to=lambda b: b[start:stop], shape=shape)


def _blocks(layout: Layout) -> list[list[int]]:
    """Owners by blocks of at most BLOCK elements, or of one owner."""
    blocks: list[list[int]] = []
    room = 0
    for owner in layout.owners:
        size = layout.sizes[owner]
        if not blocks or size > room:
            blocks.append([])
            room = BLOCK
        blocks[-1].append(owner)
        room -= size
    return blocks
