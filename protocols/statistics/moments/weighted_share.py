"""The share of rows with a flag where rows have weights, as those of a survey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import behind, complete, weighing
from mpc.tables.private import PrivateArray
from mpc.untyped import Json
from mpc.values.secret import SecretArray
from protocols.statistics.limits import defined
from protocols.statistics.measures import Measure, document
from protocols.statistics.moments.moments import cross_moments

_NO_ROWS = "no rows"


def weighted_proportion(flag: PrivateArray, weights: PrivateArray, *, name: str = "proportion") -> Result:
    """The share of a population that has a flag, from rows with sampling weights, with standard error and interval.

    flag, weights  columns of rows that stay with their owners: a flag, and numbers from 0 on, such as 1 / the chance
                   that the row was sampled

    Opens       the number of rows, and the means of the weights, of their squares, and of both over the rows with the
                flag. The share, its linearised standard error (rows sampled with replacement, one stratum), the 95 %
                interval by the logit with n - 1 degrees of freedom, Kish's design effect and the effective number of
                rows follow
    Missing     rows that lack one of both are left out
    Undefined   without rows; where all weights are 0; the standard error with one row; the interval where all weight is
                on one side
    Error       of the share 2^-37 of the largest declared weight over the mean weight, of the standard error as much
    Protection  fewer rows than the minimum with the flag, without it, or with a weight above 0 suppress everything
    Rounds, Bytes   as `x.mean()` of four columns
    Raises      ShapeError for anything but a flag and numbers of one table; RangeError for weights below 0
    Equals      R's survey: `svymean` with `svydesign(ids = ~1, weights = ~w)`, and `svyciprop(method = "logit")`
    Source      Lumley, Complex Surveys (2010), chapter 2; Kish, Survey Sampling (1965), 11.7
    """
    what = "weighted_proportion"
    if not isinstance(flag, PrivateArray) or flag.expression.type != "flag":
        raise ShapeError(f"{what}: {flag!r} is no flag of rows that stay: compare a column, as in table.age > 60")
    if not isinstance(weights, PrivateArray) or weights.source is not flag.source:
        raise ShapeError(f"{what}: weights are {weights!r}; numbers of the table of {flag.name} are wanted")
    if weights.expression.type not in ("real", "integer"):
        raise ShapeError(f"{what}: weights are {weights!r}; numbers are wanted")
    if weights.expression.low < 0 or not weights.expression.high > 0:
        low = weights.expression.low
        raise RangeError(f"{what}: {weights.name} ranges from {low}; declare weights from 0 on")
    w = weights * (1.0 / float(weights.expression.high))
    moments = cross_moments([w, w * flag, w * w, w * w * flag])
    rows = complete([flag, weights])
    cohorts = (*behind([flag, weights]), *weighing([flag, weights], weights))
    origin = (f"weighted share over {rows}",)

    def protected(x: SecretArray) -> SecretArray:
        return defined(x, (moments.nonempty, _NO_ROWS)).standing_on(*cohorts, origin=origin)

    parts = {"rows": protected(moments.count), "means": protected(moments.fine)}
    centre, unit = np.asarray(moments.centre), np.ldexp(1.0, moments.exponent)

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n = int(opened["rows"].whole_cells())
        found = np.maximum(centre + unit * opened["means"].values, 0.0)
        table = {"rows": ["rows"], "columns": ["n"], "values": [[n]]}
        return document(_measures(name, n, found), table)

    return Result("measures", parts, finish, together=True)


def _measures(name: str, n: int, means: Json) -> list[Measure]:
    """From the means of weights, of those with the flag, and of the squares of both."""
    from scipy import special  # scipy.stats takes a second to import

    whole, with_, squares, squares_with = (float(mean) for mean in means)
    names = name, "standard error", "design effect (Kish)", "effective rows"
    if not whole > 0:
        return [Measure.undefined(each, "all weights are 0") for each in names]
    p = min(1.0, with_ / whole)
    effect = squares / whole**2
    more = [Measure(names[2], effect), Measure(names[3], n / effect)]
    if n < 2:
        why = "undefined: a single row"
        return [Measure(name, p, why, why), Measure(names[1], why), *more]
    # The sum of w^2 (y - p)^2, of rows with the flag and without it.
    spread = squares_with * (1 - p) ** 2 + max(0.0, squares - squares_with) * p**2
    error = float(np.sqrt(spread / (n - 1))) / whole
    if not 0 < p < 1:
        why = "undefined: all weight is on one side"
        return [Measure(name, p, why, why), Measure(names[1], error), *more]
    middle = float(special.logit(p))
    reach = float(special.stdtrit(n - 1, 0.975)) * error / (p * (1 - p))
    low, high = special.expit([middle - reach, middle + reach])
    return [Measure(name, p, float(low), float(high)), Measure(names[1], error), *more]
