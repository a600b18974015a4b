"""What the curves of this package have in common: rows of both kinds, the parts of a release, and its form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Json, JsonObject
from mpc.values.secret import SecretArray
from protocols.survival.arguments import need_private, need_shared
from protocols.survival.points import Shown
from protocols.survival.private import PrivateRows
from protocols.survival.shared import SharedRows

Column = PrivateArray | SecretArray
By = PrivateArray | SecretArray | SecretCategory | None
#: The standard normal distribution's quantile of 97.5 %.
REACH = 1.959963984540054


def rows_of(
    what: str, time: Column, event: Column, by: By, points: NDArray[np.float64] | None, step: float | None
) -> PrivateRows | SharedRows:
    """The rows of time, event and group, that stay or are shared. Raises ShapeError for other columns."""
    if isinstance(time, PrivateArray):
        need_private(what, time, event, by)
        assert isinstance(event, PrivateArray)
        assert by is None or isinstance(by, PrivateArray)
        return PrivateRows.of(time, event, by, points, step)
    need_shared(what, time, event, by)
    if step is not None:
        raise ShapeError(f"{what}: step= is for private columns; times of shared rows are exact")
    assert isinstance(event, SecretArray)
    assert not isinstance(by, PrivateArray)
    return SharedRows.of(time, event, by)


def released(
    kind: str,
    rows: PrivateRows | SharedRows,
    points: NDArray[np.float64],
    parts: dict[str, SecretArray],
    finish: Callable[[Mapping[str, Opened]], Json],
    *,
    counts: bool = True,
) -> Result:
    """Parts (groups, points) as a release, with the number of rows, and with events and rows at risk unless `counts` is
    false: where points are shown."""
    events, at_risk, number = rows.numbers(points)
    parts = {**parts, **({"events": events, "at_risk": at_risk} if counts else {}), "rows": number}
    exits = rows.exits(points)
    if not all(exits):  # nobody knows whose rows these are: a release needs a reason
        return Result(kind, parts, finish)
    shown = Shown(exits, len(points))
    known = {name: part.standing_on(*shown.cohorts) for name, part in parts.items()}
    return Result(kind, known, finish, shown.guard([name for name in parts if name != "rows"], ("rows",)))


class Finish(ABC):
    """Makes the curves from the opened numbers.

    names  of the groups; none: of a single curve of all rows
    """

    def __init__(self, points: NDArray[np.float64], names: Sequence[str]) -> None:
        self.points = points
        self._names = list(names)

    def __call__(self, opened: Mapping[str, Opened]) -> Any:
        head = {"grid": grid_numbers(self.points), **self.head()}
        curves = [self._curve(opened, g) for g in range(len(opened["rows"].values))]
        if not self._names:
            return curves[0] if isinstance(curves[0], str) else {**head, **curves[0]}
        return {**head, "groups": self._names, "curves": curves}

    def head(self) -> JsonObject:
        """What is said of all curves."""
        return {}

    @abstractmethod
    def estimates(self, opened: Mapping[str, Opened], g: int, rows: int) -> JsonObject:
        """The lists of numbers of a group of so many rows, one entry a point."""

    def _curve(self, opened: Mapping[str, Opened], g: int) -> JsonObject | str:
        if isinstance(number := opened["rows"].whole_cells()[g], str):
            return number
        at_risk, events = opened["at_risk"].whole_cells()[g], since_shown(opened["events"].whole_cells()[g])
        found = self.estimates(opened, g, number)
        last = {name: found.pop(name) for name in list(found) if not isinstance(found[name], list)}
        return {"rows": number, **found, "at_risk": at_risk, "events": events, **last}


def grid_numbers(points: NDArray[np.float64]) -> list[int | float]:
    """The points of a grid, whole ones as integers."""
    return [int(t) if t == int(t) else float(t) for t in points]


def since_shown(upto: Sequence[int | str]) -> list[int | str]:
    """Events since the point shown before, from those up to each point."""
    events: list[int | str] = []
    before = 0
    for cell in upto:
        events.append(cell if isinstance(cell, str) else cell - before)
        before = before if isinstance(cell, str) else cell
    return events


def words_of(opened: Opened, g: int) -> list[str | None]:
    """What stands in place of numbers at the points of a group; None where there is a number."""
    return [cell if isinstance(cell, str) else None for cell in opened.cells()[g]]


def with_words(columns: Mapping[str, Sequence[float | str]], words: Sequence[str | None]) -> JsonObject:
    """Lists of numbers, with words in their places."""
    return {
        name: [number if word is None else word for number, word in zip(column, words, strict=True)]
        for name, column in columns.items()
    }
