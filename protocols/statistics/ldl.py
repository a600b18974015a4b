"""LDL^T factors of a secret correlation matrix, with pivots checked instead of trusted.

A correlation matrix is positive semidefinite, so all entries of its Schur complements are at most 1 and all entries
of L at most 1/sqrt(pivot): with pivots of at least 2^-7 everything has a bound before it is computed. A smaller pivot
clears a bit (its predictor is nearly a combination of the earlier ones) and is replaced, never divided by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpc.secret import SecretArray, concatenate, constant, where
from protocols.numeric.division import reciprocal
from protocols.numeric.normalize import F, leading_bit

#: Smallest pivot: a predictor with more than 1 - 2^-7 of its variance explained by the earlier ones is collinear.
PIVOT_BITS = 7
#: Largest entry of L^-1, and fraction bits of L and its inverse. 2 * (FACTOR + 4) + log2(columns) <= 62.
ENTRY = 16.0
FACTOR = 25
#: Largest diagonal entry of the inverse (variance inflation factor), and its fraction bits.
INFLATION = 128.0
INVERSE = 22


@dataclass
class Factors:
    """Of the leading p columns of a (p + 1, p + 1) matrix, the last one being the response.

    inverse    rows 0..p of L^-1 (unit lower triangular; the diagonal and above are public): list of (k,) secrets
    mantissa   w_k with 1/pivot_k = w_k * power_k / 2
    power      power_k, integers
    last       the response's pivot: 1 - R^2, 28 fraction bits
    regular    bit: all pivots and entries were within their limits
    """

    inverse: list[SecretArray]
    mantissa: list[SecretArray]
    power: list[SecretArray]
    last: SecretArray
    regular: SecretArray


def factor(matrix: SecretArray) -> Factors:
    """Factor a correlation matrix of p predictors and a response.

    Rounds  about 45 a predictor
    Error   entries of L within 2^-24
    """
    p = matrix.shape[0] - 1
    schur = matrix
    columns: list[SecretArray] = []
    mantissas: list[SecretArray] = []
    powers: list[SecretArray] = []
    bits: list[SecretArray] = []
    for _ in range(p):
        pivot = schur[0, 0]
        fits = pivot >= 2.0**-PIVOT_BITS
        safe = where(fits, pivot, 1.0).bounded((1 << F) + (1 << 12))
        leading = leading_bit(safe, F + 1)
        power = leading.table([1 << min(F - j, PIVOT_BITS) for j in range(F + 1)])
        normal = safe.times(power, bound=1 << (F + 1))
        normal = normal._new(normal.handle, frac=F + 1, type="fixed").cut(F).bounded(1 << F)
        mantissa = reciprocal(normal)
        # A replaced pivot eliminates nothing: its column is set to 0, so that all bounds stay true.
        column = fits.broadcast_to((schur.shape[0] - 1,)) * schur[1:, 0]
        ratio = column.product(mantissa, F, limit=2.1).times(power)
        entry = int(1.01 * 2 ** (PIVOT_BITS / 2) * 2**F)
        ratio = ratio._new(ratio.handle, frac=F + 1, type="fixed").cut(F, bound=entry)  # |L| <= 1/sqrt(pivot)
        update = ratio.reshape(-1, 1).product(column.reshape(1, -1), F, limit=1.01)
        schur = (schur[1:, 1:] - update).bounded((1 << F) + (1 << 12))  # a Schur complement of a correlation matrix
        columns.append(ratio)
        mantissas.append(mantissa)
        powers.append(power)
        bits.append(fits.reshape(1))
    rows, inside = _inverse_rows(columns, p)
    regular = concatenate([*bits, *inside]).all()
    return Factors(rows, mantissas, powers, schur[0, 0], regular)


def _inverse_rows(columns: list[SecretArray], p: int) -> tuple[list[SecretArray], list[SecretArray]]:
    """Rows 1..p of L^-1 left of the diagonal: row_k = -(L_k + L_k N) with N the rows above."""
    run = columns[0].run
    rows: list[SecretArray] = []
    inside: list[SecretArray] = []
    for k in range(1, p + 1):
        left = concatenate([columns[j][k - j - 1].reshape(1) for j in range(k)]).cut(FACTOR)
        if k > 1:
            zeros = [constant(run, np.zeros(k - len(row)), frac=FACTOR) for row in rows]
            above = [concatenate([row, zero]).reshape(1, k) for row, zero in zip(rows, zeros, strict=True)]
            first = constant(run, np.zeros((1, k)), frac=FACTOR)
            block = concatenate([first, *above])
            row = -(left + left.reshape(1, k).dot(block, FACTOR).reshape(k))
        else:
            row = -left
        low, high = row < -ENTRY, row > ENTRY
        good = (~low & ~high).all()
        row = where(good.broadcast_to((k,)), row, 0).bounded(int(ENTRY * 2**FACTOR))
        rows.append(row)
        inside.append(good.reshape(1))
    return rows, inside


def inflation(factors: Factors) -> tuple[SecretArray, SecretArray]:
    """The diagonal of the inverse of the predictors' correlations (variance inflation factors), and whether all are
    at most 128: diag_j = sum_k N_kj^2 / pivot_k. 22 fraction bits."""
    p = len(factors.mantissa)
    run = factors.last.run
    grid = []
    for k in range(p):
        parts = []
        if k:
            parts.append(factors.inverse[k - 1])
        parts.append(constant(run, np.asarray([1.0]), frac=FACTOR))
        if k < p - 1:
            parts.append(constant(run, np.zeros(p - 1 - k), frac=FACTOR))
        grid.append(concatenate(parts).reshape(1, p))
    rows = concatenate(grid)
    squares = rows.product(rows, INVERSE, limit=ENTRY * ENTRY * 1.01)
    mantissa = concatenate([m.reshape(1, 1) for m in factors.mantissa])
    power = concatenate([m.reshape(1, 1) for m in factors.power])
    terms = squares.product(mantissa, INVERSE, limit=ENTRY * ENTRY * 2.1).times(power)
    terms = terms._new(terms.handle, frac=INVERSE + 1, type="fixed")
    diagonal = terms.sum(0).cut(INVERSE)
    small = diagonal <= INFLATION
    safe = where(small, diagonal, 1.0).bounded(int(INFLATION * 2**INVERSE) + 1)
    return safe, small.all()
