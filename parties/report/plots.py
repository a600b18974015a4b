"""Plots of releases as inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from parties.report import group_plots, measure_plots, point_plots, snp_plots, survival_plots
from parties.report.data import Result
from parties.report.kinds import Comparison, Glm, Histogram, Matrix, Measures, Regression
from parties.report.snps import Snps
from parties.report.survival_kinds import Curve, Curves, RisingCurve, Survival
from parties.report.svg import BAR, EMPTY, INK, LINE, NEGATIVE, POSITIVE, STRONG, TEXT, drawing, figure, svg
from parties.report.words import Number, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The width of a character of a label, in points.
_CHARACTER: Final = 6.3
_LABEL_LIMIT: Final = 24
#: With more rows of a matrix, terms or bins there is no plot: it would be unreadable and slow to draw.
_MOST_LABELS: Final = 80
_MOST_BINS: Final = 1000
#: Ratios from here up have no place on an axis.
_TOO_LARGE: Final = 1e12
_INTERCEPTS: Final = frozenset({"intercept", "(intercept)", "const", "constant"})


def draw(result: Result) -> dict[str, str]:
    """The SVG of each release that has a plot, by release name."""
    drawings = {name: plot for name in result.releases if (plot := _drawing(name, result.release(name)))}
    if not drawings:
        return {}
    with drawing():
        return {name: plot() for name, plot in drawings.items()}


def _drawing(name: str, value: Any) -> Callable[[], str] | None:
    if isinstance(value, Histogram) and _numbers(value.counts) and len(value.counts) <= _MOST_BINS:
        return lambda: _histogram(name, value)
    if isinstance(value, Matrix) and value.symmetric and 0 < len(value.values) <= _MOST_LABELS:
        return lambda: _heat_map(name, value)
    if isinstance(value, Matrix) and group_plots.by_groups(value):
        return lambda: group_plots.bars(name, value)
    if isinstance(value, Matrix) and point_plots.is_roc(value):
        return lambda: point_plots.roc(name, value)
    if isinstance(value, Matrix) and point_plots.is_distribution(value):
        return lambda: point_plots.distribution(name, value)
    if isinstance(value, Regression) and len(value.terms) <= _MOST_LABELS:
        return lambda: _coefficients(name, value)
    if isinstance(value, Glm) and len(value.terms) <= _MOST_LABELS:
        return lambda: _forest(name, value)
    if isinstance(value, Survival) and any(isinstance(curve, Curve) and curve.shown for curve in value.curves):
        return (lambda: survival_plots.curves(name, value)) if len(value.curves) <= survival_plots.MOST_CURVES else None
    if isinstance(value, Curves) and any(isinstance(curve, RisingCurve) and curve.shown for curve in value.curves):
        return (lambda: survival_plots.rising(name, value)) if len(value.curves) <= survival_plots.MOST_CURVES else None
    if isinstance(value, Comparison):
        label = f"{value.groups[0]} − {value.groups[1]}"
        return lambda: _intervals(name, [(label, value.difference, value.ci_low, value.ci_high)], "difference")
    if isinstance(value, Snps) and snp_plots.drawable(value):
        return lambda: snp_plots.manhattan(name, value)
    if isinstance(value, Measures) and (shown := measure_plots.forest(value)):
        return lambda: _intervals(name, shown.rows, shown.label, none=shown.none)
    return None


def _histogram(name: str, value: Histogram) -> str:
    drawn, axes = figure(300, 150, left=40 if value.equal_bins else 54, right=12, top=8, bottom=24)
    edges, widths = value.edges[:-1], [b - a for a, b in zip(value.edges, value.edges[1:], strict=False)]
    counts = [0.0 if isinstance(count, str) else float(count) for count in value.counts]
    if not value.equal_bins:  # the area of a bar is its count
        counts = [count / width for count, width in zip(counts, widths, strict=True)]
    axes.bar(edges, counts, width=[0.94 * w for w in widths], align="edge", color=BAR)
    top = max(counts) or 1.0
    hidden = [i for i, count in enumerate(value.counts) if isinstance(count, str)]
    if hidden:
        axes.bar(
            [edges[i] for i in hidden], [top] * len(hidden), width=[widths[i] for i in hidden],
            align="edge", color="none", edgecolor=LINE, linewidth=0, hatch="////",
        )  # fmt: skip
    axes.set_xlim(value.edges[0], value.edges[-1])
    axes.set_ylim(0, 1.04 * top)
    axes.grid(True, axis="y")
    _few_ticks(axes, x=5, y=3, whole=value.equal_bins)
    if not value.equal_bins:
        axes.set_ylabel(f"rows / {value.unit}" if value.unit else "density")
    note = f", {len(hidden)} bins not shown" if hidden else ""
    return svg(drawn, f"Histogram: {name}, {len(counts)} bins{note}", stretch=1.5)


def _heat_map(name: str, value: Matrix) -> str:
    from matplotlib.patches import Rectangle

    labels, n = [_short(label) for label in value.row_names], len(value.values)
    margin = max(32.0, _CHARACTER * max(map(len, labels)))
    cell = max(22.0, min(46.0, 640.0 / n))
    below = 0.74 * margin + 8  # labels stand at 45 degrees
    drawn, axes = figure(margin + n * cell + 12, n * cell + 8 + below, left=margin + 6, right=6, top=8, bottom=below)
    top = max([1.0, *(abs(x) for row in value.values for x in _numbers(row))])
    for i, row in enumerate(value.values):
        for j, x in enumerate(row):
            words = isinstance(x, str)
            strength = 0.0 if isinstance(x, str) else abs(x) / top
            colour = EMPTY if words else POSITIVE if float(x) >= 0 else NEGATIVE
            alpha = 1.0 if words else 0.06 + 0.94 * strength
            axes.add_patch(Rectangle((j + 0.03, i + 0.03), 0.94, 0.94, facecolor=colour, alpha=alpha, linewidth=0))
            if n <= 24:
                text = "–" if isinstance(x, str) else (f"{x:.2f}" if top <= 1 else number(x, 2)).replace("-", "−")
                axes.text(
                    j + 0.5, i + 0.52, text, ha="center", va="center",
                    fontsize=10.5 if cell > 40 else 8.5 if cell > 32 else 7,
                    color=STRONG if strength > 0.66 else TEXT,
                )  # fmt: skip
    axes.set_xlim(0, n)
    axes.set_ylim(n, 0)
    axes.set_xticks([i + 0.5 for i in range(n)], labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks([i + 0.5 for i in range(n)], labels)
    axes.spines["bottom"].set_visible(False)
    return svg(drawn, f"Heat map: {name}, {n} by {n}")


def _coefficients(name: str, value: Regression) -> str:
    """Coefficients with their intervals; in units of standard errors if the scales of the terms differ too much."""
    rows = list(zip(value.terms, value.coefficient, value.ci_low, value.ci_high, value.standard_error, strict=True))
    slopes = [row for row in rows if row[0].lower() not in _INTERCEPTS] or rows
    errors = [float(row[4]) for row in slopes if not isinstance(row[4], str) and float(row[4]) > 0]
    if errors and max(errors) > 8 * min(errors):
        scaled = [(term, _ratio(b, e), _ratio(low, e), _ratio(high, e)) for term, b, low, high, e in slopes]
        return _intervals(name, scaled, "coefficient in units of its standard error, with 95 % interval")
    return _intervals(name, [row[:4] for row in slopes], "coefficient with 95 % interval")


def _forest(name: str, value: Glm) -> str:
    """Ratios with their intervals, on a logarithmic axis."""
    slopes = [row for row in value.forest if row[0].lower() not in _INTERCEPTS] or value.forest
    drawable = [row for row in slopes if all(0 < x < _TOO_LARGE for x in _numbers(row[1:]))]
    return _intervals(name, drawable, f"{value.ratio_name} with 95 % interval", none=1, told=True)


def _intervals(
    name: str, rows: Sequence[tuple[str, Number, Number, Number]], label: str, *, none: int = 0, told: bool = False
) -> str:
    """none: the value that stands for no effect; with 1 the axis is logarithmic. told: numbers stand beside lines."""
    shown = [row for row in rows if len(_numbers(row[1:])) == 3]
    if not shown:
        return ""
    labels = [_short(row[0]) for row in shown]
    margin = max(60.0, _CHARACTER * max(map(len, labels)) + 14)
    texts = [f"{number(x, 3)} ({number(low, 3)} to {number(high, 3)})" for _, x, low, high in shown] if told else []
    beside = max([16.0, *[26 + 5.6 * len(text) for text in texts]])
    drawn, axes = figure(margin + 544 + beside, 28 * len(shown) + 50, left=margin, right=beside, top=4, bottom=44)
    for i, (_, estimate, low, high) in enumerate(shown):
        colour = INK if float(low) <= none <= float(high) else POSITIVE if float(estimate) > none else NEGATIVE
        axes.plot([float(low), float(high)], [i, i], color=colour, linewidth=2.6, solid_capstyle="round")
        axes.plot([float(estimate)], [i], marker="o", markersize=8, color=colour, markeredgewidth=0)
    for i, text in enumerate(texts):
        _beside(axes, text, i)
    if none:
        axes.set_xscale("log")
    axes.axvline(none, color=INK, linewidth=0.9, dashes=(3, 3))
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_yticks(range(len(shown)), labels)
    axes.margins(x=0.06)
    axes.grid(True, axis="x")
    axes.set_xlabel(label, labelpad=6)
    if none:
        _ratio_ticks(axes)
    else:
        _few_ticks(axes, x=7, y=None)
    return svg(drawn, f"Estimates with intervals: {name}", stretch=1.2)


def _beside(axes: Axes, text: str, row: int) -> None:
    """A text right of the axes."""
    axes.annotate(
        text, (1.0, row), (10, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
        annotation_clip=False, ha="left", va="center", fontsize=10, color=TEXT,
    )  # fmt: skip


def _ratio_ticks(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    low, high = axes.get_xlim()
    subs = (1, 1.5, 2, 3, 5, 7) if high < 20 * low else (1, 2, 5) if high < 200 * low else (1,)
    axes.xaxis.set_major_locator(MaxNLocator(6) if high < 2 * low else LogLocator(subs=subs, numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _few_ticks(axes: Axes, *, x: int, y: int | None, whole: bool = True) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    formatter = FuncFormatter(lambda value, _: _tick(value))
    axes.xaxis.set_major_locator(MaxNLocator(x, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(formatter)
    if y is not None:
        axes.yaxis.set_major_locator(MaxNLocator(y, integer=whole, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(formatter)


def _tick(value: float) -> str:
    size = abs(value)
    text = number(value, 2) if size >= 1e7 or 0 < size < 1e-4 else f"{value:,.10g}"
    return text.replace("-", "−")


def _numbers(values: Sequence[Number]) -> list[float]:
    return [float(value) for value in values if not isinstance(value, str)]


def _ratio(x: Number, error: Number) -> Number:
    if isinstance(x, str) or isinstance(error, str) or not error:
        return "undefined"
    return float(x) / float(error)


def _short(label: str) -> str:
    return label if len(label) <= _LABEL_LIMIT else label[: _LABEL_LIMIT - 1] + "…"
