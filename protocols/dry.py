"""Dry runs: the whole script on shapes and bounds alone; and over the rows of an organization that does not compute."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from mpc.machine.collecting import Collecting
from mpc.machine.engine import Cost, Engine
from mpc.machine.outside import Layout, Outside
from mpc.machine.runtime import Runtime
from mpc.machine.trace import Trace, Traced
from mpc.releases.manifest import Entry
from mpc.releases.speaking import held
from mpc.releases.study import Study
from mpc.tables.aggregates import Aggregate
from mpc.tables.rows import Rows
from protocols.assembly import Line, assemble, run_here, whole
from protocols.computation import Computation
from protocols.library import Library


@dataclass
class DryRun:
    """What a study would do, from shapes and bounds alone.

    steps       operations that send
    primitives  the engine's that it uses, for `Engine.prepare`
    trace       all operations, for `mpc.machine.forecast`
    layout      what organizations that do not compute contribute
    discloses   what everybody sees in the clear besides releases: how many, and of which kind
    prepared    tables that owners prepare from their rows: the owners' indices, and what they do, in words
    shared      rows that leave their owners as shares: (table, column) -> resolution; 0: they are exact
    asked       input -> the aggregates that its owners compute
    """

    releases: list[Entry]
    cost: Cost
    operations: int
    steps: int
    may_depend_on_opened: bool
    primitives: set[str]
    trace: Trace
    layout: Layout
    discloses: list[str] = field(default_factory=list)
    shared: dict[tuple[str, str], float] = field(default_factory=dict)
    prepared: list[tuple[tuple[int, ...], str]] = field(default_factory=list)
    asked: dict[str, list[Aggregate]] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """The longest chain of rounds that depend on each other."""
        return self.cost.rounds

    @property
    def bytes_sent(self) -> tuple[int, ...]:
        """Payload bytes that each compute party sends."""
        return self.cost.bytes_sent

    @property
    def distance(self) -> float:
        """The statistical distance from uniform that all masked openings together leave at most; 0: none."""
        return self.cost.distance

    def manifest(self) -> list[Line]:
        """The releases as the agreed document lists them."""
        return [entry.describe() for entry in self.releases]


def dry_run(computation: Computation) -> DryRun:
    """Schedule the whole script without values: releases, rounds and bytes in milliseconds.

    Raises ComityError of all kinds, at the line of the script that cannot work.
    """
    engine = computation.make_engine()
    layout: Layout | None = None
    while True:
        run = Traced(engine, Library(), network=computation.network, outside=Outside(layout))
        study = assemble(computation, run)
        with nullcontext() if layout is None else held():  # what the script prints was shown
            _run(computation, run, study)
        asked = run.outside.layout()
        if layout is not None or not asked.partials:
            break
        layout = asked  # once more, now with what it costs to take the contributions
    return DryRun(
        study.entries,
        run.cost,
        run.operations,
        run.steps,
        any(entry.awaited for entry in study.entries),
        run.planned,
        run.trace,
        layout or Layout({}),
        discloses=[f"{count:,} {kind}" for kind, count in sorted(run.disclosed.items()) if count],
        shared=dict(run.shared),
        prepared=list(run.prepared.values()),
        asked=dict(zip(computation.schemas, (local.asked for local in study.passes), strict=True)),
    )


def collect(computation: Computation, owner: int | None, engine: Engine, rows: Mapping[str, Rows]) -> Study:
    """The script at an organization that does not compute: a dry run that reads its rows.

    `runtime_of(study).outside.vector(owner)` is then what it contributes, and `study.deliver` takes what it learns.

    owner  its index; None: it only learns, and no rows are read
    Raises DataError where its data does not fit.
    """
    if owner is None:
        run = Runtime(engine, Library(), network=computation.network)
    else:
        run = Collecting(engine, Library(), owner, network=computation.network)
    study = assemble(computation, run, rows=rows)
    _run(computation, run, study)
    return study


def _run(computation: Computation, run: Runtime, study: Study) -> None:
    run_here(lambda: run.execute(whole(computation.scenario, study)))
