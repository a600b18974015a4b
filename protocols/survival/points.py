"""Which points of a survival curve may be shown: a step must not tell the event of a single person.

Rows of a group are counted at each point of the public grid: the events up to it, and the rows that are still under
observation after it. From left to right, a point is shown where

- since the last shown point at least the minimum number of events has happened (points with fewer are merged with the
  next one, so a stretch without events looks like a stretch with few);
- after it at least the minimum number of rows is under observation (there the curve ends);
- after it no event or at least the minimum number of events follows: else the total of all events would tell them.

A group comes out as a cell of the table of all groups does (`protocols.suppression`): a small one, or one without
rows, hides another one where the total would tell it.

All of it holds for the rows of all owners together and for the rows of all owners but any one (or there are none of
others in the group), since an owner can subtract its own rows. What is left to tell by shown points are sums over at
least the minimum number of events. Rows whose observation ended without an event are not counted here: a record that
ends early is incomplete, as one with a missing value is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from mpc.releases.disclosure import Guard
from mpc.releases.enough import all_enough
from mpc.values.cohorts import Cohort, Counts
from mpc.values.secret import SecretArray, concatenate, stack
from protocols.suppression import large_cells

#: What protects a curve, in words.
RULE = "points of a curve merged until enough events lie between them; the curve ends where few are at risk"


@dataclass(frozen=True, eq=False)
class Exits:
    """Counts of one group's rows at J points of the grid, and in all: the last of J + 1 columns.

    events  up to each point; rows  whose time is up to each point. Each as `Counts`, of shape (1, J + 1)
    behind  cohorts of the whole group, each of which must be enough before anything of the group is shown
    share   the part of the counted rows that are different rows, at least
    """

    events: Callable[[], Counts]
    rows: Callable[[], Counts]
    behind: tuple[Cohort, ...]
    share: Fraction = Fraction(1)


class Shown:
    """The points that may be shown of the curves of some groups.

    groups  for each group: its counts, once for each table whose rows stand behind it
    """

    def __init__(self, groups: Sequence[Sequence[Exits]], points: int) -> None:
        self._groups = groups
        self._points = points
        self._memo: dict[tuple[int, bool], tuple[SecretArray, SecretArray]] = {}

    @property
    def cohorts(self) -> tuple[Cohort, ...]:
        """The cohorts of all groups."""
        return tuple(dict.fromkeys(c for group in self._groups for exits in group for c in exits.behind))

    def guard(self, of_points: Iterable[str], of_groups: Iterable[str]) -> Guard:
        """The guard of parts (groups, points), and of parts (groups,)."""
        points, groups = tuple(of_points), tuple(of_groups)

        def bits(minimum: int, others: bool) -> dict[str, SecretArray]:
            shown, whole = self.bits(minimum, others)
            return dict.fromkeys(points, shown) | dict.fromkeys(groups, whole)

        return Guard(RULE, dict.fromkeys((*points, *groups), self.cohorts), bits)

    def bits(self, minimum: int, others: bool) -> tuple[SecretArray, SecretArray]:
        """Bits (groups, points) of the points, and (groups,) of the groups that may be shown at all.

        Rounds  two comparisons, and about 4 for each doubling of the number of points
        """
        key = minimum, others
        if key not in self._memo:
            run = self.cohorts[0].run
            with run.scope.sequence():
                each = [self._group(group, minimum, others) for group in self._groups]
                shown, whole = stack([points for points, _ in each]), stack([whole for _, whole in each])
                if len(each) > 1:
                    for large in large_cells(self._tables(), minimum, others=others):
                        whole = whole & large
                self._memo[key] = shown & whole.reshape(-1, 1).broadcast_to(shown.shape), whole
        return self._memo[key]

    def _tables(self) -> list[Cohort]:
        """The rows of all groups as a table, for each table of rows behind them."""
        return [self._table([group[k] for group in self._groups]) for k in range(len(self._groups[0]))]

    def _table(self, groups: Sequence[Exits]) -> Cohort:
        def make() -> Counts:
            each = [exits.rows() for exits in groups]
            total = concatenate([counts.total[:, self._points :] for counts in each], axis=1)
            owns = [counts.own[:, :, self._points :] for counts in each if counts.own is not None]
            own = concatenate(owns, axis=2) if len(owns) == len(each) else None
            return Counts(total, own, all(counts.exact for counts in each))

        whole = self.cohorts[0]
        most = max(cohort.most for cohort in self.cohorts)
        share = min(exits.share for exits in groups)
        return Cohort(whole.run, make, most=most, what="rows of each group", shape=(len(groups),), share=share)

    def _group(self, group: Sequence[Exits], minimum: int, others: bool) -> tuple[SecretArray, SecretArray]:
        behind = tuple(dict.fromkeys(cohort for exits in group for cohort in exits.behind))
        whole = all_enough(behind[0].run, behind, minimum, others=others)
        assert whole is not None
        allowed = [_allowed(exits, minimum, others) for exits in group]
        joint = allowed[0]
        for bits in allowed[1:]:
            joint = joint & bits
        return _chain(joint), whole


def _allowed(exits: Exits, minimum: int, others: bool) -> SecretArray:
    """Bits (J + 1, J): point k may be shown after point j - 1 (j = 0: after the beginning), if j <= k."""
    events, rows = exits.events(), exits.rows()
    points = events.total.shape[1] - 1
    minimum = -(-minimum * exits.share.denominator // exits.share.numerator)
    exact = events.exact and rows.exact
    gaps, left, follow = [], [], []
    # (numbers that must reach the minimum; whether no rows at all are enough for this view)
    views: list[tuple[SecretArray, SecretArray, SecretArray | None]] = [(events.total[0], rows.total[0], None)]
    since = [_since(events.total[0], None, points)]
    if others and events.own is not None and rows.own is not None:
        for own_events, own_rows in zip(events.own, rows.own, strict=True):
            rest_rows = rows.total[0] - own_rows[0]
            none = rest_rows[points] < 1 if exact else None
            views.append((events.total[0] - own_events[0], rest_rows, none))
            # An upper limit of the owner's rows up to a point is one of its rows since another point, too.
            since.append(_since(events.total[0], own_events[0], points, exact=exact))
    for (cumulated, number, _), between in zip(views, since, strict=True):
        gaps.append(between)
        left.append(_after(number, points))
        follow.append(_after(cumulated, points))
    after = concatenate([stack(left), stack(follow)])
    enough = ~after.below_each(np.asarray([minimum]).reshape(1, 1, 1))[0]
    remains, goes_on = enough[: len(views)], enough[len(views) :]
    # No event is left at all, or none of others.
    over = stack(follow if exact else follow[:1]).below_each(np.ones((1, 1, 1), np.int64))[0]
    goes_on = goes_on | over[0].broadcast_to(goes_on.shape)
    if exact:
        goes_on = goes_on | over
    apart = ~stack(gaps).below_each(np.full((1, 1, 1, 1), minimum))[0]
    fits = remains & goes_on
    result: SecretArray | None = None
    for v, (_, _, none) in enumerate(views):
        bits = apart[v] & fits[v].broadcast_to((points + 1, points))
        if none is not None:
            bits = bits | none.broadcast_to(bits.shape)
        result = bits if result is None else result & bits
    assert result is not None
    return result


def _since(events: SecretArray, own: SecretArray | None, points: int, *, exact: bool = True) -> SecretArray:
    """(J + 1, J) numbers of events up to point k since point j - 1, without an owner's own."""
    table = _pairs(events, points)
    if own is None:
        return table
    if exact:
        return table - _pairs(own, points)
    return table - own[:points].reshape(1, points).broadcast_to((points + 1, points))


