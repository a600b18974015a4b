"""A release on the terminal, by its form.

Long values are shortened to their beginning and end, with the number of elements left out; `result.json` has all of
them. Characters that the output cannot show are replaced by plain ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from parties.report.kinds import (
    Array,
    Comparison,
    Crosstab,
    Glm,
    Histogram,
    LogRank,
    Matrix,
    Measures,
    Regression,
    Survival,
    Vector,
)
from parties.report.snps import Snps
from parties.report.survival_plots import sparkline
from parties.report.words import Number, number, probability, scientific, shortened

_BARS: Final = "▁▂▃▄▅▆▇█"
_PLAIN_BARS: Final = "_.-:=+*#"
_BAR_WIDTH: Final = 20
#: An axis shows at most so many elements; if it is longer, _TAIL of these are its last ones.
_MOST: Final = 24
_TAIL: Final = 6
#: At most so many matrices of an array are shown, and so many lines of a value of unknown form.
_MOST_MATRICES: Final = 4
_MOST_LINES: Final = 60
#: So many SNPs, those with the smallest p.
_MOST_SNPS: Final = 10


def show(value: Any, console: Console) -> None:
    """Print a release that `Result.release` has returned."""
    if isinstance(value, str):
        console.print(Padding(Text(value, "dim"), (0, 3), expand=False))
    elif isinstance(value, Vector):
        _vector(value, console)
    elif isinstance(value, Matrix):
        (_lower_half if value.symmetric else _matrix)(value, console)
    elif isinstance(value, Array):
        _array(value, console)
    elif isinstance(value, Regression):
        _regression(value, console)
    elif isinstance(value, Glm):
        _glm(value, console)
    elif isinstance(value, Comparison):
        _comparison(value, console)
    elif isinstance(value, Crosstab):
        _crosstab(value, console)
    elif isinstance(value, Measures):
        _measures(value, console)
    elif isinstance(value, Survival):
        _survival(value, console)
    elif isinstance(value, LogRank):
        _logrank(value, console)
    elif isinstance(value, Snps):
        _snps(value, console)
    else:
        _json(value, console)


def bars(histogram: Histogram, console: Console) -> Text:
    """A character for each bin or each few bins; a dot if a bin was suppressed."""
    marks, hidden = (_BARS, "·") if _unicode(console) else (_PLAIN_BARS, "?")
    step = -(-len(histogram.counts) // _BAR_WIDTH) or 1
    heights = [
        None if _has_words(histogram.counts[i : i + step]) else _height(histogram, i, i + step)
        for i in range(0, len(histogram.counts), step)
    ]
    top = max((height for height in heights if height), default=1.0)
    out = Text()
    for height in heights:
        if height is None:
            out.append(hidden, "dim")
        elif height <= 0:
            out.append(" ")
        else:
            out.append(marks[min(7, int(8 * height / top))], "cyan")
    return out


def _height(histogram: Histogram, start: int, end: int) -> float:
    """The height of the bins from `start` to `end` together: their count, or their density if bin widths differ."""
    count = float(sum(map(float, histogram.counts[start:end])))
    if histogram.equal_bins:
        return count
    edges = histogram.edges[start : end + 1]
    return count / (edges[-1] - edges[0])


def _unicode(console: Console) -> bool:
    """Whether the output can show all characters."""
    return not console.options.ascii_only


def _has_words(values: Iterable[Number]) -> bool:
    return any(isinstance(value, str) for value in values)


def _left_out(length: int, what: str) -> str:
    return f"… {length - _MOST:,} more of {length:,} {what} …"


def _vector(value: Vector, console: Console) -> None:
    length = len(value.values)
    if not length:
        console.print(Text("   no elements", "dim"))
        return
    table = table_of("", value.unit, "", right=(value.unit,), header=bool(value.unit))
    names = value.names
    amounts = [abs(x) for x in value.values if not isinstance(x, str | bool)]
    top, mark = max(amounts, default=0) or 1, "█" if _unicode(console) else "#"
    for i in shortened(length, _MOST, _TAIL):
        if i is None:
            table.add_row(Text(_left_out(length, "elements"), "dim"), "", "")
            continue
        x = value.values[i]
        bar = "" if isinstance(x, str | bool) else mark * round(_BAR_WIDTH * abs(x) / top)
        table.add_row(Text(names[i]), cell(x), Text(bar, "cyan"))
    console.print(table)


def _lower_half(value: Matrix, console: Console) -> None:
    """The lower half of a symmetric matrix; its columns are named by number."""
    names = [f"{i + 1} {label}" for i, label in enumerate(value.row_names)]
    cells = [[_entry(x, console) for x in row[: i + 1]] for i, row in enumerate(value.values)]
    _blocks(names, [str(j + 1) for j in range(len(names))], cells, console)
    _words(value, console)


def _matrix(value: Matrix, console: Console) -> None:
    """A matrix; the middle of a large one is left out."""
    names, columns, values = value.row_names, value.column_names, value.values
    if not names or not columns:
        console.print(Text(f"   {value.empty}", "dim"))
        return
    rows, across = (shortened(len(axis), _MOST, _TAIL) for axis in (names, columns))
    dots = Text("…", "dim")
    cells = [[dots if i is None or j is None else cell(values[i][j], 4) for j in across] for i in rows]
    labels = [_left_out(len(names), "rows") if i is None else names[i] for i in rows]
    _blocks(labels, ["…" if j is None else columns[j] for j in across], cells, console)
    if len(columns) > _MOST:
        console.print(Text(f"   {_left_out(len(columns), 'columns')}", "dim"))


def _blocks(names: Sequence[str], headings: Sequence[str], cells: Sequence[Sequence[Text]], console: Console) -> None:
    """A table in blocks of columns that fit the width; rows may be shorter than the first column of a block."""
    label_width = min(max(map(len, names), default=1), max(8, console.width // 3))
    longest = max((len(entry) for row in cells for entry in row), default=1)
    width = 1 + min(max(longest, *map(len, headings)), max(8, console.width // 3))
    block = max(1, (console.width - label_width - 2) // width)
    for start in range(0, len(headings), block):
        span = headings[start : start + block]
        table = table_of("", *span, right=span, gap=0)
        table.columns[0].max_width = label_width
        for column in table.columns[1:]:
            column.min_width = 0
            column.header = Text(f" {column.header}", overflow="fold")
        for name, row in zip(names, cells, strict=True):
            cells_in_block = row[start : start + block]
            if cells_in_block:
                table.add_row(Text(name), *cells_in_block)
        console.print(table)


def _words(value: Matrix, console: Console) -> None:
    """The words that the dots of a matrix stand for."""
    for word in sorted({x for row in value.values for x in row if isinstance(x, str)}):
        console.print(Text(f"   {_dot(console)}  {word}", "dim"))


def _dot(console: Console) -> str:
    return "·" if _unicode(console) else "?"


def _entry(x: Number, console: Console) -> Text:
    """An entry of a symmetric matrix; a correlation without its leading zero."""
    if isinstance(x, str):
        return Text(_dot(console), "dim")
    strength = "bold " if abs(x) >= 0.7 else "dim " if abs(x) < 0.3 else ""
    text = f"{x:.2f}" if abs(x) < 100 else number(x, 3)
    if abs(x) < 1:
        text = text.replace("0.", ".", 1)
    return Text(text, strength + ("blue" if x >= 0 else "yellow"))


def _array(value: Array, console: Console) -> None:
    """An array of three or more dimensions, as the matrices of its last two."""
    console.print(Text(f"   {' × '.join(map(str, value.shape))}", "dim"))
    for place, matrix in value.matrices(_MOST_MATRICES):
        console.print(Text(f"   [{', '.join(map(str, place))}]", "dim"))
        _matrix(matrix, console)
    count = prod(value.shape[:-2])
    if 0 not in value.shape and count > _MOST_MATRICES:
        console.print(Text(f"   … {count - _MOST_MATRICES:,} more of {count:,} matrices …", "dim"))


def _json(value: Any, console: Console) -> None:
    lines = json.dumps(value, indent=2, ensure_ascii=False).splitlines()
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… {len(lines) - _MOST_LINES:,} more lines …"]
    console.print(Padding(Text("\n".join(lines)), (0, 3), expand=False))


def _regression(value: Regression, console: Console) -> None:
    names = ("coef.", "std. err.", "t", "p", "95 % low", "95 % high")
    table = table_of("", *names, right=names)
    intervals = zip(value.ci_low, value.ci_high, strict=True)
    rows = zip(value.terms, value.coefficient, value.standard_error, value.t, value.p, intervals, strict=True)
    for term, coefficient, error, t, p, (low, high) in rows:
        words = next((x for x in (coefficient, error) if isinstance(x, str)), None)
        if words is not None and coefficient == error:  # the same words in all cells are printed once
            table.add_row(Text(term), Text(words, "dim"))
            continue
        cells = [cell(x, 4) for x in (coefficient, error)]
        t_text = cell(t) if isinstance(t, str) else Text(f"{t:.2f}")
        p_text = cell(p) if isinstance(p, str) else Text(probability(p))
        table.add_row(Text(term), *cells, t_text, p_text, cell(low, 4), cell(high, 4))
    console.print(table)
    if value.tests is not None:
        tests = table_of("term", "df", "F", "p", right=("df", "F", "p"))
        for name, df, f, p in zip(value.tests.terms, value.tests.df, value.tests.f, value.tests.p, strict=True):
            p_text = cell(p) if isinstance(p, str) else Text(probability(p))
            tests.add_row(Text(name), Text(str(df)), cell(f, 4), p_text)
        console.print(tests)
    shown = [
        (label, Text(probability(x)) if label == "p of F" and not isinstance(x, str) else cell(x))
        for label, x in value.facts
    ]
    _facts(shown, console)


def _glm(value: Glm, console: Console) -> None:
    names = ("coef.", "std. err.", "p", value.ratio_name, "95 % interval")
    table = table_of("", *names, right=names)
    rows = zip(value.forest, value.coefficient, value.standard_error, value.p, strict=True)
    for (term, ratio, low, high), coefficient, error, p in rows:
        p_text = cell(p) if isinstance(p, str) else Text(probability(p))
        interval = Text(f"{number(low, 4)} to {number(high, 4)}")
        table.add_row(Text(term), cell(coefficient, 4), cell(error, 3), p_text, cell(ratio, 4), interval)
    console.print(table)
    _facts([(label, _p(x) if label.startswith("p of") else cell(x)) for label, x in value.facts], console)


def _comparison(value: Comparison, console: Console) -> None:
    first, second = value.groups
    means = zip(value.groups, value.means or [], strict=value.means is not None)
    facts = [(f"mean, {group}", cell(x)) for group, x in means]
    facts.append((f"{first} minus {second}", cell(value.difference)))
    if not _has_words((value.ci_low, value.ci_high)):
        facts.append(("95 % interval", Text(f"{number(value.ci_low)} to {number(value.ci_high)}")))
    facts += [("t", cell(value.statistic, 4)), ("df", cell(value.df, 4)), ("p", _p(value.p))]
    _facts(facts, console)


def _crosstab(value: Crosstab, console: Console) -> None:
    table = table_of("", *value.columns, right=value.columns)
    for label, counts in zip(value.rows, value.counts, strict=True):
        table.add_row(Text(label), *map(cell, counts))
    console.print(table)
    facts = [("chi-square", cell(value.chi_square)), ("df", cell(value.df, 4)), ("p", _p(value.p))]
    if value.odds_ratio is not None:
        facts.append(("odds ratio", cell(value.odds_ratio)))
    if value.ci_low is not None and value.ci_high is not None and not _has_words((value.ci_low, value.ci_high)):
        facts.append(("95 % interval", Text(f"{number(value.ci_low)} to {number(value.ci_high)}")))
    _facts(facts, console)


def _measures(value: Measures, console: Console) -> None:
    if value.table is not None:
        given = table_of("", *value.table.columns, right=value.table.columns)
        for label, numbers in zip(value.table.rows, value.table.values, strict=True):
            given.add_row(Text(label), *map(cell, numbers))
        console.print(given)
    headings = [heading for _, heading in value.columns]
    table = table_of("", *headings, right=headings)
    for i, name in enumerate(value.measures):
        numbers = [getattr(value, key)[i] for key, _ in value.columns]
        shown = [
            Text("") if x is None else _p(x) if key == "p" else cell(x, 4)
            for x, (key, _) in zip(numbers, value.columns, strict=True)
        ]
        table.add_row(Text(name), *shown)
    console.print(table)


def _survival(value: Survival, console: Console) -> None:
    """A line of steps for each curve, then its numbers at the points that are shown."""
    marks, hidden = (_BARS, "·") if _unicode(console) else (_PLAIN_BARS, "?")
    lines = table_of("", "rows", "survival", "median", right=("rows", "median"))
    for name, curve in zip(value.groups, value.curves, strict=True):
        if isinstance(curve, str):
            lines.add_row(Text(name), Text("–", "dim"), Text(curve, "dim"), "")
            continue
        steps = Text(sparkline(curve, value.grid, marks, hidden), "cyan")
        median = Text("–", "dim") if isinstance(curve.median, str) else cell(curve.median)
        lines.add_row(Text(name), cell(curve.rows), steps, median)
    console.print(lines)
    names = ("survival", "95 % low", "95 % high", "at risk", "events")
    for name, curve in zip(value.groups, value.curves, strict=True):
        if isinstance(curve, str):
            continue
        table = table_of(name or "time", *names, right=names)
        for i in shortened(len(curve.shown), _MOST, _TAIL):
            if i is None:
                table.add_row(Text(_left_out(len(curve.shown), "points"), "dim"), *[""] * len(names))
                continue
            at = curve.shown[i]
            cells = (curve.survival[at], curve.ci_low[at], curve.ci_high[at])
            exact = (curve.at_risk[at], curve.events[at])
            table.add_row(Text(number(value.grid[at])), *[_short(x) for x in cells], *map(cell, exact))
        console.print(table)
        if len(curve.shown) < len(value.grid):
            words = next(x for x in curve.survival if isinstance(x, str))
            left = len(value.grid) - len(curve.shown)
            console.print(Text(f"   {left} of {len(value.grid)} points: {words}", "dim"))


def _snps(value: Snps, console: Console) -> None:
    headings = [heading for _, heading in value.headings]
    table = table_of("", *headings, right=headings)
    for k in value.shown(_MOST_SNPS):
        cells = [
            Text(scientific(x, 2)) if key == "p" and not isinstance(x, str) and x < 1e-4 else cell(x, 4)
            for key, x in ((key, value.columns[key][k]) for key in value.columns)
        ]
        table.add_row(Text(value.snps[k]), *cells)
    console.print(table)
    if value.missed(_MOST_SNPS):
        console.print(Text(f"   {value.missed(_MOST_SNPS)}", "dim"))
    _facts([(label, cell(x)) for label, x in value.facts], console)


def _short(x: Number) -> Text:
    return Text("–", "dim") if isinstance(x, str) else Text(f"{x:.4f}")


def _logrank(value: LogRank, console: Console) -> None:
    names = ("rows", "events", "expected")
    table = table_of("", *names, right=names)
    for group, *cells in zip(value.groups, value.rows, value.observed, value.expected, strict=True):
        table.add_row(Text(group), *map(cell, cells))
    console.print(table)
    facts = [("chi-square", cell(value.chi_square)), ("df", cell(value.df, 4)), ("p", _p(value.p))]
    _facts([*facts, *([("weights", Text(value.weights))] if value.weights else [])], console)


def _facts(facts: list[tuple[str, Text]], console: Console) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for label, value in facts:
        table.add_row(Text(label, "dim"), value)
    console.print(Padding(table, (0, 3), expand=False))


def table_of(*names: str, right: Iterable[str] = (), header: bool = True, gap: int = 1) -> Table:
    """A table whose headings are plain text; names in `right` are numbers and are not wrapped."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", padding=(0, gap), show_header=header, show_edge=False)
    aligned = set(right) - {""}
    for name in names:
        if name in aligned:
            table.add_column(Text(name), justify="right")
        else:
            table.add_column(Text(name), overflow="fold")
    return table


def cell(value: Number, digits: int = 5) -> Text:
    return Text(value, "dim") if isinstance(value, str) else Text(number(value, digits))


def _p(value: Number) -> Text:
    return cell(value) if isinstance(value, str) else Text(probability(value))
