"""What a scenario's script is given: its tables, its parameters, and the one way out."""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from mpc.disclosure import MINIMUM_COHORT, Entry, Masked, Opened, Result, mask, plain, soundness
from mpc.errors import ConfigError, PolicyError
from mpc.local import LocalPass
from mpc.private import PrivateTable
from mpc.rows import Rows
from mpc.runtime import Runtime
from mpc.schema import Schema
from mpc.secret import SecretArray
from mpc.source import Source


class Study:
    """One run of a scenario at one party.

    participants  names of all organizations in index order
    recipients    names of those that learn releases by default
    owners        input name -> indices of the parties that bring rows of it
    rows          input name -> this party's own rows, where it brings some
    manifest      the agreed releases; None in a dry run, which makes them
    """

    def __init__(
        self,
        run: Runtime,
        *,
        parameters: SimpleNamespace,
        participants: Sequence[str],
        recipients: Sequence[str],
        schemas: Mapping[str, Schema],
        owners: Mapping[str, Sequence[int]],
        at_most: Mapping[str, int],
        rows: Mapping[str, Rows] | None = None,
        manifest: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        self.run = run
        self.parameters = parameters
        self.participants = tuple(participants)
        self.recipients = tuple(recipients)
        self.entries: list[Entry] = []
        self.results: dict[str, Any] = {}
        self._manifest = None if manifest is None else {str(line["name"]): dict(line) for line in manifest}
        self._releases: list[Release] = []
        self._tables: dict[str, PrivateTable] = {}
        self.passes: list[LocalPass] = []
        own = dict(rows or {})
        for name, schema in schemas.items():
            if not run.dry and (run.index in owners[name]) != (name in own):
                raise ConfigError(f"input {name!r}: brought {name in own}, but the study says {name not in own}")
            local = LocalPass(run, name, own.get(name))
            self.passes.append(local)
            self._tables[name] = PrivateTable(Source(run, name, schema, owners[name], at_most[name], local))

    @property
    def minimum_cohort(self) -> int:
        """The parameter `minimum_cohort`, where the scenario has one, else 10."""
        return int(getattr(self.parameters, "minimum_cohort", MINIMUM_COHORT))

    def table(self, name: str) -> PrivateTable:
        """An input of the scenario: private rows at their owners."""
        if name not in self._tables:
            raise ConfigError(f"this scenario has no input {name!r}; it has {', '.join(self._tables)}")
        table = self._tables[name]
        if not table.source.owners:
            raise ConfigError(f"table {name}: no organization brings rows")
        return table

    def release(
        self, name: str, value: SecretArray | Result, *, to: Sequence[str] | None = None, minimum: int | None = None
    ) -> Release:
        """Open `value` to `to` (default: every recipient) under `name` when the run ends.

        Awaiting the result opens it now and gives the value in its JSON form, where all parties are recipients
        (else None everywhere, so that whatever the script branches on is known to all). `minimum`: cohort size
        below which it is suppressed (default: `minimum_cohort`).

        Raises PolicyError when the agreed manifest has no such release, or another shape, recipient or protection.
        """
        if any(release.entry.name == name for release in self._releases):
            raise ConfigError(f"two releases are named {name!r}")
        result = value if isinstance(value, Result) else plain(value)
        recipients = tuple(to) if to is not None else self.recipients
        for recipient in recipients:
            if recipient not in self.recipients:
                raise PolicyError(f"release {name!r}: {recipient} is no recipient of this study")
        least = result.minimum if minimum is None else minimum
        size = self.minimum_cohort if least is None else max(int(least), 1)
        parts = {part: secret.shape for part, secret in result.parts.items()}
        entry = Entry(name, result.kind, parts, recipients, size)
        self._check(entry)  # before it is on the list: a script that catches the error must not get it opened
        release = Release(self, entry, result)
        self._releases.append(release)
        self.entries.append(entry)
        return release

    def _check(self, entry: Entry) -> None:
        if self._manifest is None:
            return
        agreed = self._manifest.get(entry.name)
        if agreed is None:
            raise PolicyError(f"release {entry.name!r} is not in the agreed list of releases; nothing was opened")
        found = entry.describe()
        for key in ("kind", "parts", "recipients", "minimum"):
            if found[key] != agreed.get(key):
                raise PolicyError(
                    f"release {entry.name!r}: agreed {key} {agreed.get(key)}, now {found[key]}; nothing was opened"
                )

    async def settle(self, *values: SecretArray) -> None:
        """Wait until these secrets are computed (not opened): bounds what is in flight in a loop."""
        await self.run.settle(*[value.handle for value in values])

    async def gather(self, *parts: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run parts of the script concurrently; each numbers its operations by itself."""
        return await self.run.gather(*parts)

    async def finish(self) -> None:
        """Open every release that was not awaited, together, and keep the values at recipients."""
        # In program order, whatever order parts of the script that ran concurrently took.
        self._releases.sort(key=lambda release: release.position)
        self.entries[:] = [release.entry for release in self._releases]
        waiting = [release for release in self._releases if not release.scheduled]
        sound: SecretArray | None = None
        if waiting:
            with self.run.at(waiting[0].line):
                sound = soundness(self.run)
        for release in waiting:
            release.schedule(sound)
        await self.run.settle(*[handle for release in waiting for handle in release.handles()])
        for release in waiting:
            release.keep()


class Release:
    """A named value on its way out; awaitable."""

    def __init__(self, study: Study, entry: Entry, result: Result) -> None:
        self._study = study
        self.entry = entry
        self.position = study.run.scope.position
        self.line = study.run.line()
        self._result = result
        self._masked: dict[str, Masked] | None = None

    @property
    def scheduled(self) -> bool:
        return self._masked is not None

    def schedule(self, sound: SecretArray | None) -> None:
        """Compute the masks and open; the line of all this is that of the release."""
        with self._study.run.at(self.line):
            self._masked = mask(self._result, self.entry.minimum, sound)
            to = tuple(self._study.participants.index(name) for name in self.entry.recipients)
            for part in self._masked.values():
                part.open(to)

    def handles(self) -> list[Any]:
        """What has to be there before it can be read."""
        return [handle for part in (self._masked or {}).values() for handle in part.opened.values()]

    def keep(self) -> Any:
        """Read the opened parts and keep the value, at a recipient."""
        parts: dict[str, Opened] = {}
        dry = self._study.run.dry
        if dry and not self.entry.awaited:
            return None
        for name, part in (self._masked or {}).items():
            opened = part.blank() if dry else part.read()
            if opened is None:
                return None
            parts[name] = opened
        with np.errstate(all="ignore" if dry else "warn"):
            value = self._result.finish(parts)
        if not dry:
            self._study.results[self.entry.name] = value
        return value

    def __await__(self) -> Generator[Any, None, Any]:
        return self._now().__await__()

    async def _now(self) -> Any:
        self.entry.awaited = True
        if self._masked is None:
            self.schedule(soundness(self._study.run))
            await self._study.run.settle(*self.handles())
            value = self.keep()
        else:
            value = self.keep()
        return value if set(self.entry.recipients) == set(self._study.participants) else None
