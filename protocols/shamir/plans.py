"""What each primitive gives and costs, from specifications and the label alone.

A plan checks shapes, kinds and widths as the primitive itself does, so that a dry run fails where a run would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import LocalProtocolError, RangeError, ShapeError
from mpc.machine.engine import Cost, Integers, Shape, Spec
from mpc.machine.party import inner_label
from mpc.machine.shapes import axis_of, fitting, joined_shape, kept, same_shape, size_of, wanted
from protocols.selecting import check_ranks
from protocols.shamir import (
    arithmetic,
    comparison,
    lookup,
    matrix,
    orders,
    outside,
    randomness,
    ranges,
    sort,
    switches,
    truncation,
)
from protocols.shamir.committee import Scheme
from protocols.shamir.operation import cost, nothing

Planned = tuple[Spec, Cost]
PLANS: dict[str, Callable[..., Planned]] = {}
#: Bits in which any number is compared with zero.
WHOLE = 63


def _plan(function: Callable[..., Planned]) -> Callable[..., Planned]:
    PLANS[function.__name__.strip("_")] = function
    return function


# ---- what primitives and their plans check alike
def cuttable(bits: int) -> None:
    if not 1 <= bits <= 62:
        raise RangeError(f"1 to 62 bits can be cut, not {bits}")


def exact(bits: int, rounding: str) -> bool:
    """Whether to the nearest."""
    cuttable(bits)
    if rounding not in ("floor", "nearest"):
        raise RangeError(f"truncation to {rounding!r}")
    return rounding == "nearest"


def comparable(x: Spec, width: int, least: int) -> None:
    wanted("a comparison", x, "arith")
    if not least <= width <= 64:
        raise RangeError(f"numbers are compared on {least} to 64 bits, not {width}")


def rows(x: Spec) -> tuple[Shape, int]:
    """Shape without the last axis, and the length of that."""
    wanted("rows_zero", x, "arith")
    if not x.shape:
        raise ShapeError("rows_zero: wants rows, a last axis")
    return x.shape[:-1], x.shape[-1]


def bit(what: str, b: Spec) -> None:
    wanted(what, b, "bits", 1)


def injected(b: Spec, x: Spec) -> None:
    bit("inject", b)
    wanted("inject", x, "arith")
    if b.shape != x.shape:
        raise ShapeError(f"inject: shapes {b.shape} and {x.shape} differ")


def rows_of_table(table: Integers) -> tuple[tuple[int, ...], ...]:
    """A table of cubics as integers; their number is a power of two."""
    pieces = table.shape[1] if np.ndim(table) == 2 else 0
    if np.shape(table) != (4, pieces) or pieces < 2 or pieces & (pieces - 1):
        raise ShapeError(f"a table of cubics has shape (4, 8), (4, 16), …; got {np.shape(table)}")
    return tuple(tuple(int(c) for c in row) for row in table)


def counted(x: Spec, table: Integers) -> tuple[Shape, int, tuple[int, ...]]:
    """Result's shape, number of bits that are counted, and the table."""
    wanted("table_of_count", x, "bits", 1)
    if not x.shape or not 1 <= x.shape[0] <= 127 or len(table) != x.shape[0] + 1:
        raise ShapeError(f"table_of_count: 1 to 127 bits and a table of one more; got {x.shape} and {len(table)}")
    return x.shape[1:], x.shape[0], tuple(int(value) for value in table)


def sortable(x: Spec, width: int) -> None:
    wanted("an order", x, "arith")
    if len(x.shape) != 1:
        raise ShapeError(f"an order is that of a vector; got shape {x.shape}")
    if not 1 <= width <= 64:
        raise RangeError(f"keys have 1 to 64 bits, not {width}")


def ranked(x: Spec, ranks: tuple[int, ...], width: int) -> None:
    sortable(x, width)
    check_ranks(ranks, x.size)


def placed(x: Spec) -> int:
    """Bits of the places of a vector."""
    sortable(x, 64)
    return x.size.bit_length() + 1


def switched(scheme: Scheme) -> bool:
    """Whether orders are switches of a sorting network: for t of 7 and more there are 6,435 sets of t+1 of 2t+1
    parties and more, and bytes and rounds of a walk through them pass those of a network."""
    return scheme.threshold > 6


# ---- local
@_plan
def constant(scheme: Scheme, label: bytes, *, values: Integers) -> Planned:
    return Spec(np.shape(values)), nothing(scheme)


@_plan
def constant_bits(scheme: Scheme, label: bytes, *, values: NDArray[np.uint64], width: int = 1) -> Planned:
    return Spec(np.shape(values), "bits", width), nothing(scheme)


