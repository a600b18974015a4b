"""Correlation of two columns, with test and interval: Pearson's, partial; and the covariance matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import behind, complete
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.values.basis import union
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, stack, where
from mpc.values.stated import Stated
from protocols.models.rows import Design
from protocols.numeric.normalize import F
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics import arguments
from protocols.statistics.hypotheses.normality import unit
from protocols.statistics.measures import Z95, Measure, document
from protocols.statistics.moments.correlations import standardise
from protocols.statistics.moments.descriptive import ONE_ROW, SPREAD_BITS, deviations_of
from protocols.statistics.moments.summaries import Column
from protocols.statistics.regression.ldl import PIVOT_BITS, complement
from protocols.statistics.regression.standard_rows import StandardRows

#: Nearer to 1 than this, 1 - r^2 lacks the digits of a test.
_NEAR = 2.0**-14
_MOST = 1 << 20
_COLLINEAR = "the columns that are held fixed are nearly collinear, or explain nearly all of a column"


def pearsonr(x: Column, y: Column) -> Result:
    """Pearson's correlation of two columns of the same rows, private or shared, with its test and interval.

    Opens       the number of rows and the correlation; t, the two-sided p and the 95 % interval (Fisher) follow
    Missing     rows that lack one of both are left out
    Undefined   with fewer than two rows; for a column whose deviation is below 2^-20 of its declared range (shared:
                2^-16 of its bound). With two rows no test, with three no interval; neither within 2^-15 of 1 or -1
    Error       of private columns 2^-23, and 2^-55 times the square of (range / deviation); of shared rows 2^-18, and
                2^-15 of more than 131,072 places
    Protection  fewer rows than the minimum, with a flag or without it, or with any combination of two flags, suppress
                everything
    Limits      shared rows: 1,048,576 places
    Rounds, Bytes   as `correlation`; of shared rows about 200 rounds, and 450 bytes a place
    Raises      ShapeError for anything but two columns of the same rows
    Equals      scipy's `pearsonr`, with `confidence_interval()`
    Source      Fisher, Metron 1 (1921)
    """
    if isinstance(x, PrivateArray) and isinstance(y, PrivateArray):
        return _partial([], x, y, "correlation")
    if not all(isinstance(column, SecretArray) and column.ndim == 1 for column in (x, y)) or x.shape != y.shape:
        raise ShapeError(f"pearsonr: {x!r} and {y!r}; two columns of the same rows are wanted, both private or shared")
    assert isinstance(x, SecretArray)
    assert isinstance(y, SecretArray)
    n = len(x)
    if not 2 <= n <= _MOST:
        raise RangeError(f"pearsonr: {n:,} places; from 2 to {_MOST:,} are possible")
    design = Design([x, y])
    rows = StandardRows.of(design, design.valid)
    bits = min(22, (60 - n.bit_length()) // 2)
    first, second = (unit(rows, n, column).cut(bits) for column in (1, 2))
    # By Cauchy and Schwarz the products add up to at most n, and so do those of their sizes.
    products = first.product(second, 30 if n < 1 << 18 else 26, limit=1.1 * n + 2)
    total = products.invoke("sum", axis=0, result=Stated(bound=(2 * n + 2) << products.frac))
    total = total.masked(rows.count >= 2, ONE_ROW).masked(rows.varies, f"a column {TOO_LITTLE}")
    # How many rows have which of two flags follows from their correlation.
    basis = union(design.behind(*design.flags, valid=design.valid), design.behind(valid=design.valid, pairs=True))
    parts = {"n": rows.count.bare().bounded(n).with_basis(basis), "products": total.with_basis(basis)}

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        size = int(opened["n"].whole_cells())
        return _document(size, float(opened["products"].values) / size, 0, "correlation")

    return Result("measures", parts, finish, together=True)


def partial_corr(x: PrivateArray, y: PrivateArray, given: Sequence[PrivateArray] | PrivateTable) -> Result:
    """The correlation of two private columns with others held fixed: that of what linear regressions on these leave.

    given       up to 15 columns of the same rows

    Opens       the number of rows and the partial correlation; t with n - 2 - k degrees of freedom for k columns, the
                two-sided p and the 95 % interval (Fisher) follow. Correlations with the columns of `given` are not
                opened
    Missing     rows that lack one of the columns are left out
    Undefined   as `pearsonr`; where columns of `given` are nearly collinear, or explain more than 1 - 2^-7 of x or y
    Error       2^-18 for variance inflation up to 10; nearer to 2^-23 in practice
    Protection  as `pearsonr`, for all columns together; and rows less the columns of `given` must reach the minimum
    Rounds      about 120, and 20 for each column of `given`
    Bytes       about 16 KiB, whatever the number of rows
    Raises      ShapeError for columns of other rows, or none or more than 15 in `given`
    Equals      scipy's `pearsonr` of residuals with n less k; R's `ppcor::pcor.test`
    Source      Fisher, Metron 3 (1924); Anderson, An Introduction to Multivariate Statistical Analysis (3rd ed.), 4.3
    """
    fixed = arguments.columns("partial_corr", given)
    if not 1 <= len(fixed) <= 15:
        raise ShapeError(f"partial_corr: {len(fixed)} columns are held fixed; expected 1 to 15")
    for column in (x, y):
        arguments.columns("partial_corr", [column])
    return _partial(fixed, x, y, "partial correlation")


def _partial(fixed: Sequence[PrivateArray], x: PrivateArray, y: PrivateArray, name: str) -> Result:
    columns, k = [*fixed, x, y], len(fixed)
    standard = standardise(columns)
    moments = standard.moments
    varies = standard.varies(SPREAD_BITS).all()
    if k:
        rest, regular = complement(standard.matrix, k)
        least = 2.0**-PIVOT_BITS
        sizes = stack([rest[0, 0], rest[1, 1]])
        defined = regular & (sizes >= least).all()
        sizes = where(defined, sizes, 1.0).bounded((1 << F) + (1 << 12))
        both = sizes[0].product(sizes[1], F, limit=1.01)
        inverse = 1.0 / both.sqrt().without_mask().cut(F).bounded((1 << F) + (1 << 12))
        inverse = inverse.without_mask()
        inverse = inverse.cut(min(inverse.frac, 22)).bounded(129 << min(inverse.frac, 22))
        # By Cauchy and Schwarz a correlation.
        r = where(defined, rest[0, 1], 0).product(inverse, F, limit=1.2)
    else:
        r = standard.matrix[0, 1]
    r = r.without_mask().masked(moments.several, ONE_ROW).masked(varies, f"a column {TOO_LITTLE}")
    if k:
        r = r.masked(defined, _COLLINEAR)
    what = complete(columns)
    cohorts = list(behind(columns, moments.rows(what)))
    if k:
        cohorts.append(Cohort.of(moments.count - k, what=f"{what}, less the columns that are held fixed"))
    origin = (f"{name} over {what}",)
    parts = {"n": moments.count.without_mask(), "r": r}
    parts = {part: value.standing_on(*cohorts, origin=origin) for part, value in parts.items()}

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        return _document(int(opened["n"].whole_cells()), float(opened["r"].values), k, name)

    return Result("measures", parts, finish, together=True)


def _document(n: int, r: float, fixed: int, name: str) -> Any:
    table = {"rows": ["rows"], "columns": ["n"], "values": [[n]]}
    return document([inferred(name, n, max(-1.0, min(1.0, r)), fixed)], table)


def inferred(name: str, n: int, r: float, fixed: int = 0) -> Measure:
    """A correlation with its test and interval. fixed: columns that are held fixed."""
    from scipy import special  # scipy.stats takes a second to import

    df = n - 2 - fixed
    if df < 1:
        why = "undefined: too few rows for a test"
        return Measure(name, r, why, why, why, df=df, p=why)
    if 1 - r * r < _NEAR:
        why = "undefined: too near 1 or -1 for a test"
        return Measure(name, r, why, why, why, df=df, p=why)
    t = r * float(np.sqrt(df / (1 - r * r)))
    p = float(2 * special.stdtr(df, -abs(t)))
    if df < 2:
        why = "undefined: too few rows for an interval"
        return Measure(name, r, why, why, t, df, p=p)
    reach = Z95 / float(np.sqrt(df - 1))
    low, high = np.tanh(np.arctanh(r) - reach), np.tanh(np.arctanh(r) + reach)
    return Measure(name, r, float(low), float(high), t, df, p=p)


def covariance(columns: Sequence[PrivateArray] | PrivateTable) -> Result:
    """The covariance matrix of private columns over the rows where none is missing, with the divisor n - 1.

    Opens       correlations and deviations, of which covariances are products
    Missing     rows that lack one of the columns are left out
    Undefined   for a column whose deviation is below 2^-20 of its declared range; with fewer than two rows
    Error       relative to both deviations that of `correlation`, and relative 2^-23
    Protection, Rounds, Bytes   as `correlation`
    Equals      numpy's `cov`; pandas' `cov` of complete rows
    Source      Chan, Golub and LeVeque, The American Statistician 37 (1983)
    """
    listed = arguments.columns("covariance", columns)
    standard = standardise(listed)
    moments = standard.moments
    k = len(listed)
    varies = standard.varies(SPREAD_BITS)
    little = f"a column {TOO_LITTLE}"
    matrix = standard.matrix.masked(moments.several, ONE_ROW)
    matrix = matrix.masked(varies.reshape(k, 1) & varies.reshape(1, k), little)
    own = replace(moments, spread=moments.spread.diagonal().bounded(moments.spread.bound))
    rows = moments.rows(complete(listed))
    stands = behind(listed, rows)
    origin = (f"covariance over {rows.what}",)
    parts = {"matrix": matrix.standing_on(*stands, origin=origin)}
    parts["deviations"] = deviations_of(own).standing_on(*stands, origin=origin)
    labels, units = [column.name for column in listed], np.asarray(moments.exponent)

    def finish(opened: Mapping[str, Opened]) -> Any:
        sd = np.ldexp(opened["deviations"].values, units)
        cells = opened["matrix"].cells()
        for i in range(k):
            for j in range(k):
                if isinstance(cells[i][j], float):
                    r = 1.0 if i == j else max(-1.0, min(1.0, cells[i][j]))
                    cells[i][j] = float(r * sd[i] * sd[j])
        return {"labels": labels, "values": cells}

    return Result("matrix", parts, finish, together=True)
