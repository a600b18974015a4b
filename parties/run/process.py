"""One party, one study, one run: from a home and a study file to the releases this organization receives.

In order: read the study and its scenario; check this organization's data against the agreed schema; connect and
agree; run the script; keep the releases. Nothing is sent before the data has passed, and a session's failure ends
the script at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime

from mpc.errors import ConfigError, Stopped
from mpc.machine.engine import Engine
from mpc.machine.network import Network
from mpc.releases.study import Study, runtime_of, skipped
from parties.contributors.handout import FOLDER
from parties.contributors.reception import Reception
from parties.data.dataset import SourceRows
from parties.net.agreement import PROTOCOL_VERSION
from parties.net.session import Session
from parties.organization.home import Home
from parties.report.disclosed import announce
from parties.run.assembly import opened, received
from parties.run.joint import compute
from parties.run.keeping import NotWritten, try_folder
from parties.run.laps import Laps
from parties.run.outcome import Limits, Outcome, Releases, check_data
from parties.run.participants import bystanders, participants
from parties.study.difference import difference
from parties.study.document import Document, agreed_document, study_hash, study_words
from parties.study.plan import BoundStudy
from parties.study.rehearsal import dry_run_of
from parties.system.eventloop import runner
from parties.system.events import Agreed, Events, Planned, Status
from parties.system.stopping import listening
from protocols.dry import DryRun

#: Called with the hash of the study and its releases.
Opened = Callable[[str, Releases], None]


def run_party(
    home: Home,
    bound: BoundStudy,
    *,
    limits: Limits,
    events: Events,
    started: float | None = None,
    shape: Network | None = None,
    opened: Opened = lambda study, values: None,
    done: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Take part in a study as the organization of `home`, which computes. Raises ComityError as `mpc.errors` says.

    started  perf_counter() when the process began, for the phase "start"
    shape    hold messages back as this network would, for measurements on one machine; the same at all parties
    opened   called with the study's hash and the opened values, as soon as they are opened
    done     called with the outcome; then the party may wait for organizations that fetch their results. An error of
             `done` (NotWritten) is raised after that
    """
    with runner() as running:
        party = _Party(home, bound, limits, events, Laps(started), shape, opened, done)
        with listening(party.stop, running.get_loop()):
            return running.run(party.run())


class _Party:
    """The run of one party, phase by phase."""

    def __init__(
        self,
        home: Home,
        bound: BoundStudy,
        limits: Limits,
        events: Events,
        laps: Laps,
        shape: Network | None,
        opened: Opened,
        done: Callable[[Outcome], None],
    ) -> None:
        self._home = home
        self._bound = bound
        self._limits = limits
        self._events = events
        self._laps = laps
        self._shape = shape
        self._opened = opened
        self._done = done
        self._done_error: Exception | None = None
        self._session: Session | None = None
        self._task: asyncio.Task[Outcome] | None = None
        self._stopped: Stopped | None = None
        #: The session has ended well and `done` was called: the party only waits for visitors that fetch their results.
        self._delivered = False

    def stop(self, stopped: Stopped) -> None:
        """The operator stops this party: the peers are told first. A run that has its releases hands them out first."""
        self._stopped = stopped
        if self._session is not None and not self._session.over:
            self._session.fail(stopped)
        elif self._task is not None and (self._session is None or self._delivered):
            self._task.cancel()

    async def run(self) -> Outcome:
        """Raises ComityError; `Stopped` even if the releases were opened and handed out."""
        self._task = asyncio.current_task()
        try:
            outcome = await self._whole()
        except asyncio.CancelledError:
            if self._stopped is None:
                raise
            raise self._stopped from None
        if self._done_error is not None:
            raise self._done_error
        if self._stopped is not None:
            raise self._stopped
        return outcome

    async def _whole(self) -> Outcome:
        plan = self._bound.plan
        plan.index(self._home.name)
        if self._home.name not in plan.having("compute"):
            raise ConfigError(
                f"{plan.where}: {self._home.name} does not compute in this study: use `comity submit`, which submits "
                "its data and waits for its results"
            )
        plan.check_date(date.today())
        engine, dry = await asyncio.to_thread(self._prepare)
        manifest = dry.manifest()
        announce(self._events, manifest)
        document = agreed_document(self._bound, keys=self._home.keys(), manifest=manifest, protocol=PROTOCOL_VERSION)
        self._laps.end("start")
        rows = await asyncio.to_thread(check_data, self._home, self._bound, self._events)
        self._laps.end("local")
        return await self._connected(engine, document, dry, rows)

    def _prepare(self) -> tuple[Engine, DryRun]:
        """Prepare the kernels and the disclosure manifest before the session, so that no peer waits for them."""
        engine = self._bound.computation.make_engine()
        dry = dry_run_of(self._bound, self._bound.plan.network)
        engine.prepare(dry.primitives)
        self._events(Planned(dry.steps, dry.rounds))
        return engine, dry

    async def _connected(self, engine: Engine, document: Document, dry: DryRun, rows: dict[str, SourceRows]) -> Outcome:
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
            status=self._status,
            desk=None if reception is None else reception.desk,
        )
        self._session = session
        async with received(session, reception, self._limits.wait):
            async with opened(session):
                self._laps.end("agree")
                self._events(Agreed(study_words(digest), digest.hex()))
                outside = None
                if reception is not None:
                    outside = await reception.contributions(session, self._limits.wait)
                    self._laps.end("contributions")
                study = await compute(
                    session,
                    self._bound,
                    engine,
                    dry,
                    rows,
                    outside=outside,
                    reception=reception,
                    shape=self._shape,
                    events=self._events,
                    laps=self._laps,
                )
                self._opened(digest.hex(), study.results)
                outcome = self._outcome(study, session, rows, digest)
                if reception is not None:
                    outcome.contributions = reception.came
                    outcome.unwritten += reception.results(study, session, outcome.facts)
            try:
                self._done(outcome)
            except (NotWritten, BrokenPipeError) as error:
                self._done_error = error  # visitors may still fetch their results
            self._delivered = True
            if self._stopped is not None:
                raise self._stopped
        return outcome

    def _status(self, text: str) -> None:
        self._events(Status(text))

    def _reception(self, engine: Engine, dry: DryRun, document: Document, digest: bytes) -> Reception | None:
        """The reception of organizations that do not compute; None if all compute."""
        if not self._bound.computation.contributors:
            return None
        try_folder(self._home.path / FOLDER, "sealed results")
        reception = Reception(
            self._home,
            self._bound.plan,
            engine,
            dry.layout,
            study=digest,
            document=document,
            events=self._events,
        )
        reception.check()
        for line in reception.inbox.read_files():
            self._status(line)
        return reception

    def _outcome(self, study: Study, session: Session, rows: dict[str, SourceRows], digest: bytes) -> Outcome:
        run = runtime_of(study)
        return Outcome(
            releases=study.results,
            manifest=[entry.describe() for entry in study.entries],
            study=digest.hex(),
            words=study_words(digest),
            brought={name: source.brought for name, source in rows.items() if source.brought is not None},
            rounds=run.rounds,
            operations=run.operations,
            frame_bytes_sent=session.frame_bytes_sent,
            phases=dict(self._laps.seconds),
            refused={f"{address}: {reason}": count for (address, reason), count in session.refused.items()},
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            left_out=study.left_out,
            skipped=skipped(study),
        )
