"""The limits, the data check and the outcome of a party's process, whether its organization computes or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from parties.contributors.handout import Facts
from parties.data.dataset import RowCounts, SourceRows
from parties.organization.home import Home
from parties.report.disclosed import Line
from parties.study.plan import BoundStudy
from parties.system.events import Brought, Checking, Events

#: Opened values by the name of their release, in their JSON forms.
Releases = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """How long a party waits, in seconds."""

    wait: float = 300.0
    grace: float = 7.0
    stall: float = 600.0


@dataclass
class Outcome:
    """The results and facts of a run at this organization.

    manifest  the lines of the agreed document about releases, in the order of the script
    skipped   agreed releases that the script has not asked for
    """

    releases: Releases
    manifest: list[Line]
    study: str
    words: str
    brought: dict[str, RowCounts]
    rounds: int
    operations: int
    frame_bytes_sent: int
    phases: dict[str, float] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    finished: str = ""
    contributions: int = 0
    left_out: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    #: Messages about files that could not be written.
    unwritten: list[str] = field(default_factory=list)

    @property
    def facts(self) -> Facts:
        """The facts of the run for recipients that do not compute."""
        return Facts(self.rounds, self.operations, self.finished, self.contributions, self.left_out)


def _telling(dataset: str, events: Events) -> Callable[[int, int], None]:
    """What tells how far the check of a large dataset is."""
    return lambda rows, about: events(Checking(dataset, rows, about))


def check_data(home: Home, bound: BoundStudy, events: Events) -> dict[str, SourceRows]:
    """Check the datasets that the organization of `home` brings. Raises DataError; nothing was sent yet."""
    from parties.organization.catalog import open_dataset

    computation = bound.computation
    rows: dict[str, SourceRows] = {}
    for name, dataset in bound.plan.datasets(home.name).items():
        source = open_dataset(home.catalog.dataset(dataset), computation.schemas[name])
        source.on_rows = _telling(dataset, events)
        brought = source.check(at_most=computation.at_most[name])
        rows[name] = source
        counts = (brought.rows, dict(brought.missing), brought.dropped)
        events(Brought(name, brought.dataset, brought.file, *counts))
    return rows
