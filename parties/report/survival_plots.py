"""Plots of survival curves: steps with 95 % bands, and the numbers at risk below them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from parties.report.kinds import Curve, Survival
from parties.report.svg import BAR, INK, NEGATIVE, POSITIVE, TEXT, figure, svg
from parties.report.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS: Final = (BAR, NEGATIVE, POSITIVE, INK)
_DASHES: Final = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))
_WIDTH: Final = 520.0
_HEIGHT: Final = 220.0
_ROW: Final = 16.0
#: Numbers at risk stand below so many points at most.
_MOST_NUMBERS: Final = 9
#: With more curves there is no plot: it would be unreadable.
MOST_CURVES: Final = 8
_LONGEST: Final = 24


def steps(curve: Curve, grid: list[float], values: str = "survival") -> tuple[list[float], list[float]]:
    """The corners of a step curve: from (0, 1), down at each point that is shown."""
    across, up = [0.0], [1.0]
    numbers = getattr(curve, values)
    for i in curve.shown:
        level = up[-1] if isinstance(numbers[i], str) else float(numbers[i])
        across += [grid[i], grid[i]]
        up += [up[-1], level]
    return across, up


def curves(name: str, value: Survival) -> str:
    """A step curve for each group; beyond the last point that is shown it ends."""
    drawn = [
        (label, curve) for label, curve in zip(value.groups, value.curves, strict=True) if isinstance(curve, Curve)
    ]
    labels = [label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…" for label, _ in drawn]
    left = max(46.0, 6.3 * max([len(label) for label in labels] or [0]) + 28)
    below = 44 + _ROW * (len(drawn) + 1)
    made, axes = figure(left + _WIDTH + 16, _HEIGHT + 14 + below, left=left, right=16, top=14, bottom=below)
    for k, (_, curve) in enumerate(drawn):
        colour, dashes = _COLOURS[k % len(_COLOURS)], _DASHES[k // len(_COLOURS) % len(_DASHES)]
        across, up = steps(curve, value.grid)
        low, high = (steps(curve, value.grid, side)[1] for side in ("ci_low", "ci_high"))
        axes.fill_between(across, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(across, up, color=colour, linewidth=1.8, label=labels[k], dashes=dashes or (None, None))
    axes.set_xlim(0, value.grid[-1])
    axes.set_ylim(0, 1.02)
    axes.grid(True, axis="y")
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    _numbers_below(axes, value.grid, list(zip(labels, [curve for _, curve in drawn], strict=True)))
    if len(drawn) > 1:
        axes.legend(loc="lower left", frameon=False, fontsize=10, labelcolor=TEXT)
    return svg(made, f"Survival: {name}, {len(drawn)} curves", stretch=1.2)


def _numbers_below(axes: Axes, grid: list[float], drawn: list[tuple[str, Curve]]) -> None:
    points = [0.0, *grid]
    places = list(range(0, len(points), -(-len(points) // _MOST_NUMBERS)))
    axes.set_xticks([points[i] for i in places], [number(points[i]) for i in places])
    _below(axes, "at risk", None, -32)
    for k, (label, curve) in enumerate(drawn):
        down = -32 - _ROW * (k + 1)
        _below(axes, label, None, down)
        for i in places:
            at_risk = curve.at_risk[i - 1] if i else curve.rows
            _below(axes, "–" if isinstance(at_risk, str) else number(at_risk), points[i], down)


def _below(axes: Axes, text: str, time: float | None, down: float) -> None:
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
        color=TEXT,
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