def _pairs(cumulated: SecretArray, points: int) -> SecretArray:
    upto = cumulated[:points]
    before = concatenate([upto.constant(np.zeros(1, np.int64)), upto])
    shape = points + 1, points
    return upto.reshape(1, points).broadcast_to(shape) - before.reshape(points + 1, 1).broadcast_to(shape)


def _after(cumulated: SecretArray, points: int) -> SecretArray:
    """(J,) what comes after each point."""
    return cumulated[points].reshape(1).broadcast_to((points,)) - cumulated[:points]


def _chain(allowed: SecretArray) -> SecretArray:
    """Bits (J,) of the points that are reached from the beginning, each the first that may follow the one before it."""
    points = allowed.shape[1]
    later = np.arange(points) >= np.arange(points + 1).reshape(-1, 1)
    allowed = allowed & later
    number = allowed.numeric()
    before = (number.cumsum(1) - number).bounded(points)
    first = (allowed & (before < 1)).numeric()
    # Columns: the beginning, and the points. Each row has a single 1 at most, so powers of the matrix have, too.
    step = concatenate([first.constant(np.zeros((points + 1, 1), np.int64)), first], axis=1).bounded(1)
    reached = first.constant(np.eye(1, points + 1, dtype=np.int64))
    length = 1
    while length <= points:
        reached = (reached + reached.dot(step, 0)).bounded(1)  # paths of up to 2 * length - 1 steps end apart
        length *= 2
        if length <= points:
            step = step.dot(step, 0).bounded(1)
    return reached[0, 1:] > 0
