"""Which of several selections a row can be in at once: what follows from their conditions alone, publicly.

Conditions on one column are put in order: a row of up to 50 is one of up to 60, and of two levels of a category a row
has one. Whatever else could be, counts as possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError
from mpc.tables.expressions import Expression, conditions

Bits = NDArray[np.bool_]

#: Combinations of single conditions that are gone through, and patterns of selections that rows are counted by.
MOST_COMBINATIONS = 1 << 16
MOST_PATTERNS = 64

_COMPARE: dict[str, Callable[[NDArray[np.float64], float], Bits]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_JOIN: dict[str, Callable[..., Bits]] = {
    "&": np.logical_and,
    "|": np.logical_or,
    "^": np.logical_xor,
    "not": np.logical_not,
}


def possible(wheres: Sequence[Expression]) -> Bits:
    """(patterns, selections): every pattern of these conditions that a row can show, in a fixed order.

    Raises ConfigError for too many.
    """
    single = {one.digest: one for where in wheres for one in conditions(where)}
    axes: dict[bytes, NDArray[np.float64]] = {}
    for digest, one in single.items():
        known = _threshold(one)
        if known is None:
            axes[digest] = np.asarray([0.0, 1.0])
        elif one.arguments[0].levels:
            axes[one.arguments[0].digest] = np.arange(len(one.arguments[0].levels), dtype=np.float64)
        else:
            inner = one.arguments[0].digest
            axes[inner] = np.unique(np.append(axes.get(inner, np.empty(0)), known))
    numbers = {one.arguments[0].digest for one in single.values() if _threshold(one) is not None}
    points = [
        _between(axis) if digest in numbers and not _is_category(single, digest) else axis
        for digest, axis in axes.items()
    ]
    if np.prod([float(len(axis)) for axis in points]) > MOST_COMBINATIONS:
        raise _too_many(wheres)
    grid = np.meshgrid(*points, indexing="ij")
    at = dict(zip(axes, (axis.reshape(-1) for axis in grid), strict=True))

    def holds(one: Expression) -> Bits:
        if one.symbol in _JOIN and one.digest not in at:
            return _JOIN[one.symbol](*(holds(part) for part in one.arguments))
        known = _threshold(one)
        return at[one.digest] == 1 if known is None else _COMPARE[one.symbol](at[one.arguments[0].digest], known)

    found = np.unique(np.stack([holds(where) for where in wheres], axis=1), axis=0)
    if len(found) > MOST_PATTERNS:
        raise _too_many(wheres)
    return found


def _threshold(one: Expression) -> float | None:
    """What a condition compares with, where that is a public number."""
    if one.symbol not in _COMPARE or len(one.arguments) != 2 or one.arguments[1].columns():
        return None
    return float(one.arguments[1].low)


def _is_category(single: dict[bytes, Expression], digest: bytes) -> bool:
    return any(
        one.arguments[0].levels for one in single.values() if one.arguments and one.arguments[0].digest == digest
    )


def _between(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The thresholds, and a number on each side of each."""
    ends = [-np.inf, *((thresholds[1:] + thresholds[:-1]) / 2), np.inf]
    return np.unique(np.concatenate([thresholds, ends]))


def _too_many(wheres: Sequence[Expression]) -> ConfigError:
    return ConfigError(
        f"{len(wheres)} selections of rows by the same columns in the releases of one run: too many to hold apart. "
        "Release a table (`group_by`, `histogram`; `cut` makes a category of a number), or fewer of them"
    )
