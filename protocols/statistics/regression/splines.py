"""Splines of formulas: the B-spline basis of a column with public knots, computed row by row by the owners.

The columns are those of patsy's `bs` with the same knots and bounds. Rows between two neighbouring knots are told
apart, so they are a group that must reach the minimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mpc.errors import ConfigError
from mpc.tables.expressions import Expression, Floats
from mpc.tables.private import PrivateArray
from mpc.tables.rows import as_real

#: Highest degree of the polynomials.
_DEGREE = 5


def spline(
    column: PrivateArray, *, knots: Sequence[float], degree: int, low: float | None, high: float | None
) -> tuple[list[PrivateArray], PrivateArray]:
    """The basis without its first column, and the category of the interval that a row is in.

    low, high  the outer knots; by default the declared range, which must lie between them

    Raises ConfigError for knots that do not ascend between these.
    Source     de Boor, A Practical Guide to Splines (1978), chapter X
    """
    expression = column.expression
    first = float(expression.low if low is None else low)
    last = float(expression.high if high is None else high)
    edges = (first, *(float(knot) for knot in knots), last)
    if not 0 <= degree <= _DEGREE or not all(a < b for a, b in pairwise(edges)):
        raise ConfigError(
            f"bs({column.name}, …): knots must ascend between {first:g} and {last:g}, and the degree be 0 to {_DEGREE}"
        )
    if first > expression.low or last < expression.high:
        raise ConfigError(
            f"bs({column.name}, …): declared from {expression.low:g} to {expression.high:g}, which must be within the "
            f"bounds {first:g} and {last:g}: leave lower_bound= and upper_bound= out, or clip the column"
        )
    whole = (*[first] * degree, *edges, *[last] * degree)
    columns = [_basis(column, whole, degree, j) for j in range(1, len(whole) - degree - 1)]
    return columns, column.cut(edges)


def _basis(column: PrivateArray, knots: tuple[float, ...], degree: int, place: int) -> PrivateArray:
    def function(x: Any) -> Floats:  # Any: float64 or int64
        return basis(as_real(x), knots, degree, place)

    name = f"spline {place} of {column.expression.text}"
    made = Expression(type="real", low=0.0, high=1.0, function=function, arguments=(column.expression,), text=name)
    return PrivateArray(column.source, made, name, column.where)


def basis(x: Floats, knots: Sequence[float], degree: int, place: int) -> Floats:
    """B-spline number `place` of a degree at x, by the recursion of Cox and de Boor; NaN stays NaN."""
    t, last = knots, len(knots) - degree - 2  # the last interval includes its upper end
    values = []
    for i in range(place, place + degree + 1):
        within = (x >= t[i]) & ((x <= t[i + 1]) if i == last else (x < t[i + 1]))
        values.append(np.where(within & (t[i] < t[i + 1]), 1.0, 0.0))
    for d in range(1, degree + 1):
        for i in range(degree + 1 - d):
            a, b = place + i, place + i + 1
            left = (x - t[a]) * values[i] / (t[a + d] - t[a] or 1.0)  # of equal knots the value is 0
            right = (t[b + d] - x) * values[i + 1] / (t[b + d] - t[b] or 1.0)
            values[i] = left + right
    return np.asarray(np.where(np.isnan(x), np.nan, values[0]), np.float64)
