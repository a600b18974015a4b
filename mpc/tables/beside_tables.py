"""What a table of counts tells together with rows, or with another table, of the same columns: by subtraction."""

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
    """A table beside rows, by the levels of the table's first category.

    parts    rows of each level that the rows take in, and leave out: none, or enough; a scalar where the rows are not
             by that category; None where no part of a level is told
    outside  rows of these levels that the table is not about: none, or enough
    touched  the levels that rows may be of;  left  the levels that may have rows besides
    """

    touched: NDArray[np.bool_]
    left: NDArray[np.bool_]
    parts: Cohort | None = None
    outside: Cohort | None = None


def beside_table(table: Selection, other: Selection, came_out: Bit | None, *, whole: bool) -> Cohort | None:
    """Rows of each cell of a table that a selection, or a cell of another table, takes in, and leaves out: none, or
    enough. None where they tell nothing of each other.

    Only what shares columns counts: of a table by two categories and rows by one of them, that one's cells.
    came_out: gives the bit whether `other` came out (None: it did). whole: a release is of all rows.
    Raises ConfigError for more than MOST_CELLS cells.
    """
    joint = _joint(table, other, whole=whole)
    if joint is None:
        return None
    return _unless_held_back(joint[1].collapsed(None), came_out)


def _unless_held_back(cells: Cohort, came_out: Bit | None) -> Cohort:
    """These cells are none or enough, or the release did not come out."""
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
    """A table beside rows; None where they tell nothing of each other, as by different columns.

    came_out: gives the bit whether the rows came out (None: they did). whole: a release is of all rows.
    Raises ConfigError for more than MOST_CELLS cells.
    """
    category = table.by[0]
    joint = _joint(table, rows, whole=whole)
    near = not rows.valid and table.key[1] != rows.key[1] and any(one.columns() & rows.columns for one in table.by)
    if joint is None and (not near or _disjoint(table, rows)):
        return None
    size = len(category.levels) or 2
    if joint is None:
        return Levels(*_sides(table, rows))
    by, cells = joint
    if by[0].digest != category.digest:
        everywhere = np.ones(size, np.bool_)
        return Levels(everywhere, everywhere, _unless_held_back(cells.collapsed(None), came_out))
    # Behind the categories: whether the table is about a row, where it has a condition, and whether the rows are.
    combined = prod(cells.shape) // prod(len(one.levels) or 2 for one in by)
    inside = cells.view(lambda a: a.reshape(size, -1, combined)[..., -2:].reshape(size, -1)).collapsed(1)
    outside = None
    if table.where is not None:
        outside = _unless_held_back(
            cells.view(lambda a: a.reshape(size, -1, combined)[..., :-2]).collapsed(None), came_out
        )
    return Levels(*_sides(table, rows), _unless_held_back(inside, came_out), outside)


def _joint(table: Selection, other: Selection, *, whole: bool) -> tuple[list[Expression], Cohort] | None:
    """The categories that both are by, and rows by these and by whether the table, and the other, are about them."""
    if table.source is not other.source or (not other.by and other.valid and other.measured != table.measured):
        return None  # rows that came out are known without regard to what is missing, too
    here_where, there_where = table.key[1], other.key[1]
    reaches = set().union(*(one.columns() for one in other.by)) if other.by else other.columns
    here = {one.digest: one for one in table.by if one.columns() & reaches}
    there = {one.digest: one for one in other.by if any(one.columns() & by.columns() for by in here.values())}
    if not here or (here.keys() == there.keys() and here_where == there_where):
        return None
    if not other.by and (here_where == there_where or (table.where is None and _joined_from(here, other.where))):
        return None  # the rows of the whole table, or of whole cells
    if _disjoint(table, other):
        return None  # who subtracts them from all rows learns of no single cell
    by = list((here | there).values())
    wheres = {one.where.digest: fulfilled(one.where) for one in (table, other) if one.where is not None}
    present = other.present if other.measured == table.measured else None
    cells = joint_cells(table.source, [*by, *wheres.values()], present)
    some = len(wheres) > 1 and not whole  # without rows that neither is about
    sizes = [len(one.levels) or 2 for one in by]
    return by, cells.view(lambda a: a.reshape(*sizes, 4)[..., 1:]) if some else cells


def _disjoint(one: Selection, other: Selection) -> bool:
    """Whether no row can be in both, by their conditions."""
    if one.where is None or other.where is None:
        return False
    try:
        return not possible([one.where, other.where]).all(axis=1).any()
    except ConfigError:  # too many conditions to tell
        return False


def _joined_from(by: Mapping[bytes, Expression], where: Expression | None) -> bool:
    """Whether a condition says which cells of a table are meant, and nothing else."""
    single = [] if where is None else conditions(where)
    return all(
        one.digest in by or (one.symbol in ("==", "!=") and one.arguments[0].levels and one.arguments[0].digest in by)
        for one in single
    )


def _sides(table: Selection, rows: Selection) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which levels of a table's first category may have rows of a selection, and which may have others."""
    category = table.by[0]
    if category.levels:
        levels = [comparison("==", category, public(i)) for i in range(len(category.levels))]
    else:
        levels = [unary("not", category), category]
    given = [where for where in (rows.where, table.where) if where is not None]
    touched, left = np.ones((2, len(levels)), np.bool_)
    for i, level in enumerate(levels):
        try:
            patterns = possible([level, *given])
        except ConfigError:  # too many: any is possible
            continue
        of_table = patterns[:, 0] if table.where is None else patterns[:, 0] & patterns[:, -1]
        inside = patterns[:, 1] if rows.where is not None else of_table
        touched[i], left[i] = (of_table & inside).any(), (of_table & ~inside).any()
    return touched, left
