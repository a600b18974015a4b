"""Rows of a shared table by the levels of a category: counts, and the cohort behind each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mpc.errors import RangeError
from mpc.values.basis import Basis
from mpc.values.cohorts import Cohort
from mpc.values.places import Lazy, indicator
from mpc.values.secret import SecretArray
from protocols.statistics.counts.strata import counted_cells

#: Most levels times places: each level is compared with each place.
_MOST = 1 << 22


class InLevels(NamedTuple):
    """counts (levels,) without basis;  ones (places, levels): 1 where a row has a level;  cohorts  those behind counts,
    of which some may be of all rows, of shape ()."""

    counts: SecretArray
    ones: SecretArray
    cohorts: tuple[Cohort, ...]
    origin: tuple[str, ...]


def in_levels(what: str, codes: SecretArray, size: int, there: SecretArray, basis: Basis) -> InLevels:
    """Rows by their codes 0 to size - 1.

    there  bits (places,): rows that count;  basis  that of the columns

    Rounds  an equality of all places and levels, an AND and a conversion
    Raises  RangeError for more than 4,194,304 places times levels
    """
    n = len(codes)
    if n * size > _MOST:
        raise RangeError(f"{what}: {size:,} levels times {n:,} places of shared rows; at most {_MOST:,} are possible")
    level = codes.bare().numeric().reshape(n, 1).broadcast_to((n, size)) == np.arange(size).reshape(1, size)
    level = level & there.reshape(n, 1).broadcast_to((n, size))
    ones = indicator(level).bare()
    counts = ones.sum(0).bounded(n)
    basis = basis.plain()
    cells = counted_cells(basis, codes.constant(np.ones((1, n), np.int64)), ones.T)
    if cells is not None:
        return InLevels(counts, ones, (cells.view(lambda a: a.reshape(size)),), basis.origin)
    wide = basis.view(lambda a: np.repeat(a.reshape(n, 1), size, axis=1), (n,), {})
    found = wide.where(Lazy.of(level)).reduced(0, rest=False, name=what)
    return InLevels(counts, ones, found.cohorts, found.origin)
