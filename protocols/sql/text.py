"""A query's text, read by sqlglot, and the place of each part of it for messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from mpc.errors import ComityError, ConfigError, LocalProtocolError

#: Longest query, in characters.
LONGEST = 100_000
_DIALECT = "duckdb"
#: What is read of every part of a query, and of some; `Select` checks its own clauses.
_ALWAYS = {"this", "expression", "expressions"}
_MORE: dict[type[exp.Expr], set[str]] = {
    exp.Table: {"alias"},
    exp.Subquery: {"alias"},
    exp.Alias: {"alias"},
    exp.CTE: {"alias"},
    exp.TableAlias: {"columns"},
    exp.Identifier: {"quoted"},
    exp.Column: {"table"},
    exp.Literal: {"is_string"},
    exp.Join: {"on", "using", "side", "kind"},
    exp.Group: {"all"},
    exp.Ordered: {"desc", "nulls_first"},
    exp.Between: {"low", "high"},
    exp.In: {"query"},
    exp.Like: {"negate"},
    exp.ILike: {"negate"},
    exp.Case: {"ifs", "default"},
    exp.If: {"true", "false"},
    exp.Interval: {"unit"},
    exp.DateDiff: {"unit", "date_part_boundary"},
    exp.Cast: {"to", "_type"},
    exp.DataType: {"nested"},
    exp.Count: {"big_int"},
    exp.Div: {"typed", "safe"},
}
#: These are refused where they are met, with a remedy.
_REFUSED_LATER = (exp.Round, exp.Window, exp.DPipe)


@dataclass(frozen=True)
class Text:
    """The text of a query."""

    text: str

    def place(self, node: exp.Expr) -> str:
        """ "line 3, column 5": where a part of the query begins."""
        starts = [each.meta["start"] for each in node.walk() if "start" in each.meta]
        if not starts and node.parent is not None:
            return self.place(node.parent)
        return self._at(min(starts, default=0))

    def _at(self, start: int) -> str:
        before = self.text[:start]
        return f"line {before.count(chr(10)) + 1}, column {start - before.rfind(chr(10))}"

    def refused(self, node: exp.Expr, reason: str) -> ConfigError:
        """The error at a part of the query: what cannot be done, why, and what to write."""
        return ConfigError(f"SQL, {self.place(node)}: {reason}")

    @contextmanager
    def at(self, node: exp.Expr) -> Iterator[None]:
        """Errors of verbs name the part of the query that they are about."""
        try:
            yield
        except (ConfigError, LocalProtocolError) as error:
            if str(error).startswith("SQL, "):
                raise
            raise _again(error, f"SQL, {self.place(node)}: {shown(node)}: {error}") from error

    def parse(self) -> exp.Select:
        """The one SELECT of the text. Raises ConfigError for a text that is no query, or another statement."""
        if len(self.text) > LONGEST:
            raise ConfigError(f"SQL: a query of {len(self.text):,} characters; at most {LONGEST:,}")
        try:
            statements = [each for each in sqlglot.parse(self.text, dialect=_DIALECT) if each is not None]
        except SqlglotError as error:
            raise ConfigError(f"SQL, {self._problem(error)}") from None
        except RecursionError:
            raise ConfigError("SQL: the query is nested too deeply; write inner queries as WITH name AS (…)") from None
        if len(statements) != 1:
            raise ConfigError(f"SQL: found {len(statements)} statements, expected one SELECT")
        statement = statements[0]
        if isinstance(statement, exp.Select):
            self._known(statement)
            return statement
        if isinstance(statement, exp.SetOperation):
            raise self.refused(
                statement, "UNION, INTERSECT and EXCEPT are not supported; write one query for each part"
            )
        raise self.refused(statement, "only SELECT is supported: a study reads tables and releases results")

    def _known(self, statement: exp.Expr) -> None:
        """Refuse what a part of a query says beyond what is read of it: nothing is overlooked."""
        for node in statement.walk():
            if isinstance(node, _REFUSED_LATER):
                continue
            known = _ALWAYS | _MORE.get(type(node), set())
            for name, value in node.args.items():
                if value and name not in known and not isinstance(node, exp.Select):
                    raise self.refused(node, f"{shown(node)}: {name.upper().strip('_')} is not supported here")

    def _problem(self, error: SqlglotError) -> str:
        found = getattr(error, "errors", None) or [{}]
        line, column, near = found[0].get("line"), found[0].get("col"), found[0].get("highlight") or ""
        column = column - len(near) + 1 if column and len(near) < column else column
        what = str(found[0].get("description") or "it cannot be read").rstrip(".")
        where = f"line {line}, column {column}: " if line else ""
        return f"{where}this is no SQL that can be read, near {near!r}: {what}"


def shown(node: exp.Expr) -> str:
    """A part of a query as SQL, in short, for messages and names of columns."""
    text = node.sql(dialect=_DIALECT)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _again(error: ComityError, message: str) -> ComityError:
    """The same kind of error with another message."""
    try:
        made = type(error)(message)
    except TypeError:  # an error with arguments of its own
        return error
    made.source = error.source
    return made
