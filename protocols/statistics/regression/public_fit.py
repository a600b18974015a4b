"""A linear model from moments that are public: plain arithmetic.

All numbers are Python floats, added up in one order: the organizations go on from them, so they must agree to the last
digit, and numerical libraries differ there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp, fsum, sqrt

from mpc.untyped import JsonObject

Matrix = list[list[float]]

#: In units u: an entry of the spread is off by at most 2^-50, and 2^-38 deviations, from the means of owners; with
#: weights also by 2^-30 of the variances.
_SPREAD, _MEANS, _WEIGHED = 2.0**-50, 2.0**-38, 2.0**-30
#: Largest relative error of variances, and of coefficients by the larger of them and their standard errors.
_FINE, _NEAR = 2.0**-17, 1e-5
#: A column with a deviation below 2^-13 of half its range varies hardly.
_LEAST = 2.0**-26
FEW = "not more rows than coefficients"
LIGHT = "all weights together are less than a 64th of the largest declared one"
LITTLE = "a column hardly varies (its deviation is below 2^-13 of half its declared range)"
COLLINEAR = "predictors nearly collinear"
GOOD = "R squared is nearer to 1 than the digits tell"
WIDE = "the declared ranges are too wide for the digits of coefficients; declare ranges that fit the columns"


@dataclass(frozen=True)
class Moments:
    """Of the predictors and, last, the response.

    weight      the sum of weights; without weights the number of rows
    covariance  of the population;  unit  half of each column's declared range, up to a factor of two
    """

    rows: int
    weight: float
    mean: list[float]
    covariance: Matrix
    unit: list[float]
    weighted: bool = False


@dataclass(frozen=True)
class PublicFit:
    """The fit, in standardised columns.

    deviation  of each column;  mean  of each predictor in deviations
    inverse    of the correlations of the predictors: its diagonal has the variance inflation factors
    slopes     of standardised columns;  left  1 - R^2
    constant   the constant's variance, as `inverse` has those of slopes
    """

    moments: Moments
    deviation: list[float]
    mean: list[float]
    inverse: Matrix
    slopes: list[float]
    left: float
    constant: float

    @property
    def df(self) -> int:
        return self.moments.rows - len(self.slopes) - 1

    @property
    def coefficients(self) -> list[float]:
        """The constant first."""
        *x, y = self.deviation
        slopes = [b * y / d for b, d in zip(self.slopes, x, strict=True)]
        *means, mean = self.moments.mean
        return [mean - fsum(b * m for b, m in zip(slopes, means, strict=True)), *slopes]

    @property
    def variance(self) -> float:
        """Of the residuals."""
        return self.deviation[-1] ** 2 * self.left * self.moments.weight / self.df

    @property
    def errors(self) -> list[float]:
        """Standard errors, the constant first."""
        return [
            sqrt(self.variance / self.moments.weight * v) / d for v, d in zip(self.spreads, self.units, strict=True)
        ]

    @property
    def spreads(self) -> list[float]:
        """Of each coefficient, the constant first: its variance inflation."""
        return [self.constant, *(self.inverse[j][j] for j in range(len(self.slopes)))]

    @property
    def units(self) -> list[float]:
        """What a coefficient of standardised predictors is divided by."""
        return [1.0, *self.deviation[:-1]]

    @property
    def rows_of_bread(self) -> Matrix:
        """With z = (1, standardised predictors) of a row: row j times z times its residual, over the sum of weights, is
        what the row moves coefficient j by (times `units`)."""
        p = range(len(self.slopes))
        back = [-fsum(self.mean[i] * self.inverse[i][j] for i in p) for j in p]
        return [[1.0, *back], *([0.0, *self.inverse[j]] for j in p)]

    def covariance(self) -> Matrix:
        """Of the coefficients, the constant first."""
        rows, k = self.rows_of_bread, range(len(self.slopes) + 1)
        # Columns of z are uncorrelated with the constant: the product of two rows, of which all but one are of inverse.
        first = rows[0][1:]
        cross = [self.constant, *first]
        each = self.variance / self.moments.weight

        def entry(i: int, j: int) -> float:
            if min(i, j) == 0:
                return cross[max(i, j)]
            return self.inverse[i - 1][j - 1]

        return [[each * entry(i, j) / self.units[i] / self.units[j] for j in k] for i in k]


def public_fit(moments: Moments) -> PublicFit | str:
    """The fit, or why there is none.

    Error   from the digits of moments: of a coefficient at most 1e-5 of the larger of it and its standard error; of
            variances relative 8e-6
    Source  Golub and Van Loan, Matrix Computations (4th ed., 2013), 4.2
    """
    p = len(moments.mean) - 1
    if moments.rows <= p + 1:
        return FEW
    if not moments.weight > 0:
        return LIGHT
    spread = [moments.covariance[j][j] / moments.unit[j] ** 2 for j in range(p + 1)]
    if min(spread) < _LEAST:
        return LITTLE
    deviation = [sqrt(moments.covariance[j][j]) for j in range(p + 1)]
    noise, of_all = (p * _noise(min(some), moments.weighted) for some in (spread[:p], spread))
    correlation = [[moments.covariance[i][j] / deviation[i] / deviation[j] for j in range(p + 1)] for i in range(p + 1)]
    # The response's own pivot may be 0: then R^2 is 1.
    lower = _cholesky(correlation, noise)
    if lower is None:
        return COLLINEAR
    pivots = [lower[j][j] for j in range(p)]
    back = _inverted(lower, p)
    inverse = [[fsum(back[k][i] * back[k][j] for k in range(max(i, j), p)) for j in range(p)] for i in range(p)]
    worst = max(inverse[j][j] for j in range(p))
    if min(pivots) <= 0 or worst * noise > _FINE:
        return COLLINEAR
    slopes = [fsum(inverse[i][j] * correlation[j][p] for j in range(p)) for i in range(p)]
    left = correlation[p][p] - fsum(row * row for row in lower[p][:p])
    size = fsum(abs(b) for b in slopes)
    if left * _FINE < of_all * (1 + 2 * size) + noise * size**2:
        return GOOD
    each = sqrt(left / (moments.rows - p - 1))
    for j, slope in enumerate(slopes):
        # A row of the inverse adds up to sqrt(inverse_jj) sum_i sqrt(inverse_ii) at most.
        root = sqrt(inverse[j][j])
        if (of_all + noise * size) * sqrt(worst) * root > _NEAR * max(abs(slope), each * root):
            return COLLINEAR if worst > 100 else WIDE
    mean = [m / d for m, d in zip(moments.mean, deviation, strict=True)][:p]
    constant = 1 + fsum(mean[i] * inverse[i][j] * mean[j] for i in range(p) for j in range(p))
    return PublicFit(moments, deviation, mean, inverse, slopes, left, constant)


def _noise(spread: float, weighted: bool) -> float:
    """Of correlations of columns with at least this variance, in units u."""
    return _SPREAD / spread + _MEANS / sqrt(spread) + (_WEIGHED if weighted else 0.0)


def _cholesky(matrix: Matrix, least: float) -> Matrix | None:
    """L with L L^T = matrix; None where a pivot but the last is below `least`. The last one is at least 0."""
    n = len(matrix)
    lower = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[i][j] - fsum(lower[i][k] * lower[j][k] for k in range(j))
            if i > j:
                lower[i][j] = rest / lower[j][j]
            elif i < n - 1 and rest <= least:
                return None
            else:
                lower[i][i] = sqrt(max(rest, 0.0))
    return lower


def _inverted(lower: Matrix, p: int) -> Matrix:
    """The inverse of the first p rows and columns of a lower triangle."""
    back = [[0.0] * p for _ in range(p)]
    for i in range(p):
        back[i][i] = 1 / lower[i][i]
        for j in range(i):
            back[i][j] = -fsum(lower[i][k] * back[k][j] for k in range(j, i)) / lower[i][i]
    return back


def solved(matrix: Matrix, right: Sequence[float]) -> list[float]:
    """x with matrix x = right, for a positive definite matrix."""
    n = len(matrix)
    scale = [sqrt(matrix[j][j]) for j in range(n)]
    equal = [[matrix[i][j] / scale[i] / scale[j] for j in range(n)] + [0.0] for i in range(n)] + [[0.0] * (n + 1)]
    lower = _cholesky(equal, 0.0)
    if lower is None:
        return [float("nan")] * n
    back = _inverted(lower, n)
    half = [fsum(back[i][j] * right[j] / scale[j] for j in range(i + 1)) for i in range(n)]
    return [fsum(back[k][i] * half[k] for k in range(i, n)) / scale[i] for i in range(n)]


def scaled_total(fraction: float) -> float:
    """q in [1/2, 1) of a number of rows, or of a sum of weights (`JointMoments.fraction`)."""
    return frexp(fraction)[0]


def as_json(names: Sequence[str], moments: Moments) -> JsonObject:
    """The moments as they are released."""
    return {
        "labels": list(names),
        "rows": moments.rows,
        "weight": moments.weight,
        "mean": moments.mean,
        "covariance": moments.covariance,
    }
