"""The event loop of a party's process, and what becomes of threads and of errors that nobody waits for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from mpc.errors import ComityError
from parties.text.echo import echo


class _Abandoned(ThreadPoolExecutor):
    """Threads for what blocks: reading data, planning. A run that has ended does not wait for them."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


@contextmanager
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of a party's process."""
    with asyncio.Runner(loop_factory=loop_factory()) as running:
        running.get_loop().set_default_executor(_Abandoned())
        running.get_loop().set_exception_handler(_unexpected)
        yield running


def _unexpected(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What went wrong where nobody waits for it: one line, and a traceback only where COMITY_DEBUG asks for it."""
    if os.environ.get("COMITY_DEBUG"):
        loop.default_exception_handler(context)
        return
    error = context.get("exception")
    if error is None or isinstance(error, ComityError | OSError):
        return  # told already, or a connection's end
    echo(f"comity: unexpected {type(error).__name__} beside the run: COMITY_DEBUG=1 shows where", err=True)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop of our processes; None: asyncio's own."""
    try:
        import uvloop
    except ImportError:  # not on Windows
        return None
    return uvloop.new_event_loop
