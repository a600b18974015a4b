"""LDL^T factors of a secret correlation matrix, with checked pivots.

A correlation matrix is positive semidefinite, so all entries of its Schur complements are at most 1 and all entries
of L at most 1/sqrt(pivot): with pivots of at least 2^-7, every number has a bound before it is computed. A smaller
pivot (its predictor is nearly a combination of earlier predictors) clears a bit and is replaced; nothing is divided by
it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpc.values.secret import SecretArray, concatenate, constant, stack, where
from protocols.numeric.division import reciprocal
from protocols.numeric.normalize import Exponent, F
from protocols.statistics.held import held

#: Smallest pivot, 2^-PIVOT_BITS: if earlier predictors explain more than 1 - 2^-7 of a predictor, it is collinear.
PIVOT_BITS = 7
#: Largest entry of L^-1, and its fraction bits.
ENTRY = 16.0
FACTOR = 26
#: Largest diagonal entry of the inverse (variance inflation factor), and its fraction bits.
INFLATION = 128.0
INVERSE = 22


@dataclass
class Factors:
    """Factors of a (p + 1, p + 1) matrix: p predictors, and the response in the last column.

    rows      (p, p): rows 0..p-1 of L^-1
    response  (p,): row p of L^-1 without the diagonal, which is minus the coefficients; 0 without a response
    along     (p,): covariance of the response and predictor k, both without what the predictors before k explain; None
              without a response
    mantissa  (p,): w_k with 1/pivot_k = w_k * power_k;  power  (p,) integers
    regular   bit: all pivots and entries are within their limits
    rest      the Schur complement of the p columns, or the last one that was needed: the rows and columns that are left
    """

    rows: SecretArray
    response: SecretArray
    along: SecretArray | None
    mantissa: SecretArray
    power: SecretArray
    regular: SecretArray
    rest: SecretArray


def factor(matrix: SecretArray) -> Factors:
    """Factor a correlation matrix of p predictors and a response. The same steps turn the identity into L^-1.

    Rounds  about 20 a predictor
    Error   entries of L^-1 within 2^-20 for variance inflation up to 10; pivots within 2^-24
    """
    return _eliminate(matrix, matrix.shape[0] - 1, 1 << 12)


def factor_alone(matrix: SecretArray, error_bits: int) -> Factors:
    """Factor a matrix of p predictors with a diagonal of 1, which without its errors is positive semidefinite; there is
    no response.

    error_bits  an entry is off by at most 2^-error_bits
    """
    return _eliminate(matrix, matrix.shape[0], 1 << (F - error_bits))


def complement(matrix: SecretArray, p: int) -> tuple[SecretArray, SecretArray]:
    """What is left of a correlation matrix when its first p columns are eliminated, with 28 fraction bits, and the bit
    that these are not nearly collinear. Rounds and error as `factor`."""
    factors = _eliminate(matrix, p, 1 << 12)
    return factors.rest, factors.regular


def _eliminate(matrix: SecretArray, p: int, slack: int) -> Factors:
    """Eliminate the first p columns. slack: of entries above 1, in last places."""
    schur, size = matrix, matrix.shape[0]
    inverse = constant(matrix.run, np.eye(size, p), frac=FACTOR)
    rows: list[SecretArray] = []
    mantissas: list[SecretArray] = []
    powers: list[SecretArray] = []
    bits: list[SecretArray] = []
    along: list[SecretArray] = []
    for _ in range(p):
        mantissa, power, fits = _pivot(schur[0, 0], slack)
        good, row = _checked(inverse[0])
        rows.append(row)
        mantissas.append(mantissa.reshape(1))
        powers.append(power.reshape(1))
        bits += [fits.reshape(1), good]
        if len(rows) == size:
            break
        column = held(schur[1:, 0], 1 + 2.0**-10)
        along.append(column[-1:])
        # |column| <= sqrt(pivot) and power < 1/pivot <= 2^7, so their product is at most 2^3.5. A pivot below its limit
        # has power 0 and eliminates nothing. |L| <= 1/sqrt(pivot).
        lifted = column.times(power.broadcast_to(column.shape), bound=int(11.4 * 2**F))
        ratio = lifted.product(mantissa.broadcast_to(column.shape), F, limit=11.4).reshape(-1, 1)
        update = ratio.product(column.reshape(1, -1), F, limit=1.01)
        schur = (schur[1:, 1:] - update).bounded((1 << F) + slack)  # a Schur complement of a correlation matrix
        inverse = inverse[1:] - ratio.product(row.reshape(1, -1), FACTOR, limit=11.4 * ENTRY)
    response = rows[-1] * 0
    if size > p:
        good, response = _checked(inverse[0])
        bits.append(good)
    regular = concatenate(bits).all()
    # The coefficients have a meaning, and keep their bounds, only if all pivots and entries do.
    response = where(regular.broadcast_to((p,)), response, 0)
    whole = concatenate([row.reshape(1, p) for row in rows])
    beside = concatenate(along) if size > p else None
    return Factors(whole, response, beside, concatenate(mantissas), concatenate(powers), regular, schur)


def _pivot(pivot: SecretArray, slack: int) -> tuple[SecretArray, SecretArray, SecretArray]:
    """w in [1, 2] and a power of two with 1/pivot = w * power, and the bit pivot >= 2^-7 (without it, power is 0). One
    vector of comparisons finds the binade."""
    limits = np.ldexp(1.0, np.arange(-PIVOT_BITS, 0))
    reached = pivot.broadcast_to((PIVOT_BITS,)) >= limits
    binade = Exponent(reached)
    power = binade.table([1 << (PIVOT_BITS - 1 - i) for i in range(PIVOT_BITS)])
    normal = pivot.times(power, bound=(1 << F) + slack) + binade.is_zero()
    return reciprocal(normal.bounded((1 << F) + slack)), power, binade.nonzero


def _checked(row: SecretArray) -> tuple[SecretArray, SecretArray]:
    """Bits of the entries with |entry| <= ENTRY, and the row with 0 for all other entries."""
    low_enough = stack([row, -row]) <= ENTRY
    good = low_enough[0] & low_enough[1]
    return good, where(good, row, 0).bounded(int(ENTRY * 2**FACTOR))


def inflation(factors: Factors) -> tuple[SecretArray, SecretArray]:
    """Variance inflation factors, the diagonal of the inverse of the predictors' correlations, with 22 fraction bits;
    and the bit that all are at most 128. diag_j = sum_k N_kj^2 / pivot_k, N being L^-1."""
    p = len(factors.mantissa)
    rows = factors.rows
    squares = rows.product(rows, INVERSE, limit=ENTRY * ENTRY * 1.01)
    terms = squares.product(factors.mantissa.reshape(p, 1), INVERSE, limit=ENTRY * ENTRY * 2.1)
    diagonal = terms.times(factors.power.reshape(p, 1)).sum(0)
    # If a pivot was replaced, the diagonal may lack the term of its row, which is at least 1.
    small = (diagonal <= INFLATION) & (diagonal >= 1 - 2.0**-10)
    safe = where(small, diagonal, 1.0).bounded(int(INFLATION * 2**INVERSE) + 1)
    return safe, small.all()
