"""What a table of counts tells, by subtraction, together with rows or another table by the same columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.conditions import conditions, fulfilled
from mpc.tables.expressions import Expression, comparison, public, unary
from mpc.tables.patterns import possible
from mpc.tables.selections import Selection, joint_cells
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray

Bit = Callable[[], SecretArray]


class Levels(NamedTuple):
    """A table beside a selection of rows, by the levels of the table's first category.

    parts    the rows of each level in the selection, and those outside of it: none, or enough; a scalar where the
             selection is not by that category; None where no part of a level is told
    outside  rows of these levels that the table is not about: none, or enough
    touched  the levels that may have rows in the selection;  left  the levels that may have rows outside of it
    """

    touched: NDArray[np.bool_]
    left: NDArray[np.bool_]
    parts: Cohort | None = None
    outside: Cohort | None = None


def beside_table(table: Selection, other: Selection, came_out: Bit | None, *, whole: bool) -> Cohort | None:
    """The rows of each cell of a table that are in a selection, or in a cell of another table, and those that are not:
    none, or enough. None where they tell nothing of each other.

    Only categories that share columns count: for a table by two categories and rows by one of them, the cells of that
    one. came_out: gives the bit whether `other` came out (None: it did). whole: a release is of all rows.
    Raises ConfigError for more than MOST_CELLS cells.
    """
    joint = _joint(table, other, whole=whole)
    if joint is None:
        return None
    return _unless_held_back(joint[1].collapsed(None), came_out)


def _unless_held_back(cells: Cohort, came_out: Bit | None) -> Cohort:
    """A cohort that is enough where these cells are none or enough, or where the release did not come out."""
    if came_out is None:
        return cells

    def decide(bits: Sequence[SecretArray]) -> SecretArray:
        return bits[0] | ~came_out().broadcast_to(cells.shape)

    return Cohort(
        cells.run,
        cells.counts,
        most=cells.most,
        what=cells.what,
        shape=cells.shape,
        or_none=True,
        sources=(cells,),
        decide=decide,
    )


def levels_beside(table: Selection, rows: Selection, came_out: Bit | None, *, whole: bool) -> Levels | None:
    """A table beside a selection of rows; None where they tell nothing of each other, as with different columns.

    came_out: gives the bit whether the rows came out (None: they did). whole: a release is of all rows.
    Raises ConfigError for more than MOST_CELLS cells.
    """
    category = table.by[0]
    joint = _joint(table, rows, whole=whole)
    near = not rows.valid and table.key[1] != rows.key[1] and any(by.columns() & rows.columns for by in table.by)
    if joint is None and (not near or _disjoint(table, rows)):
        return None
    size = len(category.levels) or 2
    if joint is None:
        return Levels(*_sides(table, rows))
    by, cells = joint
    if by[0].digest != category.digest:
        everywhere = np.ones(size, np.bool_)
        return Levels(everywhere, everywhere, _unless_held_back(cells.collapsed(None), came_out))
    # The axis behind the categories: whether the table, where it has a condition, and the selection hold a row.
    combined = prod(cells.shape) // prod(len(category.levels) or 2 for category in by)
    inside = cells.view(lambda a: a.reshape(size, -1, combined)[..., -2:].reshape(size, -1)).collapsed(1)
    outside = None
    if table.where is not None:
        outside = _unless_held_back(
            cells.view(lambda a: a.reshape(size, -1, combined)[..., :-2]).collapsed(None), came_out
        )
    return Levels(*_sides(table, rows), _unless_held_back(inside, came_out), outside)


def _joint(table: Selection, other: Selection, *, whole: bool) -> tuple[list[Expression], Cohort] | None:
    """The categories of both that share columns, and the rows by these and by whether the table, and the other, hold
    them."""
    if table.source is not other.source or (not other.by and other.valid and other.measured != table.measured):
        return None  # a release of rows is remembered without regard to missing values, too
    here_where, there_where = table.key[1], other.key[1]
    reaches = set().union(*(by.columns() for by in other.by)) if other.by else other.columns
    here = {by.digest: by for by in table.by if by.columns() & reaches}
    there = {a.digest: a for a in other.by if any(a.columns() & b.columns() for b in here.values())}
    if not here or (here.keys() == there.keys() and here_where == there_where):
        return None
    if not other.by and (here_where == there_where or (table.where is None and _joined_from(here, other.where))):
        return None  # the rows of the whole table, or of whole cells
    if _disjoint(table, other):
        return None  # their difference from all rows tells nothing about a single cell
    by = list((here | there).values())
    wheres = {rows.where.digest: fulfilled(rows.where) for rows in (table, other) if rows.where is not None}
    present = other.present if other.measured == table.measured else None
    cells = joint_cells(table.source, [*by, *wheres.values()], present)
    some = len(wheres) > 1 and not whole  # leave out the rows that are in neither
    sizes = [len(category.levels) or 2 for category in by]
    return by, cells.view(lambda a: a.reshape(*sizes, 4)[..., 1:]) if some else cells


def _disjoint(one: Selection, other: Selection) -> bool:
    """Whether no row can be in both, as their conditions show."""
    if one.where is None or other.where is None:
        return False
    try:
        return not possible([one.where, other.where]).all(axis=1).any()
    except ConfigError:  # too many conditions to tell
        return False


def _joined_from(by: Mapping[bytes, Expression], where: Expression | None) -> bool:
    """Whether a condition chooses whole cells of a table, by its categories alone."""
    single = [] if where is None else conditions(where)
    return all(
        part.digest in by
        or (part.symbol in ("==", "!=") and part.arguments[0].levels and part.arguments[0].digest in by)
        for part in single
    )


def _sides(table: Selection, rows: Selection) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which levels of a table's first category may have rows in a selection, and which may have rows outside of it."""
    category = table.by[0]
    if category.levels:
        levels = [comparison("==", category, public(i)) for i in range(len(category.levels))]
    else:
        levels = [unary("not", category), category]
    wheres = [where for where in (rows.where, table.where) if where is not None]
    touched, left = np.ones((2, len(levels)), np.bool_)
    for i, level in enumerate(levels):
        try:
            patterns = possible([level, *wheres])
        except ConfigError:  # too many: any is possible
            continue
        of_table = patterns[:, 0] if table.where is None else patterns[:, 0] & patterns[:, -1]
        inside = patterns[:, 1] if rows.where is not None else of_table
        touched[i], left[i] = (of_table & inside).any(), (of_table & ~inside).any()
    return touched, left
