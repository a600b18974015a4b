"""What the releases of a run tell together: each is held apart from earlier ones, and remembered for later ones.

An earlier release that did not come out tells nothing. Its own minimum decides whether it came out, not the minimum of
the later release. A release without a minimum came out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from mpc.machine.runtime import Runtime
from mpc.releases.across import Across
from mpc.releases.apart import Apart, Beside
from mpc.releases.disclosure import Guard, Result
from mpc.releases.enough import all_enough
from mpc.tables.beside_tables import beside_table, levels_beside
from mpc.tables.counts import beyond_bins, count_rows
from mpc.tables.expressions import both
from mpc.tables.filled_rows import filled_beside, of_own_values, unfilled
from mpc.tables.selections import Selection, apart, related
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, constant

#: Gives the bit whether a release came out; without `exactly`, whether enough rows were behind it.
Came = Callable[[bool], SecretArray]
Bit = Callable[[], SecretArray]
#: Most related releases for which a later one waits to know exactly whether each came out: a comparison for each.
MOST_IN_TURN = 8


class _Earlier(NamedTuple):
    """Rows, or a table of counts, of an earlier release.

    minimum   its minimum; below 2: it had none
    guard     the rule of a table
    came_out  a function that gives the bit whether it came out; None: it did
    """

    rows: Selection
    name: str
    minimum: int
    guard: Guard | None
    came_out: Came | None

    @property
    def key(self) -> tuple[object, ...]:
        return _key_of(self.rows)


class _Held(NamedTuple):
    """What holds a table apart from the first `seen` earlier releases, under its smallest minimum so far."""

    minimum: int
    seen: int
    apart: Apart


class Told:
    """The rows and tables of all releases so far. others: a minimum holds without each owner's own rows, too."""

    def __init__(self, *, others: bool) -> None:
        self._others = others
        self._earlier: list[_Earlier] = []
        self._across = Across()
        self._held: dict[tuple[object, ...], _Held] = {}
        self._groups: dict[tuple[object, ...], tuple[tuple[Cohort, ...], Sequence[_Earlier]]] = {}

    def beside(self, name: str, result: Result, minimum: int) -> Apart:
        """What holds a release apart from earlier ones (with a minimum below 2: nothing). The release is remembered."""
        against = Apart()
        held: list[Cohort] = []
        for chosen in result.selections():
            if minimum > 1:
                against = against.joined(Apart(filled_beside(chosen)))
            own = of_own_values(chosen)
            # A column's own values before the filled column, which counts as the same rows.
            for selection in (*unfilled(own), own):
                rows = Selection(selection.source, selection.where)
                views = [rows, rows._replace(valid=selection.valid)] if selection.valid else [rows]
                for new in [selection, *views] if selection.by else views:  # a table tells the number of its rows, too
                    if minimum > 1:
                        against = against.joined(self._apart(new, name, minimum, result.guard))
                    self._remember(new, name, result, held, minimum)
                if minimum > 1:
                    against = against.joined(self._across.beside(selection, name))
                self._across.remember(selection, name, self._when_out(selection, name, result, held, minimum))
        held += against.cohorts
        return against

    def _when_out(
        self, new: Selection, name: str, result: Result, held: Sequence[Cohort], minimum: int
    ) -> Callable[[str], Bit | None]:
        """For a later release, by its name: whether this one came out. A table counts as come out."""

        def came_out(exactly: bool) -> SecretArray:  # counted where a later release asks
            return self._came_out(new, result, held, minimum)(exactly)

        past = _Earlier(new, name, minimum, None, None if minimum < 2 or new.by else came_out)
        return lambda later: _bit(past, later)

    def _remember(self, new: Selection, name: str, result: Result, held: Sequence[Cohort], minimum: int) -> None:
        """Remember every release of the same rows, since any of them may come out, and every table that comes out whole
        or not at all; of all rows and of other tables, the first release and each one under a smaller minimum."""
        whole = bool(new.by) and result.together and result.guard is None
        # Counts as come out: all rows separate no groups, and of a table whose cells fall one by one some may.
        certain = minimum < 2 or (not whole if new.by else new.where is None)
        known = [past.minimum for past in self._earlier if past.key == _key_of(new) and past.came_out is None]
        if min(known, default=minimum + 1) <= minimum and (new.by or new.where is None or min(known) < 2):
            return
        came_out = None if certain else self._came_out(new, result, held, minimum)
        self._earlier.append(_Earlier(new, name, minimum, result.guard if new.by else None, came_out))

    def _apart(self, new: Selection, name: str, minimum: int, guard: Guard | None) -> Apart:
        """What holds one selection apart. guard: the rule of a table; it holds the tables of one release apart."""
        others = [past for past in self._earlier if guard is None or past.name != name or not (past.rows.by or new.by)]
        if new.by:
            return self._again(new, others, name, minimum, guard)
        rows = [past for past in others if not past.rows.by]
        if new.where is None:  # the number of all rows counts as known from its first release on
            first = next((i for i, past in enumerate(self._earlier) if past.key == _key_of(new)), len(self._earlier))
            later = {id(past) for past in self._earlier[first:]}
            rows = [past for past in rows if id(past) not in later or past.minimum < minimum]
        against = Apart()
        for group in related(new, [past.rows for past in rows]):
            told = [rows[i] for i in group]
            cohorts = self._of_group(new, told, name)
            against = against.joined(Apart(cohorts, beside=tuple(past.name for past in told)))
        tables = [past for past in others if past.rows.by]
        if new.where is None and not _of_all(others):
            against = against.joined(self._first_of_all(rows, tables, name))
        return against.joined(self._of_rows(new, tables, name))

    def _of_group(self, new: Selection, told: Sequence[_Earlier], name: str) -> tuple[Cohort, ...]:
        """Rows beside related rows; the same cohort again if nothing related was released in between."""
        key = (_key_of(new), tuple((id(past), past.name == name) for past in told))
        if key not in self._groups:
            exactly = len({past.key for past in told}) <= MOST_IN_TURN
            bits = [_bit(past, name, exactly) for past in told]
            cohort = apart(new, [(past.rows, bit) for past, bit in zip(told, bits, strict=True)])
            self._groups[key] = (() if cohort is None else (cohort,), told)
        return self._groups[key][0]

    def _first_of_all(self, rows: Sequence[_Earlier], tables: Sequence[_Earlier], name: str) -> Apart:
        """The first release of all rows: beside a table and rows, or two tables, it tells the rows in neither."""
        against = Apart()
        for k, table in enumerate(tables):
            for past in [*rows, *tables[:k]]:
                cells = beside_table(table.rows, past.rows, _bit(past, name), whole=True)
                if cells is None:
                    continue
                guard = table.guard if table.minimum > 1 and not past.rows.by else None
                near = _beside_rows(table.rows, guard, past.rows, _bit(past, name), whole=True)
                against = against.joined(Apart((cells,)) if guard is None else near)
                against = against.joined(Apart(beside=(table.name, past.name)))
        return against

    def _again(self, new: Selection, others: Sequence[_Earlier], name: str, minimum: int, guard: Guard | None) -> Apart:
        """A table. If it was released before under the same or a smaller minimum, only releases since then under a
        smaller minimum can tell more with it."""
        key = _key_of(new)
        held = self._held.get(key)
        # One that did not come out held later releases not apart from it.
        open_ = any(past.key == key and past.came_out is not None for past in self._earlier)
        if held is None or minimum < held.minimum or open_:
            against, least = self._of_table(new, others, name, guard), minimum
        else:
            freer = [past for past in self._earlier[held.seen :] if past.minimum < minimum and past in others]
            against, least = held.apart.joined(self._of_table(new, freer, name, guard)), held.minimum
        if held is not None and minimum != held.minimum and guard is not None:
            against = against.joined(Apart(tables=(Beside(guard),)))  # else other cells are suppressed than before
        self._held[key] = _Held(least, len(self._earlier), against)
        return against

    def _of_table(self, new: Selection, others: Sequence[_Earlier], name: str, guard: Guard | None) -> Apart:
        """A table beside rows by the same columns; beside other tables by these, all of its cells come out or none."""
        against, whole = Apart(beyond_bins(new.source, new.by, new.where)), _of_all(self._earlier)
        exactly = sum(past.rows.by != () for past in others) <= MOST_IN_TURN
        for past in others:
            if not past.rows.by:
                near = _beside_rows(new, guard, past.rows, _bit(past, name), whole=whole)
            else:
                cells = beside_table(new, past.rows, _bit(past, name) if exactly else None, whole=whole)
                tables = tuple(Beside(rule) for rule in (past.guard, guard) if rule is not None)
                near = Apart() if cells is None else Apart((cells,), tables)
            if near != Apart():
                against = against.joined(near).joined(Apart(beside=(past.name,)))
        return against

    def _of_rows(self, new: Selection, tables: Sequence[_Earlier], name: str) -> Apart:
        """Rows beside tables by the same columns. A table's total is no news. Tables that came after these rows were
        held apart from them, and count only where the rows had not come out."""
        against = Apart()
        if new.where is None:
            return against
        again = [i for i, past in enumerate(self._earlier) if past.key == _key_of(new)]
        before = self._earlier[: again[0]] if again else self._earlier
        known = [_bit(self._earlier[i], name) for i in again]
        for past in tables:
            if past.rows.key[1] == new.key[1]:
                continue
            near, whole = Apart(), _of_all(self._earlier)
            if any(past is other for other in before):
                near = _beside_rows(past.rows, past.guard if past.minimum > 1 else None, new, None, whole=whole)
            elif None not in known and (cells := beside_table(past.rows, new, None, whole=whole)) is not None:
                near = Apart((_unless(cells, [bit for bit in known if bit is not None]),))
            if near != Apart():
                against = against.joined(near).joined(Apart(beside=(past.name,)))
        return against

    def _came_out(self, new: Selection, result: Result, held: Sequence[Cohort], minimum: int) -> Came:
        """The function that gives the bit whether a release of these rows came out: from the rows and, where one bit
        decides about all parts that stand on them, from the other cohorts of these parts. `held`: the cohorts that
        hold the release apart, once they are known."""
        key = _key_of(new._replace(by=(), valid=()))
        chosen = new._replace(by=(), valid=())
        run = new.source.run
        if new.by:  # a table that comes out whole or not at all: where all that it stands on is enough
            every = [cohort for part in result.parts.values() for cohort in part.basis.cohorts]
            cohorts = [cohort.collapsed(None) if cohort.shape else cohort for cohort in every]
            return lambda exactly: _all_of(run, [*cohorts, *(held if exactly else ())], minimum, self._others)
        cohorts = list(count_rows(new.source, both(new.where, new.present), chosen=chosen).basis.cohorts)
        standing = []
        for part in result.parts.values():
            if any(_key_of(_rows_of(past)) == key for cohort in part.basis.cohorts for past in cohort.selections):
                standing.append(part.basis.cohorts)
        if result.guard is None and (result.together or len(standing) == 1):
            further = [cohort for behind in standing for cohort in behind if result.together or cohort.shape == ()]
            cohorts += [cohort.collapsed(None) if cohort.shape else cohort for cohort in further]
        return lambda exactly: _all_of(run, [*cohorts, *(held if exactly else ())], minimum, self._others)


