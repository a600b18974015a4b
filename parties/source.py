"""Opening a dataset: a CSV or Parquet file, or a table behind any Ibis URL.

Every query gets a connection of its own, since a stream that is still being read occupies its connection. Files are
read by DuckDB inside this process: nothing is copied, nothing is written, and memory stays within a limit.
"""

from __future__ import annotations

import csv
import glob
import gzip
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError, DataError

#: DuckDB's own memory; a stream of ten million rows needs about a third of it.
MEMORY_LIMIT = "400MB"
_MAX_THREADS = 4
_CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt")
_PARQUET = (".parquet", ".pq")
#: Packages whose `Error` a database's driver raises, when they are loaded.
_DRIVERS = ("psycopg", "psycopg2", "sqlite3", "MySQLdb", "trino.exceptions", "snowflake.connector", "pyodbc")


@dataclass(frozen=True)
class Dataset:
    """A catalog entry.

    name    what studies call it
    source  a path (CSV or Parquet; `*` stands for several files with the same columns) or an Ibis URL
    table   the table behind a URL, as "table" or "schema.table"
    schema  the schema file, if there is one
    """

    name: str
    source: str
    table: str | None = None
    schema: Path | None = None

    @property
    def is_url(self) -> bool:
        return "://" in self.source

    @property
    def file(self) -> str:
        """How messages name the source: a file name, or a URL without its password."""
        if not self.is_url:
            return Path(self.source).name
        address = re.sub(r"//[^/@]*@", "//", self.source.split("?")[0])
        return f"{address}, table {self.table}"


def files(dataset: Dataset) -> list[Path]:
    """The files of a dataset that is no URL, in a fixed order."""
    path = Path(dataset.source).expanduser()
    wild = any(character in str(path) for character in "*?[")
    if wild and path.exists():
        raise ConfigError(f"{dataset.name}: rename {path}; *, ? and [ stand for other characters in file names")
    found = sorted(Path(name) for name in glob.glob(str(path))) if wild else [path]
    if not found:
        raise ConfigError(f"{dataset.name}: no file matches {path}")
    for file in found:
        if not file.is_file():
            raise ConfigError(f"{dataset.name}: {file} is not a file" if file.exists() else f"no such file: {file}")
        if not os.access(file, os.R_OK):
            raise ConfigError(f"{dataset.name}: {file} may not be read by this user")
    return found


def state(dataset: Dataset) -> tuple[tuple[int, int, int], ...]:
    """What changes when a file is replaced or written to; empty for a URL."""
    if dataset.is_url:
        return ()
    return tuple((at.st_ino, at.st_size, at.st_mtime_ns) for at in (file.stat() for file in files(dataset)))


@contextmanager
def opened(dataset: Dataset, needed: tuple[str, ...], threads: int | None) -> Iterator[Any]:
    """The dataset as an Ibis table, on a connection that is closed afterwards.

    `needed` are columns that a CSV file is expected to have: they tell which character separates its cells.
    """
    with translated(dataset):
        connection, table = (
            _connect_url(dataset, threads) if dataset.is_url else _connect_files(dataset, needed, threads)
        )
    try:
        with translated(dataset):
            yield table
    finally:
        connection.disconnect()


def stream(table: Any, expression: Any, rows: int) -> Iterator[Any]:
    """The Arrow record batches of an expression over `table`, at most about `rows` at a time, never all at once."""
    backend = table.get_backend()
    if backend.name != "duckdb":
        yield from expression.to_pyarrow_batches(chunk_size=rows)
        return
    # Straight from DuckDB: Ibis's own reader rests on methods that DuckDB 2 took away.
    relation = backend.con.sql(str(backend.compile(expression)))
    reader = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    yield from reader(rows)


@contextmanager
def translated(dataset: Dataset) -> Iterator[None]:
    """Errors of a backend as ours, without their text: it may quote rows."""
    import duckdb
    import pyarrow
    from ibis.common.exceptions import IbisError

    drivers = [sys.modules[name].Error for name in _DRIVERS if hasattr(sys.modules.get(name), "Error")]
    try:
        yield
    except ImportError as error:
        scheme = dataset.source.split(":")[0]
        raise ConfigError(
            f"{dataset.name}: {dataset.file} needs a package that is not installed ({error.name})\n"
            f"Install it with  pip install 'ibis-framework[{scheme}]'"
        ) from None
    except duckdb.OutOfMemoryException:
        raise DataError(
            f"{dataset.name}: {dataset.file} needs more than {MEMORY_LIMIT} to be read\n"
            "Set COMITY_THREADS=1, or write the Parquet file with smaller row groups."
        ) from None
    except (duckdb.Error, IbisError, pyarrow.ArrowException, OSError, *drivers) as error:
        line = re.search(r"\bLine: (\d+)", str(error))
        place = f", line {line[1]}" if line else ""
        raise DataError(
            f"{dataset.name}: {dataset.file}{place} cannot be read as {_form(dataset)} ({type(error).__name__})"
        ) from None


