"""Measurements of the same rows by two or more raters or methods: how far they agree, and how reliable one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.untyped import Json
from protocols.statistics.measures import Z95, Measure, document
from protocols.statistics.moments.summaries import Column, Summaries, summaries

#: Most raters.
_MOST = 12


def bland_altman(first: Column, second: Column, *, name: str = "difference") -> Result:
    """How far two methods agree that measure the same rows, private or shared: the mean of their differences (bias),
    and the limits that 95 % of normal differences keep.

    Opens       number of rows that have both, mean and standard deviation of the difference first - second. Bias with
                its 95 % interval (t), and both limits of agreement with theirs, follow
    Missing, Undefined, Error, Protection, Rounds, Bytes   as `ttest_rel`
    Equals      statsmodels' `mean_diff_plot` without its points, which are rows; R's `blandr`
    Source      Bland and Altman, Statistical Methods in Medical Research 8 (1999), sections 2 and 3
    """
    found = summaries("bland_altman", [first - second])

    def measures(n: Json, mean: Json, sd: Json) -> list[Measure]:
        from scipy import special  # scipy.stats takes a second to import

        size, bias, deviation = int(n[0]), float(mean[0]), float(sd[0])
        t = float(special.stdtrit(size - 1, 0.975))
        of_mean = deviation / np.sqrt(size)
        of_limit = deviation * np.sqrt(1 / size + Z95**2 / (2 * (size - 1)))
        out = [Measure("bias", bias, bias - t * of_mean, bias + t * of_mean)]
        for words, sign in (("lower limit of agreement", -1), ("upper limit of agreement", 1)):
            limit = bias + sign * Z95 * deviation
            out.append(Measure(words, limit, limit - t * of_limit, limit + t * of_limit))
        return out

    return _measured(found, [name], measures)


def icc(*raters: Column, names: Sequence[str] | None = None) -> Result:
    """Intraclass correlation of the ratings of the same rows, private or shared, by two or more raters.

    raters      2 to 12 columns, one for each rater;  names  of them

    Opens       number of rows that have all ratings; mean and standard deviation of the mean of the ratings of a row,
                and of how far each rater is from it. The coefficients of a single rating follow, with F tests and 95 %
                intervals: ICC(1,1) for raters who differ from row to row, ICC(2,1) for raters drawn from many
                (absolute agreement), ICC(3,1) for these raters alone (consistency)
    Missing     rows that lack a rating are left out
    Undefined   where a rater is always as far from the mean of the row, and as `ttest_rel`
    Error, Protection, Rounds, Bytes   as `ttest_rel`, of so many columns
    Raises      ShapeError for one rater, or more than 12
    Equals      R's `psych::ICC`, single raters; pingouin's `intraclass_corr`
    Source      Shrout and Fleiss, Psychological Bulletin 86 (1979)
    """
    k = len(raters)
    if not 2 <= k <= _MOST:
        raise ShapeError(
            f"icc: {k} raters; give a column for each of 2 to {_MOST} raters, as in icc(t.first, t.second)"
        )
    labels = [f"rater {j + 1}" for j in range(k)] if names is None else [str(name) for name in names]
    if len(labels) != k:
        raise ShapeError(f"icc: {len(labels)} names for {k} raters")
    total = raters[0]
    for rater in raters[1:]:
        total = total + rater
    middle = total * (1 / k)
    found = summaries("icc", [middle, *(rater - middle for rater in raters)])
    rows = ["mean of a row", *(f"{label} less the mean" for label in labels)]
    return _measured(found, rows, lambda n, mean, sd: reliability(int(n[0]), k, mean, sd))


def reliability(n: int, k: int, mean: Json, sd: Json) -> list[Measure]:
    """The coefficients, from means and deviations of the mean of a row and of k raters less it."""
    from scipy import special  # scipy.stats takes a second to import

    between = k * float(sd[0]) ** 2
    raters = n * float((mean[1:] ** 2).sum()) / (k - 1)
    rest = float((sd[1:] ** 2).sum()) / (k - 1)
    within = ((n - 1) * rest + raters) / n
    rows, cells = n - 1, (n - 1) * (k - 1)

    def simple(name: str, noise: float, df: int) -> Measure:
        f = between / noise
        ends = f, f / special.fdtri(rows, df, 0.975), f * special.fdtri(df, rows, 0.975)
        estimate, low, high = (float((x - 1) / (x + k - 1)) for x in ends)
        return Measure(name, estimate, low, high, f, rows, df, float(special.fdtrc(rows, df, f)))

    f = between / rest
    single = (between - rest) / (between + (k - 1) * rest + k * (raters - rest) / n)
    ratio, inner = raters / rest, n * (1 + (k - 1) * single) - k * single
    degrees = cells * (k * single * ratio + inner) ** 2 / (rows * (k * single * ratio) ** 2 + inner**2)
    upper, lower = special.fdtri(rows, degrees, 0.975), special.fdtri(degrees, rows, 0.975)
    spread = k * raters + (k * n - k - n) * rest
    low = float(n * (between - upper * rest) / (upper * spread + n * between))
    high = float(n * (lower * between - rest) / (spread + n * lower * between))
    p = float(special.fdtrc(rows, cells, f))
    absolute = Measure("ICC(2,1), absolute agreement", single, low, high, f, rows, cells, p)
    return [simple("ICC(1,1)", within, n * (k - 1)), absolute, simple("ICC(3,1), consistency", rest, cells)]


def _measured(found: Summaries, rows: list[str], measures: Any) -> Result:  # Any: n, mean, sd as arrays -> measures
    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n, mean, sd = (np.asarray(opened[part].values, np.float64) for part in ("n", "mean", "sd"))
        values = [[int(a), float(b), float(c)] for a, b, c in zip(n, mean, sd, strict=True)]
        return document(measures(n, mean, sd), {"rows": rows, "columns": ["n", "mean", "sd"], "values": values})

    return Result("measures", found.parts, finish, together=True)
