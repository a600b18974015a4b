"""Mean and standard deviation of rows that stay with their owners, where a weight says how often a row counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log2, sqrt
from typing import Any

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import behind, complete, weighing
from mpc.tables.private import PrivateArray
from mpc.values.secret import SecretArray
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics.limits import defined
from protocols.statistics.measures import Measure, document
from protocols.statistics.moments.moments import weighted_moments

#: Error of an opened variance in units of the range, and the largest relative error of a variance that comes out.
_VARIANCE, _MOST = 2.0**-49, 2e-5
_LIGHT = "all weights together are less than a 64th of the largest declared one"


def weighted_mean(x: PrivateArray, weights: PrivateArray, *, name: str = "weighted mean") -> Result:
    """The weighted mean of a column of rows that stay with their owners, with its standard error and interval.

    x, weights  private columns of numbers of one table; a weight, from 0 on, says how often its row counts

    Opens       the number of rows, the sum of their weights, the weighted mean and the weighted variance. With W the
                sum of weights, the standard error is the root of (variance, divisor W) / (W - 1), and the 95 % interval
                that of the t distribution with W - 1 degrees of freedom: W rows are taken to have been seen. For
                weights of a sample survey the mean is right, and the standard error is not: there see
                `weighted_proportion`, or `ols` with weights
    Missing     rows that lack one of both are left out
    Undefined   without rows; where all weights together are less than a 64th of the largest declared one; the standard
                error where W is at most 1, or the deviation is below about 1/100,000 of the declared range
    Error       of the mean 2^-36 of the declared range; of W relative 2^-30; of the standard error relative 1e-5 at
                most
    Protection  fewer rows than the minimum, or with a weight above 0, suppress everything, and so do few rows with a
                weight of 0 (none is enough); with a rule of dominance also two rows that make up nearly all of the
                weighted sum or of the weights
    Rounds      43 with a minimum
    Bytes       about 5,000
    Raises      ShapeError for anything but private numbers of one table; RangeError for weights declared below 0
    Equals      statsmodels' `DescrStatsW(x, weights)`: `mean`, `std_mean`, `tconfint_mean()`, `sum_weights`
    Source      Bland and Kerry, BMJ 316 (1998); `moments.weighted_moments`
    """

    def measures(whole: float, mean: float, variance: float | str) -> list[Measure]:
        from scipy import special  # scipy.stats takes a second to import

        if isinstance(variance, str) or whole <= 1:
            why = variance if isinstance(variance, str) else "undefined: the weights add up to 1 or less"
            return [Measure(name, mean, why, why), Measure("standard error", why)]
        error = sqrt(variance / (whole - 1))
        reach = float(special.stdtrit(whole - 1, 0.975)) * error
        return [Measure(name, mean, mean - reach, mean + reach), Measure("standard error", error)]

    return _result("weighted_mean", x, weights, measures)


def weighted_std(x: PrivateArray, weights: PrivateArray, *, ddof: int = 1, name: str = "weighted deviation") -> Result:
    """The weighted standard deviation of a column of rows that stay with their owners.

    x, weights  as for `weighted_mean`
    ddof        the sum of weighted squares about the weighted mean is divided by W - ddof, with W the sum of weights:
                1, as if W rows had been seen, or 0 (statsmodels' own default)

    Opens       the number of rows, the sum of their weights, the weighted mean and the weighted variance
    Undefined   as the standard error of `weighted_mean`; with ddof 0, W may be 1 or less
    Missing, Error, Protection, Rounds, Bytes, Raises   as `weighted_mean`
    Equals      statsmodels' `DescrStatsW(x, weights, ddof=ddof).std`
    Source      as `weighted_mean`
    """
    if ddof not in (0, 1):
        raise ConfigError(f"weighted_std: ddof={ddof!r}; expected 1 or 0")

    def measures(whole: float, mean: float, variance: float | str) -> list[Measure]:
        if isinstance(variance, str):
            return [Measure(name, variance)]
        if whole <= ddof:
            return [Measure.undefined(name, "the weights add up to 1 or less")]
        return [Measure(name, sqrt(variance * whole / (whole - ddof)))]

    return _result("weighted_std", x, weights, measures)


def _result(
    what: str, x: PrivateArray, weights: PrivateArray, measures: Callable[[float, float, float | str], list[Measure]]
) -> Result:
    """measures: of the sum of weights, the weighted mean and the weighted variance (divisor: the sum of weights)."""
    for column in (x, weights):
        if not isinstance(column, PrivateArray) or column.expression.type not in ("integer", "real"):
            raise ShapeError(
                f"{what}: {column!r}; private columns of numbers are wanted, such as table.age, table.weight"
            )
    joint = weighted_moments([x], weights)
    rows = complete([x, weights])
    cohorts = (*behind([x, weights]), *weighing([x, weights], weights))
    if joint.source.dominance is not None:
        cohorts += (*behind([x * weights]), *behind([weights[~x.isna()]]))
    origin = (f"weighted moments over {rows}",)
    reasons = (joint.count >= 1, "no rows"), (joint.nonempty, _LIGHT)

    def protected(part: SecretArray) -> SecretArray:
        return defined(part, *reasons).standing_on(*cohorts, origin=origin)

    parts = {
        "n": protected(joint.count),
        "weight": protected(joint.total),
        "part": protected(joint.fraction),
        "mean": protected(joint.fine[0]),
        "spread": protected(joint.spread[0, 0]),
    }
    centre, unit, power = float(joint.centre[0]), joint.exponent[0], joint.weight_exponent

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        total, part, mean, spread = (float(opened[k].values) for k in ("weight", "part", "mean", "spread"))
        # The spread is q * variance, q in [1/2, 1) the total over a power of two that 28 bits of q tell.
        variance = spread / (total * 2.0 ** -round(log2(total / part)))
        wide: float | str = variance * 4.0**unit
        if variance <= 0 or _VARIANCE / variance > _MOST:
            wide = f"undefined: {TOO_LITTLE}"
        whole = total * 2.0**power
        lines = [Measure("number of rows", int(opened["n"].whole_cells())), Measure("sum of weights", whole)]
        return document([*lines, *measures(whole, centre + mean * 2.0**unit, wide)])

    return Result("measures", parts, finish, together=True)
