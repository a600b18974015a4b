"""The contributions to one study: kept in the home until a run uses them.

`HOME/contributions/STUDY/` holds them sealed, as they came, each in a file with mode 0600. `comity run` reads these
files, and adds the contributions that come over the network. For each contributor the few newest submissions are kept,
since compute parties use the newest one that all of them hold. An older submission is refused and leaves no file.

The contributions that a run uses are *spent* before it opens a value: their numbers are written to `spent.json`, then
their files are deleted. So a run that fails half-way cannot be started again with the same contribution. A study with
`keep_contributions = true` does not spend them; its contributors agree to that with the study.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from mpc.errors import CheckFailed, ComityError, ConfigError, RemoteProtocolError
from mpc.machine.engine import Engine
from mpc.machine.outside import Dealt, Layout
from parties.contributors.absent import without_rows
from parties.contributors.contribution import PURPOSE, Received, most_bytes, read
from parties.contributors.sealing import MAX_HEADER, read_header, sealed_bytes, unseal
from parties.organization.identity import Card, Identity
from parties.system.privacy import check_private, write_private

FOLDER = "contributions"
SPENT = "spent.json"
#: So many submissions of a contributor are kept at once.
KEPT = 3


@dataclass(frozen=True)
class Contributor:
    """An organization that contributes and does not compute. `enrolled`: by a roll, so it is one of very many."""

    name: str
    index: int
    card: Card
    enrolled: bool = False


class Arrived(NamedTuple):
    """A submission that has come to the inbox."""

    owner: int
    number: int
    digest: bytes


class Closed(RemoteProtocolError):
    """The run has begun: it takes no further contribution."""


def folder_of(home: Path, study: bytes) -> Path:
    return home / FOLDER / study.hex()


def add_file(home: Path, identity: Identity, sender: Card, envelope: bytes) -> Path:
    """Put a sealed file into the inbox of the study that it names. Its content is verified when a run reads it.

    Raises the typed errors of `unseal`, and RemoteProtocolError if a newer submission is here or was used.
    """
    header = read_header(envelope)
    unseal(identity, sender, envelope, purpose=PURPOSE, study=header.study, most=len(envelope))
    folder = folder_of(home, header.study)
    numbers = [_number(path) for path in folder.glob(f"{sender.name}.*.sealed")]
    if header.number < max(numbers, default=0) or header.number <= _spent(folder).get(sender.name, 0):
        raise _older(sender.name)
    return _keep(folder, sender.name, header.number, envelope)


class Inbox:
    """The contributions to a study at a compute party. Its methods may be called from several threads."""

    def __init__(
        self,
        home: Path,
        identity: Identity,
        engine: Engine,
        layout: Layout,
        *,
        index: int,
        study: bytes,
        contributors: Sequence[Contributor],
    ) -> None:
        self._identity = identity
        self._engine = engine
        self._layout = layout
        self._index = index
        self._study = study
        self.contributors = list(contributors)
        self.folder = folder_of(home, study)
        #: The run has chosen its contributions: no further one is accepted.
        self.closed = False
        self._lock = Lock()
        self._held: dict[int, list[tuple[Received, Path]]] = {contributor.index: [] for contributor in contributors}
        self._spent = _spent(self.folder)
        self._by_name = {contributor.name: contributor for contributor in contributors}
        self._seen: set[str] = set()
        self._arrived: list[Arrived] = []

    def read_files(self) -> list[str]:
        """Read the sealed files that were not read yet; return a line for each file that was refused and deleted.

        Raises the typed error of the first file that is malformed or not for this study, naming the file.
        """
        before: dict[int, int] = {}
        refused: list[str] = []
        for name in self._new_files():
            path, contributor = self.folder / name, self._by_name.get(name.split(".")[0])
            if contributor is None:
                self._seen.add(name)
                continue
            before.setdefault(contributor.index, self._newest(contributor.index))
            try:
                check_private(path)
                received = self._verified(contributor, path.read_bytes())
            except ComityError as error:
                error.args = (f"{path}: {error}. Remove the file, or ask {contributor.name} to submit again",)
                raise
            with self._lock:
                if self.closed:
                    return refused
                try:
                    self._check(contributor, received, before[contributor.index])
                    self._add(received, path)
                except RemoteProtocolError as error:
                    path.unlink(missing_ok=True)
                    refused.append(f"{error}: {path.name} is deleted")
        return refused

    def _new_files(self) -> list[str]:
        """The names of sealed files that were not read yet, in order."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name not in self._seen and name.endswith(".sealed"))

    def largest_envelope(self, contributor: Contributor) -> int:
        """The largest envelope of a contribution, in bytes."""
        plain = most_bytes(self._engine, self._index, self._layout.size(contributor.index))
        return sealed_bytes(MAX_HEADER, plain)

    def check_number(self, contributor: Contributor, number: int) -> None:
        """RemoteProtocolError if a newer submission is here, or this one was used already."""
        if number < self._newest(contributor.index) or number <= self._spent.get(contributor.name, 0):
            raise _older(contributor.name)

    def accept(self, contributor: Contributor, envelope: bytes) -> Received:
        """Verify a contribution and keep it in the home. It takes time, so call it in a thread.

        Raises the typed errors of `contribution.read`, RemoteProtocolError if a newer submission is here, and Closed
        after the choice. A refused contribution leaves no file.
        """
        received = self._verified(contributor, envelope)
        with self._lock:
            if self.closed:
                raise Closed("the run has begun: it takes no further contribution")
            self._check(contributor, received, self._newest(contributor.index))
            if received.digest not in [known.digest for known, _ in self._held[contributor.index]]:
                self._add(received, _keep(self.folder, contributor.name, received.number, envelope))
        return received

    def held(self, owner: int) -> list[Received]:
        """The submissions of an owner, oldest first."""
        return [received for received, _ in self._held[owner]]

    def arrived(self, since: int) -> list[Arrived]:
        """The submissions in the order in which they came, without the first `since`."""
        return self._arrived[since:]

    def close(self) -> None:
        """Accept no further contribution."""
        with self._lock:
            self.closed = True

    def reopen(self) -> None:
        self.closed = False

    def chosen(self, digests: Mapping[int, bytes]) -> list[Dealt]:
        """The pieces of the submissions with these digests, by owner; zeros of owners without one. CheckFailed if one
        of the submissions is not here."""
        dealt = []
        for contributor in self.contributors:
            if contributor.index not in digests:
                values = self._layout.size(contributor.index)
                dealt.append(without_rows(self._engine, contributor.index, values, index=self._index))
                continue
            match = [r for r in self.held(contributor.index) if r.digest == digests[contributor.index]]
            if not match:
                raise CheckFailed(
                    f"the compute parties would use a contribution of {contributor.name} that is not here"
                )
            dealt.append(match[-1].dealt)
        return dealt

    def spend(self, digests: Mapping[int, bytes]) -> None:
        """Mark the contributions with these digests (by owner) as used: they and older ones are deleted and never taken
        again. Of an owner without a digest, this holds for all that is here: what has come too late for this run is not
        for a second run, which would show the difference.

        Call it before the run opens a value.
        """
        self.close()
        last = {}
        for contributor in self.contributors:
            digest = digests.get(contributor.index)
            used = [r.number for r in self.held(contributor.index) if digest is None or r.digest == digest]
            last[contributor.index] = max(used, default=0)
            self._spent[contributor.name] = max(last[contributor.index], self._spent.get(contributor.name, 0))
        self._write_spent()
        for index, number in last.items():
            for received, path in self._held[index]:
                if received.number <= number:
                    path.unlink(missing_ok=True)
            self._held[index] = [(r, p) for r, p in self._held[index] if r.number > number]

    @property
    def has_run(self) -> bool:
        """Whether a run of this study has used contributions already."""
        return any(self._spent.values())

    def check_writable(self) -> None:
        """ConfigError if the folder cannot be written. Call it before the run waits for others."""
        self._write_spent()

    def _write_spent(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self.folder / SPENT, json.dumps(self._spent, sort_keys=True).encode())
        except OSError as error:
            raise ConfigError(
                f"{self.folder}: cannot be written ({error.strerror}). A run must write there which contributions it "
                "has used"
            ) from None

    def _newest(self, owner: int) -> int:
        return max((received.number for received, _ in self._held[owner]), default=0)

    def _check(self, contributor: Contributor, received: Received, newest: int) -> None:
        """RemoteProtocolError if a submission is older, spent, or has the number of a different submission."""
        known = {r.number: r.digest for r, _ in self._held[contributor.index]}
        other = known.get(received.number, received.digest) != received.digest
        if other or received.number < newest or received.number <= self._spent.get(contributor.name, 0):
            raise _older(contributor.name)

    def _add(self, received: Received, path: Path) -> None:
        self._seen.add(path.name)
        entries = self._held[received.owner]
        if any(known.digest == received.digest for known, _ in entries):
            return
        self._arrived.append(Arrived(received.owner, received.number, received.digest))
        entries.append((received, path))
        entries.sort(key=lambda entry: entry[0].number)
        while len(entries) > KEPT:
            entries.pop(0)[1].unlink(missing_ok=True)

    def _verified(self, contributor: Contributor, envelope: bytes) -> Received:
        return read(
            self._identity,
            contributor.card,
            envelope,
            self._engine,
            index=self._index,
            owner=contributor.index,
            study=self._study,
            layout=self._layout,
        )


def _keep(folder: Path, name: str, number: int, envelope: bytes) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.{number}.sealed"
    write_private(path, envelope)
    return path


def _number(path: Path) -> int:
    number = path.name.split(".")[1]
    return int(number) if number.isdecimal() else 0


def _spent(folder: Path) -> dict[str, int]:
    path = folder / SPENT
    try:
        noted = json.loads(path.read_bytes())
        return {str(name): int(number) for name, number in noted.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        raise ConfigError(
            f"{path} is damaged. It lists the used contributions: restore it from a backup, or agree on a new study"
        ) from None


def _older(name: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{name} sent a submission that was used already, or a newer one is here", peer=name)
