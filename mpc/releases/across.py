"""Releases of different tables that are prepared from the same rows: each is held apart from earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from mpc.releases.apart import Apart
from mpc.tables.beside_prepared import Told, beside_prepared, of_few, shared_inputs
from mpc.tables.expressions import Expression, both, comparison, public, unary
from mpc.tables.prepare.nodes import Scan
from mpc.tables.selections import Selection
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray

#: Most cells of a table that are held apart from other tables one by one; of a larger one, its rows are.
MOST_CELLS = 16


class _Past(NamedTuple):
    """A selection of an earlier release. came_out: a function of the name of a release that gives a function that gives
    the bit (None: it came out)."""

    selection: Selection
    release: str
    came_out: Callable[[str], Callable[[], SecretArray] | None]


class Across:
    """All selections of the releases so far, by the tables that they are of."""

    def __init__(self) -> None:
        self._past: dict[tuple[object, ...], list[_Past]] = {}
        self._known: dict[tuple[object, ...], tuple[Cohort, ...]] = {}

    def beside(self, new: Selection, name: str) -> Apart:
        """What holds a selection apart from earlier ones of other tables that come from the same rows."""
        few = [cohort for column in new.valid for cohort in of_few(column, new.where, new.source)]
        against = Apart(tuple(few))
        past = [each for ways in self._past.values() if _may_tell(new, ways[0].selection) for each in ways]
        groups: dict[tuple[str, frozenset[int]], None] = {}
        for each in past:
            owners = frozenset(new.source.owners) & frozenset(each.selection.source.owners)
            for table in shared_inputs(new.source, each.selection.source) if owners else ():
                groups[table, owners] = None
        for table, owners in groups:
            some = [
                each
                for each in past
                if owners <= set(each.selection.source.owners)
                and table in shared_inputs(new.source, each.selection.source)
            ]
            if all(each.selection.source is new.source for each in some) and isinstance(new.source.query, Scan):
                continue
            key = (table, owners, _key(new), tuple((id(each), each.release == name) for each in some))
            if key not in self._known:
                told = [
                    Told(selection, selection.shared, each.came_out(name), is_cell=k > 0)
                    for each in some
                    for k, selection in enumerate(_cells(each.selection))
                ]
                self._known[key] = tuple(beside_prepared(_cells(new), new.shared, told, table))
            if cohorts := self._known[key]:
                against = against.joined(Apart(cohorts, beside=tuple(dict.fromkeys(each.release for each in some))))
        return against

    def remember(
        self,
        new: Selection,
        release: str,
        came_out: Callable[[str], Callable[[], SecretArray] | None],
    ) -> None:
        """Take note of a release of these rows."""
        self._past.setdefault(_key(new), []).append(_Past(new, release, came_out))


def _key(selection: Selection) -> tuple[object, ...]:
    by = tuple(category.digest for category in selection.by)
    return (id(selection.source), *selection.key[1:], by, selection.shared)


def _may_tell(new: Selection, past: Selection) -> bool:
    """Whether they are of two tables; or statistics of columns of one prepared table."""
    if _key(new) == _key(past):
        return False
    if new.source is not past.source:
        return True
    return not isinstance(new.source.query, Scan) and bool(new.valid) and bool(past.valid)


def _cells(selection: Selection) -> Sequence[Selection]:
    """A selection, and the rows of each cell where it is a table."""
    whole = selection._replace(by=())
    sizes = [len(category.levels) or 2 for category in selection.by]
    if not sizes or prod(sizes) > MOST_CELLS:
        return [whole]
    cells = []
    for levels in product(*map(range, sizes)):
        where = selection.where
        for category, level in zip(selection.by, levels, strict=True):
            where = both(where, _at(category, level))
        cells.append(whole._replace(where=where))
    return [whole, *cells]


def _at(category: Expression, level: int) -> Expression:
    if category.levels:
        return comparison("==", category, public(level))
    return category if level else unary("not", category)
