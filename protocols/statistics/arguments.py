"""Check the arguments of a statistic: columns, or a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mpc.errors import ShapeError
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.untyped import Anything


def columns(statistic: str, argument: Anything) -> list[PrivateArray]:
    """A column, several columns or a table as a list of columns. Raises ShapeError for anything else."""
    single = isinstance(argument, PrivateArray | str) or not isinstance(argument, Iterable)
    listed: list[Any] = [argument] if single else list(argument)
    for column in listed:
        if not isinstance(column, PrivateArray):
            name = column if isinstance(column, str) and column.isidentifier() else "age"
            example = f"table.{name} or [table.{name}, table.smoker]"
            raise ShapeError(f"{statistic}: columns are wanted, such as {example}; found {_shown(column)}")
    return listed


def table(statistic: str, argument: Anything) -> PrivateTable:
    """The argument, if it is a table. Raises ShapeError for anything else."""
    if not isinstance(argument, PrivateTable):
        example = f'table[["{argument.name}"]]' if isinstance(argument, PrivateArray) else 'table[["age", "weight"]]'
        raise ShapeError(
            f"{statistic}: a table is wanted, such as {example}; found {_shown(argument)}. A column has .mean(), "
            ".std(), .count()"
        )
    return argument


def _shown(argument: Any) -> str:
    return repr(argument) if isinstance(argument, str) else f"a {type(argument).__name__}"
