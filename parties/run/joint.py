"""The joint part of a run: execute the script over an opened session, and report progress."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
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
from parties.run.reporter import Reporter
from parties.study.plan import BoundStudy
from parties.system.events import Events
from protocols.assembly import assemble, whole
from protocols.dry import DryRun


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
    laps       gets the seconds of the local passes, and of all the rest, the joint part
    """
    computation = bound.computation
    gc.freeze()  # imported objects stay: collections during the run need not visit them
    shaped = None
    if shape is not None:
        shaped = Shaped(session.channel, shape, Clock())
        shaped.shaping = True
    remaining = Remaining(dry, session.index, network=computation.network, checked=laps.seconds.get("local", 0.0))
    reporter = Reporter(session, reception, dry.steps, remaining, events)
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
        readings: list[tuple[float, float]] = []

        def reading() -> Callable[[], None]:
            since = perf_counter()
            return lambda: readings.append((since, perf_counter()))

        for local in study.passes:
            local.on_read = reading
        try:
            await run.execute(whole(computation.scenario, study))
        except ScenarioError as error:
            raise error.brief() from error
    ended = perf_counter()
    local_s = _length(readings)
    laps.add("local", local_s)
    laps.add("joint", ended - begun - local_s)
    return study


def _length(intervals: Sequence[tuple[float, float]]) -> float:
    """The seconds that lie in any of the intervals."""
    total, end = 0.0, float("-inf")
    for first, last in sorted(intervals):
        total += max(last - max(first, end), 0.0)
        end = max(end, last)
    return total
