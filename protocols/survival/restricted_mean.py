"""The restricted mean of survival times: the area under the curve of Kaplan and Meier up to a public time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np

from mpc.errors import ConfigError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.values.secret import SecretArray
from protocols.statistics.limits import defined
from protocols.statistics.measures import Measure, document
from protocols.survival.areas import Areas, areas_of_counts, areas_of_rows
from protocols.survival.arguments import names_of
from protocols.survival.curves import REACH, released, rows_of
from protocols.survival.private import PrivateRows

_ENDED = "no row is under observation until tau"
_NO_EVENT = "no event before tau"
_NO_SPREAD = "undefined: the variance is 0, or too small for its digits"


def restricted_mean(
    time: PrivateArray | SecretArray,
    event: PrivateArray | SecretArray,
    *,
    by: PrivateArray | SecretArray | SecretCategory | None = None,
    tau: float,
    step: float | None = None,
) -> Result:
    """The mean of the time until the event or until `tau`, whichever comes first, for all rows or by group (RMST).

    time, event, by   as in `kaplan_meier`
    tau    a public time above 0: the area under the survival curve from 0 to tau is the mean. Decide before you look
    step   of private times: events are counted in steps of this length (default: 1 for an `Integer`), as in
           `kaplan_meier`; of a `Real` it must be given

    Rows that miss a time, an event or a group are left out. Shared times are used exactly as they were shared; those of
    rows that stay are rounded up to multiples of `step`. Times below 0 count as 0.

    Gives       for each group the mean and its 95 % interval (normal); of two groups the difference, the second less
                the first, with interval, z and two-sided p. The table has rows, mean and standard error of each
                group. Kind "measures"
    Opens       the numbers of that table. All else follows from them
    Undefined   where no row of a group is under observation until tau, unless the event has come to every row that was
                left before; standard error, interval and p, where no event happened before tau, and where the variance
                is 0 (the event came at one time to all that were left), or too small for its digits
    Protection  that of a curve with a single point, just before tau (`points`): before tau at least the minimum number
                of events, from tau on as many rows, and no event or as many. So tau is not later than the time until
                which enough rows are observed. A small group hides another where the number of all rows would tell it.
                Means up to two values of tau, or a curve beside, are not held apart: see docs/survival.md
    Error       shared rows: relative 2^-19 of the mean, 2^-17 of the standard error. Private rows: 2^-27 of tau;
                of the variance relative 2^-20, and 2^-56 tau^2 a step
    Rounds      shared rows: those of `kaplan_meier`, two comparisons, an exponential and four products. Private rows:
                those of `kaplan_meier` and two products
    Bytes       shared rows, from each party: as `kaplan_meier` with one point, and about 100 a place of a row and group
    Raises      ShapeError for other columns; ConfigError for a tau that is not above 0, and for a `Real` without step
    Equals      R's `survRM2::rmst2` (arm 1 less arm 0) and `survival:::survmean` with rmean = tau; lifelines'
                `restricted_mean_survival_time` for the mean
    Source      Royston and Parmar, BMC Medical Research Methodology 13 (2013); Klein and Moeschberger, Survival
                Analysis, 2nd ed. (2003), section 4.5: the variance is the sum over times of events of
                (area from there to tau)^2 d / (n (n - d))
    """
    if isinstance(tau, bool) or not np.isfinite(tau) or tau <= 0:
        raise ConfigError(f"restricted_mean: tau={tau!r}; expected a time above 0")
    rows = rows_of("restricted_mean", time, event, by, None, step)
    if isinstance(rows, PrivateRows):
        found, before = areas_of_counts(rows, tau), tau * (1 - 1e-9)
    else:
        found, before = areas_of_rows(rows, tau), _before(rows.time, tau)
    points = np.asarray([before])
    happened = rows.numbers(points)[0].reshape(-1) > 0
    parts = {
        "mean": defined(found.mean, (found.complete, _ENDED)).reshape(-1, 1),
        "variance": defined(found.variance, (found.complete, _ENDED), (happened, _NO_EVENT)).reshape(-1, 1),
    }
    finish = _Finish(float(tau), found, names_of(by))
    # Numbers of events and of rows at risk would differ from those of a curve by the events at tau, which may be few.
    return released("measures", rows, points, parts, finish, counts=False)


def _before(time: SecretArray, tau: float) -> float:
    """The last time before tau that a column can have."""
    if time.type == "int":
        return float(np.ceil(tau) - 1) if tau > 1 else 0.5 * tau
    return tau - 2.0**-time.frac


class _Finish:
    """Makes the measures from the opened numbers.

    found  the unit of means, the scale of variances, and the smallest one
    """

    def __init__(self, tau: float, found: Areas, names: Sequence[str]) -> None:
        self._tau = tau
        self._unit = found.unit
        self._least = found.least
        self._names = list(names)
        self._scale = found.scale

    def __call__(self, opened: Mapping[str, Opened]) -> Any:
        groups = [self._group(opened, g) for g in range(len(opened["rows"].values))]
        if not self._names and isinstance(groups[0][0], str):
            return groups[0][0]
        suffixes = [f", {name}" for name in self._names] or [""]
        measures = [
            self._mean(f"restricted mean{suffix}", *group) for suffix, group in zip(suffixes, groups, strict=True)
        ]
        if len(groups) == 2:
            measures.append(self._difference(groups))
        table = {
            "rows": self._names or ["all"],
            "columns": ["rows", "restricted mean", "standard error"],
            "values": [list(group) for group in groups],
        }
        return {"tau": self._tau, **document(measures, table)}

    def _group(self, opened: Mapping[str, Opened], g: int) -> tuple[Any, Any, Any]:
        """Rows, mean and standard error; words in their places."""
        rows = opened["rows"].whole_cells()[g]
        mean, variance = (opened[name].cells()[g][0] for name in ("mean", "variance"))
        if isinstance(rows, str) or isinstance(mean, str):
            return rows, mean, mean
        value = min(max(mean * self._unit, 0.0), self._tau)
        if isinstance(variance, str):
            return rows, value, variance
        variance /= self._scale
        return rows, value, sqrt(variance) * self._unit if variance >= self._least else _NO_SPREAD

    @staticmethod
    def _mean(name: str, rows: Any, mean: Any, error: Any) -> Measure:
        if isinstance(error, str):
            return Measure(name, mean, error, error)
        return Measure(name, mean, mean - REACH * error, mean + REACH * error)

    def _difference(self, groups: Sequence[tuple[Any, Any, Any]]) -> Measure:
        from scipy import special  # scipy.stats takes a second to import

        name = f"difference, {self._names[1]} less {self._names[0]}"
        words = next((mean for _, mean, _ in groups if isinstance(mean, str)), None)
        if words is not None:
            return Measure(name, words, words, words, statistic=words, p=words)
        apart = groups[1][1] - groups[0][1]
        words = next((error for _, _, error in groups if isinstance(error, str)), None)
        if words is not None:
            return Measure(name, apart, words, words, statistic=words, p=words)
        error = sqrt(groups[0][2] ** 2 + groups[1][2] ** 2)
        z = apart / error
        low, high = apart - REACH * error, apart + REACH * error
        return Measure(name, apart, low, high, statistic=z, p=float(2 * special.ndtr(-abs(z))))
