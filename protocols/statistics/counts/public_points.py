"""Rows of groups between public points of a column: counts in secret, each none or enough.

What is released of them is cumulated, so that each difference of two released numbers is a sum of these counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.tables.private import PrivateArray, count_cells
from mpc.tables.selections import Selection
from mpc.untyped import Anything
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort, Counts
from mpc.values.people import need_same_people
from mpc.values.places import Lazy, indicator
from mpc.values.reductions import is_flag
from mpc.values.resolution import ordered
from mpc.values.secret import SecretArray, stack
from protocols.statistics.counts.strata import behind_groups, counted_cells
from protocols.tables.grouped import present

#: Most points: each is compared with each place.
MOST_POINTS = 200
_EACH = "rows of each group between two points, each or none"


def points_of(what: str, points: Anything) -> list[float]:
    """Public points, ascending. Raises ConfigError."""
    numbers = np.asarray(points, np.float64)
    if numbers.ndim != 1 or not 0 < numbers.size <= MOST_POINTS or not np.isfinite(numbers).all():
        raise ConfigError(f"{what}: {points!r}; expected 1 to {MOST_POINTS} numbers, such as [10, 20, 50]")
    ascending = sorted({float(number) for number in numbers})
    if len(ascending) < numbers.size:
        raise ConfigError(f"{what}: {points!r}; the numbers must differ")
    return ascending


def between(
    what: str, x: Anything, points: Sequence[float], flag: Anything = None, *, upper: bool = False
) -> SecretArray:
    """Counts (groups, points + 1) of x below the first point, between each two, and beyond the last one, with the basis
    that they stand on: of the rows without and with a flag, where there is one. Rows that lack one are left out.

    upper   a value equal to a point is below the point's place, as in x <= point; else it is above, as in x >= point
    Raises  ShapeError for anything but a column of numbers and a flag of the same table
    """
    if isinstance(x, PrivateArray):
        return _private(what, x, points, flag, upper)
    return _shared(what, x, points, flag, upper)


def _private(what: str, x: PrivateArray, points: Sequence[float], flag: Anything, upper: bool) -> SecretArray:
    if x.expression.type not in ("integer", "real"):
        raise ShapeError(f"{what}: {x!r} has no numbers; a column such as table.marker is wanted")
    if flag is not None and (
        not isinstance(flag, PrivateArray) or flag.expression.type != "flag" or flag.source is not x.source
    ):
        raise ShapeError(f"{what}: {flag!r} is no flag of the table of {x.name}: compare one, as in table.age > 60")
    low, high = float(min(x.expression.low, points[0])), float(max(x.expression.high, points[-1]))
    edges = [low - 1 - abs(low), *points, high + 1 + abs(high)]
    # Bins include their lower edge. To include the upper one, the column is mirrored.
    bins = (-x).cut([-edge for edge in reversed(edges)]) if upper else x.cut(edges)
    counts = count_cells(x.source, [bins] if flag is None else [bins, flag])
    (cells,) = counts.basis.cohorts
    tabled = cells.selection
    chosen = None if tabled is None else tabled._replace(by=tabled.by[1:], valid=(x.expression,))
    size = len(points) + 1

    def arranged(a: np.ndarray) -> np.ndarray:
        a = a.reshape(size, -1)
        return (a[::-1] if upper else a).T

    cells = cells.view(arranged)
    stands = Basis((_groups(cells, chosen), _each(cells, tabled)), origin=(f"{what} of {cells.what}",))
    return counts.bare().view(arranged).with_basis(stands)


def _shared(what: str, x: Anything, points: Sequence[float], flag: Anything, upper: bool) -> SecretArray:
    if not isinstance(x, SecretArray) or x.ndim != 1 or not len(x) or is_flag(x):
        raise ShapeError(f"{what}: {x!r}; a column of numbers is wanted, such as table.marker")
    ordered(what, x)
    columns, n = [x], len(x)
    if flag is not None:
        if not isinstance(flag, SecretArray) or flag.ndim != 1 or not is_flag(flag) or len(flag) != n:
            raise ShapeError(f"{what}: {flag!r} is no flag of the rows of the column: compare one, as in rows.age > 60")
        need_same_people(x.basis.places, flag.basis.places)
        columns.append(flag)
    there = present(x.constant(np.ones(n, np.bool_)), *columns)
    values = x.bare().numeric().reshape(1, n).broadcast_to((len(points), n))
    limits = np.asarray(points).reshape(-1, 1) + np.zeros((1, n))
    beyond = values > limits if upper else values >= limits
    above = [beyond[k] for k in range(len(points))]
    bins = [~above[0], *[a & ~b for a, b in pairwise(above)], above[-1]]
    bits = None if flag is None else flag.bare().as_flag()
    sides = [there] if bits is None else [there & ~bits, there & bits]
    groups = stack([indicator(side).bare() for side in sides])
    within = stack([indicator(one).bare() for one in bins])
    counts = groups.dot(within.T, 0).bounded(n)
    basis = union(*[column.basis for column in columns]).plain()
    cells = counted_cells(basis, groups, within)
    if cells is not None:
        stands = basis._replace(cohorts=(_groups(cells, cells.selection), _each(cells, None)), places=())
        return counts.with_basis(stands)
    each = [Lazy(there.run, (n,), lambda a=a, b=b: a & b) for a in sides for b in bins]  # type: ignore[misc]
    stands = union(
        behind_groups(basis, n, sides, "rows of each group", or_none=False),
        behind_groups(basis, n, each, _EACH, or_none=True),
    )
    return counts.with_basis(stands)


def _groups(cells: Cohort, chosen: Selection | None) -> Cohort:
    """Of cells (groups, bins): the rows of each group."""

    def make() -> Counts:
        total, own, exact = cells.counts()
        each = None if own is None else own.sum(3).bounded(cells.most)
        return Counts(total.sum(2).bounded(cells.most), each, exact)

    what = f"{cells.what}, all together"
    return Cohort(cells.run, make, most=cells.most, what=what, shape=cells.shape[:1], selection=chosen).collapsed(None)


def _each(cells: Cohort, tabled: Selection | None) -> Cohort:
    """Of cells (groups, bins): each. tabled: what they count, which other releases are held against."""

    def make() -> Counts:
        return cells.counts()

    what = f"{cells.what}, each or none"
    every = Cohort(cells.run, make, most=cells.most, what=what, shape=cells.shape, or_none=True, selection=tabled)
    whole = every.collapsed(None)
    whole.cells = tabled is not None
    return whole
