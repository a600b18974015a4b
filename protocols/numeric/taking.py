"""Elements at secret places."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.machine.engine import Shape
from mpc.values.basis import Basis
from mpc.values.inherited import kept
from mpc.values.integers import whole
from mpc.values.places import Lazy
from mpc.values.secret import SecretArray, concatenate, constant, stack
from mpc.values.stated import Operand

#: Of a table of so many different numbers at most, sums of what rows read there tell how many rows read which.
_FEW = 4


def take(x: Operand, index: SecretArray, axis: int | None = None) -> SecretArray:
    """The elements of x at secret places along an axis, as `numpy.take` gives them; nobody learns which.

    x         a secret array, or public numbers: a table that is read
    index     secret integers from 0 up, of any shape; one that x does not have (negative ones, too) gives an undefined
              element
    axis      default: x is taken as a vector
    Bound     that of x
    Rounds    the bits of n places: about 2 + log2(log2 n); as many levels of ands; 3 to multiply
    Bytes     for each of m places and n elements along the axis, 24 and about 1 among three parties, and 24 for each
              element of the result
    Rows      which element it is decides, so a release needs a reason where elements of x are single rows. A table of
              public numbers (given as such) is a function of the index's rows
    Raises    ShapeError for an index of measurements, and where x has no such axis or no element along it
    Source    one-hot vectors by a tree of products of bits
    """
    index = whole("take", index)
    table = None if isinstance(x, SecretArray) else np.asarray(x)
    if axis is None:
        table = None if table is None else table.reshape(-1)
        axis, x = 0, x.reshape(-1) if table is None else table
    given = x if table is None else constant(index.run, table)
    if not -given.ndim <= axis < given.ndim or not given.shape[axis]:
        raise ShapeError(f"take: no element along axis {axis} of shape {given.shape}")
    axis %= given.ndim
    size, rest = given.shape[axis], (*given.shape[:axis], *given.shape[axis + 1 :])
    shape = (*rest[:axis], *index.shape, *rest[axis:])
    places = index.bare().reshape(-1)
    hot = one_hot(places, size)
    axes, to = tuple(range(index.ndim)), tuple(range(axis, axis + index.ndim))

    def along(values: SecretArray) -> SecretArray:
        """What is taken of an array of x's shape, in the result's shape."""
        rows = values.bare().view(lambda a: np.moveaxis(a, axis, 0)).reshape((size, prod(rest)))
        return _picked(hot, rows).reshape((*index.shape, *rest)).view(lambda a: np.moveaxis(a, axes, to))

    taken = along(given)
    if given.valid is not None:
        valid = along(given.valid) if given.valid.shape == given.shape else given.valid
        taken = taken.restated(mask=(valid, given.why))

    def spread(values: SecretArray) -> SecretArray:
        """One for each place, for each element of the result."""
        each = (*[1] * axis, *index.shape, *[1] * (len(rest) - axis))
        return values.reshape(each).broadcast_to(shape)

    edges = places.below_each(np.asarray([[0], [size]]))
    inside = spread((~edges[0] & edges[1]).reshape(index.shape))
    asked, taken = spread(index), taken.with_basis(_basis(given, axis, index.ndim, shape))
    found = kept(taken.without_mask(), asked, taken)
    if asked.basis.places:
        levels = None if table is None else _levels(table, axis, index.ndim)
        found = _telling(found, levels, asked.bare(), size)
    return found.masked(inside, "no such index")


def one_hot(index: SecretArray, size: int) -> SecretArray:
    """Bits (size, m): whether each of m places is this one, for 0 <= place < size; else some bits or none.

    Rounds    those of the places' bits, and a product for each doubling of their number
    """
    width = (size - 1).bit_length()
    if not width:
        return constant(index.run, np.ones((1, *index.shape), np.bool_))
    return _products(index.bits(width).view(lambda a: np.moveaxis(a, -1, 0)), size)


def _products(bits: SecretArray, size: int) -> SecretArray:
    """All products of bits or their opposites, the first `size` ones in the order of the numbers that they are of."""
    if len(bits) == 1:
        return stack([~bits[0], bits[0]])[:size]
    half = len(bits) // 2
    low = _products(bits[:half], 1 << half)
    high = _products(bits[half:], -(-size >> half))
    high = high[: -(-size // (1 << half))]
    shape = (len(high), len(low), *bits.shape[1:])
    both = high.reshape(len(high), 1, *bits.shape[1:]).broadcast_to(shape) & low.reshape(1, *low.shape).broadcast_to(
        shape
    )
    return both.reshape((len(high) * len(low), *bits.shape[1:]))[:size]


def _picked(hot: SecretArray, rows: SecretArray) -> SecretArray:
    """(m, k) of the rows (n, k) at the places of bits (n, m), of which one a column is set, or none counts."""
    if rows.type != "bool":
        # One element at most is not multiplied by 0.
        return hot.numeric().T.dot(rows, rows.frac, bound=rows.bound).restated(type=rows.type)
    shape = (*hot.shape, rows.shape[1])
    bits = hot.reshape(*hot.shape, 1).broadcast_to(shape) & rows.reshape((len(rows), 1, shape[2])).broadcast_to(shape)
    while len(bits) > 1:
        half = len(bits) // 2
        joined = bits[:half] ^ bits[half : 2 * half]
        bits = concatenate([joined, bits[2 * half :]]) if len(bits) % 2 else joined
    return bits[0]


# ---- rows
def _basis(x: SecretArray, axis: int, axes: int, shape: Shape) -> Basis:
    """What one of the elements stands on, for each element of the result."""
    rest = (*x.shape[:axis], *x.shape[axis + 1 :])
    new = tuple(range(axis, axis + axes))
    return x.basis.picked(axis).view(lambda a: np.broadcast_to(np.expand_dims(a, new), shape), rest, {})


def _telling(taken: SecretArray, levels: list[NDArray[Any]] | None, places: SecretArray, size: int) -> SecretArray:
    """Sums of what rows read in a table of few numbers tell how many rows read which: they are counted as flags are.
    Of a longer table whose numbers are not known here, they could tell anything.

    levels  what is to be reached; None: the table is secret
    """
    values = taken.bare()
    if levels is not None:
        flags = [_reaching(values, level) for level in levels]
    elif size <= _FEW:
        flags = [_reaching(places, place) for place in range(1, size)]
    else:
        return taken.with_basis(taken.basis._replace(loose=True))
    marked = [replace(place, flags=(*place.flags, *flags)) for place in taken.basis.places]
    return taken.with_basis(taken.basis._replace(places=tuple(marked)))


def _levels(table: NDArray[Any], axis: int, axes: int) -> list[NDArray[Any]]:
    """For the second number of a table, the third, …: what reaches it, for each element that is read at a place; where
    there are many numbers or fewer, what none of them reaches."""
    if table.dtype == np.bool_ or not table.size:
        return []
    columns = np.moveaxis(table, axis, 0).reshape(table.shape[axis], -1).T
    distinct = [numbers if len(numbers := np.unique(column)) <= _FEW else numbers[:1] for column in columns]
    most, shape = max(map(len, distinct)), (*table.shape[:axis], *table.shape[axis + 1 :])
    found = [[ns[k] if k < len(ns) else table.max() + 1 for ns in distinct] for k in range(1, most)]
    new = tuple(range(axis, axis + axes))
    return [np.expand_dims(np.asarray(level).reshape(shape), new) for level in found]


def _reaching(x: SecretArray, level: Any) -> Lazy:
    return Lazy(x.run, x.shape, lambda: x >= level)
