"""Rows that stay at their owners: events and censored rows counted in steps of time, and combined in secret."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.counts import count_rows, rows_where
from mpc.tables.expressions import Expression, both, unary
from mpc.tables.private import PrivateArray, count_cells
from mpc.tables.selections import Selection
from mpc.values.cohorts import Cohort, Counts
from mpc.values.secret import SecretArray, concatenate
from mpc.values.stated import Stated
from mpc.values.wide_products import precise_product
from protocols.numeric.division import divide
from protocols.numeric.shares import SHARE_BITS, at_least_one, running_product, share_of
from protocols.survival.arguments import names_of
from protocols.survival.points import Exits

#: Most steps of time.
MOST_STEPS = 5000
#: What inverses of numbers of rows, and what is made of them, are multiplied with: so they keep their digits.
UNIT = 1 << 30


def steps_of(time: PrivateArray, points: NDArray[np.float64] | None, step: float | None) -> list[float]:
    """The ends of the steps of a private time, ascending; the first step begins at the lowest time of its range.

    Raises ConfigError for a step that is not above 0, too many steps, or a `Real` without grid and step.
    """
    low, high, whole = time.expression.low, time.expression.high, time.expression.type == "integer"
    if step is None and whole:
        step = 1
    if step is None:
        if points is None:
            raise ConfigError(
                f"{time.name} is a Real: say step=, the length of the steps that its times are counted in"
            )
        ends = [float(point) for point in points if point < high]
        return [*ends, float(high) if not ends or high > ends[-1] else ends[-1]]
    if not np.isfinite(step) or step <= 0 or (whole and step != int(step)):
        raise ConfigError(f"{time.name}: step={step!r}; expected a length above 0, of an Integer a whole one")
    first, last = (int(np.ceil(round(limit / step, 9))) for limit in (low, high))
    if last - first >= MOST_STEPS:
        raise ConfigError(
            f"{time.name}: {last - first + 1:,} steps of {step:g} from {low:g} to {high:g}; at most {MOST_STEPS:,} are "
            "possible: say a longer step="
        )
    decimal = Fraction(repr(float(step)))  # 7 steps of 0.1 end at 0.7, as people write it
    return [k * int(step) if whole else float(k * decimal) for k in range(first, last + 1)]


@dataclass(eq=False)
class PrivateRows:
    """Rows with a time, an event (or none) and a group, counted in steps.

    ends    of the steps, ascending
    counts  (steps, 2, groups) rows without and with the event, of all owners;  cohort  the same, with each owner's
    behind  for each group, the cohort of its rows
    """

    ends: NDArray[np.float64]
    counts: SecretArray
    cohort: Cohort
    behind: list[Cohort]

    @classmethod
    def of(
        cls,
        time: PrivateArray,
        event: PrivateArray,
        by: PrivateArray | None,
        points: NDArray[np.float64] | None,
        step: float | None,
    ) -> PrivateRows:
        """Rows of columns that `need_private` has checked."""
        ends = steps_of(time, points, step)
        low = min(time.expression.low, 2 * ends[0] - ends[1] if len(ends) > 1 else ends[0] - 1)
        low = low if low < ends[0] else ends[0] - 1
        # A bin includes its lower edge: of the opposite of times, a step then includes its end.
        cells = (-time).cut([-end for end in reversed(ends)] + [-low], [f"{end:g}" for end in reversed(ends)])
        categories = [cells, event, *([] if by is None else [by])]
        found = count_cells(time.source, categories)
        (cohort,) = found.basis.cohorts
        shape = len(ends), 2, found.shape[2] if by is not None else 1
        counts = found.bare().reshape(*shape)[::-1]
        return cls(np.asarray(ends, np.float64), counts, cohort, _behind(time, event, by))

    @property
    def shape(self) -> tuple[int, int]:
        """Steps, and groups."""
        return self.counts.shape[0], self.counts.shape[2]

    @cached_property
    def most(self) -> int:
        """A public limit of the number of all rows."""
        return self.cohort.most

    @cached_property
    def events(self) -> SecretArray:
        """(steps, groups) events of each step."""
        return self.counts[:, 1]

    @cached_property
    def at_risk(self) -> SecretArray:
        """(steps, groups) rows whose time is in a step or later."""
        rows = self.counts.sum(1).bounded(self.most)
        return rows[::-1].invoke("cumulative_sum", axis=0, result=Stated(bound=self.most))[::-1]

    # ---- counts at the points of a grid
    def numbers(self, points: NDArray[np.float64]) -> tuple[SecretArray, SecretArray, SecretArray]:
        """(groups, points) events up to each point and rows under observation after it; (groups,) rows."""
        whole = self._cumulated(self.counts, 0, points)
        events, rows = whole[:, 1], (whole[:, 0] + whole[:, 1]).bounded(self.most)
        left = (rows[-1:].broadcast_to(rows.shape) - rows).bounded(self.most)
        return events[:-1].T, left[:-1].T, rows[-1]

    def exits(self, points: NDArray[np.float64]) -> list[list[Exits]]:
        """For each group: the counts at the points of a grid."""
        steps, groups = self.shape

        def upto(x: SecretArray, g: int, events: bool) -> SecretArray:
            cells = x.reshape(-1, steps, 2, groups).view(lambda a: a[:, ::-1])
            found = self._cumulated(cells, 1, points)[:, :, :, g]
            return found[:, :, 1] if events else (found[:, :, 0] + found[:, :, 1]).bounded(self.most)

        def counts(g: int, events: bool) -> Counts:
            total, own, exact = self.cohort.counts()
            each = None if own is None else upto(own, g, events).reshape(len(own), 1, len(points) + 1)
            return Counts(upto(total, g, events), each, exact)

        return [
            [Exits(lambda g=g: counts(g, True), lambda g=g: counts(g, False), (self.behind[g],))]  # type: ignore[misc]
            for g in range(groups)
        ]

    def _cumulated(self, x: SecretArray, axis: int, points: NDArray[np.float64]) -> SecretArray:
        """Sums along the axis of steps up to each point of a grid, and of all steps: points + 1 along that axis."""
        running = x.invoke("cumulative_sum", axis=axis, result=Stated(bound=self.most))
        none = running.constant(np.zeros([1 if k == axis else n for k, n in enumerate(x.shape)], np.int64))
        running = concatenate([none, running], axis=axis)
        upto = np.append(np.searchsorted(self.ends, points * (1 + 1e-12), side="right"), len(self.ends))
        return running.view(lambda a: np.take(a, upto, axis))

    def sides(self) -> list[Cohort]:
        """The rows of each group with an event, and those without one."""
        steps, groups = self.shape

        def make() -> Counts:
            total, own, exact = self.cohort.counts()
            each = [
                None if x is None else x.reshape(-1, steps, 2, groups).sum(1).bounded(self.most) for x in (total, own)
            ]
            assert each[0] is not None
            owners = None if each[1] is None else each[1].reshape(len(each[1]), 1, 2, groups)
            return Counts(each[0], owners, exact)

        what = "rows of each group with and without the event"
        cells = Cohort(self.cohort.run, make, most=self.most, what=what, shape=(2, groups))
        return [cells.collapsed(None), *self.behind]

    # ---- the curve
    @cached_property
    def died(self) -> SecretArray:
        """(steps, groups) events of each step as a share of the rows at risk. Rounds: two divisions."""
        return share_of(self.events, self.at_risk)

    @cached_property
    def survival(self) -> SecretArray:
        """(steps, groups) S at the end of each step."""
        return running_product((1 - self.died).bounded(1 << SHARE_BITS))

    @cached_property
    def greenwood(self) -> SecretArray:
        """(steps, groups) UNIT times the terms of Greenwood's sum; 0 where no row is at risk, and up to UNIT where none
        is left."""
        return precise_product(self.died, units_over((self.at_risk - self.events).bounded(self.most)))

    def estimates(self, points: NDArray[np.float64]) -> tuple[SecretArray, SecretArray]:
        """S and UNIT times Greenwood's sum of each group at the points of a grid: (groups, points)."""
        terms = self.greenwood
        # While rows are left, sum d / (n (n - d)) = sum 1/(n - d) - 1/n is at most 1; and there is one last step.
        sums = terms.invoke("cumulative_sum", axis=0, result=Stated(bound=sum_bound(2, terms)))
        return self.at_ends(self.survival, points, 1.0), self.at_ends(sums, points, 0.0)

    def at_ends(self, x: SecretArray, points: NDArray[np.float64], before: float) -> SecretArray:
        """x (steps, groups) at the last step that ends up to each point, `before` where none does: (groups, points)."""
        upto = np.searchsorted(self.ends, points * (1 + 1e-12), side="right")
        first = x.constant(np.full((1, self.shape[1]), before), like=x)
        return concatenate([first, x]).view(lambda a: a[upto]).T


