"""Tables of databases: files of DuckDB and SQLite, read here, and all databases that Ibis connects to.

A database gives its values without converting them. SQLite keeps any kind of value in any column, so each value is
read as text, digit for digit. From other databases whole numbers and decimals come as text, because drivers round
them, and so do values whose type is unknown here (enums).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from mpc.errors import ConfigError, DataError
from parties.data.source import Dataset, Reading, Relation, embedded, identifier

_FILES = ("duckdb", "sqlite")
#: Seconds to wait for a database server.
_TIMEOUT_S = 15
_LISTED = 20


def connect(dataset: Dataset, threads: int, stack: ExitStack) -> Reading:
    """The table behind a URL. Raises ConfigError naming what to change: the address, user, database or table."""
    if not dataset.table:
        raise ConfigError(f"{dataset.name}: {dataset.file}: say which table of the database, with --table")
    scheme = dataset.source.partition(":")[0]
    if scheme == "duckdb":
        return _duckdb(dataset, dataset.table, threads, stack)
    if scheme == "sqlite":
        return _Sqlite(dataset, dataset.table, stack)
    return Served(dataset, dataset.table, stack)


def absolute(source: str) -> str:
    """The URL of a database file with an absolute path; other sources stay as they are."""
    scheme, sign, rest = source.partition("://")
    path, query, options = rest.partition("?")
    if scheme not in _FILES or not sign or not path or path == ":memory:" or Path(path).is_absolute():
        return source
    return f"{scheme}://{Path(path).absolute()}{query}{options}"


def path_of(dataset: Dataset) -> Path:
    """The file behind a URL of a database file."""
    scheme, _, rest = dataset.source.partition("://")
    text = unquote(rest.partition("?")[0])
    if text[2:3] == ":":  # /C:/folder
        text = text.removeprefix("/")
    path = Path(text)
    if not text or text == ":memory:":
        raise ConfigError(f"{dataset.name}: {dataset.source} names no file; write it like {scheme}:///folder/file")
    if not path.exists():
        hint = "" if path.is_absolute() else f"\nWrite an absolute path:  {scheme}:///folder/{path.name}"
        raise ConfigError(f"{dataset.name}: no such file: {path.absolute()}{hint}")
    if not path.is_file():
        raise ConfigError(f"{dataset.name}: {path} is not a file")
    return path


def _no_table(dataset: Dataset, tables: Sequence[str]) -> NoReturn:
    shown = ", ".join(sorted(tables)[:_LISTED]) or "none"
    more = f" and {len(tables) - _LISTED} more" if len(tables) > _LISTED else ""
    raise ConfigError(f"{dataset.name}: {dataset.file} does not exist; the tables there are: {shown}{more}")


def _duckdb(dataset: Dataset, table: str, threads: int, stack: ExitStack) -> Reading:
    import duckdb

    path = path_of(dataset)
    try:
        database = embedded(threads, stack, path)
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise ConfigError(
                f"{dataset.name}: {path} is open in another program that writes to it; close that program"
            ) from None
        raise ConfigError(f"{dataset.name}: {path} is not a DuckDB file, or of a version that cannot be read") from None
    tables = database.execute("select table_schema, table_name from information_schema.tables").fetchall()
    schema, _, name = table.rpartition(".")
    if not any(name == other and schema in ("", where) for where, other in tables):
        _no_table(dataset, [other if where == "main" else f"{where}.{other}" for where, other in tables])
    relation = ".".join(identifier(part) for part in (schema, name) if part)
    return Relation(database, relation, dataset.file)


class _Sqlite:
    """A table or view of a SQLite file, every value as text."""

    def __init__(self, dataset: Dataset, table: str, stack: ExitStack) -> None:
        import pyarrow as pa

        path = path_of(dataset)
        try:
            self._database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            stack.callback(self._database.close)
            self._database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            query = "select name from sqlite_master where type in ('table', 'view')"
            tables = [str(row[0]) for row in self._database.execute(query)]
        except sqlite3.OperationalError as error:
            what = (
                "is locked by another program; close it" if "locked" in str(error) else "may not be read by this user"
            )
            raise ConfigError(f"{dataset.name}: {path} {what}") from None
        except sqlite3.DatabaseError:
            raise ConfigError(f"{dataset.name}: {path} is not a SQLite file") from None
        name = table if table in tables else table.removeprefix("main.")
        if name.lower() not in (other.lower() for other in tables):
            _no_table(dataset, tables)
        self._table = identifier(name)
        self.name = dataset.file
        cursor = self._database.execute(f"select * from {self._table} limit 0")
        self.types: Mapping[str, Any] = {str(column[0]): pa.string() for column in cursor.description}

    def batches(self, names: Sequence[str], rows: int) -> Iterator[Any]:
        import pyarrow as pa

        # SQLite takes an unknown name in double quotes for a text; after the name of the table it is an error.
        chosen = ", ".join(f"{self._table}.{identifier(name)}" for name in names) or "null"
        cursor = self._database.execute(f"select {chosen} from {self._table}")
        while fetched := cursor.fetchmany(rows):
            cells = [pa.array(map(_digits, column), pa.string()) for column in zip(*fetched, strict=True)]
            yield pa.record_batch(cells, [str(k) for k in range(len(cells))])


def _digits(value: object) -> str | None:
    """A value of SQLite as text, with all its digits."""
    if value is None or isinstance(value, str):
        return value
    return repr(value) if isinstance(value, int | float) else "(blob)"


class Served:
    """A table of a database that Ibis connects to.

    table    as Ibis knows it
    dialect  Ibis' name of the database
    """

    def __init__(self, dataset: Dataset, table: str, stack: ExitStack) -> None:
        import ibis
        import pyarrow as pa

        scheme = dataset.source.partition(":")[0]
        waiting = {"connect_timeout": _TIMEOUT_S} if scheme in ("postgres", "postgresql", "mysql") else {}
        schema, _, name = table.rpartition(".")
        try:
            connection = ibis.connect(dataset.source, **waiting)
            if connection.name != "pyspark":  # a process has one session of Spark, for all readings
                stack.callback(connection.disconnect)
            self.table = connection.table(name, database=schema or None)
        except ImportError:
            raise
        except ValueError as error:
            if "know how to connect" not in str(error):
                raise _explained(dataset, error) from None
            raise ConfigError(
                f"{dataset.name}: {scheme}:// is not a kind of database that can be read; expected duckdb, sqlite, "
                "postgres, mysql or another backend of Ibis"
            ) from None
        except ibis.common.exceptions.TableNotFound:
            _no_table(dataset, _tables(connection, schema))
        except Exception as error:  # each driver has errors of its own
            raise _explained(dataset, error) from None
        self.name = dataset.file
        self.dialect = str(connection.name)
        self._text: set[str] = set()
        self.types: Mapping[str, Any] = {name: self._type(name, kind, pa) for name, kind in self.table.schema().items()}
        self._dataset = dataset

    def _type(self, name: str, kind: Any, pa: Any) -> Any:
        if kind.is_floating():
            return pa.float64()
        if kind.is_numeric() or kind.is_string() or kind.is_uuid() or kind.is_unknown():
            self._text.add(name)
            return pa.string()
        return kind.to_pyarrow()

    def batches(self, names: Sequence[str], rows: int) -> Iterator[Any]:
        chosen = {
            str(k): self.table[name].cast("string") if name in self._text else self.table[name]
            for k, name in enumerate(names)
        }
        expression = self.table.select(**chosen) if names else self.table.select(**{"0": self.table[0].isnull()})
        try:
            yield from expression.to_pyarrow_batches(chunk_size=rows)
        except GeneratorExit:
            raise
        except Exception as error:
            raise _explained(self._dataset, error) from None


def _tables(connection: Any, schema: str) -> list[str]:
    try:
        names = connection.list_tables(database=schema or None)
    except Exception:
        return []
    return [f"{schema}.{name}" if schema else str(name) for name in names]


def _explained(dataset: Dataset, error: Exception) -> ConfigError | DataError:
    """What to change, found from a driver's message. The message is not shown: it may quote rows or a password."""
    message = str(error).lower()
    try:
        url = urlsplit(dataset.source)
        host, user, port = url.hostname or "this machine", url.username or "of this system", url.port
        database = url.path.strip("/").split("/")[0]
    except ValueError:
        return ConfigError(
            f"{dataset.name}: {dataset.file} is not a valid URL; write special characters of the password as %XX, "
            "like %40 for @ and %2F for /"
        )
    place = f"{host}:{port}" if port else host

    def has(*words: str) -> bool:
        return any(word in message for word in words)

    if has("translate host", "resolve", "name or service not known", "unknown host", "getaddrinfo"):
        what = f"no host is called {host}: check the host name in the URL"
    elif has("password", "authentication", "access denied", "pg_hba", "role ", "permission denied for database"):
        what = f"the server at {place} refuses the user {user}: check user, password and database in the URL"
        if has("role ") and has("does not exist"):
            what = f"the server at {place} has no user {user}: check the user in the URL"
        elif has("pg_hba"):
            what = f"the server at {place} does not let the user {user} in from here: ask its administrator"
    elif has("database") and has("does not exist", "unknown database"):
        what = f"the server at {place} has no database {database}: check the last part of the URL"
    elif has("permission denied", "not authorized", "command denied"):
        what = f"the user {user} may not read {dataset.table}: it needs the right to SELECT from it"
    elif has("ssl"):
        what = f"the server at {place} and this machine do not agree on TLS: see sslmode in the URL"
    elif has("refused", "timeout", "timed out", "unreachable", "no route", "could not connect", "connection failed",
             "can't connect"):  # fmt: skip
        what = f"no database answers at {place}: check host and port in the URL, and that the server runs"
    elif has("relation", "table", "schema") and has("does not exist", "doesn't exist"):
        what = f"the database has no table {dataset.table}: check --table"
    else:
        return DataError(f"{dataset.name}: {dataset.file} cannot be read as a table ({type(error).__name__})")
    return ConfigError(f"{dataset.name}: {what}")
