"""Several columns of the same rows, compared by ranks within each row: Friedman's test, with exact ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.untyped import Json
from mpc.values.basis import union
from mpc.values.people import need_same_people
from mpc.values.places import indicator
from mpc.values.secret import SecretArray, stack, where
from protocols.statistics.counts.strata import behind_groups
from protocols.statistics.measures import Measure, document
from protocols.tables.grouped import present

#: Most columns.
_MOST = 16


def friedmanchisquare(*columns: SecretArray, names: Sequence[str] | None = None) -> Result:
    """Friedman's test: do three or more columns of the same shared rows, such as visits, have the same distribution?
    Values are ranked within each row; equal ones share the mean of their ranks.

    names       of the columns

    Opens       the number of rows, the rank sum of each column, and T, the sum of t^3 - t over runs of t equal values
                of a row; the statistic with ties, p by the chi-square distribution, and Kendall's W follow, with all
                their digits
    Missing     rows that lack one of the columns are left out
    Undefined   without rows, or where all values of every row are equal
    Protection  fewer rows than the minimum suppress everything; so do few rows, but some, in which one column is below
                another one. Few ties do not: T tells how often values of a row repeat
    Limits      3 to 16 columns
    Error       none
    Rounds      two comparisons, and about 20
    Bytes       about 200 a place for each pair of columns
    Raises      ShapeError for anything but columns of the same shared rows; RangeError for other numbers of columns
    Equals      scipy's `friedmanchisquare`
    Source      Friedman, JASA 32 (1937); Lehmann, Nonparametrics (1975), 6.2
    """
    what = "friedmanchisquare"
    if not 3 <= len(columns) <= _MOST:
        raise RangeError(f"{what}: {len(columns)} columns; expected 3 to {_MOST}")
    for column in columns:
        if not isinstance(column, SecretArray) or column.ndim != 1 or len(column) < 2:
            raise ShapeError(
                f"{what}: {column!r}; columns of shared rows are wanted: table.share(rows=N), then .column"
            )
        if column.shape != columns[0].shape:
            raise ShapeError(f"{what}: columns of {len(columns[0])} and {len(column)} places; take all from one table")
        need_same_people(columns[0].basis.places, column.basis.places)
    labels = list(names) if names is not None else [f"column {k}" for k, _ in enumerate(columns, 1)]
    if len(labels) != len(columns):
        raise ShapeError(f"{what}: {len(labels)} names for {len(columns)} columns")
    n, k = len(columns[0]), len(columns)
    there = present(columns[0].constant(np.ones(n, np.bool_)), *columns)
    values = [column.bare().numeric() for column in columns]
    less = {(i, j): (values[i] < values[j]) & there for i, j in combinations(range(k), 2)}
    more = {(i, j): (values[i] > values[j]) & there for i, j in combinations(range(k), 2)}
    rows = indicator(there).sum().bare().bounded(n)
    # Twice a rank is k + 1, and 1 more for each column below it, 1 less for each above.
    above = {pair: (indicator(more[pair]).sum() - indicator(less[pair]).sum()).bounded(n) for pair in less}
    sums = []
    for i in range(k):
        ahead = [above[i, j] for j in range(i + 1, k)]
        behind = [above[j, i] for j in range(i)]
        total = rows * (k + 1)
        for number in ahead:
            total = total + number
        for number in behind:
            total = total - number
        sums.append(total.bounded(2 * k * n))
    apart = {pair: indicator(less[pair]) + indicator(more[pair]) for pair in less}
    equal = [k - 1 - sum((apart[min(i, j), max(i, j)] for j in range(k) if j != i), start=0 * rows) for i in range(k)]
    run = stack(equal).bounded(k - 1)
    # Of a run of t values t have t - 1 equals each, so t (t^2 - 1) in all.
    square = (run * (run + 2)).bounded(k * k)
    tied = where(there.broadcast_to((k, n)), square, 0).sum().bare().bounded(k**3 * n)
    basis = union(*[column.basis for column in columns]).plain()
    pairs = [*less.values(), *more.values()]
    words = "rows in which one column is below another one, or above it, each or none"
    groups = union(
        behind_groups(basis, n, [there], "rows with all columns", or_none=False),
        behind_groups(basis, n, pairs, words, or_none=True),
    )
    parts = {"n": rows, "rank sums": stack(sums), "ties": tied}

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        size, doubled, ties = (opened[part].whole_cells() for part in ("n", "rank sums", "ties"))
        means = [number / (2 * size) if size else "undefined: no rows" for number in doubled]
        table = {"rows": labels, "columns": ["n", "mean rank"], "values": [[size, mean] for mean in means]}
        return document(_friedman(size, doubled, ties), table)

    parts = {name: part.with_basis(groups) for name, part in parts.items()}
    return Result("measures", parts, finish, together=True)


def _friedman(n: int, doubled: Json, ties: int) -> list[Measure]:
    from scipy import special  # scipy.stats takes a second to import

    k = len(doubled)
    untied = n * (k**3 - k) - ties
    if untied <= 0:
        why = "undefined: no rows" if not n else "undefined: all values of each row are equal"
        return [Measure("Friedman's test", statistic=why, p=why), Measure("Kendall's W", why)]
    # 12 sum (R - mean R)^2 / (n k (k + 1)) over 1 - T / (n (k^3 - k)), with doubled rank sums.
    spread = sum((number - n * (k + 1)) ** 2 for number in doubled)
    statistic = 3 * (k - 1) * spread / untied
    p = float(special.chdtrc(k - 1, statistic))
    return [
        Measure("Friedman's test", statistic=statistic, df=k - 1, p=p),
        Measure("Kendall's W", statistic / (n * (k - 1))),
    ]
