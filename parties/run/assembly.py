"""Join a session and a runtime: the run uses the session's channel and keys, and if one of them fails, both end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

from mpc.errors import ComityError, LocalProtocolError, PeerError, Stopped
from mpc.machine.accounting import MEMORY_BUDGET
from mpc.machine.engine import Engine
from mpc.machine.network import Network
from mpc.machine.outside import Outside
from mpc.machine.party import Environment
from mpc.machine.runtime import Runtime
from parties.contributors.reception import Reception
from parties.net.session import Session
from parties.net.shaping import Shaped
from parties.run.progress import Told
from parties.system.memory import keep_freed
from protocols.library import Library


@asynccontextmanager
async def opened(session: Session) -> AsyncIterator[None]:
    """Open the session, and finish it after the body. Peers learn the class of the body's error, never its message."""
    error: ComityError | None = None
    try:
        await session.open()
        yield
    except ComityError as failure:
        error = failure
        raise
    except Exception as failure:
        error = LocalProtocolError(f"{type(failure).__name__}")
        raise
    finally:
        await session.finish(error)


@asynccontextmanager
async def received(session: Session, reception: Reception | None, wait: float) -> AsyncIterator[None]:
    """Receive organizations that do not compute: during the session in the body, and for at most `wait` seconds after
    it, until they have fetched their results."""
    if reception is None:
        yield
        return
    error: ComityError | None = None
    try:
        reception.desk.start()
        yield
        await reception.farewell(wait)
    except ComityError as failure:
        error = failure
        raise
    except asyncio.CancelledError:
        error = Stopped("stopped by its operator")
        raise
    except Exception as failure:
        error = LocalProtocolError(f"{type(failure).__name__}")
        raise
    finally:
        peer = error.peer if isinstance(error, PeerError) else None
        await reception.desk.close(error, session.participants_by_name().get(str(peer)))
        await session.dismiss()


@contextmanager
def runtime_over(
    session: Session,
    engine: Engine,
    *,
    threads: int,
    shaped: Shaped | None = None,
    network: Network | None = None,
    memory_budget: int = MEMORY_BUDGET,
    on_progress: Callable[[str, tuple[str, int]], None] | None = None,
    outside: Outside | None = None,
) -> Iterator[Runtime]:
    """A runtime over an opened session.

    `shaped` is a channel over the session's channel that is as slow as a network. With one thread, kernels run between
    messages, since nothing could run beside them. A failed session ends the run at once.
    """
    keep_freed()
    pool = ThreadPoolExecutor(threads)
    failed = True
    try:
        environment = Environment(shaped or session.channel, session.keys, pool if threads > 1 else None)
        if shaped is not None:
            shaped.busy = environment.busy
        run = Runtime(
            engine,
            Library(),
            environment,
            network=network,
            run_label=session.run_id[:16],
            memory_budget=memory_budget,
            on_progress=on_progress,
            outside=outside,
        )
        progress = Told(lambda: run.finished + environment.busy.pulse, environment.busy)
        session.attach(progress=progress, waiting=run.waiting, parted=run.parted)
        session.failed.add_done_callback(lambda failed: run.fail(failed.result()))
        yield run
        failed = False
    finally:
        pool.shutdown(wait=not failed, cancel_futures=True)  # peers hear of a failure before kernels have ended
