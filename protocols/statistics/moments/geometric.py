"""The geometric mean of rows that stay with their owners: the mean of their logarithms."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, sqrt
from typing import Any

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from protocols.statistics.measures import Measure, document
from protocols.statistics.moments.summaries import summaries


def geometric_mean(x: PrivateArray, *, name: str = "geometric mean") -> Result:
    """The geometric mean of a column of rows that stay with their owners, with its interval, and the geometric standard
    deviation.

    x       a private column of numbers whose declared range is above 0, such as table.titre of Real(1, 5000)

    Opens       the number of rows, and mean and standard deviation of their logarithms; the geometric mean, its 95 %
                interval (of the mean logarithm by the t distribution) and the geometric standard deviation follow
    Missing     values are left out
    Undefined   without rows; interval and deviation with fewer than two rows, or where the logarithms vary too little
                for their declared range
    Protection  fewer rows than the minimum suppress everything
    Error       of the mean relative 2^-36 times the range of the logarithms, log(high / low); of the logarithms'
                deviation 2e-5 at most
    Rounds      64 with a minimum
    Bytes       about 3,000
    Raises      ShapeError for anything but a private column of numbers; RangeError for a range that is not above 0
    Equals      `scipy.stats.gmean`, `gstd`
    Source      Kirkwood, Biometrics 35 (1979); Altman, Practical Statistics for Medical Research (1991), 4.5
    """
    if not isinstance(x, PrivateArray) or x.expression.type not in ("integer", "real"):
        raise ShapeError(f"geometric_mean: {x!r}; a private column of numbers is wanted, such as table.titre")
    if not x.expression.low > 0:
        raise RangeError(
            f"geometric_mean: {x.name} ranges from {x.expression.low}; only numbers above 0 have a geometric mean: "
            "declare the column from a number above 0 on"
        )
    found = summaries("geometric_mean", [x.log()])

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((opened[part].first_problem() for part in ("n", "mean") if not opened[part].ok), None):
            return problem
        n, mean = int(opened["n"].values[0]), float(opened["mean"].values[0])
        sd = opened["sd"].first_problem() or float(opened["sd"].values[0])
        return document(_measures(name, n, mean, sd))

    return Result("measures", found.parts, finish, together=True)


def _measures(name: str, n: int, mean: float, sd: float | str) -> list[Measure]:
    """n: number of rows; mean and standard deviation of their logarithms."""
    from scipy import special  # scipy.stats takes a second to import

    rows = Measure("number of rows", n)
    if isinstance(sd, str):
        return [rows, Measure(name, exp(mean), sd, sd), Measure("geometric standard deviation", sd)]
    reach = float(special.stdtrit(n - 1, 0.975)) * sd / sqrt(n)
    middle = Measure(name, exp(mean), exp(mean - reach), exp(mean + reach))
    return [rows, middle, Measure("geometric standard deviation", exp(sd))]
