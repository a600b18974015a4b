"""Matrix products: each party multiplies its shares, in threads if it has them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Shape, Spec
from mpc.machine.party import Party, concurrently
from mpc.machine.shapes import cuttable, product_shape, size_of
from protocols.shamir import kernels
from protocols.shamir.arithmetic import reduced
from protocols.shamir.committee import Scheme
from protocols.shamir.declared import declare
from protocols.shamir.operation import cost, run
from protocols.shamir.sharing import Numbers
from protocols.shamir.truncation import cut_product
from protocols.shamir.work import of_matrices

Words = NDArray[np.uint64]
#: Smallest number of products of elements in a piece of work.
_PIECE = 1 << 22


async def product(party: Party, x: Numbers, y: Numbers) -> tuple[Words, Shape]:
    """x @ y with degree 2t, as (m n, 2), and its shape (m, n). Sends nothing.

    Security  local: products of shares, which nobody else sees
    """
    shape = product_shape(x.spec, y.spec)
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


async def matmul(party: Party, scheme: Scheme, x: Numbers, y: Numbers) -> Numbers:
    """x @ y.

    Shapes    (m, k), (k, n) -> (m, n)
    Rounds    1
    Bytes     those of `arithmetic.reduced` for m n elements, whatever k is
    Security  as `arithmetic.reduced`
    Raises    ShapeError
    """
    z, shape = await product(party, x, y)
    return Numbers(await run(party, scheme, reduced, z, size=len(z)), shape)


async def matmul_truncate(party: Party, scheme: Scheme, x: Numbers, y: Numbers, *, bits: int) -> Numbers:
    """x @ y / 2^bits, rounded as in `cut`.

    Shapes    (m, k), (k, n) -> (m, n)
    Rounds    2
    Bytes     those of `truncation.cut_product` for m n elements, whatever k is
    Security  as `truncation.cut`
    Raises    ShapeError, RangeError
    """
    cuttable(bits)
    z, shape = await product(party, x, y)
    return Numbers(await run(party, scheme, cut_product, z, size=len(z), bits=bits), shape)


def _matmul_cost(scheme: Scheme, label: bytes, x: Spec, y: Spec) -> Cost:
    return cost(scheme, label, reduced, 0, size=size_of(product_shape(x, y)))


def _cut_cost(scheme: Scheme, label: bytes, x: Spec, y: Spec, *, bits: int) -> Cost:
    return cost(scheme, label, cut_product, 0, size=size_of(product_shape(x, y)), bits=bits)


declare("matmul", matmul, cost=_matmul_cost, work=of_matrices)
declare("matmul_truncate", matmul_truncate, cost=_cut_cost, work=of_matrices)
