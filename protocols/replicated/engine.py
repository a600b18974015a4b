"""The three-party engine: replicated sharing over Z_2^64, one corruption, semi-honest.

What the primitives do and cost stands with their protocols in the other files of this folder; here they are put
behind the engine's interface. Making an engine loads its compiled kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.engine import Cost, Engine, Integers, Shape, Spec
from mpc.party import Party
from protocols.replicated import (
    arithmetic,
    boolean,
    compare,
    convert,
    count,
    equality,
    fused,
    kernels,
    kernels_hash,
    kernels_lookup,
    kernels_order,
    kernels_quick,
    local,
    lookup,
    matmul,
    opening,
    orders,
    plans,
    quick,
    select,
    sort,
    truncate,
    work,
)
from protocols.replicated.exact import Rounding, truncate_exact
from protocols.replicated.orders import Order
from protocols.replicated.recompose import recompose
from protocols.replicated.rows import rows_zero
from protocols.replicated.sharing import Arithmetic, Bits
from protocols.replicated.thresholds import signs


def warm_up(progress: Callable[[int, int], None] | None = None) -> None:
    """Compile all kernels, or load them from numba's cache, in this process; `progress(done, all)` after each.

    Called in one process before parties start, so that they find the cache filled. The cache is where numba keeps
    it: beside the source, or in NUMBA_CACHE_DIR, which the caller sets before the first import where the
    installation cannot be written to.
    """
    kernels.ready(progress)


#: Which kernels a primitive wants besides the first group's: every order begins with one of three.
_GROUPS = dict.fromkeys(("permutation", "order_of", "sort_order", "rank_order"), kernels_order.GROUP)
_GROUPS["rows_zero"] = kernels_hash.GROUP
_GROUPS["quick_sign"] = _GROUPS["quick_signs"] = kernels_quick.GROUP
_GROUPS |= dict.fromkeys(("piecewise_cubic", "exponential", "table_of_count"), kernels_lookup.GROUP)


class ReplicatedEngine(Engine):
    """Three parties, each holding two of the three components of every value."""

    name = "replicated"
    parties = 3
    capacity = 62

    def __init__(self) -> None:
        warm_up()

    def prepare(self, primitives: Collection[str]) -> None:
        groups = {group for primitive, group in _GROUPS.items() if primitive in primitives}
        kernels.ready(groups=sorted(groups))

    def plan(self, primitive: str, label: bytes, *operands: Spec, **parameters: Any) -> tuple[Spec, Cost]:
        return plans.plan(primitive, label, operands, parameters)

    def work(self, primitive: str, *operands: Spec, **parameters: Any) -> float:
        return work.work(primitive, operands, parameters)

    # ---- local
    def constant(self, party: Party, *, values: Integers) -> Arithmetic:
        return local.constant(party, values)

    def constant_bits(self, party: Party, *, values: NDArray[np.uint64], width: int = 1) -> Bits:
        return local.constant_bits(party, values, width)

    def add(self, party: Party, x: Arithmetic, y: Arithmetic) -> Arithmetic:
        return local.add(x, y)

    def subtract(self, party: Party, x: Arithmetic, y: Arithmetic) -> Arithmetic:
        return local.subtract(x, y)

    def scale(self, party: Party, x: Arithmetic, *, by: Integers) -> Arithmetic:
        return local.scale(x, by)

    def add_public(self, party: Party, x: Arithmetic, *, values: Integers) -> Arithmetic:
        return local.add_public(party, x, values)

    def sum(self, party: Party, x: Arithmetic, *, axis: int) -> Arithmetic:
        return local.sum_over(x, axis)

    def view(self, party: Party, x: Any, *, to: Callable[[NDArray[Any]], NDArray[Any]], shape: Shape) -> Any:
        return local.view(x, to, shape)

    def concatenate(self, party: Party, *xs: Any, axis: int) -> Any:
        return local.concatenate(xs, axis)

    def xor(self, party: Party, x: Bits, y: Bits) -> Bits:
        return local.xor(x, y)

    def invert(self, party: Party, x: Bits) -> Bits:
        return local.invert(party, x)

    def unpack(self, party: Party, x: Bits) -> Bits:
        return local.unpack(x)

    def magnitude(self, party: Party, x: Bits) -> Bits:
        return local.magnitude(x)

    def random(self, party: Party, *, shape: Shape) -> Arithmetic:
        return arithmetic.random(party, shape)

    def random_bits(self, party: Party, *, shape: Shape, width: int = 1) -> Bits:
        return boolean.random_bits(party, shape, width)

    # ---- interactive
    async def input(self, party: Party, *, owner: int, values: Integers | None, shape: Shape) -> Arithmetic:
        return await arithmetic.share_input(party, owner, values, shape)

    async def open(self, party: Party, x: Arithmetic | Bits, *, to: Sequence[int]) -> NDArray[Any] | None:
        return await opening.reveal(party, x, to)

    async def multiply(self, party: Party, x: Arithmetic, y: Arithmetic) -> Arithmetic:
        return await arithmetic.multiply(party, x, y)

    async def matmul(self, party: Party, x: Arithmetic, y: Arithmetic) -> Arithmetic:
        return await matmul.matmul(party, x, y)

    async def multiply_truncate(self, party: Party, x: Arithmetic, y: Arithmetic, *, bits: int) -> Arithmetic:
        return await fused.multiply_truncate(party, x, y, bits)

    async def matmul_truncate(self, party: Party, x: Arithmetic, y: Arithmetic, *, bits: int) -> Arithmetic:
        return await matmul.matmul_truncate(party, x, y, bits)

    async def truncate(self, party: Party, x: Arithmetic, *, bits: int) -> Arithmetic:
        return await truncate.truncate(party, x, bits)

    async def truncate_exact(self, party: Party, x: Arithmetic, *, bits: int, rounding: Rounding) -> Arithmetic:
        return await truncate_exact(party, x, bits, rounding)

    async def sign(self, party: Party, x: Arithmetic, *, width: int) -> Bits:
        return await compare.sign(party, x, width)

    async def quick_sign(self, party: Party, x: Arithmetic, *, width: int) -> Bits:
        return await quick.quick_sign(party, x, width)

    async def signs(self, party: Party, x: Arithmetic, *, thresholds: Integers, width: int) -> Bits:
        return await signs(party, x, thresholds, width)

    async def quick_signs(self, party: Party, x: Arithmetic, *, thresholds: Integers, width: int) -> Bits:
        return await quick.quick_signs(party, x, thresholds, width)

    async def equal(self, party: Party, x: Arithmetic, *, width: int) -> Bits:
        return await equality.equal(party, x, width)

    async def rows_zero(self, party: Party, x: Arithmetic) -> Bits:
        return await rows_zero(party, x)

    async def bits_and(self, party: Party, x: Bits, y: Bits) -> Bits:
        return await boolean.bits_and(party, x, y)

    async def bit_to_ring(self, party: Party, b: Bits) -> Arithmetic:
        return await convert.bit_to_ring(party, b)

    async def inject(self, party: Party, b: Bits, x: Arithmetic) -> Arithmetic:
        return await convert.inject(party, b, x)

    async def decompose(self, party: Party, x: Arithmetic, *, width: int) -> Bits:
        return await convert.decompose(party, x, width)

    async def recompose(self, party: Party, x: Bits) -> Arithmetic:
        return await recompose(party, x)

    async def prefix_or(self, party: Party, x: Bits) -> Bits:
        return await boolean.prefix_or(party, x)

    async def piecewise_cubic(
        self, party: Party, x: Arithmetic, *, low: int, step: int, table: Integers, bits: int
    ) -> Arithmetic:
        return await lookup.piecewise_cubic(party, x, low=low, step=step, table=table, bits=bits)

    async def exponential(
        self, party: Party, x: Arithmetic, *, low: int, high: int, frac: int, digits: int, bits: int
    ) -> Arithmetic:
        return await lookup.exponential(party, x, low=low, high=high, frac=frac, digits=digits, bits=bits)

    async def table_of_count(self, party: Party, x: Bits, *, table: Integers) -> Arithmetic:
        return await count.table_of_count(party, x, table)

    # ---- orders of rows
    async def permutation(self, party: Party, *, size: int) -> Order:
        return await orders.permutation(party, size)

    async def shuffle(self, party: Party, x: Arithmetic | Bits, order: Order) -> Arithmetic | Bits:
        return await orders.shuffle(party, x, order)

    async def unshuffle(self, party: Party, x: Arithmetic | Bits, order: Order) -> Arithmetic | Bits:
        return await orders.unshuffle(party, x, order)

    def opposite(self, party: Party, order: Order) -> Order:
        return order.opposite()

    async def sort_order(self, party: Party, x: Arithmetic, *, width: int) -> Order:
        return await sort.sort_order(party, x, width)

    async def rank_order(self, party: Party, x: Arithmetic, *, ranks: tuple[int, ...], width: int) -> Order:
        return await select.rank_order(party, x, ranks, width)

    async def order_of(self, party: Party, x: Arithmetic) -> Order:
        return await orders.order_of(party, x)
