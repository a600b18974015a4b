"""A scenario in one process: all parties over memory channels, on a named engine.

result = simulate(scenario, {"st-mary": {"patients": frame}, "county": {...}, "north": {...}})
result.releases["age mean"], result.cost.rounds, result.cost.bytes_sent
plan = dry_run(Computation(scenario, ["county", "north", "st-mary"]))  # without data
largest = compute(protocols.numeric.largest, [3, -1, 12])  # a function of secrets, in the clear: 12
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from hashlib import blake2b
from inspect import isawaitable
from itertools import count
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpc.errors import BoundExceeded, LocalProtocolError
from mpc.machine.channel import Bytes, MemoryChannel, MemoryNetwork
from mpc.machine.engine import Integers
from mpc.machine.history import differences_here
from mpc.machine.network import Network
from mpc.machine.opening import open_to
from mpc.machine.outside import Dealt, Layout, Outside
from mpc.machine.party import Environment
from mpc.machine.runtime import Runtime
from mpc.machine.simulation import simulated_keys
from mpc.releases.scenario import Scenario
from mpc.releases.study import Study, runtime_of
from mpc.tables.rows import Rows
from mpc.untyped import Anything, Opaque, Program
from mpc.values.fixed import decode, magnitude
from mpc.values.secret import SecretArray, constant
from protocols.assembly import Frame, assemble, rows_of, run_here, whole
from protocols.computation import Computation, Ranges
from protocols.dry import DryRun, collect, dry_run
from protocols.engines import make_engine
from protocols.library import Library
from protocols.simulated import Simulation

__all__ = [
    "Computation",
    "DryRun",
    "Simulation",
    "compute",
    "dry_run",
    "evaluate",
    "make_engine",
    "opened",
    "simulate",
]

#: Organization -> input -> table.
Tables = Mapping[str, Mapping[str, Frame]]
#: What an organization deals in place of its contribution: from its name and what it would deal.
Altered = Callable[[str, Integers], Integers]
T = TypeVar("T")
#: How often a simulation looks whether its parties wait for each other in vain.
_WATCH_S = 0.3


def simulate(
    scenario: Scenario,
    tables: Tables,
    *,
    engine: str = "replicated",
    threshold: int | None = None,
    parameters: Mapping[str, Anything] | None = None,
    ranges: Ranges | None = None,
    recipients: Sequence[str] | None = None,
    compute: Sequence[str] | None = None,
    altered: Altered | None = None,
    network: Network | None = None,
    as_planned: bool = True,
    seed: int = 1,
) -> Simulation:
    """Run a scenario with each organization's tables. Organizations take their indices by name. Keywords that are not
    named here are those of `Computation`; `network` delays nothing.

    compute     names of those that compute (default: all); the others contribute beforehand and get parts of results
    as_planned  hold releases to those of the dry run, as a study does, where they are agreed
    altered     what organizations that do not compute deal in place of their contributions, to try a lie
    """
    inside = sorted(tables if compute is None else compute)
    names = inside + sorted(set(tables) - set(inside))
    computation = Computation(
        scenario,
        names,
        compute=len(inside),
        recipients=recipients,
        owners={name: [i for i, who in enumerate(names) if name in tables[who]] for name in scenario.inputs},
        parameters=parameters,
        ranges=ranges,
        engine=engine,
        threshold=threshold,
        network=network,
    )
    schemas = computation.schemas
    rows = [{name: rows_of(frame, schemas[name]) for name, frame in tables[who].items()} for who in names]
    manifest = dry_run(computation).manifest() if as_planned else None
    outside = _Outside(computation, rows, altered, seed)
    memory = MemoryNetwork(len(inside))

    async def party(index: int, runs: dict[int, Runtime]) -> Study:
        run = runs[index] = Runtime(
            computation.make_engine(),
            Library(),
            Environment(memory.channels[index], simulated_keys(index, len(inside), seed)),
            network=network,
            outside=outside.dealt_to(index),
        )
        study = assemble(computation, run, rows=rows[index], manifest=manifest)
        await run.execute(whole(scenario, study))
        return study

    finished = _together(party, len(inside))
    by_organization = {names[i]: study.results for i, study in enumerate(finished)}
    for index, study in outside.studies.items():
        study.deliver(names[index], [one.part_for(names[index]) for one in finished])
        by_organization[names[index]] = study.results
    releases = {name: value for results in by_organization.values() for name, value in results.items()}
    first = finished[0]
    return Simulation(releases, runtime_of(first).cost, by_organization, first.entries, memory, first.left_out)


class _Outside:
    """The organizations that do not compute: the study of each by its index, and what they deal to compute parties."""

    def __init__(
        self,
        computation: Computation,
        rows: Sequence[Mapping[str, Rows]],
        altered: Altered | None,
        seed: int,
    ) -> None:
        self._engine = engine = computation.make_engine()
        self.studies = {i: collect(computation, i, engine, rows[i]) for i in computation.contributors}
        self._layout: Layout | None = None
        self._sizes: dict[int, int] = {}
        self._pieces: dict[int, list[Bytes]] = {}
        drawn = count()

        def fresh(size: int) -> bytes:
            return blake2b(repr((seed, "dealt", next(drawn))).encode(), digest_size=size).digest()

        for index, study in self.studies.items():
            outside = runtime_of(study).outside
            vector = outside.vector(index)
            self._layout = self._layout or outside.layout()
            self._sizes[index] = len(vector)
            name = computation.organizations[index]
            self._pieces[index] = engine.deal(vector if altered is None else altered(name, vector), fresh)

    def dealt_to(self, holder: int) -> Outside:
        """What a compute party takes into its run."""
        dealt = []
        for owner, pieces in self._pieces.items():
            kinds = zip(pieces, self._engine.pieces(self._sizes[owner]), strict=True)
            dealt.append(Dealt(owner, tuple(piece if holder in kind.holders else None for piece, kind in kinds)))
        return Outside(self._layout, dealt)


def evaluate(
    function: Callable[[Runtime], Coroutine[Any, Any, T]],
    *,
    engine: str = "ideal",
    parties: int = 3,
    threshold: int | None = None,
    network: Network | None = None,
    seed: int = 1,
) -> list[T]:
    """Run `await function(run)` at every simulated party: for value-floor functions in tests and notebooks."""
    memory = MemoryNetwork(parties)

    async def party(index: int, runs: dict[int, Runtime]) -> T:
        run = runs[index] = Runtime(
            make_engine(engine, parties, threshold),
            Library(),
            Environment(memory.channels[index], simulated_keys(index, parties, seed)),
            network=network,
        )
        box: list[T] = []

        async def script() -> None:
            box.append(await function(run))

        await run.execute(script())
        return box[0]

    return _together(party, parties)


async def opened(run: Runtime, x: SecretArray) -> NDArray[Any]:
    """The values of a secret in a simulated run, for tests and notebooks; in a study, a release is the only way out.

    Shapes  that of x: int64 or bool, for fixed-point numbers and wherever something is undefined (NaN) float64
    Raises  LocalProtocolError in a run that is not simulated, and for a secret of another run; BoundExceeded where a
            value is beyond the bound that was stated of it
    """
    if not isinstance(run.environment.channel, MemoryChannel) or x.run is not run:
        raise LocalProtocolError(f"{x!r} is not of this simulated run: values leave a study by `study.release` alone")
    parts = (x,) if x.valid is None else (x, x.valid)
    openings = [open_to(run, part.handle, range(run.parties)) for part in parts]
    await run.settle(*openings)
    raw, *mask = [np.asarray(opening.share) for opening in openings]
    if x.type != "bool" and magnitude(raw) > x.bound:
        raise BoundExceeded(f"{x!r}: the raw integer {magnitude(raw)} is beyond the bound {x.bound} that was stated")
    numbers = raw if x.type == "int" and x.frac == 0 else decode(raw, x.frac)
    values = raw.astype(np.bool_) if x.type == "bool" else numbers
    return np.where(mask[0].astype(np.bool_), values.astype(np.float64), np.nan) if mask else values


def compute(
    function: Program,
    *arrays: ArrayLike,
    engine: str = "ideal",
    parties: int = 3,
    threshold: int | None = None,
    network: Network | None = None,
    seed: int = 1,
) -> Opaque:
    """What `function(*secrets)` of these arrays gives, at simulated parties, in the clear: for tests and notebooks.

    compute(lambda x: x.sort(), [3, 1, 2])  # array([1, 2, 3])

    function  of secrets, as `mpc.values.secret.constant` makes them of the arrays; it gives a secret, or several in a
              list or tuple, or is an `async def` that does (Any: of as many secrets as there are arrays)
    engine    and the keywords after it: as for `evaluate`

    Gives an array as `opened` does, or a list of arrays. Raises what the function does, and BoundExceeded.
    """

    async def script(run: Runtime) -> Any:
        result = function(*[constant(run, array) for array in arrays])
        result = await result if isawaitable(result) else result
        if isinstance(result, list | tuple):
            return [await opened(run, secret) for secret in result]
        return await opened(run, result)

    return evaluate(script, engine=engine, parties=parties, threshold=threshold, network=network, seed=seed)[0]


def _together(party: Callable[[int, dict[int, Runtime]], Coroutine[Any, Any, T]], parties: int) -> list[T]:
    """All parties in one event loop; the first error ends the others and is raised. So do parties that wait for each
    other in vain. Each is started as `party(index, runs)`, and puts its runtime into `runs`."""
    runs: dict[int, Runtime] = {}

    async def watch(tasks: Sequence[asyncio.Future[T]]) -> None:
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

    async def main() -> list[T]:
        tasks = [asyncio.ensure_future(party(index, runs)) for index in range(parties)]
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
