"""Opening a dataset: CSV or Parquet files, or a table behind a URL.

The entries of the source come out as they are, as Arrow arrays in batches; `parties.data.columns` reads their values.
Every reading gets a new connection, since a stream that is still being read occupies its connection. Nothing is
copied, nothing is written, and memory stays within a limit.
"""

from __future__ import annotations

import csv
import glob
import os
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mpc.errors import ConfigError, DataError

#: The memory of DuckDB; a stream of ten million rows needs about a third of it.
MEMORY_LIMIT = "400MB"
_MAX_THREADS = 4
CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt")
PARQUET = (".parquet", ".pq")
#: What can be read, for messages.
READ = (
    f"Comity reads CSV files ({', '.join(CSV)}), Parquet files ({', '.join(PARQUET)}), and tables of databases, by "
    "a URL and --table."
)
#: Endings of files that cannot be read as they are -> what to do.
_OTHERS = {
    (".xlsx", ".xls", ".xlsm", ".ods"): f"It is a workbook: save the sheet as CSV (in Excel: CSV UTF-8). {READ}",
    (".sqlite", ".sqlite3", ".db"): "If it is a database of SQLite, name it  sqlite://{}  and add  --table TABLE",
    (".duckdb", ".ddb"): "If it is a database of DuckDB, name it  duckdb://{}  and add  --table TABLE",
    (".sas7bdat", ".xpt", ".dta", ".sav", ".rds", ".rda", ".rdata"): "Save it as CSV or Parquet in the program that "
    f"made it. {READ}",
    (".toml",): f"Enter a schema together with its data:  comity data add NAME FILE --schema {{}}\n{READ}",
}
#: How files of other kinds begin.
_BEGINNINGS = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "workbook",
    b"\xd0\xcf\x11\xe0": "workbook",
    b"SQLite format 3": "SQLite",
    b"\x1f\x8b": "compressed",
}
_IN_WORDS = {"Parquet": "a Parquet file", "workbook": "a workbook of Excel or another ZIP file",
             "SQLite": "a database of SQLite", "compressed": "compressed (name it .csv.gz)"}  # fmt: skip
#: Packages whose `Error` a database's driver raises, when they are loaded.
_DRIVERS = ("psycopg", "psycopg2", "MySQLdb", "trino.exceptions", "snowflake.connector", "pyodbc")


