"""Compare two groups of rows: the t-test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.untyped import Json, JsonObject
from mpc.values.secret import concatenate
from protocols.statistics.descriptive import deviations, means
from protocols.statistics.moments import column_moments


def ttest_ind(
    a: PrivateArray, b: PrivateArray, *, equal_var: bool = False, names: tuple[str, str] | None = None
) -> Result:
    """Student's (equal_var) or Welch's t-test of two groups of rows.

    Opens       number of rows, mean and standard deviation of both groups; t, degrees of freedom, p and the 95 %
                interval follow from them
    Undefined   if the standard deviation of a group is undefined (`descriptive.deviations`)
    Protection  a group under the minimum suppresses the whole comparison
    Source      Welch, Biometrika 34 (1947)
    """
    columns = [a, b]
    mean = concatenate([m.reshape(1) for m in means(columns)])
    sd = concatenate([s.reshape(1) for s in deviations(columns)])
    count = column_moments(columns).count.like(mean)
    groups = list(names) if names is not None else [a.name, b.name]

    def finish(opened: Mapping[str, Opened]) -> Any:
        for part in opened.values():
            if not part.ok:
                return part.first_problem()
        return {
            "groups": groups,
            **two_groups(opened["n"].values, opened["mean"].values, opened["sd"].values, equal_var),
        }

    return Result("test", {"n": count, "mean": mean, "sd": sd}, finish, together=True)


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
