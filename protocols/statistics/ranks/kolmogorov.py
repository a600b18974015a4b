"""The two-sample Kolmogorov-Smirnov test of shared rows: the largest distance of two distributions, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort, Counts
from mpc.values.people import need_same_people
from mpc.values.places import indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, concatenate, stack, where
from protocols.numeric import largest
from protocols.order import order_by
from protocols.statistics.counts.strata import behind_groups
from protocols.statistics.measures import Measure, document
from protocols.tables.grouped import present
from protocols.tables.segments import Segments, neighbours_equal

#: Products of three numbers of rows fit 61 bits.
_MOST = 1 << 19


def ks_2samp(x: SecretArray, group: SecretArray, *, names: tuple[str, str] = ("without", "with")) -> Result:
    """The Kolmogorov-Smirnov test: do rows with a flag and rows without it have the same distribution?

    x, group  a shared column and a flag of the same rows, such as table.pain and table.arm == "new"
    names     of the rows without and with the flag

    Opens       the sizes n and m of both groups, and n m D, a whole number: D is the largest difference of the shares
                of both groups up to any value. Two-sided p follows, by the distribution of one sample of n m / (n + m)
                rows. At which value the difference is largest is not opened
    Missing     rows that lack one of both are left out
    Undefined   where a group has no rows
    Protection  fewer rows than the minimum in a group suppress everything; so do few rows, but some, of a group up to
                the value where the difference is largest, or above it, since n m D may tell how many they are
    Limits      524,288 places
    Error       none
    Rounds      a sort, and about 30 for each doubling of the places
    Bytes       a sort by the bits of x, and about 500 a place
    Raises      ShapeError for anything but a column and a flag of the same shared rows; RangeError beyond the limits
    Equals      scipy's `ks_2samp(method="asymp")`, ties included
    Source      Smirnov, Bulletin Math. Univ. Moscou 2 (1939); Hodges, Arkiv för Matematik 3 (1958)
    """
    if not isinstance(x, SecretArray) or x.ndim != 1 or len(x) < 2:
        raise ShapeError(f"ks_2samp: {x!r}; a column of shared rows is wanted: table.share(rows=N), then .column")
    if not isinstance(group, SecretArray) or group.shape != x.shape or not is_flag(group):
        raise ShapeError(f"ks_2samp: {group!r} is no flag of these rows: compare a column, as in table.arm == 'new'")
    if len(x) > _MOST:
        raise RangeError(f"ks_2samp: {len(x):,} places; at most {_MOST:,} are possible")
    need_same_people(x.basis.places, group.basis.places)
    n = len(x)
    there = present(x.constant(np.ones(n, np.bool_)), x, group)
    value, bit = x.bare().numeric(), group.bare().as_flag()
    sides = [there & ~bit, there & bit]
    sizes = stack([indicator(side).sum() for side in sides]).bare().bounded(n)
    order = order_by(value.masked(there, "missing"))
    within, moved, with_ = (order.apply(column) for column in (there, value, indicator(sides[1])))
    runs = Segments.between(within, neighbours_equal([moved]), n)
    # Rows that count come first, so up to place i there are i + 1 of them.
    upto = with_.cumsum(0).bounded(n)
    place = np.arange(1, n + 1)
    whole = (sizes[0] + sizes[1]).bounded(n)
    # i_with / n_with - i_without / n_without, times both sizes: |.| is at most their product, n^2 / 4.
    part = upto.times(whole.broadcast_to((n,)), bound=n * n)
    apart = (part - sizes[1].broadcast_to((n,)).times(x.constant(place), bound=n * n)).bounded(n * n)
    at_ends = where(runs.last, apart.abs(), 0).bounded(n * n)
    most = largest(at_ends).bare()
    basis = union(x.basis, group.basis).plain()
    behind = union(
        behind_groups(basis, n, sides, "rows with and without the flag", or_none=False),
        Basis((_at_most(at_ends, most, runs.last, upto, sizes, place),)),
    )
    parts = {name: part.with_basis(behind) for name, part in {"n": sizes, "distance": most}.items()}

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        counts, distance = opened["n"].whole_cells(), opened["distance"].whole_cells()
        table = {"rows": list(names), "columns": ["n"], "values": [[n] for n in counts]}
        return document([smirnov(counts[0], counts[1], distance)], table)

    return Result("measures", parts, finish, together=True)


def smirnov(n: int, m: int, distance: int) -> Measure:
    """The test, from both sizes and n m D."""
    from scipy import stats

    name = "Kolmogorov-Smirnov test"
    if not n or not m:
        why = "undefined: a group without rows"
        return Measure(name, statistic=why, p=why)
    d = distance / (n * m)
    p = float(np.clip(stats.kstwo.sf(d, np.round(n * m / (n + m))), 0, 1))
    return Measure(name, statistic=d, p=p)


def _at_most(
    at_ends: SecretArray, most: SecretArray, last: SecretArray, upto: SecretArray, sizes: SecretArray, place: Any
) -> Cohort:
    """The rows of both groups up to and above each value where the difference is largest: each or none."""
    n = len(at_ends)

    def make() -> Counts:
        there = (at_ends == most.broadcast_to((n,))) & last
        without = x_minus(at_ends.constant(place), upto)
        low = [upto, without]
        high = [x_minus(sizes[1 - k].broadcast_to((n,)), low[k]) for k in range(2)]
        chosen = [where(there, number, 0).bounded(n).reshape(n) for number in (*low, *high)]
        return Counts(concatenate(chosen).reshape(4 * n), None)

    def x_minus(a: SecretArray, b: SecretArray) -> SecretArray:
        return (a - b).bounded(n)

    what = "rows of each group up to the value of the largest difference, and above it, each or none"
    return Cohort(at_ends.run, make, most=n, what=what, shape=(), or_none=True)
