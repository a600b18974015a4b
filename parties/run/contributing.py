"""An organization that does not compute, in one study: from its home and data to receipts and to its releases.

In order: read the study and its scenario; check this organization's data; run the script once, alone and dry, to get
the numbers that it would share; deal and seal them; send them to each compute party; a recipient waits for releases.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError
from mpc.machine.engine import Engine
from mpc.releases.study import Study, runtime_of
from parties.contributors.contribution import Prepared, prepare
from parties.contributors.handout import Facts, put_together
from parties.contributors.sealing import read_header
from parties.contributors.submission import Submission
from parties.data.dataset import SourceRows
from parties.net import frames
from parties.net.agreement import PROTOCOL_VERSION
from parties.net.session import Participant
from parties.organization.home import Home
from parties.organization.identity import Card
from parties.report.disclosed import announce
from parties.run.keeping import try_folder
from parties.run.laps import Laps
from parties.run.outcome import Outcome, check_data
from parties.study.difference import difference
from parties.study.document import Document, agreed_document, study_hash, study_words
from parties.study.plan import BoundStudy, StudyPlan
from parties.system.eventloop import runner
from parties.system.events import Events
from parties.system.privacy import write_private
from parties.system.stopping import listening
from protocols.dry import collect

RECEIPTS, INCOMING = "receipts", "incoming"


@dataclass
class Own:
    """This organization's side of a study: its dry run, its data, and the study's hash."""

    home: Home
    bound: BoundStudy
    engine: Engine
    study: Study
    rows: dict[str, SourceRows]
    document: Document
    digest: bytes
    laps: Laps
    bytes_sent: int = 0
    unwritten: list[str] = field(default_factory=list)

    @property
    def index(self) -> int:
        return self.bound.plan.index(self.home.name)

    @property
    def cards(self) -> dict[str, Card]:
        """The cards of the compute parties, in index order."""
        return {name: self.home.consortium.member(name).card for name in self.bound.plan.having("compute")}

    @property
    def learns(self) -> bool:
        return self.home.name in self.bound.plan.recipients

    def sealed(self) -> Prepared | None:
        """This organization's contribution, dealt and sealed anew; None if the script asks it for no numbers."""
        outside = runtime_of(self.study).outside
        vector = outside.vector(self.index)
        if not vector.size:
            return None
        return prepare(
            self.home.identity,
            self.cards,
            self.engine,
            vector,
            owner=self.index,
            study=self.digest,
            layout=outside.layout(),
            number=self._number(),
        )

    def _number(self) -> int:
        """A number above those of all earlier submissions with a receipt, even if the clock was set back since."""
        earlier = [int(path.stem) for path in (self.home.path / RECEIPTS / self.digest.hex()).glob("[0-9]*.json")]
        return max([time.time_ns(), *(number + 1 for number in earlier)])

    def read(self, envelopes: Sequence[bytes]) -> Outcome:
        """This organization's results, from the sealed parts of all compute parties in any order."""
        parts = {read_header(envelope).sender: envelope for envelope in envelopes}
        missing = [name for name, card in self.cards.items() if card.key_hash not in parts]
        if missing:
            raise ConfigError(f"the part of {', '.join(missing)} is missing: results need that of every compute party")
        cards = list(self.cards.values())
        ordered = [parts[card.key_hash] for card in cards]
        name = self.home.name
        facts = put_together(self.home.identity, cards, ordered, self.study, name, digest=self.digest)
        return self.outcome(facts)

    def outcome(self, facts: Facts | None = None) -> Outcome:
        """The outcome of a run; without the facts of a run, what this organization has done itself."""
        return Outcome(
            releases=self.study.results,
            manifest=[entry.describe() for entry in self.study.entries],
            study=self.digest.hex(),
            words=study_words(self.digest),
            brought={name: source.brought for name, source in self.rows.items() if source.brought is not None},
            rounds=facts.rounds if facts else 0,
            operations=facts.operations if facts else 0,
            frame_bytes_sent=self.bytes_sent,
            phases=dict(self.laps.seconds),
            finished=facts.finished if facts else datetime.now(UTC).isoformat(timespec="seconds"),
            contributions=facts.contributions if facts else 0,
            left_out=facts.left_out if facts else (),
            unwritten=self.unwritten,
        )


