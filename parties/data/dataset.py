"""The rows that a party brings: checked once against the agreed schema, then read in batches.

The check and each later reading go through the source once, batch by batch, and read entries by the same rule. The
check counts; a reading gives the values of the columns that are asked for. If a value does not fit in a later reading,
the source has changed since the check, and the run ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import DataError, LocalProtocolError
from mpc.suggestions import nearest
from mpc.tables.dates import DateColumn
from mpc.tables.entries import Entries, expected, not_unique, problems
from mpc.tables.keys import KeyColumn, Misfit, first, repeated
from mpc.tables.rows import BATCH_ROWS, Values
from mpc.tables.schema import DEFAULT_ROWS, CategoryColumn, Column, FlagColumn, IntegerColumn, RealColumn, Schema
from parties.data import source as sources
from parties.data.dataschema import DatasetSchema, agreed_columns, read_schema
from parties.data.source import Dataset, Reading

#: A message lists at most so many columns of a source.
_LISTED = 30


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

    def describe(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "file": self.file,
            "rows": self.rows,
            "missing": dict(self.missing),
            "dropped": self.dropped,
        }


class SourceRows:
    """A dataset as `mpc.tables.rows.Rows`. `check()` comes first; then `batches` may be read as often as needed.

    The columns of one batch belong together. The arrays may be read-only.
    """

    def __init__(self, dataset: Dataset, agreed: Schema, declared: DatasetSchema, threads: int | None = None) -> None:
        self.dataset = dataset
        self.columns = agreed_columns(agreed, declared, dataset.name)
        self.declared = declared
        self.brought: RowCounts | None = None
        self._threads = threads
        self.places: list[str] = []
        self._state: tuple[tuple[int, int, int], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def check(self, *, at_most: int = DEFAULT_ROWS, show_rows: int = 0) -> RowCounts:
        """Count rows, missing values and values that do not fit, in one reading.

        show_rows  for so many wrong values of each column and file, give the numbers of their rows, for the owner
        Raises DataError that names file, column, what was expected and how many values do not fit; never a value.
        """
        self._state = sources.state(self.dataset)
        drop = self.declared.on_invalid == "drop"
        rows = dropped = 0
        missing, kept, invalid, outside = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        reasons: dict[str, Counter[Misfit]] = {name: Counter() for name in self.names}
        keys: dict[str, list[Values]] = {c.name: [] for c in self.columns if isinstance(c, KeyColumn) and c.unique}
        places = _Places(show_rows)
        for file, columns, size in self._read(self.columns):
            rows += size
            bad = np.zeros(size, np.bool_)
            for column in self.columns:
                entries = columns[column.name]
                out_of_range = entries.outside(column)
                missing[column.name] += int(entries.missing.sum())
                invalid[column.name] += int(entries.invalid.sum())
                outside[column.name] += int(out_of_range.sum())
                reasons[column.name].update(entries.reasons())
                wrong = entries.invalid | out_of_range
                places.add(column.name, file, wrong)
                bad |= wrong
            dropped += int(bad.sum())
            for name in self.names:
                kept[name] += int((columns[name].missing & ~bad).sum())
            for name, tags in keys.items():
                tags.append(columns[name].values[~bad])
            places.advance(file, size)
        self.places = places.lines()
        if dropped and not drop:
            lines = [
                line
                for column in self.columns
                for line in problems(
                    self.dataset.name,
                    column,
                    rows - missing[column.name],
                    invalid[column.name],
                    outside[column.name],
                    reasons[column.name],
                )
            ]
            raise DataError(
                "\n".join([*lines, *self.places, self._remedy([c for c in self.columns if invalid[c.name]])])
            )
        if rows - dropped > at_most:
            raise DataError(
                f"{self.dataset.name}: {self.dataset.file} has {rows - dropped:,} rows; the scenario allows "
                f"{at_most:,} for each organization"
            )
        for name, tags in keys.items():
            if tags and (twice := repeated(tags)):
                raise DataError(not_unique(self.dataset.name, name, twice))
        counts = {name: kept[name] if drop else missing[name] for name in self.names}
        self.brought = RowCounts(self.dataset.name, self.dataset.file, rows - dropped, counts, dropped)
        return self.brought

    def batches(self, columns: Sequence[str]) -> Iterator[dict[str, Values]]:
        """The values of `columns` in all rows that take part, in batches; see `mpc.tables.rows.Rows`.

        `columns` may have second words of keys (`mpc.tables.keys.second`).
        """
        if self.brought is None:
            raise LocalProtocolError(f"{self.dataset.name}: rows were asked for before they were checked")
        changed = DataError(f"{self.dataset.name}: {self.dataset.file} has changed since it was checked; start again")
        if self._state != sources.state(self.dataset):
            raise changed
        if not columns:
            for begin in range(0, self.brought.rows, BATCH_ROWS):
                yield {"": np.zeros(min(BATCH_ROWS, self.brought.rows - begin))}
            return
        drops = self.brought.dropped > 0
        asked = {first(name) for name in columns}
        needed = [column for column in self.columns if drops or column.name in asked]
        rows = 0
        for _, entries, _size in self._read(needed):
            bad = _any(entries[column.name].invalid | entries[column.name].outside(column) for column in needed)
            if bad.any() and not drops:
                raise changed
            values = {name: _values(entries, name) for name in columns}
            if drops:
                values = {name: array[~bad] for name, array in values.items()}
            rows += len(values[columns[0]])
            yield values
        if rows != self.brought.rows:
            raise changed

    def _read(self, columns: Sequence[Column]) -> Iterator[tuple[str, dict[str, Entries], int]]:
        """For each batch: its file, its entries by column, its number of rows."""
        from parties.data.columns import read_arrow

        needed = tuple(self.declared.source(name) for name in self.names)
        names = [self.declared.source(column.name) for column in columns]
        with sources.opened(self.dataset, needed, self._threads, self.declared.encoding) as readings:
            for reading in readings:
                self._fit(reading)
            for reading in readings:
                for batch in reading.batches(names, BATCH_ROWS):
                    for begin in range(0, batch.num_rows, BATCH_ROWS):
                        part = batch.slice(begin, BATCH_ROWS)
                        entries = {
                            column.name: read_arrow(column, part.column(k), self.declared.spelling(column.name))
                            for k, column in enumerate(columns)
                        }
                        yield reading.name, entries, part.num_rows

    def _fit(self, reading: Reading) -> None:
        """DataError if a column is absent, or has a type that does not fit."""
        from parties.data.columns import holds

        absent, unfit, first = [], [], ""
        for column in self.columns:
            name, place = self.declared.source(column.name), f"{self.dataset.name}, column "
            if name not in reading.types:
                first = first or column.name
                there = list(reading.types)
                more = f", … ({len(there)} columns)" if len(there) > _LISTED else ""
                absent.append(
                    f"{place}{name}: not in {reading.name}, which has {', '.join(there[:_LISTED])}{more}; "
                    f"expected {expected(column)}"
                )
            elif not holds(column, reading.types[name]):
                unfit.append(
                    f"{place}{column.name}: expected {expected(column)}, found a column of type "
                    f"{reading.types[name]} in {reading.name}"
                )
        if absent or unfit:
            remedies = []
            if absent:
                similar = nearest(self.declared.source(first), reading.types) or "NAME"
                remedies.append(
                    f'If the column has another name, write  from = "{similar}"  under [columns.{first}] in the '
                    "dataset's schema."
                )
            remedies += ["Convert the columns whose type does not fit."] if unfit else []
            raise DataError("\n".join([*absent, *unfit, *remedies]))

    def _remedy(self, unread: Sequence[Column]) -> str:
        """What to do; `unread` are the columns with entries that cannot be read."""
        declare = ["codes for missing values ( missing = [...] )"] if unread else []
        if any(isinstance(column, RealColumn | IntegerColumn) for column in unread):
            declare.append('how numbers are written ( decimal = ",", thousands = "." )')
        if any(isinstance(column, DateColumn) for column in unread):
            declare.append('how dates are written ( date_format = "%d.%m.%Y" )')
        if any(isinstance(column, FlagColumn) for column in unread):
            declare.append('words ( true = ["Ja"], false = ["Nein"] )')
        if any(isinstance(column, CategoryColumn) for column in unread):
            declare.append('other names of levels ( recode = { M = "m" } )')
        declared = f" The dataset's schema can declare {', '.join(declare)}." if declare else ""
        return (
            f"These values are in {self.dataset.file}. Correct them, widen the agreed schema (all organizations), or "
            f'leave out their rows, with  on_invalid = "drop"  in the dataset\'s schema.{declared}'
        )


def _values(entries: Mapping[str, Entries], name: str) -> Values:
    """The values of a column, or the second words of a key."""
    found = entries[first(name)]
    return found.values if found.second is None or name == first(name) else found.second


class _Places:
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


def _any(tests: Iterator[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_or.reduce(list(tests)), np.bool_)


def open_dataset(dataset: Dataset, schema: Schema, *, threads: int | None = None) -> SourceRows:
    """A dataset as rows of the agreed `schema`. Nothing is read yet; call `check`.

    threads  of DuckDB; several parties on one machine take cores // parties each
    """
    declared = read_schema(dataset.schema) if dataset.schema is not None else DatasetSchema()
    return SourceRows(dataset, schema, declared, threads)