def units_over(rows: SecretArray) -> SecretArray:
    """UNIT / n of numbers of rows, and UNIT for 0. Error: relative 2^-25, and a last place."""
    unit = rows.constant(np.full(rows.shape, UNIT))
    return divide(unit, at_least_one(rows)).without_mask()


def sum_bound(most: int, terms: SecretArray) -> int:
    """A bound of sums of steps that are at most `most` times UNIT, and of what rounding adds to each."""
    return ((most * UNIT) << terms.frac) + 64 * len(terms)


def _behind(time: PrivateArray, event: PrivateArray, by: PrivateArray | None) -> list[Cohort]:
    """The rows of each group that miss nothing."""
    source = time.source
    where: Expression | None = both(both(time.where, event.where), None if by is None else by.where)
    known = both(*[unary("not", unary("isna", column.expression)) for column in (time, event)])
    valid = time.expression, event.expression
    sides: list[Expression | None] = [None]
    if by is not None:
        names, levels = names_of(by), by.expression.levels
        chosen = [by == name for name in names] if levels else [~by, by]
        sides = [level.expression for level in chosen]
    cohorts: list[Cohort] = []
    for side in sides:
        group = both(where, side)
        rows = count_rows(
            source, both(group, known), rows_where(source, group), chosen=Selection(source, group, (), valid)
        )
        cohorts += rows.basis.cohorts
    return cohorts
