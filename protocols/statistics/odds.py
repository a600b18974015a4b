"""The odds ratio of two flags: how much more frequent an outcome is among the exposed rows."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray, count_cells
from mpc.untyped import Json, JsonObject
from mpc.values.basis import union
from mpc.values.people import need_same_people
from mpc.values.places import indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, stack
from protocols.statistics.tables import chi_square

#: The standard normal distribution's quantile of 97.5 %.
_REACH = 1.959963984540054
Flags = PrivateArray | SecretArray


def odds_ratio(outcome: Flags, exposure: Flags, *, names: tuple[str, str] = ("outcome", "exposure")) -> Result:
    """The odds ratio of two flags of the same rows, private or shared, over the rows that have both.

    names       of outcome and exposure, for the table

    Opens       the table of two by two counts; the odds ratio, its 95 % interval (Woolf) and Pearson's chi-square
                without correction follow from it
    Undefined   where a cell is 0
    Protection  if any cell is under the minimum, neither cells nor the ratio come out
    Rounds      of shared rows an AND, another one for each mask, and a conversion; of private rows those of a table
                of counts
    Raises      ShapeError for anything but two flags of one table
    Source      Woolf, Annals of Human Genetics 19 (1955)
    """
    if isinstance(outcome, PrivateArray) and isinstance(exposure, PrivateArray):
        if outcome.source is not exposure.source or {outcome.expression.type, exposure.expression.type} != {"flag"}:
            raise ShapeError(f"odds_ratio: {outcome!r} and {exposure!r}; two flags of one table are wanted")
        counts = count_cells(exposure.source, [exposure, outcome])
    else:
        counts = _cells(exposure, outcome)
    rows, columns = ([f"not {name}", name] for name in reversed(names))

    def finish(opened: Mapping[str, Opened]) -> Any:
        part = opened["counts"]
        if not part.ok:
            return part.first_problem()
        cells = np.rint(part.values)
        table = {"rows": rows, "columns": columns, "counts": [[int(cell) for cell in row] for row in cells]}
        return {**table, **chi_square(cells), **ratio(cells)}

    return Result("crosstab", {"counts": counts}, finish, together=True)


def _cells(exposure: Flags, outcome: Flags) -> SecretArray:
    """(2, 2) the rows without and with the exposure (first axis) and the outcome."""
    for flag in (exposure, outcome):
        if not isinstance(flag, SecretArray) or flag.ndim != 1 or not is_flag(flag):
            raise ShapeError(f"odds_ratio: {flag!r} is no flag of rows: compare a column, as in table.age > 60")
    assert isinstance(exposure, SecretArray)
    assert isinstance(outcome, SecretArray)
    if exposure.shape != outcome.shape:
        raise ShapeError(f"odds_ratio: flags of {len(outcome)} and {len(exposure)} rows; take both from one table")
    need_same_people(exposure.basis.places, outcome.basis.places)
    basis = union(exposure.basis, outcome.basis).plain()
    bits = [flag.bare() if flag.type == "bool" else flag.bare() > 0 for flag in (exposure, outcome)]
    masks = list({id(flag.valid): flag.valid.bare() for flag in (exposure, outcome) if flag.valid is not None}.values())
    counts = []
    for sides in product((False, True), repeat=2):
        chosen = [bit if side else ~bit for bit, side in zip(bits, sides, strict=True)] + masks
        cell = chosen[0]
        for bit in chosen[1:]:
            cell = cell & bit.broadcast_to(cell.shape)
        behind = basis.where(cell).reduced(0, cell, rest=False, name="count")
        counts.append(indicator(cell).sum().with_basis(behind))
    return stack(counts).reshape(2, 2)


def ratio(counts: Json) -> JsonObject:
    """The odds ratio and its 95 % interval from opened counts (exposure, outcome); words where a cell is 0."""
    table = np.asarray(counts, np.float64)
    if not table.all():
        why = "undefined: a cell without rows"
        return {"odds_ratio": why, "ci_low": why, "ci_high": why}
    log = np.log(table[1, 1] * table[0, 0] / (table[1, 0] * table[0, 1]))
    reach = _REACH * np.sqrt((1 / table).sum())
    return {
        "odds_ratio": float(np.exp(log)),
        "ci_low": float(np.exp(log - reach)),
        "ci_high": float(np.exp(log + reach)),
    }
