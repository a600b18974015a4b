"""The arguments of survival statistics: times, events, groups and grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError, ShapeError
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.people import need_same_people
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray

#: Most points of a public grid, and most groups.
MOST_POINTS, MOST_GROUPS = 400, 20


class Group(NamedTuple):
    """Rows with a level of a category or with a value of a flag."""

    name: str
    rows: SecretArray


def grid_of(what: str, grid: Anything) -> NDArray[np.float64]:
    """The points of a grid. Raises ConfigError unless they are positive, ascend, and are at most MOST_POINTS."""
    points = np.asarray(list(grid) if isinstance(grid, Sequence | range) else grid, np.float64)
    if points.ndim != 1 or not 0 < len(points) <= MOST_POINTS or not np.all(np.isfinite(points)):
        raise ConfigError(f"{what}: grid={grid!r}; expected 1 to {MOST_POINTS} times, such as range(6, 61, 6)")
    if points[0] <= 0 or bool(np.any(np.diff(points) <= 0)):
        raise ConfigError(f"{what}: grid={grid!r}; the times of a grid are above 0 and ascend")
    return points


def need_shared(what: str, time: Anything, event: Anything, by: Anything) -> None:
    """Raise ShapeError unless time, event and by are columns of shared rows of the same people."""
    if not isinstance(time, SecretArray) or time.ndim != 1 or time.type == "bool":
        raise ShapeError(f"{what}: time is {time!r}; expected a column of numbers, private or shared")
    if not isinstance(event, SecretArray) or event.ndim != 1 or not is_flag(event):
        raise ShapeError(f"{what}: event is {event!r}; expected a flag of the same rows, as table.dead")
    codes = by.codes if isinstance(by, SecretCategory) else by
    if codes is not None and not (isinstance(by, SecretCategory) or (isinstance(by, SecretArray) and is_flag(by))):
        raise ShapeError(f"{what}: groups are {by!r}; expected a category or a flag of the same rows")
    for column in (event, *([] if codes is None else [codes])):
        if column.shape != time.shape:
            raise ShapeError(f"{what}: columns of {len(time)} and {len(column)} places; take all from one table")
        need_same_people(time.basis.places, column.basis.places)


def need_private(what: str, time: Anything, event: Anything, by: Anything) -> None:
    """Raise ShapeError unless time, event and by are private columns of one table."""
    if not isinstance(time, PrivateArray) or time.expression.type not in ("real", "integer"):
        raise ShapeError(f"{what}: time is {time!r}; expected a column of numbers, private or shared")
    if not isinstance(event, PrivateArray) or event.expression.type != "flag":
        raise ShapeError(f"{what}: event is {event!r}; expected a flag of the same table, as table.dead")
    if by is not None and (not isinstance(by, PrivateArray) or by.expression.type not in ("category", "flag")):
        raise ShapeError(f"{what}: groups are {by!r}; expected a category or a flag of the same table")
    for column in (event, *([] if by is None else [by])):
        if column.source is not time.source:
            raise ShapeError(f"{what}: {time.name} and {column.name} are columns of different tables")


def names_of(by: PrivateArray | SecretCategory | SecretArray | None) -> list[str]:
    """The names of groups: levels of a category, "no" and "yes" of a flag. Raises ConfigError for too many."""
    if by is None:
        return []
    levels = by.levels if isinstance(by, SecretCategory) else ()
    if isinstance(by, PrivateArray):
        levels = tuple(by.expression.levels)
    names = list(levels) or ["no", "yes"]
    if len(names) > MOST_GROUPS:
        raise ConfigError(f"{len(names)} groups; at most {MOST_GROUPS} can be compared")
    return names
