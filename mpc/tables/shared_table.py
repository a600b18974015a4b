"""From a private table to a secret one: its rows leave their owners here, as shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpc.tables.keys import KeyColumn
from mpc.tables.secret_columns import SecretCategory, SecretColumn, SecretDate, SecretKey
from mpc.tables.secret_table import Held, SecretTable
from mpc.tables.sharing import rows_shared, share_rows

if TYPE_CHECKING:
    from mpc.tables.private import PrivateTable
    from mpc.tables.private_array import PrivateArray
    from mpc.values.secret import SecretArray


def shared_table(table: PrivateTable, rows: int) -> SecretTable:
    """Every column but keys and texts in secret, each owner's rows padded to the public number `rows`.

    A key is a column without shares; a text is none.
    """
    numbers = [column for column in table if column.expression.type not in ("key", "text")]
    shares = dict(zip([c.name for c in numbers], share_rows(numbers, rows), strict=True)) if numbers else {}
    columns: dict[str, SecretColumn] = {}
    for column in table:
        if column.expression.type != "text":
            columns[column.name] = typed(column, shares.get(column.name))
    held = Held(table.source, table.where, rows)
    return SecretTable(
        table.source.run,
        table.source.name,
        columns,
        len(table.source.owners) * rows,
        lambda: rows_shared(table.source, table.where, rows),
        held=held,
        unique=frozenset(frozenset([column.name]) for column in table if _unique(column)),
    )


def _unique(column: PrivateArray) -> bool:
    """Whether all rows have different keys; several owners check their own rows alone."""
    if column.expression.type != "key" or len(column.source.owners) > 1:
        return False
    declared = column.source.schema[column.expression.column]
    return isinstance(declared, KeyColumn) and declared.unique


def typed(column: PrivateArray, share: SecretArray | None) -> SecretColumn:
    """A column of a secret table: the shared numbers by the kind of the private column; without shares a key."""
    kind = column.expression.type
    if share is None:
        return SecretKey.held(column.name, column.source, column.expression)
    if kind == "category":
        return SecretCategory(share, column.expression.levels)
    return SecretDate(share) if kind == "date" else share
