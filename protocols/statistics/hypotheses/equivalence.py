"""Equivalence of means by two one-sided t-tests (TOST)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.errors import ConfigError
from mpc.releases.disclosure import Opened, Result
from protocols.statistics.measures import Measure, document
from protocols.statistics.moments.summaries import Column, Summaries, summaries


def tost_ind(
    a: Column,
    b: Column,
    low: float,
    high: float,
    *,
    equal_var: bool = False,
    names: tuple[str, str] = ("first", "second"),
) -> Result:
    """Whether the means of two groups of rows, private or shared, differ by more than low and less than high.

    low, high  public limits of mean(a) - mean(b) that count as equivalent
    equal_var  False: Welch's degrees of freedom
    names      of the groups

    Opens       number of rows, mean and standard deviation of both groups. From them follow the difference with its
                90 % interval, which lies within the limits just if the groups are equivalent at 5 %; both one-sided
                tests; and the larger of their p, which is that of equivalence
    Missing, Undefined, Error, Protection   as `ttest_ind`
    Rounds, Bytes   as `ttest_ind`
    Raises      ConfigError where low is not below high
    Equals      statsmodels' `ttost_ind(usevar="unequal" or "pooled")`
    Source      Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987)
    """
    _limits("tost_ind", low, high)
    return _tested(summaries("tost_ind", [a, b]), list(names), low, high, equal_var)


def tost_rel(a: Column, b: Column, low: float, high: float, *, name: str = "a - b") -> Result:
    """Whether the mean of differences a - b of the same rows, private or shared, is between low and high.

    low, high, Opens   as `tost_ind`, of the difference
    Missing, Undefined, Error, Protection, Rounds, Bytes   as `ttest_rel`
    Raises      ConfigError where low is not below high
    Equals      statsmodels' `ttost_paired`
    Source      Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987)
    """
    _limits("tost_rel", low, high)
    return _tested(summaries("tost_rel", [a - b]), [name], low, high, False)


def _limits(what: str, low: float, high: float) -> None:
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ConfigError(f"{what}: limits {low!r} and {high!r}; expected two numbers, the lower one first")


def _tested(found: Summaries, names: list[str], low: float, high: float, equal_var: bool) -> Result:
    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n, mean, sd = (np.asarray(opened[part].values, np.float64) for part in ("n", "mean", "sd"))
        rows = [[int(k), float(m), float(s)] for k, m, s in zip(n, mean, sd, strict=True)]
        return document(
            equivalence(n, mean, sd, low, high, equal_var),
            {"rows": names, "columns": ["n", "mean", "sd"], "values": rows},
        )

    return Result("measures", found.parts, finish, together=True)


def equivalence(n: Any, mean: Any, sd: Any, low: float, high: float, equal_var: bool) -> list[Measure]:  # Any: arrays
    """The measures, from opened sizes, means and deviations of one group or two."""
    from scipy import special  # scipy.stats takes a second to import

    part = sd**2 / n
    error, df = float(np.sqrt(part.sum())), float(n.sum()) - len(n)
    if len(n) == 2 and equal_var:
        error = float(np.sqrt((sd**2 * (n - 1)).sum() / df * (1 / n).sum()))
    elif len(n) == 2:
        df = float(part.sum() ** 2 / (part**2 / (n - 1)).sum())
    difference = float(mean[0] - (mean[1] if len(n) == 2 else 0))
    reach = float(special.stdtrit(df, 0.95)) * error
    above, below = (difference - low) / error, (difference - high) / error
    tests = [float(special.stdtr(df, -above)), float(special.stdtr(df, below))]
    return [
        Measure("difference (interval of 90 %)", difference, difference - reach, difference + reach),
        Measure(f"above {low:g}", statistic=above, df=df, p=tests[0]),
        Measure(f"below {high:g}", statistic=below, df=df, p=tests[1]),
        Measure("equivalence", p=max(tests)),
    ]