@dataclass(frozen=True)
class Dataset:
    """A catalog entry.

    name    by which studies name it
    source  a path (CSV or Parquet; `*` stands for several files) or the URL of a database
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
        scheme, _, rest = self.source.partition("://")
        # Up to the last @: a password may contain any character.
        table = f", table {self.table}" if self.table else ""
        return f"{scheme}://{rest.rpartition('@')[2].split('?')[0]}{table}"


class Reading(Protocol):
    """An open file or table.

    name   for messages
    types  column -> its Arrow type
    """

    @property
    def name(self) -> str: ...

    @property
    def types(self) -> Mapping[str, Any]: ...

    def batches(self, names: Sequence[str], rows: int) -> Iterator[Any]:
        """Arrow record batches of the columns `names`, in this order, of about `rows` rows each; never all at once."""


def files(dataset: Dataset) -> list[Path]:
    """The files of a dataset that is not a URL, in a fixed order."""
    path = Path(dataset.source).expanduser()
    wild = any(character in str(path) for character in "*?[")
    if wild and path.exists():
        raise ConfigError(f"{dataset.name}: rename {path}; *, ? and [ stand for other characters in file names")
    paths = sorted(Path(name) for name in glob.glob(str(path))) if wild else [path]
    if not paths:
        raise ConfigError(f"{dataset.name}: no file matches {path}")
    for file in paths:
        if not file.is_file():
            raise ConfigError(f"{dataset.name}: {file} is not a file" if file.exists() else f"no such file: {file}")
        if not os.access(file, os.R_OK):
            raise ConfigError(f"{dataset.name}: {file} may not be read by this user")
    return paths


def state(dataset: Dataset) -> tuple[tuple[int, int, int], ...]:
    """Inode, size and time of each file, which change when it is replaced or written to; empty for a URL."""
    if dataset.is_url:
        return ()
    return tuple((at.st_ino, at.st_size, at.st_mtime_ns) for at in (file.stat() for file in files(dataset)))


@contextmanager
def opened(
    dataset: Dataset, needed: tuple[str, ...], threads: int | None, encoding: str = "utf-8"
) -> Iterator[list[Reading]]:
    """The dataset's files or its table, on a connection that is closed afterwards.

    needed    columns that a CSV file is expected to have, from which its separator is found
    encoding  of CSV files
    """
    threads = threads or default_threads()
    with ExitStack() as stack, translated(dataset):
        if dataset.is_url:
            from parties.data.databases import connect

            yield [connect(dataset, threads, stack)]
        elif _form(dataset) == "CSV":
            from parties.data.textfiles import open_text

            database = embedded(threads, stack)
            yield [open_text(dataset.name, path, needed, encoding, database) for path in files(dataset)]
        else:
            database = embedded(threads, stack)
            yield [Relation(database, f"read_parquet({literal(str(path))})", path.name) for path in files(dataset)]


def embedded(threads: int, stack: ExitStack, path: Path | None = None, *, spill: Path | None = None) -> Any:
    """A DuckDB connection that `stack` closes: in memory, or to the database file `path`, which is only read.

    spill  a folder for what does not fit into memory; None: nothing is written
    """
    import duckdb

    limits: dict[str, Any] = {"threads": threads, "memory_limit": MEMORY_LIMIT, "temp_directory": str(spill or "")}
    limits["autoinstall_known_extensions"] = False
    database = duckdb.connect(str(path or ":memory:"), read_only=path is not None, config=limits)
    stack.callback(database.close)
    database.execute("set enable_progress_bar = false")  # it would stand in the output of commands
    return database


class Relation:
    """A file or a table that DuckDB reads.

    columns  name -> its name in the relation; None: all columns under their names
    """

    def __init__(self, database: Any, relation: str, name: str, columns: Mapping[str, str] | None = None) -> None:
        self.database = database
        self._relation = relation
        self.name = name
        schema = database.sql(f"select * from {relation}").limit(0).to_arrow_table().schema
        self._columns = columns if columns is not None else {name: name for name in schema.names}
        self.types = {name: schema.field(inner).type for name, inner in self._columns.items()}

    def batches(self, names: Sequence[str], rows: int) -> Iterator[Any]:
        chosen = ", ".join(f"{identifier(self._columns[name])} as {identifier(str(k))}" for k, name in enumerate(names))
        result = self.database.sql(f"select {chosen or '0'} from {self._relation}")
        yield from arrow_stream(result, rows)

    def select(self, names: Sequence[str]) -> str:
        """A query of the columns `names`, under these names."""
        chosen = [
            identifier(name) if inner == name else f"{identifier(inner)} as {identifier(name)}"
            for name, inner in ((name, self._columns[name]) for name in names)
        ]
        return f"select {', '.join(chosen)} from {self._relation}"


def arrow_stream(result: Any, rows: int) -> Any:
    """The rows of a result of DuckDB as a stream of Arrow batches of about `rows` rows each."""
    return (getattr(result, "to_arrow_reader", None) or result.fetch_arrow_reader)(rows)


def identifier(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def translated(dataset: Dataset) -> Iterator[None]:
    """Inside, errors of a source become DataError and ConfigError, without their text: it may quote rows."""
    import duckdb
    import pyarrow

    drivers = [sys.modules[name].Error for name in _DRIVERS if hasattr(sys.modules.get(name), "Error")]
    ibis = sys.modules.get("ibis.common.exceptions")
    drivers += [ibis.IbisError] if ibis is not None else []
    try:
        yield
    except ImportError as error:
        scheme = dataset.source.split(":")[0]
        package = f" ({error.name})" if error.name else ""
        raise ConfigError(
            f"{dataset.name}: {dataset.file} needs a package that is not installed{package}\n"
            f"Install it with  pip install 'ibis-framework[{scheme}]'"
        ) from None
    except duckdb.OutOfMemoryException:
        raise DataError(
            f"{dataset.name}: {dataset.file} needs more than {MEMORY_LIMIT} to be read\n"
            "Set COMITY_THREADS=1, or write the Parquet file with smaller row groups."
        ) from None
    except (duckdb.Error, pyarrow.ArrowException, sqlite3.Error, csv.Error, OSError, UnicodeError, *drivers) as error:
        if not dataset.is_url and (isinstance(error, UnicodeError) or "Invalid unicode" in str(error)):
            raise DataError(
                f"{dataset.name}: {dataset.file} is not text in its encoding\nSave it as UTF-8, or declare its "
                'encoding in the dataset\'s schema, like  encoding = "cp1252"  or  "utf-16".'
            ) from None
        line = re.search(r"\bLine: (\d+)", str(error))
        cells = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", str(error))
        if line and cells:
            raise DataError(unequal(dataset.name, dataset.file, int(line[1]), int(cells[2]), int(cells[1]))) from None
        place = f", line {line[1]}" if line else ""
        raise DataError(
            f"{dataset.name}: {dataset.file}{place} cannot be read as {_form(dataset)} ({type(error).__name__})"
        ) from None


def unequal(dataset: str, file: str, line: int, cells: int, columns: int) -> str:
    """The message for a line of a CSV file that has more or fewer cells than the first line has names."""
    return (
        f"{dataset}: {file}, line {line} has {cells} cell{'s' * (cells != 1)}; the first line names {columns} columns\n"
        "Correct that line, or delete it if it is not a row but a comment, a sum, or blanks."
    )


def default_threads() -> int:
    """COMITY_THREADS, or the cores of this machine, at most four: more only cost memory."""
    text = os.environ.get("COMITY_THREADS", "")
    if text and not (text.isdecimal() and int(text) > 0):
        raise ConfigError(f"COMITY_THREADS must be a number above 0, found {text!r}")
    return int(text) if text else min(os.cpu_count() or 1, _MAX_THREADS)


def check_form(dataset: Dataset) -> None:
    """ConfigError if a file is of a kind that cannot be read, by its name and its first bytes."""
    form = _form(dataset)
    for path in [] if dataset.is_url else files(dataset):
        with path.open("rb") as file:
            begin = file.read(16)
        kind = next((kind for magic, kind in _BEGINNINGS.items() if begin.startswith(magic)), None)
        if kind is None and form == "Parquet":
            kind = "not a Parquet file"
        if kind is not None and kind != form and not (kind == "compressed" and path.name.lower().endswith(".gz")):
            raise ConfigError(
                f"{dataset.name}: {path} is {_IN_WORDS.get(kind, kind)} by its content, but {form} by its name\n{READ}"
            )


def _form(dataset: Dataset) -> str:
    if dataset.is_url:
        return "a table"
    name = dataset.source.lower()
    if name.endswith(CSV):
        return "CSV"
    if name.endswith(PARQUET):
        return "Parquet"
    remedy = next((remedy for endings, remedy in _OTHERS.items() if name.endswith(endings)), "")
    path = Path(dataset.source).expanduser().absolute()
    raise ConfigError(
        f"{dataset.name}: {dataset.source} is of a kind that Comity cannot read\n" + (remedy.format(path) or READ)
    )
