"""Contributions that have come for one study: kept in the home until a run uses them.

`HOME/contributions/STUDY/` holds them sealed, as they came, one file each with mode 0600: `comity run` reads what is
there and adds what comes by the network. Of each organization the newest ones are kept, a few, since compute parties
use the newest that all of them have. One that is older than what is here is refused and leaves no file.

Those that a run uses are *spent* before it opens anything: their numbers are noted in `spent.json`, then their files
are deleted. So a run that fails half-way cannot be started again with the same contribution. A study that says
`keep_contributions = true` does not spend them; its contributors agree to that with the study.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from mpc.errors import CheckFailed, ComityError, ConfigError, RemoteProtocolError
from mpc.machine.engine import Engine
from mpc.machine.outside import Dealt, Layout
from parties.contributors.contribution import PURPOSE, Received, most_bytes, read
from parties.contributors.sealing import MAX_HEADER, read_header, sealed_bytes, unseal
from parties.organization.identity import Card, Identity
from parties.system.privacy import check_private, write_private

FOLDER = "contributions"
SPENT = "spent.json"
#: Submissions of one organization that are kept at once.
KEPT = 3


@dataclass(frozen=True)
class Contributor:
    """An organization that contributes and does not compute."""

    name: str
    index: int
    card: Card


class Closed(RemoteProtocolError):
    """The run has begun with the contributions that were here."""


def folder_of(home: Path, study: bytes) -> Path:
    return home / FOLDER / study.hex()


def bring(home: Path, identity: Identity, sender: Card, envelope: bytes) -> Path:
    """Put a sealed file into the inbox, under the study it names. What it holds is verified when a run reads it.

    Raises the typed errors of `unseal`, and RemoteProtocolError for one that is older than what is there.
    """
    header = read_header(envelope)
    unseal(identity, sender, envelope, purpose=PURPOSE, study=header.study, most=len(envelope))
    folder = folder_of(home, header.study)
    there = [_number(path) for path in folder.glob(f"{sender.name}.*.sealed")]
    if header.number < max(there, default=0) or header.number <= _spent(folder).get(sender.name, 0):
        raise _older(sender.name)
    return _keep(folder, sender.name, header.number, envelope)


class Inbox:
    """The contributions to one study at one compute party. Its methods may be called from several threads."""

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
        #: The run has chosen: nothing is taken any more.
        self.closed = False
        self._lock = Lock()
        self._held: dict[int, list[tuple[Received, Path]]] = {one.index: [] for one in contributors}
        self._spent = _spent(self.folder)
        self._names = {one.index: one.name for one in contributors}
        self._seen: set[Path] = set()

    def look(self) -> list[str]:
        """Read what lies there and was not read yet; what was refused, and deleted, in words.

        Raises the typed error of the first file that is not what it should be, naming it.
        """
        by_name = {one.name: one for one in self.contributors}
        before = {index: self._newest(index) for index in self._held}
        refused: list[str] = []
        for path in sorted(self.folder.glob("*.sealed")):
            one = by_name.get(path.name.split(".")[0])
            if one is None or path in self._seen:
                continue
            try:
                check_private(path)
                received = self._verified(one, path.read_bytes())
            except ComityError as error:
                error.args = (f"{path}: {error}. Remove the file, or ask {one.name} to submit again",)
                raise
            with self._lock:
                if self.closed:
                    return refused
                try:
                    self._check(one, received, before[one.index])
                    self._add(received, path)
                except RemoteProtocolError as error:
                    path.unlink(missing_ok=True)
                    refused.append(f"{error}: {path.name} is deleted")
        return refused

    def most(self, one: Contributor) -> int:
        """Bytes that a sealed contribution has at most."""
        plain = most_bytes(self._engine, self._index, self._layout.sizes.get(one.index, 0))
        return sealed_bytes(MAX_HEADER, plain)

    def check_number(self, one: Contributor, number: int) -> None:
        """RemoteProtocolError for a submission older than one that is here, or used already."""
        if number < self._newest(one.index) or number <= self._spent.get(one.name, 0):
            raise _older(one.name)

    def accept(self, one: Contributor, envelope: bytes) -> Received:
        """Verify what an organization sends, keep it in the home and count it in. For a thread of its own.

        Raises the typed errors of `contribution.read`, RemoteProtocolError for one that is older than what is here,
        and Closed after the choice. What is refused leaves no file.
        """
        received = self._verified(one, envelope)
        with self._lock:
            if self.closed:
                raise Closed("the run has begun with the contributions that were here")
            self._check(one, received, self._newest(one.index))
            if received.digest not in [known.digest for known, _ in self._held[one.index]]:
                self._add(received, _keep(self.folder, one.name, received.number, envelope))
        return received

    def held(self, owner: int) -> list[Received]:
        """An organization's submissions, the oldest first."""
        return [received for received, _ in self._held[owner]]

    def missing(self) -> list[str]:
        return [one.name for one in self.contributors if not self._held[one.index]]

    def close(self) -> None:
        """Take nothing any more."""
        with self._lock:
            self.closed = True

    def reopen(self) -> None:
        self.closed = False

    def chosen(self, digests: Mapping[int, bytes]) -> list[Dealt]:
        """The pieces of the submissions with these digests. CheckFailed where one is not here."""
        found = []
        for one in self.contributors:
            match = [r for r in self.held(one.index) if r.digest == digests[one.index]]
            if not match:
                raise CheckFailed(f"the compute parties would use a contribution of {one.name} that is not here")
            found.append(match[-1].dealt)
        return found

    def spend(self, digests: Mapping[int, bytes]) -> None:
        """A run uses these: never take them again, nor older ones, and delete them. Before anything is opened."""
        self.close()
        last = {}
        for one in self.contributors:
            used = [r.number for r in self.held(one.index) if r.digest == digests[one.index]]
            last[one.index] = max(used, default=0)
            self._spent[one.name] = max(last[one.index], self._spent.get(one.name, 0))
        self._note()
        for index, number in last.items():
            for received, path in self._held[index]:
                if received.number <= number:
                    path.unlink(missing_ok=True)
            self._held[index] = [(r, p) for r, p in self._held[index] if r.number > number]

    def check_writable(self) -> None:
        """ConfigError where contributions could not be kept, or noted as spent: before anybody is waited for."""
        self._note()

    def _note(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self.folder / SPENT, json.dumps(self._spent, sort_keys=True).encode())
        except OSError as error:
            raise ConfigError(
                f"{self.folder}: cannot be written ({error.strerror}). What was used must be noted there"
            ) from None

    def _newest(self, owner: int) -> int:
        return max((received.number for received, _ in self._held[owner]), default=0)

    def _check(self, one: Contributor, received: Received, newest: int) -> None:
        """RemoteProtocolError where it must not count: older, spent, or another one under a number that is here."""
        known = {r.number: r.digest for r, _ in self._held[one.index]}
        other = known.get(received.number, received.digest) != received.digest
        if other or received.number < newest or received.number <= self._spent.get(one.name, 0):
            raise _older(one.name)

    def _add(self, received: Received, path: Path) -> None:
        self._seen.add(path)
        entries = self._held[received.owner]
        if any(known.digest == received.digest for known, _ in entries):
            return
        entries.append((received, path))
        entries.sort(key=lambda entry: entry[0].number)
        while len(entries) > KEPT:
            entries.pop(0)[1].unlink(missing_ok=True)

    def _verified(self, one: Contributor, envelope: bytes) -> Received:
        return read(
            self._identity,
            one.card,
            envelope,
            self._engine,
            index=self._index,
            owner=one.index,
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
            f"{path} is damaged: it says which contributions were used. Restore it, or agree on a new study"
        ) from None


def _older(name: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{name} sent a submission that is older than one that is here, or was used", peer=name)
