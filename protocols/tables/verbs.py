"""Implements `mpc.tables.table_functions.TableFunctions`: what methods of secret tables call."""

from __future__ import annotations

from collections.abc import Sequence

from mpc.releases.disclosure import Result
from mpc.tables.secret_table import SecretTable
from mpc.tables.table_functions import How, Validate
from protocols.tables import moving
from protocols.tables.grouped_table import GroupedTable
from protocols.tables.joining import joined
from protocols.tables.releasing import released_table


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

    def released(self, table: SecretTable) -> Result:
        return released_table(table)
