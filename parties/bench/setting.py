"""The setting of a measurement: engine and number of parties; and the default sizes of workloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parties.bench.workloads import WORKLOADS
from parties.study.trust import number
from protocols.engines import REPLICATED_PARTIES, checked_threshold, default_engine

#: Largest default size with an engine, where that is below the workload's default: a case takes some seconds.
_SMALLER = {
    "shamir": {
        "matmul": 200,
        "multiply_int": 100_000,
        "multiply": 100_000,
        "dot": 100_000,
        "shuffle": 10_000,
        "sort_32": 1_000,
        "sort_64": 1_000,
        "quantile": 1_000,
        "logistic_sgd": 1_000,
        "mlp_predict": 16,
        "input": 100_000,
        "open": 100_000,
    }
}
_OTHERS = {"shamir": 10_000}


@dataclass(frozen=True)
class Setting:
    """Engine, number of compute parties, and how many of them together learn nothing."""

    engine: str = "replicated"
    organizations: int = REPLICATED_PARTIES
    threshold: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parties, in index order."""
        return tuple(f"party-{i + 1:02}" for i in range(self.organizations))


THREE = Setting()


def settings(engine: str | None, organizations: Sequence[int], threshold: int | None) -> list[Setting]:
    """A setting for each number of organizations (default: three), with the engine by their number if none is named.

    Raises ConfigError if an engine does not take this number of parties or this threshold.
    """
    made = []
    for count in organizations or [REPLICATED_PARTIES]:
        chosen = engine or default_engine(count)
        made.append(Setting(chosen, count, checked_threshold(chosen, count, threshold)))
    return made


def default_size(workload: str, engine: str) -> int:
    """The default size of a workload with an engine."""
    default = WORKLOADS[workload].default
    if engine not in _SMALLER:
        return default
    return min(default, _SMALLER[engine].get(workload, _OTHERS[engine]))


def described(organizations: int, engine: str, threshold: int) -> str:
    """Five processes over TLS, engine shamir, threshold 2."""
    return f"{number(organizations).capitalize()} processes over TLS, engine {engine}, threshold {threshold}"
