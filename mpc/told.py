"""What the releases of a run tell together: each is held apart from those before it, and remembered for those after it.

An earlier release that did not come out tells nothing. Whether it did is judged by the minimum that it had itself, not
by that of the later one; what came out without a minimum is known in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mpc.cohorts import Cohort
from mpc.counts import beyond_bins, count_rows
from mpc.disclosure import Guard, Result
from mpc.manifest import Apart
from mpc.selections import Selection, apart, beside_table


class _Earlier(NamedTuple):
    """Rows or a table of counts that a release was about, and the minimum under which it came out (below 2: none)."""

    rows: Selection
    name: str
    minimum: int
    guard: Guard | None

    @property
    def key(self) -> tuple[object, ...]:
        return _key_of(self.rows)


class _Held(NamedTuple):
    """What holds some rows apart: for the smallest minimum so far, and from how many earlier ones."""

    minimum: int
    seen: int
    apart: Apart


class Told:
    """What releases so far are about."""

    def __init__(self) -> None:
        self._earlier: list[_Earlier] = []
        self._came: dict[tuple[object, ...], Cohort] = {}
        self._held: dict[tuple[object, ...], _Held] = {}

    def beside(self, name: str, result: Result, minimum: int) -> Apart:
        """What holds a release apart from those before it (with a minimum below 2: nothing); it is remembered."""
        found = Apart()
        for table in result.selections():
            rows = Selection(table.source, table.where)
            for new in (table, rows) if table.by else (rows,):  # a table is of all its rows together, too
                one = _Earlier(new, name, minimum, result.guard if new.by else None)
                if minimum > 1:
                    found = found.joined(self._apart(one))
                if not any(known.key == one.key and known.minimum <= minimum for known in self._earlier):
                    self._earlier.append(one)
        return found

    def _apart(self, new: _Earlier) -> Apart:
        """The same rows again, under no smaller a minimum, tell nothing new beside what was told under theirs."""
        held = self._held.get(new.key)
        if held is None or new.minimum < held.minimum:
            found, least = self._from(new, self._earlier), new.minimum
        else:
            freer = [one for one in self._earlier[held.seen :] if one.minimum < new.minimum]
            found, least = held.apart.joined(self._from(new, freer)), held.minimum
        self._held[new.key] = _Held(least, len(self._earlier), found)
        return found

    def _from(self, new: _Earlier, before: Sequence[_Earlier]) -> Apart:
        others = [one for one in before if one.name != new.name or not (one.rows.by or new.rows.by)]
        if new.rows.by:
            outside = Apart(beyond_bins(new.rows.source, new.rows.by, new.rows.where))
            return outside.joined(self._of_table(new, others))
        selected = [one for one in others if not one.rows.by and new.rows.related(one.rows)]
        held = apart(new.rows, [(one.rows, self._came_out(one)) for one in selected])
        found = Apart(tuple(held), beside=tuple(one.name for one in selected))
        return found.joined(self._of_rows(new, [one for one in others if one.rows.by]))

    def _of_table(self, new: _Earlier, others: Sequence[_Earlier]) -> Apart:
        """Beside rows, or other tables, of the same columns: all of its cells or none."""
        found = Apart()
        for one in others:
            cells = beside_table(new.rows, one.rows, None if one.rows.by else self._came_out(one))
            known = () if one.guard is None or cells is None else (one.guard,)
            if cells is not None or (not one.rows.by and new.rows.columns & one.rows.columns):
                found = found.joined(Apart(() if cells is None else (cells,), known, True, (one.name,)))
        return found

    def _of_rows(self, new: _Earlier, tables: Sequence[_Earlier]) -> Apart:
        """Beside tables of the same columns: if none of their cells is suppressed."""
        found = Apart()
        for one in tables:
            if new.rows.where is not None and new.rows.columns & one.rows.columns:
                cells = beside_table(one.rows, new.rows, None)
                guards = () if one.guard is None or one.minimum < 2 else (one.guard,)
                found = found.joined(Apart(() if cells is None else (cells,), guards, False, (one.name,)))
        return found

    def _came_out(self, one: _Earlier) -> Cohort | None:
        """The rows that had to be enough for it; None where none had to."""
        if one.minimum < 2:
            return None
        key = (*one.key, one.minimum)
        if key not in self._came:
            behind = count_rows(one.rows.source, one.rows.where, chosen=one.rows).basis.cohorts[0]
            self._came[key] = behind.with_least(one.minimum)
        return self._came[key]


def _key_of(rows: Selection) -> tuple[object, ...]:
    """The same for the same rows, or the same table of them."""
    return (*rows.key, *(one.digest for one in rows.by))
