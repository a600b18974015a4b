"""Newton's method for generalized linear models on secret rows: a step, and the inverse of the information.

A step solves H d = g, with H = X^T W X the information, and g the score. H is scaled to a diagonal of 1 first: row and
column j are multiplied by r_j = 1/sqrt(H_jj), in the form inverse_j 2^a_j. So each number has a bound before it is
computed. Where a limit is passed (a score far beyond its information, a step or a coefficient too large, predictors
nearly collinear under these weights), the step is 0 and its bit is cleared; nothing is divided by a pivot that is too
small.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, sqrt

import numpy as np

from mpc.errors import RangeError
from mpc.values.fixed import width_of
from mpc.values.secret import SecretArray, stack, where
from mpc.values.stated import Stated
from protocols.numeric.normalize import Exponent, F, leading_bit
from protocols.numeric.roots import even_exponent, roots
from protocols.statistics.limits import within
from protocols.statistics.regression.ldl import ENTRY, Factors, factor_alone

#: Fraction bits of coefficients of standardised columns; of those that log odds are computed with; their limit.
FINE, WEIGHT = 28, 24
LIMIT = 32
#: Largest scaled score, entry of N s, and entry of a scaled step.
_SCORE, _ROTATED, STEP = 4.0, 8.0, 64.0
#: Digits of scaled scores; of N s; of N for the second product.
SCORE, _T, _N = 22, 24, 20
#: An entry of the scaled information is off by at most 2^-_ERROR; most bits of a ring's value that are used here.
_ERROR, _ROOM = 14, 60


@dataclass(frozen=True)
class Scales:
    """Public scales for a number of places and of columns.

    even      an even number of bits that hold the number of places
    x         fraction bits of standardised columns;  most  their largest magnitude
    weighted  fraction bits of weighted columns;  residual  of residuals
    odds      largest magnitude of x . coefficients
    """

    even: int
    x: int
    weighted: int
    residual: int
    most: float
    odds: float

    @classmethod
    def of(cls, places: int, columns: int) -> Scales:
        """A column's value is at most sqrt(2 rows), by the definition of its deviation (`Scaler`)."""
        even = places.bit_length() + places.bit_length() % 2
        most = 1.5 * sqrt(places) + 1
        odds = LIMIT * (1 + (columns - 1) * most)
        x = min(22, _ROOM - WEIGHT - ceil(log2(odds)))
        weighted = min(F, _ROOM - even - x)
        weighted -= (weighted + x) % 2
        residual = min(24, _ROOM - 2 - even - x)
        if min(x, weighted, residual) < 14:
            raise RangeError(f"{places} places of rows and {columns} coefficients are too many: the sums lack digits")
        return cls(even, x, weighted, residual, most, odds)


@dataclass
class Information:
    """The information H, scaled: H_jj = mantissa_j 2^even / 4^shift_j, with mantissa in [1/4, 1).

    inverse   1/sqrt(mantissa);  root  sqrt(mantissa);  up  2^shift
    factors   of the matrix with a diagonal of 1
    regular   bit: all diagonal entries have digits, and the factors are regular
    """

    inverse: SecretArray
    root: SecretArray
    up: SecretArray
    shift: SecretArray
    leading: Exponent
    shifts: list[int]
    factors: Factors
    regular: SecretArray


def information(x: SecretArray, weights: SecretArray | None, scales: Scales) -> Information:
    """X^T W X of rows (n, k), for weights (n, 1) from 0 to 1/4; None: 1/4 for all rows.

    Error    of a scaled entry: 2^-14, except with probability 2^-40 (Hoeffding's inequality for n rounded products)
    Rounds   as `scaled_information`
    """
    if weights is None:
        weighted = x.rescaled(x.frac + 2).cut(scales.weighted)
    else:
        weighted = x.product(weights.broadcast_to(x.shape), scales.weighted, limit=0.26 * scales.most)
    width = scales.even + scales.weighted + x.frac
    # Of a column, the squares of n rows add up to at most 2.1 n: an entry is at most n / 4 * 2.1.
    matrix = weighted.T.invoke(
        "matmul", x, result=Stated(bound=(1 << width) - 1, frac=scales.weighted + x.frac, type="fixed")
    )
    # Rounding moves an entry by 4 sqrt(2 n) last places of the weighted columns, except with probability 2^-40.
    return scaled_information(matrix, width, 4 * sqrt(2.0 * len(x)) * 2.0**x.frac * x.run.engine.rounding)


