"""Run the chunks of an operation: several at a time, as long as the peers' windows have room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from mpc.machine.party import Party, concurrently

T = TypeVar("T")

#: Largest number of chunks of one operation that run at once.
WINDOW = 6


async def each(
    party: Party, chunks: Sequence[T], step: Callable[[T], Coroutine[Any, Any, None]], window: int = WINDOW
) -> None:
    """Run `step` for each chunk: at most `window` at a time, begun in order, as long as the peers' windows have room.

    A step needs only the same chunk at the peers. All parties begin chunks in the same order. So the first unfinished
    chunk runs at every party, and no party waits for a chunk that a peer has not begun.
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
