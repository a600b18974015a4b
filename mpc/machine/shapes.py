"""Shapes and kinds of shares: what every engine checks before it computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.machine.engine import Shape, Spec


def axis_of(what: str, shape: Shape, axis: int) -> int:
    """An axis, which may be counted from the last one, counted from the first."""
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
        raise ShapeError(f"{what}: wants {kind}{of}; got {x.kind} of width {x.width}")


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


def kept(x: Spec, facts: Spec) -> Spec:
    """x, of which `keep` keeps what public facts say; ShapeError where there is not one of them or one a row."""
    wanted("keep", facts, "arith")
    if facts.shape != (1,) and (x.kind == "bits" or facts.shape != x.shape[:1]):
        raise ShapeError(f"keep: facts of shape {facts.shape} for a value of shape {x.shape}")
    return x
