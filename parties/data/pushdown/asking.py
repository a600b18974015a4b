"""Asking an owner's database: what a check counts, and aggregates; and where it is worth it.

Whatever a database refuses, this party computes from the rows that it reads itself: no run depends on SQL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mpc.errors import ComityError
from mpc.tables.aggregates import Aggregate
from mpc.untyped import JsonObject
from parties.data.counts import Counts
from parties.data.databases import path_of
from parties.data.pushdown.expressions import Column, NotInSQL
from parties.data.pushdown.passes import Passes, asked
from parties.data.pushdown.sums import Changed
from parties.data.pushdown.tables import Declared, Engine, clean, counted, engine_of, readable_column
from parties.data.source import Dataset, Reading, files

#: Files of fewer bytes are read by this party: that is as quick as SQL.
PUSHED_BYTES = 1 << 24
#: Databases with a sum of floats that loses no digits.
COMPENSATED = ("duckdb",)


def why_streamed(dataset: Dataset, least: int | None = None) -> str:
    """Why this party reads a dataset itself, as far as that is known before it is opened; "" if it may ask."""
    scheme = dataset.source.partition(":")[0] if dataset.is_url else ""
    if scheme == "sqlite":
        return "SQLite keeps any kind of value in any column"
    if scheme and scheme != "duckdb":
        return ""
    least = PUSHED_BYTES if least is None else least
    size = sum(path.stat().st_size for path in ([path_of(dataset)] if scheme else files(dataset)))
    return f"it has {size:,} bytes, and below {least:,} reading is as quick" if size < least else ""


@contextmanager
def refusals() -> Iterator[None]:
    """Inside, an error of a database becomes NotInSQL. Its message is not shown: it may quote rows."""
    try:
        yield
    except (ComityError, NotInSQL, Changed):
        raise
    except Exception as error:  # each driver has errors of its own
        raise NotInSQL(f"the database refused ({type(error).__name__})") from error


def engine(dataset: Dataset, readings: Sequence[Reading], columns: Declared) -> Engine:
    """The rows of an open dataset in its database. Raises NotInSQL."""
    with refusals():
        return engine_of(dataset.name, readings, list(dict.fromkeys(source for _, source, _ in columns)))


def count(engine: Engine, columns: Declared) -> tuple[Counts, dict[str, str]]:
    """What a check counts, and which columns this party has to read: column -> why. Raises NotInSQL."""
    apart: dict[str, str] = {}
    readable = []
    for declared in columns:
        try:
            readable_column(engine, declared)
            readable.append(declared)
        except NotInSQL as reason:
            apart[declared[0].name] = str(reason)
    with refusals():
        (found,) = _run(counted(engine, readable))
    names = [column.name for column, _, _ in readable]
    for name in names:
        if unread := found.get(f"unread {name}"):
            apart[name] = f"column {name}: {unread:,} entries are in a form that only this party reads"

    def by_column(what: str) -> Counter[str]:
        return Counter({name: int(found.get(f"{what} {name}") or 0) for name in names})

    counts = Counts(
        int(found["rows"]),
        int(found["unfit"] or 0),
        by_column("missing"),
        by_column("kept"),
        by_column("invalid"),
        by_column("outside"),
    )
    return counts, apart


def aggregated(
    engine: Engine,
    columns: Declared,
    aggregates: Sequence[Aggregate],
    rows: int,
    *,
    drop: bool,
    watch: bool,
    shown: bool = False,
) -> Passes:
    """The aggregates that the database computes. Raises NotInSQL, and Changed if the rows are others than before.

    drop   without the rows in which a value does not fit
    watch  look for such rows: those of files cannot change unseen
    shown  nothing is asked: the queries only
    """
    with refusals():
        table = clean(engine, columns, drop=drop, watch=watch)
        run = None if shown else _run
        return asked(aggregates, table, rows, run, compensated=engine.dialect in COMPENSATED)


def _run(query: Column) -> list[JsonObject]:
    found: list[JsonObject] = query.to_pyarrow().to_pylist()
    return found


__all__ = [
    "PUSHED_BYTES",
    "Changed",
    "Engine",
    "NotInSQL",
    "aggregated",
    "clean",
    "count",
    "engine",
    "refusals",
    "why_streamed",
]
