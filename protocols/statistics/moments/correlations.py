"""Correlation matrices of columns over complete rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import behind, complete
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.values.secret import SecretArray
from protocols.numeric.normalize import F
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics import arguments
from protocols.statistics.held import held
from protocols.statistics.moments.descriptive import LEAST, ONE_ROW, SPREAD_BITS, Scaled, scaled_roots
from protocols.statistics.moments.moments import WIDE, JointMoments, cross_moments, weighted_moments


@dataclass
class Standardised:
    """The correlation matrix of columns over their complete rows, and what it was scaled by.

    matrix  (k, k), F fraction bits; exactly symmetric
    scaled  (k, k) the spread in units of 2^-a_i 2^-a_j (`Scaled`), 56 fraction bits: the matrix before the division by
            the roots of the mantissas
    """

    moments: JointMoments
    roots: Scaled
    matrix: SecretArray
    scaled: SecretArray

    def varies(self, bits: int) -> SecretArray:
        """(k,) bits: the spread of a column is at least 2^-bits, in units u of its range."""
        return self.roots.leading.reaches(WIDE - bits)


def standardise(columns: Sequence[PrivateArray], weight: PrivateArray | None = None) -> Standardised:
    """Correlations with 28 fraction bits; meaningless for a column that does not vary. With `weight`, weighted ones.

    Row and column j are first multiplied by the secret power of two that normalises their diagonal entry; this is exact
    (all entries fit by Cauchy-Schwarz). Then they are multiplied by 1/sqrt(diagonal). Each pair is computed once.
    """
    moments = cross_moments(columns) if weight is None else weighted_moments(columns, weight)
    roots, matrix, scaled = scaled_to_one(moments.spread)
    return Standardised(moments, roots, matrix, scaled)


def scaled_to_one(spread: SecretArray, least: int = LEAST) -> tuple[Scaled, SecretArray, SecretArray]:
    """Roots of the diagonal of a symmetric, positive semidefinite matrix with 56 fraction bits; the matrix scaled to a
    diagonal of 1; and scaled by powers of two alone (`Standardised`).

    least  a diagonal entry below 2^least last places counts as 0. An entry is off by less than 2^(least - 20) of them
    """
    k = len(spread)
    roots = scaled_roots(spread.diagonal().bounded(spread.bound), least)
    row, column = np.tril_indices(k)
    place = np.zeros((k, k), np.int64)
    place[row, column] = place[column, row] = np.arange(len(row))

    def of_rows(x: SecretArray) -> tuple[SecretArray, SecretArray]:
        return x.view(lambda a: a[row]), x.view(lambda a: a[column])

    limit = (1 << WIDE) + (1 << (WIDE - 18))
    # |C_ij| 2^(a_i + a_j) <= sqrt(C_ii 4^a_i * C_jj 4^a_j) <= 1; the intermediate product is smaller.
    up, inverse = of_rows(roots.up), of_rows(roots.inverse)
    pairs = spread.view(lambda a: a[row, column])
    scaled = pairs.times(up[0], bound=limit).times(up[1], bound=limit)
    # If an owner shares products of no rows, only |C_ij| <= (C_ii + C_jj) / 2 holds: then an entry is at most 2^25.
    scaled = held(scaled.rescaled(WIDE), 1 + 2.0**-10)
    matrix = scaled.cut(F).bounded((1 << F) + (1 << 11)).product(inverse[0], F, limit=2.05)
    matrix = matrix.product(inverse[1], F, limit=2.05).bounded((1 << F) + (1 << 12))
    return roots, matrix.view(lambda a: a[place]), scaled.view(lambda a: a[place])


def correlation(columns: Sequence[PrivateArray] | PrivateTable) -> Result:
    """Pearson's correlation matrix over the rows where no column is missing.

    Error       2^-23, and 2^-55 times the square of (range / deviation) of a column
    Undefined   for a column whose deviation is below 2^-20 of its declared range; with fewer than two rows
    Protection  fewer complete rows than the minimum suppress the matrix. So do fewer rows with a flag, without it, or
                with any of the four combinations of two flags
    """
    columns = arguments.columns("correlation", columns)
    standard = standardise(columns)
    k = len(columns)
    varies = standard.varies(SPREAD_BITS)
    matrix = standard.matrix.masked(standard.moments.several, ONE_ROW)
    matrix = matrix.masked(varies.reshape(k, 1) & varies.reshape(1, k), f"a column {TOO_LITTLE}")
    rows = standard.moments.rows(complete(columns))
    matrix = matrix.standing_on(*behind(columns, rows), origin=(f"correlation over {rows.what}",))
    labels = [column.name for column in columns]

    def finish(opened: Mapping[str, Opened]) -> Any:
        part = opened["matrix"]
        cells = part.cells()
        for i in range(k):
            for j in range(k):
                if isinstance(cells[i][j], float):
                    cells[i][j] = 1.0 if i == j else max(-1.0, min(1.0, cells[i][j]))
        return {"labels": labels, "values": cells}

    return Result("matrix", {"matrix": matrix}, finish)
