"""Plots of the tests of many SNPs: Manhattan plot (-log10 p along the genome), and p against what chance makes it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from parties.report.snps import Snps
from parties.report.svg import BAR, INK, NEGATIVE, TEXT, figure, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Of fewer SNPs there is no plot.
LEAST: Final = 20
_WIDTH: Final = 520.0
_HEIGHT: Final = 210.0
#: SNPs are drawn in so many columns: in each, a bar up to the p of most of them, and a dot for each one above.
_COLUMNS: Final = 400
_MOST_DOTS: Final = 1500
#: Points of the second plot.
_POINTS: Final = 250
#: A p of 0 is drawn at 10^-300.
_SMALLEST: Final = 1e-300


def drawable(value: Snps) -> bool:
    """Whether there are tests of enough SNPs, and not of chosen ones alone."""
    return not value.chosen and len(value.p) >= LEAST


def manhattan(name: str, value: Snps) -> str:
    """Both plots, side by side."""
    places = np.asarray([k for k, _ in value.p])
    logs = -np.log10(np.maximum(np.asarray([p for _, p in value.p]), _SMALLEST))
    side = _HEIGHT - 4
    made, axes = figure(46 + _WIDTH + 60 + side + 12, _HEIGHT + 50, left=46, right=72 + side, top=10, bottom=40)
    width, height = 46 + _WIDTH + 60 + side + 12, _HEIGHT + 50
    top = max(float(logs.max()), -math.log10(value.threshold)) * 1.06
    _along(axes, value, places, logs, top)
    beside = made.add_axes(((46 + _WIDTH + 60) / width, 40 / height, side / width, _HEIGHT / height), facecolor="none")
    _against_chance(beside, logs, top)
    return svg(made, f"-log10 p of {len(logs):,} SNPs: {name}", stretch=1.1)


def _along(axes: Axes, value: Snps, places: NDArray[np.int64], logs: NDArray[np.float64], top: float) -> None:
    total = len(value.snps)
    limit = float(np.partition(logs, -_MOST_DOTS)[-_MOST_DOTS]) if len(logs) > _MOST_DOTS else 0.0
    if limit > 0:
        column = places * _COLUMNS // total
        low = np.zeros(_COLUMNS)
        np.maximum.at(low, column[logs <= limit], logs[logs <= limit])
        edges = np.arange(_COLUMNS) * total / _COLUMNS
        axes.bar(edges, low, width=total / _COLUMNS, align="edge", color=BAR, alpha=0.45, linewidth=0)
    dots = logs > limit
    axes.plot(places[dots] + 0.5, logs[dots], linestyle="", marker="o", markersize=2.8, color=BAR, markeredgewidth=0)
    axes.axhline(-math.log10(value.threshold), color=NEGATIVE, linewidth=0.9, dashes=(4, 3))
    for k in value.shown(3):
        p = next(p for place, p in value.p if place == k)
        if p < value.threshold:
            right = k > 0.8 * total
            axes.annotate(
                value.snps[k], (k + 0.5, -math.log10(max(p, _SMALLEST))), xytext=(-5 if right else 5, -3),
                textcoords="offset points", ha="right" if right else "left", fontsize=9.5, color=TEXT,
            )  # fmt: skip
    axes.set_xlim(0, total)
    axes.set_ylim(0, top)
    axes.grid(True, axis="y")
    axes.set_xlabel("SNPs in their order", labelpad=6)
    axes.set_ylabel("−log10 p")


def _against_chance(axes: Axes, logs: NDArray[np.float64], top: float) -> None:
    """Sorted p against those of as many tests without any effect, with the band that holds 95 % of each."""
    from scipy import special

    m = len(logs)
    rank = np.unique(np.round(np.geomspace(1, m, _POINTS)).astype(np.int64))
    expected = -np.log10((rank - 0.5) / m)
    observed = np.sort(logs)[::-1][rank - 1]
    low, high = (-np.log10(special.betaincinv(rank, m + 1 - rank, q)) for q in (0.975, 0.025))
    axes.fill_between(expected, low, high, color=INK, alpha=0.14, linewidth=0)
    reach = float(expected.max()) * 1.04
    axes.plot([0, reach], [0, reach], color=INK, linewidth=0.9, dashes=(3, 3))
    axes.plot(expected, observed, linestyle="", marker="o", markersize=3, color=BAR, markeredgewidth=0)
    axes.set_xlim(0, reach)
    axes.set_ylim(0, max(top, float(high.max())))
    axes.grid(True, axis="y")
    axes.set_xlabel("−log10 p by chance", labelpad=6)
