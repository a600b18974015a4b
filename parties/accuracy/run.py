"""Runs cases, and gives a row of the table for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

from mpc.errors import ComityError
from parties.accuracy.compared import KINDS, LIMITS, Kind
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import need
from parties.accuracy.registry import Case


@dataclass(frozen=True)
class Row:
    """A case that ran.

    errors  the largest error by kind, of the comparisons that the case made
    passed  by kind, the limit that holds: of the project, of the case, or of its shortfall
    words   the first comparison that had words in place of numbers, and these
    """

    case: Case
    errors: dict[Kind, float]
    limits: dict[Kind, float]
    problems: list[str]
    words: str
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.problems

    def json(self) -> dict[str, Any]:
        """For `--json`. An error that is not a number is null."""
        return {
            "function": self.case.function,
            "data": self.case.data,
            "rows": self.case.rows,
            "by": self.case.by,
            "public": self.case.public,
            "errors": {kind: error if error < float("inf") else None for kind, error in self.errors.items()},
            "limits": self.limits,
            "words": self.words,
            "shortfall": self.case.shortfall,
            "passed": self.passed,
            "problems": self.problems,
            "seconds": round(self.seconds, 3),
        }


def run(chosen: Sequence[Case], engine: str) -> Iterator[Row]:
    """Run cases one after the other on an engine.

    Raises ConfigError if a library to compare with is missing, before the first case.
    """
    for module in ("sklearn.datasets", "statsmodels.api"):
        need(module)
    for case in chosen:
        yield run_case(case, engine)


def run_case(case: Case, engine: str) -> Row:
    """Run one case. A protocol that fails is a problem of the row."""
    errors: dict[Kind, float] = {}
    limits: dict[Kind, float] = {}
    problems, words = [], ""
    before = process_time()
    try:
        for one in case.compare(Joint(engine, case.rows)):
            if one.words and case.may_be and one.words.startswith(case.may_be):
                words = words or f"{one.name}: {one.words}"
                continue
            limit = LIMITS[case.rows][one.kind] if one.limit is None else one.limit
            limit = max(limit, case.within.get(one.kind, 0.0))
            errors[one.kind] = max(errors.get(one.kind, 0.0), one.error)
            limits[one.kind] = max(limits.get(one.kind, 0.0), limit)
            if not one.error <= limit:
                what = one.words or f"{one.kind} off by {one.error:.1e}, limit {limit:.0e}"
                problems.append(f"{one.name}: {what}")
    except ComityError as failed:
        problems.append(f"{type(failed).__name__}: {failed}")
    order = [kind for kind in KINDS if kind in errors]
    seconds = process_time() - before
    return Row(case, {k: errors[k] for k in order}, {k: limits[k] for k in order}, problems, words, seconds)
