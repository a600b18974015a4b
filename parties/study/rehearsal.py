"""Try a scenario before this process runs it: load it, and execute it on shapes alone, in a confined child.

A script that loops for ever, takes too much memory or cannot work fails there, and the error names its line: before
keys and rows are opened, and before this process waits for other organizations. The child only shows whether a study
can be planned; a party plans it again itself, in the process that executes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from mpc.errors import ConfigError
from mpc.machine.network import Network
from mpc.releases.speaking import held
from parties.study.confined import Limits, confined
from parties.study.loader import Loaded, find, load
from parties.study.plan import BoundStudy, StudyPlan, open_study, read_study
from parties.system.kernels import choose_cache
from parties.text.echo import echo
from protocols.computation import Computation
from protocols.dry import DryRun, collect, dry_run
from protocols.engines import make_engine


def tried_scenario(name: str, limits: Limits, *, base: Path | None = None) -> Loaded:
    """`load` in a child, then here."""
    path = find(name, base=base)
    confined("parties.study.rehearsal:loads", {"path": str(path.resolve())}, limits, readable=[path])
    return load(name, base=base)


def tried_study(path: Path, limits: Limits | None, *, place: Path | None = None, computes: bool = True) -> BoundStudy:
    """`open_study` and the dry run in a child, then `open_study` here. No limits: our parent has tried it already.

    place     as in `read_study`
    computes  False: the script is run as an organization that does not compute will run it, which counts no costs
    """
    if limits is not None:
        readable = files_of(path, made_ready(path, place))
        request = {"study": str(path), "place": None if place is None else str(place), "computes": computes}
        confined("parties.study.rehearsal:plans", request, limits, readable=readable)
    return open_study(path, place)


def made_ready(path: Path, place: Path | None = None) -> StudyPlan:
    """Read a study, and load its engine's modules here, since a confined child can keep no compiled code."""
    plan = read_study(path, place)
    choose_cache()
    make_engine(plan.engine, len(plan.having("compute")), plan.threshold)
    return plan


def files_of(path: Path, plan: StudyPlan) -> list[Path]:
    """The files that a child must read: the study, its scenario's file or folder, and the roll or the place in it."""
    enrolled = [] if plan.contributors is None else [plan.contributors.enrolled.path]
    return [path, find(plan.scenario, base=path.parent), *enrolled]


def dry_run_of(bound: BoundStudy, network: Network | None, *, speaks: bool = False) -> DryRun:
    """The study's dry run with protocols chosen for `network`: its manifest and its cost. `speaks`: show what the
    script prints."""
    with nullcontext() if speaks else held():
        return dry_run(replace(bound.computation, network=network))


def supposed(loaded: Loaded) -> Computation:
    """A study of three organizations with the scenario's default parameters, to show what it would do."""
    names = ("one", "two", "three")
    if len(loaded.scenario.holders) > len(names):
        raise ConfigError(f"it is for {len(loaded.scenario.holders)} holders of data")
    return Computation(loaded.scenario, names)


# ---- in the child
def loads(path: str) -> None:
    """Load a scenario."""
    with _quiet_if_well():
        load(path)


def plans(study: str, place: str | None, computes: bool) -> None:
    """Load a study's scenario and run it dry."""
    with _quiet_if_well():
        bound = open_study(Path(study), None if place is None else Path(place))
        if computes:
            dry_run_of(bound, bound.plan.network, speaks=True)
        else:
            collect(bound.computation, None, bound.computation.make_engine(), {})


@contextmanager
def _quiet_if_well() -> Iterator[None]:
    """Show what the script prints only before an error: a later execution shows it anyway."""
    with held() as said:
        try:
            yield
        except Exception:
            echo(*said, err=True)
            raise
