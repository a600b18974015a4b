"""What a simulated run gave, as a notebook shows it: a line, a table, or a pandas table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Cost
from mpc.releases.manifest import Entry
from mpc.untyped import Json

if TYPE_CHECKING:
    import pandas as pd

#: Numbers of one release that a notebook shows; `releases` has all.
_MOST: Final = 20
#: For each form with several lists: the key of the names of its rows, that of its columns, and that of its numbers.
_FORMS: Final = (("rows", "columns", "values"), ("rows", "columns", "counts"), ("labels", "labels", "values"))

#: Row, column, and the number, answer or words there.
Cell = tuple[str, str, Any]


@dataclass(repr=False)
class Simulation:
    """What a simulated run gave: releases by name, their cost, and what each recipient saw."""

    releases: dict[str, Any]
    cost: Cost
    by_organization: dict[str, dict[str, Any]]
    entries: list[Entry]
    network: MemoryNetwork
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{len(self.releases)} releases: {', '.join(islice(self.releases, 5))}{self._more}; {self._cost}>"

    @property
    def _more(self) -> str:
        return ", …" if len(self.releases) > 5 else ""

    @property
    def _cost(self) -> str:
        return f"{self.cost.rounds:,} rounds, at most {max(self.cost.bytes_sent, default=0):,} bytes sent by a party"

    def to_pandas(self) -> pd.DataFrame:
        """A row for each number of each release: `release`, `row`, `column`, `value`, `words`.

        row, column  its labels (of a vector, matrix, table, test or regression), or its places from 1; empty for a
                     single number
        value        float64; NaN where there are words, such as "suppressed (fewer than 10)"
        """
        import pandas as pd

        cells = [(name, *cell) for name, value in self.releases.items() for cell in cells_of(value)]
        table = pd.DataFrame(cells, columns=["release", "row", "column", "words"])
        table.insert(3, "value", pd.to_numeric(table["words"], errors="coerce").astype(float))
        table["words"] = [x if isinstance(x, str) else "" for x in table["words"]]
        return table

    def _repr_html_(self) -> str:
        lines = ["<table><thead><tr><th>release</th><th></th><th></th><th>value</th></tr></thead><tbody>"]
        for name, value in self.releases.items():
            cells = list(islice(cells_of(value), _MOST + 1))
            for i, (row, column, x) in enumerate(cells[:_MOST]):
                first = name if i == 0 else ""
                text = "".join(f"<td>{escape(part)}</td>" for part in (first, row, column, shown(x)))
                lines.append(f"<tr>{text}</tr>")
            if len(cells) > _MOST:
                lines.append("<tr><td></td><td>…</td><td></td><td></td></tr>")
        return "".join(lines) + f"</tbody></table><p>{escape(self._cost)}</p>"


def shown(value: Json) -> str:
    """A number to six digits, yes or no, or words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def cells_of(value: Json) -> Iterator[Cell]:
    """The numbers of a release, whatever its form."""
    if not isinstance(value, Mapping):
        yield from _nested(value)
        return
    left = dict(value)
    for rows, columns, values in _FORMS:
        if values in left and rows in left:
            yield from _nested(left.pop(values), value[rows], value.get(columns))
            left.pop(rows)
            left.pop(columns, None)
    if "edges" in left and "counts" in left:
        edges = left.pop("edges")
        bins = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
        yield from _nested(left.pop("counts"), bins)
    names = left.pop("terms", None) or left.pop("groups", None)
    for key, item in left.items():
        if isinstance(item, list) and names is not None and len(item) == len(names):
            yield from ((str(name), key, x) for name, x in zip(names, item, strict=True))
        elif not (key == "unit" and isinstance(item, str)):
            yield from (("/".join(filter(None, (key, row))), column, x) for row, column, x in cells_of(item))


def _nested(value: Any, rows: Any = None, columns: Any = None) -> Iterator[Cell]:
    """Nested lists by their places, or by labels of the first two dimensions."""
    if not isinstance(value, list):
        yield "", "", value
        return
    for i, item in enumerate(value):
        row = str(i + 1 if rows is None else rows[i])
        if not isinstance(item, list):
            yield row, "", item
            continue
        for below, beside, x in _nested(item, columns):
            yield row, ", ".join(filter(None, (below, beside))), x
