"""Rubin's rules for the mean of a completed column, in secret: the mean of no imputation is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.untyped import Anything, Json
from mpc.values.secret import SecretArray
from mpc.values.wide_products import precise_product

#: Gives the document from the mean, the mean of its variances and the variance of the means, and the number of rows.
Finish = Callable[[tuple[float, float, float], int], Json]


def of_columns(fits: Sequence[Anything]) -> bool:
    """Whether these are columns, and no analyses of them."""
    return any(isinstance(fit, PrivateArray) for fit in fits)


def pooled_mean(columns: Sequence[Anything], finish: Finish) -> Result:
    """The pooled mean of completed columns. Raises ShapeError for anything but columns of one table."""
    if not all(isinstance(x, PrivateArray) and x.source is columns[0].source for x in columns):
        raise ShapeError("pool_rubin: completed columns of one table are wanted, or awaited releases, and not both")
    m = len(columns)
    means = [x.mean() for x in columns]
    mean = _sum(means) * (1.0 / m)
    apart = [x - mean for x in means]
    parts = {
        "rows": columns[0].count(),
        "estimate": mean,
        "within": _sum([x.var() for x in columns]) * (1.0 / m),
        "between": _sum([precise_product(x, x) for x in apart]) * (1.0 / (m - 1)),
    }

    def finished(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n = int(opened["rows"].whole_cells())
        # Squares are not negative; the last places of a product may be.
        within, between = (max(0.0, float(opened[part].values)) for part in ("within", "between"))
        return finish((float(opened["estimate"].values), within / max(n, 1), between), n)

    return Result("measures", parts, finished, together=True)


def _sum(terms: Sequence[SecretArray]) -> SecretArray:
    """One by one, so that the sum is undefined where a term is."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
