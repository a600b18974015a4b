"""An owner's rows as an Ibis table: what DuckDB reads, and tables of databases that compare text exactly.

Rows come out as `parties.data.pushdown.expressions` says: `clean` reads the columns, leaves out or counts the rows with
values that do not fit, and `counted` asks what a check counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mpc.tables.readers import Spelling
from mpc.tables.schema import Column
from parties.data.databases import Served
from parties.data.pushdown.expressions import Column as Sql
from parties.data.pushdown.expressions import NotInSQL
from parties.data.pushdown.reading import Read, either, outside, read_column
from parties.data.source import Reading, Relation, identifier

#: Databases whose text is equal only if all its characters are: MySQL and SQLite compare in other ways as well.
DIALECTS = ("duckdb", "postgres", "pyspark", "trino")


class Engine(NamedTuple):
    """An owner's rows in its database: an Ibis table with the source's own columns.

    dialect  of SQL
    reads    what the table stands for, in SQL, if it is no table of the database
    """

    table: Sql
    dialect: str
    reads: str


def engine_of(name: str, readings: Sequence[Reading], columns: Sequence[str]) -> Engine:
    """The table `name` with these columns of open files, or of an open table. Raises NotInSQL."""
    import ibis

    first = readings[0]
    if isinstance(first, Served):
        if first.dialect not in DIALECTS:
            raise NotInSQL(f"{first.dialect} is read by this party: text may be equal there that is not the same")
        return Engine(first.table, first.dialect, "")
    relations = [reading for reading in readings if isinstance(reading, Relation)]
    if len(relations) < len(readings):
        raise NotInSQL(f"{first.name} is read by this party: DuckDB cannot read its values as they are")
    kinds = {tuple(str(relation.types[column]) for column in columns) for relation in relations}
    if len(kinds) > 1:
        raise NotInSQL("the files have columns of different types")
    reads = "\nUNION ALL\n".join(relation.select(columns) for relation in relations)
    database = relations[0].database
    view = f"rows of {name}"  # no table is called so, in which it would stand for itself
    database.execute(f"create or replace temp view {identifier(view)} as {reads}")
    return Engine(ibis.duckdb.from_connection(database).table(view), "duckdb", reads)


#: Columns as their owner declares them: the agreed column, its name in the source, and how its entries are written.
Declared = Sequence[tuple[Column, str, Spelling]]


def readable_column(engine: Engine, declared: tuple[Column, str, Spelling]) -> Read:
    """A column as the database reads it. Raises NotInSQL."""
    column, source, spelling = declared
    return read_column(column, engine.table[source], spelling, engine.dialect)


def _read(engine: Engine, columns: Declared) -> dict[str, Read]:
    return {declared[0].name: readable_column(engine, declared) for declared in columns}


def counted(engine: Engine, columns: Declared) -> Sql:
    """What a check counts, as one row: "rows", "unfit" (rows with a value that does not fit), and for a column x
    "missing x", "kept x" (missing in rows that fit), and "invalid x", "outside x" and "unread x", where there can be
    such entries. Raises NotInSQL."""
    reads = _read(engine, columns)
    values = {name: read.value for name, read in reads.items()}
    kinds = {f"invalid {name}": read.invalid for name, read in reads.items()}
    kinds |= {f"unread {name}": read.unread for name, read in reads.items()}
    marks = {name: either([where]) for name, where in kinds.items() if where is not None}
    rows = engine.table.select(**values, **marks)
    beyond = {f"outside {column.name}": outside(column, rows[column.name]) for column, _, _ in columns}
    rows = rows.mutate(**{name: either([where]) for name, where in beyond.items() if where is not None})
    marks = {name: rows[name] for name in rows.columns if name not in values}
    unfit = either([where for name, where in marks.items() if not name.startswith("unread ")])
    rows = rows.mutate(unfit=unfit)
    measures = {"rows": rows.count(), "unfit": rows.count(where=rows["unfit"])}
    for name in values:
        gone = rows[name].isnull()
        for what in ("invalid", "unread"):
            if f"{what} {name}" in marks:
                gone = gone & ~rows[f"{what} {name}"]
        measures[f"missing {name}"] = rows.count(where=gone)
        measures[f"kept {name}"] = rows.count(where=gone & ~rows["unfit"])
    measures |= {name: rows.count(where=rows[name]) for name in marks}
    return rows.aggregate(**measures)


def clean(engine: Engine, columns: Declared, *, drop: bool, watch: bool) -> Sql:
    """The values of `columns`. Raises NotInSQL.

    drop   without the rows in which a value does not fit
    watch  with a column "unfit" that tells these rows
    """
    reads = _read(engine, columns)
    values = {name: read.value for name, read in reads.items()}
    if not drop and not watch:
        return engine.table.select(**values) if values else engine.table.select(none=engine.table[0].isnull())
    unfit = either([condition for read in reads.values() for condition in (read.invalid, read.unread)])
    rows = engine.table.select(**values, unfit=unfit)
    beyond = either([rows["unfit"], *(outside(column, rows[column.name]) for column, _, _ in columns)])
    rows = rows.mutate(unfit=beyond)
    return rows.filter(~rows["unfit"]).drop("unfit") if drop else rows
