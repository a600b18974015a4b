"""A measurement as one self-contained HTML page: tables, bars of time, cost as size or the number of parties grows,
and profiles.

Like all pages of Comity, it contains its style and figures, runs no script and loads nothing.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from parties.bench import plots, tables
from parties.bench.plots import FLOOR, OURS, THEIRS, Bar, Line
from parties.bench.workloads import WORKLOADS
from parties.study.document import comity_version

Result = Mapping[str, Any]


def write(results: Sequence[Result], repeat: int, path: str | os.PathLike[str]) -> None:
    """Write the page, readable by its owner only, under its name once it is whole."""
    from parties.report.page import write_whole

    write_whole(path, html(results, repeat, facts()))


def facts() -> list[tuple[str, str]]:
    """When, where and with which versions this is measured."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    machine = f"{cores} cores, {_processor() or platform.machine()}, {platform.system()}"
    return [
        ("Measured", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")),
        ("Machine", machine),
        ("Python", platform.python_version()),
        ("Comity", comity_version()),
    ]


def html(results: Sequence[Result], repeat: int, facts: Sequence[tuple[str, str]]) -> str:
    """The page; `facts` are pairs of name and text, as `facts` returns them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from parties.report.svg import drawing
    from parties.report.words import size

    environment = Environment(
        loader=PackageLoader("parties"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(seconds=tables.seconds, size=size, count=plots.count)
    groups = _groups(results)
    with drawing():
        # Figures are the only text that is not escaped by the template; `svg` escapes the words in them.
        time = Markup(_time(groups))
        beside = Markup(_beside(groups))
        growth = [
            (name, [(label, Markup(plot)) for label, plot in _growth(name, group)])
            for name, group in groups.items()
            if len({result["size"] for result in group}) > 1
        ]
        scaling = [
            (name, [(label, Markup(plot)) for label, plot in _scaling(name, group)])
            for name, group in _by_size(results).items()
            if len({result["organizations"] for result in group}) > 1
        ]
    opponent = next((result["against"] for result in results if result.get("against")), None)
    return environment.get_template("bench.html.j2").render(
        results=results,
        repeat=repeat,
        facts=facts,
        time=time,
        beside=beside,
        growth=growth,
        scaling=scaling,
        settings=[tables.setting(group[0]) for group in tables.by_setting(results)],
        called=tables.short,
        several=_several(results),
        opponent=tables.called(opponent) if opponent else "",
        network=tables.on(results[0].get("network") if results else None),
        compared=any("against" in result for result in results),
        profiles=[result for result in results if "profile" in result],
        processor=tables.PROCESSOR,
        per_element=tables.per_element,
        ratio=tables.ratio,
    )


def _several(results: Sequence[Result]) -> bool:
    """Whether there is more than one engine or number of parties."""
    return len(tables.by_setting(results)) > 1


def _groups(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results by workload, with engine and parties where there are several, the smallest size first."""
    several = _several(results)
    workloads = list(dict.fromkeys(result["workload"] for result in results))
    groups: dict[str, list[Result]] = {}
    # Results of one workload stand together.
    for result in sorted(results, key=lambda result: workloads.index(result["workload"])):
        name = f"{result['workload']}, {tables.short(result)}" if several else result["workload"]
        groups.setdefault(name, []).append(result)
    return {name: sorted(group, key=lambda result: int(result["size"])) for name, group in groups.items()}


def _by_size(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results by workload, size and engine."""
    engines = {result["engine"] for result in results}
    groups: dict[str, list[Result]] = {}
    for result in results:
        name = f"{result['workload']} of {plots.count(result['size'])}"
        groups.setdefault(f"{name}, {result['engine']}" if len(engines) > 1 else name, []).append(result)
    return groups


def _time(groups: Mapping[str, Sequence[Result]]) -> str:
    """Time and floor of each workload at its largest size."""
    rows = []
    for name, group in groups.items():
        result = group[-1]
        ours, floor = result["seconds"], result["floor_seconds"]
        bars = [Bar(ours, tables.seconds(ours), OURS), Bar(floor, f"{tables.seconds(floor)} floor", FLOOR)]
        rows.append((f"{name}  {plots.count(result['size'])}", bars))
    return plots.bars("Time and floor of each workload", "time (logarithmic)", tables.seconds, rows)


def _beside(groups: Mapping[str, Sequence[Result]]) -> str:
    """Time for each element, ours and the other system's, at the largest size of each; "" where there is none."""
    rows = []
    for name, group in groups.items():
        result = group[-1]
        theirs = result.get("against")
        if not theirs or theirs["size"] is None:
            continue
        our_time = tables.per_element(result["workload"], result["size"], result["seconds"])
        their_time = tables.per_element(result["workload"], theirs["size"], theirs["seconds"])
        words = f"{tables.seconds(their_time)}, {tables.ratio(their_time / our_time)} times ours"
        rows.append((name, [Bar(our_time, tables.seconds(our_time), OURS), Bar(their_time, words, THEIRS)]))
    if not rows:
        return ""
    return plots.bars("Time for each element, side by side", "time for each element", tables.seconds, rows)


def _growth(name: str, group: Sequence[Result]) -> list[tuple[str, str]]:
    """Label and figure of time, bytes and memory against size."""
    workload = WORKLOADS.get(group[0]["workload"])
    unit = f"size, {workload.unit} (logarithmic)" if workload else "size (logarithmic)"
    sizes = [result["size"] for result in group]
    times = [
        Line("time", OURS, sizes, [result["seconds"] for result in group], sloped=True),
        Line("floor", FLOOR, sizes, [result["floor_seconds"] for result in group]),
    ]
    # One system measured twice at the largest size that fits is one point.
    theirs = {
        result["against"]["size"]: result["against"]["seconds"]
        for result in group
        if result.get("against") and result["against"]["size"] is not None
    }
    if theirs:
        times.append(Line("the other", THEIRS, list(theirs), list(theirs.values())))
    figures = [("time", plots.growth(name, "time", unit, tables.seconds, times))]
    for key, label in (("bytes_per_party", "bytes sent by a party"), ("memory_bytes", "memory beyond an idle party's")):
        known = [(result["size"], result[key]) for result in group if (result.get(key) or 0) > 0]
        if len(known) > 1:
            line = Line(label, OURS, [s for s, _ in known], [v for _, v in known], sloped=True)
            figures.append((label, plots.growth(name, label, unit, plots.data, [line])))
    return figures


def _scaling(name: str, group: Sequence[Result]) -> list[tuple[str, str]]:
    """Label and figure of time and of bytes against the number of parties."""
    counts = [result["organizations"] for result in group]
    times = [
        Line("time", OURS, counts, [result["seconds"] for result in group]),
        Line("floor", FLOOR, counts, [result["floor_seconds"] for result in group]),
    ]
    # Results at another size would need another line.
    theirs = {
        result["organizations"]: result["against"]["seconds"]
        for result in group
        if result.get("against") and result["against"]["size"] == result["size"]
    }
    if theirs:
        times.append(Line("the other", THEIRS, list(theirs), list(theirs.values())))
    label = "bytes sent by a party"
    sent = Line(label, OURS, counts, [result["bytes_per_party"] for result in group])
    return [
        ("time", plots.scaling(name, "time", tables.seconds, times)),
        (label, plots.scaling(name, label, plots.data, [sent])),
    ]


def _processor() -> str:
    """The processor's name, where the system tells."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return ""
