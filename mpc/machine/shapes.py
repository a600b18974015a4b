"""Shapes, kinds and ranges: checks of the statements of primitives and of the engines' protocols."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError, ShapeError
from mpc.machine.engine import Integers, Shape, Spec

#: Most bits of an element that `table_of_count` counts.
MOST_COUNTED = 127
#: Most pieces of a table of cubics.
MOST_PIECES = 512


def axis_of(what: str, shape: Shape, axis: int) -> int:
    """The axis as an index from 0; `axis` may also count from the last one, below 0."""
    rank = len(shape)
    if not -rank <= axis < rank:
        raise ShapeError(f"{what}: no axis {axis} in shape {shape}")
    return axis % rank


def size_of(shape: Shape) -> int:
    """Number of elements of a shape."""
    size = 1
    for extent in shape:
        size *= extent
    return size


def same_shape(what: str, x: Spec, y: Spec) -> None:
    """Raise ShapeError unless both specifications have one shape, kind and width."""
    if x[:3] != y[:3]:
        raise ShapeError(f"{what}: operands must have one shape, kind and width; got {x[:3]} and {y[:3]}")


def wanted(what: str, x: Spec, kind: str, width: int | None = None) -> None:
    """Raise ShapeError unless x is of this kind (and width)."""
    if x.kind != kind or (width is not None and x.width != width):
        of = f" of width {width}" if width is not None else ""
        raise ShapeError(f"{what}: expected {kind}{of}, got {x.kind} of width {x.width}")


def fitting(what: str, public: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """`public` broadcast to `shape`, or ShapeError."""
    try:
        return np.broadcast_to(public, shape)
    except ValueError:
        raise ShapeError(f"{what}: public values of shape {public.shape} do not broadcast to {shape}") from None


def joined_shape(shapes: list[Shape], axis: int) -> Shape:
    """The shape of arrays joined along an axis, or ShapeError."""
    first = shapes[0]
    rank = len(first)
    if not -rank <= axis < rank:
        raise ShapeError(f"concatenate: no axis {axis} in shape {first}")
    axis %= rank
    for shape in shapes[1:]:
        if len(shape) != rank or shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise ShapeError(f"concatenate: shapes {first} and {shape} differ outside of axis {axis}")
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


# ---- widths, tables, ranks
def cuttable(bits: int, least: int = 1) -> None:
    """Raise RangeError unless `bits` bits can be cut off a number."""
    if not least <= bits <= 62:
        raise RangeError(f"truncation by {bits} bits; {least} to 62 can be cut off")


def rounding_known(rounding: str) -> None:
    """Raise RangeError for an unknown rounding."""
    if rounding not in ("floor", "nearest"):
        raise RangeError(f"truncation to {rounding!r}; expected floor or nearest")


def comparable(what: str, width: int, least: int = 2) -> None:
    """Raise RangeError unless numbers of `width` bits can be compared, or taken apart into bits."""
    if not least <= width <= 64:
        raise RangeError(f"{what} of values of {width} bits; {least} to 64 are possible")


def against(what: str, x: Shape, thresholds: Shape) -> Shape:
    """The shape of comparisons of each x with each of k thresholds, (k, *x); else ShapeError."""
    shape = (thresholds[0] if thresholds else 0, *x)
    pairs = zip(thresholds, shape, strict=False)
    if len(thresholds) != len(shape) or not all(extent in (1, whole) for extent, whole in pairs):
        raise ShapeError(f"{what}: thresholds of shape {thresholds}; they do not broadcast to (number, *{x})")
    return shape


def rows_of(shape: Shape) -> Shape:
    """The shape without its last axis, along which rows have elements; else ShapeError."""
    if not shape or not shape[-1]:
        raise ShapeError(f"rows_zero: expected rows of one element or more, got shape {shape}")
    return shape[:-1]


def product_shape(x: Spec, y: Spec) -> Shape:
    """(m, k) @ (k, n); else ShapeError."""
    if x.kind != "arith" or y.kind != "arith" or len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[0]:
        raise ShapeError(f"matmul: expected matrices (m, k) and (k, n), got {x.shape} and {y.shape}")
    return x.shape[0], y.shape[1]


def cubics(table: Integers, step: int, bits: int) -> None:
    """Raise ShapeError or RangeError unless this is a table of cubics that an engine can read."""
    if np.ndim(table) != 2 or table.shape[0] != 4:
        raise ShapeError(f"piecewise_cubic: a table of shape {np.shape(table)}; expected four coefficients a piece")
    readable(table.shape[1], step, bits)
    if int(np.abs(table).max(initial=0)) >= 1 << 31:
        raise RangeError("piecewise_cubic: a coefficient of more than 31 bits")


def readable(pieces: int, step: int, bits: int) -> None:
    """Raise ShapeError or RangeError unless a table can have `pieces` pieces of 2^step, and `bits` bits can be cut."""
    if not 8 <= pieces <= MOST_PIECES or pieces & (pieces - 1):
        raise ShapeError(f"a table of {pieces} pieces; expected 8, 16, ..., {MOST_PIECES}")
    if step < 0 or step + (pieces - 1).bit_length() > 62:
        raise RangeError(f"a table of {pieces} pieces of 2^{step}: its range is beyond the ring")
    cuttable(bits, 0)


def vector(what: str, x: Spec) -> None:
    """Raise ShapeError unless x is a vector of numbers."""
    wanted(what, x, "arith")
    if len(x.shape) != 1:
        raise ShapeError(f"{what}: expected a vector, got shape {x.shape}")


def sortable(what: str, x: Spec, width: int) -> None:
    """Raise ShapeError or RangeError unless x can be sorted by keys of `width` bits."""
    vector(what, x)
    if not 1 <= width <= 63:
        raise RangeError(f"{what}: keys of {width} bits; 1 to 63 can be sorted")


def check_ranks(ranks: tuple[int, ...], n: int) -> None:
    """Raise RangeError unless these are distinct ranks of n rows, the lowest first."""
    ascending = all(a < b for a, b in pairwise(ranks))
    if not ranks or not ascending or ranks[0] < 0 or ranks[-1] >= n:
        raise RangeError(f"rank_order: ranks {ranks[:5]} of {n} rows; expected distinct ranks, the lowest first")
