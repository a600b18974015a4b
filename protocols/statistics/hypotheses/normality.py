"""Whether a shared column is normal: by its skewness and kurtosis, in secret until they are released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, where
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.models.rows import Design
from protocols.numeric.division import divide
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics.measures import Measure, document
from protocols.statistics.regression.standard_rows import StandardRows

#: Fraction bits of standardised values; most places, so that sums of fourth powers fit.
_BITS, _MOST = 22, 1 << 18
_FEW = "fewer than two rows"


def jarque_bera(x: SecretArray) -> Result:
    """Jarque and Bera's test of whether a shared column is normal, by its skewness and kurtosis.

    Opens       the number of rows, and the sums of third and fourth powers of standardised values, from which skewness,
                excess kurtosis, the statistic and p by the chi-square distribution follow
    Missing     values are left out
    Undefined   with fewer than two rows; for a deviation below 2^-16 of the bound of the column
    Protection  fewer rows than the minimum suppress everything
    Error       skewness and kurtosis within 2^-16 of the fourth moment
    Limits      262,144 places
    Rounds      about 210
    Bytes       about 600 a place
    Raises      ShapeError for anything but a shared column of numbers; RangeError beyond the limits
    Equals      scipy's `jarque_bera`
    Source      Jarque and Bera, International Statistical Review 55 (1987)
    """
    return _tested("jarque_bera", x, _jarque_bera)


def normaltest(x: SecretArray) -> Result:
    """D'Agostino and Pearson's test of whether a shared column is normal, by its skewness and kurtosis.

    Opens, Missing, Protection, Error, Limits, Rounds, Bytes, Raises   as `jarque_bera`
    Undefined   as `jarque_bera`; with fewer than eight rows
    Equals      scipy's `normaltest`, with `skewtest` and `kurtosistest`
    Source      D'Agostino, Belanger and D'Agostino, The American Statistician 44 (1990)
    """
    return _tested("normaltest", x, _dagostino)


def _tested(what: str, x: SecretArray, tests: Any) -> Result:
    if not isinstance(x, SecretArray) or x.ndim != 1 or len(x) < 2 or is_flag(x):
        raise ShapeError(f"{what}: {x!r}; a column of shared rows is wanted: table.share(rows=N), then .column")
    if len(x) > _MOST:
        raise RangeError(f"{what}: {len(x):,} places; at most {_MOST:,} are possible")
    n = len(x)
    design = Design([x])
    rows = StandardRows.of(design, design.valid)
    z = unit(rows, n, 1)
    square = precise_product(z, z)
    square = square.bounded(_above(n, square.frac))
    third, fourth = precise_product(square, z), precise_product(square, square)
    # Squares add up to n, and none is above it: third powers add up to n^1.5 at most, and fourth powers to n^2.
    sums = {"third": (third, int(np.ceil(n**1.5))), "fourth": (fourth, n * n)}
    parts = {"n": rows.count.bare().bounded(n)}
    for name, (power, most) in sums.items():
        limit = _above(most, power.frac)
        total = power.bounded(limit).invoke("sum", axis=0, result=Stated(bound=limit + (n << 6)))
        parts[name] = total.masked(rows.count >= 2, _FEW).masked(rows.varies, f"a column {TOO_LITTLE}")
    behind = design.behind(valid=design.valid)
    parts = {name: part.with_basis(behind) for name, part in parts.items()}

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        size = int(opened["n"].whole_cells())
        skewness, kurtosis = (float(opened[part].values) / size for part in ("third", "fourth"))
        measures = [Measure("skewness", skewness), Measure("excess kurtosis", kurtosis - 3)]
        table = {"rows": ["rows"], "columns": ["n"], "values": [[size]]}
        return document([*measures, *tests(size, skewness, kurtosis)], table)

    return Result("measures", parts, finish, together=True)


def _above(most: int, frac: int) -> int:
    """A raw bound of what is at most a number, up to the errors of standardising."""
    return (most + (most >> 6) + 1) << frac


def unit(rows: StandardRows, n: int, column: int) -> SecretArray:
    """The values of a column (from 1 on) less their mean, over their deviation, with 22 fraction bits; 0 in rows that
    do not count.

    `StandardRows` centres within 2^-24 of the column's bound; what is left is taken off in units of the deviation.
    """
    z = rows.x[:, column].cut(min(_BITS, rows.x.frac))
    count = where(rows.count < 1, 1, rows.count).bounded(n)
    rest = divide(z.sum(), count.broadcast_to(())).without_mask()
    rest = rest.cut(z.frac).bounded(1 << z.frac).broadcast_to((n,))
    z = z - rest
    if rows.weights is not None:
        z = z.times(rows.weights.reshape(n))
    most = int(np.ceil(2 * np.sqrt(n) + 2))
    z = z.bounded(most << z.frac)
    square = precise_product(z, z)
    # Squares add up to at most 2.1 times the number of rows, by the definition of the deviation.
    total = square.invoke("sum", axis=0, result=Stated(bound=_above(4 * n, square.frac)))
    variance = divide(total, count).without_mask()
    variance = variance.cut(min(variance.frac, 28))
    variance = variance.bounded(5 << variance.frac)
    # The deviation is between 0.5 and 1.42 where the column varies.
    usual = (variance >= 0.2) & rows.varies
    variance = where(usual, variance, 1.0).bounded(5 << variance.frac)
    inverse = 1.0 / variance.sqrt().without_mask().cut(26).bounded(3 << 26)
    inverse = inverse.without_mask()
    inverse = inverse.cut(min(inverse.frac, 26))
    inverse = inverse.bounded(int(2.4 * 2**inverse.frac))
    found = precise_product(where(usual.broadcast_to((n,)), z, 0).bounded(z.bound), inverse.broadcast_to((n,)))
    # A value is at most sqrt(n) deviations from the mean.
    return found.cut(min(found.frac, _BITS)).bounded(int(np.ceil(1.01 * np.sqrt(n) + 1)) << min(found.frac, _BITS))


def _jarque_bera(n: int, skewness: float, kurtosis: float) -> list[Measure]:
    from scipy import special  # scipy.stats takes a second to import

    statistic = n / 6 * (skewness**2 + (kurtosis - 3) ** 2 / 4)
    return [Measure("Jarque-Bera test", statistic=statistic, df=2, p=float(special.chdtrc(2, statistic)))]


def _dagostino(n: int, skewness: float, kurtosis: float) -> list[Measure]:
    from scipy import special

    names = "skewness test", "kurtosis test", "D'Agostino-Pearson test"
    if n < 8:
        why = "undefined: fewer than eight rows"
        return [Measure(name, statistic=why, p=why) for name in names]
    z = _of_skewness(n, skewness), _of_kurtosis(n, kurtosis)
    k2 = z[0] ** 2 + z[1] ** 2
    single = [Measure(names[i], statistic=z[i], p=float(2 * special.ndtr(-abs(z[i])))) for i in range(2)]
    return [*single, Measure(names[2], statistic=k2, df=2, p=float(special.chdtrc(2, k2)))]


def _of_skewness(n: int, skewness: float) -> float:
    y = skewness * np.sqrt((n + 1) * (n + 3) / (6.0 * (n - 2)))
    beta = 3.0 * (n * n + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2.0) * (n + 5) * (n + 7) * (n + 9))
    w2 = -1 + np.sqrt(2 * (beta - 1))
    return float(np.arcsinh(y / np.sqrt(2 / (w2 - 1))) / np.sqrt(0.5 * np.log(w2)))


def _of_kurtosis(n: int, kurtosis: float) -> float:
    mean = 3.0 * (n - 1) / (n + 1)
    variance = 24.0 * n * (n - 2) * (n - 3) / ((n + 1) ** 2 * (n + 3.0) * (n + 5))
    x = (kurtosis - mean) / np.sqrt(variance)
    root = 6.0 * (n * n - 5 * n + 2) / ((n + 7) * (n + 9)) * np.sqrt(6.0 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    a = 6.0 + 8.0 / root * (2.0 / root + np.sqrt(1 + 4.0 / root**2))
    part = 1 - 2 / (9.0 * a)
    below = 1 + x * np.sqrt(2 / (a - 4.0))
    cube = np.sign(below) * np.cbrt((1 - 2.0 / a) / abs(below)) if below else 0.0
    return float((part - cube) / np.sqrt(2 / (9.0 * a)))
