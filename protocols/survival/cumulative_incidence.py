"""The cumulative incidence of competing events (Aalen and Johansen), on a public grid of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.releases.disclosure import Guard, Opened, Result
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import JsonObject
from mpc.values.secret import SecretArray
from protocols.survival.arguments import grid_of, names_of
from protocols.survival.causes import names_of_causes, private_causes, shared_causes
from protocols.survival.curves import REACH, grid_numbers, since_shown, with_words, words_of
from protocols.survival.incidence_sums import of_counts, of_rows, variance_of
from protocols.survival.points import RULE, Shown
from protocols.survival.private import UNIT, PrivateRows
from protocols.survival.shared import SharedRows

Flags = Mapping[str, PrivateArray] | Mapping[str, SecretArray]


def cumulative_incidence(
    time: PrivateArray | SecretArray,
    cause: PrivateArray | SecretCategory | Flags,
    *,
    censored: str | None = None,
    by: PrivateArray | SecretArray | SecretCategory | None = None,
    grid: Sequence[float] | range,
    step: float | None = None,
) -> Result:
    """The share of rows that had the event of each cause by a time, where the causes compete, for all rows or by group.

    time      as in `kaplan_meier`: until the first event, or until the end of observation
    cause     a category, of which the level `censored` says that there was no event; or a dict of a flag for each cause
              ({"relapse": table.relapsed, "death": table.died}): a row with several has the first one of these. 1 to 8
    by, grid, step   as in `kaplan_meier`

    Rows that miss a time, a cause (or one of its flags) or a group are left out. A row censored at the time of an event
    was at risk of it; events of one time, of whatever cause, share their rows at risk.

    Gives       the grid and, for each cause of each group, at each point: estimate, standard error, 95 % interval
                (log-log), rows at risk after the point, and events of the cause since the point shown before; the
                number of rows. Kind "curves": the curves of all causes of the first group, then those of the next
    Opens       these numbers, the variance for the standard error, and nothing of points that are not shown
    Undefined   the interval before the first event of the cause, and where the estimate is 1
    Protection  points of each cause's curve are merged until enough events of that cause lie between them (`points`);
                rows at risk are shown where the curves of all causes are; a small group has no curve
    Error       shared rows: relative 2^-19 of the estimate and of its standard error, and 2^-38 a row. Private rows:
                2^-37 a step of the estimate; of its variance relative 2^-20, and 2^-53 a step
    Rounds      shared rows: those of `kaplan_meier`, sums over runs of equal times, an exponential and seven products.
                Private rows: two divisions and seven products. The rule for points once for each cause
    Bytes       shared rows, from each party: as `kaplan_meier`, and about 600 a place of a row, group and cause
    Raises      ShapeError for other columns; ConfigError for a grid that does not ascend, and for unknown causes
    Equals      statsmodels' `CumIncidenceRight(time, status)`, whose variance it has; `lifelines.AalenJohansenFitter`
                where no times are equal (that one moves equal times apart at random); the estimate of R's
                `cmprsk::cuminc` and of `survfit` (whose variances differ: Aalen's, and an infinitesimal jackknife)
    Source      Aalen and Johansen, Scandinavian Journal of Statistics 5 (1978); the variance by the delta method: Dinse
                and Larson, Biometrika 73 (1986); Marubini and Valsecchi, Analysing Survival Data from Clinical Trials
                (1995), section 10.3; the interval: Kalbfleisch and Prentice (2002), section 8.2
    """
    points = grid_of("cumulative_incidence", grid)
    causes = names_of_causes("cumulative_incidence", cause, censored)
    rows: PrivateRows | SharedRows
    each: Sequence[PrivateRows | SharedRows]
    if isinstance(time, PrivateArray):
        counted = private_causes("cumulative_incidence", time, cause, causes, by, points, step)
        rows, each, sums, scale = counted[0], counted, of_counts(counted, points), UNIT
    else:
        rows, each = shared_causes("cumulative_incidence", time, cause, causes, by, step)
        sums, scale = of_rows(rows, each, points), rows.size
    variance = variance_of(sums)
    numbers = [own.numbers(points) for own in each]
    _, at_risk, number = numbers[0]
    groups = at_risk.shape[0]
    parts = {"at_risk": at_risk, "rows": number}
    for c in range(len(causes)):
        own = np.arange(groups) * len(causes) + c
        parts[f"incidence {c}"] = sums[0].view(lambda a, own=own: a[own])  # type: ignore[misc]
        parts[f"variance {c}"] = variance.view(lambda a, own=own: a[own])  # type: ignore[misc]
        parts[f"events {c}"] = numbers[c][0]
    finish = _Finish(points, names_of(by), causes, scale)
    exits = [own.exits(points) for own in each]
    if not all(map(all, exits)):  # nobody knows whose rows these are: a release needs a reason
        return Result("curves", parts, finish)
    return _protected(parts, finish, [Shown(own, len(points)) for own in exits])


def _protected(parts: Mapping[str, SecretArray], finish: _Finish, shown: Sequence[Shown]) -> Result:
    """A release of which the points of each cause are shown by its own events."""
    cohorts = tuple(dict.fromkeys(cohort for one in shown for cohort in one.cohorts))

    def bits(minimum: int, others: bool) -> dict[str, SecretArray]:
        each = [one.bits(minimum, others) for one in shown]
        (everywhere, whole), *more = each
        for points, groups in more:
            # Between two points at which all curves are shown lie enough events of each cause.
            everywhere, whole = everywhere & points, whole & groups
        out = {"at_risk": everywhere, "rows": whole}
        for c, (points, _) in enumerate(each):
            out |= dict.fromkeys((f"incidence {c}", f"variance {c}", f"events {c}"), points)
        return out

    guard = Guard(RULE, dict.fromkeys(parts, cohorts), bits)
    return Result("curves", {name: part.standing_on(*cohorts) for name, part in parts.items()}, finish, guard)


class _Finish:
    """Makes the curves from the opened numbers.

    scale  what the opened variance was multiplied with
    """

    def __init__(self, points: NDArray[np.float64], names: list[str], causes: list[str], scale: int) -> None:
        self._points = points
        self._names = names
        self._causes = causes
        self._scale = scale

    def __call__(self, opened: Mapping[str, Opened]) -> Any:
        rows = opened["rows"].whole_cells()
        if not self._names and isinstance(rows[0], str):
            return rows[0]
        curves = [self._curve(opened, g, c) for g in range(len(rows)) for c in range(len(self._causes))]
        head: JsonObject = {"grid": grid_numbers(self._points), "what": "cumulative incidence"}
        groups = {"groups": self._names} if self._names else {}
        return {**head, **groups, "causes": self._causes, "curves": curves}

    def _curve(self, opened: Mapping[str, Opened], g: int, c: int) -> JsonObject | str:
        number = opened["rows"].whole_cells()[g]
        if isinstance(number, str):
            return number
        estimate = np.asarray(opened[f"incidence {c}"].values[g], np.float64).clip(0, 1)
        variance = np.asarray(opened[f"variance {c}"].values[g], np.float64) / self._scale
        happened = opened[f"events {c}"].values[g]
        columns: dict[str, list[float | str]] = {name: [] for name in ("estimate", "se", "ci_low", "ci_high")}
        for f, v, d in zip(estimate, variance, happened, strict=True):
            for name, cell in zip(columns, _point(float(f), float(v), bool(d > 0)), strict=True):
                columns[name].append(cell)
        return {
            "cause": self._causes[c],
            **({"group": self._names[g]} if self._names else {}),
            "rows": number,
            **with_words(columns, words_of(opened[f"incidence {c}"], g)),
            "at_risk": opened["at_risk"].whole_cells()[g],
            "events": since_shown(opened[f"events {c}"].whole_cells()[g]),
        }


def _point(estimate: float, variance: float, happened: bool) -> list[float | str]:
    """Estimate, standard error, and both ends of the interval."""
    if not happened:
        return [0.0, 0.0, *["undefined: no event yet"] * 2]
    if estimate > 1 - 2.0**-18:
        return [1.0, 0.0, *["undefined: the event has come to every row"] * 2]
    error = float(np.sqrt(max(variance, 0.0)))
    reach = np.exp(REACH * error / (estimate * abs(np.log(estimate))))
    return [estimate, error, float(estimate**reach), float(estimate ** (1 / reach))]
