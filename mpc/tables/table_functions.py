"""Verbs of secret tables that take more than one primitive: their interface.

`protocols.tables` implements it, and a run's functions have it as `tables`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from mpc.releases.disclosure import Guard, Result
    from mpc.tables.secret_table import SecretTable
    from mpc.values.secret import SecretArray

How = Literal["inner", "left", "semi", "anti", "outer"]
Keep = Literal["first", "last"]
Validate = Literal["1:1", "m:1", "1:m", "m:m"]
#: What a group's result is made of: a column, a statistic and perhaps its number; or "count".
OfColumn = tuple[str, str] | tuple[str, str, float]
Aggregation = str | OfColumn


class GroupedRows(Protocol):
    """Rows of a secret table in groups."""

    def agg(self, **results: Aggregation) -> SecretTable:
        """A row for each group, with its keys and these results."""


class TableFunctions(Protocol):
    """Verbs that move, group, join or release rows."""

    def sorted(self, table: SecretTable, by: Sequence[str], descending: bool) -> SecretTable:
        """The rows in order, places without a row last."""

    def head(self, table: SecretTable, rows: int, by: Sequence[str], descending: bool) -> SecretTable:
        """The first rows."""

    def compacted(self, table: SecretTable, rows: int) -> SecretTable:
        """The rows in fewer places."""

    def concatenated(self, first: SecretTable, second: SecretTable) -> SecretTable:
        """The rows of both."""

    def grouped(self, table: SecretTable, keys: Sequence[str], groups: int | None) -> GroupedRows:
        """Rows in groups of equal keys."""

    def pivoted(
        self, table: SecretTable, on: str, index: Sequence[str], values: Aggregation, groups: int | None
    ) -> SecretTable:
        """A row for each group, a column for each level of a category."""

    def joined(
        self,
        left: SecretTable,
        right: SecretTable,
        on: Sequence[str],
        how: How,
        validate: Validate | None,
        matches: int | None,
        suffix: str,
    ) -> SecretTable:
        """The rows of two tables with equal keys."""

    def one_of_each(self, table: SecretTable, keys: Sequence[str], keep: Keep) -> SecretArray:
        """Bits of the rows that stay where one of those with the same keys stays."""

    def window(
        self,
        table: SecretTable,
        what: str,
        column: str,
        by: Sequence[str],
        within: Sequence[str],
        descending: bool,
        rows: int,
    ) -> SecretArray:
        """A value for each row that other rows of its group decide: "rank", "shift" or "cumsum"."""

    def tagged(self, table: SecretTable) -> SecretTable:
        """The table whose keys have tags, so that its rows can move."""

    def guard(self, parts: Mapping[str, SecretArray]) -> Guard | None:
        """The rule of tables for vectors of results of groups; None: they are no such vectors."""

    def released(self, table: SecretTable) -> Result:
        """The table as the value of a release."""
