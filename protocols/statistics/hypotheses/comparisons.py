"""Compare means: of a column with a number, of two columns of the same rows, of two or more groups of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.untyped import Json, JsonObject
from protocols.statistics.measures import Measure, document
from protocols.statistics.moments.summaries import Column, Summaries, summaries


def ttest_ind(a: Column, b: Column, *, equal_var: bool = False, names: tuple[str, str] | None = None) -> Result:
    """Student's (equal_var) or Welch's t-test of two groups of rows, private or shared.

    Opens       number of rows, mean and standard deviation of both groups; t, degrees of freedom, p and the 95 %
                interval follow from them
    Missing     values are left out
    Undefined   if the standard deviation of a group is undefined (`descriptive.deviations`)
    Error       that of means and deviations: of shared rows relative 2^-12 for deviations
    Protection  a group under the minimum suppresses the whole comparison
    Equals      scipy's `ttest_ind`
    Source      Welch, Biometrika 34 (1947)
    """
    found = summaries("ttest_ind", [a, b])
    groups = list(names) if names is not None else [_name(a, "first"), _name(b, "second")]

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := _problem(opened):
            return problem
        return {
            "groups": groups,
            **two_groups(opened["n"].values, opened["mean"].values, opened["sd"].values, equal_var),
        }

    return Result("test", found.parts, finish, together=True)


def ttest_1samp(column: Column, popmean: float, *, name: str = "mean") -> Result:
    """Student's t-test of whether the mean of a column is `popmean`, a public number.

    Opens       number of rows, mean and standard deviation; t, p and the 95 % interval of the mean follow from them
    Missing, Undefined, Error, Protection   as `ttest_ind`
    Equals      scipy's `ttest_1samp`
    """
    found = summaries("ttest_1samp", [column])
    return _one_mean(found, float(popmean), name)


def ttest_rel(a: Column, b: Column, *, name: str = "mean difference") -> Result:
    """The paired t-test: whether two columns of the same rows, private or shared, have the same mean.

    Opens       number of rows that have both, mean and standard deviation of the difference a - b; t, p and the 95 %
                interval of the mean difference follow from them
    Missing, Undefined, Error, Protection   as `ttest_ind`
    Equals      scipy's `ttest_rel`
    """
    return _one_mean(summaries("ttest_rel", [a - b]), 0.0, name)


def _one_mean(found: Summaries, against: float, name: str) -> Result:
    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := _problem(opened):
            return problem
        from scipy import special  # scipy.stats takes a second to import

        n, mean, sd = (float(opened[part].values[0]) for part in ("n", "mean", "sd"))
        error, df = sd / np.sqrt(n), n - 1
        t, reach = (mean - against) / error, float(special.stdtrit(df, 0.975)) * error
        p = float(2 * special.stdtr(df, -abs(t)))
        table = {"rows": [name], "columns": ["n", "mean", "sd"], "values": [[int(n), mean, sd]]}
        return document([Measure(name, mean, mean - reach, mean + reach, t, df, p=p)], table)

    return Result("measures", found.parts, finish, together=True)


def f_oneway(*groups: Column, equal_var: bool = True, names: Sequence[str] | None = None) -> Result:
    """One-way analysis of variance: whether two or more groups of rows have the same mean.

    equal_var   False: Welch's, for groups that vary differently
    names       of the groups

    Opens       number of rows, mean and standard deviation of each group; F, its degrees of freedom and p follow
    Missing, Undefined, Error   as `ttest_ind`
    Protection  a group under the minimum suppresses everything
    Equals      scipy's `f_oneway`
    Source      Welch, Biometrika 38 (1951)
    """
    if len(groups) < 2:
        raise ShapeError(f"f_oneway: {len(groups)} groups; compare two or more, as in f_oneway(t.x[t.a], t.x[~t.a])")
    labels = list(names) if names is not None else [_name(g, f"group {k}") for k, g in enumerate(groups, 1)]
    if len(labels) != len(groups):
        raise ShapeError(f"f_oneway: {len(labels)} names for {len(groups)} groups")
    found = summaries("f_oneway", groups)

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := _problem(opened):
            return problem
        n, mean, sd = (opened[part].values for part in ("n", "mean", "sd"))
        rows = [[int(size), float(m), float(s)] for size, m, s in zip(n, mean, sd, strict=True)]
        table = {"rows": labels, "columns": ["n", "mean", "sd"], "values": rows}
        return document([(_anova if equal_var else _welch)(n, mean, sd)], table)

    return Result("measures", found.parts, finish, together=True)


def _anova(n: Json, mean: Json, sd: Json) -> Measure:
    from scipy import special

    df, rest = len(n) - 1, float(n.sum()) - len(n)
    centre = float((n * mean).sum() / n.sum())
    between, within = float((n * (mean - centre) ** 2).sum()) / df, float(((n - 1) * sd**2).sum()) / rest
    f = between / within
    return Measure("F test", statistic=f, df=df, residual_df=rest, p=float(special.fdtrc(df, rest, f)))


def _welch(n: Json, mean: Json, sd: Json) -> Measure:
    from scipy import special

    k, weight = len(n), n / sd**2
    whole = float(weight.sum())
    centre = float((weight * mean).sum() / whole)
    uneven = float(((1 - weight / whole) ** 2 / (n - 1)).sum())
    between = float((weight * (mean - centre) ** 2).sum()) / (k - 1)
    f = between / (1 + 2 * (k - 2) / (k * k - 1) * uneven)
    rest = (k * k - 1) / (3 * uneven)
    return Measure("F test, Welch", statistic=f, df=k - 1, residual_df=rest, p=float(special.fdtrc(k - 1, rest, f)))


def _problem(opened: Mapping[str, Opened]) -> Any:
    """What stands in the place of the whole result, if a part does not come out."""
    return next((part.first_problem() for part in opened.values() if not part.ok), None)


def _name(column: Column, otherwise: str) -> str:
    return column.name if isinstance(column, PrivateArray) else otherwise


def two_groups(n: Json, mean: Json, sd: Json, equal_var: bool) -> JsonObject:
    """The test, from the opened group sizes, means and standard deviations."""
    from scipy import special  # scipy.stats takes a second to import

    part = np.asarray(sd, np.float64) ** 2 / n
    if equal_var:
        df = float(n.sum() - 2)
        pooled = float((sd**2 * (n - 1)).sum() / df)
        error = float(np.sqrt(pooled * (1 / n).sum()))
    else:
        error = float(np.sqrt(part.sum()))
        df = float(part.sum() ** 2 / (part**2 / (n - 1)).sum())
    difference = float(mean[0] - mean[1])
    common = {
        "difference": difference,
        "n": [int(v) for v in n],
        "means": [float(v) for v in mean],
        "sds": [float(v) for v in sd],
    }
    statistic = difference / error
    reach = float(special.stdtrit(df, 0.975)) * error
    return {
        "statistic": statistic,
        "df": df,
        "p": float(2 * special.stdtr(df, -abs(statistic))),
        "ci_low": difference - reach,
        "ci_high": difference + reach,
        **common,
    }
