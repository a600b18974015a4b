"""Predict the time of a measurement on this machine, whose parties share its cores."""

from __future__ import annotations

import os

from mpc.machine.forecast import Forecast, forecast
from mpc.machine.network import Network
from mpc.machine.trace import Trace, Traced
from parties.bench.setting import THREE, Setting
from parties.bench.workloads import WORKLOADS
from parties.local.demo import Demo
from protocols.assembly import run_here
from protocols.computation import Computation
from protocols.dry import dry_run
from protocols.engines import make_engine
from protocols.library import Library

#: The network between processes of one machine.
LOOPBACK = Network(50e-6, 10e9)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def predict(wanted: Demo, network: Network | None) -> tuple[Forecast, int, int]:
    """Time with all parties on the cores of this machine, rounds, and payload bytes of the party that sends most."""
    inside = sorted(name for name, roles in wanted.roles.items() if "compute" in roles)
    names = inside + sorted(set(wanted.names) - set(inside))
    brought = wanted.files or wanted.dealt
    inputs = wanted.loaded.scenario.inputs
    computation = Computation(
        wanted.loaded.scenario,
        names,
        compute=len(inside),
        recipients=[name for name in names if "recipient" in wanted.roles[name]],
        owners={which: [i for i, name in enumerate(names) if which in brought.get(name, ())] for which in inputs},
        engine=wanted.engine,
        threshold=wanted.threshold,
        network=network,
    )
    dry = dry_run(computation)
    return forecast(dry.trace, network or LOOPBACK, cores=cores()), dry.rounds, max(dry.bytes_sent)


def predict_workload(name: str, size: int, setting: Setting = THREE, network: Network | None = None) -> Forecast:
    """Time of the timed part of a workload, with all parties on the cores of this machine."""
    return forecast(workload(name, size, setting, network), network or LOOPBACK, cores=cores())


def workload(name: str, size: int, setting: Setting = THREE, network: Network | None = None) -> Trace:
    """The operations of the timed part of a workload, whose inputs are there when it begins."""
    engine = make_engine(setting.engine, setting.organizations, setting.threshold)
    run = Traced(engine, Library(), network=network)

    async def script() -> None:
        case = WORKLOADS[name](run, size)
        await case.prepare()
        run.begin_again()
        await case.timed()

    run_here(lambda: run.execute(script()))
    return run.trace
