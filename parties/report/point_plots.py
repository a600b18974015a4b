"""Plots of curves at public points: ROC curves, and distribution functions with their band."""

from __future__ import annotations

from typing import Final

from parties.report.kinds import Matrix
from parties.report.svg import BAR, LINE, figure, svg

#: The first columns of a ROC curve (`st.roc_curve`), and the columns of a distribution (`st.ecdf`).
ROC: Final = ("false positive rate", "true positive rate")
DISTRIBUTION: Final = ("rows up to it", "share", "95 % low", "95 % high")
_SIDE: Final = 230.0
_WIDTH: Final = 420.0
_TICKS: Final = ([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])


def is_roc(value: Matrix) -> bool:
    """Whether a matrix is a ROC curve, with a number in each rate."""
    return (
        tuple((value.columns or [])[:2]) == ROC
        and len(value.values) > 0
        and all(not isinstance(x, str) for row in value.values for x in row[:2])
    )


def is_distribution(value: Matrix) -> bool:
    """Whether a matrix is a distribution function, with a number in each place, at two points or more."""
    return (
        tuple(value.columns or []) == DISTRIBUTION
        and len(_points(value)) == len(value.values) > 1
        and all(not isinstance(x, str) for row in value.values for x in row)
    )


def _points(value: Matrix) -> list[float]:
    try:
        return [float(name) for name in value.rows or []]
    except ValueError:
        return []


def roc(name: str, value: Matrix) -> str:
    """A dot for each threshold, joined by lines from (0, 0) to (1, 1); the diagonal is a marker that tells nothing."""
    rates = sorted((float(row[0]), float(row[1])) for row in value.values)
    across, up = zip((0.0, 0.0), *rates, (1.0, 1.0), strict=True)
    drawn, axes = figure(_SIDE + 80, _SIDE + 60, left=64, right=16, top=14, bottom=46)
    axes.plot([0, 1], [0, 1], color=LINE, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(across, up, color=BAR, linewidth=1.6)
    axes.plot(across[1:-1], up[1:-1], color=BAR, linewidth=0, marker="o", markersize=4, clip_on=False)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xticks(*_TICKS)
    axes.set_yticks(*_TICKS)
    axes.grid(True)
    axes.set_xlabel(ROC[0], fontsize=10.5)
    axes.set_ylabel(ROC[1], fontsize=10.5)
    return svg(drawn, f"ROC curve: {name}, {len(rates)} thresholds")


def distribution(name: str, value: Matrix) -> str:
    """A dot at each point; the step between two holds the share of the earlier one, and the exact curve lies between
    both."""
    points = _points(value)
    columns = [[float(x) for x in column] for column in zip(*value.values, strict=True)]
    share, low, high = columns[1:]
    drawn, axes = figure(_WIDTH + 80, 200 + 46, left=64, right=16, top=14, bottom=32)
    axes.fill_between(points, low, high, step="post", color=BAR, alpha=0.14, linewidth=0)
    axes.step(points, share, where="post", color=BAR, linewidth=1.8)
    axes.plot(points, share, color=BAR, linewidth=0, marker="o", markersize=3.6, clip_on=False)
    ends = [low[-1], high[-1]]
    axes.plot([points[-1]] * 2, ends, color=BAR, linewidth=5, alpha=0.14, solid_capstyle="butt", clip_on=False)
    axes.set_xlim(points[0], points[-1])
    axes.set_ylim(0, 1.02)
    axes.set_yticks(*_TICKS)
    axes.grid(True, axis="y")
    axes.set_ylabel("share of rows", fontsize=10.5)
    return svg(drawn, f"Distribution: {name}, {len(points)} points", stretch=1.2)
