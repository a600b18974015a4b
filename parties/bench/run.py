"""Start parties and as many bare processes on this machine, run the cases, and join their measurements.

Parties and bare processes take turns case by case, so that both meet the same noise. On a shaped network there are no
bare processes: its floor is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from statistics import median
from typing import Any

from mpc.machine.engine import Cost
from mpc.machine.network import Network
from parties.bench.against import against
from parties.bench.children import BenchFailed, children
from parties.bench.growth import series
from parties.bench.predicted import predict_workload
from parties.bench.profile import joined
from parties.bench.setting import THREE, Setting, default_size
from parties.bench.tables import per_element
from parties.bench.workloads import WORKLOADS
from parties.local.launch import consortium

#: The workloads that are measured by default: half a minute.
SHORT = ("multiply_int", "multiply", "matmul", "chain", "input", "open")
#: The name for all workloads.
ALL = "all"
#: The memory limit: so many shares of so many bytes for each input and output, where there are at least _MANY.
_NUMBERS = 12
_SHARE_BYTES = {"replicated": 8, "shamir": 16}
_MANY = 100_000

Case = tuple[str, int]
Result = dict[str, Any]
#: The least seconds that bytes[from][to] take in so many dependent rounds.
Floor = Callable[[list[list[int]], int], float]


def cases(
    workloads: Sequence[str], sizes: Sequence[int], *, engine: str = "replicated", growing: bool = False
) -> list[Case]:
    """All pairs of workload and size. By default the SHORT workloads, and for each its default size for the engine.

    `growing`: without sizes, each workload at a series of sizes. Of "all", workloads for which a size is too large are
    left out.
    """
    named = list(WORKLOADS) if ALL in workloads else list(workloads or SHORT)

    def chosen(workload: str) -> Sequence[int]:
        if sizes:
            return [size for size in sizes if ALL not in workloads or too_large(workload, size) is None]
        return series(workload, engine) if growing else [default_size(workload, engine)]

    return [(workload, size) for workload in named for size in chosen(workload)]


def too_large(workload: str, size: int) -> str | None:
    """The largest size of a workload, in words, if `size` is larger; else None."""
    chosen = WORKLOADS[workload]
    return f"{workload}: at most {chosen.largest:,} {chosen.unit}" if size > chosen.largest else None


def measure(
    wanted: Sequence[Case],
    repeat: int,
    on_result: Callable[[Result], None] = lambda result: None,
    *,
    setting: Setting = THREE,
    network: Network | None = None,
    profile: bool = False,
    opponent: str | None = None,
) -> list[Result]:
    """Measure each case, on this machine's own network or on a shaped network.

    Kernels must be compiled before. Raises BenchFailed, ConfigError. `profile` adds to each result a profile of one
    more repetition, `opponent` the measurement of the system of this name.
    """
    results = []
    described = None if network is None else asdict(network)
    common = {"cases": [list(case) for case in wanted], "repeat": repeat, "network": described}
    common |= {"engine": setting.engine, "threshold": setting.threshold}
    with consortium(setting.names) as members, ExitStack() as stack:
        other = stack.enter_context(against(opponent, setting)) if opponent else None
        homes = [
            {"home": str(member.home), "index": i, "names": setting.names} for i, member in enumerate(members.values())
        ]
        parties = stack.enter_context(children("parties.bench.party", len(homes)))
        parties.tell_each(homes, common)
        floor = _computed(network) if network is not None else _measured(stack, homes, repeat)
        parties.hear_all()
        for number, (workload, size) in enumerate(wanted):
            parties.tell_all({"case": number, "profile": profile})
            replies = parties.hear_all()
            error = max(reply["error"] for reply in replies)
            limit = WORKLOADS[workload].tolerance * replies[0]["rounding"]
            if not error <= limit:
                raise BenchFailed(
                    f"{workload} of {size:,}: a wrong result, off by {error:.3g} (at most {limit:.3g})", 1
                )
            links = [reply["links"] for reply in replies]
            rounds = replies[0]["rounds"]
            seconds = [max(by_party) for by_party in zip(*(reply["seconds"] for reply in replies), strict=True)]
            middle, predicted = median(seconds), predict_workload(workload, size, setting, network).seconds
            result: Result = {
                "workload": workload,
                "size": size,
                **asdict(setting),
                "seconds": middle,
                "seconds_min": min(seconds),
                "seconds_max": max(seconds),
                "predicted_seconds": predicted,
                "difference": predicted / middle - 1,
                "floor_seconds": floor(links, rounds),
                "bytes_per_party": max(sum(row) for row in links),
                "rounds": rounds,
                "max_error": error,
                **_memory(replies, setting.engine),
                "network": described,
            }
            if profile:
                sent = [sum(row) for row in links]
                result["profile"] = joined([reply["profile"] for reply in replies], sent.index(max(sent)))
            if other is not None:
                theirs = other.measure(workload, size, repeat)
                result["against"] = None if theirs is None else {**theirs, "ratio": ratio(result, theirs)}
            results.append(result)
            on_result(result)
    return results


def ratio(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float | None:
    """The other system's time for each element, divided by ours; None if it failed."""
    if theirs["size"] is None:
        return None
    workload = ours["workload"]
    return float(
        per_element(workload, theirs["size"], theirs["seconds"]) / per_element(workload, ours["size"], ours["seconds"])
    )


def _measured(stack: ExitStack, homes: Sequence[Mapping[str, Any]], repeat: int) -> Floor:
    """The floor of this machine: the time of as many bare processes."""
    bare = stack.enter_context(children("parties.bench.floor", len(homes)))
    bare.tell_each(homes, {})
    bare.tell_all({"ports": [repetitions["port"] for repetitions in bare.hear_all()]})
    bare.hear_all()

    def seconds(links: list[list[int]], rounds: int) -> float:
        bare.tell_all({"links": links, "rounds": rounds, "repeat": repeat})
        repetitions = [reply["seconds"] for reply in bare.hear_all()]
        return float(median(max(by_party) for by_party in zip(*repetitions, strict=True)))

    return seconds


def _computed(network: Network) -> Floor:
    """The floor of a shaped network: its delay for each round, and its rate for the bytes of the busiest line."""

    def seconds(links: list[list[int]], rounds: int) -> float:
        lines = [sum(row) for row in links] + [sum(column) for column in zip(*links, strict=True)]
        return network.seconds(Cost(rounds, tuple(lines)))

    return seconds


def _memory(replies: Sequence[dict[str, Any]], engine: str = "replicated") -> dict[str, int | None]:
    """The memory of the party that takes most, and its limit if the workload is large enough for a limit."""
    elements = replies[0]["elements"]
    taken = [reply["memory"] for reply in replies if reply["memory"] is not None]
    return {
        "memory_bytes": max(taken, default=None),
        "memory_limit": _NUMBERS * _SHARE_BYTES[engine] * elements if elements >= _MANY else None,
    }
