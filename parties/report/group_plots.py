"""Plots of tables by groups, such as deaths by drug and age: a panel of bars for each column of numbers."""

from __future__ import annotations

from typing import Final

from parties.report.kinds import Matrix
from parties.report.svg import BAR, TEXT, figure, svg
from parties.report.words import Number, number

#: The width of a character of a label, the height of a row, and the widths of panels in points.
_CHARACTER: Final = 6.3
_ROW: Final = 20.0
_PANEL: Final = 170.0
_GAP: Final = 46.0
#: Tables with more groups or more columns of numbers have no plot: it would be unreadable.
_MOST_GROUPS: Final = 60
_MOST_PANELS: Final = 4
_LONGEST: Final = 40


def by_groups(value: Matrix) -> bool:
    """Whether a matrix is a table whose first columns name groups, and whose others are numbers from 0 up."""
    keys = _keys(value)
    rest = [x for row in value.values for x in row[keys:] if not isinstance(x, str)]
    panels = len(value.column_names) - keys
    return (
        value.rows is None and value.labels is None and value.columns is not None
        and keys > 0 and 0 < panels <= _MOST_PANELS and 0 < len(value.values) <= _MOST_GROUPS
        and len(rest) > 0 and all(x >= 0 for x in rest)
    )  # fmt: skip


def _keys(value: Matrix) -> int:
    """How many of the first columns hold texts only."""
    columns = list(zip(*value.values, strict=True))
    texts = [all(isinstance(x, str) for x in column) for column in columns]
    return texts.index(False) if False in texts else len(texts)


def bars(name: str, value: Matrix) -> str:
    """A row for each group, a panel for each column of numbers. Words stand in place of numbers that are not shown."""
    keys, n = _keys(value), len(value.values)
    labels = [", ".join(str(x) for x in row[:keys]) for row in value.values]
    labels = [label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…" for label in labels]
    columns = value.column_names[keys:]
    margin = _CHARACTER * max(map(len, labels)) + 12
    width, height = margin + len(columns) * (_PANEL + _GAP), n * _ROW + 34
    drawn, axes = figure(width, height, left=margin, right=width - margin - _PANEL, top=24, bottom=10)
    for k, column in enumerate(columns):
        if k:
            left = (margin + k * (_PANEL + _GAP)) / width
            axes = drawn.add_axes((left, 10 / height, _PANEL / width, (height - 34) / height), facecolor="none")
        cells: list[Number] = [row[keys + k] for row in value.values]
        sizes = [0.0 if isinstance(x, str) else float(x) for x in cells]
        top = max(sizes) or 1.0
        axes.barh(range(n), sizes, height=0.66, color=BAR)
        for i, x in enumerate(cells):
            text = "–" if isinstance(x, str) else number(x, 3)
            axes.text(sizes[i] + 0.02 * top, i, text, va="center", fontsize=9.5, color=TEXT)
        axes.set_xlim(0, top)
        axes.set_ylim(n - 0.4, -0.6)
        axes.set_xticks([])
        axes.set_yticks(range(n), labels if k == 0 else [""] * n)
        axes.spines["bottom"].set_visible(False)
        axes.set_title(column, fontsize=11, color=TEXT, loc="left")
    return svg(drawn, f"By groups: {name}, {n} groups", stretch=1.1)