@_plan
def add(scheme: Scheme, label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("add", x, "arith")
    same_shape("add", x, y)
    return x, nothing(scheme)


@_plan
def subtract(scheme: Scheme, label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("subtract", x, "arith")
    same_shape("subtract", x, y)
    return x, nothing(scheme)


@_plan
def scale(scheme: Scheme, label: bytes, x: Spec, *, by: Integers) -> Planned:
    wanted("scale", x, "arith")
    fitting("scale", np.asarray(by), x.shape)
    return x, nothing(scheme)


@_plan
def add_public(scheme: Scheme, label: bytes, x: Spec, *, values: Integers) -> Planned:
    wanted("add_public", x, "arith")
    fitting("add_public", np.asarray(values), x.shape)
    return x, nothing(scheme)


@_plan
def _sum(scheme: Scheme, label: bytes, x: Spec, *, axis: int) -> Planned:
    wanted("sum", x, "arith")
    axis = axis_of("sum", x.shape, axis)
    return Spec(x.shape[:axis] + x.shape[axis + 1 :]), nothing(scheme)


@_plan
def cumulative_sum(scheme: Scheme, label: bytes, x: Spec, *, axis: int) -> Planned:
    wanted("cumulative_sum", x, "arith")
    axis_of("cumulative_sum", x.shape, axis)
    return x, nothing(scheme)


@_plan
def view(scheme: Scheme, label: bytes, x: Spec, *, to: Any, shape: Shape) -> Planned:
    return Spec(shape, x.kind, x.width), nothing(scheme)


@_plan
def concatenate(scheme: Scheme, label: bytes, *xs: Spec, axis: int) -> Planned:
    for x in xs[1:]:
        wanted("concatenate", x, xs[0].kind, xs[0].width)
    return Spec(joined_shape([x.shape for x in xs], axis), xs[0].kind, xs[0].width), nothing(scheme)


@_plan
def xor(scheme: Scheme, label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("xor", x, "bits")
    same_shape("xor", x, y)
    return x, nothing(scheme)


@_plan
def invert(scheme: Scheme, label: bytes, x: Spec) -> Planned:
    wanted("invert", x, "bits")
    return x, nothing(scheme)


@_plan
def unpack(scheme: Scheme, label: bytes, x: Spec) -> Planned:
    wanted("unpack", x, "bits")
    return Spec((x.width, *x.shape), "bits", 1), nothing(scheme)


@_plan
def magnitude(scheme: Scheme, label: bytes, x: Spec) -> Planned:
    wanted("magnitude", x, "bits")
    if x.width < 2:
        raise ShapeError("magnitude: a word of one bit has only a sign")
    return Spec(x.shape, "bits", x.width - 1), nothing(scheme)


# ---- in and out
@_plan
def _input(scheme: Scheme, label: bytes, *, owner: int, values: Any, shape: Shape) -> Planned:
    return Spec(shape), arithmetic.input_cost(scheme, label, size_of(shape), owner)


@_plan
def _open(scheme: Scheme, label: bytes, x: Spec, *, to: Sequence[int]) -> Planned:
    return x, arithmetic.reveal_cost(scheme, label, x, to)


@_plan
def random(scheme: Scheme, label: bytes, *, shape: Shape) -> Planned:
    return Spec(shape), cost(scheme, label, randomness.random_numbers, size=size_of(shape))


@_plan
def random_bits(scheme: Scheme, label: bytes, *, shape: Shape, width: int = 1) -> Planned:
    spent = cost(scheme, label, randomness.random_planes, size=size_of(shape), width=width)
    return Spec(shape, "bits", width), spent


# ---- organizations that do not compute
@_plan
def take(scheme: Scheme, label: bytes, *, pieces: Any, sizes: Sequence[int]) -> Planned:
    size = sum(sizes)
    return Spec((size,)), cost(scheme, label, outside.take, size=size)


@_plan
def nonnegative(scheme: Scheme, label: bytes, x: Spec, *, bounds: Integers | None = None) -> Planned:
    wanted("nonnegative", x, "arith")
    sides = x if bounds is None else Spec((2, *x.shape))
    if bounds is not None:
        fitting("nonnegative", np.asarray(bounds), x.shape)
    return Spec(sides.shape, "bits", 1), cost(scheme, label, ranges.nonnegative, 0, size=sides.size)


@_plan
def keep(scheme: Scheme, label: bytes, x: Spec, facts: Spec) -> Planned:
    return kept(x, facts), nothing(scheme)


@_plan
def hand_out(scheme: Scheme, label: bytes, x: Spec) -> Planned:
    if x.kind == "bits":
        return x, cost(scheme, label, outside.fresh_planes, x.width, size=x.size, width=x.width)
    return x, cost(scheme, label, outside.fresh_numbers, 0, size=x.size)


# ---- numbers
@_plan
def multiply(scheme: Scheme, label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("multiply", x, "arith")
    same_shape("multiply", x, y)
    return x, cost(scheme, label, arithmetic.multiply, 0, 0, size=x.size)


@_plan
def multiply_truncate(scheme: Scheme, label: bytes, x: Spec, y: Spec, *, bits: int) -> Planned:
    wanted("multiply_truncate", x, "arith")
    same_shape("multiply_truncate", x, y)
    cuttable(bits)
    return x, cost(scheme, label, truncation.multiply_cut, 0, 0, size=x.size, bits=bits)


@_plan
def matmul(scheme: Scheme, label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("matmul", x, "arith")
    wanted("matmul", y, "arith")
    result = Spec(matrix.shape_of(x.shape, y.shape))
    return result, cost(scheme, label, arithmetic.reduced, 0, size=result.size)


@_plan
def matmul_truncate(scheme: Scheme, label: bytes, x: Spec, y: Spec, *, bits: int) -> Planned:
    wanted("matmul_truncate", x, "arith")
    wanted("matmul_truncate", y, "arith")
    cuttable(bits)
    result = Spec(matrix.shape_of(x.shape, y.shape))
    return result, cost(scheme, label, truncation.cut_product, 0, size=result.size, bits=bits)


@_plan
def truncate(scheme: Scheme, label: bytes, x: Spec, *, bits: int) -> Planned:
    wanted("truncate", x, "arith")
    cuttable(bits)
    return x, cost(scheme, label, truncation.cut_product, 0, size=x.size, bits=bits)


@_plan
def truncate_exact(scheme: Scheme, label: bytes, x: Spec, *, bits: int, rounding: str) -> Planned:
    wanted("truncate_exact", x, "arith")
    nearest = exact(bits, rounding)
    return x, cost(scheme, label, truncation.cut_exactly, 0, size=x.size, bits=bits, nearest=nearest)


# ---- comparisons and bits
@_plan
def sign(scheme: Scheme, label: bytes, x: Spec, *, width: int) -> Planned:
    comparable(x, width, 2)
    return Spec(x.shape, "bits", 1), cost(scheme, label, comparison.sign, 0, size=x.size, width=width)


@_plan
def signs(scheme: Scheme, label: bytes, x: Spec, *, thresholds: Integers, width: int) -> Planned:
    return sign(scheme, label, Spec((len(thresholds), *x.shape)), width=width)


PLANS["quick_sign"], PLANS["quick_signs"] = sign, signs


@_plan
def equal(scheme: Scheme, label: bytes, x: Spec, *, width: int) -> Planned:
    comparable(x, width, 1)
    return Spec(x.shape, "bits", 1), cost(scheme, label, comparison.equal, 0, size=x.size, width=width)


@_plan
def rows_zero(scheme: Scheme, label: bytes, x: Spec) -> Planned:
    shape, columns = rows(x)
    spent = cost(scheme, inner_label(label, 1, "equal"), comparison.equal, 0, size=x.size, width=WHOLE)
    if columns:
        last = inner_label(label, 2, "every")
        spent = spent.then(cost(scheme, last, comparison.every, columns, size=size_of(shape), width=columns))
    return Spec(shape, "bits", 1), spent


@_plan
def bits_and(scheme: Scheme, label: bytes, x: Spec, y: Spec) -> Planned:
    wanted("bits_and", x, "bits")
    same_shape("bits_and", x, y)
    return x, cost(scheme, label, comparison.bits_and, x.width, x.width, size=x.size, width=x.width)


@_plan
def prefix_or(scheme: Scheme, label: bytes, x: Spec) -> Planned:
    wanted("prefix_or", x, "bits")
    return x, cost(scheme, label, comparison.prefix_or, x.width, size=x.size, width=x.width)


@_plan
def bit_to_ring(scheme: Scheme, label: bytes, b: Spec) -> Planned:
    bit("bit_to_ring", b)
    return Spec(b.shape), cost(scheme, label, comparison.as_number, 1, size=b.size)


@_plan
def inject(scheme: Scheme, label: bytes, b: Spec, x: Spec) -> Planned:
    injected(b, x)
    return x, cost(scheme, label, comparison.inject, 1, 0, size=x.size)


@_plan
def decompose(scheme: Scheme, label: bytes, x: Spec, *, width: int) -> Planned:
    comparable(x, width, 1)
    return Spec(x.shape, "bits", width), cost(scheme, label, comparison.decompose, 0, size=x.size, width=width)


@_plan
def recompose(scheme: Scheme, label: bytes, x: Spec) -> Planned:
    wanted("recompose", x, "bits")
    return Spec(x.shape), cost(scheme, label, comparison.recompose, x.width, size=x.size, width=x.width)


# ---- tables
@_plan
def piecewise_cubic(
    scheme: Scheme, label: bytes, x: Spec, *, low: int, step: int, table: Integers, bits: int
) -> Planned:
    wanted("piecewise_cubic", x, "arith")
    rows_ = rows_of_table(table)
    return x, cost(scheme, label, lookup.piecewise_cubic, 0, size=x.size, low=low, step=step, table=rows_, bits=bits)


@_plan
def exponential(
    scheme: Scheme, label: bytes, x: Spec, *, low: int, high: int, frac: int, digits: int, bits: int
) -> Planned:
    wanted("exponential", x, "arith")
    return x, cost(
        scheme, label, lookup.exponential, 0, size=x.size, low=low, high=high, frac=frac, digits=digits, bits=bits
    )


@_plan
def table_of_count(scheme: Scheme, label: bytes, x: Spec, *, table: Integers) -> Planned:
    shape, count, values = counted(x, table)
    spent = cost(scheme, label, lookup.table_of_count, count, size=size_of(shape), bits=count, table=values)
    return Spec(shape), spent


# ---- orders of rows
@_plan
def permutation(scheme: Scheme, label: bytes, *, size: int) -> Planned:
    if switched(scheme):
        return switches.spec(size), switches.permutation_cost(scheme, label, size)
    return orders.permutation_spec(scheme, label, size), orders.permutation_cost(scheme, label, size)


@_plan
def shuffle(scheme: Scheme, label: bytes, x: Spec, order: Spec) -> Planned:
    orders.check(x, order)
    if switched(scheme):
        return x, switches.applied_cost(scheme, label, x, order)
    return x, orders.shuffle_cost(scheme, label, x, order)


@_plan
def unshuffle(scheme: Scheme, label: bytes, x: Spec, order: Spec) -> Planned:
    return shuffle(scheme, label, x, opposite(scheme, label, order)[0])


@_plan
def opposite(scheme: Scheme, label: bytes, order: Spec) -> Planned:
    wanted("opposite", order, "order")
    return (switches if switched(scheme) else orders).turned(order), nothing(scheme)


@_plan
def sort_order(scheme: Scheme, label: bytes, x: Spec, *, width: int) -> Planned:
    sortable(x, width)
    if switched(scheme):
        return switches.spec(x.size), switches.sorting_cost(scheme, label, x.size, width=width)
    return sort.sort_plan(scheme, label, x, width)


@_plan
def rank_order(scheme: Scheme, label: bytes, x: Spec, *, ranks: tuple[int, ...], width: int) -> Planned:
    ranked(x, ranks, width)
    if switched(scheme):
        return sort_order(scheme, label, x, width=width)
    return sort.rank_order_plan(scheme, label, x, ranks, width)


@_plan
def order_of(scheme: Scheme, label: bytes, x: Spec) -> Planned:
    width = placed(x)
    if switched(scheme):
        return sort_order(scheme, label, x, width=width)
    return orders.order_of_plan(scheme, label, x)


#: Primitives whose plans follow from the whole label, or have arrays, functions or lists among their parameters.
_FRESH = {"constant", "constant_bits", "scale", "add_public", "view", "input", "open", "signs", "quick_signs"}
_FRESH |= {"take", "nonnegative", "piecewise_cubic", "table_of_count", "rows_zero"}
_FRESH |= {"permutation", "shuffle", "unshuffle", "sort_order", "rank_order", "order_of"}


@lru_cache(maxsize=4096)
def _remembered(
    scheme: Scheme, primitive: str, first: int, operands: tuple[Spec, ...], parameters: tuple[tuple[str, Any], ...]
) -> Planned:
    return PLANS[primitive](scheme, bytes((first,)), *operands, **dict(parameters))


def plan(
    scheme: Scheme, primitive: str, label: bytes, operands: tuple[Spec, ...], parameters: dict[str, Any]
) -> Planned:
    """The plan of a primitive; of the label mostly the first member of the first chunk's committee matters."""
    if primitive not in PLANS:
        raise LocalProtocolError(f"the shamir engine has no primitive {primitive!r}")
    if primitive in _FRESH:
        return PLANS[primitive](scheme, label, *operands, **parameters)
    return _remembered(scheme, primitive, label[0] % scheme.parties, operands, tuple(parameters.items()))
