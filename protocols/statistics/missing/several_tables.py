"""Several tables of patterns of the same rows: what they tell together must be none or enough rows."""

from __future__ import annotations

from collections.abc import Sequence

from mpc.tables.conditions import fulfilled
from mpc.tables.expressions import Expression, unary
from mpc.tables.private import PrivateTable
from mpc.tables.selections import joint_cells
from mpc.values.cohorts import Cohort


def beside_earlier(table: PrivateTable, names: Sequence[str]) -> tuple[Cohort, ...]:
    """The rows in each combination of missing columns and conditions of this table of patterns and each earlier one of
    the same rows that shares a column with it, or is under another condition; this one is remembered.

    Raises ConfigError where these are too many
    """
    source, where = table.source, table.where
    flags = {flag.digest: flag for flag in (unary("isna", table.column(name).expression) for name in names)}
    known: list[tuple[dict[bytes, Expression], Expression | None]] = source.memo.setdefault("tables of patterns", [])
    cohorts = []
    for others, condition in known:
        conditions = {w.digest: fulfilled(w) for w in (where, condition) if w is not None}
        same = flags.keys() == others.keys() and len(conditions) < 2 and (where is None) == (condition is None)
        if same or (not flags.keys() & others.keys() and not conditions):
            continue
        cells = joint_cells(source, [*(flags | others).values(), *conditions.values()], None)
        cells.what = f"rows of {source.name} in each combination of two tables of patterns"
        cohorts.append(cells.collapsed(None))
    known.append((flags, where))
    return tuple(dict.fromkeys(cohorts))
