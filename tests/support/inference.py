"""What somebody who knows all releases, and the rules, can still not tell apart: by integer programming.

The rows of a table are unknown but for two columns: a number, of which a histogram was released, and a flag. The
unknowns are how many rows fall into each interval between public edges, with each value of the flag (or none), and
the sums and sums of squares there. Every released number is a constraint, and so is every rule of suppression: a cell
that is suppressed is small, or it is the first other one. `bounds` gives the smallest and largest value of a count
that fit all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

#: Flag values: no, yes, missing.
NO, YES, GONE = range(3)
_SLACK = 1e-6


@dataclass
class Known:
    """All that was released about a number and a flag; None or text stands for what was not.

    edges    of the histogram of the number;  counts  its cells
    cut      edges of the bins of the contingency table;  table  its cells, or why there is none
    group_n  rows without and with the flag, as a comparison of the two groups gives them
    """

    low: float
    high: float
    minimum: int
    rows: Any
    edges: Sequence[float]
    counts: Sequence[Any]
    missing: Any = None
    mean: Any = None
    sd: Any = None
    flag_missing: Any = None
    flag_mean: Any = None
    cut: Sequence[float] = ()
    table: Any = None
    group_n: Any = None


@dataclass
class Program:
    """Linear constraints over unknowns: per interval and flag value a count, a sum and a sum of squares."""

    known: Known
    intervals: list[tuple[float, float]]
    rows: list[np.ndarray] = field(default_factory=list)
    least: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, known: Known) -> Program:
        edges = sorted({known.low, known.high, *known.edges, *known.cut})
        program = cls(known, list(pairwise(edges)))
        program._sums()
        program._releases()
        return program

    @property
    def cells(self) -> int:
        """Counts: intervals and "missing", with three flag values each."""
        return 3 * (len(self.intervals) + 1)

    @property
    def size(self) -> int:
        return self.cells + 6 * len(self.intervals)

    def count(self, within: tuple[float, float] | None = None, flags: Sequence[int] = (NO, YES, GONE)) -> np.ndarray:
        """Coefficients of a number of rows: with a number `within` (None: with any), and one of these flag values."""
        out = np.zeros(self.size)
        for i, (a, b) in enumerate(self.intervals):
            if within is None or (within[0] <= a and b <= within[1]):
                out[[3 * i + f for f in flags]] = 1
        return out

    def unknown(self, flags: Sequence[int] = (NO, YES, GONE)) -> np.ndarray:
        """Coefficients of the rows without a number."""
        out = np.zeros(self.size)
        out[[3 * len(self.intervals) + f for f in flags]] = 1
        return out

    def total(self, power: int, flags: Sequence[int] = (NO, YES, GONE)) -> np.ndarray:
        """Coefficients of the sum (power 1) or the sum of squares (2) of the numbers."""
        out = np.zeros(self.size)
        for i in range(len(self.intervals)):
            out[[self.cells + 3 * (power - 1) * len(self.intervals) + 3 * i + f for f in flags]] = 1
        return out

    def require(self, coefficients: np.ndarray, least: float, most: float | None = None) -> None:
        self.rows.append(coefficients)
        self.least.append(least)
        self.most.append(least if most is None else most)

    def _sums(self) -> None:
        """a n <= s <= b n; squares lie below the chord and above some tangents."""
        for i, (a, b) in enumerate(self.intervals):
            for f in (NO, YES, GONE):
                n, s, q = (np.zeros(self.size) for _ in range(3))
                n[3 * i + f] = 1
                s[self.cells + 3 * i + f] = 1
                q[self.cells + 3 * len(self.intervals) + 3 * i + f] = 1
                self.require(s - a * n, 0, np.inf)
                self.require(b * n - s, 0, np.inf)
                self.require((a + b) * s - a * b * n - q, 0, np.inf)
                for t in np.linspace(a, b, 5):
                    self.require(q - 2 * t * s + t * t * n, 0, np.inf)

    def _releases(self) -> None:
        known = self.known
        everybody = self.count() + self.unknown()
        if isinstance(known.rows, int):
            self.require(everybody, known.rows)
        if isinstance(known.missing, int):
            self.require(self.unknown(), known.missing)
        no_flag = self.count(flags=[GONE]) + self.unknown([GONE])
        if isinstance(known.flag_missing, int):
            self.require(no_flag, known.flag_missing)
        for edges, cell in zip(zip(known.edges, known.edges[1:], strict=False), known.counts, strict=True):
            if isinstance(cell, int):
                self.require(self.count(edges), cell)
        if isinstance(known.mean, float):
            slack = _SLACK * known.high * 1000
            # Over as many rows as there are: sum - mean n = 0, and likewise for the squares.
            self.require(self.total(1) - known.mean * self.count(), -slack, slack)
            if isinstance(known.sd, float) and isinstance(known.rows, int) and isinstance(known.missing, int):
                n = known.rows - known.missing
                squares = known.sd**2 * (n - 1) + n * known.mean**2
                slack = _SLACK * known.high**2 * 1000
                self.require(self.total(2), squares - slack, squares + slack)
        if isinstance(known.flag_mean, float):
            yes = self.count(flags=[YES]) + self.unknown([YES])
            self.require(yes - known.flag_mean * (everybody - no_flag), -0.01, 0.01)
        if isinstance(known.group_n, list):
            for f, n in zip((NO, YES), known.group_n, strict=True):
                self.require(self.count(flags=[f]), n)
        if isinstance(known.table, list):
            bins = zip(known.cut, known.cut[1:], strict=False)
            for edges, cells in zip(bins, known.table, strict=True):
                for f, cell in zip((NO, YES), cells, strict=True):
                    self.require(self.count(edges, [f]), cell)

    def solve(self, goal: np.ndarray) -> tuple[int, int] | None:
        """The range of a count under the constraints; None where they contradict each other."""
        whole = np.r_[np.ones(self.cells), np.zeros(self.size - self.cells)]
        constraints = LinearConstraint(np.asarray(self.rows), self.least, self.most)
        low = np.zeros(self.size)
        low[self.cells :] = -np.inf
        ends = []
        for sign in (1, -1):
            found = milp(sign * goal, constraints=constraints, integrality=whole, bounds=Bounds(low, np.inf))
            if found.status == 2:
                return None
            assert found.status in (0, 3), found.message
            ends.append(np.inf if found.status == 3 else abs(round(found.fun)))
        return int(ends[0]), int(ends[1]) if np.isfinite(ends[1]) else 10**9


def explanations(known: Known, program: Program) -> Iterator[Program]:
    """The program with the rules of suppression, once for each way in which they may have come to what is shown."""
    least, edges = known.minimum, list(zip(known.edges, known.edges[1:], strict=False))
    hidden = [i for i, cell in enumerate(known.counts) if isinstance(cell, str)]
    tables: list[tuple[int, int] | None] = [None]
    if isinstance(known.table, str):
        tables = list(product(range(len(known.cut) - 1), (NO, YES)))
    for (other, together), cell in product(list(_hiding(hidden, len(edges), least)), tables):
        case = Program(known, program.intervals, list(program.rows), list(program.least), list(program.most))
        for i in hidden:
            case.require(case.count(edges[i]), *((least, np.inf) if i == other else (0, least - 1)))
        few = [case.count(edges[i]) for i in hidden if i != other]
        if few:
            case.require(np.sum(few, axis=0), *together)
        if cell is not None:
            case.require(case.count((known.cut[cell[0]], known.cut[cell[0] + 1]), [cell[1]]), 0, least - 1)
        yield case


def _hiding(hidden: Sequence[int], cells: int, least: int) -> Iterator[tuple[int | None, tuple[float, float]]]:
    """How the suppressed cells of a table can have come about: which of them is no small one, if any, and the limits
    of the sum of the others. One table falls together: where that sum is below the minimum, or nearly the most that
    small cells can hold, the first other cell of the table is suppressed, too."""
    if not hidden or len(hidden) == cells:
        yield None, (0, np.inf)
    else:
        yield None, (least, len(hidden) * (least - 1) - least // 2)
    most = (len(hidden) - 1) * (least - 1)
    for place, i in enumerate(hidden):
        if i == place and len(hidden) > 1:  # all before it are hidden: it can be the first that is not small
            yield i, (0, min(least - 1, most))
            yield i, (most - least // 2 + 1, most)


def bounds(known: Known, *goals: tuple[tuple[float, float] | None, Sequence[int]]) -> list[tuple[int, int]]:
    """For each goal (an interval or None for all rows, and flag values) the smallest and largest count that fits."""
    program = Program.of(known)
    found: list[list[tuple[int, int]]] = [[] for _ in goals]
    for case in explanations(known, program):
        for k, (within, flags) in enumerate(goals):
            goal = case.count(within, flags) + (case.unknown(flags) if within is None else 0)
            ends = case.solve(goal)
            if ends is None:
                break
            found[k].append(ends)
    assert all(found), "the releases contradict each other"
    return [(min(a for a, _ in ends), max(b for _, b in ends)) for ends in found]


def released(releases: Mapping[str, Any], number: str, flag: str, **given: Any) -> Known:
    """What the releases of a scenario say, by the names that tests give them."""
    table = releases.get("table")
    test = releases.get("test")
    return Known(
        rows=releases.get("rows"),
        edges=releases[f"{number} histogram"]["edges"],
        counts=releases[f"{number} histogram"]["counts"],
        missing=releases.get(f"{number} missing"),
        mean=releases.get(f"{number} mean"),
        sd=releases.get(f"{number} sd"),
        flag_missing=releases.get(f"{flag} missing"),
        flag_mean=releases.get(f"{flag} mean"),
        table=table["counts"] if isinstance(table, Mapping) else table,
        group_n=test["n"] if isinstance(test, Mapping) else test,
        **given,
    )
