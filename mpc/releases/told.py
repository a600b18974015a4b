"""What the releases of a run tell together: each is held apart from those before it, and remembered for those after it.

An earlier release that did not come out tells nothing. Whether it did is judged by the minimum that it had itself, not
by that of the later one; what came out without a minimum is known in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mpc.releases.apart import Apart, Beside
from mpc.releases.disclosure import Guard, Result
from mpc.releases.enough import all_enough
from mpc.tables.beside_tables import beside_table, levels_beside
from mpc.tables.counts import beyond_bins, count_rows
from mpc.tables.expressions import both
from mpc.tables.selections import Selection, apart, related
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, constant

#: Gives the bit whether something came out; or, without `exactly`, whether it did as far as its own rows go.
Came = Callable[[bool], SecretArray]
#: Releases up to which each waits for whether all related ones before it came out, which takes a comparison each.
MOST_IN_TURN = 8


class _Earlier(NamedTuple):
    """Rows or a table of counts that a release was about, the minimum under which it came out (below 2: none), and what
    gives the bit whether it did (None: it did)."""

    rows: Selection
    name: str
    minimum: int
    guard: Guard | None
    came_out: Came | None

    @property
    def key(self) -> tuple[object, ...]:
        return _key_of(self.rows)


class _Held(NamedTuple):
    """What holds a table apart: for the smallest minimum so far, and from how many earlier ones."""

    minimum: int
    seen: int
    apart: Apart


class Told:
    """What releases so far are about. others: minimums hold without each owner's own rows, too."""

    def __init__(self, *, others: bool) -> None:
        self._others = others
        self._earlier: list[_Earlier] = []
        self._held: dict[tuple[object, ...], _Held] = {}
        self._groups: dict[tuple[object, ...], tuple[tuple[Cohort, ...], Sequence[_Earlier]]] = {}

    def beside(self, name: str, result: Result, minimum: int) -> Apart:
        """What holds a release apart from those before it (with a minimum below 2: nothing); it is remembered."""
        found = Apart()
        held: list[Cohort] = []
        for one in result.selections():
            rows = Selection(one.source, one.where)
            views = [rows, rows._replace(valid=one.valid)] if one.valid else [rows]
            for new in [one, *views] if one.by else views:  # a table is of all its rows together, too
                if minimum > 1:
                    found = found.joined(self._apart(new, name, minimum, result.guard))
                self._remember(new, name, result, held, minimum)
        held += found.cohorts
        return found

    def _remember(self, new: Selection, name: str, result: Result, held: Sequence[Cohort], minimum: int) -> None:
        """Each release of the same rows, since one of them may come out where others do not; of all rows and of tables,
        the first and those under smaller minimums."""
        known = [one.minimum for one in self._earlier if one.key == _key_of(new)]
        if min(known, default=minimum + 1) <= minimum and (new.by or new.where is None or min(known) < 2):
            return
        certain = minimum < 2 or new.by or new.where is None  # or taken for certain: nothing is separated by all rows
        came_out = None if certain else self._came_out(new, result, held, minimum)
        self._earlier.append(_Earlier(new, name, minimum, result.guard if new.by else None, came_out))

    def _apart(self, new: Selection, name: str, minimum: int, guard: Guard | None) -> Apart:
        """guard: the rule of a table, which holds the tables of one release apart from each other."""
        others = [one for one in self._earlier if guard is None or one.name != name or not (one.rows.by or new.by)]
        if new.by:
            return self._again(new, others, name, minimum, guard)
        rows = [one for one in others if not one.rows.by]
        if new.where is None:  # all rows are taken for known from their first release on: what came then is held apart
            first = next((i for i, one in enumerate(self._earlier) if one.key == _key_of(new)), len(self._earlier))
            later = {id(one) for one in self._earlier[first:]}
            rows = [one for one in rows if id(one) not in later or one.minimum < minimum]
        found = Apart()
        for group in related(new, [one.rows for one in rows]):
            told = [rows[i] for i in group]
            cohorts = self._of_group(new, told, name)
            found = found.joined(Apart(cohorts, beside=tuple(one.name for one in told)))
        tables = [one for one in others if one.rows.by]
        if new.where is None and not _of_all(others):
            found = found.joined(self._first_of_all(rows, tables, name))
        return found.joined(self._of_rows(new, tables, name))

    def _of_group(self, new: Selection, told: Sequence[_Earlier], name: str) -> tuple[Cohort, ...]:
        """Rows beside related rows; the same again where nothing else was told in between."""
        key = (_key_of(new), tuple((id(one), one.name == name) for one in told))
        if key not in self._groups:
            exactly = len({one.key for one in told}) <= MOST_IN_TURN
            bits = [_bit(one, name, exactly) for one in told]
            cohort = apart(new, [(one.rows, bit) for one, bit in zip(told, bits, strict=True)])
            self._groups[key] = (() if cohort is None else (cohort,), told)
        return self._groups[key][0]

    def _first_of_all(self, rows: Sequence[_Earlier], tables: Sequence[_Earlier], name: str) -> Apart:
        """The first release of all rows: beside a table and rows, or another table, it tells the rows of neither."""
        found = Apart()
        for k, table in enumerate(tables):
            for one in [*rows, *tables[:k]]:
                cells = beside_table(table.rows, one.rows, _bit(one, name), whole=True)
                if cells is None:
                    continue
                guard = table.guard if table.minimum > 1 and not one.rows.by else None
                near = _beside_rows(table.rows, guard, one.rows, _bit(one, name), whole=True)
                found = found.joined(Apart((cells,)) if guard is None else near)
                found = found.joined(Apart(beside=(table.name, one.name)))
        return found

    def _again(self, new: Selection, others: Sequence[_Earlier], name: str, minimum: int, guard: Guard | None) -> Apart:
        """A table. The same again, under no smaller a minimum, tells nothing new beside what was told under its own."""
        key = _key_of(new)
        held = self._held.get(key)
        if held is None or minimum < held.minimum:
            found, least = self._of_table(new, others, name, guard), minimum
        else:
            freer = [one for one in self._earlier[held.seen :] if one.minimum < minimum and one in others]
            found, least = held.apart.joined(self._of_table(new, freer, name, guard)), held.minimum
        if held is not None and minimum != held.minimum and guard is not None:
            found = found.joined(Apart(tables=(Beside(guard),)))  # other cells would be suppressed than before
        self._held[key] = _Held(least, len(self._earlier), found)
        return found

    def _of_table(self, new: Selection, others: Sequence[_Earlier], name: str, guard: Guard | None) -> Apart:
        """Beside rows of the same columns; beside other tables of them, all of its cells or none."""
        found, whole = Apart(beyond_bins(new.source, new.by, new.where)), _of_all(self._earlier)
        for one in others:
            if not one.rows.by:
                near = _beside_rows(new, guard, one.rows, _bit(one, name), whole=whole)
            else:
                cells = beside_table(new, one.rows, None, whole=whole)
                tables = tuple(Beside(rule) for rule in (one.guard, guard) if rule is not None)
                near = Apart() if cells is None else Apart((cells,), tables)
            if near != Apart():
                found = found.joined(near).joined(Apart(beside=(one.name,)))
        return found

    def _of_rows(self, new: Selection, tables: Sequence[_Earlier], name: str) -> Apart:
        """Beside tables of the same columns. What was a table's total is no news, and tables that came after these rows
        were held apart from them: they matter where the rows had not come out."""
        found = Apart()
        if new.where is None:
            return found
        again = [i for i, one in enumerate(self._earlier) if one.key == _key_of(new)]
        before = self._earlier[: again[0]] if again else self._earlier
        known = [_bit(self._earlier[i], name) for i in again]
        for one in tables:
            if one.rows.key[1] == new.key[1]:
                continue
            near, whole = Apart(), _of_all(self._earlier)
            if any(one is other for other in before):
                near = _beside_rows(one.rows, one.guard if one.minimum > 1 else None, new, None, whole=whole)
            elif None not in known and (cells := beside_table(one.rows, new, None, whole=whole)) is not None:
                near = Apart((_unless(cells, [bit for bit in known if bit is not None]),))
            if near != Apart():
                found = found.joined(near).joined(Apart(beside=(one.name,)))
        return found

    def _came_out(self, new: Selection, result: Result, held: Sequence[Cohort], minimum: int) -> Came:
        """The rows themselves and, where one bit decides about all that stands on them, what else that stands on.
        `held` is what holds the release apart, once it is known."""
        key = _key_of(new._replace(by=(), valid=()))
        chosen = new._replace(by=(), valid=())
        cohorts = list(count_rows(new.source, both(new.where, new.present), chosen=chosen).basis.cohorts)
        standing = []
        for part in result.parts.values():
            if any(_key_of(_rows_of(one)) == key for cohort in part.basis.cohorts for one in cohort.selections):
                standing.append(part.basis.cohorts)
        if result.guard is None and not new.by and (result.together or len(standing) == 1):
            some = [cohort for behind in standing for cohort in behind if result.together or cohort.shape == ()]
            cohorts += [cohort.collapsed(None) if cohort.shape else cohort for cohort in some]
        run, others = new.source.run, self._others

        def came_out(exactly: bool) -> SecretArray:
            known = all_enough(run, [*cohorts, *(held if exactly else ())], minimum, others=others)
            return constant(run, np.ones((), np.bool_)) if known is None else known

        return came_out


