"""The primitives of all engines, stated once: the result of each one, what it refuses, and facts about its parameters.

A statement is a function of the operands' specifications and the parameters. It gives the specification of the result,
or raises ShapeError or RangeError. An engine has a method of the same name, `primitive(party, *shares, **parameters)`,
plain when it is local and a coroutine when it sends; all engines compute the same, so the docstring here is the
contract of all of them. What a primitive costs stands beside each engine's protocol.

Values are integers: an engine promises exact results as long as every arithmetic value stays within
`-2**capacity < x < 2**capacity`, which the value floor proves before it schedules anything. Where a docstring says
"given", nobody checks it: out of that range the result is whatever the engine gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.machine.engine import Integers, Shape, Spec
from mpc.machine.shapes import (
    MOST_COUNTED,
    against,
    axis_of,
    check_ranks,
    comparable,
    cubics,
    cuttable,
    fitting,
    joined_shape,
    product_shape,
    rounding_known,
    rows_of,
    same_shape,
    sortable,
    vector,
    wanted,
)
from mpc.untyped import Parameter

#: To what `truncate_exact` rounds: of two nearest integers it takes the larger one.
Rounding = Literal["floor", "nearest"]


@dataclass(frozen=True, eq=False)
class Primitive:
    """One primitive of all engines.

    result    result(*operands, **parameters): the specification of what comes out
    hashable  whether parameters are hashable, so that a plan with them may be remembered: no arrays, no functions
    opens     whether it opens something, so that only `mpc.machine.opening` may schedule it
    private   the parameter that only one party holds, "" where all are public
    """

    name: str
    result: Callable[..., Spec]
    hashable: bool = True
    opens: bool = False
    private: str = ""


#: All primitives, by name.
PRIMITIVES: dict[str, Primitive] = {}

Statement = Callable[..., Spec]


def primitive(*, hashable: bool = True, opens: bool = False, private: str = "") -> Callable[[Statement], Statement]:
    """State a primitive. Its name is the function's, without an underscore at the end."""

    def state(result: Statement) -> Statement:
        name = result.__name__.rstrip("_")
        PRIMITIVES[name] = Primitive(name, result, hashable, opens, private)
        return result

    return state


def _alike(what: str, kind: str, x: Spec, y: Spec) -> Spec:
    wanted(what, x, kind)
    same_shape(what, x, y)
    return x


def _bits(x: Spec, width: int = 1) -> Spec:
    return Spec(x.shape, "bits", width)


def _order(rows: int) -> Spec:
    return Spec((rows,), "order")


def _moved(what: str, x: Spec, order: Spec) -> Spec:
    wanted(what, order, "order")
    if x.kind == "order" or not x.shape or x.shape[0] != order.shape[0]:
        raise ShapeError(f"{what}: an order of {order.shape[0]} rows does not fit {x.kind} of shape {x.shape}")
    return x


# ---- public values, and what organizations give and get
@primitive(hashable=False)
def constant(*, values: Integers) -> Spec:
    """A public array as a share."""
    return Spec(np.shape(values))


@primitive(hashable=False)
def constant_bits(*, values: NDArray[np.uint64], width: int = 1) -> Spec:
    """Public words of `width` bits as a share of bits."""
    return Spec(np.shape(values), "bits", width)


@primitive(hashable=False, private="values")
def input_(*, owner: int, values: Parameter = None, shape: Shape) -> Spec:
    """Share the integers that the compute party `owner` holds, int64; the others pass None."""
    return Spec(shape)


@primitive(hashable=False, private="pieces")
def take(*, pieces: Parameter, sizes: Sequence[int]) -> Spec:
    """The joined vectors of organizations that do not compute, from this party's pieces of each (None for those of
    other parties). Any integers may come out, also beyond the capacity."""
    return Spec((sum(sizes),))


@primitive(hashable=False)
def nonnegative(x: Spec, *, bounds: Integers | None = None) -> Spec:
    """One bit for each element: x >= 0 and x < 2**63, for any x that an owner or `take` gave; nothing about x is
    assumed. With public bounds from 0 to 2**capacity - 1: the bits of bound - x and bound + x, along a new first axis.
    A compute party may learn a number that is negative, so x must follow from one owner's inputs alone."""
    wanted("nonnegative", x, "arith")
    if bounds is None:
        return _bits(x)
    fitting("nonnegative", np.asarray(bounds), x.shape)
    return Spec((2, *x.shape), "bits", 1)


@primitive()
def keep(x: Spec, facts: Spec) -> Spec:
    """x where a public fact is 1, and 0 where it is 0: one fact for each element of x's first axis, or one for all.
    Words of bits take one fact for all. Local. The facts are an array of integers, opened before."""
    wanted("keep", facts, "arith")
    if facts.shape != (1,) and (x.kind == "bits" or facts.shape != x.shape[:1]):
        raise ShapeError(f"keep: facts of shape {facts.shape} for a value of shape {x.shape}")
    return x


