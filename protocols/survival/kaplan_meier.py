"""The Kaplan-Meier estimate of survival, on a public grid of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import JsonObject
from mpc.values.secret import SecretArray
from protocols.survival.arguments import grid_of, names_of
from protocols.survival.curves import REACH, Finish, released, rows_of, with_words, words_of
from protocols.survival.in_order import NOBODY
from protocols.survival.private import UNIT
from protocols.survival.shared import SharedRows

#: Less than the survival while one of at most 2^28 rows is left.
_NOBODY_LEFT = 2.0**-31


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
    rows = rows_of("kaplan_meier", time, event, by, points, step)
    survival, spread = rows.sums(points) if isinstance(rows, SharedRows) else rows.estimates(points)
    finish = _Finish(points, names_of(by), isinstance(rows, SharedRows))
    return released("survival", rows, points, {"survival": survival, "variance": spread}, finish)


class _Finish(Finish):
    """logarithm  log S was opened, not S."""

    def __init__(self, points: NDArray[np.float64], names: Sequence[str], logarithm: bool) -> None:
        super().__init__(points, names)
        self._logarithm = logarithm

    def estimates(self, opened: Mapping[str, Opened], g: int, rows: int) -> JsonObject:
        value = np.asarray(opened["survival"].values[g], np.float64)
        if self._logarithm:
            value = np.where(value < -NOBODY / 2, 0.0, np.exp(np.minimum(value, 0)))
        # While rows are left, S is at least 1/N: below that, it is 0 and what rounding adds.
        value = np.where(value < _NOBODY_LEFT, 0.0, np.clip(value, 0, 1))
        variance = np.maximum(np.asarray(opened["variance"].values[g], np.float64), 0)
        if not self._logarithm:
            variance = variance / UNIT
        columns: dict[str, list[float | str]] = {name: [] for name in ("survival", "se", "ci_low", "ci_high")}
        for s, v in zip(value, variance, strict=True):
            row: list[float | str]
            if s <= 0:
                row = [0.0, *["undefined: nobody is left at risk"] * 3]
            elif s >= 1 or v <= 0:
                row = [1.0, 0.0, *["undefined: no event yet"] * 2]
            else:
                reach = REACH * np.sqrt(v) / abs(np.log(s))
                row = [float(s), float(s * np.sqrt(v)), float(s ** np.exp(reach)), float(s ** np.exp(-reach))]
            for name, number in zip(columns, row, strict=True):
                columns[name].append(number)
        return {**with_words(columns, words_of(opened["survival"], g)), **self._median(value)}

    def _median(self, survival: NDArray[np.float64]) -> JsonObject:
        below = np.flatnonzero(survival <= 0.5)  # what is not shown is NaN
        if not below.size:
            return {"median": "undefined: no point shown with a survival of 0.5 or less"}
        return {"median": float(self.points[below[0]])}
