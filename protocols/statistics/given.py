"""What a statistic was given, where columns or a table are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mpc.errors import ShapeError
from mpc.tables.private import PrivateArray, PrivateTable


def columns(what: str, given: Any) -> list[PrivateArray]:
    """One column, several of them, or a table, as a list of columns. Raises ShapeError for anything else."""
    one = isinstance(given, PrivateArray | str) or not isinstance(given, Iterable)
    some: list[Any] = [given] if one else list(given)
    for each in some:
        if not isinstance(each, PrivateArray):
            name = each if isinstance(each, str) and each.isidentifier() else "age"
            like = f"table.{name} or [table.{name}, table.smoker]"
            raise ShapeError(f"{what}: columns are wanted, such as {like}; found {_shown(each)}")
    return some


def table(what: str, given: Any) -> PrivateTable:
    """A table. Raises ShapeError for anything else."""
    if not isinstance(given, PrivateTable):
        one = f'table[["{given.name}"]]' if isinstance(given, PrivateArray) else 'table[["age", "weight"]]'
        raise ShapeError(
            f"{what}: a table is wanted, such as {one}; found {_shown(given)}. A column has .mean(), .std(), .count()"
        )
    return given


def _shown(given: Any) -> str:
    return repr(given) if isinstance(given, str) else f"a {type(given).__name__}"