def _connect_url(dataset: Dataset, threads: int | None) -> tuple[Any, Any]:
    import ibis

    if not dataset.table:
        raise ConfigError(f"{dataset.name}: {dataset.file}: say which table, with --table")
    database, _, name = dataset.table.rpartition(".")
    # A DuckDB file is opened as it is: never written to, never made.
    limits = {"read_only": True, "threads": threads or default_threads(), "memory_limit": MEMORY_LIMIT}
    connection = ibis.connect(dataset.source, **(limits if dataset.source.startswith("duckdb:") else {}))
    try:
        return connection, connection.table(name, database=database or None)
    except ibis.common.exceptions.TableNotFound:
        connection.disconnect()
        raise ConfigError(f"{dataset.name}: {dataset.file} does not exist") from None


def _connect_files(dataset: Dataset, needed: tuple[str, ...], threads: int | None) -> tuple[Any, Any]:
    import ibis

    paths = files(dataset)
    form = _form(dataset)
    columns, delimiter = _headers(dataset, paths, needed) if form == "CSV" else ([], ",")
    connection = ibis.duckdb.connect(
        threads=threads or default_threads(),
        memory_limit=MEMORY_LIMIT,
        temp_directory="",
        autoinstall_known_extensions=False,
    )
    names = [str(path) for path in paths]
    if form == "Parquet":
        return connection, connection.read_parquet(names)
    # Every cell as text, so that missing codes and entries that are no numbers can be told apart and counted; the
    # form is given and not guessed, so that no line is skipped.
    return connection, connection.read_csv(
        names,
        auto_detect=False,
        columns=dict.fromkeys(columns, "VARCHAR"),
        header=True,
        delim=delimiter,
        quote='"',
        escape='"',
    )


def default_threads() -> int:
    """COMITY_THREADS, or the cores of this machine, at most four: more only cost memory."""
    given = os.environ.get("COMITY_THREADS", "")
    if given and not (given.isdecimal() and int(given) > 0):
        raise ConfigError(f"COMITY_THREADS must be a number above 0, found {given!r}")
    return int(given) if given else min(os.cpu_count() or 1, _MAX_THREADS)


def _form(dataset: Dataset) -> str:
    if dataset.is_url:
        return "a table"
    name = dataset.source.lower()
    if name.endswith(_CSV):
        return "CSV"
    if name.endswith(_PARQUET):
        return "Parquet"
    raise ConfigError(
        f"{dataset.name}: {dataset.source} is neither CSV ({', '.join(_CSV)}) nor Parquet "
        f"({', '.join(_PARQUET)}) nor a URL"
    )


def _headers(dataset: Dataset, paths: list[Path], needed: tuple[str, ...]) -> tuple[list[str], str]:
    """The column names of CSV files and the character between them: the one that finds most of `needed`."""
    found = [_header(dataset, path, needed) for path in paths]
    for path, other in zip(paths, found, strict=True):
        if other != found[0]:
            raise DataError(f"{dataset.name}: {path.name} has other columns than {paths[0].name}")
    names, delimiter = found[0]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f"{dataset.name}: {dataset.file} has several columns named {repeated[0]}")
    return names, delimiter


def _header(dataset: Dataset, path: Path, needed: tuple[str, ...]) -> tuple[list[str], str]:
    best: tuple[int, list[str], str] = (-1, [], ",")
    for delimiter in ",;\t|":
        try:
            with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
                names = next(csv.reader(file, delimiter=delimiter, strict=True), [])
        except UnicodeDecodeError:
            raise DataError(f"{dataset.name}: {path.name} is not UTF-8 text; save it as UTF-8") from None
        except csv.Error:
            continue
        names = [name.strip() for name in names]
        score = len(set(needed) & set(names)) * 1000 + len(names)
        if score > best[0]:
            best = (score, names, delimiter)
    if not any(best[1]):
        raise DataError(f"{dataset.name}: {path.name} is empty; expected a first line with the columns' names")
    return best[1], best[2]
