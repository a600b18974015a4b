"""Curves at public points: the ROC curve of a marker, and the distribution of a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log, sqrt
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.values.secret import SecretArray
from protocols.statistics.counts.public_points import between, points_of

#: A column of rows that stay, or of shared rows.
Column = PrivateArray | SecretArray


def roc_curve(marker: Column, condition: Column, thresholds: Sequence[float]) -> Result:
    """The ROC curve of a marker at public thresholds: how many rows with a condition, and without it, reach each one.

    marker, condition  a column of numbers and a flag of one table, of rows that stay or shared ones; large values speak
                       for the condition (else give -marker, and thresholds of it)
    thresholds         up to 200 numbers; a row is positive where its marker is at least the threshold

    Gives       a row for each threshold, the largest first: false and true positive rate, and the numbers of positive
                rows without and with the condition
    Opens       the number of rows of both groups below, between and beyond the thresholds
    Missing     rows that lack one of both are left out
    Undefined   a rate of a group without rows
    Protection  everything is suppressed where a group has fewer rows than the minimum, or has some rows between two
                thresholds, below or beyond all, but fewer than the minimum: choose fewer thresholds. Of rows that stay
                so does an earlier release by which few rows could be told, such as a curve at nearly the same points
    Error       none for rows that stay and for whole numbers; a Real is rounded when it is shared, to 2^-28 of its
                largest magnitude: a row nearer to a threshold may be on its other side
    Limits      200 thresholds
    Rounds      with a minimum about 40, whatever the number of rows and thresholds
    Bytes       of rows that stay about 800 a threshold; of shared rows about 150 a place, and 15 more a threshold
    Raises      ShapeError for anything but numbers and a flag of one table; ConfigError for other thresholds
    Equals      scikit-learn's `roc_curve(condition, marker, drop_intermediate=False)` at these thresholds
    Source      Pepe, The Statistical Evaluation of Medical Tests (2003), 4.2
    """
    points = points_of("roc_curve", thresholds)
    if condition is None:
        raise ShapeError("roc_curve: None is no flag of the rows: compare a column, as in table.age > 60")
    counts = between("roc_curve", marker, points, condition)
    columns = ["false positive rate", "true positive rate", "positive without", "positive with"]

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := opened["counts"].first_problem():
            return problem
        cells = np.asarray(opened["counts"].whole_cells(), np.int64)
        positive = cells[:, ::-1].cumsum(1)  # beyond the last threshold, beyond the last but one, …, all
        sizes = positive[:, -1]
        rows = [
            [*(_share(number, n) for number, n in zip(reached, sizes, strict=True)), *map(float, reached)]
            for reached in positive.T[:-1]
        ]
        return {"rows": [f"{point:.12g}" for point in reversed(points)], "columns": columns, "values": rows}

    return Result("matrix", {"counts": counts}, finish, together=True)


def ecdf(column: Column, at: Sequence[float]) -> Result:
    """The empirical distribution function at public points, with a 95 % band: the share of rows up to each point.

    column      numbers of rows that stay, or of shared rows
    at          up to 200 numbers

    Gives       a row for each point, in ascending order: the number of rows up to it, their share, and both ends of the
                band, which holds for all points together (Dvoretzky, Kiefer and Wolfowitz), cut off at 0 and 1
    Opens       the number of rows up to the first point, between each two, and beyond the last one
    Missing     values are left out
    Undefined   without rows
    Protection  everything is suppressed where rows are fewer than the minimum, or some, but fewer than the minimum, are
                between two points, below or beyond all: choose fewer points; and as for `roc_curve` beside earlier
                releases
    Error, Limits, Rounds, Bytes   as `roc_curve`
    Raises      ShapeError for anything but a column of numbers; ConfigError for other points
    Equals      `scipy.stats.ecdf(x).cdf.evaluate(at)`, statsmodels' `ECDF` and `_conf_set`
    Source      Massart, Annals of Probability 18 (1990); Wasserman, All of Nonparametric Statistics (2006), 2.1
    """
    points = points_of("ecdf", at)
    counts = between("ecdf", column, points, upper=True)

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := opened["counts"].first_problem():
            return problem
        (cells,) = np.asarray(opened["counts"].whole_cells(), np.int64)
        upto = cells.cumsum()
        n = int(upto[-1])
        if not n:
            return "undefined: no rows"
        reach = sqrt(log(2 / 0.05) / (2 * n))
        rows = [[float(m), m / n, max(0.0, m / n - reach), min(1.0, m / n + reach)] for m in map(int, upto[:-1])]
        columns = ["rows up to it", "share", "95 % low", "95 % high"]
        return {"rows": [f"{point:.12g}" for point in points], "columns": columns, "values": rows}

    return Result("matrix", {"counts": counts}, finish, together=True)


def _share(number: int, rows: int) -> float | str:
    return float(number / rows) if rows else "undefined: no rows"
