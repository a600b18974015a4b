"""What a party's process is told, what it tells, and what it ends with; the same for those that do not compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mpc.disclosure import Entry
from parties.dataset import Brought, SourceRows
from parties.handout import Facts
from parties.home import Home
from parties.study import BoundStudy

#: Told to whoever shows progress: kind and details.
Events = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Limits:
    """How long a party waits, in seconds."""

    wait: float = 300.0
    grace: float = 7.0
    stall: float = 600.0


@dataclass
class Outcome:
    """What a run left at this organization."""

    releases: dict[str, Any]
    kinds: dict[str, str]
    protections: dict[str, str]
    study: str
    words: str
    brought: dict[str, Brought]
    rounds: int
    operations: int
    frame_bytes_sent: int
    phases: dict[str, float] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    finished: str = ""
    contributions: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def facts(self) -> Facts:
        """What is told of it to those who learn without computing."""
        return Facts(self.rounds, self.operations, self.finished, self.contributions, self.left_out)


def kinds_and_protections(entries: Sequence[Entry]) -> tuple[dict[str, str], dict[str, str]]:
    """How each release is shown, and what it is suppressed by."""
    kinds = {entry.name: entry.kind for entry in entries}
    return kinds, {entry.name: protection_of(entry) for entry in entries}


def protection_of(entry: Entry) -> str:
    """What guards a release, in a line."""
    if entry.unprotected:
        return f'not protected: a single row can show (the author\'s reason: "{entry.unprotected}")'
    if all(one.guard == "public" for one in entry.protection.values()):
        return "nothing private in it"
    if entry.minimum <= 1:
        return "no minimum: a single row can show"
    return f"fewer than {entry.minimum}: suppressed"


def check_data(home: Home, bound: BoundStudy, events: Events) -> dict[str, SourceRows]:
    """The datasets that the organization of `home` brings, checked: DataError before anything was sent."""
    from parties.catalog import open_dataset

    mine = next(o for o in bound.plan.organizations if o.name == home.name)
    rows: dict[str, SourceRows] = {}
    for name, dataset in mine.datasets.items():
        source = open_dataset(home.catalog.dataset(dataset), bound.schemas[name])
        brought = source.check(at_most=bound.at_most[name])
        rows[name] = source
        events("brought", {"input": name, **brought.describe()})
    return rows
