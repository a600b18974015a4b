"""Quantiles of a shared column in the levels of a category, exact, by one sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Guard, Opened, Result
from mpc.releases.enough import all_enough
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort
from mpc.values.people import need_same_people
from mpc.values.reductions import is_flag
from mpc.values.resolution import ordered
from mpc.values.secret import SecretArray, concatenate, where
from protocols.order import order_by
from protocols.quantiles import between, fraction_of, place_of
from protocols.statistics.counts.in_levels import InLevels, in_levels
from protocols.suppression import RULE, opened_cells
from protocols.tables.grouped import present


def quantiles(x: SecretArray, q: Sequence[float] = (0.25, 0.5, 0.75), *, by: SecretCategory | SecretArray) -> Result:
    """Quantiles of a shared column in each level of a category (or with and without a flag): a row for each level.

    x, by  columns of the same shared rows, such as rows.pain and rows.arm
    q      distinct fractions between 0 and 1, each taken as the nearest with a denominator up to 1000

    Opens       of each level the number of rows and the quantiles, each an element or linear between two elements
    Missing     rows that lack one of both are left out
    Undefined   in a level without rows
    Protection  a level with fewer rows than the minimum is suppressed like a cell of a histogram, with its number of
                rows; so is another level where that could be told from the total. Quantiles come out where the minimum
                of rows is also on each side of each quantile, and between any two: of quartiles, four times the minimum
    Error       none for an element, a few last places between two; shared rows are exact to half a unit of their
                resolution, which is 2^-28 of a Real's largest magnitude
    Limits      4,194,304 places times levels
    Rounds      those of one sort for all levels, and about 30: 40 of 300 places, 140 of 3,000, 237 of 30,000
    Bytes       about 500 a place and party, for quartiles in three levels
    Raises      ShapeError for private columns and for anything but a column and a category of the same shared rows;
                ConfigError for other fractions; RangeError beyond the limits
    Equals      `numpy.quantile` of each group; pandas' `groupby(by).quantile(q)`
    Source      Hyndman and Fan, The American Statistician 50 (1996), definition 7
    """
    fractions = _fractions(q)
    codes, names = _levels(x, by)
    n, size = len(codes), len(names)
    there = present(codes.constant(np.ones(n, np.bool_)), codes, x)
    groups = in_levels("quantiles", codes, size, there, union(x.basis, codes.basis))
    counts = groups.counts
    with x.run.scope.sequence():
        values = _in_order(x, codes, there, groups, fractions)
    basis = Basis(tuple(c.collapsed(None) if c.shape else c for c in groups.cohorts), origin=groups.origin)
    some = (counts > 0).reshape(size, 1).broadcast_to(values.shape)
    parts = {"n": counts.with_basis(basis), "quantiles": values.masked(some, "no rows").with_basis(basis)}
    columns = ["n", *["median" if f == Fraction(1, 2) else f"{100 * float(f):g} %" for f in fractions]]

    def finish(opened: Mapping[str, Opened]) -> Any:
        found = zip(opened["n"].whole_cells(), opened["quantiles"].cells(), strict=True)
        return {"rows": names, "columns": columns, "values": [[number, *row] for number, row in found]}

    edges = [Fraction(0), *sorted(fractions), Fraction(1)]
    side = min(b - a for a, b in pairwise(edges))
    return Result("matrix", parts, finish, _guard(groups, side, len(fractions)))


def _in_order(
    x: SecretArray, codes: SecretArray, there: SecretArray, groups: InLevels, fractions: Sequence[Fraction]
) -> SecretArray:
    """(levels, quantiles): rows are sorted by level and value; each row of a level is compared with its places."""
    n, (size,) = len(x), groups.counts.shape
    counts, column = groups.counts, x.bare().numeric()
    order = order_by(codes.bare().numeric().masked(there, "no row"), column)
    values, ones = order.apply(column), order.apply(groups.ones)
    starts = (counts.cumsum(0) - counts).bounded(n)
    spots = [place_of(where(counts > 0, counts, 1).bounded(n), fraction) for fraction in fractions]
    places = concatenate([(starts + steps).bounded(2 * n).reshape(size, 1) for steps, _ in spots], axis=1)
    # For each row the places of its level; a row that does not count has place 0 in all, and no level.
    wanted = ones.dot(places, 0).bounded(2 * n)
    chosen = wanted == np.arange(n).reshape(n, 1)
    following = concatenate([values[1:], values[-1:]])
    found = []
    for of in (values, following):
        kept = where(chosen, of.reshape(n, 1).broadcast_to(chosen.shape), 0)
        # One row of a level has the place, so the sum over the rows of the level is its value.
        found.append(ones.T.dot(kept, kept.frac, bound=column.bound))
    lower, upper = found
    rows = [
        between(lower[:, i], upper[:, i], rest, fraction.denominator).reshape(size, 1)
        for i, ((_, rest), fraction) in enumerate(zip(spots, fractions, strict=True))
    ]
    return concatenate(rows, axis=1)


def _guard(groups: InLevels, side: Fraction, number: int) -> Guard:
    """Levels fall like cells of a table; quantiles also where too few rows are on a side of one."""
    tables = tuple(cohort for cohort in groups.cohorts if cohort.shape)
    whole = tuple(cohort for cohort in groups.cohorts if not cohort.shape)
    sides = tuple(cohort.of_share(side) for cohort in groups.cohorts)
    run = groups.counts.run

    def bits(minimum: int, others: bool) -> dict[str, SecretArray]:
        large = opened_cells(tables, minimum, others)
        behind = all_enough(run, whole, minimum, others=others)
        if behind is not None:
            large = large & behind.broadcast_to(large.shape)
        enough = all_enough(run, sides, minimum, others=others)
        assert enough is not None
        shown = (large & enough).reshape(len(large), 1).broadcast_to((len(large), number))
        return {"n": large, "quantiles": shown}

    cohorts: tuple[Cohort, ...] = tuple(groups.cohorts)
    return Guard(RULE, {"n": cohorts, "quantiles": (*cohorts, *sides)}, bits)


def _fractions(q: Anything) -> list[Fraction]:
    numbers = np.asarray(q, np.float64)
    if numbers.ndim != 1 or not numbers.size or not np.all((numbers > 0) & (numbers < 1)):
        raise ConfigError(f"quantiles: q={q!r}; expected numbers between 0 and 1, such as [0.25, 0.5, 0.75]")
    fractions = [fraction_of(float(number)) for number in numbers]
    if len(set(fractions)) < len(fractions) or not all(0 < fraction < 1 for fraction in fractions):
        raise ConfigError(f"quantiles: q={q!r}; expected distinct multiples of 1/1000 between 0 and 1")
    return fractions


def _levels(x: Anything, by: Anything) -> tuple[SecretArray, list[str]]:
    """Codes and names of the groups of x."""
    if isinstance(x, PrivateArray) or isinstance(by, PrivateArray):
        raise ShapeError(
            "quantiles: rows that stay with their owners have no joint order; share them: "
            "rows = table.share(rows=1000), then st.quantiles(rows.pain, by=rows.arm)"
        )
    if not isinstance(x, SecretArray) or x.ndim != 1 or len(x) < 2 or is_flag(x):
        raise ShapeError(f"quantiles: {x!r}; a column of numbers of shared rows is wanted: table.share(rows=1000)")
    ordered("quantiles", x)
    if isinstance(by, SecretCategory):
        codes, names = by.codes, list(by.levels)
    elif isinstance(by, SecretArray) and by.ndim == 1 and is_flag(by):
        codes, names = by, ["no", "yes"]
    else:
        raise ShapeError(f"quantiles: by={by!r}; a category or a flag of the same shared rows is wanted")
    if len(codes) != len(x):
        raise ShapeError(f"quantiles: columns of {len(x)} and {len(codes)} places; take both from one table")
    need_same_people(x.basis.places, codes.basis.places)
    return codes, names
