"""The results of a measurement as tables for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from parties.bench.setting import described
from parties.report.words import size
from protocols.engines import largest_threshold

if TYPE_CHECKING:
    from rich.table import Table

Result = Mapping[str, Any]

_NAMES = {"mpyc": "MPyC"}
#: What a party's processor was busy with, in words.
PROCESSOR = {
    "kernels": "compiled loops and matrix products",
    "masks": "masks (AES)",
    "protocols": "protocols, in the interpreter",
    "scheduling": "values and scheduling",
    "network": "event loop, frames, TLS, sockets",
}


def tables(results: Sequence[Result], repeat: int) -> list[Table]:
    """All tables of these results, in the order they are printed."""
    made: list[Table] = []
    for group in by_setting(results):
        made.append(_results(group, repeat))
        if any("against" in result for result in group):
            made.append(_against(group))
    return made + [table for result in results if "profile" in result for table in _profile(result)]


def by_setting(results: Sequence[Result]) -> list[list[Result]]:
    """Results grouped by engine, number of parties and threshold."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for result in results:
        groups.setdefault(tuple(result[key] for key in ("engine", "organizations", "threshold")), []).append(result)
    return list(groups.values())


def setting(result: Result) -> str:
    """Five processes over TLS, engine shamir, threshold 2."""
    return described(result["organizations"], result["engine"], result["threshold"])


def called(other: Mapping[str, Any]) -> str:
    """The other system's name as its authors write it, and its version."""
    return f"{_NAMES.get(other['name'], other['name'])} {other['version']}"


def per_element(workload: str, size: int, value: float) -> float:
    """Seconds for each element; for a matrix product, for each of its products of numbers."""
    return value / size ** (3 if workload == "matmul" else 1)


def scenarios(results: Sequence[Result]) -> Table:
    """Whole scenarios against their predictions."""
    headings = ("time", "predicted", "difference", "rounds", "payload")
    network = results[0]["network"] if results else None
    title = setting(results[0]) if results else "Scenarios"
    table = _empty(f"{title}{on(network)}", ("scenario",), headings)
    for result in results:
        table.add_row(
            result["scenario"],
            seconds(result["seconds"]),
            seconds(result["predicted_seconds"]),
            f"{100 * result['difference']:+.0f} %",
            f"{result['rounds']:,}",
            size(result["bytes"]),
        )
    return table


def history(measurements: Sequence[Result]) -> Table:
    """One workload at one size, measured again and again; `change` is the time divided by that of the line before."""
    last = measurements[-1]
    title = f"{last['workload']} of {last['size']:,}: {setting(last)}{on(last.get('network'))}"
    table = _empty(title, ("measured", "version"), ("time", "change", "floor", "rounds"))
    for i, line in enumerate(measurements):
        change = f"{line['seconds'] / measurements[i - 1]['seconds']:.2f} x" if i else ""
        version = " ".join(filter(None, (line.get("comity"), line.get("commit"))))
        floor = seconds(line["floor_seconds"])
        table.add_row(line["measured"], version, seconds(line["seconds"]), change, floor, f"{line['rounds']:,}")
    return table


def seconds(value: float) -> str:
    """A time with its unit, three digits."""
    if value >= 1 or value == 0:
        return f"{value:.3g} s"
    for factor, unit in ((1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def on(network: Mapping[str, float] | None) -> str:
    """A shaped network in words, to follow other words; "" for this machine's own network."""
    if network is None:
        return ""
    return f"; {seconds(network['rtt_s'])} there and back, {network['bits_per_second'] / 1e6:g} Mbit/s"


def short(result: Result) -> str:
    """shamir 5, and the threshold where it is not the largest."""
    engine, count, threshold = (result[key] for key in ("engine", "organizations", "threshold"))
    most = threshold == largest_threshold(count)
    return f"{engine} {count}" if most else f"{engine} {count}, threshold {threshold}"


def _results(results: Sequence[Result], repeat: int) -> Table:
    headings = ("size", "time", "least", "most", "floor", "sent", "rounds", "error")
    network = results[0].get("network") if results else None
    title = f"{setting(results[0])}; median of {repeat}{on(network)}" if results else ""
    table = _empty(title, ("workload",), headings)
    for result in results:
        table.add_row(
            result["workload"],
            f"{result['size']:,}",
            *(seconds(result[f"seconds{which}"]) for which in ("", "_min", "_max")),
            seconds(result["floor_seconds"]),
            size(result["bytes_per_party"]),
            f"{result['rounds']:,}",
            f"{result['max_error']:.1g}",
        )
    return table


def _against(results: Sequence[Result]) -> Table:
    other = next((result["against"] for result in results if result.get("against")), None)
    name = called(other) if other else "the other system"
    title = f"Beside {name}; time for each element (of matmul: for each product)"
    table = _empty(title, ("workload",), ("size", "each", "their size", "their time", "each", "ratio", "error"))
    for result in results:
        our_time = per_element(result["workload"], result["size"], result["seconds"])
        row = [result["workload"], f"{result['size']:,}", seconds(our_time)]
        theirs = result.get("against")
        if theirs is None:
            row += ["not there"]
        elif theirs["size"] is None:
            row += ["failed"]
        else:
            their_time = per_element(result["workload"], theirs["size"], theirs["seconds"])
            figures = (
                seconds(theirs["seconds"]),
                seconds(their_time),
                ratio(theirs["ratio"]),
                f"{theirs['max_error']:.1g}",
            )
            row += [f"{theirs['size']:,}", *figures]
        table.add_row(*row)
    return table


def _profile(result: Result) -> list[Table]:
    profile = result["profile"]
    title = f"{result['workload']} of {result['size']:,} by operation ({seconds(profile['seconds'])} while watched)"
    operations = _empty(title, ("operation",), ("count", "rounds", "sent", "start to end", "processor"))
    for line in profile["operations"]:
        operations.add_row(
            line["primitive"],
            f"{line['operations']:,}",
            f"{line['rounds']:,}",
            size(line["bytes"]) if line["bytes"] else "–",
            seconds(line["elapsed_seconds"]),
            seconds(line["busy_seconds"]),
        )
    spent = profile["processor_seconds"]
    total = sum(spent.values())
    processor = _empty(f"a party's processor: {seconds(total)}", ("busy with",), ("time", "share"))
    for part, words in PROCESSOR.items():
        processor.add_row(words, seconds(spent[part]), f"{spent[part] / (total or 1):.0%}")
    return [operations, processor]


def ratio(value: float) -> str:
    """A ratio of times, with two digits, or all digits from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _empty(title: str, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in texts:
        table.add_column(heading, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
