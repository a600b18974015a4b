"""One party, one study, one run: from a home and a study file to the releases this organization receives.

In order: read the study and its scenario; check this organization's data against the agreed schema; connect and
agree; run the script; keep the releases. Nothing is sent before the data has passed, and a session's failure ends
the script at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

from mpc.errors import ConfigError, ScenarioError, Stopped
from mpc.machine.engine import Engine
from mpc.releases.study import Study as RunningStudy
from mpc.releases.study import runtime_of
from parties.contributors.handout import FOLDER
from parties.data.dataset import SourceRows
from parties.data.source import default_threads
from parties.net.agreement import PROTOCOL_VERSION
from parties.organization.home import Home
from parties.report.disclosed import announce
from parties.run.keeping import NotWritten, try_folder
from parties.run.outcome import Limits, Outcome, check_data
from parties.study.document import agreed_document, study_hash, study_words
from parties.study.plan import BoundStudy
from parties.study.rehearsal import dry_run_of
from parties.system.eventloop import runner
from parties.system.events import Agreed, Events, Planned, Progress, Status
from parties.system.stopping import listening
from protocols.assembly import assemble, whole
from protocols.dry import DryRun

if TYPE_CHECKING:
    from mpc.machine.channel import Channel
    from mpc.machine.network import Network
    from mpc.machine.outside import Outside
    from parties.contributors.reception import Reception
    from parties.net.session import Session
    from parties.net.shaping import Shaped


def run_party(
    home: Home,
    bound: BoundStudy,
    *,
    limits: Limits,
    events: Events,
    started: float | None = None,
    shape: Network | None = None,
    opened: Callable[[str, Mapping[str, Any]], None] = lambda study, values: None,
    done: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Take part in a study as the organization of `home`, which computes. Raises ComityError as `mpc.errors` says.

    started  perf_counter() when the process began, for the phase "start"
    shape    hold messages back as this network would, for measurements on one machine; the same at all parties
    opened   told the study's hash and the opened values as soon as they are there
    done     told the outcome when there is one; then the party may stay for those who fetch theirs, and what it
             raises (NotWritten) is raised after that
    """
    with runner() as running:
        party = _Party(home, bound, limits, events, started or perf_counter(), shape, opened, done)
        with listening(party.stop, running.get_loop()):
            return running.run(party.run())


def _shaped(channel: Channel, network: Network) -> Shaped:
    from parties.net.clock import Clock
    from parties.net.shaping import Shaped

    shaped = Shaped(channel, network, Clock())
    shaped.shaping = True
    return shaped


