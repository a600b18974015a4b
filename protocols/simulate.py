"""A scenario in one process: all parties over memory channels, on a named engine; and the dry run.

result = simulate(scenario, {"st-mary": {"patients": frame}, "county": {...}, "north": {...}})
result.releases["age mean"], result.cost.rounds, result.cost.bytes_sent
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from typing import Any, TypeVar

from mpc.errors import ConfigError, DataError
from mpc.machine.channel import Bytes, MemoryNetwork
from mpc.machine.collecting import Collecting
from mpc.machine.engine import Cost, Engine, Integers
from mpc.machine.history import differences_here
from mpc.machine.network import Network
from mpc.machine.outside import Dealt, Layout, Outside
from mpc.machine.party import Environment
from mpc.machine.runtime import Runtime
from mpc.machine.simulation import simulated_keys
from mpc.machine.trace import Trace, Traced
from mpc.releases.manifest import Entry
from mpc.releases.scenario import Scenario
from mpc.releases.speaking import held
from mpc.releases.study import Study, runtime_of
from mpc.tables.entries import problems, read
from mpc.tables.rows import ArrayRows, Rows, Values
from mpc.tables.schema import Schema
from protocols.engines import checked_threshold
from protocols.library import Library
from protocols.mistakes import mistake, of_the_author
from protocols.simulated import Simulation

Tables = Mapping[str, Mapping[str, Any]]
Ranges = Mapping[str, Mapping[str, tuple[float, float]]]
Owners = Mapping[str, Sequence[int]]
T = TypeVar("T")
#: How often a simulation looks whether its parties wait for each other in vain.
_WATCH_S = 0.3


def make_engine(name: str, parties: int = 3, threshold: int | None = None) -> Engine:
    """An engine by name. Imports it when it is asked for (kernels are heavy).

    threshold  how many compute parties together learn nothing (default: the largest the engine takes)
    Raises ConfigError as `protocols.engines.checked_threshold` does.
    """
    if name == "ideal":
        from protocols.ideal.engine import IdealEngine

        return IdealEngine(parties)
    if name == "rounding":
        from protocols.ideal.rounding import RoundingEngine

        return RoundingEngine(parties)
    threshold = checked_threshold(name, parties, threshold)
    if name == "replicated":
        from protocols.replicated.engine import ReplicatedEngine

        return ReplicatedEngine()
    from protocols.shamir.engine import ShamirEngine

    return ShamirEngine(parties, threshold)


def rows_of(frame: Any, schema: Schema) -> Rows:
    """Rows from a mapping of columns or a pandas table, which mean what they do in a file: categories by the names of
    their levels, flags also by words; None, NaN and missing codes are missing. Raises DataError for values that the
    schema does not allow."""
    columns: dict[str, Values] = {}
    for column in schema.columns:
        if column.name not in frame:
            raise ConfigError(f"table {schema.name}: no column {column.name!r} in the data given")
        entries = read(column, frame[column.name])
        invalid, outside = int(entries.invalid.sum()), int(entries.outside(column).sum())
        if invalid or outside:
            place, total = f"table {schema.name}", len(entries.values) - int(entries.missing.sum())
            raise DataError("\n".join(problems(place, column, total, invalid, outside)))
        columns[column.name] = entries.values
    return ArrayRows(columns)


def assemble(
    scenario: Scenario,
    run: Runtime,
    organizations: Sequence[str],
    *,
    recipients: Sequence[str] | None = None,
    owners: Owners | None = None,
    parameters: Mapping[str, Any] | None = None,
    ranges: Ranges | None = None,
    rows: Mapping[str, Rows] | None = None,
    manifest: Sequence[Mapping[str, Any]] | None = None,
) -> Study:
    """The study object of one party: what processes, simulations and dry runs have in common.

    organizations  in index order: those that compute first
    owners         input -> indices of the organizations that bring rows of it (default: all of them)
    """
    everyone = range(len(organizations))
    return Study(
        run,
        parameters=scenario.settings(parameters or {}),
        participants=organizations,
        recipients=recipients if recipients is not None else organizations,
        schemas=scenario.schemas(ranges),
        owners=owners if owners is not None else dict.fromkeys(scenario.inputs, tuple(everyone)),
        at_most={name: entry.at_most for name, entry in scenario.inputs.items()},
        rows=rows,
        manifest=manifest,
    )


def simulate(
    scenario: Scenario,
    tables: Tables,
    *,
    engine: str = "replicated",
    threshold: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    ranges: Ranges | None = None,
    recipients: Sequence[str] | None = None,
    compute: Sequence[str] | None = None,
    altered: Callable[[str, Integers], Integers] | None = None,
    network: Network | None = None,
    as_planned: bool = True,
    seed: int = 1,
) -> Simulation:
    """Run a scenario with each organization's tables. Organizations take their indices by name; `threshold` is that of
    `make_engine`; `network` chooses protocols, and delays nothing.

    compute  names of those that compute (default: all); the others contribute beforehand and get parts of results
    as_planned  hold releases to those of the dry run, as a study does, where they are agreed
    altered  what an organization that does not compute deals in place of its contribution, to try a lie
    """
    inside = sorted(tables if compute is None else compute)
    names = inside + sorted(set(tables) - set(inside))
    schemas = scenario.schemas(ranges)
    memory = MemoryNetwork(len(inside))
    owners = {name: [i for i, who in enumerate(names) if name in tables[who]] for name in scenario.inputs}
    rows = {who: {name: rows_of(frame, schemas[name]) for name, frame in tables[who].items()} for who in names}

    machine = make_engine(engine, len(inside), threshold)
    planned = None
    if as_planned:
        planned = dry_run(
            scenario,
            organizations=names,
            engine=engine,
            threshold=threshold,
            recipients=recipients,
            owners=owners,
            parameters=parameters,
            ranges=ranges,
            network=network,
            compute=len(inside),
        )

    def alone(index: int) -> Study:
        return collect(
            scenario,
            index,
            machine,
            organizations=names,
            rows=rows[names[index]],
            recipients=recipients,
            owners=owners,
            parameters=parameters,
            ranges=ranges,
            network=network,
        )

    outside = {index: alone(index) for index in range(len(inside), len(names))}
    layout = next((runtime_of(study).outside.layout() for study in outside.values()), None)
    dealt: dict[int, list[Bytes]] = {}
    vectors: dict[int, Integers] = {}
    drawn = count()

    def fresh(size: int) -> bytes:
        return blake2b(repr((seed, "dealt", next(drawn))).encode(), digest_size=size).digest()

    def held(holder: int, owner: int, pieces: Sequence[Bytes]) -> Dealt:
        kinds = zip(pieces, machine.pieces(len(vectors[owner])), strict=True)
        return Dealt(owner, tuple(piece if holder in kind.holders else None for piece, kind in kinds))

    for index, study in outside.items():
        vector = vectors[index] = runtime_of(study).outside.vector(index)
        dealt[index] = machine.deal(vector if altered is None else altered(names[index], vector), fresh)

    async def party(index: int) -> Study:
        run = runs[index] = Runtime(
            make_engine(engine, len(inside), threshold),
            Library(),
            Environment(memory.channels[index], simulated_keys(index, len(inside), seed)),
            network=network,
            outside=Outside(layout, [held(index, i, pieces) for i, pieces in dealt.items()]),
        )

        study = assemble(
            scenario,
            run,
            names,
            recipients=recipients,
            owners=owners,
            parameters=parameters,
            ranges=ranges,
            rows=rows[names[index]],
            manifest=None if planned is None else planned.manifest(),
        )
        await run.execute(whole(scenario, study))
        return study

    runs: dict[int, Runtime] = {}
    finished = _together([lambda i=i: party(i) for i in range(len(inside))], runs)  # type: ignore[misc]
    by_organization = {names[i]: study.results for i, study in enumerate(finished)}
    for index, study in outside.items():
        study.deliver(names[index], [one.part_for(names[index]) for one in finished])
        by_organization[names[index]] = study.results
    releases: dict[str, Any] = {}
    for results in by_organization.values():
        releases.update(results)
    cost = runtime_of(finished[0]).cost
    return Simulation(releases, cost, by_organization, finished[0].entries, memory, finished[0].left_out)


def evaluate(
    function: Callable[[Runtime], Coroutine[Any, Any, Any]],
    *,
    engine: str = "ideal",
    parties: int = 3,
    threshold: int | None = None,
    network: Network | None = None,
    seed: int = 1,
) -> list[Any]:
    """Run `await function(run)` at every simulated party: for value-floor functions in tests and notebooks."""
    memory = MemoryNetwork(parties)
    runs: dict[int, Runtime] = {}

    async def party(index: int) -> Any:
        run = runs[index] = Runtime(
            make_engine(engine, parties, threshold),
            Library(),
            Environment(memory.channels[index], simulated_keys(index, parties, seed)),
            network=network,
        )
        box: list[Any] = []

        async def script() -> None:
            box.append(await function(run))

        await run.execute(script())
        return box[0]

    return _together([lambda i=i: party(i) for i in range(parties)], runs)  # type: ignore[misc]


async def whole(scenario: Scenario, study: Study) -> None:
    """The script after what others have contributed, and every release at its end. Raises ScenarioError for what
    `protocols.mistakes` calls a mistake of its author."""
    await study.receive()
    try:
        await scenario.script(study)
    except ConfigError as error:
        raise of_the_author(error) from error.__cause__
    except Exception as error:
        found = mistake(error, standing_in=runtime_of(study).standing_in)
        if found is None:
            raise
        raise found from error
    await study.finish()


def _together(parties: Sequence[Callable[[], Coroutine[Any, Any, Any]]], runs: Mapping[int, Runtime]) -> list[Any]:
    """All parties in one event loop; the first error ends the others and is raised. So do parties that wait for each
    other in vain."""

    async def watch(tasks: Sequence[asyncio.Future[Any]]) -> None:
        before: list[object] = []
        while not all(task.done() for task in tasks):
            await asyncio.sleep(_WATCH_S)
            waiting = [run for index, run in runs.items() if not tasks[index].done()]
            now: list[object] = [(run.waiting(), run.finished, run.operations) for run in waiting]
            if now == before and all(run.waiting() is not None for run in waiting):
                histories = [(run.name(index), run.history) for index, run in sorted(runs.items())]
                error = differences_here(histories)
                if error is not None:
                    for run in waiting:
                        run.fail(error)
            before = now

    async def main() -> list[Any]:
        tasks = [asyncio.ensure_future(start()) for start in parties]
        watching = asyncio.ensure_future(watch(tasks))
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        first = next((t.exception() for t in tasks if t in done and t.exception() is not None), None)
        for task in pending:
            task.cancel()
        watching.cancel()
        await asyncio.gather(*tasks, watching, return_exceptions=True)
        if first is not None:
            raise first
        return [task.result() for task in tasks]

    return run_here(main)


def run_here(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, also where an event loop runs already (a notebook): then in a thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(main())).result()


@dataclass
class DryRun:
    """What a study would do, from shapes and bounds alone.

    steps       operations that send
    primitives  the engine's that it uses, for `Engine.prepare`
    trace       all operations, for `mpc.machine.forecast`
    layout      what organizations that do not compute contribute
    discloses   what everybody sees in the clear besides releases: how many, and of which kind
    shared      rows that leave their owners as shares: (table, column) -> resolution; 0: they are exact
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

    @property
    def rounds(self) -> int:
        return self.cost.rounds

    @property
    def bytes_sent(self) -> tuple[int, ...]:
        return self.cost.bytes_sent

    @property
    def distance(self) -> float:
        """The statistical distance from uniform that all masked openings together leave at most; 0: none."""
        return self.cost.distance

    def manifest(self) -> list[dict[str, Any]]:
        """The releases as the agreed document lists them."""
        return [entry.describe() for entry in self.releases]


