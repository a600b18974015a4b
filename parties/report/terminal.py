"""A result on the terminal.

All text of organizations and scenarios goes through `rich.text.Text`, so nothing in it is read as markup.
"""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from parties.report import releases
from parties.report.data import Columns, Result, fold, histogram_title
from parties.report.disclosed import NO_MINIMUM
from parties.report.kinds import DERIVED, Histogram, Scalar
from parties.report.releases import bars, cell, table_of
from parties.report.words import duration, number, scientific, size


def show(result: Result, console: Console) -> None:
    """Print the whole result."""
    columns = fold(result)
    _heading(result, console)
    _organizations(result, console)
    if result.nothing:
        console.print(Padding(Text(result.nothing, "bold"), (0, 1), expand=False))
    _unprotected(result, console)
    values = {name: columns.made[name] if name in columns.made else result.release(name) for name in columns.others}
    scalars = [name for name, value in values.items() if isinstance(value, Scalar)]
    for name in scalars:
        scalar = result.release(name)
        note = _note(result, name)
        unit = f" {scalar.unit}".rstrip()
        console.print(Text.assemble(" ", (name, "bold"), "  ", cell(scalar.value), unit, note))
    if columns.rows:
        _columns(columns, console)
    loose = {name: value for name, value in values.items() if isinstance(value, Histogram)}
    for name, value in values.items():
        if name not in scalars and name not in loose:
            console.print(Text.assemble("\n ", (name, "bold"), _note(result, name)))
            releases.show(value, console)
    if loose:
        _histograms(loose, console)
    _footer(result, console)


def _heading(result: Result, console: Console) -> None:
    console.print(Text(f"\n {result.title}", "bold cyan"))
    if result.purpose:
        console.print(Padding(Text(result.purpose), (0, 1), expand=False))
    words = result.study_words or result.study[:16]
    facts = [f"study {words}" if words else "", result.finished_at]
    console.print(Padding(Text("   ".join(fact for fact in facts if fact), "dim"), (0, 1), expand=False))


def _unprotected(result: Result, console: Console) -> None:
    """The releases that are not protected, and why. They come first."""
    groups: dict[str, list[str]] = {}
    for name, why in result.unprotected.items():
        groups.setdefault(why, []).append(name)
    for why, names in groups.items():
        console.print(Padding(Text(f"NOT PROTECTED ({why}): {NO_MINIMUM}", "bold red"), (0, 1), expand=False))
        for name in names:
            console.print(Padding(Text(name, "red"), (0, 3), expand=False))


def _note(result: Result, name: str) -> tuple[str, str]:
    """The note beside the name of a release."""
    if name in result.unprotected:
        return "  NOT PROTECTED", "bold red"
    return ("  derived", "dim") if result.kinds.get(name) == DERIVED else ("", "")


def _organizations(result: Result, console: Console) -> None:
    table = table_of("organization", "rows", "brought", "roles", right=("rows",))
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
    table = table_of(*names, right=columns.statistics)
    for column, cells in columns.rows.items():
        unit = columns.unit(column)
        label = Text.assemble(column, (f" {unit}", "dim") if unit else "")
        there = column in columns.histograms
        drawn = [bars(columns.histograms[column], console) if there else Text("")] if shown else []
        values = [cell(cells[word].value) if word in cells else Text("") for word in columns.statistics]
        table.add_row(label, *values, *drawn)
    console.print(table)


def _histograms(histograms: dict[str, Histogram], console: Console) -> None:
    table = table_of("distribution", "from", "", "to", right=("from",))
    for name, value in histograms.items():
        low, high = number(value.edges[0]), number(value.edges[-1])
        end = Text(f"{high} {value.unit}".rstrip(), "dim")
        title = histogram_title(name) + ("" if value.equal_bins else " (density)")
        table.add_row(Text(title), Text(low, "dim"), bars(value, console), end)
    console.print(table)


def _footer(result: Result, console: Console) -> None:
    console.print()
    if result.oracle is not None and result.oracle.failed:
        console.print(Padding(Text(result.oracle.failed, "bold red"), (0, 1), expand=False))
    elif result.oracle is not None:
        error = result.oracle.max_relative_error
        words = " largest relative difference from pooling the data in the clear  "
        console.print(Text.assemble(words, (scientific(error), "bold")))
        for name in result.oracle.beyond:
            both = f"; {result.oracle.apart[name]}" if name in result.oracle.apart else ""
            more = f" {name}: {scientific(result.oracle.details[name])}, beyond the tolerance{both}"
            console.print(Padding(Text(more, "bold red"), (0, 1), expand=False))
    cost = result.cost
    console.print(Text(f" {cost.rounds:,} rounds   {size(cost.bytes_sent)} sent   {duration(cost.seconds)}", "bold"))
    if result.phases:
        console.print(Text(" " + "   ".join(f"{name} {duration(s)}" for name, s in result.phases.items()), "dim"))
    for line in (result.model, *result.notes):
        if line:
            console.print(Padding(Text(line, "dim"), (0, 1), expand=False))
