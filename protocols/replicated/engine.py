"""The three-party engine: replicated sharing over Z_2^64, one corruption, semi-honest.

What the primitives do and cost stands with their protocols in the other files of this folder; here they are put
behind the engine's interface. Making an engine loads its compiled kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.machine.engine import Cost, Engine, Integers, Piece, Shape, Spec
from mpc.machine.party import Party
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
    outside,
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
from protocols.selecting import disclosed_by_selection, selection
from protocols.sorting import PLACES


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

    def discloses(self, primitive: str, *operands: Spec, **parameters: Any) -> Mapping[str, int]:
        if primitive == "order_of":
            return {PLACES: operands[0].size}
        if primitive == "rank_order":
            found = selection(operands[0].size, parameters["ranks"])
            if found is not None:
                return disclosed_by_selection(found)
        if primitive in ("rank_order", "sort_order"):
            return sort.disclosed_by_sort(operands[0].size, parameters["width"])
        return {}

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

    def cumulative_sum(self, party: Party, x: Arithmetic, *, axis: int) -> Arithmetic:
        return local.cumulative_sum(x, axis)

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

    # ---- organizations that do not compute
    def pieces(self, size: int) -> tuple[Piece, ...]:
        return outside.pieces(size)

    def deal(self, values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
        return outside.deal(values, random)

    def take(
        self,
        party: Party,
        *,
        pieces: Sequence[Sequence[NDArray[np.uint8] | None]],
        sizes: Sequence[int],
    ) -> Arithmetic:
        return outside.take(party, pieces, sizes)

    def nonnegative(self, party: Party, x: Arithmetic, *, bounds: Integers | None = None) -> Coroutine[Any, Any, Bits]:
        return outside.nonnegative(party, x, bounds)

    def hand_out(self, party: Party, x: Arithmetic | Bits) -> Coroutine[Any, Any, NDArray[np.uint64]]:
        return outside.hand_out(party, x)

    def handed_words(self, x: Spec) -> int:
        return 2 * x.size

    def combine(self, parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
        return outside.combine(parts, x)

    # ---- interactive: the protocols' own coroutines; another frame around them would be passed by every message
    def input(
        self, party: Party, *, owner: int, values: Integers | None, shape: Shape
    ) -> Coroutine[Any, Any, Arithmetic]:
        return arithmetic.share_input(party, owner, values, shape)

    def open(
        self, party: Party, x: Arithmetic | Bits, *, to: Sequence[int]
    ) -> Coroutine[Any, Any, NDArray[Any] | None]:
        return opening.reveal(party, x, to)

    def multiply(self, party: Party, x: Arithmetic, y: Arithmetic) -> Coroutine[Any, Any, Arithmetic]:
        return arithmetic.multiply(party, x, y)

    def matmul(self, party: Party, x: Arithmetic, y: Arithmetic) -> Coroutine[Any, Any, Arithmetic]:
        return matmul.matmul(party, x, y)

    def multiply_truncate(
        self, party: Party, x: Arithmetic, y: Arithmetic, *, bits: int
    ) -> Coroutine[Any, Any, Arithmetic]:
        return fused.multiply_truncate(party, x, y, bits)

    def matmul_truncate(
        self, party: Party, x: Arithmetic, y: Arithmetic, *, bits: int
    ) -> Coroutine[Any, Any, Arithmetic]:
        return matmul.matmul_truncate(party, x, y, bits)

    def truncate(self, party: Party, x: Arithmetic, *, bits: int) -> Coroutine[Any, Any, Arithmetic]:
        return truncate.truncate(party, x, bits)

    def truncate_exact(
        self, party: Party, x: Arithmetic, *, bits: int, rounding: Rounding
    ) -> Coroutine[Any, Any, Arithmetic]:
        return truncate_exact(party, x, bits, rounding)

    def sign(self, party: Party, x: Arithmetic, *, width: int) -> Coroutine[Any, Any, Bits]:
        return compare.sign(party, x, width)

    def quick_sign(self, party: Party, x: Arithmetic, *, width: int) -> Coroutine[Any, Any, Bits]:
        return quick.quick_sign(party, x, width)

    def signs(self, party: Party, x: Arithmetic, *, thresholds: Integers, width: int) -> Coroutine[Any, Any, Bits]:
        return signs(party, x, thresholds, width)

    def quick_signs(
        self, party: Party, x: Arithmetic, *, thresholds: Integers, width: int
    ) -> Coroutine[Any, Any, Bits]:
        return quick.quick_signs(party, x, thresholds, width)

    def equal(self, party: Party, x: Arithmetic, *, width: int) -> Coroutine[Any, Any, Bits]:
        return equality.equal(party, x, width)

    def rows_zero(self, party: Party, x: Arithmetic) -> Coroutine[Any, Any, Bits]:
        return rows_zero(party, x)

    def bits_and(self, party: Party, x: Bits, y: Bits) -> Coroutine[Any, Any, Bits]:
        return boolean.bits_and(party, x, y)

    def bit_to_ring(self, party: Party, b: Bits) -> Coroutine[Any, Any, Arithmetic]:
        return convert.bit_to_ring(party, b)

    def inject(self, party: Party, b: Bits, x: Arithmetic) -> Coroutine[Any, Any, Arithmetic]:
        return convert.inject(party, b, x)

    def decompose(self, party: Party, x: Arithmetic, *, width: int) -> Coroutine[Any, Any, Bits]:
        return convert.decompose(party, x, width)

    def recompose(self, party: Party, x: Bits) -> Coroutine[Any, Any, Arithmetic]:
        return recompose(party, x)

    def prefix_or(self, party: Party, x: Bits) -> Coroutine[Any, Any, Bits]:
        return boolean.prefix_or(party, x)

    def piecewise_cubic(
        self, party: Party, x: Arithmetic, *, low: int, step: int, table: Integers, bits: int
    ) -> Coroutine[Any, Any, Arithmetic]:
        return lookup.piecewise_cubic(party, x, low=low, step=step, table=table, bits=bits)

    def exponential(
        self, party: Party, x: Arithmetic, *, low: int, high: int, frac: int, digits: int, bits: int
    ) -> Coroutine[Any, Any, Arithmetic]:
        return lookup.exponential(party, x, low=low, high=high, frac=frac, digits=digits, bits=bits)

    def table_of_count(self, party: Party, x: Bits, *, table: Integers) -> Coroutine[Any, Any, Arithmetic]:
        return count.table_of_count(party, x, table)

    # ---- orders of rows
    def permutation(self, party: Party, *, size: int) -> Coroutine[Any, Any, Order]:
        return orders.permutation(party, size)

    def shuffle(self, party: Party, x: Arithmetic | Bits, order: Order) -> Coroutine[Any, Any, Arithmetic | Bits]:
        return orders.shuffle(party, x, order)

    def unshuffle(self, party: Party, x: Arithmetic | Bits, order: Order) -> Coroutine[Any, Any, Arithmetic | Bits]:
        return orders.unshuffle(party, x, order)

    def opposite(self, party: Party, order: Order) -> Order:
        return order.opposite()

    def sort_order(self, party: Party, x: Arithmetic, *, width: int) -> Coroutine[Any, Any, Order]:
        return sort.sort_order(party, x, width)

    def rank_order(
        self, party: Party, x: Arithmetic, *, ranks: tuple[int, ...], width: int
    ) -> Coroutine[Any, Any, Order]:
        return select.rank_order(party, x, ranks, width)

    def order_of(self, party: Party, x: Arithmetic) -> Coroutine[Any, Any, Order]:
        return orders.order_of(party, x)
