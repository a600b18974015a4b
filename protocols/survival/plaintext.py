"""For the plaintext oracles of scenarios: which points of a curve come out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def shown_points(
    time: ArrayLike, event: ArrayLike, grid: Sequence[float], minimum: int, owner: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Where the curve of a group's rows is shown, by the rule of `kaplan_meier`. Rows in the clear.

    time, event  of the rows of the group that have both
    owner        whose row each is: the rule holds without the rows of any one owner, too
    """
    times, events = np.asarray(time, np.float64), np.asarray(event, bool)
    points = np.asarray(list(grid), np.float64)
    if minimum <= 1:
        return np.ones(len(points), np.bool_)
    whose = np.zeros(len(times), np.int64) if owner is None else np.asarray(owner)
    views = [np.ones(len(times), np.bool_)]
    if owner is not None:
        views += [whose != one for one in np.unique(whose)]
    views = [view for k, view in enumerate(views) if not k or view.any()]
    shown = np.zeros(len(points), np.bool_)
    if any(view.sum() < minimum for view in views):
        return shown
    last = -np.inf
    for k, point in enumerate(points):
        between = events & (times > last) & (times <= point)
        fits = True
        for view in views:
            after = (events & view & (times > point)).sum()
            everywhere = (events & (times > point)).sum()
            fits &= (between & view).sum() >= minimum and (view & (times > point)).sum() >= minimum
            fits &= bool(after == 0 or after >= minimum or everywhere == 0)
        if fits:
            shown[k], last = True, point
    return shown
