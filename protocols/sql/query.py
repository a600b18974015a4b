"""A whole query over the tables of a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sqlglot import exp

from mpc.errors import ConfigError
from mpc.machine.functions import Unique
from mpc.suggestions import also, closest
from mpc.tables.keys import KeyColumn
from mpc.tables.private import PrivateTable
from mpc.tables.schema import DEFAULT_ROWS
from mpc.tables.secret_table import SecretTable
from protocols.sql.outcome import outcome
from protocols.sql.relations import Relation
from protocols.sql.scopes import Slot
from protocols.sql.select import Scalars, Select
from protocols.sql.steps import Step, Steps
from protocols.sql.text import Text
from protocols.sql.values import Value


class Tables(Protocol):
    """What a query reads: a study, for instance."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tables."""

    def table(self, name: str) -> PrivateTable:
        """A table by name."""


class Query:
    """A query under way.

    rows     table -> public upper limit of the rows that one owner brings, for tables that are shared
    unique   table -> columns that differ in any two rows
    matches  public upper limit of the rows with one key, in joins without unique keys
    groups   public upper limit of the groups of the outermost GROUP BY
    """

    def __init__(
        self,
        study: Tables,
        text: str,
        *,
        rows: Mapping[str, int] | None = None,
        unique: Mapping[str, Unique] | None = None,
        matches: int | None = None,
        groups: int | None = None,
    ) -> None:
        if not isinstance(text, str):
            raise ConfigError(f'sql: {type(text).__name__} is no query; write study.sql("SELECT …")')
        self.text = Text(text)
        self.study, self.matches, self.groups = study, matches, groups
        self.names = study.inputs
        self.rows = {name.lower(): limit for name, limit in (rows or {}).items()}
        self.unique = {name.lower(): _keys(name, keys) for name, keys in (unique or {}).items()}
        for number, what in (
            (matches, "matches"),
            (groups, "groups"),
            *((n, f"rows of {t}") for t, n in self.rows.items()),
        ):
            if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
                raise ConfigError(f"sql: {what}={number!r}; expected a public whole number from 1 up")
        for given, what in ((rows, "rows"), (unique, "unique")):
            for name in given or {}:
                if name.lower() not in [known.lower() for known in self.names] and what == "unique":
                    raise ConfigError(f"sql: {what}: no table {name!r}{also(closest(name, self.names))}")
        self.steps = Steps(study.table(self.names[0]).source.run)
        #: Single values of inner queries, by their SQL.
        self.singles: dict[str, Value] = {}
        self.inner_columns = 0

    def run(self) -> SecretTable | Scalars:
        """The result: rows, or single values by name."""
        return outcome(Select(self, self.text.parse(), {}))

    def base(self, name: str, alias: str) -> Relation | None:
        """A table of the study."""
        known = next((each for each in self.names if each.lower() == name.lower()), None)
        if known is None:
            return None
        table = self.study.table(known)
        schema = table.source.schema
        # Key(unique=True) is about the rows of each owner; of several owners' rows only the author can say it.
        one = len(table.source.owners) == 1
        unique = {frozenset([c.name]) for c in schema.columns if one and isinstance(c, KeyColumn) and c.unique}
        for key in self.unique.get(known.lower(), ()):
            for column in key:
                if column not in schema.names:
                    raise ConfigError(
                        f"sql: unique: table {known} has no column {column!r}{also(closest(column, schema.names))}"
                    )
            unique.add(frozenset(key))
        at_most = table.source.at_most
        places = self.rows.get(alias.lower(), self.rows.get(known.lower(), at_most if at_most < DEFAULT_ROWS else None))
        return Relation(
            table,
            {Slot(alias, column): column for column in table.columns},
            unique=frozenset(frozenset(Slot(alias, column) for column in key) for key in unique),
            places=places,
            words=alias if alias.lower() == known.lower() else f"{known} {alias}",
        )

    def places(self, relation: Relation, node: exp.Expr) -> int:
        """The public number of places for an owner's rows that are shared."""
        if relation.places is None:
            assert isinstance(relation.table, PrivateTable)
            name = relation.words.split(" ")[0]
            raise self.text.refused(
                node,
                f"rows of {relation.words} meet rows of others in secret, so they are shared: say how many rows one "
                f'owner has at most, as rows={{"{name}": 1000}}, or in the table\'s schema (at_most); all rows are '
                "padded to it, so that nobody learns their number",
            )
        return relation.places


def _keys(table: str, given: Unique) -> list[tuple[str, ...]]:
    if isinstance(given, str):
        return [(given,)]
    if given and all(isinstance(each, str) for each in given):
        return [tuple(str(each) for each in given)]
    return [(each,) if isinstance(each, str) else tuple(each) for each in given]


def query(
    study: Tables,
    text: str,
    *,
    rows: Mapping[str, int] | None = None,
    unique: Mapping[str, Unique] | None = None,
    matches: int | None = None,
    groups: int | None = None,
) -> SecretTable | Scalars:
    """The result of a query over the tables of a study; see `mpc.releases.study.Study.sql`."""
    return Query(study, text, rows=rows, unique=unique, matches=matches, groups=groups).run()


__all__ = ["Query", "Step", "Unique", "query"]