def _all_of(run: Runtime, cohorts: Sequence[Cohort], minimum: int, others: bool) -> SecretArray:
    """The bit that all of these are enough."""
    known = all_enough(run, cohorts, minimum, others=others)
    return constant(run, np.ones((), np.bool_)) if known is None else known


def _bit(past: _Earlier, name: str, exactly: bool = True) -> Callable[[], SecretArray] | None:
    """A function that gives the bit whether an earlier part came out (None: it did). For a part of the release `name`
    itself, its rows alone decide: whether that release comes out is not decided yet."""
    came_out = past.came_out
    return None if came_out is None else lambda: came_out(exactly and past.name != name)


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
    """A cohort that is enough where these cells are none or enough, or where one of these bits is set."""

    def decide(bits: Sequence[SecretArray]) -> SecretArray:
        enough = bits[0]
        for bit in known:
            enough = enough | bit()
        return enough

    return Cohort(
        cells.run, cells.counts, most=cells.most, what=cells.what, or_none=True, sources=(cells,), decide=decide
    )


def _of_all(some: Sequence[_Earlier]) -> bool:
    return any(past.rows.where is None for past in some)


def _rows_of(past: Selection) -> Selection:
    return Selection(past.source, past.where if len(past.by) != 1 else both(past.where, past.by[0]))


def _key_of(rows: Selection) -> tuple[object, ...]:
    """Equal for the same rows, or the same table of them."""
    return (*rows.key, *(past.digest for past in rows.by))
