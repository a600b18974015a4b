"""Fisher's exact test of a table of any size, from opened counts: public arithmetic."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.untyped import Json

#: Most tables that are listed; random tables otherwise, and their seed.
MOST_TABLES, DRAWS, _SEED = 1_000_000, 100_000, 1
#: Tables whose chance is this near to that of the observed one are as likely (as in R and scipy).
_NEAR = 1e-7


class Exact(NamedTuple):
    """The two-sided p, and whether it is that of all tables (else of DRAWS random ones)."""

    p: float
    listed: bool


def fisher(observed: Json) -> Exact:
    """How likely tables with these margins are that are no more likely than the observed one, under independence.

    All tables with these margins are listed, if they are at most MOST_TABLES. Else DRAWS random ones are drawn by
    Patefield's algorithm with a fixed seed, and p is (1 + number as unlikely) / (1 + DRAWS), within 0.003 of the exact
    one in 95 of 100 tables (and within 2 sqrt(p (1 - p) / DRAWS)).

    Equals  R's `fisher.test`; scipy's `fisher_exact` for two by two counts
    Source  Freeman and Halton, Biometrika 38 (1951); Patefield, Applied Statistics 30 (1981)
    """
    from scipy import special, stats

    table = np.rint(np.asarray(observed, np.float64)).astype(np.int64)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    if table.shape == (2, 2):
        return Exact(float(stats.fisher_exact(table)[1]), True)
    rows, columns = table.sum(1), table.sum(0)
    limit = -float(special.gammaln(table + 1.0).sum()) + _NEAR
    whole = special.gammaln(rows + 1.0).sum() + special.gammaln(columns + 1.0).sum() - special.gammaln(rows.sum() + 1.0)
    listed = _every(rows, columns)
    if listed is not None:
        return Exact(min(1.0, float(np.exp(listed[listed <= limit] + whole).sum())), True)
    drawn = stats.random_table(rows, columns).rvs(DRAWS, random_state=_SEED)
    chances = -special.gammaln(drawn + 1.0).sum((1, 2))
    return Exact((1 + int((chances <= limit).sum())) / (1 + DRAWS), False)


def _every(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """-sum log(cell!) of all tables with these margins; None where they are more than MOST_TABLES."""
    if len(rows) > len(columns):
        rows, columns = columns, rows
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, rows.sum() + 1)))])
    left, chance = rows.reshape(1, -1), np.zeros(1)
    for column in columns[:-1]:
        within = np.full(len(left), column)
        for i in range(len(rows) - 1):
            after = left[:, i + 1 :].sum(1)
            low, high = np.maximum(0, within - after), np.minimum(left[:, i], within)
            many = high - low + 1
            if int(many.sum()) > MOST_TABLES:
                return None
            index = np.repeat(np.arange(len(left)), many)
            cell = low[index] + np.arange(len(index)) - np.repeat(np.cumsum(many) - many, many)
            left, within, chance = left[index], within[index] - cell, chance[index] - logs[cell]
            left[:, i] -= cell
        left = left.copy()
        left[:, -1] -= within
        chance = chance - logs[within]
    found: NDArray[np.float64] = chance - logs[left].sum(1)
    return found
