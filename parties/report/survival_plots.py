"""Plots of curves on a grid of times: steps with 95 % bands, and the numbers at risk below them.

A dot stands at each point that is shown: there the estimate is known. Between two dots the step holds the value of the
earlier one, and the exact curve lies between both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from parties.report.survival_kinds import Curve, Curves, RisingCurve, Survival
from parties.report.svg import BAR, INK, NEGATIVE, POSITIVE, TEXT, figure, svg
from parties.report.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS: Final = (BAR, NEGATIVE, POSITIVE, INK)
_DASHES: Final = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))
_WIDTH: Final = 520.0
_HEIGHT: Final = 240.0
_ROW: Final = 16.0
#: Numbers at risk stand below as many points as there is room for: the width of a digit, and the space between two.
_DIGIT: Final = 5.6
_GAP: Final = 12.0
#: With more curves there is no plot: it would be unreadable.
MOST_CURVES: Final = 8
_LONGEST: Final = 24
_AT_RISK: Final = "at risk"
#: With more points shown on a curve there are no dots: they would hide the steps.
_MOST_DOTS: Final = 40

AnyCurve = Curve | RisingCurve


def steps(
    curve: AnyCurve, grid: list[float], values: str = "survival", start: float = 1.0
) -> tuple[list[float], list[float]]:
    """The corners of a step curve: from (0, start), up or down at each point that is shown."""
    across, up = [0.0], [start]
    numbers = getattr(curve, values)
    for i in curve.shown:
        level = up[-1] if isinstance(numbers[i], str) else float(numbers[i])
        across += [grid[i], grid[i]]
        up += [up[-1], level]
    return across, up


def curves(name: str, value: Survival) -> str:
    """A step curve of survival for each group; beyond the last point that is shown it ends."""
    drawn = [(label, x) for label, x in zip(value.groups, value.curves, strict=True) if isinstance(x, Curve)]
    return _plot(f"Survival: {name}", "survival", "survival", value.grid, drawn, start=1.0)


def rising(name: str, value: Curves) -> str:
    """A step curve for each group or cause, from 0 up."""
    drawn = [(label, x) for label, x in zip(value.labels, value.curves, strict=True) if isinstance(x, RisingCurve)]
    title = f"{value.what[:1].upper()}{value.what[1:]}: {name}"
    return _plot(title, value.what, "estimate", value.grid, drawn, start=0.0)


def _plot(
    title: str, label: str, values: str, grid: list[float], drawn: Sequence[tuple[str, AnyCurve]], *, start: float
) -> str:
    each: list[tuple[str, AnyCurve]] = [
        (text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…", curve) for text, curve in drawn
    ]
    left = max(64.0, 6.3 * max(len(text) for text in (*[text for text, _ in each], _AT_RISK)) + 28)
    below = 44 + _ROW * (len(each) + 1)
    made, axes = figure(left + _WIDTH + 24, _HEIGHT + 14 + below, left=left, right=24, top=14, bottom=below)
    top = 1.0
    if start < 1:
        ends = [
            float(x) for _, curve in each for x in (*curve.ci_high, *getattr(curve, values)) if not isinstance(x, str)
        ]
        top = max(ends, default=0.0) or 1.0
    for k, (text, curve) in enumerate(each):
        _curve(axes, curve, grid, values, start, k, text, band=0.14 if len(each) < 4 else 0.07)
    axes.set_xlim(0, grid[-1])
    axes.set_ylim(0, 1.04 * top)
    axes.grid(True, axis="y")
    if start >= 1:
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_ylabel(label, fontsize=10.5)
    axes.yaxis.set_label_coords(-46 / _WIDTH, 0.5)
    _numbers_below(axes, grid, each)
    if len(each) > 1:
        axes.legend(loc="lower left" if start >= 1 else "upper left", frameon=False, fontsize=10, labelcolor=TEXT)
    return svg(made, f"{title}, {len(each)} curves", stretch=1.2)


def _curve(
    axes: Axes, curve: AnyCurve, grid: list[float], values: str, start: float, k: int, text: str, *, band: float
) -> None:
    """The k-th curve: its band, its steps, its dots, and the interval of its last point, where the band ends."""
    colour, dashes = _style(k)
    across, up = steps(curve, grid, values, start)
    low, high = (steps(curve, grid, side, start)[1] for side in ("ci_low", "ci_high"))
    axes.fill_between(across, low, high, color=colour, alpha=band, linewidth=0)
    axes.plot(across, up, color=colour, linewidth=1.8, label=text, dashes=dashes or (None, None))
    if 0 < len(curve.shown) <= _MOST_DOTS:
        axes.plot(across[2::2], up[2::2], color=colour, linewidth=0, marker="o", markersize=3.6, clip_on=False)
    if len(across) > 1 and low[-1] < high[-1]:
        axes.plot(
            [across[-1]] * 2,
            [low[-1], high[-1]],
            color=colour,
            linewidth=5,
            alpha=band,
            solid_capstyle="butt",
            clip_on=False,
        )


def _style(k: int) -> tuple[str, tuple[float, ...]]:
    return _COLOURS[k % len(_COLOURS)], _DASHES[k // len(_COLOURS) % len(_DASHES)]


def _numbers_below(axes: Axes, grid: list[float], drawn: list[tuple[str, AnyCurve]]) -> None:
    points = [0.0, *grid]
    numbers = [x for _, curve in drawn for x in (curve.rows, *curve.at_risk) if not isinstance(x, str)]
    widest = max((len(number(x)) for x in (*numbers, *points)), default=1) * _DIGIT + _GAP
    places = [0]
    for i, time in enumerate(points):
        if (time - points[places[-1]]) * _WIDTH / grid[-1] >= widest:
            places.append(i)
    axes.set_xticks([points[i] for i in places], [number(points[i]) for i in places])
    _below(axes, _AT_RISK, None, -32)
    for k, (label, curve) in enumerate(drawn):
        down = -32 - _ROW * (k + 1)
        _below(axes, label, None, down, _style(k)[0])
        for i in places:
            at_risk = curve.at_risk[i - 1] if i else curve.rows
            _below(axes, "–" if isinstance(at_risk, str) else number(at_risk), points[i], down)


def _below(axes: Axes, text: str, time: float | None, down: float, colour: str = TEXT) -> None:
    """A text some points below the axis: at a time, or left of the curves."""
    axes.annotate(
        text,
        (0.0, 0.0) if time is None else (time, 0.0),
        (-22, down) if time is None else (0, down),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        annotation_clip=False,
        ha="right" if time is None else "center",
        va="center",
        fontsize=9.5,
        color=colour,
    )


def sparkline(curve: Curve, grid: list[float], marks: str, hidden: str, width: int = 40) -> str:
    """A character for each part of the time, as high as the survival at its end; `hidden` after the last point."""
    shown = curve.shown
    if not shown:
        return hidden * width
    out = []
    corners = [
        (0.0, 1.0),
        *((grid[i], float(curve.survival[i])) for i in shown if not isinstance(curve.survival[i], str)),
    ]
    for k in range(width):
        time = grid[-1] * (k + 1) / width
        if time > corners[-1][0]:
            out.append(hidden)
            continue
        level = next((low for (_, low), (after, _) in pairwise(corners) if time < after), corners[-1][1])
        out.append(marks[min(len(marks) - 1, int(level * len(marks)))])
    return "".join(out)
