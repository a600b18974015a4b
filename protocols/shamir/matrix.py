"""Matrix products: one party's part, in threads where there are some."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.machine.engine import Shape
from mpc.machine.party import Party, concurrently
from protocols.shamir import kernels
from protocols.shamir.sharing import Numbers

Words = NDArray[np.uint64]
#: Products of elements that one piece of work has at least.
_PIECE = 1 << 22


def shape_of(x: Shape, y: Shape) -> Shape:
    """(m, k) @ (k, n); ShapeError for others."""
    if len(x) != 2 or len(y) != 2 or x[1] != y[0]:
        raise ShapeError(f"matmul: shapes {x} and {y} do not multiply; wants (m, k) and (k, n)")
    return (x[0], y[1])


async def product(party: Party, x: Numbers, y: Numbers) -> tuple[Words, Shape]:
    """x @ y with degree 2t, as (m n, 2), and its shape (m, n). Sends nothing.

    Security  local: products of points, which nobody else sees
    """
    shape = shape_of(x.shape, y.shape)
    rows, inner, columns = x.shape[0], x.shape[1], y.shape[1]
    a, b = x.data.reshape(rows, inner, 2), y.data.reshape(inner, columns, 2)
    out = np.zeros((rows, columns, 2), np.uint64)
    pieces = max(1, min(rows, rows * inner * columns // _PIECE))
    edges = [rows * i // pieces for i in range(pieces + 1)]
    work = rows * inner * columns
    await concurrently(
        *(party.compute(work, kernels.matmul, a, b, start, stop, out) for start, stop in pairwise(edges))
    )
    return out.reshape(-1, 2), shape