@primitive(hashable=False, opens=True)
def open_(x: Spec, *, to: Sequence[int]) -> Spec:
    """Reveal x to the compute parties `to` and to nobody else: int64 (words of bits: uint64) there, else None."""
    return x


@primitive(opens=True)
def hand_out(x: Spec) -> Spec:
    """This party's part of x, `handed_words` words, for an organization that does not compute. All parts together
    tell x and nothing else; as many parts as the threshold tell nothing."""
    return x


@primitive()
def random(*, shape: Shape) -> Spec:
    """Uniform ring elements nobody knows."""
    return Spec(shape)


@primitive()
def random_bits(*, shape: Shape, width: int = 1) -> Spec:
    """Uniform words of `width` bits nobody knows."""
    return Spec(shape, "bits", width)


# ---- linear, and rearranging: local
@primitive()
def add(x: Spec, y: Spec) -> Spec:
    """x + y, one common shape."""
    return _alike("add", "arith", x, y)


@primitive()
def subtract(x: Spec, y: Spec) -> Spec:
    """x - y, one common shape."""
    return _alike("subtract", "arith", x, y)


@primitive(hashable=False)
def scale(x: Spec, *, by: Integers) -> Spec:
    """x times public integers that broadcast to the shape of x."""
    wanted("scale", x, "arith")
    fitting("scale", np.asarray(by), x.shape)
    return x


@primitive(hashable=False)
def add_public(x: Spec, *, values: Integers) -> Spec:
    """x plus public integers that broadcast to the shape of x."""
    wanted("add_public", x, "arith")
    fitting("add_public", np.asarray(values), x.shape)
    return x


@primitive()
def sum_(x: Spec, *, axis: int) -> Spec:
    """Sum over one axis."""
    wanted("sum", x, "arith")
    axis = axis_of("sum", x.shape, axis)
    return Spec(x.shape[:axis] + x.shape[axis + 1 :])


@primitive()
def cumulative_sum(x: Spec, *, axis: int) -> Spec:
    """Running sums along one axis, each with its own element: the shape of x. The last sum, and each before it, must
    keep the capacity."""
    wanted("cumulative_sum", x, "arith")
    axis_of("cumulative_sum", x.shape, axis)
    return x


@primitive(hashable=False)
def view(x: Spec, *, to: Callable[[NDArray[Any]], NDArray[Any]], shape: Shape) -> Spec:
    """Rearranged elements: `to` maps an array of x's shape to one of `shape` (index, reshape, broadcast, …)."""
    return x._replace(shape=shape)


@primitive()
def concatenate(*xs: Spec, axis: int) -> Spec:
    """Arrays of one kind and width joined along an axis."""
    for x in xs[1:]:
        wanted("concatenate", x, xs[0].kind, xs[0].width)
    return xs[0]._replace(shape=joined_shape([x.shape for x in xs], axis))


@primitive()
def xor(x: Spec, y: Spec) -> Spec:
    """Bitwise exclusive or of two shares of bits of one shape and width."""
    return _alike("xor", "bits", x, y)


@primitive()
def invert(x: Spec) -> Spec:
    """Every bit flipped."""
    wanted("invert", x, "bits")
    return x


@primitive()
def unpack(x: Spec) -> Spec:
    """Words of width k and some shape as words of width 1 and shape (k, *shape), the lowest bit first."""
    wanted("unpack", x, "bits")
    return x._replace(shape=(x.width, *x.shape), width=1)


@primitive()
def magnitude(x: Spec) -> Spec:
    """Words of width k, at least 2, as two's complement: x for x >= 0 and -x - 1 else, of width k - 1."""
    wanted("magnitude", x, "bits")
    if x.width < 2:
        raise ShapeError("magnitude: a word of one bit has only a sign")
    return _bits(x, x.width - 1)


@primitive()
def bit_reverse(x: Spec) -> Spec:
    """The bits of each word in reverse order, so that `prefix_or` goes from the other end."""
    wanted("bit_reverse", x, "bits")
    return x


# ---- products and truncation
@primitive()
def multiply(x: Spec, y: Spec) -> Spec:
    """x * y elementwise, exactly."""
    return _alike("multiply", "arith", x, y)


@primitive()
def matmul(x: Spec, y: Spec) -> Spec:
    """(m, k) @ (k, n), exactly."""
    return Spec(product_shape(x, y))


