"""Rows that have a value in each two of many columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.releases.disclosure import Guard, Opened, Result
from mpc.releases.enough import all_enough, enough
from mpc.tables.aggregates import Aggregate, Evaluate
from mpc.tables.counts import rows_where
from mpc.tables.expressions import Expression, Floats
from mpc.tables.local import share_parts
from mpc.tables.private import PrivateTable
from mpc.tables.rows import absent
from mpc.values.cohorts import Cohort, Counts
from mpc.values.secret import SecretArray, stack
from protocols.statistics.missing.several_tables import beside_earlier

RULE = "pairs with few rows on one of their four sides suppressed"


class _Pairs(Aggregate):
    """Rows (k + 1, k + 1) where two columns both have a value; the first place stands for the rows themselves."""

    of_keys = True

    def __init__(self, columns: Sequence[Expression], where: Expression | None) -> None:
        self.where = where
        self.columns = columns
        self._counts = np.zeros((len(columns) + 1, len(columns) + 1))

    def expressions(self) -> Sequence[Expression]:
        return self.columns

    def settings(self) -> tuple[object, ...]:
        return ()

    def update(self, evaluate: Evaluate, rows: int) -> None:
        there = [self._selected(evaluate, rows)]
        there += [there[0] & ~np.broadcast_to(absent(evaluate(column)), (rows,)) for column in self.columns]
        block = np.stack(there).astype(np.float64)
        self._counts += block @ block.T

    def collected(self) -> dict[str, Floats]:
        return {"counts": self._counts}


@dataclass(frozen=True)
class _Paired(Rule):
    """Of each two columns, the rows with both, one alone and none are not negative; all rows are at most `at_most`."""

    at_most: int
    covers = frozenset({"counts"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        counts = parts["counts"]
        total = counts[:, 0, 0]
        return [*_sides(counts), self.at_most - total, counts - counts.view(lambda a: np.swapaxes(a, 1, 2))]


def _sides(counts: SecretArray) -> list[SecretArray]:
    """Of counts (owners, k, k): rows with both, with the first or the second alone, and with none."""
    shape = counts.shape
    diagonal = counts.view(lambda a: np.diagonal(a, axis1=1, axis2=2))
    first = diagonal.reshape(shape[0], shape[1], 1).broadcast_to(shape)
    second = diagonal.reshape(shape[0], 1, shape[1]).broadcast_to(shape)
    total = counts[:, 0, 0].reshape(shape[0], 1, 1).broadcast_to(shape)
    return [counts, first - counts, second - counts, total - first - second + counts]


def pairs(table: PrivateTable, names: Sequence[str]) -> Result:
    """The matrix of `missing_patterns` of many columns."""
    source, k = table.source, len(names) + 1
    local = source.local.ask(_Pairs([table.column(name).expression for name in names], table.where))
    part = Part("counts", (k, k), 0, source.at_most, "int")
    own = share_parts(source, local, [part], _Paired(source.at_most))["counts"]
    total = own.sum(0).bounded(source.most_rows)
    what = f"{rows_where(source, table.where)} with both, one or none of each two of {len(names)} columns"
    owners = len(source.owners)

    def make() -> Counts:
        each = stack(_sides(own)).view(lambda a: np.swapaxes(a, 0, 1))
        sides = stack(_sides(total.reshape(1, k, k))).reshape(4, k, k)
        return Counts(sides.bounded(source.most_rows), each.bounded(source.at_most).reshape(owners, 4, k, k))

    cells = Cohort(source.run, make, most=source.most_rows, what=what, shape=(k, k), or_none=True)
    behind = (*table.count().basis.cohorts, *beside_earlier(table, names))
    counts = total.standing_on(cells, *behind, origin=(f"missing values of {rows_where(source, table.where)}",))

    def bits(minimum: int, others: bool) -> dict[str, SecretArray]:
        shown = enough(source.run, [cells], minimum, others=others)[cells]
        whole = all_enough(source.run, behind, minimum, others=others)
        assert whole is not None
        return {"counts": shown & whole.reshape(1, 1).broadcast_to((k, k))}

    labels = ["all rows", *names]

    def finish(opened: Mapping[str, Opened]) -> Any:
        return {"labels": labels, "values": opened["counts"].whole_cells()}

    return Result("matrix", {"counts": counts}, finish, Guard(RULE, {"counts": (cells, *behind)}, bits))
