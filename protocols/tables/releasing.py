"""A table of secrets as the value of a release: a matrix with a row for each place, and a name for each column.

Levels come out as texts, dates as ISO texts. Rows of which nothing comes out (places without a row, or suppressed ones)
are left out, so which of both it was does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import PolicyError
from mpc.machine.engine import Shape
from mpc.releases.disclosure import OK, Guard, Opened, Result
from mpc.releases.enough import all_enough, enough
from mpc.releases.releasable import cells_of
from mpc.tables.secret_columns import SecretCategory, SecretColumn, SecretDate, SecretKey, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray
from protocols.suppression import compare_tables, table_guard


def released_table(table: SecretTable) -> Result:
    """The rows of a table as one release. A group is suppressed like a cell of a table of counts: where fewer rows than
    the minimum stand behind one of its results, and where that could be told from the other groups and the total.

    Raises PolicyError for a table with a key; the rules of releases refuse single rows.
    """
    columns = {name: table.column(name) for name in table.columns}
    for name, column in columns.items():
        if isinstance(column, SecretKey):
            rest = ", ".join(n for n in table.columns if not isinstance(columns[n], SecretKey))
            raise PolicyError(
                f'{name} is a key, which is never released: release table.drop("{name}"), which has {rest}'
            )
    rows = table.rows
    parts = {name: _in_rows(column, rows) for name, column in columns.items()}
    groups = _groups(parts, rows.shape)

    def finish(opened: Mapping[str, Opened]) -> Any:
        broken = next((part for part in opened.values() if part.broken), None)
        if broken is not None:
            return broken.first_problem()
        cells = [_cells(column, parts[name], opened[name]) for name, column in columns.items()]
        shown = np.flatnonzero(np.logical_or.reduce([part.status == OK for part in opened.values()]))
        return {"rows": None, "columns": list(columns), "values": [[column[i] for column in cells] for i in shown]}

    return Result("matrix", parts, finish, _guard(parts, groups, rows.bare()) if groups else None)


def _in_rows(column: SecretColumn, rows: SecretArray) -> SecretArray:
    """The numbers of a column, which are defined in rows alone."""
    numbers = numbers_of(column)
    return numbers.masked(rows.bare(), "no such row").with_basis(numbers.basis.alone())


def _cells(column: SecretColumn, part: SecretArray, opened: Opened) -> list[Any]:
    cells = cells_of(part, opened)
    if isinstance(column, SecretCategory):
        return [cell if isinstance(cell, str) else column.levels[int(cell)] for cell in cells]
    if isinstance(column, SecretDate):
        return [cell if isinstance(cell, str) else str(np.datetime64(int(cell), "D")) for cell in cells]
    return list(cells)


def guard_of(parts: Mapping[str, SecretArray]) -> Guard | None:
    """The guard of vectors of results of groups, which are released as they are; None: they are no such vectors."""
    shapes = {part.shape for part in parts.values()}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 1:
        return None
    behind = [c for part in parts.values() for place in part.basis.places for c in place.alone if c.shape == shape]
    groups = list(dict.fromkeys(behind))
    alone = {name: part.with_basis(part.basis.alone()) for name, part in parts.items()}
    return _guard(alone, groups, None) if groups else None


def _groups(parts: Mapping[str, SecretArray], shape: Shape) -> list[Cohort]:
    """The cohorts of groups behind vectors of this shape."""
    return list(dict.fromkeys(c for part in parts.values() for c in part.basis.cohorts if c.shape == shape))


def _guard(parts: Mapping[str, SecretArray], groups: Sequence[Cohort], rows: SecretArray | None) -> Guard:
    """Each group falls as a whole, like a cell of a table; what stands on other rows as well needs these rows, too.

    Which groups fall is decided for the table as it was grouped, before any sort: so two releases in different orders
    hide the same groups.
    """
    behind = list(dict.fromkeys(c for part in parts.values() for c in part.basis.cohorts if c not in groups))
    grouped = list(dict.fromkeys(root for group in groups for root in group.roots))
    tables = {table: table_guard("cells", table) for table in grouped}
    run = groups[0].run

    def shown(cohort: Cohort, minimum: int, others: bool) -> SecretArray:
        if cohort in tables:
            return tables[cohort].bits(minimum, others)["cells"]
        assert cohort.decide is not None
        return cohort.decide([shown(source, minimum, others) for source in cohort.sources])

    def bits(minimum: int, others: bool) -> dict[str, SecretArray]:
        compare_tables(grouped, minimum, others)
        # A place without a group looks as one with a small group does.
        places = [] if rows is None else [rows]
        joint = every_one_of([*places, *[shown(group, minimum, others) for group in groups]])
        rest = all_enough(run, behind, minimum, others=others)
        if rest is not None:
            joint = joint & rest.broadcast_to(joint.shape)
        return dict.fromkeys(parts, joint)

    def compare(cohorts: Iterable[Cohort], minimum: int, others: bool) -> None:
        wanted = dict.fromkeys(root for cohort in cohorts for root in cohort.roots)
        compare_tables([root for root in wanted if root.shape != ()], minimum, others)
        enough(run, [root for root in wanted if root.shape == ()], minimum, others=others)

    return Guard(next(iter(tables.values())).rule, dict.fromkeys(parts, (*groups, *behind)), bits, compare)


def every_one_of(bits: Sequence[SecretArray]) -> SecretArray:
    """Bits that are set where all of these are."""
    joint = bits[0]
    for other in bits[1:]:
        joint = joint & other
    return joint