@primitive()
def multiply_truncate(x: Spec, y: Spec, *, bits: int) -> Spec:
    """x * y / 2^bits, rounded as the engine's `rounding` says; 1 <= bits <= 62."""
    cuttable(bits)
    return _alike("multiply_truncate", "arith", x, y)


@primitive()
def matmul_truncate(x: Spec, y: Spec, *, bits: int) -> Spec:
    """x @ y / 2^bits, rounded as the engine's `rounding` says; 1 <= bits <= 62."""
    cuttable(bits)
    return Spec(product_shape(x, y))


@primitive()
def truncate(x: Spec, *, bits: int) -> Spec:
    """x / 2^bits, rounded as the engine's `rounding` says; 1 <= bits <= 62."""
    wanted("truncate", x, "arith")
    cuttable(bits)
    return x


@primitive()
def truncate_exact(x: Spec, *, bits: int, rounding: Rounding) -> Spec:
    """floor(x / 2^bits), or the nearest integer (halves go up); 1 <= bits <= 62."""
    wanted("truncate_exact", x, "arith")
    cuttable(bits)
    rounding_known(rounding)
    return x


# ---- comparisons and bits
@primitive()
def sign(x: Spec, *, width: int) -> Spec:
    """One bit: x < 0, given -2^(width-1) <= x < 2^(width-1); 2 <= width <= 64."""
    wanted("sign", x, "arith")
    comparable("sign", width)
    return _bits(x)


@primitive()
def quick_sign(x: Spec, *, width: int) -> Spec:
    """As `sign`, in fewer rounds and with more bytes where an engine has such a protocol: for slow networks."""
    return sign(x, width=width)


@primitive(hashable=False)
def signs(x: Spec, *, thresholds: Integers, width: int) -> Spec:
    """Bits of shape (k, *x.shape): x < t for k public thresholds along a first axis, which broadcast to it, given
    -2^(width-1) <= x - t < 2^(width-1); 2 <= width <= 64."""
    wanted("signs", x, "arith")
    comparable("signs", width)
    return Spec(against("signs", x.shape, np.shape(thresholds)), "bits", 1)


@primitive(hashable=False)
def quick_signs(x: Spec, *, thresholds: Integers, width: int) -> Spec:
    """As `signs`, by the protocol of `quick_sign`."""
    return signs(x, thresholds=thresholds, width=width)


@primitive()
def equal(x: Spec, *, width: int) -> Spec:
    """One bit: x == 0, given -2^width < x < 2^width; 1 <= width <= 64."""
    wanted("equal", x, "arith")
    comparable("equality", width, 1)
    return _bits(x)


@primitive()
def rows_zero(x: Spec) -> Spec:
    """One bit for each row (along the last axis of x): whether all its elements are 0. May be wrong with probability
    2^-60 a row."""
    wanted("rows_zero", x, "arith")
    return Spec(rows_of(x.shape), "bits", 1)


@primitive()
def bits_and(x: Spec, y: Spec) -> Spec:
    """Bitwise and of two shares of bits of one shape and width."""
    return _alike("bits_and", "bits", x, y)


@primitive()
def prefix_or(x: Spec) -> Spec:
    """Words whose bit i is the or of the bits i and above of x."""
    wanted("prefix_or", x, "bits")
    return x


@primitive()
def bit_to_ring(b: Spec) -> Spec:
    """One bit as the integer 0 or 1."""
    wanted("bit_to_ring", b, "bits", 1)
    return Spec(b.shape)


@primitive()
def inject(b: Spec, x: Spec) -> Spec:
    """b * x for one bit b and an arithmetic x of the same shape."""
    wanted("inject", b, "bits", 1)
    wanted("inject", x, "arith")
    if b.shape != x.shape:
        raise ShapeError(f"inject: a bit of shape {b.shape} for values of shape {x.shape}")
    return x


@primitive()
def decompose(x: Spec, *, width: int) -> Spec:
    """The `width` low bits of x as words of bits (two's complement)."""
    wanted("decompose", x, "arith")
    comparable("decomposition", width, 1)
    return _bits(x, width)


@primitive()
def recompose(x: Spec) -> Spec:
    """Words of bits as the integers 0 to 2^width - 1."""
    wanted("recompose", x, "bits")
    return Spec(x.shape)


# ---- functions by tables
@primitive(hashable=False)
def piecewise_cubic(x: Spec, *, low: int, step: int, table: Integers, bits: int) -> Spec:
    """y / 2^bits, rounded as the engine's `rounding` says, for y = sum of table[k, i] 2^28 u^k over k = 0..3, but for
    the rounding of u^k to 28 bits; x = low + (i + u) 2^step with 0 <= u < 2, given
    low + 2^step <= x < low + pieces 2^step.

    `table` (4, pieces) has 8, 16, ..., 512 pieces and coefficients below 2^31: each cubic holds on its piece and
    on the next one, since an engine takes either of two for x.
    """
    wanted("piecewise_cubic", x, "arith")
    cubics(table, step, bits)
    return x


