"""Start three parties and three bare processes on this machine, run the cases, and join what they measured.

Parties and bare processes take turns case by case, so that both meet the same noise. On a shaped network there are no
bare processes: its floor is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from statistics import median
from typing import Any

from mpc.engine import Cost
from mpc.network import Network
from parties.bench.against import against
from parties.bench.children import BenchFailed, children
from parties.bench.growth import series
from parties.bench.profile import joined
from parties.bench.workloads import WORKLOADS
from parties.launch import consortium

#: What is measured where nothing is asked for: half a minute.
SHORT = ("multiply_int", "multiply", "matmul", "chain", "input", "open")
NAMES = ("first", "second", "third")
#: Bytes of memory for each number that goes in or comes out, from so many of them on.
_PER_ELEMENT = 12 * 8
_MANY = 100_000

Case = tuple[str, int]
Result = dict[str, Any]
#: Seconds that bytes[from][to] in so many dependent rounds take at least.
Floor = Callable[[list[list[int]], int], float]


def cases(workloads: Sequence[str], sizes: Sequence[int], *, growing: bool = False) -> list[Case]:
    """Every workload at every size; without workloads the short ones, without sizes each at its own.

    `growing`: without sizes, each at a series of them.
    """

    def chosen(workload: str) -> Sequence[int]:
        return sizes or (series(workload) if growing else [WORKLOADS[workload].default])

    return [(workload, size) for workload in (workloads or SHORT) for size in chosen(workload)]


def measure(
    wanted: Sequence[Case],
    repeat: int,
    on_result: Callable[[Result], None] = lambda result: None,
    *,
    network: Network | None = None,
    profile: bool = False,
    opponent: str | None = None,
) -> list[Result]:
    """Measure each case, on this machine's own network or on one that is shaped.

    Kernels must be compiled before. Raises BenchFailed, ConfigError. `profile` adds to each result where time, bytes
    and rounds of one more repetition went, `opponent` what the system of this name takes for the same.
    """
    results = []
    described = None if network is None else asdict(network)
    with consortium(NAMES) as members, ExitStack() as stack:
        other = stack.enter_context(against(opponent)) if opponent else None
        homes = [{"home": str(member.home), "index": i, "names": NAMES} for i, member in enumerate(members.values())]
        parties = stack.enter_context(children("parties.bench.party", len(homes)))
        parties.tell_each(homes, {"cases": [list(case) for case in wanted], "repeat": repeat, "network": described})
        floor = _computed(network) if network is not None else _measured(stack, homes, repeat)
        parties.hear_all()
        for number, (workload, size) in enumerate(wanted):
            parties.tell_all({"case": number, "profile": profile})
            told = parties.hear_all()
            error, limit = max(one["error"] for one in told), WORKLOADS[workload].tolerance
            if not error <= limit:
                raise BenchFailed(
                    f"{workload} of {size:,}: a wrong result, off by {error:.3g} (at most {limit:.3g})", 1
                )
            links = [one["links"] for one in told]
            rounds = told[0]["rounds"]
            seconds = [max(of_all) for of_all in zip(*(one["seconds"] for one in told), strict=True)]
            result: Result = {
                "workload": workload,
                "size": size,
                "seconds": median(seconds),
                "seconds_min": min(seconds),
                "seconds_max": max(seconds),
                "floor_seconds": floor(links, rounds),
                "bytes_per_party": max(sum(row) for row in links),
                "rounds": rounds,
                "max_error": error,
                **_memory(told),
                "network": described,
            }
            if profile:
                sent = [sum(row) for row in links]
                result["profile"] = joined([one["profile"] for one in told], sent.index(max(sent)))
            if other is not None:
                result["against"] = other.measure(workload, size, repeat)
            results.append(result)
            on_result(result)
    return results


def _measured(stack: ExitStack, homes: Sequence[Mapping[str, Any]], repeat: int) -> Floor:
    """The floor of this machine: what three bare processes take."""
    bare = stack.enter_context(children("parties.bench.floor", len(homes)))
    bare.tell_each(homes, {})
    bare.tell_all({"ports": [told["port"] for told in bare.hear_all()]})
    bare.hear_all()

    def seconds(links: list[list[int]], rounds: int) -> float:
        bare.tell_all({"links": links, "rounds": rounds, "repeat": repeat})
        told = [one["seconds"] for one in bare.hear_all()]
        return float(median(max(of_all) for of_all in zip(*told, strict=True)))

    return seconds


def _computed(network: Network) -> Floor:
    """The floor of a shaped network: its delay for each round, and its rate for the bytes of the busiest line."""

    def seconds(links: list[list[int]], rounds: int) -> float:
        lines = [sum(row) for row in links] + [sum(column) for column in zip(*links, strict=True)]
        return network.seconds(Cost(rounds, tuple(lines)))

    return seconds


def _memory(told: Sequence[dict[str, Any]]) -> dict[str, int | None]:
    """The memory of the party that takes most, and its limit where the workload is large enough for it to mean much."""
    elements = told[0]["elements"]
    taken = [one["memory"] for one in told if one["memory"] is not None]
    return {
        "memory_bytes": max(taken, default=None),
        "memory_limit": _PER_ELEMENT * elements if elements >= _MANY else None,
    }