class _Party:
    """The run of one party, phase by phase."""

    def __init__(
        self,
        home: Home,
        bound: BoundStudy,
        limits: Limits,
        events: Events,
        started: float,
        shape: Network | None,
        opened: Callable[[str, Mapping[str, Any]], None],
        done: Callable[[Outcome], None],
    ) -> None:
        self._home = home
        self._bound = bound
        self._limits = limits
        self._events = events
        self._started = started
        self._shape = shape
        self._opened = opened
        self._done = done
        self._late: Exception | None = None
        self._phases: dict[str, float] = {}
        self._session: Session | None = None
        self._task: asyncio.Task[Any] | None = None
        self._stopped: Stopped | None = None
        #: The session has ended well and the outcome was told: what is left is to wait for those who fetch theirs.
        self._done_with = False

    def stop(self, stopped: Stopped) -> None:
        """The operator wants us to end: the peers hear it first. A run whose releases are in hands them out first."""
        self._stopped = stopped
        if self._session is not None and not self._session.over:
            self._session.fail(stopped)
        elif self._task is not None and (self._session is None or self._done_with):
            self._task.cancel()

    async def run(self) -> Outcome:
        """Raises ComityError; `Stopped` also where the releases are in and were handed out."""
        self._task = asyncio.current_task()
        try:
            outcome = await self._whole()
        except asyncio.CancelledError:
            if self._stopped is None:
                raise
            raise self._stopped from None
        if self._late is not None:
            raise self._late
        if self._stopped is not None:
            raise self._stopped
        return outcome

    async def _whole(self) -> Outcome:
        plan = self._bound.plan
        if self._home.name not in plan.participants:
            raise ConfigError(f"{plan.where}: {self._home.name} takes no part; it names {', '.join(plan.participants)}")
        if self._home.name not in plan.having("compute"):
            raise ConfigError(
                f"{plan.where}: {self._home.name} does not compute in this study: `comity submit` hands over what it "
                "brings, and waits for what it learns"
            )
        plan.check_date(date.today())
        engine, dry = await asyncio.to_thread(self._prepare)
        manifest = dry.manifest()
        announce(self._events, manifest)
        document = agreed_document(self._bound, keys=self._home.keys(), manifest=manifest, protocol=PROTOCOL_VERSION)
        self._lap("start")
        rows = await asyncio.to_thread(check_data, self._home, self._bound, self._events)
        self._lap("local")
        return await self._connected(engine, document, dry, rows)

    def _lap(self, phase: str) -> float:
        now = perf_counter()
        spent = now - self._started
        self._phases[phase] = self._phases.get(phase, 0.0) + spent
        self._started = now
        return now

    def _prepare(self) -> tuple[Engine, DryRun]:
        """Kernels and the disclosure manifest: before the session, so that no peer waits for them."""
        engine = self._bound.computation.make_engine()
        dry = dry_run_of(self._bound, self._bound.plan.network)
        engine.prepare(dry.primitives)
        self._events(Planned(dry.steps, dry.rounds))
        return engine, dry

    async def _connected(
        self, engine: Engine, document: dict[str, Any], dry: DryRun, rows: dict[str, SourceRows]
    ) -> Outcome:
        from parties.net.session import Session
        from parties.run.assembly import opened, received
        from parties.run.participants import bystanders, participants
        from parties.study.difference import difference

        plan = self._bound.plan
        digest = study_hash(document)
        reception = self._reception(engine, dry, document, digest)
        session = Session(
            identity=self._home.identity,
            participants=participants(self._home, plan.having("compute")),
            index=plan.index(self._home.name),
            listen=self._home.consortium.listen,
            document=document,
            study_hash=digest,
            explain=difference,
            known=bystanders(self._home, plan.participants),
            wait=self._limits.wait,
            grace=self._limits.grace,
            stall=self._limits.stall,
            status=lambda line: self._events(Status(line)),
            desk=None if reception is None else reception.desk,
        )
        self._session = session
        async with received(session, reception, self._limits.wait):
            async with opened(session):
                self._lap("agree")
                words = study_words(digest)
                self._events(Agreed(words, digest.hex()))
                outside = None
                if reception is not None:
                    outside = await reception.contributions(session, self._limits.wait)
                    self._lap("contributions")
                study = await self._compute(session, engine, dry, rows, outside, reception)
                self._opened(digest.hex(), study.results)
                outcome = self._outcome(study, session, rows)
                outcome.study, outcome.words = digest.hex(), words
                if reception is not None:
                    outcome.unwritten += reception.results(study, session, outcome.facts)
            try:
                self._done(outcome)
            except (NotWritten, BrokenPipeError) as error:
                self._late = error  # those who fetch their results are waited for all the same
            self._done_with = True
            if self._stopped is not None:
                raise self._stopped
        return outcome

    def _reception(self, engine: Engine, dry: DryRun, document: dict[str, Any], digest: bytes) -> Reception | None:
        plan = self._bound.plan
        if len(plan.participants) == len(plan.having("compute")):
            return None
        from parties.contributors.reception import Reception

        try_folder(self._home.path / FOLDER, "sealed results")
        reception = Reception(
            self._home,
            plan,
            engine,
            dry.layout,
            study=digest,
            document=document,
            events=self._events,
        )
        reception.inbox.check_writable()
        for line in reception.inbox.read_files():
            self._events(Status(line))
        return reception

    async def _compute(
        self,
        session: Any,
        engine: Engine,
        dry: DryRun,
        rows: dict[str, SourceRows],
        outside: Outside | None,
        reception: Reception | None,
    ) -> RunningStudy:
        from parties.run.assembly import runtime_over

        plan = self._bound.plan
        gc.freeze()  # what was imported stays: collections in mid-run need not look at it
        told = self._progress(session, reception, dry.steps)
        shaped = None if self._shape is None else _shaped(session.channel, self._shape)
        with runtime_over(
            session,
            engine,
            threads=default_threads(),
            channel=shaped,
            network=plan.network,
            on_progress=told,
            outside=outside,
        ) as run:
            if shaped is not None:
                shaped.busy = run.environment.busy
            study = assemble(self._bound.computation, run, rows=rows, manifest=dry.manifest())
            begun = perf_counter()
            read = [begun]
            for local in study.passes:
                local.on_read = lambda: read.append(perf_counter())
            try:
                await run.execute(whole(self._bound.loaded.scenario, study))
            except ScenarioError as error:
                raise error.brief() from error
        ended = perf_counter()
        local_end = read[-1]
        self._phases["local"] = self._phases.get("local", 0.0) + (local_end - begun)
        self._phases["joint"] = ended - local_end
        return study

    def _outcome(self, study: RunningStudy, session: Any, rows: dict[str, SourceRows]) -> Outcome:
        run = runtime_of(study)
        return Outcome(
            releases=study.results,
            manifest=[entry.describe() for entry in study.entries],
            skipped=study.skipped,
            study="",
            words="",
            brought={name: source.brought for name, source in rows.items() if source.brought is not None},
            rounds=run.rounds,
            operations=run.operations,
            frame_bytes_sent=session.frame_bytes_sent,
            phases=dict(self._phases),
            refused={f"{address}: {reason}": count for (address, reason), count in session.refused.items()},
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            contributions=len(run.outside.dealt),
            left_out=study.left_out,
        )

    def _progress(
        self, session: Any, reception: Reception | None, steps: int
    ) -> Callable[[str, tuple[str, int]], None]:
        done = 0
        last = perf_counter()

        def tell(primitive: str, source: tuple[str, int]) -> None:
            nonlocal done, last
            done += 1
            now = perf_counter()
            if now - last >= 0.1:
                last = now
                if reception is not None:
                    reception.desk.set_progress("computing", done, steps)
                file, line = os.path.basename(source[0]), source[1]
                self._events(Progress(done, primitive, file, line, session.frame_bytes_sent))

        return tell
