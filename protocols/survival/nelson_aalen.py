"""The Nelson-Aalen estimate of the cumulative hazard, on a public grid of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import JsonObject
from mpc.values.secret import SecretArray, constant
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.numeric.shares import SHARE_BITS
from protocols.survival.arguments import grid_of, names_of
from protocols.survival.curves import REACH, Finish, released, rows_of, with_words, words_of
from protocols.survival.in_order import InOrder, raw_of, scaled
from protocols.survival.private import UNIT, PrivateRows, sum_bound, units_over
from protocols.survival.shared import SharedRows

#: Fraction bits of sums over shared rows: of H, and of its variance.
_BITS = 44, 54
Ties = Literal["together", "each"]


def nelson_aalen(
    time: PrivateArray | SecretArray,
    event: PrivateArray | SecretArray,
    *,
    by: PrivateArray | SecretArray | SecretCategory | None = None,
    grid: Sequence[float] | range,
    step: float | None = None,
    ties: Ties = "together",
) -> Result:
    """The cumulative hazard H(t) at the points of a public grid, for all rows or by group.

    time, event, by, grid, step   as in `kaplan_meier`
    ties   "together": d events at a time with n rows at risk add d/n, and d/n^2 to the variance. "each", of shared
           rows: they add 1/n + 1/(n - 1) + … (d terms) and their squares, as if they came one after the other

    Rows that miss a time, an event or a group are left out. A row censored at the time of an event was at risk of it.

    Gives       the grid and, at each point: estimate, its standard error, its 95 % interval (of the logarithm of H),
                rows at risk after the point, and events since the point that was shown before; the number of rows
    Opens       these numbers, the variance for the standard error, and nothing of points that are not shown
    Undefined   the interval before the first event
    Protection  that of `kaplan_meier`: points are merged until enough events lie between them (`points`), and a small
                group has no curve
    Error       shared rows: 2^-45 an event of H, 2^-55 an event of its variance; private rows: 2^-38 a step of H, and
                relative 2^-20 of its standard error
    Rounds      shared rows: those of `kaplan_meier`, and an equality and two sums over runs of equal times (with "each"
                none of these). Private rows: two divisions
    Bytes       shared rows, from each party: as `kaplan_meier`, and about 150 a place of a row and group (with "each"
                none)
    Raises      ShapeError for other columns, and for ties="each" of private rows; ConfigError for a grid that does not
                ascend, and for other ties
    Equals      R's `survfit(…)$cumhaz` and `$std.chaz`, SAS's and Stata's estimate; where no times are equal, and
                always with "each", `lifelines.NelsonAalenFitter` (whose `nelson_aalen_smoothing=False` has the same H
                for "together", and d (n - d)/n^3 in the variance)
    Source      Nelson, Technometrics 14 (1972); Aalen, Annals of Statistics 6 (1978); Klein and Moeschberger, Survival
                Analysis, 2nd ed. (2003), sections 4.2 and 4.3; Fleming and Harrington (1984), for "each"
    """
    if ties not in get_args(Ties):
        known = " or ".join(map(repr, get_args(Ties)))
        raise ConfigError(f"nelson_aalen: ties={ties!r}; expected {known}")
    points = grid_of("nelson_aalen", grid)
    rows = rows_of("nelson_aalen", time, event, by, points, step)
    if isinstance(rows, PrivateRows):
        if ties != "together":
            raise ShapeError("nelson_aalen: ties='each' is for shared rows; rows that stay are counted in steps")
        hazard, variance = _of_counts(rows, points)
    else:
        hazard, variance = _of_rows(rows, points, ties)
    finish = _Finish(points, names_of(by), UNIT if isinstance(rows, PrivateRows) else 1)
    return released("curves", rows, points, {"hazard": hazard, "variance": variance}, finish)


def _of_counts(rows: PrivateRows, points: NDArray[np.float64]) -> tuple[SecretArray, SecretArray]:
    """H, and UNIT times its variance: (groups, points)."""
    steps, _ = rows.shape
    died = rows.died
    terms = precise_product(died, units_over(rows.at_risk))
    # d/n is at most 1/n + 1/(n - 1) + … with d terms, so all of them add up to at most 1 + log N; and d/n^2 to less
    # than 1 + 1/4 + 1/9 + …, which is below 1.65.
    most = int((2 + log(max(rows.most, 1))) * 2**SHARE_BITS) + 4 * steps
    hazard = died.invoke("cumulative_sum", axis=0, result=Stated(bound=most))
    variance = terms.invoke("cumulative_sum", axis=0, result=Stated(bound=sum_bound(2, terms)))
    return rows.at_ends(hazard, points, 0.0), rows.at_ends(variance, points, 0.0)


def _of_rows(rows: SharedRows, points: NDArray[np.float64], ties: Ties) -> tuple[SecretArray, SecretArray]:
    """H and its variance: (groups, points)."""
    at_risk = np.arange(1, rows.size + 1, dtype=np.float64)
    weights = [raw_of(1 / at_risk, _BITS[0]), raw_of(1 / at_risk**2, _BITS[1])]
    terms = [
        [scaled(group.events, raw) if ties == "each" else _tied(group, raw) for raw in weights]
        for group in rows.in_order
    ]
    # Tied events add up to no more than single ones do, but for what rounding adds to each.
    found = rows.at_points(points, terms, [int(raw.sum()) + rows.size for raw in weights])
    return found[0].restated(frac=_BITS[0], type="fixed"), found[1].restated(frac=_BITS[1], type="fixed")


def _tied(group: InOrder, raw: NDArray[np.int64]) -> SecretArray:
    """For each event the weight of the last place of its run of equal times."""
    weight = group.runs.spread(group.runs.at_ends(constant(group.events.run, raw)))
    return group.events.times(weight, bound=int(raw.max(initial=1)))


class _Finish(Finish):
    """scale  what the opened variance was multiplied with."""

    def __init__(self, points: NDArray[np.float64], names: Sequence[str], scale: int) -> None:
        super().__init__(points, names)
        self._scale = scale

    def head(self) -> JsonObject:
        return {"what": "cumulative hazard"}

    def estimates(self, opened: Mapping[str, Opened], g: int, rows: int) -> JsonObject:
        hazard = np.asarray(opened["hazard"].values[g], np.float64)
        variance = np.asarray(opened["variance"].values[g], np.float64) / self._scale
        happened = opened["events"].values[g]
        columns: dict[str, list[float | str]] = {name: [] for name in ("estimate", "se", "ci_low", "ci_high")}
        for h, v, d in zip(hazard, variance, happened, strict=True):
            row: list[float | str] = [0.0, 0.0, *["undefined: no event yet"] * 2]
            if d > 0:
                error = float(np.sqrt(max(v, 0.0)))
                reach = np.exp(REACH * error / h)
                row = [float(h), error, float(h / reach), float(h * reach)]
            for name, number in zip(columns, row, strict=True):
                columns[name].append(number)
        return with_words(columns, words_of(opened["hazard"], g))
