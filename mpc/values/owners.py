"""How many of the rows behind a value each owner brought, also where rows are in a secret order.

Before rows move, their places tell the owners. When they move, a number goes with each row: 2^(w i) for owner i. The
sum over rows has the owners' counts as digits in base 2^w, so that a single column moves for several owners.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mpc.values.fixed import width_of

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime
    from mpc.values.secret import SecretArray

#: A sum over rows, along the first axis: all of them, or those of each group.
Total = Callable[["SecretArray"], "SecretArray"]


def marks(run: Runtime, owner: NDArray[np.int64], owners: int) -> list[NDArray[np.int64]]:
    """The number of each row, one array for as many owners as fit in one. No owner: a negative number."""
    words = []
    for some, width in together(run, max(len(owner), 1), owners):
        word = np.zeros(owner.shape, np.int64)
        for digit, which in enumerate(some):
            word[owner == which] = 1 << (digit * width)
        words.append(word)
    return words


def counts_of(run: Runtime, sums: Sequence[SecretArray], rows: int, owners: int) -> SecretArray:
    """The counts of each owner, (owners, …), from the sums of the numbers of at most `rows` rows."""
    from mpc.values.secret import stack

    counts: list[SecretArray] = []
    for total, (some, width) in zip(sums, together(run, rows, owners), strict=True):
        counts += _digits(total, width, len(some))
    return stack(counts)


def together(run: Runtime, rows: int, owners: int) -> list[tuple[range, int]]:
    """Owners whose counts of at most `rows` rows are digits of one number, and the bits of a digit."""
    width = max(width_of(rows), 1)
    most = max(run.engine.capacity // width, 1)
    return [(range(start, min(start + most, owners)), width) for start in range(0, owners, most)]


def _digits(x: SecretArray, width: int, count: int) -> list[SecretArray]:
    """The digits of numbers from 0 up in base 2^width, the lowest first."""
    if count == 1:
        return [x]
    highs = [x] + [x.run.functions.floor_divide(x, 1 << (digit * width)) for digit in range(1, count)]
    most = (1 << width) - 1
    lower = [(high - above * (1 << width)).bounded(most) for high, above in pairwise(highs)]
    return [*lower, highs[-1].bounded(most)]
