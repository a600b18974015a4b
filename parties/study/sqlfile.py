"""A scenario that is only SQL and the tables it reads: one TOML file.

    about = "Visits of patients on statins, by age."          # who brings what, who learns what

    sql = '''
    SELECT p.drug, count(*) AS visits, avg(v.cost) AS cost
    FROM patients p JOIN visits v ON v.patient = p.id
    GROUP BY p.drug ORDER BY p.drug
    '''

    [parameters]
    minimum_cohort = 10

    [tables.patients]                      # without a holder: every organization that brings data brings rows of it
    holder  = "registry"                   # the organization with this role brings the whole table
    at_most = 5000                         # public limit of the rows of one owner; shared rows are padded to it
    unique  = ["id"]                       # columns that together differ in any two rows; or a list of such lists

    [tables.patients.columns.id]           # as in the schema file of a dataset
    type = "key"

    [tables.patients.columns.drug]
    type = "category"
    levels = ["none", "statin"]

Several queries stand under [queries], name = "SELECT …": each is a release of this name; that of `sql` is "result".
`matches` and `groups` are those of `Study.sql`; `unprotected` gives the reason of releases that need one.
The file is hashed and agreed like the source of any scenario. `comity sql` shows what its queries do.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError
from mpc.releases.scenario import Scenario
from mpc.suggestions import also, closest
from mpc.tables.schema import DEFAULT_ROWS, Input, Schema
from parties.data.declarations import column_of
from parties.data.toml import parse_toml

_TOP = ("about", "sql", "queries", "tables", "parameters", "matches", "groups", "unprotected")
_TABLE = ("holder", "at_most", "unique", "columns")
#: The name of the release of a file with one query.
RESULT = "result"


@dataclass(frozen=True)
class SqlFile:
    """The content of such a file.

    queries  name of the release -> SQL;  lines  name -> the line of the file where the query stands
    unique   table -> sets of columns that differ in any two rows
    """

    inputs: Mapping[str, Input]
    queries: Mapping[str, str]
    lines: Mapping[str, int]
    about: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    unique: Mapping[str, list[list[str]]] = field(default_factory=dict)
    matches: int | None = None
    groups: int | None = None
    unprotected: str = ""

    def scenario(self) -> Scenario:
        """The scenario, still without its script."""
        return Scenario(inputs=self.inputs, parameters=self.parameters)

    def options(self) -> dict[str, Any]:
        """The keywords of `Study.sql`."""
        return {"unique": self.unique, "matches": self.matches, "groups": self.groups}


def is_sql_file(path: Path) -> bool:
    """Whether a scenario's path is a file with SQL."""
    return path.suffix == ".toml"


def read_sql_file(raw: bytes, where: str, *, need_query: bool = True) -> SqlFile:
    """The content of a file. Raises ConfigError naming the file and the key."""
    document = parse_toml(raw, where)
    for key in document:
        if key not in _TOP:
            raise ConfigError(f"{where}: no such key {key!r}; expected {', '.join(_TOP)}{also(closest(key, _TOP))}")
    tables = document.get("tables")
    if not isinstance(tables, dict) or not tables:
        raise ConfigError(f"{where}: declares no table; write [tables.NAME] and [tables.NAME.columns.COLUMN]")
    inputs, unique = {}, {}
    for name, entry in tables.items():
        inputs[name], keys = _table(name, entry, f"{where}: [tables.{name}]")
        if keys:
            unique[name] = keys
    queries = _queries(document, where, need_query)
    text = raw.decode("utf-8-sig", "replace").splitlines()
    for key in ("matches", "groups"):
        if key in document and (not isinstance(document[key], int) or isinstance(document[key], bool)):
            raise ConfigError(f"{where}: {key} must be a whole number, found {document[key]!r}")
    return SqlFile(
        inputs,
        queries,
        {name: _line(text, "sql" if name == RESULT and "sql" in document else name) for name in queries},
        _text(document, "about", where).strip(),
        document.get("parameters", {}),
        unique,
        document.get("matches"),
        document.get("groups"),
        _text(document, "unprotected", where),
    )


