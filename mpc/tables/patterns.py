"""Which of several selections a row can be in at once, as far as it follows from their public conditions.

Conditions on one column exclude each other: a row up to 50 is also up to 60, and a row has one level of a category. All
other combinations count as possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.bins import bin_of
from mpc.tables.conditions import conditions, gaps
from mpc.tables.expressions import Expression

Bits = NDArray[np.bool_]

#: Most combinations of single conditions that are tried, and most patterns of selections that rows are counted by.
MOST_COMBINATIONS = 1 << 16
MOST_PATTERNS = 64

_COMPARE: dict[str, Callable[..., Bits]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def possible(wheres: Sequence[Expression]) -> Bits:
    """(patterns, selections): every pattern of these conditions that a row can show, in a fixed order.

    A value outside of all bins of `cut` is missing: its row fulfils neither a condition on it nor the opposite.
    Raises ConfigError for too many.
    """
    single = {condition.digest: condition for where in wheres for condition in conditions(where)}
    subjects = {digest: _subject(condition) for digest, condition in single.items()}
    limits: dict[bytes, set[float]] = {}
    for subject, limit in subjects.values():
        number = _number(subject)
        if limit is not None and not number.levels:
            limits.setdefault(number.digest, set()).update(subject.edges or [limit])
    # Ranks among the limits stand for numbers: a limit of a whole number beyond 2^53 is no float.
    ranks = {digest: {limit: 2 * i + 1.0 for i, limit in enumerate(sorted(its))} for digest, its in limits.items()}
    axes: dict[tuple[bytes, bool], NDArray[np.float64]] = {}
    for subject, limit in subjects.values():
        number = subject if limit is None else _number(subject)
        size = 2 if limit is None else len(number.levels) or 2 * len(limits[number.digest]) + 1
        missing = [np.nan] if gaps(number) else []
        axes[number.digest, limit is None] = np.append(np.arange(float(size)), missing)
    if np.prod([float(len(axis)) for axis in axes.values()]) > MOST_COMBINATIONS:
        raise _too_many(wheres)
    grid = np.meshgrid(*axes.values(), indexing="ij")
    at = dict(zip(axes, (axis.reshape(-1) for axis in grid), strict=True))

    def holds(condition: Expression) -> NDArray[np.float64]:
        """1 where the condition holds, 0 where it does not, NaN where it is missing."""
        if condition.digest not in single:
            assert condition.function is not None
            return np.asarray(condition.function(*(holds(part) for part in condition.arguments)), np.float64)
        subject, limit = subjects[condition.digest]
        if limit is None:
            return at[subject.digest, True]
        number = _number(subject)
        values, known = at[number.digest, False], ranks.get(number.digest, {})
        if subject.edges and known:
            values = bin_of([known[edge] for edge in subject.edges], values)
        rank = limit if subject.levels else known[limit]
        return np.where(np.isnan(values), np.nan, _COMPARE[condition.symbol](values, rank))

    patterns = np.unique(np.stack([holds(where) == 1 for where in wheres], axis=1), axis=0)
    if len(patterns) > MOST_PATTERNS:
        raise _too_many(wheres)
    return patterns


def _number(subject: Expression) -> Expression:
    """The number that `cut` made this category from; else the subject itself."""
    return subject.arguments[0] if subject.edges else subject


def _subject(condition: Expression) -> tuple[Expression, float | None]:
    """What a condition compares with a public number, and that number; else the condition itself, and None."""
    if condition.symbol not in _COMPARE or len(condition.arguments) != 2 or condition.arguments[1].columns():
        return condition, None
    return condition.arguments[0], condition.arguments[1].low


def _too_many(wheres: Sequence[Expression]) -> ConfigError:
    return ConfigError(
        f"{len(wheres)} selections of rows by the same columns in the releases of one run: too many to hold apart. "
        "Release a table (`group_by`, `histogram`; `cut` makes a category of a number), or fewer of them"
    )
