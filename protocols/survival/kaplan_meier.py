"""The Kaplan-Meier estimate of survival, on a public grid of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import JsonObject
from mpc.values.secret import SecretArray
from protocols.survival.arguments import grid_of, names_of, need_private, need_shared
from protocols.survival.points import Shown
from protocols.survival.private import PrivateRows
from protocols.survival.shared import NOBODY, SharedRows

#: The standard normal distribution's quantile of 97.5 %.
_REACH = 1.959963984540054


def kaplan_meier(
    time: PrivateArray | SecretArray,
    event: PrivateArray | SecretArray,
    *,
    by: PrivateArray | SecretArray | SecretCategory | None = None,
    grid: Sequence[float] | range,
    step: float | None = None,
) -> Result:
    """The share of rows without the event, S(t), at the points of a public grid, for all rows or by group.

    time   a column of numbers, private or shared: until the event, or until the end of observation
    event  a flag: whether the time is that of the event (else the row is censored there)
    by     a category or a flag; a curve for each of its levels
    grid   ascending times above 0 at which the curve is shown
    step   of private times: events are counted in steps of this length, see below

    Rows that miss a time, an event or a group are left out. A row censored at the time of an event was at risk of it.
    Shared times are used exactly as they were shared. Private times stay at their owners, who count events in steps:
    times are rounded up to multiples of `step` (default: 1 for an `Integer`, so that whole days are exact; for a `Real`
    the points of the grid themselves). Events and censored rows of one step count as of the same time. The curve is
    then that of `lifelines.KaplanMeierFitter`, `survfit` of R and `SurvfuncRight` of statsmodels for the rounded times.

    Gives       the grid and, at each point: survival, its standard error (Greenwood), its 95 % interval (log-log), rows
                at risk after the point, and events since the point that was shown before. The number of rows, and the
                median: the first shown point with a survival of 0.5 or less
    Opens       these numbers (of shared rows log S(t) for S(t)), and nothing of points that are not shown
    Undefined   the standard error where nobody is left, the interval also before the first event
    Protection  points are merged until enough events lie between them (`points`), and a small group has no curve
    Error       shared rows: 2^-37 sqrt(events) of S; private rows: 2^-35 of 1
    Rounds      shared rows: a sort by time, for several groups a sort by one bit, comparisons with the grid, about 30.
                Private rows: two divisions, and a product for each doubling of the number of steps
    Raises      ShapeError for other columns; ConfigError for a grid that does not ascend
    Source      Kaplan and Meier, JASA 53 (1958); Greenwood (1926); Kalbfleisch and Prentice (1980), for the interval
    """
    points = grid_of("kaplan_meier", grid)
    rows: SharedRows | PrivateRows
    if isinstance(time, PrivateArray):
        need_private("kaplan_meier", time, event, by)
        assert isinstance(event, PrivateArray)
        assert by is None or isinstance(by, PrivateArray)
        rows = PrivateRows.of(time, event, by, points, step)
        survival, spread = rows.estimates(points)
    else:
        need_shared("kaplan_meier", time, event, by)
        if step is not None:
            raise ShapeError("kaplan_meier: step= is for private columns; times of shared rows are exact")
        assert isinstance(event, SecretArray)
        assert not isinstance(by, PrivateArray)
        rows = SharedRows.of(time, event, by)
        survival, spread = rows.sums(points)
    logarithm = isinstance(rows, SharedRows)
    events, at_risk, number = rows.numbers(points)
    parts = {"survival": survival, "variance": spread, "events": events, "at_risk": at_risk, "rows": number}
    exits = rows.exits(points)
    names = names_of(by)
    finish = _Finish(points, names, logarithm)
    if not all(exits):  # nobody knows whose rows these are: a release needs a reason
        return Result("survival", parts, finish)
    shown = Shown(exits, len(points))
    known = {name: part.standing_on(*shown.cohorts) for name, part in parts.items()}
    return Result("survival", known, finish, shown.guard(("survival", "variance", "events", "at_risk"), ("rows",)))


class _Finish:
    """Makes the curves from the opened numbers."""

    def __init__(self, points: NDArray[np.float64], names: Sequence[str], logarithm: bool) -> None:
        self._points = points
        self._names = list(names)
        self._logarithm = logarithm

    def __call__(self, opened: Mapping[str, Opened]) -> Any:
        grid = [int(t) if t == int(t) else float(t) for t in self._points]
        curves = [self._curve(opened, g) for g in range(len(opened["rows"].values))]
        if not self._names:
            return curves[0] if isinstance(curves[0], str) else {"grid": grid, **curves[0]}
        return {"grid": grid, "groups": self._names, "curves": curves}

    def _curve(self, opened: Mapping[str, Opened], g: int) -> JsonObject | str:
        rows, survival = opened["rows"], opened["survival"]
        cells = opened["survival"].cells()[g]
        if isinstance(number := rows.whole_cells()[g], str):
            return number
        words = [cell if isinstance(cell, str) else None for cell in cells]
        value = np.asarray(survival.values[g], np.float64)
        if self._logarithm:
            value = np.where(value < -NOBODY / 2, 0.0, np.exp(np.minimum(value, 0)))
        value = np.clip(value, 0, 1)
        variance = np.maximum(np.asarray(opened["variance"].values[g], np.float64), 0)
        if not self._logarithm:
            variance = variance / max(number, 1)
        return {"rows": number, **self._estimates(value, variance, words), **_numbers(opened, g), **self._median(value)}

    def _estimates(
        self, survival: NDArray[np.float64], variance: NDArray[np.float64], words: Sequence[str | None]
    ) -> JsonObject:
        out: JsonObject = {name: [] for name in ("survival", "se", "ci_low", "ci_high")}
        for s, v, word in zip(survival, variance, words, strict=True):
            row: list[float | str]
            if word is not None:
                row = [word] * 4
            elif s <= 0:
                row = [0.0, *["undefined: nobody is left at risk"] * 3]
            elif s >= 1 or v <= 0:
                row = [1.0, 0.0, *["undefined: no event yet"] * 2]
            else:
                reach = _REACH * np.sqrt(v) / abs(np.log(s))
                row = [float(s), float(s * np.sqrt(v)), float(s ** np.exp(reach)), float(s ** np.exp(-reach))]
            for name, number in zip(out, row, strict=True):
                out[name].append(number)
        return out

    def _median(self, survival: NDArray[np.float64]) -> JsonObject:
        below = np.flatnonzero(survival <= 0.5)  # what is not shown is NaN
        if not below.size:
            return {"median": "undefined: no point shown with a survival of 0.5 or less"}
        return {"median": float(self._points[below[0]])}


def _numbers(opened: Mapping[str, Opened], g: int) -> JsonObject:
    """Rows at risk after each point, and events since the point shown before."""
    events, before = [], 0
    for cell in opened["events"].whole_cells()[g]:
        events.append(cell if isinstance(cell, str) else cell - before)
        before = before if isinstance(cell, str) else cell
    return {"at_risk": opened["at_risk"].whole_cells()[g], "events": events}
