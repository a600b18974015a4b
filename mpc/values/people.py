"""Rows of several selections that meet row by row must be of the same people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.values.places import Places


def need_same_people(places: Sequence[Places], others: Sequence[Places], skip: int | None = None) -> None:
    """Raise ShapeError where single rows of two selections meet row by row: row k of the first selection is not the
    same person as row k of the second. Rows in a secret order are not checked.

    skip  an axis along which the selections are joined
    """
    for place in places:
        for other in others:
            if place.base is not other.base and _side_by_side(place, other, skip):
                a, b = place.base.name, other.base.name
                tables = place.base.table != other.base.table
                how = (
                    "bring them together by a key that both have: compare each key of one with each key of the other"
                    if tables
                    else 'share both with the same condition, as in table[condition][["one", "other"]].share(rows=…)'
                )
                raise ShapeError(f"{a} beside {b}, row by row: row k is not the same person in both; {how}")


def _side_by_side(first: Places, second: Places, skip: int | None) -> bool:
    if first.base.moved or second.base.moved:
        return False
    if skip is None and first.ids.shape != second.ids.shape:
        return False
    for axis, steps in enumerate(zip(first.ids.strides, second.ids.strides, strict=True)):
        if axis == skip or 0 in steps:
            continue
        a, b = (_neighbours(ids, axis) for ids in (first.ids, second.ids))
        if bool((a & b).any() if skip is None else (a.any(skip) & b.any(skip)).any()):
            return True
    return False


def _neighbours(ids: NDArray[np.int64], axis: int) -> NDArray[np.bool_]:
    """Where an element and its successor along an axis are two rows."""
    ids = np.moveaxis(ids, axis, 0)
    there = (ids[1:] >= 0) & (ids[:-1] >= 0) & (ids[1:] != ids[:-1])
    return np.moveaxis(there, 0, axis)