@primitive()
def exponential(x: Spec, *, low: int, high: int, frac: int, digits: int, bits: int) -> Spec:
    """y / 2^bits, rounded as the engine's `rounding` says, for y = e^(x / 2^frac) with `digits` fraction bits, but for
    an error of 2^-(digits - G) + 2^-(G - 1) y, where G = min(24, digits // 2); given y < 2^60 and low <= x <= high,
    where high - low is at most 253 times 2^frac."""
    wanted("exponential", x, "arith")
    cuttable(bits, 0)
    return x


@primitive(hashable=False)
def table_of_count(x: Spec, *, table: Integers) -> Spec:
    """table[number of set bits along the first axis], for words of one bit, at most 127 along it; the table has one
    entry more than there are bits."""
    wanted("table_of_count", x, "bits", 1)
    if not x.shape or not 1 <= x.shape[0] <= MOST_COUNTED:
        raise ShapeError(f"table_of_count: bits of shape {x.shape}; counts along the first axis, 1 to {MOST_COUNTED}")
    if np.shape(table) != (x.shape[0] + 1,):
        raise ShapeError(f"table_of_count: a table of shape {np.shape(table)} for 0 to {x.shape[0]} bits")
    return Spec(x.shape[1:])


# ---- orders of rows (arrays along their first axis), all secret
@primitive()
def permutation(*, size: int) -> Spec:
    """A uniformly random order of `size` rows that nobody knows."""
    if not 0 <= size < 1 << 32:
        raise ShapeError(f"permutation: of {size} rows; at most 2^32 - 1")
    return _order(size)


@primitive()
def shuffle(x: Spec, order: Spec) -> Spec:
    """The rows of x, numbers or bits, in this order; each row stays together."""
    return _moved("shuffle", x, order)


@primitive()
def unshuffle(x: Spec, order: Spec) -> Spec:
    """Undo `shuffle`: rows in this order go back to their places before it."""
    return _moved("unshuffle", x, order)


@primitive()
def opposite(order: Spec) -> Spec:
    """The order that undoes this one. Local."""
    wanted("opposite", order, "order")
    return order


@primitive()
def sort_order(x: Spec, *, width: int) -> Spec:
    """The order that sorts the vector x, ascending and stable, given -2^(width-1) <= x < 2^(width-1)."""
    sortable("sort_order", x, width)
    return _order(x.size)


@primitive()
def rank_order(x: Spec, *, ranks: tuple[int, ...], width: int) -> Spec:
    """An order that brings the rows of these ranks to the front; the other rows follow. Ranks are places in
    `sort_order`, ascending."""
    sortable("rank_order", x, width)
    check_ranks(ranks, x.size)
    return _order(x.size)


@primitive(opens=True)
def order_of(x: Spec, *, owner: int | None = None) -> Spec:
    """The order that brings row i to place x[i]; x is a permutation of 0..n-1. With `owner`, the organization that gave
    x, it raises RemoteProtocolError, which names the owner, for anything else."""
    vector("order_of", x)
    return _order(x.size)


@primitive(hashable=False, private="values")
def given_order(*, owner: int, values: Parameter = None, rows: int) -> Spec:
    """An order that the compute party `owner` knows, and nobody else: `values`, int64, names for each place of the
    result the row that comes there; the others pass None."""
    return permutation(size=rows)


@primitive()
def copy_down(x: Spec, order: Spec) -> Spec:
    """Rows of x copied to where an order asks for them. The order is of n rows: those of x, then k further rows. In
    the line that it makes, each further row takes the nearest row of x before it (0 if there is none), given that the
    rows of x keep their sequence there; the k results come in the sequence of the further rows. Any numbers may be in
    x, and the result keeps their bound."""
    return _rest("copy_down", x, order)


@primitive()
def sum_up(x: Spec, order: Spec) -> Spec:
    """The transposed of `copy_down`: x has the k further rows, and each of the n - k first rows takes the sum of the
    further rows that come after it in the line, up to the next first row."""
    return _rest("sum_up", x, order)


def _rest(what: str, x: Spec, order: Spec) -> Spec:
    """Of the order's rows those that x does not have, with the columns of x."""
    wanted(what, x, "arith")
    wanted(what, order, "order")
    if not x.shape or x.shape[0] > order.shape[0]:
        raise ShapeError(f"{what}: an order of {order.shape[0]} rows does not fit numbers of shape {x.shape}")
    return Spec((order.shape[0] - x.shape[0], *x.shape[1:]))
