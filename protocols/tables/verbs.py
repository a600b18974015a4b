"""Implements `mpc.tables.table_functions.TableFunctions`: what methods of secret tables call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mpc.errors import ShapeError
from mpc.releases.disclosure import Guard, Result
from mpc.tables.secret_columns import numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.tables.table_functions import Aggregation, How, Keep, Validate
from mpc.values.secret import SecretArray
from protocols.tables import moving
from protocols.tables.grouped_table import GroupedTable
from protocols.tables.joining import joined
from protocols.tables.keys import one_of_each
from protocols.tables.pivoting import pivoted
from protocols.tables.releasing import guard_of, released_table
from protocols.tables.tags import with_tags, words_of
from protocols.tables.windows import windows


class Tables:
    """Verbs that move, group, join or release rows."""

    def sorted(self, table: SecretTable, by: Sequence[str], descending: bool) -> SecretTable:
        return moving.sorted_rows(table, by, descending)

    def head(self, table: SecretTable, rows: int, by: Sequence[str], descending: bool) -> SecretTable:
        return moving.head(table, rows, by, descending)

    def compacted(self, table: SecretTable, rows: int) -> SecretTable:
        return moving.compacted(table, rows)

    def concatenated(self, first: SecretTable, second: SecretTable) -> SecretTable:
        return moving.concatenated(first, second)

    def grouped(self, table: SecretTable, keys: Sequence[str], groups: int | None) -> GroupedTable:
        return GroupedTable(table, keys, groups)

    def pivoted(
        self, table: SecretTable, on: str, index: Sequence[str], values: Aggregation, groups: int | None
    ) -> SecretTable:
        return pivoted(table, on, index, values, groups)

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
        return joined(left, right, on, how, validate, matches, suffix)

    def one_of_each(self, table: SecretTable, keys: Sequence[str], keep: Keep) -> SecretArray:
        if not keys:
            raise ShapeError("drop_duplicates: name at least one column")
        return one_of_each(table.rows, words_of(table, keys), keep=keep)

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
        window = windows(table.rows, words_of(table, within), _numbers(table, by), descending=descending)
        if what == "rank":
            return window.rank()
        values = numbers_of(table.column(column))
        return window.cumsum(values) if what == "cumsum" else window.shift(values, rows)

    def tagged(self, table: SecretTable) -> SecretTable:
        return with_tags(table)

    def guard(self, parts: Mapping[str, SecretArray]) -> Guard | None:
        return guard_of(parts)

    def released(self, table: SecretTable) -> Result:
        return released_table(table)


def _numbers(table: SecretTable, names: Sequence[str]) -> list[SecretArray]:
    """Columns that have an order; ShapeError for a key."""
    return [numbers_of(table.column(name)) for name in names]
