"""A whole scenario between parties on this machine, on a shaped network or on none, against its prediction."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mpc.machine.network import Network
from parties.bench.predicted import predict
from parties.local import demo


def measure(wanted: demo.Demo, network: Network | None = None) -> dict[str, Any]:
    """Run a scenario on its sample data, once: the keys of `comity bench --scenario` (docs/performance.md).

    Raises demo.DemoFailed.
    """
    predicted, _, sent = predict(wanted, network)
    result = demo.run(wanted, network=network, compare=False)
    seconds = float(result["cost"]["seconds"])
    return {
        "scenario": wanted.loaded.name,
        "engine": wanted.engine,
        "organizations": len(wanted.names),
        "threshold": wanted.threshold,
        "predicted_seconds": predicted.seconds,
        "seconds": seconds,
        "difference": predicted.seconds / seconds - 1,
        "rounds": int(result["cost"]["rounds"]),
        "bytes": sent,
        "network": None if network is None else asdict(network),
    }
