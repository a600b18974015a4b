"""The tags of keys in secret: hashes of identifiers, for verbs that compare keys of rows in any places.

A tag is shared only when a verb needs it. Nobody sees one: whoever saw a tag could test guesses of the identifier.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.tables.expressions import Expression
from mpc.tables.keys import WORD_BITS
from mpc.tables.private_array import PrivateArray
from mpc.tables.rows import MISSING, absent
from mpc.tables.secret_columns import SecretColumn, SecretKey, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.tables.sharing import share_rows
from mpc.values.secret import SecretArray

#: A tag has so many bits: the difference of two fits every engine.
TAG_BITS = WORD_BITS - 1


def tags_of(table: SecretTable, name: str) -> tuple[SecretArray, ...]:
    """The tags of a key: a vector of whole numbers below 2^61, undefined where there is no row or no key.

    Bytes those of a shared column, the first time. Two different keys of n have the same tag with a probability of
    n^2 / 2^62.
    """
    column = table.column(name)
    if not isinstance(column, SecretKey):
        raise ShapeError(f"{name} is no key")
    if column.tags is not None:
        return column.tags
    held = table.held
    if held is None or column.source is None or column.expression is None:
        raise ShapeError(f"{name}: its rows were moved before its tags were shared")
    # A whole number or a date by which rows are joined is its own tag.
    tag = _of_key(column.expression, name) if column.expression.type == "key" else column.expression
    key = ("tags", held.rows, tag.digest, b"" if held.where is None else held.where.digest)
    memo = column.source.memo
    if key not in memo:
        memo[key] = tuple(share_rows([PrivateArray(column.source, tag, name, held.where)], held.rows))
    shared: tuple[SecretArray, ...] = memo[key]
    return shared


def _of_key(key: Expression, name: str) -> Expression:
    """The tag of each row of a key."""
    word = Expression(type="integer", low=0, high=(1 << WORD_BITS) - 1, column=key.column)
    return Expression(
        type="integer", low=0, high=(1 << TAG_BITS) - 1, function=_narrowed, arguments=(word,), text=f"tag of {name}"
    )


def words_of(table: SecretTable, names: Sequence[str]) -> list[SecretArray]:
    """The numbers of columns, and the tags of keys, by which rows are compared."""
    words: list[SecretArray] = []
    for name in names:
        column = table.column(name)
        words += tags_of(table, name) if isinstance(column, SecretKey) else [numbers_of(column)]
    return words


def _narrowed(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """The upper bits of words."""
    return np.where(absent(words), MISSING, words >> (WORD_BITS - TAG_BITS))


def with_tags(table: SecretTable) -> SecretTable:
    """The same table, whose keys have tags, so that its rows can move."""
    columns = {name: table.column(name) for name in table.columns}
    keys: dict[str, SecretColumn] = {
        name: column.tagged(tags_of(table, name)) for name, column in columns.items() if isinstance(column, SecretKey)
    }
    return table.assign(**keys) if keys else table
