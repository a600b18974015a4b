"""What each primitive gives and costs, from specifications and the label alone.

A plan checks shapes, kinds and widths as the primitive itself does, so that a dry run fails where a run would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import LocalProtocolError, ShapeError
from mpc.machine.engine import Cost, Integers, Shape, Spec
from mpc.machine.shapes import axis_of, fitting, joined_shape, kept, same_shape, size_of, wanted
from protocols.replicated import (
    arithmetic,
    boolean,
    compare,
    convert,
    count,
    equality,
    fused,
    lookup,
    matmul,
    opening,
    orders,
    outside,
    quick,
    select,
    sort,
    truncate,
)
from protocols.replicated.exact import truncate_exact_cost
from protocols.replicated.local import magnitude_width
from protocols.replicated.recompose import recompose_cost
from protocols.replicated.roles import NOTHING
from protocols.replicated.rows import rows_shape, rows_zero_cost
from protocols.replicated.thresholds import signs_cost, spread_shape

Planned = tuple[Spec, Cost]
PLANS: dict[str, Callable[..., Planned]] = {}


def _plan(function: Callable[..., Planned]) -> Callable[..., Planned]:
    PLANS[function.__name__.lstrip("_")] = function
    return function


@_plan
def constant(label: bytes, *, values: Integers) -> Planned:
    return Spec(np.shape(values)), NOTHING


@_plan
def constant_bits(label: bytes, *, values: NDArray[np.uint64], width: int = 1) -> Planned:
    return Spec(np.shape(values), "bits", width), NOTHING


@_plan
def add(label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("add", x, "arith")
    same_shape("add", x, y)
    return x, NOTHING


@_plan
def subtract(label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("subtract", x, "arith")
    same_shape("subtract", x, y)
    return x, NOTHING


@_plan
def scale(label: bytes, x: Spec, *, by: Integers) -> Planned:
    wanted("scale", x, "arith")
    fitting("scale", np.asarray(by), x.shape)
    return x, NOTHING


@_plan
def add_public(label: bytes, x: Spec, *, values: Integers) -> Planned:
    wanted("add_public", x, "arith")
    fitting("add_public", np.asarray(values), x.shape)
    return x, NOTHING


@_plan
def _sum(label: bytes, x: Spec, *, axis: int) -> Planned:
    wanted("sum", x, "arith")
    axis = axis_of("sum", x.shape, axis)
    return Spec(x.shape[:axis] + x.shape[axis + 1 :]), NOTHING


@_plan
def cumulative_sum(label: bytes, x: Spec, *, axis: int) -> Planned:
    wanted("cumulative_sum", x, "arith")
    axis_of("cumulative_sum", x.shape, axis)
    return x, NOTHING


@_plan
def view(label: bytes, x: Spec, *, to: Callable[[NDArray[Any]], NDArray[Any]], shape: Shape) -> Planned:
    return x._replace(shape=shape), NOTHING


@_plan
def concatenate(label: bytes, *xs: Spec, axis: int) -> Planned:
    for x in xs[1:]:
        wanted("concatenate", x, xs[0].kind, xs[0].width)
    return xs[0]._replace(shape=joined_shape([x.shape for x in xs], axis)), NOTHING


@_plan
def xor(label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("xor", x, "bits")
    same_shape("xor", x, y)
    return x, NOTHING


@_plan
def invert(label: bytes, x: Spec) -> Planned:
    wanted("invert", x, "bits")
    return x, NOTHING


@_plan
def unpack(label: bytes, x: Spec) -> Planned:
    wanted("unpack", x, "bits")
    return x._replace(shape=(x.width, *x.shape), width=1), NOTHING


@_plan
def random(label: bytes, *, shape: Shape) -> Planned:
    return Spec(shape), NOTHING


@_plan
def random_bits(label: bytes, *, shape: Shape, width: int = 1) -> Planned:
    return Spec(shape, "bits", width), NOTHING


@_plan
def _input(label: bytes, *, owner: int, values: Integers | None = None, shape: Shape) -> Planned:
    result = Spec(shape)
    return result, arithmetic.input_cost(label, result.size, owner)


@_plan
def _open(label: bytes, x: Spec, *, to: Sequence[int]) -> Planned:
    return x, opening.reveal_cost(label, x, to)


@_plan
def take(label: bytes, *, pieces: Any, sizes: Sequence[int]) -> Planned:
    return Spec((sum(sizes),)), NOTHING


@_plan
def nonnegative(label: bytes, x: Spec, *, bounds: Integers | None = None) -> Planned:
    wanted("nonnegative", x, "arith")
    sides = x if bounds is None else Spec((2, *x.shape))
    if bounds is not None:
        fitting("nonnegative", np.asarray(bounds), x.shape)
    return Spec(sides.shape, "bits", 1), outside.nonnegative_cost(label, sides.size)


@_plan
def keep(label: bytes, x: Spec, facts: Spec) -> Planned:
    return kept(x, facts), NOTHING


@_plan
def hand_out(label: bytes, x: Spec) -> Planned:
    return x, outside.hand_out_cost(label, x)


@_plan
def multiply(label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("multiply", x, "arith")
    same_shape("multiply", x, y)
    return x, arithmetic.multiply_cost(label, x.size)


@_plan
def _matmul(label: bytes, x: Spec, y: Spec) -> Planned:
    shape = matmul.result_shape(x, y)
    return Spec(shape), matmul.matmul_cost(label, shape)


@_plan
def multiply_truncate(label: bytes, x: Spec, y: Spec, *, bits: int) -> Planned:
    wanted("multiply_truncate", x, "arith")
    same_shape("multiply_truncate", x, y)
    return x, fused.multiply_truncate_cost(label, x.size, bits)


@_plan
def matmul_truncate(label: bytes, x: Spec, y: Spec, *, bits: int) -> Planned:
    shape = matmul.result_shape(x, y)
    return Spec(shape), matmul.matmul_truncate_cost(label, shape, bits)


@_plan
def _truncate(label: bytes, x: Spec, *, bits: int) -> Planned:
    wanted("truncate", x, "arith")
    return x, truncate.truncate_cost(label, x.size, bits)


@_plan
def truncate_exact(label: bytes, x: Spec, *, bits: int, rounding: str) -> Planned:
    wanted("truncate_exact", x, "arith")
    return x, truncate_exact_cost(label, x.size, bits, rounding)


@_plan
def sign(label: bytes, x: Spec, *, width: int) -> Planned:
    wanted("sign", x, "arith")
    return Spec(x.shape, "bits", 1), compare.sign_cost(label, x.size, width)


@_plan
def quick_sign(label: bytes, x: Spec, *, width: int) -> Planned:
    wanted("quick_sign", x, "arith")
    return Spec(x.shape, "bits", 1), quick.quick_sign_cost(label, x.size, width)


@_plan
def _signs(label: bytes, x: Spec, *, thresholds: Integers, width: int) -> Planned:
    wanted("signs", x, "arith")
    shape = spread_shape("signs", x.shape, np.shape(thresholds))
    return Spec(shape, "bits", 1), signs_cost(label, shape, width)


@_plan
def quick_signs(label: bytes, x: Spec, *, thresholds: Integers, width: int) -> Planned:
    wanted("quick_signs", x, "arith")
    shape = spread_shape("quick_signs", x.shape, np.shape(thresholds))
    return Spec(shape, "bits", 1), quick.quick_signs_cost(label, shape, width)


@_plan
def equal(label: bytes, x: Spec, *, width: int) -> Planned:
    wanted("equal", x, "arith")
    return Spec(x.shape, "bits", 1), equality.equal_cost(label, x.size, width)


@_plan
def rows_zero(label: bytes, x: Spec) -> Planned:
    wanted("rows_zero", x, "arith")
    shape = rows_shape(x.shape)
    return Spec(shape, "bits", 1), rows_zero_cost(label, shape)


@_plan
def bits_and(label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("bits_and", x, "bits")
    same_shape("bits_and", x, y)
    return x, boolean.bits_and_cost(label, x)


@_plan
def bit_to_ring(label: bytes, b: Spec) -> Planned:
    wanted("bit_to_ring", b, "bits", 1)
    return Spec(b.shape), convert.bit_to_ring_cost(label, b.size)


@_plan
def inject(label: bytes, b: Spec, x: Spec) -> Planned:
    wanted("inject", b, "bits", 1)
    wanted("inject", x, "arith")
    if b.shape != x.shape:
        raise ShapeError(f"inject: a bit of shape {b.shape} for values of shape {x.shape}")
    return x, convert.inject_cost(label, x.size)


@_plan
def decompose(label: bytes, x: Spec, *, width: int) -> Planned:
    wanted("decompose", x, "arith")
    return Spec(x.shape, "bits", width), convert.decompose_cost(label, x.size, width)


@_plan
def recompose(label: bytes, x: Spec) -> Planned:
    wanted("recompose", x, "bits")
    return Spec(x.shape), recompose_cost(label, x.size, x.width)


@_plan
def prefix_or(label: bytes, x: Spec) -> Planned:
    wanted("prefix_or", x, "bits")
    return x, boolean.prefix_or_cost(label, x)


@_plan
def piecewise_cubic(label: bytes, x: Spec, *, low: int, step: int, table: Integers, bits: int) -> Planned:
    wanted("piecewise_cubic", x, "arith")
    lookup.check_table(table, step, bits)
    return x, lookup.piecewise_cubic_cost(label, x.size, table.shape[1], bits)


@_plan
def exponential(label: bytes, x: Spec, *, low: int, high: int, frac: int, digits: int, bits: int) -> Planned:
    wanted("exponential", x, "arith")
    return x, lookup.exponential_cost(label, x.size, low, high, frac, digits, bits)


@_plan
def magnitude(label: bytes, x: Spec) -> Planned:
    wanted("magnitude", x, "bits")
    return Spec(x.shape, "bits", magnitude_width(x) - 1), NOTHING


@_plan
def table_of_count(label: bytes, x: Spec, *, table: Integers) -> Planned:
    shape = count.result_shape(x, table)
    return Spec(shape), count.table_of_count_cost(label, size_of(shape), x.shape[0])


@_plan
def permutation(label: bytes, *, size: int) -> Planned:
    return orders.permutation_plan(label, size)


@_plan
def shuffle(label: bytes, x: Spec, order: Spec) -> Planned:
    return x, orders.shuffle_cost(x, order)


@_plan
def unshuffle(label: bytes, x: Spec, order: Spec) -> Planned:
    return x, orders.shuffle_cost(x, order, back=True)


@_plan
def opposite(label: bytes, order: Spec) -> Planned:
    wanted("opposite", order, "order")
    return order, NOTHING


@_plan
def order_of(label: bytes, x: Spec) -> Planned:
    return orders.order_of_plan(label, x)


@_plan
def sort_order(label: bytes, x: Spec, *, width: int) -> Planned:
    return sort.sort_plan(label, x, width)


@_plan
def rank_order(label: bytes, x: Spec, *, ranks: tuple[int, ...], width: int) -> Planned:
    return select.rank_order_plan(label, x, ranks, width)


#: Primitives with arrays, functions or lists among their parameters, and those with inner operations, whose labels
#: follow from the whole label; the plans of all others are remembered.
_FRESH = {
    "constant",
    "constant_bits",
    "scale",
    "add_public",
    "view",
    "input",
    "open",
    "take",
    "nonnegative",
    "random",
    "random_bits",
}
_FRESH |= {"order_of", "sort_order", "signs", "quick_signs", "piecewise_cubic", "table_of_count"}
_FRESH |= {"truncate_exact", "rank_order"}


@lru_cache(maxsize=4096)
def _remembered(primitive: str, d: int, operands: tuple[Spec, ...], parameters: tuple[tuple[str, Any], ...]) -> Planned:
    return PLANS[primitive](bytes((d,)), *operands, **dict(parameters))


def plan(primitive: str, label: bytes, operands: tuple[Spec, ...], parameters: dict[str, Any]) -> Planned:
    """The plan of a primitive; of the label only the party that is D in its first chunk matters."""
    if primitive not in PLANS:
        raise LocalProtocolError(f"the replicated engine has no primitive {primitive!r}")
    if primitive in _FRESH:
        return PLANS[primitive](label, *operands, **parameters)
    return _remembered(primitive, label[0] % 3, operands, tuple(parameters.items()))
