"""The object that a scenario's script gets: its tables, its parameters, and its only way to release a value."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError, PolicyError
from mpc.machine.digest import in_short
from mpc.machine.functions import Unique
from mpc.machine.runtime import Runtime
from mpc.machine.seen import without_numbers
from mpc.releases.apart import Apart
from mpc.releases.disclosure import MINIMUM_COHORT, Result
from mpc.releases.enough import enough
from mpc.releases.manifest import Entry, protections
from mpc.releases.receiving import receive
from mpc.releases.releasable import Labels, as_result
from mpc.releases.release import Release
from mpc.releases.told import Told
from mpc.suggestions import also, closest
from mpc.tables.dominance import Dominance
from mpc.tables.local import LocalPass
from mpc.tables.private import PrivateTable
from mpc.tables.rows import Rows
from mpc.tables.schema import Schema
from mpc.tables.secret_columns import SecretColumn
from mpc.tables.secret_table import SecretTable
from mpc.tables.source import Source
from mpc.untyped import Anything, Opaque
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray


class Study:
    """One run of a scenario at one party.

    participants  names of all organizations in index order
    recipients    names of those that learn releases by default
    owners        input name -> indices of the organizations that bring rows of it
    rows          input name -> this party's own rows, where it brings some
    manifest      the agreed releases; None in a dry run, which makes the list
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
        self._run = run
        run.names = tuple(participants)
        self.parameters = parameters
        self.participants = tuple(participants)
        self.recipients = tuple(recipients)
        self.entries: list[Entry] = []
        self.results: dict[str, Any] = {}
        self._manifest = None if manifest is None else {str(line["name"]): dict(line) for line in manifest}
        self._releases: list[Release] = []
        self._told = Told(others=self.minimum_without_own_rows)
        self._known = ""
        self._stand_ins = count(1)
        self._tables: dict[str, PrivateTable] = {}
        self.passes: list[LocalPass] = []
        own = dict(rows or {})
        prepared: dict[bytes, Source] = {}
        for name, schema in schemas.items():
            if run.reads is not None and (run.reads in owners[name]) != (name in own):
                raise ConfigError(f"input {name!r}: brought {name in own}, but the study says {name not in own}")
            local = LocalPass(run, name, own.get(name))
            self.passes.append(local)
            brought = {name: own[name]} if name in own else {}
            source = Source(
                run,
                name,
                schema,
                owners[name],
                at_most[name],
                local,
                self._dominance(),
                tables=brought,
                family=prepared,
            )
            self._tables[name] = PrivateTable(source)

    @property
    def minimum_cohort(self) -> int:
        """The parameter `minimum_cohort`, where the scenario has one, else 10."""
        return int(getattr(self.parameters, "minimum_cohort", MINIMUM_COHORT))

    @property
    def minimum_without_own_rows(self) -> bool:
        """Whether minimums hold without each owner's own rows, too: the parameter of this name, else True."""
        return bool(getattr(self.parameters, "minimum_without_own_rows", True))

    def _dominance(self) -> Dominance | None:
        """The parameter `dominance_percent`: the p of the p% rule, where the scenario has one and it is not 0."""
        percent = getattr(self.parameters, "dominance_percent", 0)
        if not isinstance(percent, int) or isinstance(percent, bool) or not 0 <= percent <= 100:
            raise ConfigError(f"dominance_percent = {percent!r}: expected a whole number from 0 (no rule) to 100")
        return Dominance(percent, self.minimum_without_own_rows) if percent else None

    def __repr__(self) -> str:
        return f"<study of {', '.join(self.participants)}>"

    def table(self, name: str) -> PrivateTable:
        """An input of the scenario: private rows at their owners."""
        if name not in self._tables:
            meant = also(closest(name, self._tables))
            raise ConfigError(f"this scenario has no input {name!r}; it has {', '.join(self._tables)}{meant}")
        table = self._tables[name]
        if not table.source.owners:
            raise ConfigError(f"table {name}: no organization brings rows")
        return table

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the scenario's inputs."""
        return tuple(self._tables)

    def sql(
        self,
        query: str,
        *,
        rows: Mapping[str, int] | None = None,
        unique: Mapping[str, Unique] | None = None,
        matches: int | None = None,
        groups: int | None = None,
    ) -> SecretTable | dict[str, SecretColumn]:
        """The result of one SELECT over the inputs, to compute with or to release: a secret table, or for aggregates
        without GROUP BY the single values, by name. `docs/sql.md` says what is supported, with DuckDB's meaning.

        rows     table -> public upper limit of the rows that one owner shares, padded to it; not needed for tables with
                 an at_most, nor where no rows are shared
        unique   table -> column, or columns together, that differ in any two rows
        matches  public upper limit of the rows with one key, in joins where no side's keys are unique
        groups   public upper limit of the number of groups that come out; default: what follows from the tables

        What one owner can do alone it does before anything is shared: conditions, joins of its tables, terms of their
        columns, groups of inner queries. Costs and protection are those of the verbs of tables.
        Raises ConfigError for what is not supported, with line, column and remedy.
        """
        return self._run.functions.sql(self, query, rows=rows, unique=unique, matches=matches, groups=groups)

    def release(
        self,
        name: str,
        value: Anything,
        *,
        to: Sequence[str] | None = None,
        minimum: int | None = None,
        unprotected: str = "",
        labels: Labels | None = None,
    ) -> Release:
        """Open `value` to `to` (default: every recipient) under `name` when the run ends.

        Awaiting the result opens it now and gives the value in its JSON form, where all compute parties are recipients
        (else None everywhere, so that the script branches only on values that all know). After that, the script can ask
        nothing of organizations that do not compute, and they cannot be recipients of the study. `minimum`: cohort size
        below which it is suppressed (default: `minimum_cohort`). `unprotected`: why it may come out although no
        minimum holds; all read the reason before they agree.

        value   a secret of any shape, a list, tuple or dict of secrets, a result of a statistic, or a public value
        labels  of a vector's elements; of a matrix, labels=(rows, columns)

        Raises PolicyError where nothing guards the value and `unprotected` gives no reason; and when the agreed
        manifest has no such release, or another shape, recipient or protection. ConfigError for what cannot be
        released, labels that do not fit, or a minimum below 1.
        """
        if any(release.entry.name == name for release in self._releases):
            raise ConfigError(f"two releases are named {name!r}")
        result = as_result(name, value, labels)
        recipients = self.recipients if to is None else (to,) if isinstance(to, str) else tuple(to)
        for recipient in recipients:
            if recipient not in self.recipients:
                who = ", ".join(self.recipients)
                raise PolicyError(f"release {name!r}: {recipient} is no recipient of this study, which has {who}")
        if not isinstance(unprotected, str):
            raise ConfigError(
                f"release {name!r}: unprotected={unprotected!r}; it is the reason, in words, which all read before "
                'they agree: unprotected="why"'
            )
        reason = unprotected.strip()
        size = self._minimum(name, result.minimum if minimum is None else minimum)
        apart = self._told.beside(name, result, 0 if reason else size)
        entry = self._entry(name, result, recipients, size, reason, apart)
        self._check(entry)  # before it is on the list: a script that catches the error must not get it opened
        derived = None if result.parts else in_short(result.finish({}))
        handles = [secret.handle for secret in result.parts.values()]
        self._run.cover(f"release {name!r}", (entry.describe(), derived), *handles)
        release = Release(self, entry, result, apart)
        self._releases.append(release)
        self.entries.append(entry)
        return release

    def _minimum(self, name: str, asked: int | None) -> int:
        size = self.minimum_cohort if asked is None else asked
        if not isinstance(size, int | np.integer) or isinstance(size, bool):
            raise ConfigError(f"release {name!r}: a minimum of {size!r}; expected a whole number of rows")
        if size < 1:
            raise ConfigError(f"release {name!r}: a minimum of {size} rows; expected 1 or more (default 10)")
        return int(size)

    def _entry(
        self, name: str, result: Result, recipients: tuple[str, ...], size: int, reason: str, apart: Apart
    ) -> Entry:
        guards = protections(result, size)
        gap = next((protection.gap for protection in guards.values() if protection.guard == "none"), "")
        if gap and not reason:
            raise PolicyError(
                f"release {name!r}: {gap}. Reduce the rows first (sum, mean, quantile, …), or give the reason why it "
                'may come out all the same: release(…, unprotected="why"); everybody reads that before they agree'
            )
        file, line = self._run.line()
        return Entry(
            name,
            result.kind,
            {part: secret.shape for part, secret in result.parts.items()},
            recipients,
            0 if reason else size,
            guards,
            others=self.minimum_without_own_rows,
            dominance=0 if reason or size < 2 else max((cohort.dominance for cohort in result.cohorts()), default=0),
            together=result.together,
            apart=apart.beside,
            unprotected=reason,
            source=f"{Path(file).name}:{line}",
        )

    def _check(self, entry: Entry) -> None:
        if self._manifest is None:
            return
        agreed = self._manifest.get(entry.name)
        if agreed is None:
            raise PolicyError(
                f"release {entry.name!r} is not in the agreed list of releases; it was not opened{self._whence()}"
            )
        now = entry.describe()
        # After an awaited release, `apart` is not compared: the plan had stand-ins for the awaited numbers, equal ones
        # for different ones, and the same agreed code computes what follows from the numbers.
        free = {"awaited", "apart"} if self._known else {"awaited"}
        for key in now:
            if (
                key not in free
                and now[key] != agreed.get(key)
                and not (self._known and key == "protection" and _as_strong(agreed[key], now[key]))
            ):
                raise PolicyError(
                    f"release {entry.name!r}: agreed {key} {agreed.get(key)}, now {now[key]}; it was not opened"
                    + self._whence()
                )

    def _whence(self) -> str:
        """Why a script may have come to a release that was not agreed, in words."""
        if not self._known:
            return ""
        return (
            f". The script has the value of release {self._known!r}, for which another number stood in when it was "
            "planned. It may compute with the value, but not choose by it what is released: release both, in any case"
        )

    async def receive(self) -> None:
        """Take the contributions of organizations that do not compute; before the script, at all parties alike."""
        if any(owner >= self._run.parties for table in self._tables.values() for owner in table.source.owners):
            # In its own scope, so that it does not change the places of the script.
            await self._run.gather(receive(self._run))

    @property
    def left_out(self) -> tuple[str, ...]:
        """Organizations whose shared numbers exceed their bounds or contradict each other: results that depend on these
        numbers count them as organizations without rows."""
        owners = {*self._run.outside.left_out, *self._run.relations.failed}
        return tuple(self.participants[owner] for owner in sorted(owners))

    async def settle(self, *values: SecretArray | SecretTable) -> None:
        """Wait until these secrets, and all columns of these tables, are computed (not opened): so a script keeps few
        operations in flight."""
        tables = [value for value in values if isinstance(value, SecretTable)]
        numbers = [value for value in values if not isinstance(value, SecretTable)]
        numbers += [x for table in tables for x in table.numbers()]
        masks = [x.valid for x in numbers if x.valid is not None]
        await self._run.settle(*[value.handle for value in (*numbers, *masks)])

    async def gather(self, *parts: Coroutine[Any, Any, Any]) -> list[Opaque]:
        """Run parts of the script concurrently; each part numbers its own operations."""
        return await self._run.gather(*parts)

    async def finish(self) -> None:
        """Open every release that was not awaited, together, and keep the values at recipients."""
        # In program order, also where parts of the script ran concurrently.
        self._releases.sort(key=lambda release: release.position)
        self.entries[:] = [release.entry for release in self._releases]
        waiting = [release for release in self._releases if not release.scheduled]
        if waiting:
            with self._run.at(waiting[0].line):
                self._compare(waiting)
                same = self._run.compare_scripts()
        for release in waiting:
            release.schedule(same)
        if waiting:
            with self._run.at(waiting[0].line):
                opened = [handle for release in waiting for handle in release.handles()]
                alike = self._run.compare_openings(*opened) if opened else same
            await self._run.settle(alike)
        for release in waiting:
            release.keep()
        kept = dict(self.results)  # awaited releases came first
        self.results.clear()
        self.results |= {entry.name: kept[entry.name] for entry in self.entries if entry.name in kept}

    def _compare(self, releases: Sequence[Release]) -> None:
        """Compare the counts behind several releases with their minimums, all at once."""
        cohorts: dict[tuple[int, bool], list[Cohort]] = {}
        rules: dict[tuple[Callable[[Iterable[Cohort], int, bool], None], int, bool], list[Cohort]] = {}
        for release in releases:
            entry = release.entry
            if entry.minimum > 1:
                cohorts.setdefault((entry.minimum, entry.others), []).extend(release.cohorts())
                for guard in release.guards():
                    if guard.compare is not None:
                        tables = [table for behind in guard.cohorts.values() for table in behind]
                        rules.setdefault((guard.compare, entry.minimum, entry.others), []).extend(tables)
        for (minimum, others), behind in cohorts.items():
            enough(self._run, behind, minimum, others=others)
        for release in releases:  # in order: whether a release comes out decides about later ones
            if release.entry.minimum > 1:
                enough(self._run, release.apart.counts(), release.entry.minimum, others=release.entry.others)
        for (compare, minimum, others), tables in rules.items():
            compare(tables, minimum, others)

    def part_for(self, recipient: str) -> NDArray[np.uint64]:
        """This compute party's parts of all releases to an organization that does not compute, joined."""
        words = [np.asarray(h.share).reshape(-1) for r in self._to(recipient) for h in r.handed()]
        return np.concatenate(words) if words else np.empty(0, np.uint64)

    def part_words(self, recipient: str) -> int:
        """Words of `part_for`."""
        return sum(self._run.engine.handed_words(h.spec) for r in self._to(recipient) for h in r.handed())

    def deliver(self, recipient: str, parts: Sequence[NDArray[np.uint64]]) -> None:
        """At an organization that does not compute, after its dry run: put the parts of all compute parties together.

        Raises CheckFailed where they contradict each other.
        """
        engine = self._run.engine
        begin = 0
        for release in self._to(recipient):
            values = []
            for handle in release.handed():
                end = begin + engine.handed_words(handle.spec)
                values.append(engine.combine([part[begin:end] for part in parts], handle.spec))
                begin = end
            release.deliver(values)

    def _to(self, recipient: str) -> list[Release]:
        return [release for release in self._releases if recipient in release.entry.recipients]


def runtime_of(study: Study) -> Runtime:
    """The run of a study, for code that assembles runs. A script cannot reach it, nor see whether it is dry."""
    return study._run


def skipped(study: Study) -> tuple[str, ...]:
    """Agreed releases that the script has not asked for, since it chose by the value of an awaited release."""
    released = {release.entry.name for release in study._releases}
    return tuple(name for name in study._manifest or () if name not in released)


def _as_strong(agreed: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether parts have the agreed guards; numbers in their texts may differ, and more rows may have to be enough."""
    if agreed.keys() != now.keys():
        return False
    for part, text in without_numbers(agreed).items():
        other = without_numbers(now[part])
        if {**text, "counts": []} != {**other, "counts": []} or not set(text["counts"]) <= set(other["counts"]):
            return False
    return True
