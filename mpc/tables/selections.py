"""The rows that releases of a run are about, and what two releases tell together by subtraction.

The count of all rows minus the count of rows up to 100 years is the count of rows above. So where two selections of
rows follow from the same columns, or one of them is of all rows, their difference is held against the minimum, too: it
must be none, or enough. Otherwise the release that comes later in the script is suppressed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.tables.aggregates import Crosstab, Patterns
from mpc.tables.conditions import fulfilled
from mpc.tables.expressions import Expression, both, unary
from mpc.tables.local import share_parts
from mpc.tables.patterns import possible
from mpc.values.cohorts import Cohort, Counts
from mpc.values.secret import SecretArray, concatenate

if TYPE_CHECKING:
    from mpc.tables.source import Source


_NONE: frozenset[str] = frozenset()


class Selection(NamedTuple):
    """Rows of a table that a release is about.

    by      the categories of a table of counts
    valid   the columns of a statistic, which is about the rows where none of them is missing
    shared  the rows were shared: which of their columns a release is of is not known
    """

    source: Source
    where: Expression | None
    by: tuple[Expression, ...] = ()
    valid: tuple[Expression, ...] = ()
    shared: bool = False

    @property
    def key(self) -> tuple[tuple[str, bytes], bytes, frozenset[str]]:
        """Equal for the same rows."""
        return self.source.key, b"" if self.where is None else self.where.digest, self.measured

    @property
    def measured(self) -> frozenset[str]:
        """The columns that `valid` is made from."""
        if not self.valid:
            return _NONE
        return frozenset().union(*(column.columns() for column in self.valid))

    @property
    def columns(self) -> frozenset[str]:
        """The columns of its condition and its categories."""
        return frozenset[str]().union(*(e.columns() for e in (self.where, *self.by) if e is not None))

    @property
    def present(self) -> Expression | None:
        """The condition that no column is missing."""
        present: Expression | None = None
        for column in self.valid:
            present = both(present, unary("not", unary("isna", column)))
        return present


@dataclass(frozen=True)
class Differing(Rule):
    """0 <= each number of rows <= at_most."""

    at_most: int
    covers = frozenset({"apart"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        return [parts["apart"], self.at_most - parts["apart"]]


#: Most cells of two tables together that are counted.
MOST_CELLS = 4096


def related(new: Selection, earlier: Sequence[Selection]) -> list[list[int]]:
    """Groups of earlier selections that may tell, together, about a new one: lists of their indices.

    A new selection with a condition has one group: the selections that share columns with it, or with another selection
    of the group, and all rows. For all rows: each such group of selections. Statistics of other columns, which may be
    missing in other rows, are in no group.
    """
    alike = [i for i, old in enumerate(earlier) if old.source is new.source and old.measured == new.measured]
    some = [i for i in alike if earlier[i].key != new.key and earlier[i].where is not None]
    if new.where is not None:
        whole = [i for i in alike if earlier[i].where is None]
        return [sorted([*whole, *_joined_by_columns(new.columns, some, earlier)])]
    groups: list[list[int]] = []
    while some:
        group = _joined_by_columns(earlier[some[0]].columns, some, earlier)
        groups.append(group)
        some = [i for i in some if i not in group]
    return groups


def _joined_by_columns(columns: frozenset[str], some: Sequence[int], earlier: Sequence[Selection]) -> list[int]:
    group: list[int] = []
    while more := [i for i in some if i not in group and earlier[i].columns & columns]:
        group += more
        columns = columns.union(*(earlier[i].columns for i in more))
    return sorted(group)


def apart(new: Selection, earlier: Sequence[tuple[Selection, Callable[[], SecretArray] | None]]) -> Cohort | None:
    """The groups of rows that a selection and earlier ones tell by subtraction: none, or enough rows in each.

    earlier: related selections, each with a function that gives the bit whether it came out (None: it did).

    Rows are counted by the selections that they are in. A selection that did not come out separates no rows. Rows in no
    selection are told only by a release of all rows.
    Raises ConfigError for too many selections.
    """
    wheres: dict[bytes, Expression] = {old.where.digest: old.where for old, _ in earlier if old.where is not None}
    if new.where is not None:
        wheres[new.where.digest] = new.where
    if not wheres or (len(wheres) == 1 and not any(rows.where is None for rows in (new, *(old for old, _ in earlier)))):
        return None
    whole = new.where is None or any(old.where is None for old, _ in earlier)
    patterns = possible(list(wheres.values()))
    ways: dict[int, list[Callable[[], SecretArray] | None]] = {}
    for old, came_out in earlier:
        if old.where is not None:
            ways.setdefault(list(wheres).index(old.where.digest), []).append(came_out)
    if new.where is not None:
        ways[list(wheres).index(new.where.digest)] = [None]
    unsure = [i for i in sorted(ways) if None not in ways[i]]
    cells = _patterns(new, list(wheres.values()), patterns)
    merged = Merged(cells, patterns, unsure, lambda i: [way() for way in ways[i] if way is not None], whole)
    names = " and ".join(where.text for where in wheres.values())
    what = f"rows of {new.source.name} in each combination of {names}"
    groups = Cohort(cells.run, merged.counts, most=cells.most, what=what, or_none=True, shape=(len(patterns),))
    return Cohort(
        cells.run,
        merged.counts,
        most=cells.most,
        what=what,
        or_none=True,
        sources=(groups,),
        decide=lambda bits: merged.not_told(bits[0]).all(),
    )


class Merged:
    """Numbers of rows by pattern, where a secret bit says of some selections whether they came out.

    unsure  the indices of these selections; `came_out` gives their bits
    whole   rows in none of the selections are told, too
    """

    def __init__(
        self,
        cells: Cohort,
        patterns: NDArray[np.bool_],
        unsure: Sequence[int],
        came_out: Callable[[int], Sequence[SecretArray]],
        whole: bool,
    ) -> None:
        self._cells, self._patterns, self._unsure, self._whole = cells, patterns, unsure, whole
        self._came_out = came_out
        self._hidden: SecretArray | None = None

    def counts(self) -> Counts:
        """The rows of each pattern and of all patterns that differ from it by no selection that came out."""
        total, own, exact = self._cells.counts()
        size = len(self._patterns)
        differ = self._patterns[:, None, :] != self._patterns[None, :, :]
        sure = np.setdiff1d(np.arange(self._patterns.shape[1]), self._unsure)
        into, of = np.nonzero(differ.any(axis=2) & ~differ[:, :, sure].any(axis=2))
        if not len(into):
            return Counts(total, own, exact)
        weights = self._none_came_out(differ[into, of])
        views = total.reshape(1, size) if own is None else concatenate([total, own.reshape(-1, size)])
        moved = views.view(lambda a: a[:, of]) * weights.reshape(1, -1).broadcast_to((views.shape[0], len(of)))
        index = _padded(into, size)
        zero = moved.constant(np.zeros((views.shape[0], 1), np.int64))
        added = concatenate([moved, zero], axis=1).view(lambda a: a[:, index]).sum(2)
        merged = (views + added).bounded(self._cells.most)
        return Counts(merged[:1], None if own is None else merged[1:].reshape(-1, 1, size), exact)

    def not_told(self, large: SecretArray) -> SecretArray:
        """Bits: enough rows; or an earlier release told them by themselves; or none tells them (in no selection that
        came out)."""
        patterns, free = self._patterns, []
        sure = np.setdiff1d(np.arange(patterns.shape[1]), self._unsure)
        if not self._whole:
            nothing = ~patterns.any(axis=1)
            large = large | large.constant(nothing)
            open_ones = np.flatnonzero(~patterns[:, sure].any(axis=1) & ~nothing)
            if len(open_ones):
                free.append((open_ones, self._none_came_out(patterns[open_ones])))
        alone = patterns.sum(axis=0) == 1  # selections of a single pattern: they told its rows, if they came out
        large = large | large.constant(patterns[:, sure[alone[sure]]].any(axis=1))
        alone[sure] = False
        if len(by_itself := np.flatnonzero((patterns & alone).any(axis=1))):
            free.append((by_itself, ~self._none_came_out((patterns & alone)[by_itself])))
        for places, bits in free:
            index = np.full(len(patterns), len(places))
            index[places] = np.arange(len(places))
            padded = concatenate([bits, large.constant(np.zeros(1, np.bool_))])
            large = large | taken(padded, index)
        return large

    def _none_came_out(self, which: NDArray[np.bool_]) -> SecretArray:
        """Bits: none of the selections that a row of `which` names came out."""
        if self._hidden is None:
            ways = [self._came_out(i) for i in self._unsure]
            first = concatenate([bits[0].reshape(1) for bits in ways])
            known = [concatenate([bit.reshape(1) for bit in bits]).any() for bits in ways if len(bits) > 1]
            if known:
                several = [k for k, bits in enumerate(ways) if len(bits) > 1]
                index = np.arange(len(ways))
                index[several] = len(ways) + np.arange(len(several))
                first = taken(concatenate([first, *(bit.reshape(1) for bit in known)]), index)
            self._hidden = concatenate([~first, first.constant(np.ones(1, np.bool_))])
        sets, back = np.unique(which[:, self._unsure], axis=0, return_inverse=True)
        most = max(int(sets.sum(axis=1).max()), 1)
        members = np.stack([np.pad(np.flatnonzero(s), (0, most), constant_values=len(s))[:most] for s in sets])
        bits = taken(self._hidden, members).all(1)
        return taken(bits, back.reshape(-1))


def taken(x: SecretArray, index: NDArray[np.intp]) -> SecretArray:
    """Elements of a vector, by their places."""
    return x.view(lambda a: a[index])


def _padded(into: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """(size, most): the indices of the entries of `into` that are 0, 1, …; len(into) fills the rows up."""
    lists = [np.flatnonzero(into == p) for p in range(size)]
    most = max(len(indices) for indices in lists)
    return np.stack([np.pad(indices, (0, most - len(indices)), constant_values=len(into)) for indices in lists])


def _patterns(new: Selection, wheres: Sequence[Expression], patterns: NDArray[np.bool_]) -> Cohort:
    """The rows of each pattern."""
    source = new.source
    key = ("patterns", tuple(where.digest for where in wheres), new.measured)
    if key not in source.memo:
        local = source.local.ask(Patterns([fulfilled(where) for where in wheres], patterns, new.present))
        part = Part("apart", (len(patterns),), 0, source.at_most, "int", "counts")
        own = share_parts(source, local, [part], Differing(source.at_most))["apart"]
        source.memo[key] = Cohort.of(own.sum(0), own, what="", or_none=True)
    cohort: Cohort = source.memo[key]
    return cohort


def joint_cells(source: Source, flags: Sequence[Expression], where: Expression | None) -> Cohort:
    """The rows of each combination of flags and categories: none, or enough.

    Raises ConfigError for more than MOST_CELLS combinations.
    """
    key = ("combinations", tuple(flag.digest for flag in flags), b"" if where is None else where.digest)
    if key not in source.memo:
        sizes = [len(flag.levels) or 2 for flag in flags]
        if prod(sizes) > MOST_CELLS:
            raise ConfigError(
                f"table {source.name}: {prod(sizes):,} cells would have to be held apart (at most {MOST_CELLS:,}); "
                "release one of the tables, or use fewer levels"
            )
        local = source.local.ask(Crosstab(flags, sizes, where))
        part = Part("apart", tuple(sizes), 0, source.at_most, "int", "counts")
        own = share_parts(source, local, [part], Differing(source.at_most))["apart"]
        names = " and ".join(flag.text for flag in flags)
        what = f"rows of {source.name} for each combination of {names}"
        source.memo[key] = Cohort.of(own.sum(0), own, what=what, or_none=True)
    cohort: Cohort = source.memo[key]
    return cohort
