"""Middle and spread of shared rows that single extreme rows hardly move: median absolute deviation, trimmed mean."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import isfinite
from typing import Any, Literal

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.untyped import Anything
from mpc.values.places import indicator
from mpc.values.reductions import is_flag
from mpc.values.resolution import ordered
from mpc.values.secret import SecretArray, where
from protocols.order import order_by
from protocols.quantiles import fraction_of
from protocols.statistics.measures import Measure, document
from protocols.statistics.moments.distances import distances

#: The normal distribution's quantile of 75 %: its median absolute deviation is so many standard deviations.
NORMAL = 0.6744897501960817


def mad(x: SecretArray, *, scale: float | Literal["normal"] = 1.0) -> SecretArray:
    """The median absolute deviation of a shared column: the median distance of its rows from their median.

    x       a column of numbers of shared rows, such as rows.pain
    scale   a public number that the result is divided by; "normal" takes 0.6745, so that the result is near the
            standard deviation where rows are normal

    Opens       nothing by itself; a release of the result opens this number alone. The median stays secret
    Missing     values are left out
    Undefined   without rows
    Protection  that of the median: the minimum of rows on each side, of the median and of the distances
    Error       of whole numbers none (with a scale, 2^-20 of the largest magnitude of the column); of a Real half a
                unit of its resolution for each of both medians
    Rounds      those of two medians, one after the other: 68 of 300 places, 162 of 900
    Bytes       those of two medians: 1,000 to 4,000 a place and party
    Raises      ShapeError for rows that stay with their owners: an owner would have to know the median of all rows;
                ConfigError for a scale that is not above 0
    Equals      `scipy.stats.median_abs_deviation(x, scale=1 or "normal")`
    Source      Hampel, Journal of the American Statistical Association 69 (1974)
    """
    _column("mad", x)
    if scale != "normal" and not (isinstance(scale, int | float) and isfinite(scale) and scale > 0):
        raise ConfigError(f"mad: scale={scale!r}; expected a number above 0, or 'normal'")
    values = x.numeric()
    spread = distances(values, values.median()).median()
    by = NORMAL if scale == "normal" else float(scale)
    return spread if by == 1 else spread * (1 / by)


def trimmed_mean(x: SecretArray, proportion: float = 0.1, *, name: str = "trimmed mean") -> Result:
    """The mean of a shared column without the smallest and the largest rows.

    x           a column of numbers of shared rows, such as rows.pain
    proportion  of the rows that is cut off at each end, from 0 to below 1/2, taken as the nearest fraction with a
                denominator up to 1000; of n rows the number cut off at each end is rounded down

    Opens       the number of rows that are left, and their sum: the mean follows. Equal values at a cut are counted as
                often as they are left
    Missing     values are left out
    Undefined   without rows
    Protection  the minimum of rows is cut off at each end (or none, for a proportion of 0), and left between: of 10 %,
                ten times the minimum. Releases are not held against each other: two of nearly the same proportion
                tell the sum of the few rows between their cuts, so release one
    Error       none for whole numbers; of a Real half a unit of its resolution, which is 2^-28 of its largest magnitude
    Rounds      one sort, and about 20: 27 of 300 places, 74 of 900
    Bytes       those of one sort: 400 to 1,900 a place and party
    Raises      ShapeError for rows that stay with their owners; ConfigError for another proportion; RangeError where
                rows are too many for their sum
    Equals      `scipy.stats.trim_mean(x, proportion)`; scipy multiplies in float64, and cuts a row less where the
                product falls just below a whole number, as 0.29 * 100
    Source      Tukey, in Contributions to Probability and Statistics (1960)
    """
    _column("trimmed_mean", x)
    cut = _proportion(proportion)
    n, values = len(x), x.bare().numeric()
    with x.run.scope.sequence():
        if x.valid is None:
            there = x.constant(np.ones(n, np.bool_))
            count = x.constant(np.asarray(n)).bounded(n)
        else:
            there = x.valid.bare().broadcast_to((n,))
            count = there.sum().bounded(n)
        in_order = order_by(values.masked(there, "no row")).apply(values)
        ends = _part(count, cut, n)
        # Rows that count come first. Of these, places from `ends` on stay, and as many from the end are cut off.
        place = np.arange(n)
        kept = (ends.broadcast_to((n,)) <= place) & ((count - ends).bounded(n).broadcast_to((n,)) > place)
        total = where(kept, in_order, 0).sum()
        left = indicator(kept).sum().bare().bounded(n)
    side = min(cut or Fraction(1), 1 - 2 * cut)
    basis = x.basis.reduced(0, x.valid if x.valid is not None and x.valid.shape else None, share=side)
    basis = basis._replace(origin=tuple(f"{name} of {o}" for o in basis.origin))
    parts = {"n": left.with_basis(basis), "sum": total.bare().with_basis(basis)}

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        rows = int(opened["n"].whole_cells())
        mean = float(opened["sum"].values) / rows if rows else "undefined: no rows"
        return document([Measure(name, mean), Measure("rows that are left", rows)])

    return Result("measures", parts, finish, together=True)


def _part(count: SecretArray, share: Fraction, most: int) -> SecretArray:
    """The share of up to `most` rows, rounded down."""
    rows = (count * share.numerator).bounded(most * share.numerator)
    if share.numerator == 0:
        return rows
    return rows.run.functions.floor_divide(rows, share.denominator).bounded(most * share.numerator // share.denominator)


def _proportion(proportion: Anything) -> Fraction:
    number = float(proportion) if isinstance(proportion, int | float) else -1.0
    if not 0 <= number < 0.5 or not (cut := fraction_of(number)) < Fraction(1, 2):
        raise ConfigError(f"trimmed_mean: proportion={proportion!r}; expected one from 0 to below 1/2, such as 0.1")
    return cut


def _column(what: str, x: Anything) -> None:
    if isinstance(x, PrivateArray):
        raise ShapeError(
            f"{what}: rows that stay with their owners have no joint order; share them: "
            f"rows = table.share(rows=1000), then st.{what}(rows.pain)"
        )
    if not isinstance(x, SecretArray) or x.ndim != 1 or not len(x) or is_flag(x):
        raise ShapeError(f"{what}: {x!r}; a column of numbers of shared rows is wanted: table.share(rows=1000)")
    ordered(what, x)