def scaled_information(matrix: SecretArray, width: int, noise: float) -> Information:
    """An information matrix (k, k) whose diagonal is below 2^width last places, and whose entries are off by at most
    `noise` of them: too small entries of the diagonal are not regular.

    Error    of a scaled entry: 2^-14
    Rounds   about 30, and 20 a column
    """
    k = len(matrix)
    diagonal = matrix.diagonal()
    least = max(ceil(log2(noise)) + _ERROR, 1)
    leading = leading_bit(diagonal, width, least=least, signed=True)
    shifts = even_exponent(width)[0]
    up = leading.table([1 << a for a in shifts])
    mantissa = diagonal.times(leading.table([1 << (2 * a) for a in shifts]), bound=1 << width)
    mantissa = mantissa.rescaled(width).cut(F, bound=1 << F) + leading.is_zero()
    root, inverse = roots(mantissa.bounded(1 << F))
    # |H_ij| 2^(a_i + a_j) <= sqrt(H_ii 4^a_i * H_jj 4^a_j) <= 2^width, and the error; 0 where a diagonal entry is.
    limit = (1 << width) + (1 << (width - _ERROR))
    row, column = np.tril_indices(k)
    place = np.zeros((k, k), np.int64)
    place[row, column] = place[column, row] = np.arange(len(row))
    pairs = matrix.view(lambda a: a[row, column])
    pairs = pairs.times(up.view(lambda a: a[row]), bound=limit).times(up.view(lambda a: a[column]), bound=limit)
    slack = 1 << (F - _ERROR)
    pairs = pairs.rescaled(width).cut(F, bound=(1 << F) + slack)
    pairs = pairs.product(inverse.view(lambda a: a[row]), F, limit=2.05)
    pairs = pairs.product(inverse.view(lambda a: a[column]), F, limit=2.05)
    pairs = pairs.bounded((1 << F) + slack)
    factors = factor_alone(pairs.view(lambda a: a[place]), _ERROR)
    regular = factors.regular & leading.nonzero.all()
    return Information(inverse, root, up, leading.table(shifts), leading, shifts, factors, regular)


def step(about: Information, score: SecretArray, scales: Scales, extra: int) -> tuple[SecretArray, SecretArray]:
    """The solution d (k,) of H d = score, and the bit that all its parts are within their limits; 0 where they are not.

    extra    the score is known to be small: its limit is divided by 2^extra, and d has as many fraction bits more
    Error    sqrt(rows) 2^-22-extra standard errors of a coefficient, and relative 2^-18
    Rounds   about 45
    """
    k = len(score)
    bits = score.frac + scales.even + 2 - extra  # |score| <= 2^bits of its last places times sqrt of the mantissa
    limits = [1 << max(bits - a, 0) for a in about.shifts]
    edge = about.leading.table(limits).bounded(1 << bits)
    raw = score.rescaled(0)
    fits = (stack([raw, -raw]) <= edge.broadcast_to((2, k))).all(0)
    kept = where(fits, score, 0)
    # |score_j| 2^a_j <= 2^bits: in units of sqrt(2^even), score_j / sqrt(H_jj) = kept * up * inverse.
    s = kept.times(about.up, bound=1 << bits).rescaled(bits - 2).cut(SCORE + 2)
    s = s.product(about.inverse, SCORE, limit=2.01 * _SCORE)
    d, solvable = solved(about.factors, s)
    # d_j / sqrt(H_jj), in units of sqrt(2^even)
    d = d.product(about.inverse, _N, limit=2.01 * STEP).times(about.up)
    good = about.regular & solvable & fits.all()
    d = where(good.broadcast_to((k,)), d.rescaled(d.frac + extra), 0)
    return d, good


def solved(factors: Factors, s: SecretArray) -> tuple[SecretArray, SecretArray]:
    """The solution d (k,) of R d = s for a factored matrix R with a diagonal of 1, and the bit that all numbers on the
    way are within their limits; |s| <= 8, with SCORE fraction bits.

    R^-1 = N^T D^-1 N, with the rows N of L^-1 and the pivots D. Error 2^-19
    """
    k = len(s)
    t = factors.rows.dot(s.reshape(k, 1), _T).reshape(k)
    short, t = within(t, _ROTATED)
    lifted = t.product(factors.mantissa, _T, limit=2.01 * _ROTATED).times(factors.power)
    lower = factors.rows.cut(_N).bounded(int(ENTRY * 2**_N) + 2)
    d = lower.T.dot(lifted.cut(_N).reshape(k, 1), _N).reshape(k)
    small, d = within(d, STEP)
    return d, short.all() & small.all()


def moved(coefficients: SecretArray, d: SecretArray) -> tuple[SecretArray, SecretArray]:
    """coefficients + d with FINE fraction bits, and the bit that all are within LIMIT; as they were where not."""
    bound = LIMIT << FINE
    if width_of(d.bound) + FINE - d.frac > _ROOM:
        raise RangeError(f"a step of {d!r}: too few rows' digits")
    new = coefficients + d.cut(FINE)
    sides = stack([new, -new]) <= float(LIMIT)
    inside = (sides[0] & sides[1]).all()
    return where(inside.broadcast_to(new.shape), new, coefficients).bounded(bound), inside
