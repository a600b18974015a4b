"""The event loop of a party's process, its threads, and errors in tasks that nothing awaits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from mpc.errors import ComityError
from parties.text.echo import echo


class _AbandonableThreads(ThreadPoolExecutor):
    """Threads for blocking work: reading data, planning. A run that has ended does not wait for them."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


@contextmanager
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of a party's process."""
    with asyncio.Runner(loop_factory=loop_factory()) as running:
        running.get_loop().set_default_executor(_AbandonableThreads())
        running.get_loop().set_exception_handler(_unexpected)
        yield running


def _unexpected(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report an error in a task that nothing awaits: one line, with COMITY_DEBUG the traceback instead."""
    if os.environ.get("COMITY_DEBUG"):
        loop.default_exception_handler(context)
        return
    error = context.get("exception")
    if error is None or isinstance(error, ComityError | OSError):
        return  # reported already, or the end of a connection
    echo(f"comity: unexpected {type(error).__name__} beside the run: COMITY_DEBUG=1 shows where", err=True)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The maker of the event loop: uvloop's, or None for asyncio's own."""
    try:
        import uvloop
    except ImportError:  # not on Windows
        return None
    return uvloop.new_event_loop
