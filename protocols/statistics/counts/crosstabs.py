"""Counts by two categories of the same rows, private or shared, as a secret table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mpc.errors import ShapeError
from mpc.tables.private import PrivateArray, count_cells
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.basis import union
from mpc.values.people import need_same_people
from mpc.values.places import Lazy, indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, stack
from protocols.statistics.counts.strata import behind_groups, counted_cells
from protocols.statistics.counts.tables import levels
from protocols.tables.grouped import present

#: A category or a flag, private or shared.
Category = PrivateArray | SecretArray | SecretCategory


class Crosstab(NamedTuple):
    """counts (rows, columns): every cell must be enough;  rows, columns  the names of the levels."""

    counts: SecretArray
    rows: list[str]
    columns: list[str]


def crosstab(what: str, rows: Anything, columns: Anything) -> Crosstab:
    """Of rows that have both.

    Rounds  of shared rows an equality for each level, beside each other, an AND, a conversion, and a matrix product; of
            private rows those of a table of counts
    Raises  ShapeError for anything but two categories or flags of the same rows
    """
    if isinstance(rows, PrivateArray) and isinstance(columns, PrivateArray):
        kinds = {rows.expression.type, columns.expression.type}
        if rows.source is not columns.source or not kinds <= {"category", "flag"}:
            raise ShapeError(f"{what}: {rows!r} and {columns!r}; categories or flags of one table are wanted")
        return Crosstab(count_cells(rows.source, [rows, columns]), levels(rows), levels(columns))
    (first, by_row, names), (second, by_column, others) = _split(what, rows), _split(what, columns)
    if first.shape != second.shape or len(first) < 2:
        raise ShapeError(f"{what}: columns of {len(first)} and {len(second)} places; take both from one table")
    need_same_people(first.basis.places, second.basis.places)
    n = len(first)
    there = present(first.constant(np.ones(n, np.bool_)), first, second)
    kept = stack([there & row for row in by_row])
    level = stack(by_column)
    table = indicator(kept).dot(indicator(level).T, 0).bounded(n)
    basis = union(first.basis, second.basis).plain()
    cohort = counted_cells(basis, indicator(kept), indicator(level))
    if cohort is not None:
        behind = basis._replace(cohorts=(cohort.collapsed(None),), places=())
        return Crosstab(table.with_basis(behind), names, others)
    row_bits = [kept[i] for i in range(len(by_row))]
    cells = [Lazy(first.run, (n,), lambda a=a, b=b: a & b) for a in row_bits for b in by_column]  # type: ignore[misc]
    words = f"rows by {len(names)} and {len(others)} levels"
    behind = behind_groups(basis, n, cells, words, or_none=False)
    return Crosstab(table.with_basis(behind), names, others)


def _split(what: str, category: Anything) -> tuple[SecretArray, list[SecretArray], list[str]]:
    """The shared column, bits of each level, and their names."""
    if isinstance(category, SecretCategory):
        names = list(category.levels)
        return category.codes, [(category.codes.bare() == k) for k in range(len(names))], names
    if isinstance(category, SecretArray) and category.ndim == 1 and is_flag(category):
        bit = category.bare().as_flag()
        return category, [~bit, bit], ["no", "yes"]
    raise ShapeError(f"{what}: {category!r}; categories or flags are wanted, all private or all shared")
