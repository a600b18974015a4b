"""Contributions that have come for one study: kept in the home until a run has used them.

`HOME/contributions/STUDY/` holds them sealed, as they came, one file each with mode 0600: `comity run` reads what is
there and adds what comes by the network. Of each organization the newest ones are kept, a few, since compute parties
use the newest that all of them have. After a completed run they are deleted, and their numbers noted in `spent.json`,
so that what was used once is not taken again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpc.engine import Engine
from mpc.errors import CheckFailed, ComityError, RemoteProtocolError
from mpc.outside import Dealt, Layout
from parties.contribution import PURPOSE, Received, most_bytes, read
from parties.identity import Card, Identity, check_private, write_private
from parties.sealing import MAX_HEADER, read_header, sealed_bytes

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


def folder_of(home: Path, study: bytes) -> Path:
    return home / FOLDER / study.hex()


def keep(home: Path, name: str, envelope: bytes) -> Path:
    """Put a sealed file into the inbox, under the study it names. It is verified when a run reads it.

    Raises RemoteProtocolError where it is no sealed contribution.
    """
    header = read_header(envelope)
    if header.purpose != PURPOSE:
        raise RemoteProtocolError(f"a sealed {header.purpose}, and no contribution")
    folder = folder_of(home, header.study)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.{header.number}.sealed"
    write_private(path, envelope)
    return path


class Inbox:
    """The contributions to one study at one compute party."""

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
        self._home = home
        self._identity = identity
        self._engine = engine
        self._layout = layout
        self._index = index
        self._study = study
        self.contributors = list(contributors)
        self.folder = folder_of(home, study)
        self._held: dict[int, list[tuple[Received, Path]]] = {one.index: [] for one in contributors}
        self._spent = self._read_spent()
        self._names = {one.index: one.name for one in contributors}
        self._seen: set[Path] = set()

    def look(self) -> None:
        """Read what lies there and was not read yet. Raises the typed error of the first file that is not what it
        should be, naming it."""
        by_name = {one.name: one for one in self.contributors}
        for path in sorted(self.folder.glob("*.sealed")):
            one = by_name.get(path.name.split(".")[0])
            if one is None or path in self._seen:
                continue
            self._seen.add(path)
            try:
                check_private(path)
                received = self._verified(one, path.read_bytes())
            except ComityError as error:
                error.args = (f"{path}: {error}. Remove the file, or ask {one.name} to submit again",)
                raise
            self.add(received, path)

    def most(self, one: Contributor) -> int:
        """Bytes that a sealed contribution has at most."""
        plain = most_bytes(self._engine, self._index, self._layout.sizes.get(one.index, 0))
        return sealed_bytes(MAX_HEADER, plain)

    def check_number(self, one: Contributor, number: int) -> None:
        """RemoteProtocolError for a submission older than one that is here, or used already."""
        newest = max((received.number for received, _ in self._held[one.index]), default=0)
        if number < newest or number <= self._spent.get(one.name, 0):
            raise RemoteProtocolError(f"{one.name} sent an older submission than one that is here", peer=one.name)

    def accept(self, one: Contributor, envelope: bytes) -> tuple[Received, Path]:
        """Verify what an organization sends, and keep it in the home; `add` then counts it. For a thread of its own.

        Raises the typed errors of `contribution.read`.
        """
        received = self._verified(one, envelope)
        path = keep(self._home, one.name, envelope)
        return received, path

    def add(self, received: Received, path: Path) -> None:
        """Count a verified submission in, unless a newer or the same one was used before."""
        self._seen.add(path)
        entries = self._held[received.owner]
        used = received.number <= self._spent.get(self._names[received.owner], 0)
        if used or any(known.digest == received.digest for known, _ in entries):
            return
        entries.append((received, path))
        entries.sort(key=lambda entry: entry[0].number)
        while len(entries) > KEPT:
            entries.pop(0)[1].unlink(missing_ok=True)

    def held(self, owner: int) -> list[Received]:
        """An organization's submissions, the oldest first."""
        return [received for received, _ in self._held[owner]]

    def missing(self) -> list[str]:
        return [one.name for one in self.contributors if not self._held[one.index]]

    def chosen(self, digests: Mapping[int, bytes]) -> list[Dealt]:
        """The pieces of the submissions with these digests. CheckFailed where one is not here."""
        found = []
        for one in self.contributors:
            match = [r for r in self.held(one.index) if r.digest == digests[one.index]]
            if not match:
                raise CheckFailed(f"the compute parties would use a contribution of {one.name} that is not here")
            found.append(match[-1].dealt)
        return found

    def clear(self, digests: Mapping[int, bytes]) -> None:
        """A run used these: delete them and older ones, and never take them again."""
        for one in self.contributors:
            used = [r.number for r in self.held(one.index) if r.digest == digests[one.index]]
            last = max(used, default=0)
            self._spent[one.name] = max(last, self._spent.get(one.name, 0))
            for received, path in self._held[one.index]:
                if received.number <= last:
                    path.unlink(missing_ok=True)
            self._held[one.index] = [(r, p) for r, p in self._held[one.index] if r.number > last]
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.folder / SPENT, json.dumps(self._spent, sort_keys=True).encode())

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

    def _read_spent(self) -> dict[str, int]:
        try:
            noted = json.loads((self.folder / SPENT).read_bytes())
        except FileNotFoundError:
            return {}
        return {str(name): int(number) for name, number in noted.items()}
