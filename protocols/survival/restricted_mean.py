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
_NO_EVENT = "undefined: no event before tau"


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
                the first, with interval, z and two-sided p. The table has for each group rows, events before tau, rows
                under observation at tau, the mean and its standard error. Kind "measures"
    Opens       of each group the numbers of that table. All else follows from them
    Undefined   where no row of a group is under observation until tau, unless the event has come to every row that was
                left before; the interval, and p, where no event happened before tau
    Protection  that of a curve with a single point, just before tau (`points`): before tau at least the minimum number
                of events, from tau on as many rows, and no event or as many. So tau is not later than the time until
                which enough rows are observed. A small group hides another where the number of all rows would tell it.
                Means up to two values of tau, or a curve beside, are not held apart: see docs/survival.md
    Error       shared rows: relative 2^-19 of the mean, 2^-17 of the standard error; private rows: 2^-27 of tau, and
                relative 2^-20 of the standard error
    Rounds      shared rows: those of `kaplan_meier`, two comparisons, an exponential and four products. Private rows:
                those of `kaplan_meier` and two products
    Bytes       shared rows, from each party: as `kaplan_meier` with one point, and about 300 a place of a row and group
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
    finish = _Finish(float(tau), found.unit, names_of(by), isinstance(rows, PrivateRows))
    return released("measures", rows, np.asarray([before]), _parts(found), finish)


def _parts(found: Areas) -> dict[str, SecretArray]:
    """(groups, 1) parts of the release."""
    return {
        name: defined(x, (found.complete, _ENDED)).reshape(-1, 1)
        for name, x in (("mean", found.mean), ("variance", found.variance))
    }


def _before(time: SecretArray, tau: float) -> float:
    """The last time before tau that a column can have."""
    if time.type == "int":
        return float(np.ceil(tau) - 1) if tau > 1 else 0.5 * tau
    return tau - 2.0**-time.frac


class _Finish:
    """Makes the measures from the opened numbers.

    unit    of the opened means
    scaled  the number of rows times the variance was opened
    """

    def __init__(self, tau: float, unit: float, names: Sequence[str], scaled: bool) -> None:
        self._tau = tau
        self._unit = unit
        self._names = list(names)
        self._scaled = scaled

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
            "columns": ["rows", "events before tau", "observed until tau", "restricted mean", "standard error"],
            "values": [list(group) for group in groups],
        }
        return {"tau": self._tau, **document(measures, table)}

    def _group(self, opened: Mapping[str, Opened], g: int) -> tuple[Any, Any, Any, Any, Any]:
        """Rows, events, rows at risk, mean and standard error; words in their places."""
        rows = opened["rows"].whole_cells()[g]
        events, at_risk = (opened[name].whole_cells()[g][0] for name in ("events", "at_risk"))
        mean, variance = (opened[name].cells()[g][0] for name in ("mean", "variance"))
        if isinstance(rows, str) or isinstance(mean, str):
            return rows, events, at_risk, mean, mean
        value = min(max(mean * self._unit, 0.0), self._tau)
        error = sqrt(max(variance, 0.0) / (max(rows, 1) if self._scaled else 1)) * self._unit if events else 0.0
        return rows, events, at_risk, value, error

    @staticmethod
    def _mean(name: str, rows: Any, events: Any, at_risk: Any, mean: Any, error: Any) -> Measure:
        if isinstance(mean, str):
            return Measure(name, mean, mean, mean)
        if not events:
            return Measure(name, mean, _NO_EVENT, _NO_EVENT)
        return Measure(name, mean, mean - REACH * error, mean + REACH * error)

    def _difference(self, groups: Sequence[tuple[Any, Any, Any, Any, Any]]) -> Measure:
        from scipy import special  # scipy.stats takes a second to import

        name = f"difference, {self._names[1]} less {self._names[0]}"
        words = next((mean for *_, mean, _ in groups if isinstance(mean, str)), None)
        if words is not None:
            return Measure(name, words, words, words, statistic=words, p=words)
        apart, error = groups[1][3] - groups[0][3], sqrt(groups[0][4] ** 2 + groups[1][4] ** 2)
        if not error:
            return Measure(name, apart, _NO_EVENT, _NO_EVENT, statistic=_NO_EVENT, p=_NO_EVENT)
        z = apart / error
        low, high = apart - REACH * error, apart + REACH * error
        return Measure(name, apart, low, high, statistic=z, p=float(2 * special.ndtr(-abs(z))))