def _text(document: Mapping[str, Any], key: str, where: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {key} must be text in quotes, found {value!r}")
    return value


def _queries(document: Mapping[str, Any], where: str, needed: bool) -> dict[str, str]:
    queries: dict[str, str] = {}
    if "sql" in document:
        queries[RESULT] = _text(document, "sql", where)
    more = document.get("queries", {})
    if not isinstance(more, dict) or not all(isinstance(query, str) for query in more.values()):
        raise ConfigError(f'{where}: [queries] has lines  name = "SELECT …"')
    if RESULT in more and queries:
        raise ConfigError(f"{where}: [queries] {RESULT}: this is the release of the key sql; take another name")
    queries |= more
    if not queries and needed:
        raise ConfigError(f"{where}: has no query; write  sql = '''SELECT …'''")
    return queries


def _table(name: str, entry: Any, where: str) -> tuple[Input, list[list[str]]]:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} must be a table of keys")
    for key in entry:
        if key not in _TABLE:
            raise ConfigError(f"{where}: no such key {key!r}; expected {', '.join(_TABLE)}{also(closest(key, _TABLE))}")
    columns = entry.get("columns")
    if not isinstance(columns, dict) or not columns:
        raise ConfigError(f"{where}: declares no column; write a table [tables.{name}.columns.COLUMN] for each")
    made = []
    for column, declared in columns.items():
        at = f"{where} [columns.{column}]"
        if not isinstance(declared, dict):
            raise ConfigError(f"{at} must be a table with at least the key type")
        made.append(replace(column_of(column, declared, at), name=column))
    holder, at_most = entry.get("holder"), entry.get("at_most", DEFAULT_ROWS)
    if holder is not None and not isinstance(holder, str):
        raise ConfigError(f"{where}: holder must be the name of a role, found {holder!r}")
    if not isinstance(at_most, int) or isinstance(at_most, bool) or at_most < 1:
        raise ConfigError(f"{where}: at_most must be a whole number from 1 up, found {at_most!r}")
    keys = _unique(entry.get("unique", []), [column.name for column in made], where)
    return Input(Schema(name, tuple(made)), holder, at_most), keys


def _unique(given: Any, columns: list[str], where: str) -> list[list[str]]:
    given = [given] if isinstance(given, str) else given
    keys = [given] if isinstance(given, list) and given and all(isinstance(each, str) for each in given) else given
    if not isinstance(keys, list) or not all(isinstance(key, list) for key in keys):
        raise ConfigError(f'{where}: unique lists columns, like  ["id"]  or  [["id"], ["year", "number"]]')
    for key in keys:
        for column in key:
            if column not in columns:
                raise ConfigError(f"{where}: unique: no column {column!r}{also(closest(str(column), columns))}")
    return [list(map(str, key)) for key in keys]


def _line(lines: list[str], key: str) -> int:
    """The line where a key stands; 1 where it is written in a way that is not found."""
    for number, line in enumerate(lines, 1):
        name, sign, _ = line.partition("=")
        if sign and name.strip().strip("\"'") == key:
            return number
    return 1


def module_of(raw: bytes, file: str) -> ast.Module:
    """A module that defines the scenario, as the author of a Python scenario would: its lines are those of the file, so
    that releases and errors name the line of their query."""
    text = read_sql_file(raw, file)
    lines = [
        "from parties.study.sqlfile import read_sql_file",
        f"_file = read_sql_file({raw!r}, {file!r})",
        "scenario = _file.scenario()",
        "@scenario.run",
        "async def run(study):",
        *(_release(name, text.unprotected) for name in text.queries),
    ]
    tree = ast.parse("\n".join(lines))
    script = tree.body[-1]
    assert isinstance(script, ast.AsyncFunctionDef)
    for name, statement in zip(text.queries, script.body, strict=True):
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt | ast.expr | ast.keyword):
                node.lineno = node.end_lineno = text.lines[name]
    return tree


def _release(name: str, unprotected: str) -> str:
    query = f"study.sql(_file.queries[{name!r}], **_file.options())"
    return f"    study.release({name!r}, {query}, unprotected={unprotected!r})"
