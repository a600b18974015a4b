"""Shared rows with hidden times, in the order of their times.

Rows are sorted by time once, the latest first, and censored rows before events of the same time; rows with a missing
value come last. So row i of a group has i + 1 rows at risk, a public number. With d events at a time with n rows at
risk, the factors 1 - 1/n, 1 - 1/(n - 1), … of single events multiply to 1 - d/n, and the terms 1/(n (n - 1)), … of
Greenwood's sum add up to d / (n (n - d)): ties need no further care.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mpc.tables.secret_columns import SecretCategory
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort, Counts
from mpc.values.owners import Total
from mpc.values.places import Lazy, Places, distinct, indicator, rows_there
from mpc.values.secret import SecretArray, concatenate
from protocols.order import Ordering, order_by
from protocols.survival.arguments import names_of
from protocols.survival.in_order import LOG_BITS, InOrder, log_weights, raw_of, scaled
from protocols.survival.points import Exits

#: Fraction bits of Greenwood's sums.
GREENWOOD_BITS = 44


@dataclass(eq=False)
class SharedRows:
    """Rows with a time, an event (or none), and a group.

    time    (n,) without mask
    valid   bits: rows with all three
    groups  for each group, bits of its valid rows
    events  for each group, bits of its events
    basis   what the rows stand on;  names  of the groups
    """

    time: SecretArray
    event: SecretArray
    valid: SecretArray
    groups: list[SecretArray]
    events: list[SecretArray]
    basis: Basis
    names: list[str]
    _compared: dict[tuple[float, ...], SecretArray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        time: SecretArray,
        event: SecretArray,
        by: SecretCategory | SecretArray | None,
        among: SecretArray | None = None,
    ) -> SharedRows:
        """Rows of columns that `need_shared` has checked; once in a scope for the same columns.

        among  a flag: only rows that have it, and where it is not missing
        """
        memo = time.run.scope.memo(_MEMO)
        key = id(time), id(event), id(by), id(among)
        if key not in memo:
            memo[key] = (cls._of(time, event, by, among), (time, event, by, among))
        rows: SharedRows = memo[key][0]
        return rows

    @classmethod
    def _of(
        cls,
        time: SecretArray,
        event: SecretArray,
        by: SecretCategory | SecretArray | None,
        among: SecretArray | None,
    ) -> SharedRows:
        code = by.codes if isinstance(by, SecretCategory) else by
        columns = [column for column in (time, event, code, among) if column is not None]
        masks = {id(x.valid): x.valid.bare().broadcast_to(time.shape) for x in columns if x.valid is not None}
        valid = time.constant(np.ones(time.shape, np.bool_))
        for k, mask in enumerate(masks.values()):
            valid = valid & mask if k else mask
        if among is not None:
            valid = valid & among.bare().as_flag()
        basis = union(*[x.basis.plain() for x in columns])
        happened = event.bare().as_flag() & valid
        if code is None:
            groups = [valid]
        elif isinstance(by, SecretCategory):
            groups = [(code.bare() == level) & valid for level in range(len(by.levels))]
        else:
            one = code.bare().as_flag()
            groups = [~one & valid, one & valid]
        events = [happened] if code is None else [group & happened for group in groups]
        return cls(time.bare(), happened, valid, groups, events, basis, names_of(by))

    @property
    def size(self) -> int:
        return len(self.time)

    @cached_property
    def order(self) -> Ordering:
        """The latest first; censored rows before events of the same time; missing rows last."""
        return order_by(self.time.masked(self.valid, "missing"), ~self.event, descending=True)

    # ---- counts
    def numbers(self, points: NDArray[np.float64]) -> tuple[SecretArray, SecretArray, SecretArray]:
        """(groups, points) events up to each point and rows under observation after it; (groups,) rows."""
        columns = [indicator(x).reshape(-1, 1) for x in (*self.events, *self.groups)]
        each = concatenate(columns, axis=1)
        upto = self._upto(points).dot(each, 0).bounded(self.size).T
        rows = each.sum(0)[len(self.events) :].bounded(self.size)
        events, left = upto[: len(self.events)], upto[len(self.events) :]
        return events, (rows.reshape(-1, 1).broadcast_to(left.shape) - left).bounded(self.size), rows

    def exits(self, points: NDArray[np.float64]) -> list[list[Exits]]:
        """For each group and each table behind the rows: the counts at the points of a grid."""
        upto = self._upto(points)

        def totals(x: SecretArray) -> SecretArray:
            return concatenate([upto.dot(x.reshape(-1, 1), 0).reshape(len(points)), x.sum(0).reshape(1)])

        found = []
        for group, event in zip(self.groups, self.events, strict=True):
            behind = self._behind(group)
            found.append([
                Exits(_counts(place, event, totals), _counts(place, group, totals), behind, place.base.share)
                for place in distinct(self.basis.places)
            ])  # fmt: skip
        return found

    def _behind(self, group: SecretArray) -> tuple[Cohort, ...]:
        """The rows of a group, and those of no group: none or enough, as of a filter."""
        basis = self.basis if len(self.groups) == 1 else self.basis.where(group)
        return basis.reduced(0, self.valid).cohorts

    def sides(self) -> list[Cohort]:
        """The rows of each group with an event, and those without one."""
        cohorts: dict[Cohort, None] = {}
        for group, event in zip(self.groups, self.events, strict=True):
            for side in (event, group & ~event):
                cohorts |= dict.fromkeys(self.basis.where(side).reduced(0, side, rest=False).cohorts)
        return list(cohorts)

    def _upto(self, points: NDArray[np.float64]) -> SecretArray:
        """(points, n) integers: 1 where a time is up to a point; compared once for the same points."""
        key = tuple(points.tolist())
        if key not in self._compared:
            # Reals were rounded when they were shared; a time at a point is rounded as the point is.
            nearest = np.floor if self.time.type == "int" else np.rint
            limits = nearest(np.ldexp(points, self.time.frac)).astype(np.int64) + 1
            self._compared[key] = self.time.below_each(limits.reshape(-1, 1))
        return indicator(self._compared[key])

    # ---- sums over events
    @cached_property
    def in_order(self) -> list[InOrder]:
        """The rows of each group in order. Rounds: a sort by one bit for several groups."""
        ints = [indicator(x).reshape(-1, 1) for x in self.events]
        happened = self.order.apply(concatenate(ints, axis=1)) if len(ints) > 1 else self.order.apply(ints[0])
        time = self.order.apply(self.time)
        if len(ints) == 1:
            return [InOrder(None, happened[:, 0], self.order.apply(self.valid), time)]
        there = self.order.apply(concatenate([indicator(x).reshape(-1, 1) for x in self.groups], axis=1))
        bits = [there[:, g] > 0 for g in range(len(self.groups))]
        return [InOrder(order_by(~bit), happened[:, g], bit, time) for g, bit in enumerate(bits)]

    def sums(self, points: NDArray[np.float64]) -> tuple[SecretArray, SecretArray]:
        """log S and Greenwood's sum of each group at the points of a grid, (groups, points): exact to about 2^-36
        times the root of the number of events.

        Rounds  a sort, for several groups a sort by one bit, four shuffles and a product
        """
        logs, terms = raw_of(log_weights(self.size), LOG_BITS), raw_of(_greenwood(self.size), GREENWOOD_BITS)
        each = [[scaled(group.events, raw) for raw in (logs, terms)] for group in self.in_order]
        # All logarithms add up to -log n and what stands for no survivor, all terms of Greenwood's sum to less than 1.
        most = [int(np.abs(raw).sum()) for raw in (logs, terms)]
        found = self.at_points(points, each, most)
        return found[0].restated(frac=LOG_BITS, type="fixed"), found[1].restated(frac=GREENWOOD_BITS, type="fixed")

    def at_points(
        self, points: NDArray[np.float64], terms: Sequence[Sequence[SecretArray]], most: Sequence[int]
    ) -> list[SecretArray]:
        """Sums of raw terms of the rows up to each point of a grid: (groups, points) for each kind of terms.

        terms  for each group one or more kinds of terms (n,), in the group's order, 0 for rows of others
        most   a bound of the sums of each kind, which the caller has proved
        """
        upto = self._upto(points)
        columns = [[x.restated(frac=0, type="int").reshape(-1, 1) for x in own] for own in terms]
        placed = [group.undo(concatenate(own, axis=1)) for group, own in zip(self.in_order, columns, strict=True)]
        back = self.order.undo(concatenate(placed, axis=1))
        found = []
        for k, bound in enumerate(most):
            largest = max(own[k].bound for own in terms)
            raw = back.view(lambda a, k=k: a[:, k :: len(most)])  # type: ignore[misc]
            found.append(upto.dot(raw.restated(bound=largest), 0, bound=bound).restated(bound=bound).T)
        return found


class _Memo:
    """The owner of the scope's memo of rows."""


_MEMO = _Memo()


def _greenwood(size: int) -> NDArray[np.float64]:
    """1/(n (n - 1)) for an event with n = 1, 2, … rows at risk; of the last row at risk 0."""
    at_risk = np.arange(2, size + 1, dtype=np.float64)
    return np.concatenate([[0.0], 1 / (at_risk * (at_risk - 1))])


def _counts(place: Places, chosen: SecretArray, totals: Total) -> Callable[[], Counts]:
    """A function that counts the chosen rows of a table at the points of a grid, (1, points + 1); once in a scope."""
    base = place.base
    conditions = (Lazy.of(chosen), *place.when)

    def make() -> Counts:
        memo = base.run.scope.memo(make)
        if "counts" not in memo:
            there = rows_there(base.run, chosen.shape, conditions).bare()
            memo["counts"] = (base.counts(there, place.ids, totals), make)
        counts: Counts = memo["counts"][0]
        return counts

    return make
