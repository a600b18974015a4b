"""The chunks of one operation at work: a few at a time, as the peers' windows leave room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from mpc.machine.party import Party, concurrently

T = TypeVar("T")

#: Chunks of one operation at work at once.
WINDOW = 6


async def each(
    party: Party, chunks: Sequence[T], step: Callable[[T], Coroutine[Any, Any, None]], window: int = WINDOW
) -> None:
    """Run `step` for every chunk, a few at a time and begun in order, as the peers' windows leave room.

    A step depends on the same chunk at the peers only. All parties begin chunks in one order, so the first
    unfinished one is at work at every party, and no party waits for a chunk another one holds back.
    """
    if not chunks:
        return
    if len(chunks) == 1:
        await step(chunks[0])
        return
    todo: Iterator[T] = iter(chunks)

    async def work() -> None:
        for chunk in todo:
            await party.room()
            await step(chunk)
            await asyncio.sleep(0)  # lets the channel read and write between chunks

    await concurrently(*(work() for _ in range(min(window, len(chunks)))))