def _bit(one: _Earlier, name: str, exactly: bool = True) -> Callable[[], SecretArray] | None:
    """Gives the bit whether an earlier part came out. Of a part of the release `name` itself: as far as its rows go;
    whether that release comes out is still to be decided."""
    came_out = one.came_out
    return None if came_out is None else lambda: came_out(exactly and one.name != name)


def _beside_rows(
    table: Selection, guard: Guard | None, rows: Selection, came_out: Callable[[], SecretArray] | None, *, whole: bool
) -> Apart:
    """A table, with its rule where it has one, beside rows."""
    if guard is None:
        cells = beside_table(table, rows, came_out, whole=whole)
        return Apart() if cells is None else Apart((cells,))
    levels = levels_beside(table, rows, came_out, whole=whole)
    if levels is None:
        return Apart()
    return Apart(() if levels.outside is None else (levels.outside,), (Beside(guard, levels),))


def _unless(cells: Cohort, known: Sequence[Callable[[], SecretArray]]) -> Cohort:
    """These cells are none or enough, or one of these bits is set."""

    def decide(bits: Sequence[SecretArray]) -> SecretArray:
        enough = bits[0]
        for bit in known:
            enough = enough | bit()
        return enough

    return Cohort(
        cells.run, cells.counts, most=cells.most, what=cells.what, or_none=True, sources=(cells,), decide=decide
    )


def _of_all(some: Sequence[_Earlier]) -> bool:
    return any(one.rows.where is None for one in some)


def _rows_of(one: Selection) -> Selection:
    return Selection(one.source, one.where if len(one.by) != 1 else both(one.where, one.by[0]))


def _key_of(rows: Selection) -> tuple[object, ...]:
    """The same for the same rows, or the same table of them."""
    return (*rows.key, *(one.digest for one in rows.by))
