"""Figures of a measurement: bars of time, and cost against size on logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from parties.bench.growth import slope
from parties.bench.tables import seconds
from parties.report.svg import BAR, INK, NEGATIVE, TEXT, figure, svg
from parties.report.words import size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

#: Room, in points, for a character of a label.
_CHARACTER = 6.3
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

Unit = Callable[[float], str]


class Bar(NamedTuple):
    """One bar of a row, with the words at its end."""

    value: float
    words: str
    colour: str


class Line(NamedTuple):
    """One line of a figure of growth; with `sloped`, its slope is written beside it."""

    name: str
    colour: str
    sizes: Sequence[int]
    values: Sequence[float]
    sloped: bool = False


def count(value: float) -> str:
    """1,000; 10,000; 10⁵; 2 × 10⁵."""
    number = round(value)
    if number < 100_000:
        return f"{number:,}"
    power = len(str(number)) - 1
    digits = number / 10**power
    return f"10{str(power).translate(_SUPERSCRIPT)}" if digits == 1 else f"{number:,}"


def data(value: float) -> str:
    """Bytes with their unit, without .0 at whole numbers."""
    return size(round(value)).replace(".0 ", " ")


def bars(title: str, label: str, unit: Unit, rows: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Groups of horizontal bars on one logarithmic axis, one group a row, the first row on top."""
    width = max(len(bar.words) for _, group in rows for bar in group)
    left = max(60.0, _CHARACTER * max(len(name) for name, _ in rows) + 16)
    thickness, gap = 13.0, 9.0
    height = sum(thickness * len(group) + gap for _, group in rows)
    drawn, axes = figure(left + 470 + _CHARACTER * width, height + 46, left=left, right=8, top=2, bottom=44)
    values = [bar.value for _, group in rows for bar in group]
    low, high = 10 ** math.floor(math.log10(min(values)) - 0.2), max(values)
    # The longest bar leaves room for its words.
    axes.set_xlim(low, high * (high / low) ** (_CHARACTER * width / 470 + 0.02))
    places, at = [], 0.0
    for _, group in rows:
        for place, bar in enumerate(group):
            y = at + thickness * (place + 0.5)
            axes.barh(y, bar.value - low, left=low, height=thickness * 0.8, color=bar.colour, linewidth=0, log=True)
            axes.annotate(
                bar.words, (bar.value, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9.5,
                color=TEXT,
            )  # fmt: skip
        places.append(at + thickness * len(group) / 2)
        at += thickness * len(group) + gap
    axes.set_ylim(at - gap / 2, -gap / 2)
    axes.set_yticks(places, [name for name, _ in rows])
    _logarithmic(axes.xaxis, unit, low, high)
    axes.grid(True, axis="x")
    axes.set_xlabel(label, labelpad=6)
    return svg(drawn, title, stretch=1.25)


def growth(title: str, label: str, x_label: str, unit: Unit, lines: Sequence[Line]) -> str:
    """Values against size, both on logarithmic axes, with the slope of the lines that ask for it."""
    drawn, axes = _lines(x_label, unit, lines)
    sizes = [s for line in lines for s in line.sizes]
    wide = max(max(sizes) / min(sizes), 2.0) ** 0.06
    axes.set_xscale("log")
    axes.set_xlim(min(sizes) / wide, max(sizes) * wide)
    _logarithmic(axes.xaxis, count, min(sizes), max(sizes))
    for line in lines:
        steep = slope(line.sizes, line.values) if line.sloped else None
        if steep is not None:
            axes.text(
                0.03, 0.97, f"slope {steep:.2f}", transform=axes.transAxes, va="top", fontsize=10.5, color=line.colour
            )
    return svg(drawn, f"{title}: {label} against size", stretch=1.3)


def scaling(title: str, label: str, unit: Unit, lines: Sequence[Line]) -> str:
    """Values, on a logarithmic axis, against the number of parties (`sizes` of the lines)."""
    drawn, axes = _lines("parties", unit, lines)
    counts = sorted({n for line in lines for n in line.sizes})
    room = 0.06 * max(counts[-1] - counts[0], 1)
    axes.set_xlim(counts[0] - room, counts[-1] + room)
    axes.set_xticks(counts, [str(n) for n in counts])
    return svg(drawn, f"{title}: {label} against the number of parties", stretch=1.3)


def _lines(x_label: str, unit: Unit, lines: Sequence[Line]) -> tuple[Figure, Axes]:
    """A small figure with these lines and its vertical axis; the caller sets the horizontal axis."""
    drawn, axes = figure(330, 236, left=56, right=14, top=12, bottom=44)
    axes.set_yscale("log")
    for line in lines:
        ordered = sorted(zip(line.sizes, line.values, strict=True))
        x, y = [point[0] for point in ordered], [point[1] for point in ordered]
        axes.plot(x, y, color=line.colour, linewidth=1.8, marker="o", markersize=4.5, markeredgewidth=0)
    # Room around the points, above them for the slope, and at least a decade high.
    values = [v for line in lines for v in line.values]
    low, high = min(values), max(values)
    tall = max(high / low, 10.0)
    axes.set_ylim(low / tall**0.06, low * tall**1.2)
    _logarithmic(axes.yaxis, unit, *axes.get_ylim())
    axes.tick_params(labelsize=9.5)
    axes.grid(True, axis="both")
    axes.set_xlabel(x_label, labelpad=5, fontsize=10)
    return drawn, axes


#: The colours of lines and bars.
OURS, FLOOR, THEIRS = BAR, INK, NEGATIVE


def _logarithmic(axis: Axis, unit: Unit, low: float, high: float) -> None:
    """Ticks at about seven powers of ten at most; where there are few, also at 2 and 5 times each."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    if last - first <= 2:
        ticks = [step * 10.0**power for power in range(first, last + 1) for step in (1, 2, 5)]
    else:
        spacing = math.ceil((last - first) / 7)
        ticks = [10.0**power for power in range(first, last + 1, spacing)]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: unit(value)))


__all__ = ["FLOOR", "OURS", "THEIRS", "Bar", "Line", "bars", "count", "data", "growth", "scaling", "seconds"]
