"""In place of a contribution that has not come: shares of zeros, which every compute party makes by itself.

An organization that brings no rows contributes zeros, so whoever has not come counts as an organization without rows:
in sums, and in the numbers of rows that minimums are compared with. Nothing here is secret; all compute parties know
who has come.
"""

from __future__ import annotations

import numpy as np

from mpc.machine.engine import Engine
from mpc.machine.outside import Dealt


def without_rows(engine: Engine, owner: int, values: int, *, index: int) -> Dealt:
    """The pieces of compute party `index` of `values` zeros for `owner`. All parties make the same sharing."""
    pieces = engine.deal(np.zeros(values, np.int64), bytes)
    kinds = engine.pieces(values)
    held = [piece if index in kind.holders else None for piece, kind in zip(pieces, kinds, strict=True)]
    return Dealt(owner, tuple(held))
