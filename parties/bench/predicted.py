"""What a measurement on this machine is predicted to take: its parties share the machine's cores."""

from __future__ import annotations

import os

from mpc.forecast import Forecast, forecast
from mpc.network import Network
from parties.loader import Loaded

#: What lies between processes of one machine.
LOOPBACK = Network(50e-6, 10e9)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def predict(loaded: Loaded, names: list[str], network: Network | None) -> tuple[Forecast, int, int]:
    """Time with all parties on the cores of this machine, rounds, and payload bytes of the party that sends most."""
    from protocols.simulate import dry_run

    dry = dry_run(loaded.scenario, organizations=sorted(names), network=network)
    return forecast(dry.trace, network or LOOPBACK, cores=cores()), dry.rounds, max(dry.bytes_sent)
