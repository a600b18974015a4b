"""Public numbers that a secret array is compared with, several for each element.

An array that is repeated along an axis to meet public numbers has each element compared with several numbers. An
engine can share work between these comparisons.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.machine.engine import Integers, Shape


class Spread(NamedTuple):
    """`thresholds` along a new first axis before those of an array of shape `kept`; `back` brings an array of shape
    (thresholds, *kept) to the shape that both operands had together."""

    kept: Shape
    thresholds: Integers
    back: Callable[[NDArray[Any]], NDArray[Any]]


def spread(shape: Shape, values: Integers) -> Spread | None:
    """How `values` meet an array of `shape` that is repeated along an axis for them; None: no axis is repeated.

    Raises ShapeError where the two do not broadcast.
    """
    try:
        common = np.broadcast_shapes(shape, values.shape)
    except ValueError:
        raise ShapeError(f"shapes {shape} and {values.shape} do not fit") from None
    rank = len(common)
    array, public = ((1,) * (rank - len(extents)) + extents for extents in (shape, values.shape))
    new = [i for i in range(rank) if array[i] == 1 and common[i] > 1]
    if not new or not prod(common):
        return None
    old = [i for i in range(rank) if i not in new]
    kept = tuple(common[i] for i in old)
    first = tuple(common[i] for i in new)
    table = values.reshape(public).transpose(new + old)
    places = np.argsort(new + old).tolist()
    return Spread(
        kept,
        table.reshape(prod(first), *table.shape[len(new) :]),
        lambda bits: bits.reshape(first + kept).transpose(places),
    )
