"""An embedded database in which one query runs: in memory, and beyond a limit in a private folder that is removed.

Typed rows come in as batches, checked by the rule of `mpc.tables.entries`, and the row-wise part of a query is computed
on the way. So a file, a table of SQLite and one of a server give the same values.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mpc.errors import ComityError
from mpc.tables.prepare.checks import check_keys, check_range, check_rows, slack
from mpc.tables.prepare.nodes import Aggregate, Join, Measure, Ordered, Query, Select, Stacked
from mpc.tables.prepare.selecting import Frame, Kind, kind_of, physical, selected
from mpc.tables.rows import BATCH_ROWS, MISSING, Rows, Values, absent
from mpc.tables.schema import Column
from parties.data.prepared import compiled
from parties.data.prepared.inside import inside
from parties.data.pushdown.expressions import NotInSQL
from parties.data.source import arrow_stream, embedded


class Workspace:
    """The database of one query. `close` removes it, and what it has written."""

    def __init__(self, threads: int) -> None:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="comity-")))  # mode 0700
            self._database = embedded(threads, stack, spill=self._folder)
            self._stack = stack.pop_all()
        self._names = count()
        self._failed: list[ComityError] = []

    def close(self) -> None:
        """Close the database and remove its files."""
        self._stack.close()

    def run(self, query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> str:
        """The name of a table in this database with the rows of a query, or of a stream that can be read once.

        Raises DataError where a stated limit does not hold.
        """
        made = self._inside(query, tables, on_batch)
        if made is not None:
            return made
        if isinstance(query, Select):
            return self._stream(query, tables, on_batch)
        names = [self.run(source, tables, on_batch) for source in query.inputs]
        inputs = [_table(name, source) for name, source in zip(names, query.inputs, strict=True)]
        if isinstance(query, Aggregate):
            made = self._checked(query, self._made(compiled.aggregate(query, *inputs)))
        elif isinstance(query, Join):
            made = self._made(compiled.joined(query, *inputs))
            check_rows(query, self._number(f"select count(*) from {made}"))
        elif isinstance(query, Stacked):
            made = self._made(compiled.stacked(inputs))
        else:
            assert isinstance(query, Ordered)
            made = self._made(compiled.ordered(query, *inputs))
        for name in names:
            self._database.unregister(name)
        on_batch()
        return made

    def batches(self, name: str, query: Query, columns: Sequence[str]) -> Iterator[Frame]:
        """The rows of a table that `run` made, in batches."""
        at, kinds = compiled.places(query), _kinds(query)
        chosen = ", ".join(at[column] for column in columns) or "1"
        cursor = self._database.cursor()
        try:
            result = cursor.sql(f"select {chosen} from {name}")
            for batch in arrow_stream(result, BATCH_ROWS):
                if columns:
                    yield {column: _values(batch.column(k), kinds[column]) for k, column in enumerate(columns)}
                else:
                    yield {"": np.zeros(batch.num_rows)}
        finally:
            cursor.close()

    def _inside(self, query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> str | None:
        """The rows of a query whose input's database computes it; None where this party does."""
        name = self._new()
        try:
            with inside(query, tables, self._folder) as batches:
                self._filled(name, batches, on_batch)
        except NotInSQL:  # whatever a database refuses, this party computes
            self._database.execute(f"drop table if exists {name}")
            return None
        return self._checked(query, name) if isinstance(query, Aggregate) else name

    def _filled(self, name: str, batches: Any, on_batch: Callable[[], None]) -> None:
        """A table of a stream's rows."""
        import pyarrow as pa

        def beating() -> Iterator[Any]:
            for batch in batches:
                yield batch
                on_batch()

        self._database.register("stream", pa.RecordBatchReader.from_batches(batches.schema, beating()))
        try:
            self._database.execute(f"create table {name} as select * from stream")
        finally:
            self._database.unregister("stream")

    def _stream(self, query: Select, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> str:
        """Rows on their way into the database; they go through the party, which computes what is row by row."""
        import pyarrow as pa

        source = self._input(query.source, tables, on_batch)
        at, kinds = compiled.places(query), _kinds(query)
        schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in compiled.types(query).items()])

        def stream() -> Iterator[Any]:
            try:
                for frame in selected(query, source.batches(query.needed), on_batch):
                    yield pa.record_batch([_arrow(frame[column], kinds[column]) for column in at], schema=schema)
            except ComityError as error:
                self._failed.append(error)  # the database would wrap it
                raise

        name = self._new()
        self._database.register(name, pa.RecordBatchReader.from_batches(schema, stream()))
        return name

    def _input(self, query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> _Batches:
        """The rows of a query, to be read in batches."""
        known: _Batches | None = query.known(tables)
        if known is not None:
            return known
        if isinstance(query, Select):
            return _Selected(query, self._input(query.source, tables, on_batch), on_batch)
        return _Made(self, self.run(query, tables, on_batch), query)

    def _checked(self, query: Aggregate, name: str) -> str:
        """A table of measures with the types and ranges of their columns."""
        keys = self._number(f"select count(*) from {name}")
        if query.most_per_key is not None:
            large = f"select count(*) from {name} where {compiled.ROWS} > {query.most_per_key}"
            check_keys(query, self._number(large), keys)
        at = compiled.places(query)
        chosen = [at[column] for key in query.by for column in physical(query.schema[key])]
        for measure in query.measures:
            place, (low, high) = at[measure.result.name], _limits(measure)
            outside = f"select count(*) from {name} where {place} < {low} or {place} > {high}"
            check_range(query, measure, self._number(outside), keys)
            chosen.append(f"{_typed(place, measure.result)} as {place}")
        made = self._new()
        self._database.execute(f"create table {made} as select {', '.join(chosen)} from {name}")
        self._database.execute(f"drop table {name}")
        return made

    def _made(self, expression: Any) -> str:
        import ibis

        name = self._new()
        try:
            self._database.execute(f"create table {name} as {ibis.to_sql(expression, dialect='duckdb')}")
        except Exception:
            if self._failed:
                raise self._failed[0] from None
            raise
        return name

    def _number(self, query: str) -> int:
        return int(self._database.execute(query).fetchall()[0][0])

    def _new(self) -> str:
        return f"t{next(self._names)}"


class _Batches(Protocol):
    """Rows that can be read in batches."""

    def batches(self, columns: Sequence[str]) -> Iterator[Frame]:
        """All rows, with these columns."""


class _Selected:
    """A row-wise part of rows, which is computed while they are read."""

    def __init__(self, query: Select, source: _Batches, on_batch: Callable[[], None]) -> None:
        self._query, self._source, self._on_batch = query, source, on_batch

    def batches(self, columns: Sequence[str]) -> Iterator[Frame]:
        for frame in selected(self._query, self._source.batches(self._query.needed), self._on_batch):
            rows = len(next(iter(frame.values())))
            yield {name: frame[name] for name in columns} if columns else {"": np.zeros(rows)}


class _Made:
    """A table of the workspace as rows."""

    def __init__(self, workspace: Workspace, name: str, query: Query) -> None:
        self._workspace, self._name, self._query = workspace, name, query

    def batches(self, columns: Sequence[str]) -> Iterator[Frame]:
        return self._workspace.batches(self._name, self._query, columns)


def _table(name: str, query: Query) -> Any:
    import ibis

    return ibis.table(compiled.types(query), name=name)


def _kinds(query: Query) -> dict[str, Kind]:
    return {name: kind_of(column) for column in query.schema.columns for name in physical(column)}


def _limits(measure: Measure) -> tuple[str, str]:
    column, more = measure.result, slack(measure)
    return (
        (str(column.low), str(column.high)) if not more else (_double(column.low - more), _double(column.high + more))
    )


def _typed(place: str, column: Column) -> str:
    """A measure with the type of its column, and what float64 has rounded beyond its range at the limit."""
    if kind_of(column) == "int64":
        return f"cast({place} as bigint)"
    within = f"least(greatest(cast({place} as double), {_double(column.low)}), {_double(column.high)})"
    return f"case when {place} is not null then {within} end"


def _double(value: float) -> str:
    return f"cast('{value!r}' as double)"


def _arrow(values: Values, kind: Kind) -> Any:
    """A column for the database: NULL where a value is missing."""
    import pyarrow as pa

    if kind == "string":
        return pa.array(values, pa.string(), from_pandas=True)
    gone = absent(values)
    return pa.array(values, pa.type_for_alias(kind), mask=gone if gone.any() else None)


def _values(array: Any, kind: Kind) -> Values:
    """A column of the database as a party computes with it."""
    if kind == "string":
        return np.asarray(array.to_numpy(zero_copy_only=False), np.object_)
    if array.null_count:
        array = array.fill_null(MISSING if kind == "int64" else np.nan)
    values = array.to_numpy(zero_copy_only=False)
    return np.asarray(values, np.int64) if kind == "int64" else np.asarray(values, np.float64)
