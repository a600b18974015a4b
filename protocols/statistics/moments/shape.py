"""The moments of a private column up to the fourth: mean, deviation, standard error, skewness and kurtosis.

Skewness and kurtosis follow from covariances of the column and of its square about a public centre c, so that each
owner's rows stay with it. With the mean m and the variance v of x, and y = (x - c)^2, b = m - c:

    third centred moment   cov(x, y) - 2 b v
    fourth centred moment  var(y) + v^2 - 4 b (third) - 4 b^2 v
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import behind, complete, named
from mpc.tables.private import PrivateArray, unit_exponent
from mpc.untyped import Anything
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics.measures import Measure, document
from protocols.statistics.moments.descriptive import ONE_ROW
from protocols.statistics.moments.moments import cross_moments

#: Errors of opened covariances and of the mean, in units of the declared range: with room, since they were seen to be
#: below a third of these.
_COVARIANCE, _MEAN = 2.0**-49, 2.0**-36
#: Largest relative error of deviations, and of skewness and kurtosis (of skewness beside 1).
_MOST, _SHAPE = 2e-5, 1e-6


def moments(x: PrivateArray) -> Result:
    """Mean with its standard error and interval, standard deviation, skewness and kurtosis of a column of rows that
    stay with their owners. Of shared rows see `jarque_bera`.

    Opens       the number of rows, mean, standard deviation, skewness and excess kurtosis (as the mean, and the
                variances and covariance of the column and of its square about the middle of its range); the standard
                error of the mean and its 95 % interval by the t distribution follow. Skewness and kurtosis are those of
                the rows, without correction for bias
    Missing     values are left out
    Undefined   without rows; all but the mean with fewer than two rows, or where the deviation is too small beside the
                declared range: kurtosis below about 1/200 of it (1/100 near an end of the range), skewness below 1/1000
    Protection  that of `mean` and `std`: fewer rows than the minimum suppress everything
    Error       mean 2^-37 of the declared range; deviation relative 2e-5 at most; skewness (beside 1) and kurtosis
                relative 1e-6
    Rounds      38 with a minimum
    Bytes       about 4,000
    Raises      ShapeError for anything but a private column of numbers
    Equals      scipy's `sem`, `skew`, `kurtosis`; statsmodels' `DescrStatsW.tconfint_mean`
    Source      Kendall and Stuart, The Advanced Theory of Statistics 1 (4th ed.), 3.4; `moments.cross_moments`
    """
    if not isinstance(x, PrivateArray) or x.expression.type not in ("integer", "real"):
        raise ShapeError(
            f"moments: {x!r}; a private column of numbers is wanted, such as table.age; of shared rows st.jarque_bera "
            "has skewness and kurtosis"
        )
    middle, _ = unit_exponent(x)
    apart = x - float(middle)
    joint = cross_moments([x, apart * apart])
    rows = joint.rows(complete([x]))
    stands = behind([x], rows)
    origin = (f"moments of {named(x)}",)
    parts = {
        "n": joint.count.standing_on(*stands, origin=origin),
        "mean": joint.fine[0].masked(joint.nonempty, "no rows").standing_on(*stands, origin=origin),
        "spread": joint.spread.masked(joint.nonempty, "no rows").standing_on(*stands, origin=origin),
    }
    centre, units = float(joint.centre[0]), (joint.exponent[0], joint.exponent[1])

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n = int(opened["n"].whole_cells())
        # n and the power of two in which spreads are given are public together: q = n / 2^w in [1/2, 1).
        spread = np.asarray(opened["spread"].values) / np.ldexp(float(n), -n.bit_length())
        mean = float(opened["mean"].values)
        # In units of x, 2^b: about its centre, which the square was taken about, too.
        b = mean + float(np.ldexp(centre - float(middle), -units[0]))
        scale = float(np.ldexp(1.0, units[1] - 2 * units[0]))
        found = _shape(n, b, spread[0, 0], spread[0, 1] * scale, spread[1, 1] * scale**2, scale)
        return document(_measures(n, centre + float(np.ldexp(mean, units[0])), float(np.ldexp(1.0, units[0])), found))

    return Result("measures", parts, finish, together=True)


def _shape(n: int, b: float, v: float, xy: float, yy: float, scale: float) -> tuple[Any, Any, Any]:
    """Deviation (of the sample), skewness and excess kurtosis in units, or why they are undefined."""
    if n < 2:
        return (f"undefined: {ONE_ROW}",) * 3
    why = f"undefined: {TOO_LITTLE}"
    if v <= 0 or _COVARIANCE / v > _MOST:
        return why, why, why
    third = xy - 2 * b * v
    fourth = yy + v * v - 4 * b * third - 4 * b * b * v
    sd = sqrt(v * n / (n - 1))
    # Errors of the covariances, of which the square's are in its own unit; and of the mean.
    off = _COVARIANCE * (scale + 2 * abs(b)) + 2 * _MEAN * v
    far = _COVARIANCE * (scale**2 + 4 * abs(b) * scale + 12 * b * b + 2 * v) + _MEAN * (
        4 * abs(third) + 16 * abs(b) * v
    )
    skewness = third / v**1.5 if off / v**1.5 + 1.5 * _COVARIANCE / v <= _SHAPE else why
    kurtosis = fourth / v**2 - 3 if far / v**2 + 2 * _COVARIANCE / v <= _SHAPE else why
    return sd, skewness, kurtosis


def _measures(n: int, mean: float, unit: float, found: tuple[Anything, Anything, Anything]) -> list[Measure]:
    from scipy import special  # scipy.stats takes a second to import

    sd, skewness, kurtosis = found
    if isinstance(sd, str):
        middle, error = Measure("mean", mean, sd, sd), sd
    else:
        sd *= unit
        error = sd / sqrt(n)
        reach = float(special.stdtrit(n - 1, 0.975)) * error
        middle = Measure("mean", mean, mean - reach, mean + reach)
    return [
        Measure("number of rows", n),
        middle,
        Measure("standard deviation", sd),
        Measure("standard error of the mean", error),
        Measure("skewness", skewness),
        Measure("excess kurtosis", kurtosis),
    ]
