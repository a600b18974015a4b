"""Events and person-time of rows, by the levels of a category: sums in secret, and what they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc.errors import ConfigError, RangeError, ShapeError
from mpc.tables.private import PrivateArray, count_cells
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Anything
from mpc.values.basis import union
from mpc.values.cohorts import Cohort
from mpc.values.people import need_same_people
from mpc.values.places import indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, concatenate, stack
from protocols.statistics.counts.strata import behind_groups
from protocols.statistics.counts.tables import levels
from protocols.tables.grouped import present

#: Most levels.
MOST_LEVELS = 200


@dataclass
class PersonTime:
    """parts   secrets by name: "rows" (2, levels) without and with an event, "time" (levels,), and, where events are
            numbers, "events" (levels,)
    levels  their names; empty for all rows together, which are one level
    """

    parts: dict[str, SecretArray]
    levels: list[str]

    @classmethod
    def of(cls, what: str, events: Anything, person_time: Anything, by: Anything) -> PersonTime:
        """Raises ShapeError for anything but columns of the same rows, RangeError for private ones that may be
        negative, and ConfigError for more than MOST_LEVELS levels."""
        if isinstance(events, PrivateArray):
            return _private(what, events, person_time, by)
        return _shared(what, events, person_time, by)


def _private(what: str, events: PrivateArray, person_time: Any, by: Any) -> PersonTime:
    for column in (person_time, *([] if by is None else [by])):
        if not isinstance(column, PrivateArray) or column.source is not events.source:
            raise ShapeError(f"{what}: {column!r}; a column of the table of {events.name} is wanted")
    _need_kinds(what, events.expression.type, person_time.expression.type, None if by is None else by.expression.type)
    numbers = events.expression.type == "integer"
    for column in (person_time, *([events] if numbers else [])):
        if column.expression.low < 0:
            raise RangeError(f"{what}: {column.name} may be negative; declare it from 0 up, as in Real(0, 90)")
    names = [] if by is None else _few(what, levels(by))
    known = ~events.isna() & ~person_time.isna()
    known = known if by is None else known & ~by.isna()
    flag = events > 0 if numbers else events
    counts = count_cells(events.source, [flag[known], *([] if by is None else [by[known]])])
    if by is None:
        sides = [known]
    else:
        sides = [known & (by == name) for name in names] if by.expression.levels else [known & ~by, known & by]
    (cells,) = counts.basis.cohorts
    sums = {"time": [person_time[side].sum() for side in sides]}
    if numbers:
        sums["events"] = [events[side].sum() for side in sides]
    each = counts.basis._replace(cohorts=(_none_or_enough(cells),))
    basis = union(each, *[x.basis for found in sums.values() for x in found])
    parts = {"rows": counts.bare().reshape(2, len(sides))}
    parts |= {name: concatenate([x.bare().reshape(1) for x in found]) for name, found in sums.items()}
    return PersonTime({name: part.with_basis(basis) for name, part in parts.items()}, names)


def _none_or_enough(cells: Cohort) -> Cohort:
    """The same cells, each of which may have no rows, too; held apart from the cells and rows of other releases."""
    what = f"{cells.what}, each or none"
    found = Cohort(
        cells.run, cells.counts, most=cells.most, what=what, shape=cells.shape, or_none=True, selection=cells.selection
    )
    whole = found.collapsed(None)
    whole.cells = True
    return whole


def _shared(what: str, events: Any, person_time: Any, by: Any) -> PersonTime:
    code = by.codes if isinstance(by, SecretCategory) else by
    columns = [events, person_time, *([] if code is None else [code])]
    for column in columns:
        if not isinstance(column, SecretArray) or column.ndim != 1 or column.shape != events.shape or len(column) < 2:
            raise ShapeError(f"{what}: {column!r}; columns of the same table are wanted, all private or all shared")
        need_same_people(events.basis.places, column.basis.places)
    flagged = is_flag(events)
    category = isinstance(by, SecretCategory) or (code is not None and is_flag(code))
    _need_kinds(
        what,
        "flag" if flagged else {"int": "integer"}.get(events.type, "real"),
        "flag" if is_flag(person_time) else "real",
        None if by is None else "category" if category else "real",
    )
    names = [] if by is None else _few(what, list(by.levels) if isinstance(by, SecretCategory) else ["no", "yes"])
    n = len(events)
    there = present(events.constant(np.ones(n, np.bool_)), *columns)
    if by is None:
        within = [there]
    elif isinstance(by, SecretCategory):
        within = [(code.bare() == k) & there for k in range(len(names))]
    else:
        bit = code.bare().as_flag()
        within = [~bit & there, bit & there]
    happened = events.bare().as_flag() if flagged else events.bare() > 0
    sides = [side & level for side in (~happened, happened) for level in within]
    size = len(within)
    level = stack([indicator(bits) for bits in within])
    rows = stack([indicator(side) for side in sides]).sum(1).bare().bounded(n).reshape(2, size)
    time = person_time.bare().numeric()
    basis = union(*[column.basis for column in columns]).plain()
    cells = behind_groups(basis, n, sides, "rows without and with an event, each or none", or_none=True)
    behind = union(cells, *[basis.where(bits).reduced(0, bits, rest=False) for bits in within])
    parts = {"rows": rows, "time": level.dot(time.reshape(n, 1), time.frac).reshape(size)}
    if not flagged:
        parts["events"] = level.dot(events.bare().reshape(n, 1), 0).reshape(size)
    return PersonTime({name: part.bare().with_basis(behind) for name, part in parts.items()}, names)


def _need_kinds(what: str, events: str, person_time: str, by: str | None) -> None:
    if events not in ("flag", "integer"):
        raise ShapeError(f"{what}: events are a flag, or whole numbers from 0 up; got a {events}")
    if person_time not in ("real", "integer"):
        raise ShapeError(f"{what}: person-time is a column of numbers; got a {person_time}")
    if by not in (None, "category", "flag"):
        raise ShapeError(f"{what}: by is a category or a flag; got a {by}")


def _few(what: str, names: list[str]) -> list[str]:
    if len(names) > MOST_LEVELS:
        raise ConfigError(f"{what}: {len(names):,} levels; at most {MOST_LEVELS} are possible")
    return names
