"""The rows behind statistics of filled columns: those with a filled value, and those with one of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpc.tables.conditions import steps
from mpc.tables.expressions import Expression, both, unary
from mpc.tables.filling import filled_from, fills
from mpc.tables.noise import noisy, without_noise
from mpc.tables.selections import Selection, joint_cells
from mpc.values.cohorts import Cohort

if TYPE_CHECKING:
    from mpc.tables.source import Source


def filled_rows(source: Source, columns: Sequence[Expression], where: Expression | None) -> tuple[Cohort, ...]:
    """The rows with a filled value, and with one of their own, for each `fillna` that the columns are made from: none,
    or enough. So must be the filled rows with each level of what fills them, where that is a flag or a category."""
    groups = [[flag] for column in columns for flag in fills(column)]
    groups += [pair for column in columns for pair in _levels_of_fillings(column)]
    found = {}
    for group in groups:
        cells = joint_cells(source, group, where)
        words = " and ".join(flag.text for flag in group)
        cells.what = f"rows of {source.name} with a value of their own and without ({words})"
        found[tuple(flag.digest for flag in group)] = cells.collapsed(None)
    return tuple(found.values())


def _levels_of_fillings(column: Expression) -> list[list[Expression]]:
    """For each filling by flags or levels of other columns: the flag that a row is filled, and what fills it. Levels
    that are drawn by chance are no group of people."""
    found = []
    for own, other in filled_from(column):
        if noisy(other):
            continue
        flags = [other] if other.type in ("flag", "category") and other.columns() else []
        flags += [flag for flag, _ in steps(other)]
        found += [[unary("isna", own), flag] for flag in flags] + _levels_of_fillings(other)
    return found


def of_own_values(rows: Selection) -> Selection:
    """The rows with values of their own, where imputed ones are drawn by chance: nobody can subtract what nobody knows,
    and rows that chance puts apart are no group of people."""
    where = None if rows.where is None else without_noise(rows.where)
    by, valid = (tuple(map(without_noise, columns)) for columns in (rows.by, rows.valid))
    return Selection(rows.source, where, by, valid, rows.shared)


def unfilled(rows: Selection) -> list[Selection]:
    """What a release of filled columns is about besides its rows: for each `fillna`, the rows with a value of their
    own, and the rows that take the value of another column.

    A sum over a filled column is the sum of its own values and of the others: whoever knows one of the two from another
    release knows the other one.
    """
    found: list[Selection] = []
    for k, column in enumerate(rows.valid):
        for own, other in filled_from(column):
            found.append(rows._replace(valid=(*rows.valid, own)))
            if other.columns():
                gone, valid = unary("isna", own), (*rows.valid[:k], other, *rows.valid[k + 1 :])
                taken_from = rows._replace(where=both(rows.where, gone), valid=valid)
                found += [taken_from, *unfilled(taken_from)]
    return found


def filled_beside(rows: Selection) -> tuple[Cohort, ...]:
    """The rows with a filled value, and with one of their own, among the rows that a release is about; of a condition
    that is made from a filled column, also among all rows."""
    found = filled_rows(rows.source, (*rows.by, *rows.valid), both(rows.where, rows.present))
    if rows.where is not None:
        found += (*filled_rows(rows.source, [rows.where], rows.where), *filled_rows(rows.source, [rows.where], None))
    return tuple(dict.fromkeys(found))
