"""Correlation matrices of columns over complete rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpc.counts import behind, complete
from mpc.disclosure import Opened, Result
from mpc.private import PrivateArray, PrivateTable
from mpc.secret import SecretArray
from protocols.numeric.normalize import F
from protocols.statistics.descriptive import Scaled, scaled_roots
from protocols.statistics.moments import WIDE, JointMoments, cross_moments


@dataclass
class Standardised:
    """The correlation matrix of columns over their complete rows, and what it was scaled by.

    varies  (k,) bits: the deviation is at least 2^-19 of the range, so that the spread has its digits
    """

    moments: JointMoments
    roots: Scaled
    matrix: SecretArray
    varies: SecretArray


def standardise(columns: Sequence[PrivateArray]) -> Standardised:
    """Correlations with 28 fraction bits; meaningless in rows and columns of a column that does not vary.

    Block scaling: row and column j are first multiplied by the secret power of two that normalises their diagonal
    entry, exactly (all entries fit by Cauchy-Schwarz), then by 1/sqrt(diagonal).
    """
    moments = cross_moments(columns)
    k = len(columns)
    spread = moments.spread
    roots = scaled_roots(spread.diagonal().bounded(spread.bound))
    up = roots.up
    limit = (1 << WIDE) + (1 << (WIDE - 18))
    # |C_ij| 2^(a_i + a_j) <= sqrt(C_ii 4^a_i * C_jj 4^a_j) <= 1; the intermediate product is smaller.
    scaled = spread.times(up.reshape(k, 1), bound=limit).times(up.reshape(1, k), bound=limit)
    scaled = scaled._new(scaled.handle, frac=WIDE, type="fixed").cut(F).bounded((1 << F) + (1 << 11))
    inverse = roots.inverse
    matrix = scaled.product(inverse.reshape(k, 1), F, limit=2.05)
    matrix = matrix.product(inverse.reshape(1, k), F, limit=2.05).bounded((1 << F) + (1 << 12))
    return Standardised(moments, roots, matrix, roots.leading.reaches(WIDE - 38))


def correlation(columns: Sequence[PrivateArray] | PrivateTable) -> Result:
    """Pearson's correlation matrix over the rows where no column is missing.

    Error       2^-23, and 2^-55 of the square of a range over its deviation
    Undefined   where a column does not vary (by less than 2^-19 of its declared range), or there are fewer than two
                rows
    Protection  fewer complete rows than the minimum suppress the matrix, and so does a flag that fewer of them have,
                or have not, and of two flags any of the four combinations
    """
    columns = list(columns)  # a table, too
    standard = standardise(columns)
    k = len(columns)
    positive = standard.varies & standard.moments.several
    valid = positive.reshape(k, 1) & positive.reshape(1, k)
    matrix = standard.matrix.masked(valid, "a column does not vary")
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
