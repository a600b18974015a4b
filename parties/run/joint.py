"""The joint part of a run: execute the script over an opened session, and report progress."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Mapping
from time import perf_counter

from mpc.errors import ScenarioError
from mpc.machine.engine import Engine
from mpc.machine.network import Network
from mpc.machine.outside import Outside
from mpc.releases.study import Study
from parties.contributors.reception import Reception
from parties.data.dataset import SourceRows
from parties.data.source import default_threads
from parties.net.clock import Clock
from parties.net.session import Session
from parties.net.shaping import Shaped
from parties.run.assembly import runtime_over
from parties.run.laps import Laps
from parties.run.remaining import Remaining
from parties.study.plan import BoundStudy
from parties.system.events import Events, Progress
from protocols.assembly import assemble, whole
from protocols.dry import DryRun

#: Seconds between two events of progress, at least while operations end, and at most.
_BETWEEN_S = 0.1
_SILENT_S = 0.5


async def compute(
    session: Session,
    bound: BoundStudy,
    engine: Engine,
    dry: DryRun,
    rows: Mapping[str, SourceRows],
    *,
    outside: Outside | None,
    reception: Reception | None,
    shape: Network | None,
    events: Events,
    laps: Laps,
) -> Study:
    """Run the script to its end over an opened session. Raises ComityError.

    outside    the contributions of organizations that do not compute
    reception  tells those organizations how far the run is
    shape      hold messages back as this network would
    laps       gets the seconds of the local passes, and of the joint part after them
    """
    computation = bound.computation
    gc.freeze()  # imported objects stay: collections during the run need not visit them
    shaped = None
    if shape is not None:
        shaped = Shaped(session.channel, shape, Clock())
        shaped.shaping = True
    remaining = Remaining(dry, session.index, network=computation.network, checked=laps.seconds.get("local", 0.0))
    reporter = _Reporter(session, reception, dry.steps, remaining, events)
    with (
        runtime_over(
            session,
            engine,
            threads=default_threads(),
            shaped=shaped,
            network=computation.network,
            on_progress=reporter.finished,
            outside=outside,
        ) as run,
        reporter,
    ):
        study = assemble(computation, run, rows=rows, manifest=dry.manifest())
        begun = perf_counter()
        read = [begun]
        for local in study.passes:
            local.on_read = lambda: read.append(perf_counter())
        try:
            await run.execute(whole(computation.scenario, study))
        except ScenarioError as error:
            raise error.brief() from error
    ended = perf_counter()
    laps.add("local", read[-1] - begun)
    laps.add("joint", ended - read[-1])
    return study


class _Reporter:
    """Reports progress: when operations end, and regularly while a long one is at work."""

    def __init__(
        self, session: Session, reception: Reception | None, steps: int, remaining: Remaining, events: Events
    ) -> None:
        self._session = session
        self._reception = reception
        self._steps = steps
        self._remaining = remaining
        self._events = events
        self._begun = self._last = perf_counter()
        self._done = 0
        self._place = ("", "", 0)
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._tick()

    def __exit__(self, *failure: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def finished(self, primitive: str, source: tuple[str, int]) -> None:
        """An operation that sends is done."""
        self._done += 1
        self._place = (primitive, *source)
        if perf_counter() - self._last >= _BETWEEN_S:
            self._tell()

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_SILENT_S, self._tick)
        if perf_counter() - self._last >= _SILENT_S:
            self._tell()

    def _tell(self) -> None:
        self._last = perf_counter()
        if self._reception is not None:
            self._reception.desk.set_progress("computing", self._done, self._steps)
        primitive, path, line = self._place
        sent = self._session.frame_bytes_sent
        share, left = self._remaining.at(self._last - self._begun, sent, self._done)
        self._events(Progress(self._done, primitive, os.path.basename(path), line, sent, share, left))
