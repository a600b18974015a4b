"""Values of several public cells as one column of a table, protected like the cells of a table of counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.tables.private import PrivateTable
from mpc.tables.selections import Selection
from mpc.values.basis import Basis
from mpc.values.cohorts import Cohort, Counts
from mpc.values.secret import SecretArray, concatenate, constant, stack


def beside(table: PrivateTable, cells: Sequence[SecretArray], exists: SecretArray) -> SecretArray:
    """Single values of the same kind, one for each cell, as a vector.

    Behind each element stand the rows behind its value. A cell without rows is no group, and counts as large enough: so
    it falls like a suppressed one, and does not make others fall.
    """
    column = stack(cells)
    bases = [cell.basis for cell in cells]
    most = max(len(basis.cohorts) for basis in bases)
    cohorts = []
    for k in range(most):
        found = [basis.cohorts[k] if k < len(basis.cohorts) else None for basis in bases]
        cohorts.append(_joined(table, found, exists))
    loose = any(basis.loose or basis.places for basis in bases)
    return column.with_basis(Basis(tuple(cohorts), (), bool(loose), column.basis.origin))


def _joined(table: PrivateTable, found: Sequence[Cohort | None], exists: SecretArray) -> Cohort:
    known = [cohort for cohort in found if cohort is not None]
    run, first = known[0].run, known[0]
    everyone = max(cohort.most for cohort in known)

    def make() -> Counts:
        counts = [None if cohort is None else cohort.counts() for cohort in found]
        depth = max(count.total.shape[0] for count in counts if count is not None)
        owners = min(0 if count.own is None else count.own.shape[0] for count in counts if count is not None)
        totals = [_filled(None if c is None else c.total, (depth,), everyone, run_of=exists) for c in counts]
        owns = [_filled(None if c is None else c.own, (owners, depth), 0, run_of=exists) for c in counts]
        missing = (1 - exists.bare().numeric()) * everyone
        total = concatenate([each.reshape(depth, 1) for each in totals], 1) + missing
        own = concatenate([each.reshape(owners, depth, 1) for each in owns], 2) if owners else None
        return Counts(total.bounded(everyone), own, all(c.exact for c in counts if c is not None))

    return Cohort(
        run,
        make,
        most=everyone,
        what="; ".join(dict.fromkeys(cohort.what for cohort in known[:3])),
        shape=(len(found),),
        share=first.share,
        least=max(cohort.least for cohort in known),
        or_none=all(cohort.or_none for cohort in known),
        selection=Selection(table.source, table.where),
        dominance=max(cohort.dominance for cohort in known),
    )


def _filled(counts: SecretArray | None, shape: tuple[int, ...], value: int, *, run_of: SecretArray) -> SecretArray:
    """Counts of this shape; the last one is repeated, and `value` stands where there are none."""
    if counts is None:
        return constant(run_of.run, np.full(shape, value, np.int64)).bare()
    if counts.shape == shape:
        return counts
    index = np.minimum(np.arange(shape[-1]), counts.shape[len(shape) - 1] - 1)
    return counts.view(lambda a: np.take(a[: shape[0]] if len(shape) > 1 else a, index, len(shape) - 1))