def open_own(home: Home, bound: BoundStudy, events: Events, *, started: float | None = None, reads: bool = True) -> Own:
    """Check the study and this organization's data, and run the script over it, dry. Sends nothing.

    reads   False: read no data, to fetch results only

    Raises ConfigError (the organization computes or does not take part; a card is missing) and DataError.
    """
    plan = bound.plan
    laps = Laps(started)
    index = plan.index(home.name)
    if home.name in plan.having("compute"):
        raise ConfigError(f"{plan.where}: {home.name} computes in this study: use `comity run`")
    plan.check_date(date.today())
    _check_place(home, plan)
    laps.end("start")
    rows = check_data(home, bound, events) if reads else {}
    engine = bound.computation.make_engine()
    study = collect(bound.computation, index if reads else None, engine, rows)
    manifest = [entry.describe() for entry in study.entries]
    announce(events, manifest)
    document = agreed_document(bound, keys=home.keys(), manifest=manifest, protocol=PROTOCOL_VERSION)
    laps.end("local")
    return Own(home, bound, engine, study, rows, document, study_hash(document), laps)


def _check_place(home: Home, plan: StudyPlan) -> None:
    """ConfigError if a roll enrols this organization with another key than that of its home."""
    if plan.contributors is None or plan.index(home.name) not in plan.enrolled:
        return
    card = plan.contributors.enrolled.card(home.name)
    if card is None or card.key_hash != home.identity.key_hash:
        raise ConfigError(
            f"{plan.contributors.enrolled.path}: {home.name} is enrolled with another key than that of this home. Use "
            f"the home with that key, or ask for a roll with this home's card, {home.card_file}"
        )


def call(own: Own, prepared: Prepared | None, *, fetch: bool, wait: float, events: Events) -> Outcome:
    """Submit a contribution to all compute parties (None: there is nothing to submit), and with `fetch` wait for the
    results. Raises what `parties.contributors.submission.Submission.run` raises."""
    if prepared is not None:
        try_folder(own.home.path / RECEIPTS, "receipts")
    if fetch:
        try_folder(own.home.path / INCOMING, "sealed results")
    with runner() as running:
        return running.run(_call(own, prepared, fetch, wait, events))


async def _call(own: Own, prepared: Prepared | None, fetch: bool, wait: float, events: Events) -> Outcome:
    home = own.home
    members = [home.consortium.member(name) for name in own.cards]
    submission = Submission(
        identity=home.identity,
        name=home.name,
        peers=[Participant(m.name, m.card.key_hash, m.card.certificate, m.address) for m in members],
        cards=own.cards,
        document=own.document,
        study=own.digest,
        explain=difference,
        prepared=prepared,
        fetch=fetch,
        wait=wait,
        events=events,
        keep=lambda party, part: _keep_part(own, party, part),
    )
    loop = asyncio.get_running_loop()
    try:
        with listening(lambda stopped: loop.call_soon_threadsafe(submission.stop, stopped)):
            await submission.run()
    finally:
        if submission.receipts and prepared is not None:
            try:
                _keep_receipts(home, own.digest, prepared, submission.receipts)
            except OSError as error:
                own.unwritten.append(f"the receipts of this contribution could not be kept ({error.strerror})")
    own.bytes_sent = sum(map(len, prepared.envelopes.values())) if prepared else 0
    own.laps.end("submit")
    if not fetch:
        return own.outcome()
    return own.read(list(submission.parts.values()))


def _keep_part(own: Own, party: str, part: bytes) -> bool:
    """Keep a sealed part until the results are written. If that fails, the compute party keeps the part."""
    try:
        folder = own.home.path / INCOMING / own.digest.hex()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / f"{party}.sealed", part)
    except OSError as error:
        own.unwritten.append(f"the sealed part of {party} could not be kept ({error.strerror})")
        return False
    return True


def forget_parts(own: Own) -> None:
    """Delete the sealed parts, once the results are written."""
    shutil.rmtree(own.home.path / INCOMING / own.digest.hex(), ignore_errors=True)


def _keep_receipts(home: Home, study: bytes, prepared: Prepared, receipts: Mapping[str, dict[str, Any]]) -> None:
    folder = home.path / RECEIPTS / study.hex()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / f"{prepared.number}.json", frames.canonical({"receipts": dict(receipts)}))


def write_envelopes(prepared: Prepared, folder: Path, name: str, study: bytes) -> list[Path]:
    """Write a contribution as sealed files, one for each compute party, to be sent in any other way."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = []
    for party, envelope in prepared.envelopes.items():
        paths.append(folder / f"{study.hex()[:8]}-{name}-for-{party}.sealed")
        write_private(paths[-1], envelope)
    return paths
