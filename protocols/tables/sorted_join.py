"""Joins of secret tables whose rows were moved, or of which neither has one row a key: by sorting tags of keys.

It costs a sort of the rows of both tables; a lookup of keys that owners hold (`protocols.tables.joining`) costs less.
What the columns of the right table stand on is not known any more, so their release needs a reason. Those of the left
table stand on its rows, each counted once; where a key may be of several of them, a release needs a reason, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.machine.assumptions import Assumption, assuming
from mpc.tables.secret_columns import SecretColumn, SecretKey, like_column, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.tables.table_functions import How
from mpc.values.basis import Basis
from mpc.values.secret import SecretArray, constant
from protocols.tables.joins import join_rows
from protocols.tables.moving import changed
from protocols.tables.tags import words_of


def sorted_join(
    left: SecretTable,
    right: SecretTable,
    on: Sequence[str],
    how: How,
    names: Mapping[str, str],
    matches: int,
    *,
    one_left: bool,
) -> SecretTable:
    """The join, with `matches` places for each row of `left`; that no key of `right` has more rows is checked.

    names     column of the right table -> its name in the result
    one_left  each key is of one row of `left` at most: then as many rows of `right` have a match as rows of `left`
    """
    if not one_left:
        # Many rows of one person tell whether this one person is on the right: how many there are is not known here.
        left = left.about(Basis(loose=True))
    ours, theirs = (words_of(table, on) for table in (left, right))
    wanted = how in ("inner", "left")
    given = {name: right.column(name) for name in names} if wanted else {}
    numbers = [numbers_of(column) for column in given.values()]
    # Whether there is a match does not depend on how many there are.
    found = join_rows(left.rows, ours, right.rows, theirs, numbers, matches=matches if wanted else 1)
    if how in ("semi", "anti"):
        bits = found.found if how == "semi" else ~found.found
        return left.filter(bits.bare().with_basis(left.rows.basis.plain()))
    fits = Assumption(left.run, found.beyond == 0)
    bits = assuming(found.found.bare(), fits)
    if matches > 1:
        left, bits = repeated(left, matches), bits.reshape(-1)
    if how == "left":
        # A row without a match stays in its first place.
        first = np.arange(left.capacity) % matches == 0
        kept = bits if matches > 1 else None
        if kept is not None:
            left = left.filter(_about(left, kept | constant(left.run, first).bare()))
    else:
        left = left.filter(_about(left, bits))
    added: dict[str, SecretColumn] = {}
    for (name, column), value in zip(given.items(), found.columns, strict=True):
        flat = assuming(value.reshape(-1), fits)
        basis = numbers_of(column).basis
        added[names[name]] = like_column(column, flat.with_basis(basis._replace(places=(), cohorts=(), loose=True)))
    return left.assign(**added)


def _about(table: SecretTable, bits: SecretArray) -> SecretArray:
    return bits.bare().with_basis(table.rows.basis.plain())


def repeated(table: SecretTable, times: int) -> SecretTable:
    """Each row in `times` places beside each other. Local."""

    def to(a: NDArray[Any]) -> NDArray[Any]:
        return np.repeat(a, times, 0)

    return changed(table, lambda x: x.view(to), table.capacity * times, repeats=True)


def without(table: SecretTable, like: SecretTable) -> SecretTable:
    """The rows of `table` with the columns of `like`, which are missing where `table` lacks them."""
    columns: dict[str, SecretColumn] = {}
    for name in like.columns:
        if name in table.columns:
            columns[name] = table.column(name)
            continue
        column = like.column(name)
        if isinstance(column, SecretKey):
            raise ConfigError(f"join: {name} is a key of one table alone; drop it first")
        numbers = numbers_of(column)
        nothing = constant(table.run, np.zeros(table.capacity, np.int64)).restated(
            frac=numbers.frac, type=numbers.type if numbers.type != "bool" else "int", bound=0
        )
        missing = constant(table.run, np.zeros(table.capacity, np.bool_))
        columns[name] = like_column(column, nothing.masked(missing, "no match"))
    return table.assign(**columns).select(*like.columns)
