"""A release on its way out of a run: its masks, its opening, and the value that recipients keep."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mpc.errors import ConfigError
from mpc.machine.operation import Handle
from mpc.machine.seen import seen, standing_in
from mpc.releases.apart import Apart
from mpc.releases.disclosure import Guard, Masked, Opened, Result, mask
from mpc.releases.manifest import Entry
from mpc.releases.releasable import finite
from mpc.untyped import Json, Opaque
from mpc.values.cohorts import Cohort

if TYPE_CHECKING:
    from mpc.releases.study import Study


class Release:
    """A named value on its way out; awaitable."""

    def __init__(self, study: Study, entry: Entry, result: Result, apart: Apart) -> None:
        self._study = study
        self._entry = entry
        self._apart = apart
        self.position = study._run.scope.position
        self.line = study._run.line()
        self._result = result
        self._masked: dict[str, Masked] | None = None

    def __repr__(self) -> str:
        return f"<release {self._entry.name!r}>"

    @property
    def entry(self) -> Entry:
        """The release's line of the manifest, as it was checked."""
        return self._entry

    @property
    def apart(self) -> Apart:
        """What holds it apart from earlier releases."""
        return self._apart

    def cohorts(self) -> list[Cohort]:
        """The counts of rows that it stands on."""
        return self._result.cohorts()

    def guards(self) -> list[Guard]:
        """Rules of tables that it is held against."""
        own = [] if self._result.guard is None else [self._result.guard]
        return [*own, *(table.guard for table in self._apart.tables)]

    @property
    def scheduled(self) -> bool:
        return self._masked is not None

    def schedule(self, same: Handle) -> None:
        """Compute the masks, and open after `same`, the comparison of what all parties do. All these operations belong
        to the script's line of the release."""
        with self._study._run.at(self.line):
            self._masked = mask(self._result, self._entry, self._apart)
            to = tuple(self._study.participants.index(name) for name in self.entry.recipients)
            for part in self._masked.values():
                part.open(to, same)

    def handles(self) -> list[Handle]:
        """The shares that must be there before it can be read."""
        opened = [handle for part in (self._masked or {}).values() for handle in part.opened.values()]
        return opened + self.handed()

    def handed(self) -> list[Handle]:
        """Parts for recipients that do not compute, in the same order everywhere."""
        return [handle for part in (self._masked or {}).values() for handle in part.handed.values()]

    def deliver(self, values: Sequence[Opaque]) -> None:
        """Take the opened values, in the order of `handed`, and keep the released value."""
        rest = iter(values)
        for part in (self._masked or {}).values():
            part.deliver({name: next(rest) for name in part.handed})
        self._keep(dry=False)

    def keep(self) -> Json:
        """Read the opened parts and keep the value, at a recipient."""
        study, run = self._study, self._study._run
        if not self.entry.parts and not run.dry and study.participants[run.index] not in self.entry.recipients:
            return None  # a public value: nothing is opened, and only recipients keep it
        return self._keep(dry=run.dry)

    def _keep(self, *, dry: bool) -> Any:
        parts: dict[str, Opened] = {}
        if dry and not self.entry.awaited:
            return None
        for name, part in (self._masked or {}).items():
            with np.errstate(all="ignore"):
                opened = part.blank() if dry else part.read()
            if opened is None:
                return None
            opened.left_out = tuple(self._study.participants[owner] for owner in self._study._run.relations.failed)
            parts[name] = opened
        with np.errstate(all="ignore"):
            value = self._finished(parts, dry)
        if not dry:
            self._study.results[self.entry.name] = value
        return value

    def _finished(self, parts: Mapping[str, Opened], dry: bool) -> Any:
        """The value in its JSON form. If that fails, the opened values, so that they are not lost."""
        try:
            return finite(self._result.finish(parts))
        except Exception as error:
            if dry:
                raise
            problem = f"could not be put together: {type(error).__name__}: {error}"
            return {"problem": problem, "opened": {name: part.cells() for name, part in parts.items()}}

    def __await__(self) -> Generator[Any, None, Any]:
        return self._now().__await__()

    async def _now(self) -> Any:
        self._entry = replace(self._entry, awaited=True)
        study, run = self._study, self._study._run
        known = set(study.participants[: run.parties]) <= set(self.entry.recipients)
        if known and any(study.participants.index(name) >= run.parties for name in study.recipients):
            raise ConfigError(
                f"release {self.entry.name!r}: the script waits for its value, which recipients that do not compute "
                "cannot have when they read theirs; release it without `await`"
            )
        if self._masked is None:
            self.schedule(run.compare_scripts())
            alike = run.compare_openings(*self.handles())
            await run.settle(alike)
            run.scope.known = max(run.scope.known, alike.depth)
            value = self.keep()
        else:
            value = self.keep()
        if not known:
            return None
        study._known = study._known or self.entry.name
        run.outside.known = run.outside.known or self.entry.name
        return seen(standing_in(value, study._stand_ins) if run.dry else value)
