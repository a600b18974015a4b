"""Two flags in strata of the same rows: counts in secret, and the groups of rows that must be none or enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.tables.private import PrivateArray, count_cells
from mpc.tables.secret_columns import SecretCategory
from mpc.tables.selections import Selection
from mpc.untyped import Anything
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort, Counts
from mpc.values.people import need_same_people
from mpc.values.places import Lazy, distinct, indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, stack
from protocols.tables.grouped import present

Flags = PrivateArray | SecretArray
#: Most strata.
MOST_STRATA = 2000


@dataclass
class Strata:
    """Rows in strata without and with an exposure and an outcome.

    counts  (2, 2, strata): exposure, outcome
    behind  what a statistic of all strata stands on: the four groups of all strata together, of which each must be
            enough; and these groups in each stratum, or the strata, of which each must be none or enough
    """

    counts: SecretArray
    behind: Basis


def strata_of(what: str, outcome: Flags, exposure: Flags, strata: Anything, *, sparse: bool) -> Strata:
    """Of private columns of one table, or of shared columns of the same rows; rows that lack one of them are left out.

    strata  a category or a flag, or several in a list: their combinations
    sparse  strata must be none or enough, not the groups in them

    Rounds  of shared rows an AND and an equality for each level, beside each other, a conversion, and a matrix product;
            of private rows those of a table of counts
    Raises  ShapeError for other columns; ConfigError for more than MOST_STRATA strata
    """
    listed = list(strata) if isinstance(strata, list | tuple) else [strata]
    if not listed:
        raise ShapeError(f"{what}: no strata; a category is wanted, such as table.clinic, or several in a list")
    levels = prod(_levels(what, category) for category in listed)
    if levels > MOST_STRATA:
        raise ConfigError(f"{what}: {levels:,} strata; at most {MOST_STRATA:,} are possible")
    if isinstance(listed[0], PrivateArray):
        return _private(what, outcome, exposure, listed, sparse)
    return _shared(what, outcome, exposure, listed, sparse)


def _levels(what: str, strata: Any) -> int:
    if isinstance(strata, PrivateArray) and strata.expression.type in ("category", "flag"):
        return len(strata.expression.levels) or 2
    if isinstance(strata, SecretCategory):
        return len(strata.levels)
    if isinstance(strata, SecretArray) and strata.ndim == 1 and is_flag(strata):
        return 2
    raise ShapeError(
        f"{what}: strata are {strata!r}; a category or a flag of the same rows is wanted, such as table.clinic"
    )


def _private(what: str, outcome: Any, exposure: Any, strata: list[Any], sparse: bool) -> Strata:
    source = strata[0].source
    for flag in (outcome, exposure):
        if not isinstance(flag, PrivateArray) or flag.source is not source or flag.expression.type != "flag":
            raise ShapeError(f"{what}: {flag!r}; a flag of the table of {strata[0].name} is wanted")
    for category in strata:
        if not isinstance(category, PrivateArray) or category.source is not source:
            raise ShapeError(f"{what}: strata are {category!r}; categories of the table of the flags are wanted")
    counts = count_cells(source, [exposure, outcome, *strata])
    (cells,) = counts.basis.cohorts
    assert cells.selection is not None
    valid = tuple(category.expression for category in strata)
    chosen, words = cells.selection._replace(by=cells.selection.by[:2], valid=valid), cells.what
    cells = cells.view(lambda a: a.reshape(2, 2, -1))
    origin = (f"strata of {words}",)
    stands = Basis((_whole(cells, chosen), _parts(cells, sparse)), origin=origin)
    return Strata(counts.bare().reshape(2, 2, prod(counts.shape[2:])), stands)


def _whole(cells: Cohort, chosen: Selection | None) -> Cohort:
    """Of cells (2, 2, strata): those of all strata together."""

    def make() -> Counts:
        total, own, exact = cells.counts()
        each = None if own is None else own.sum(4).bounded(cells.most)
        return Counts(total.sum(3).bounded(cells.most), each, exact)

    what = f"{cells.what}, in all strata together"
    return Cohort(cells.run, make, most=cells.most, what=what, shape=(2, 2), selection=chosen).collapsed(None)


def _parts(cells: Cohort, sparse: bool) -> Cohort:
    """Of cells (2, 2, strata): each cell, or each stratum."""
    strata = cells.shape[2]
    shape = (strata,) if sparse else (4 * strata,)

    def make() -> Counts:
        total, own, exact = cells.counts()
        found = []
        for x, lead in ((total, ()), (own, () if own is None else own.shape[:1])):
            if x is None:
                continue
            x = x.reshape(-1, 4, strata).sum(1) if sparse else x
            found.append(x.bounded(cells.most).reshape(*lead, 1, *shape))
        return Counts(found[0], None if own is None else found[1], exact)

    what = f"{cells.what}, each or none" if not sparse else f"strata of {cells.what}, each or none"
    return Cohort(cells.run, make, most=cells.most, what=what, shape=shape, or_none=True).collapsed(None)


def _shared(what: str, outcome: Any, exposure: Any, strata: list[Any], sparse: bool) -> Strata:
    columns = [category.codes if isinstance(category, SecretCategory) else category for category in strata]
    codes = columns[0]
    for flag in (outcome, exposure):
        if not isinstance(flag, SecretArray) or flag.ndim != 1 or not is_flag(flag):
            raise ShapeError(f"{what}: {flag!r} is no flag of shared rows: compare a column, as in table.age > 60")
    for column in (outcome, exposure, *columns):
        if not isinstance(column, SecretArray) or column.shape != codes.shape:
            raise ShapeError(f"{what}: {column!r} and {codes!r}; take all columns from one table of shared rows")
        need_same_people(codes.basis.places, column.basis.places)
    n = len(codes)
    there = present(codes.constant(np.ones(n, np.bool_)), outcome, exposure, *columns)
    ill, exposed = (flag.bare().as_flag() for flag in (outcome, exposure))
    exposed, unexposed = there & exposed, there & ~exposed
    sides = [unexposed & ~ill, unexposed & ill, exposed & ~ill, exposed & ill]
    levels = _bits(strata[0])
    for category in strata[1:]:
        levels = [a & b for a in levels for b in _bits(category)]
    four = stack([indicator(side).bare() for side in sides])
    within = stack([indicator(level).bare() for level in levels])
    counts = four.dot(within.T, 0).bounded(n).reshape(2, 2, len(levels))
    basis = union(outcome.basis, exposure.basis, *[column.basis for column in columns]).plain()
    cells = counted_cells(basis, four, within)
    if cells is not None:
        shape = (2, 2, len(levels))
        chosen, cells = cells.selection, cells.view(lambda a: a.reshape(shape))
        return Strata(counts, basis._replace(cohorts=(_whole(cells, chosen), _parts(cells, sparse)), places=()))
    whole = behind_groups(basis, n, sides, "rows with and without exposure and outcome", or_none=False)
    if sparse:
        parts = behind_groups(basis, n, [there & level for level in levels], "strata, each or none", or_none=True)
    else:
        each = [Lazy(there.run, (n,), lambda a=a, b=b: a & b) for a in sides for b in levels]  # type: ignore[misc]
        words = "rows with and without exposure and outcome of each stratum, each or none"
        parts = behind_groups(basis, n, each, words, or_none=True)
    return Strata(counts, union(whole, parts))


def _bits(category: SecretCategory | SecretArray) -> list[SecretArray]:
    """Bits of the rows of each level."""
    if isinstance(category, SecretCategory):
        return [(category.codes.bare() == k) for k in range(len(category.levels))]
    one = category.bare().as_flag()
    return [~one, one]


def behind_groups(basis: Basis, n: int, groups: Sequence[SecretArray | Lazy], what: str, *, or_none: bool) -> Basis:
    """The basis of groups of shared rows together: bits, or bits that are made when they are asked for."""
    lazy = [group if isinstance(group, Lazy) else Lazy.of(group) for group in groups]
    size = len(lazy)
    bits = Lazy(lazy[0].run, (n, size), lambda: stack([group.bits() for group in lazy]).T)
    wide = basis.view(lambda a: np.repeat(a.reshape(n, 1), size, axis=1), (n,), {})
    found = wide.where(bits).reduced(0, rest=False, name="strata")
    for cohort in found.cohorts:
        if cohort.shape and not cohort.or_none:
            cohort.what, cohort.or_none = what, or_none
    return found._replace(cohorts=tuple(c.collapsed(None) if c.shape else c for c in found.cohorts))


def counted_cells(basis: Basis, left: SecretArray, right: SecretArray) -> Cohort | None:
    """The cells of a table of shared rows, for each owner by a matrix product; None where rows were moved or filtered.

    left, right  integers 0 and 1, (rows, n) and (columns, n)
    """
    places = distinct(basis.places)
    if basis.cohorts or basis.loose or len(places) != 1:
        return None
    (place,), n = places, left.shape[1]
    base = place.base
    moved = base.moved or base.once is not None or place.when or place.kept or place.cut or place.alone or place.flags
    if moved or not np.array_equal(place.ids, np.arange(n)):
        return None
    shape = left.shape[0], right.shape[0]

    def make() -> Counts:
        blocks = [slice(start, start + base.rows) for start in range(0, n, base.rows)]
        own = [left[:, block].dot(right[:, block].T, 0).bounded(base.rows) for block in blocks]
        each = stack(own)
        return Counts(each.sum(0).bounded(n).reshape(1, *shape), each.reshape(len(own), 1, *shape))

    what = f"rows of {base.table} in each cell"
    return Cohort(base.run, make, most=n, what=what, shape=shape, share=base.share, selection=base.selection)
