"""What a check counts: the rows that an organization brings, and the values that do not fit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mpc.tables.keys import Misfit
from mpc.tables.rows import Values
from mpc.untyped import JsonObject


@dataclass
class Counts:
    """Counts of one reading; those of columns by their names.

    rows     all rows
    unfit    rows with a value that does not fit
    missing  entries without a value; kept: the same in rows whose values all fit
    invalid  entries that are no value of their column
    outside  values beyond the declared range
    reasons  of keys: why entries are no keys
    tags     of unique keys: the tags of all rows that fit
    """

    rows: int = 0
    unfit: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    invalid: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[Misfit]] = field(default_factory=lambda: defaultdict(Counter))
    tags: dict[str, list[Values]] = field(default_factory=dict)


@dataclass(frozen=True)
class RowCounts:
    """The counts of a check: the rows that this organization brings. No other organization sees them.

    rows     rows that take part
    missing  column -> how many of these rows have no value there
    dropped  rows that were left out because a value does not fit, with on_invalid = "drop"
    """

    dataset: str
    file: str
    rows: int
    missing: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0

    def describe(self) -> JsonObject:
        return {
            "dataset": self.dataset,
            "file": self.file,
            "rows": self.rows,
            "missing": dict(self.missing),
            "dropped": self.dropped,
        }


class Places:
    """The rows in which values do not fit: for each column and file, the first `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._passed = Counter[str]()
        self._rows: dict[tuple[str, str], list[int]] = {}
        self._counts = Counter[tuple[str, str]]()

    def add(self, column: str, file: str, wrong: NDArray[np.bool_]) -> None:
        if not self._most or not wrong.any():
            return
        rows = self._rows.setdefault((column, file), [])
        places = np.flatnonzero(wrong)
        self._counts[column, file] += len(places)
        rows += [int(place) + 1 + self._passed[file] for place in places[: self._most - len(rows)]]

    def advance(self, file: str, rows: int) -> None:
        self._passed[file] += rows

    def lines(self) -> list[str]:
        lines = []
        for (column, file), rows in self._rows.items():
            more = self._counts[column, file] - len(rows)
            shown = ", ".join(f"{row:,}" for row in rows) + (f" and {more:,} more" if more else "")
            lines.append(f"column {column}, {file}: row{'s' * (len(rows) > 1)} {shown}")
        return [*lines, "Row 1 is the first row below the names."] if lines else []
