"""The rows that a party brings: checked once against the agreed schema, then read in batches.

The check and each later reading go through the source once, batch by batch, and read entries by the same rule. The
check counts; a reading gives the values of the columns that are asked for. If a value does not fit in a later reading,
the source has changed since the check, and the run ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mpc.errors import DataError, LocalProtocolError
from mpc.suggestions import nearest
from mpc.tables.aggregates import Aggregate, Count, columns_of
from mpc.tables.dates import DateColumn
from mpc.tables.entries import Entries, expected, not_unique, problems
from mpc.tables.keys import KeyColumn, first, repeated
from mpc.tables.prepare.nodes import Query
from mpc.tables.rows import BATCH_ROWS, Rows, Values
from mpc.tables.schema import DEFAULT_ROWS, CategoryColumn, Column, FlagColumn, IntegerColumn, RealColumn, Schema
from mpc.untyped import JsonObject
from parties.data import source as sources
from parties.data.counts import Counts, Places, RowCounts
from parties.data.dataschema import DatasetSchema, agreed_columns, read_schema
from parties.data.extent import rows_about
from parties.data.source import Dataset, Reading

if TYPE_CHECKING:
    from parties.data.pushdown.explaining import Explanation
    from parties.data.pushdown.tables import Declared, Engine

__all__ = ["RowCounts", "SourceRows", "open_dataset"]

#: A message lists at most so many columns of a source.
_LISTED = 30
#: A check of more rows tells after each so many how far it is.
MANY_ROWS = 500_000


class SourceRows:
    """A dataset as `mpc.tables.rows.Rows`. `check()` comes first; then `batches` may be read as often as needed.

    The columns of one batch belong together. The arrays may be read-only.
    """

    def __init__(
        self,
        dataset: Dataset,
        agreed: Schema,
        declared: DatasetSchema,
        threads: int | None = None,
        pushed_from: int | None = None,
    ) -> None:
        self.dataset = dataset
        self.columns = agreed_columns(agreed, declared, dataset.name)
        self.declared = declared
        self.brought: RowCounts | None = None
        #: Why this party computes all aggregates from the rows that it reads; "" where it asks their database.
        self.streamed = "not checked yet"
        #: Told the number of rows so far, and about how many there are (0: not known), while many rows are checked.
        self.on_rows: Callable[[int, int], None] = lambda rows, about: None
        #: column -> why this party computes from what it reads of it, although it asks the database for others.
        self.apart: dict[str, str] = {}
        self._threads = threads
        self._pushed_from = pushed_from
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
        counts = self._counted(show_rows)
        drop = self.declared.on_invalid == "drop"
        if counts.unfit and not drop:
            lines = [
                line
                for column in self.columns
                for line in problems(
                    self.dataset.name,
                    column,
                    counts.rows - counts.missing[column.name],
                    counts.invalid[column.name],
                    counts.outside[column.name],
                    counts.reasons[column.name],
                )
            ]
            unread = [column for column in self.columns if counts.invalid[column.name]]
            raise DataError("\n".join([*lines, *self.places, self._remedy(unread)]))
        rows = counts.rows - counts.unfit
        if rows > at_most:
            raise DataError(
                f"{self.dataset.name}: {self.dataset.file} has {rows:,} rows; the scenario allows {at_most:,} for each "
                "organization"
            )
        for name, tags in counts.tags.items():
            if tags and (twice := repeated(tags)):
                raise DataError(not_unique(self.dataset.name, name, twice))
        missing = counts.kept if drop else counts.missing
        self.brought = RowCounts(
            self.dataset.name, self.dataset.file, rows, {name: missing[name] for name in self.names}, counts.unfit
        )
        return self.brought

    def _counted(self, show_rows: int) -> Counts:
        """The counts of all rows, by their database where it can."""
        from parties.data.pushdown import asking

        self.places, self.apart = [], {}
        self.streamed = "the numbers of rows are asked for" if show_rows else ""
        self.streamed = self.streamed or asking.why_streamed(self.dataset, self._pushed_from)
        if not self.streamed:
            try:
                with self._asking() as engine:
                    counts, self.apart = asking.count(engine, self._declared(self.names))
                if not self.apart:
                    return counts
            except asking.NotInSQL as reason:
                self.streamed = str(reason)
        counts = self._read_counts(show_rows)
        if counts.unfit and self.apart and not self.streamed:
            self.streamed = f"rows are left out, and {next(iter(self.apart.values()))}"
        return counts

    def _read_counts(self, show_rows: int) -> Counts:
        """The counts of all rows, which this party reads."""
        counts, places = Counts(), Places(show_rows)
        counts.reasons = {name: Counter() for name in self.names}
        about: int | None = None  # asked for once there are many
        counts.tags = {column.name: [] for column in self.columns if isinstance(column, KeyColumn) and column.unique}
        for file, columns, size in self._read(self.columns):
            before, counts.rows = counts.rows, counts.rows + size
            if counts.rows // MANY_ROWS > before // MANY_ROWS:
                about = rows_about(self.dataset) if about is None else about
                self.on_rows(counts.rows, max(about, counts.rows) if about else 0)
            bad = np.zeros(size, np.bool_)
            for column in self.columns:
                entries = columns[column.name]
                out_of_range = entries.outside(column)
                counts.missing[column.name] += int(entries.missing.sum())
                counts.invalid[column.name] += int(entries.invalid.sum())
                counts.outside[column.name] += int(out_of_range.sum())
                counts.reasons[column.name].update(entries.reasons())
                wrong = entries.invalid | out_of_range
                places.add(column.name, file, wrong)
                bad |= wrong
            counts.unfit += int(bad.sum())
            for name in self.names:
                counts.kept[name] += int((columns[name].missing & ~bad).sum())
            for name, tags in counts.tags.items():
                tags.append(columns[name].values[~bad])
            places.advance(file, size)
        self.places = places.lines()
        return counts

    def aggregated(self, aggregates: Sequence[Aggregate]) -> list[JsonObject | None]:
        """The results that the rows' database computes; None for aggregates that are left to this party."""
        nothing: list[JsonObject | None] = [None] * len(aggregates)
        if self.streamed:
            return nothing
        from parties.data.pushdown import asking

        brought = self._checked()
        drop = brought.dropped > 0
        needed = (set(self.names) if drop else columns_of(aggregates)) - self.apart.keys()
        try:
            with self._asking() as engine:
                columns = self._declared([name for name in self.names if name in needed])
                done = asking.aggregated(
                    engine, columns, aggregates, brought.rows, drop=drop, watch=self.dataset.is_url
                )
            self._checked()
            return done.results
        except asking.Changed:
            raise self._changed() from None
        except asking.NotInSQL as reason:
            self.streamed = str(reason)
            return nothing

    def explained(self, aggregates: Sequence[Aggregate]) -> Explanation:
        """How these aggregates are computed; the rows must have been checked."""
        from parties.data.pushdown import asking
        from parties.data.pushdown.explaining import Explanation, explained

        brought = self._checked()
        if not self.streamed:
            try:
                with self._asking() as engine:
                    drop, watch = brought.dropped > 0, self.dataset.is_url
                    columns = self._declared(self.names)
                    return explained(
                        engine, columns, aggregates, brought.rows, drop=drop, watch=watch, apart=self.apart
                    )
            except asking.NotInSQL as reason:
                self.streamed = str(reason)
        return Explanation(len(aggregates), streamed=self.streamed)

    @contextmanager
    def _asking(self) -> Iterator[Engine]:
        """The rows in their database. Raises NotInSQL."""
        from parties.data.pushdown import asking

        with self._opened() as readings:
            yield asking.engine(self.dataset, readings, self._declared(self.names))

    def _declared(self, names: Sequence[str]) -> Declared:
        """The columns `names` as their owner declares them."""
        return [
            (column, self.declared.source(column.name), self.declared.spelling(column.name))
            for column in self.columns
            if column.name in names
        ]

    def _checked(self) -> RowCounts:
        if self.brought is None:
            raise LocalProtocolError(f"{self.dataset.name}: rows were asked for before they were checked")
        if self._state != sources.state(self.dataset):
            raise self._changed()
        return self.brought

    def _changed(self) -> DataError:
        return DataError(f"{self.dataset.name}: {self.dataset.file} has changed since it was checked; start again")

    def batches(self, columns: Sequence[str]) -> Iterator[dict[str, Values]]:
        """The values of `columns` in all rows that take part, in batches; see `mpc.tables.rows.Rows`.

        `columns` may have second words of keys (`mpc.tables.keys.second`).
        """
        brought = self._checked()
        if not columns:
            for begin in range(0, brought.rows, BATCH_ROWS):
                yield {"": np.zeros(min(BATCH_ROWS, brought.rows - begin))}
            return
        drops = brought.dropped > 0
        asked = {first(name) for name in columns}
        needed = [column for column in self.columns if drops or column.name in asked]
        rows = 0
        for _, entries, _size in self._read(needed):
            bad = _any(entries[column.name].invalid | entries[column.name].outside(column) for column in needed)
            if bad.any() and not drops:
                raise self._changed()
            values = {name: _values(entries, name) for name in columns}
            if drops:
                values = {name: array[~bad] for name, array in values.items()}
            rows += len(values[columns[0]])
            yield values
        if rows != brought.rows:
            raise self._changed()

    @contextmanager
    def in_database(self, names: Sequence[str]) -> Iterator[Engine]:
        """The values of these columns as a table of their database, in the form of `parties.data.pushdown.expressions`.

        Raises NotInSQL where this party reads one of them itself; DataError if the rows have changed since the check.
        """
        from parties.data.pushdown import asking

        brought = self._checked()
        drop = brought.dropped > 0
        apart = [why for name, why in self.apart.items() if name in (self.names if drop else names)]
        if self.streamed or apart:
            raise asking.NotInSQL(self.streamed or apart[0])
        columns = self._declared(self.names if drop else names)
        with self._asking() as engine:
            if self.dataset.is_url:  # files cannot change unseen
                try:
                    asking.aggregated(engine, columns, [Count()], brought.rows, drop=drop, watch=True)
                except asking.Changed:
                    raise self._changed() from None
            yield engine._replace(table=asking.clean(engine, columns, drop=drop, watch=False))

    def prepared(self, query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> Rows:
        """The rows of a query over datasets, computed in an embedded database; see `mpc.tables.rows.Rows`."""
        from parties.data.prepared.rows import PreparedRows

        return PreparedRows(query, tables, on_batch, self.dataset, self._threads)

    def _read(self, columns: Sequence[Column]) -> Iterator[tuple[str, dict[str, Entries], int]]:
        """For each batch: its file, its entries by column, its number of rows."""
        from parties.data.columns import read_arrow

        names = [self.declared.source(column.name) for column in columns]
        with self._opened() as readings:
            for reading in readings:
                for batch in reading.batches(names, BATCH_ROWS):
                    for begin in range(0, batch.num_rows, BATCH_ROWS):
                        part = batch.slice(begin, BATCH_ROWS)
                        entries = {
                            column.name: read_arrow(column, part.column(k), self.declared.spelling(column.name))
                            for k, column in enumerate(columns)
                        }
                        yield reading.name, entries, part.num_rows

    @contextmanager
    def _opened(self) -> Iterator[list[Reading]]:
        """The open files or table, with all columns that are needed."""
        needed = tuple(self.declared.source(name) for name in self.names)
        with sources.opened(self.dataset, needed, self._threads, self.declared.encoding) as readings:
            for reading in readings:
                self._fit(reading)
            yield readings

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


def _any(tests: Iterator[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_or.reduce(list(tests)), np.bool_)


def open_dataset(
    dataset: Dataset, schema: Schema, *, threads: int | None = None, pushed_from: int | None = None
) -> SourceRows:
    """A dataset as rows of the agreed `schema`. Nothing is read yet; call `check`.

    threads      of DuckDB; several parties on one machine take cores // parties each
    pushed_from  DuckDB computes aggregates of files from so many bytes on (default: PUSHED_BYTES)
    """
    declared = read_schema(dataset.schema) if dataset.schema is not None else DatasetSchema()
    return SourceRows(dataset, schema, declared, threads, pushed_from)
