"""A query inside the database where the rows live: their row-wise part, and the first step that makes fewer of them.

So millions of records stay in the database, and one row for each key comes out. What SQL cannot say with the same
meaning, as tags of keys, is computed from the rows that this party reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mpc.tables.dates import DateColumn
from mpc.tables.keys import KeyColumn
from mpc.tables.prepare.nodes import Aggregate, Ordered, Query, Scan, Select
from mpc.tables.rows import BATCH_ROWS, Rows
from mpc.tables.texts import TextColumn
from parties.data.dataset import SourceRows
from parties.data.prepared import compiled
from parties.data.pushdown.asking import Engine, refusals
from parties.data.pushdown.expressions import Compiler, NotInSQL
from parties.data.source import arrow_stream, literal


@contextmanager
def inside(query: Query, tables: Mapping[str, Rows], spill: Path) -> Iterator[Any]:
    """The rows of a query from the database of its only input, as a stream of Arrow batches of `compiled.types`, where
    measures of groups are not yet checked. Raises NotInSQL where this party has to compute them.

    spill  a folder for what does not fit into the memory of an embedded database
    """
    chosen = query.inputs[0] if isinstance(query, Aggregate | Ordered) else query
    if not isinstance(chosen, Select) or not isinstance(chosen.source, Scan):
        raise NotInSQL("the database has no such table")
    rows = tables[chosen.source.table]
    if not isinstance(rows, SourceRows):
        raise NotInSQL("the rows are in no database")
    for column in chosen.schema.columns:
        if isinstance(column, KeyColumn | TextColumn | DateColumn):
            raise NotInSQL(f"column {column.name} is read by this party")
    with rows.in_database(chosen.needed) as engine, refusals():
        table = _selected(chosen, engine)
        if isinstance(query, Aggregate):
            table = compiled.aggregate(query, table)
        elif isinstance(query, Ordered):
            table = compiled.ordered(query, table)
        yield _stream(_exact(query, table), engine, spill)


def _stream(table: Any, engine: Engine, spill: Path) -> Any:
    """The rows of an Ibis table, as a stream of Arrow batches."""
    import ibis

    if engine.dialect != "duckdb":
        return table.to_pyarrow_batches(chunk_size=BATCH_ROWS)
    database = engine.table.get_backend().con
    database.execute(f"set temp_directory = {literal(str(spill))}")
    return arrow_stream(database.sql(ibis.to_sql(table, dialect="duckdb")), BATCH_ROWS)


def _selected(query: Select, engine: Engine) -> Any:
    """The row-wise part of a query, with columns as `compiled` has them."""
    table = engine.table
    if query.where is not None:
        table = table.filter(Compiler({name: table[name] for name in table.columns}).truth(query.where))
    compiler = Compiler({name: table[name] for name in table.columns})
    at, kinds = compiled.places(query), compiled.types(query)
    return table.select(**{at[name]: compiler.number(e).cast(kinds[at[name]]) for name, e in query.columns})


def _exact(query: Query, table: Any) -> Any:
    """With sums in the type of their column: a sum that does not fit makes the database refuse, and is not rounded."""
    kinds: dict[str, str] = dict(compiled.types(query))
    if compiled.ROWS in table.columns:
        kinds[compiled.ROWS] = "int64"
    return table.select(**{name: table[name].cast(kind) for name, kind in kinds.items()})
