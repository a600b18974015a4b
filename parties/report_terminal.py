"""A result on the terminal.

Every text that an organization or a scenario wrote goes through `rich.text.Text`, so nothing in it is markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from parties.report_data import (
    Columns,
    Comparison,
    Crosstab,
    Histogram,
    Matrix,
    Regression,
    Result,
    Scalar,
    Vector,
    fold,
    histogram_title,
)
from parties.report_text import Number, duration, number, probability, scientific, size

_BARS: Final = "▁▂▃▄▅▆▇█"
_BAR_WIDTH: Final = 20


def show(result: Result, console: Console) -> None:
    """Print the whole result."""
    columns = fold(result)
    _heading(result, console)
    _organizations(result, console)
    if result.nothing:
        console.print(Padding(Text(result.nothing, "bold"), (0, 1), expand=False))
    scalars = [name for name in columns.others if isinstance(result.release(name), Scalar)]
    for name in scalars:
        scalar = result.release(name)
        value = _cell(scalar.value)
        console.print(Text.assemble(" ", (name, "bold"), "  ", value, f" {scalar.unit}".rstrip()))
    if columns.rows:
        _columns(columns, console)
    loose = {name: value for name in columns.others if isinstance(value := result.release(name), Histogram)}
    for name in columns.others:
        if name not in scalars and name not in loose:
            console.print(Text(f"\n {name}", "bold"))
            _release(result.release(name), console)
    if loose:
        _histograms(loose, console)
    _footer(result, console)


def _heading(result: Result, console: Console) -> None:
    console.print(Text(f"\n {result.title}", "bold cyan"))
    if result.purpose:
        console.print(Padding(Text(result.purpose), (0, 1), expand=False))
    facts = [f"study {result.study_words or result.study[:16]}", result.finished_at]
    console.print(Padding(Text("   ".join(fact for fact in facts if fact), "dim"), (0, 1), expand=False))


def _organizations(result: Result, console: Console) -> None:
    table = _table("organization", "rows", "brought", "roles", right=("rows",))
    for name, organization in result.organizations.items():
        style = "bold" if name == result.organization else ""
        unknown = Text("none" if organization.roles == ["compute"] else "not told", "dim")
        rows = unknown if organization.rows is None else Text(number(organization.rows))
        table.add_row(
            Text(name, style), rows, Text("\n".join(organization.brought)), Text(", ".join(organization.roles), "dim")
        )
    console.print(table)


def _columns(columns: Columns, console: Console) -> None:
    shown = bool(columns.histograms)
    names = ["", *columns.statistics, *(["distribution"] if shown else [])]
    table = _table(*names, right=columns.statistics)
    for column, cells in columns.rows.items():
        unit = columns.unit(column)
        label = Text.assemble(column, (f" {unit}", "dim") if unit else "")
        bars = [_bars(columns.histograms[column])] if column in columns.histograms else [Text("")] if shown else []
        values = [_cell(cells[word].value) if word in cells else Text("") for word in columns.statistics]
        table.add_row(label, *values, *bars)
    console.print(table)


def _histograms(histograms: dict[str, Histogram], console: Console) -> None:
    table = _table("distribution", "from", "", "to", right=("from",))
    for name, value in histograms.items():
        low, high = number(value.edges[0]), number(value.edges[-1])
        end = Text(f"{high} {value.unit}".rstrip(), "dim")
        table.add_row(Text(histogram_title(name)), Text(low, "dim"), _bars(value), end)
    console.print(table)


def _bars(histogram: Histogram) -> Text:
    """One character a bin, or a few bins to a character; a dim dot where a bin was suppressed."""
    step = -(-len(histogram.counts) // _BAR_WIDTH) or 1
    groups = [histogram.counts[i : i + step] for i in range(0, len(histogram.counts), step)]
    heights = [None if _has_words(group) else float(sum(map(float, group))) for group in groups]
    top = max((height for height in heights if height), default=1.0)
    out = Text()
    for height in heights:
        if height is None:
            out.append("·", "dim")
        elif height <= 0:
            out.append(" ")
        else:
            out.append(_BARS[min(7, int(8 * height / top))], "cyan")
    return out


def _has_words(values: Iterable[Number]) -> bool:
    return any(isinstance(value, str) for value in values)


def _release(value: Any, console: Console) -> None:
    if isinstance(value, str):
        console.print(Padding(Text(value, "dim"), (0, 3), expand=False))
    elif isinstance(value, Vector):
        _vector(value, console)
    elif isinstance(value, Matrix):
        _matrix(value, console)
    elif isinstance(value, Regression):
        _regression(value, console)
    elif isinstance(value, Comparison):
        _comparison(value, console)
    elif isinstance(value, Crosstab):
        _crosstab(value, console)
    else:
        console.print(Padding(Text(json.dumps(value, indent=2, ensure_ascii=False)), (0, 3), expand=False))


def _vector(value: Vector, console: Console) -> None:
    table = _table("", value.unit, "", right=(value.unit,), header=bool(value.unit))
    numbers = [abs(x) for x in value.values if not isinstance(x, str)]
    top = max(numbers, default=0) or 1
    for label, x in zip(value.labels, value.values, strict=True):
        bar = "" if isinstance(x, str) else "█" * round(_BAR_WIDTH * abs(x) / top)
        table.add_row(Text(label), _cell(x), Text(bar, "cyan"))
    console.print(table)


def _matrix(value: Matrix, console: Console) -> None:
    """The lower half, in blocks of columns that fit the width; columns are named by number."""
    names = [f"{i + 1} {label}" for i, label in enumerate(value.labels)]
    words = sorted({x for row in value.values for x in row if isinstance(x, str)})
    label_width = min(max(map(len, names), default=1), max(8, console.width // 3))
    cells = [[_entry(x) for x in row] for row in value.values]
    width = 1 + max((len(cell) for row in cells for cell in row), default=1)
    block = max(1, (console.width - label_width - 2) // width)
    for start in range(0, len(names), block):
        span = range(start, min(start + block, len(names)))
        headings = [str(j + 1) for j in span]
        table = _table("", *headings, right=headings, gap=0)
        for i in range(start, len(names)):
            table.add_row(Text(names[i]), *(cells[i][j] for j in span if j <= i))
        console.print(table)
    for word in words:
        console.print(Text(f"   ·  {word}", "dim"))


def _entry(x: Number) -> Text:
    """An entry of a matrix; a correlation without its leading zero."""
    if isinstance(x, str):
        return Text("·", "dim")
    strength = "bold " if abs(x) >= 0.7 else "dim " if abs(x) < 0.3 else ""
    text = f"{x:.2f}" if abs(x) < 100 else number(x, 3)
    if abs(x) < 1:
        text = text.replace("0.", ".", 1)
    return Text(text, strength + ("blue" if x >= 0 else "yellow"))


def _regression(value: Regression, console: Console) -> None:
    names = ("coef.", "std. err.", "t", "p", "95 % low", "95 % high")
    table = _table("", *names, right=names)
    intervals = zip(value.ci_low, value.ci_high, strict=True)
    rows = zip(value.terms, value.coefficient, value.standard_error, value.t, value.p, intervals, strict=True)
    for term, coefficient, error, t, p, (low, high) in rows:
        words = next((x for x in (coefficient, error) if isinstance(x, str)), None)
        if words is not None and coefficient == error:  # the same words in every cell are said once
            table.add_row(Text(term), Text(words, "dim"))
            continue
        cells = [_cell(x, 4) for x in (coefficient, error)]
        t_text = _cell(t) if isinstance(t, str) else Text(f"{t:.2f}")
        p_text = _cell(p) if isinstance(p, str) else Text(probability(p))
        table.add_row(Text(term), *cells, t_text, p_text, _cell(low, 4), _cell(high, 4))
    console.print(table)
    facts = (("R²", value.r_squared), ("observations", value.observations), ("residual df", value.residual_df))
    _facts([(label, _cell(x)) for label, x in facts], console)


def _comparison(value: Comparison, console: Console) -> None:
    first, second = value.groups
    means = zip(value.groups, value.means or [], strict=value.means is not None)
    facts = [(f"mean, {group}", _cell(x)) for group, x in means]
    facts.append((f"{first} minus {second}", _cell(value.difference)))
    if not _has_words((value.ci_low, value.ci_high)):
        facts.append(("95 % interval", Text(f"{number(value.ci_low)} to {number(value.ci_high)}")))
    facts += [("t", _cell(value.statistic, 4)), ("df", _cell(value.df, 4)), ("p", _p(value.p))]
    _facts(facts, console)


def _crosstab(value: Crosstab, console: Console) -> None:
    table = _table("", *value.columns, right=value.columns)
    for label, counts in zip(value.rows, value.counts, strict=True):
        table.add_row(Text(label), *map(_cell, counts))
    console.print(table)
    _facts([("chi-square", _cell(value.chi_square)), ("df", _cell(value.df, 4)), ("p", _p(value.p))], console)


def _footer(result: Result, console: Console) -> None:
    console.print()
    if result.oracle is not None:
        error = result.oracle.max_relative_error
        words = " largest relative difference from pooling the data in the clear  "
        console.print(Text.assemble(words, (scientific(error), "bold")))
    cost = result.cost
    console.print(Text(f" {cost.rounds:,} rounds   {size(cost.bytes_sent)} sent   {duration(cost.seconds)}", "bold"))
    if result.phases:
        console.print(Text(" " + "   ".join(f"{name} {duration(s)}" for name, s in result.phases.items()), "dim"))
    for line in (result.model, *result.notes):
        if line:
            console.print(Padding(Text(line, "dim"), (0, 1), expand=False))


def _facts(facts: list[tuple[str, Text]], console: Console) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for label, value in facts:
        table.add_row(Text(label, "dim"), value)
    console.print(Padding(table, (0, 3), expand=False))


def _table(*names: str, right: Iterable[str] = (), header: bool = True, gap: int = 1) -> Table:
    """A table whose headings are plain text; names in `right` are numbers and are not wrapped."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", padding=(0, gap), show_header=header, show_edge=False)
    aligned = set(right) - {""}
    for name in names:
        if name in aligned:
            table.add_column(Text(name), justify="right")
        else:
            table.add_column(Text(name), overflow="fold")
    return table


def _cell(value: Number, digits: int = 5) -> Text:
    return Text(value, "dim") if isinstance(value, str) else Text(number(value, digits))


def _p(value: Number) -> Text:
    return _cell(value) if isinstance(value, str) else Text(probability(value))
