"""MPyC's runtime over a session: how it is set up, how it starts and ends, and how it waits.

`install` replaces the functions of MPyC that use the network. Imports MPyC: only inside a run, after `guard.load`.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from mpyc import asyncoro
from mpyc.runtime import Runtime

from parties.mpyc import labels
from parties.mpyc.exchange import Exchange
from parties.mpyc.network import Network, Peer, network
from parties.mpyc.protocols import distribute, output, reshare, transfer
from parties.mpyc.pseudorandom import make_keys, prfs, prss_uci, set_threshold
from parties.mpyc.watch import Watch


def install(mpc: Any, exchange: Exchange, watch: Watch, run_id: bytes) -> None:
    """Let `mpc` send over an open session."""
    Runtime.comity = Network(exchange, watch, run_id)
    watch.stopped = exchange.kick
    sending = {"transfer": transfer, "_distribute": distribute, "output": output, "_reshare": reshare}
    for name, function in sending.items():
        function.__annotations__.pop("return", None)  # else MPyC reads it as the type of the placeholder
        setattr(Runtime, name, asyncoro.mpc_coro(function))
    Runtime.start, Runtime.shutdown, Runtime.barrier, Runtime.run = start, shutdown, barrier, run
    Runtime.prfs, Runtime._prss_uci = prfs, prss_uci
    Runtime.threshold = property(lambda self: self._threshold, set_threshold)
    asyncoro._hop = labels.fork
    asyncoro._reconcile = functools.partial(reconcile, mpc, watch)
    mpc._program_counter = [int.from_bytes(run_id[: labels.BYTES], "little"), 0]
    mpc._loop.set_exception_handler(_exceptions(watch))


async def start(self: Any) -> None:
    """Make the keys of pseudorandom sharing, and log what MPyC logs; the session is open already."""
    logging.info(f"Start MPyC runtime v{self.version}")
    for peer in self.parties:
        peer.protocol = Peer(network(self).exchange, peer.pid)
    await make_keys(self)
    logging.info(f"All {len(self.parties)} parties connected via TLS, authenticated.")
    self.start_time = time.time()


async def shutdown(self: Any) -> None:
    """Wait until this party's coroutines are done, and until all parties are here. A program may start again."""
    await settled(self)
    elapsed = datetime.timedelta(seconds=round(time.time() - self.start_time, 3))
    text = str(elapsed)[:-3] if elapsed.microseconds else f"{elapsed}.000"
    sent = [peer.protocol.nbytes_sent for peer in self.parties]
    logging.info(f"Stop MPyC -- elapsed time: {text}|bytes sent: {sum(sent)}")
    logging.debug(f"Bytes sent per party: {' '.join(map(str, sent))}")
    logging.debug("Synchronize with all parties before shutdown")
    await self.transfer(self.pid)


async def barrier(self: Any, name: str | None = None) -> None:
    """Wait until the coroutines of this level are done."""
    if self.options.no_barrier:
        return
    logging.info(f"Barrier{f'-{name}' if name else ''} {self._pc_level} {self._program_counter[1]}")
    await settled(self)


async def settled(self: Any) -> None:
    """Wait until no coroutine above this level is open: for a few turns of the loop, then for incoming messages."""
    turns = 0
    while self._pc_level > self._program_counter[1]:
        turns += 1
        if turns % 8:
            await asyncio.sleep(0)
        else:
            await asyncio.wait([network(self).exchange.arrival()], timeout=0.01)


def run(self: Any, f: Any) -> Any:
    """Run a coroutine or future until it is done."""
    if self._loop.is_running():  # as in MPyC: step a coroutine that waits for no message
        if not asyncio.iscoroutine(f):
            f = asyncoro._wrap_in_coro(f)
        while True:
            try:
                f.send(None)
            except StopIteration as done:
                return done.value
    return network(self).watch.run(f)


def reconcile(runtime: Any, watch: Watch, placeholder: Any, task: Any) -> None:
    """A coroutine has ended: give its result to its placeholder, or end the run with its exception."""
    runtime._pc_level -= 1
    if task.cancelled():
        return
    error = task.exception()
    if error is not None:
        watch.coroutine_failed(error)
    elif placeholder is not None:
        vars(asyncoro)["__reconcile"](placeholder, task.result())


def _exceptions(watch: Watch) -> Callable[[Any, dict[str, Any]], None]:
    """A handler that shows errors outside coroutines as asyncio does, except after a failed run."""

    def handle(loop: Any, context: dict[str, Any]) -> None:
        if watch.failure is not None or ("task" in context and "destroyed" in context.get("message", "")):
            return
        loop.default_exception_handler(context)

    return handle
