"""Missing values of shared rows, as flags and as numbers.

A column alone cannot tell a place without a row from a row without a value: both are masked. Its table can.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mpc.errors import ConfigError, ShapeError
from mpc.tables.dates import days_of
from mpc.tables.secret_columns import SecretCategory, SecretColumn, SecretDate, SecretKey, like_column, numbers_of
from mpc.untyped import Anything
from mpc.values.basis import Basis, union
from mpc.values.people import need_same_people
from mpc.values.places import Lazy, Places
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, where
from mpc.values.value import is_secret

if TYPE_CHECKING:
    from mpc.tables.secret_table import SecretTable

NO_ROW = "no such row"


def has_value(table: SecretTable, name: str) -> SecretArray:
    """Whether each row has a value in a column; see `SecretTable.notna`."""
    x, rows = _numbers(table, name, "notna"), table.rows
    _, others = _places(x, rows)
    # How many rows on the right of a join a flag leaves out is not known where several rows may find one.
    basis = rows.basis.plain()
    whole = Basis(x.basis.cohorts, basis.places, basis.loose or x.basis.loose or bool(others), x.basis.origin)
    return _present(x, rows).masked(rows.bare(), NO_ROW).with_basis(whole)


def filled(table: SecretTable, name: str, value: Anything) -> SecretColumn:
    """A column with a public value, or that of another column, in the rows that have none; see `SecretTable.fillna`."""
    column, rows = table.column(name), table.rows
    x = _numbers(table, name, "fillna")
    bits = _present(x, rows)
    other, there = _other(table, column, name, value)
    number = where(bits, x.bare(), other.bare() if is_secret(other) else other).bare()
    if x.type == "bool":
        number = number > 0
    ours, others = _places(x, rows)
    # Sums of the column are those of the rows that have a value, so these and the others must be none or enough.
    flags = (Lazy.of(bits), *((Lazy.of(number),) if is_flag(number) else ()))
    if there is not None and is_flag(other):  # beside the sum of its own values, a sum tells how many took which one
        taken, one = there & ~bits, other.bare().as_flag()
        flags += (Lazy.of(taken & one), Lazy.of(taken & ~one))
    basis = union(x.basis, other.basis) if is_secret(other) else x.basis
    theirs = _places(other, rows) if is_secret(other) else ([], [])
    also = {id(place.base): known for place, known in theirs[0]}
    noted = tuple(replace(p, flags=(*flags, *known, *also.get(id(p.base), ()))) for p, known in ours)
    places = tuple({id(place): place for place in (*noted, *others, *theirs[1])}.values())
    whole = Basis(basis.cohorts, places, basis.loose or rows.basis.loose, basis.origin)
    if there is None:
        return like_column(column, number.masked(rows.bare(), NO_ROW).with_basis(whole))
    return like_column(column, number.masked(bits | there, "missing").with_basis(whole))


def _other(table: SecretTable, column: SecretColumn, name: str, value: Anything) -> tuple[Anything, SecretArray | None]:
    """What fills a column: a public code, or numbers of another column and the bits of the rows that have them."""
    if not (is_secret(value) or isinstance(value, SecretCategory | SecretDate | SecretKey)):
        return _code(column, name, value), None
    wrong = ShapeError(f"fillna: {name}={value!r}; expected a public value, or a column of this table of its kind")
    if isinstance(value, SecretKey) or not _alike(column, value):
        raise wrong
    numbers, own = numbers_of(value), numbers_of(column)
    if numbers.shape != (table.capacity,):
        raise wrong
    need_same_people(own.basis.places, numbers.basis.places)
    return numbers, _present(numbers, table.rows)


def _alike(column: SecretColumn, other: SecretColumn) -> bool:
    """Whether the values of one column can stand in the other one."""
    if isinstance(column, SecretCategory) and isinstance(other, SecretCategory):
        return column.levels == other.levels
    if isinstance(column, SecretArray) and isinstance(other, SecretArray):
        return is_flag(column) == is_flag(other)
    return isinstance(column, SecretDate) and isinstance(other, SecretDate)


def _numbers(table: SecretTable, name: str, verb: str) -> SecretArray:
    column = table.column(name)
    if isinstance(column, SecretKey):
        raise ShapeError(f'{verb}: {name} is a key; rows without one match nothing: join(how="semi") or "anti"')
    return numbers_of(column)


def _present(x: SecretArray, rows: SecretArray) -> SecretArray:
    """Bits of the rows that are there and have a value, without mask and basis."""
    if x.valid is None:
        return rows.bare()
    return x.valid.bare().broadcast_to(rows.shape) & rows.bare()


def _places(x: SecretArray, rows: SecretArray) -> tuple[list[tuple[Places, tuple[Lazy, ...]]], list[Places]]:
    """The places of all rows, with the flags that the column is made from; and the other rows that it stands on."""
    found = {id(place.base): place for place in x.basis.places}
    ours = [(place, found[id(place.base)].flags if id(place.base) in found else ()) for place in rows.basis.places]
    known = {id(place.base) for place in rows.basis.places}
    return ours, [place for place in x.basis.places if id(place.base) not in known]


def _code(column: SecretColumn, name: str, value: Anything) -> Anything:
    """A public value in the numbers of a column."""
    if isinstance(column, SecretCategory):
        return column.code(value)
    if isinstance(column, SecretDate):
        return days_of(value)
    if not isinstance(value, bool | int | float):
        raise ConfigError(f"fillna: {name}={value!r}; a number is wanted")
    return int(value) if isinstance(value, bool) else value
