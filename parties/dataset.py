"""The rows that a party brings: checked once against the agreed schema, then read in batches.

Both are one query each, and both run where the data is: a check reads the source once and brings back counts; the
batches read it once more, and only the columns that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from mpc.errors import DataError, LocalProtocolError
from mpc.rows import BATCH_ROWS, Floats
from mpc.schema import DEFAULT_ROWS, CategoryColumn, Column, RealColumn, Schema
from parties import columns as conversion
from parties import source as sources
from parties.columns import Converted
from parties.dataschema import DatasetSchema, agreed_columns, read_schema
from parties.source import Dataset


@dataclass(frozen=True)
class Brought:
    """What a check found: what this organization brings, in numbers. Told to nobody else.

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
    """A dataset as `mpc.rows.Rows`. `check()` comes first; then `batches` may be read as often as needed.

    The columns of one batch belong together. The arrays may be read-only.
    """

    def __init__(self, dataset: Dataset, agreed: Schema, own: DatasetSchema, threads: int | None = None) -> None:
        self.dataset = dataset
        self.columns = agreed_columns(agreed, own, dataset.name)
        self.own = own
        self.brought: Brought | None = None
        self._threads = threads
        self._filter = False
        self._state: tuple[tuple[int, int, int], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def check(self, *, at_most: int = DEFAULT_ROWS) -> Brought:
        """Counts rows, missing values and values that do not fit, in one query.

        Raises DataError naming file, column, what was expected and how many values do not fit; never a value.
        """
        self._state = sources.state(self.dataset)
        drop = self.own.on_invalid == "drop"
        with sources.opened(self.dataset, self._needed, self._threads) as table:
            converted = self._convert(table)
            ones = {"rows": table.count()}
            for name, column in converted.items():
                for what in ("missing", "wrong", "outside"):
                    ones[f"{what} {name}"] = _count(getattr(column, what))
            if drop:
                invalid = _any_invalid(converted)
                ones["dropped"] = _count(invalid)
                for name, column in converted.items():
                    ones[f"kept {name}"] = _count(column.missing & ~invalid)
            (batch,) = (b for b in sources.stream(table, table.aggregate(**ones), 1) if b.num_rows)
        counts = {name: int(values[0] or 0) for name, values in batch.to_pydict().items()}
        problems = [text for column in self.columns for text in _problems(self.dataset.name, column, counts)]
        if problems and not drop:
            raise DataError("\n".join([*problems, *self._remedy(counts)]))
        rows, dropped = counts["rows"] - counts.get("dropped", 0), counts.get("dropped", 0)
        if rows > at_most:
            raise DataError(
                f"{self.dataset.name}: {self.dataset.file} has {rows:,} rows; the scenario allows {at_most:,} an owner"
            )
        self._filter = dropped > 0
        kept = "kept" if drop else "missing"
        missing = {name: counts[f"{kept} {name}"] for name in self.names}
        self.brought = Brought(self.dataset.name, self.dataset.file, rows, missing, dropped)
        return self.brought

    def batches(self, columns: Sequence[str]) -> Iterator[dict[str, Floats]]:
        """All rows that take part, in batches, with just these columns; see `mpc.rows.Rows`."""
        if self.brought is None:
            raise LocalProtocolError(f"{self.dataset.name}: rows were asked for before they were checked")
        if self._state != sources.state(self.dataset):
            raise DataError(f"{self.dataset.name}: {self.dataset.file} has changed since it was checked; start again")
        if not columns:
            for begin in range(0, self.brought.rows, BATCH_ROWS):
                yield {"": np.zeros(min(BATCH_ROWS, self.brought.rows - begin))}
            return
        with sources.opened(self.dataset, self._needed, self._threads) as table:
            converted = self._convert(table, None if self._filter else columns)
            nan = table.get_backend().name == "duckdb"
            chosen = {name: _filled(converted[name].value) if nan else converted[name].value for name in columns}
            rows = table.filter(~_any_invalid(converted)) if self._filter else table
            for batch in sources.stream(table, rows.select(**chosen), BATCH_ROWS):
                for begin in range(0, batch.num_rows, BATCH_ROWS):
                    part = batch.slice(begin, BATCH_ROWS)
                    yield {name: _floats(part.column(name)) for name in columns}

    @property
    def _needed(self) -> tuple[str, ...]:
        return tuple(self.own.source(name) for name in self.names)

    def _convert(self, table: Any, only: Sequence[str] | None = None) -> dict[str, Converted]:
        """Expressions for the columns. Raises DataError for one that is absent or of a type that cannot hold it."""
        import ibis

        backend = table.get_backend()

        def can(operation: str) -> bool:
            return bool(backend.has_operation(getattr(ibis.expr.operations, operation)))

        found = table.columns
        converted, problems = {}, []
        for column in self.columns:
            if only is not None and column.name not in only:
                continue
            name, dataset = self.own.source(column.name), self.dataset
            if name not in found:
                problems.append(
                    f"{dataset.name}, column {name}: not in {dataset.file}, which has {', '.join(found)}; "
                    f"expected {conversion.expected(column)}"
                )
                continue
            expressions = conversion.convert(column, table[name], can)
            if expressions is None:
                problems.append(
                    f"{dataset.name}, column {column.name}: expected {conversion.expected(column)}, found a column of "
                    f"type {table[name].type()} in {dataset.file}"
                )
            else:
                converted[column.name] = expressions
        if problems:
            remedy = 'A column of another name is taken with  from = "NAME"  in the dataset\'s schema.'
            raise DataError("\n".join([*problems, remedy if any("not in" in p for p in problems) else "Convert them."]))
        return converted

    def _remedy(self, counts: Mapping[str, int]) -> list[str]:
        codes = any(counts[f"wrong {name}"] for name in self.names)
        return [
            f"Found in {self.dataset.file}. Correct them, "
            + ("declare codes for missing values ( missing = [...] ), " if codes else "")
            + 'widen the schema (all organizations), or set  on_invalid = "drop".'
        ]


def open_dataset(dataset: Dataset, schema: Schema, *, threads: int | None = None) -> SourceRows:
    """A dataset as rows of the agreed `schema`. Nothing is read yet; call `check`.

    threads  of DuckDB; several parties on one machine take cores // parties each
    """
    own = read_schema(dataset.schema) if dataset.schema is not None else DatasetSchema()
    return SourceRows(dataset, schema, own, threads)


def _problems(dataset: str, column: Column, counts: Mapping[str, int]) -> Iterator[str]:
    name = column.name
    total = counts["rows"] - counts[f"missing {name}"]
    if wrong := counts[f"wrong {name}"]:
        what = "are not numbers" if isinstance(column, RealColumn) else "are neither true nor false"
        if isinstance(column, CategoryColumn):
            what = "are not among its levels"
        yield f"{dataset}, column {name}: {wrong:,} of {total:,} values {what} (expected {conversion.expected(column)})"
    if outside := counts[f"outside {name}"]:
        assert isinstance(column, RealColumn)
        yield f"{dataset}, column {name}: {outside:,} of {total:,} values are outside {conversion.span(column)}"


def _count(test: Any) -> Any:
    return test.ifelse(1, 0).sum()


def _any_invalid(converted: Mapping[str, Converted]) -> Any:
    return reduce(or_, (column.invalid for column in converted.values()))


def _filled(value: Any) -> Any:
    """NaN where there is no value: arrays without a second, nullable part can be used as they come."""
    import ibis

    return ibis.coalesce(value, float("nan"))


def _floats(column: Any) -> Floats:
    """An Arrow column as float64, without a copy where it is that already."""
    import pyarrow as pa

    if column.type != pa.float64():
        column = column.cast(pa.float64())
    if column.null_count:
        column = column.fill_null(float("nan"))
    return np.asarray(np.from_dlpack(column), np.float64)