def dry_run(
    scenario: Scenario,
    *,
    organizations: Sequence[str],
    engine: str = "replicated",
    threshold: int | None = None,
    recipients: Sequence[str] | None = None,
    owners: Owners | None = None,
    parameters: Mapping[str, Any] | None = None,
    ranges: Ranges | None = None,
    network: Network | None = None,
    compute: int | None = None,
) -> DryRun:
    """Schedule the whole script without values: releases, rounds and bytes in milliseconds.

    compute  how many of the organizations compute, the first ones (default: all)
    """
    parties = len(organizations) if compute is None else compute
    machine = make_engine(engine, parties, threshold)
    layout: Layout | None = None
    while True:
        run = Traced(machine, Library(), network=network, outside=Outside(layout))
        study = assemble(
            scenario, run, organizations, recipients=recipients, owners=owners, parameters=parameters, ranges=ranges
        )
        with nullcontext() if layout is None else held():  # what the script prints was shown
            run_here(lambda run=run, study=study: run.execute(whole(scenario, study)))  # type: ignore[misc]
        asked = run.outside.layout()
        if layout is not None or not asked.partials:
            break
        layout = asked  # once more, now with what it costs to take the contributions
    awaited = any(entry.awaited for entry in study.entries)
    return DryRun(
        study.entries,
        run.cost,
        run.operations,
        run.steps,
        awaited,
        run.planned,
        run.trace,
        layout or Layout({}),
        discloses=[f"{count:,} {kind}" for kind, count in sorted(run.disclosed.items()) if count],
        shared=dict(run.shared),
    )


def collect(
    scenario: Scenario,
    owner: int | None,
    engine: Engine,
    *,
    organizations: Sequence[str],
    rows: Mapping[str, Rows],
    recipients: Sequence[str] | None = None,
    owners: Owners | None = None,
    parameters: Mapping[str, Any] | None = None,
    ranges: Ranges | None = None,
    network: Network | None = None,
) -> Study:
    """The script at an organization that does not compute: a dry run that reads its rows (None: no rows).

    `runtime_of(study).outside.vector(owner)` is then what it contributes, and `study.deliver` takes what it learns.
    Raises DataError where its data does not fit.
    """
    run = Runtime(engine, Library(), network=network)
    if owner is not None:
        run = Collecting(engine, Library(), owner, network=network)
    study = assemble(
        scenario,
        run,
        organizations,
        recipients=recipients,
        owners=owners,
        parameters=parameters,
        ranges=ranges,
        rows=rows,
    )
    run_here(lambda: run.execute(whole(scenario, study)))
    return study
