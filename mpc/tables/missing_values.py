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
from mpc.values.basis import Basis
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
    """A column with a public value in the rows that have none; see `SecretTable.fillna`."""
    column, rows = table.column(name), table.rows
    x, bits = _numbers(table, name, "fillna"), _present(_numbers(table, name, "fillna"), rows)
    number = where(bits, x.bare(), _code(column, name, value)).bare()
    if x.type == "bool":
        number = number > 0
    ours, others = _places(x, rows)
    # Sums of the column are those of the rows that have a value, so these and the others must be none or enough.
    flags = (Lazy.of(bits), *((Lazy.of(number),) if is_flag(number) else ()))
    noted = tuple(replace(p, flags=(*flags, *known)) for p, known in ours)
    basis = Basis(x.basis.cohorts, (*noted, *others), x.basis.loose or rows.basis.loose, x.basis.origin)
    return like_column(column, number.masked(rows.bare(), NO_ROW).with_basis(basis))


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
    if is_secret(value) or isinstance(value, SecretCategory | SecretDate | SecretKey):
        raise ShapeError(f"fillna: {name}={value!r}; a public value, such as fillna({name}=0)")
    if isinstance(column, SecretCategory):
        return column.code(value)
    if isinstance(column, SecretDate):
        return days_of(value)
    if not isinstance(value, bool | int | float):
        raise ConfigError(f"fillna: {name}={value!r}; a number is wanted")
    return int(value) if isinstance(value, bool) else value
