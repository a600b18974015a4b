"""Rows in secret orders: sort, ranks, quantiles, the largest rows, the valid rows first.

    by_age = order_by(age)                     nothing about the order is disclosed
    age, income = by_age.apply(age), by_age.apply(income)
    rank = by_age.ranks()                      0 for the smallest
    middle = quantile(income, 0.5)

Invalid rows come last, and the number of valid rows of a vector with a mask stays secret. Rows with equal keys keep
their order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.machine import opening
from mpc.machine.assumptions import Assumption, assuming
from mpc.machine.operation import Handle
from mpc.machine.runtime import Runtime
from mpc.values.basis import LOOSE, PUBLIC, Basis, union
from mpc.values.fixed import width_of
from mpc.values.people import need_same_people
from mpc.values.resolution import ordered
from mpc.values.secret import SecretArray, concatenate, constant, where
from mpc.values.stated import Stated
from protocols.quantiles import between, fraction_of, inside, padding, place_of, sides

#: For scenarios. `order_to` and `random_order` are for library code.
__all__ = ["Ordering", "compact", "median", "order_by", "quantile", "ranked", "sort", "sort_by", "top_k"]

#: Keys with more bits than these together are sorted one after the other.
_KEY_BITS = 61


class Ordering:
    """A secret order of a public number of rows. One order serves any number of arrays; each costs a shuffle.

    basis  the rows behind the order, element by element: those of the keys
    """

    def __init__(self, run: Runtime, handle: Handle, basis: Basis = PUBLIC) -> None:
        self.run = run
        self.handle = handle
        self.basis = basis

    def __repr__(self) -> str:
        return f"<secret order of {len(self)} rows>"

    def __len__(self) -> int:
        return self.handle.spec.shape[0]

    def apply(self, x: SecretArray) -> SecretArray:
        """The rows of x (whole records) in this order, with their mask."""
        return self._moved("shuffle", x)

    def undo(self, x: SecretArray) -> SecretArray:
        """Rows that are in this order, moved back to their places before it."""
        return self._moved("unshuffle", x)

    def sources(self) -> SecretArray:
        """For each place, the number of the row that this order brings there, like `numpy.argsort`."""
        return self.apply(constant(self.run, np.arange(len(self))))

    def ranks(self) -> SecretArray:
        """For each row, the place that this order brings it to."""
        return self.undo(constant(self.run, np.arange(len(self))))

    def then(self, other: Ordering) -> Ordering:
        """This order and then the other one, as one order. Rounds 7 among three parties."""
        if type(self) is not Ordering or type(other) is not Ordering or len(other) != len(self):
            raise ShapeError(f"then: expected another order of {len(self)} rows, got {other!r}")
        later = other.basis.moved(self.undo, None, (len(self),))  # of rows in this order
        return order_to(self.undo(other.ranks()), union(self.basis, later))

    def inverse(self) -> Ordering:
        """The order that undoes this one. Free."""
        return Ordering(self.run, self.run.schedule("opposite", self.handle), self.basis)

    def _moved(self, primitive: str, x: SecretArray) -> SecretArray:
        if not x.shape or len(x) != len(self):
            raise ShapeError(f"an order of {len(self)} rows does not fit {x!r}")
        if primitive == "shuffle" and x.ndim == 1:
            need_same_people(self.basis.places, x.basis.places)

        def moved(part: SecretArray) -> SecretArray:
            """A mask with a bit for each element moves along; a mask of the whole array stays."""
            return self._moved(primitive, part) if part.shape == x.shape else part

        valid = None if x.valid is None else moved(x.valid)
        return SecretArray(
            self.run,
            self.run.schedule(primitive, x.handle, self.handle),
            type=x.type,
            frac=x.frac,
            bound=x.bound,
            valid=valid,
            why=x.why,
            basis=self._basis(primitive, x, valid),
        )

    def _basis(self, primitive: str, x: SecretArray, valid: SecretArray | None) -> Basis:
        """The rows behind the moved x: those behind x; if x has no rows, those of the keys, which its order tells."""

        def move(part: SecretArray) -> SecretArray:
            return self._moved(primitive, part)

        moved = x.basis.moved(move, valid, x.shape)
        if x.basis.places or self.basis.public:
            return moved
        keys = self.basis if primitive == "unshuffle" else self.basis.moved(move, None, (len(self),))
        shape = x.shape
        spread = keys.view(lambda a: np.broadcast_to(a.reshape(-1, *[1] * (len(shape) - 1)), shape), (len(self),), {})
        return union(moved, spread)


def order_to(places: SecretArray, basis: Basis = PUBLIC) -> Ordering:
    """The order that brings row i to place places[i]: for library code, which made `places` a permutation of 0..n-1.

    The places are opened in a random order, so those of a permutation tell nothing; other numbers would be disclosed.
    Rounds 7 among three parties.
    """
    return Ordering(places.run, opening.order_of(places.run, places.handle), basis)


def random_order(run: Runtime, rows: int) -> Ordering:
    """A uniformly random order that nobody knows. No message among three parties, else one round."""
    return Ordering(run, run.schedule("permutation", size=rows))


def order_from_places(run: Runtime, places: Handle, owner: int) -> Ordering:
    """The order that brings row i to place places[i], where the organization `owner` shared the places. They are opened
    in a random order, which tells nothing if they are a permutation. For library code."""
    return Ordering(run, opening.order_of(run, places, owner), LOOSE)


def order_by(*keys: SecretArray, descending: bool = False, first: int | None = None) -> Ordering:
    """The order by the first key; rows with equal first keys by the second key, and so on. Invalid rows come last, and
    rows with all keys equal keep their order.

    first   only so many rows come to the front, in order; how the others follow is not specified. Few of many rows cost
            less than a sort

    Rounds and bytes follow from the number of rows and the bits of the keys' bounds: for 10^5 rows about 40 comparisons
    and openings, one after the other. Keys with 61 bits together cost one sort. Nothing is disclosed.

    Raises RangeError for shared rows that were rounded to multiples of more than 1 (`mpc.values.resolution`).
    """
    ordered("order_by", *keys)
    return _order(keys, descending, first)


def _order(keys: Sequence[SecretArray], descending: bool = False, first: int | None = None) -> Ordering:
    if not keys:
        raise ShapeError("order_by: no key")
    for x in keys:
        if x.ndim != 1 or len(x) != len(keys[0]):
            raise ShapeError(f"order_by: a key of shape {x.shape}; expected vectors of one length")
    if first is not None and not 0 <= first <= len(keys[0]):
        raise ShapeError(f"order_by: the first {first} of {len(keys[0])} rows")
    order: Ordering | None = None
    joined: _Key | None = None
    by_rank = [*_invalid(keys), *(_key(x, descending) for x in keys)]
    for key in reversed(by_rank):  # the last key first: each sort is stable
        if joined is not None and key.width + joined.width > _KEY_BITS:
            order = _after(order, joined)
            joined = key
        else:
            joined = key if joined is None else key.before(joined)
    assert joined is not None
    whole = _after(order, joined, first)
    return Ordering(whole.run, whole.handle, union(*[key.basis.plain() for key in keys]))


class _Key(NamedTuple):
    """Integers x with -2^(width-1) <= x < 2^(width-1), without mask."""

    raw: SecretArray
    width: int

    def before(self, other: _Key) -> _Key:
        """A key that sorts by this key and then by the other."""
        raised = other.raw + (1 << (other.width - 1))  # not negative
        width = self.width + other.width
        joined = self.raw * (1 << other.width) + raised
        return _Key(joined.bounded(1 << (width - 1)), width)


def _key(x: SecretArray, descending: bool) -> _Key:
    if x.type == "bool":  # as -1 and 0, which is one bit
        bit = SecretArray(x.run, x.handle, type="bool")
        return _Key((~bit if descending else bit).numeric() - 1, 1)
    raw = SecretArray(x.run, x.handle, type="int", bound=x.bound)
    return _Key(-raw if descending else raw, width_of(x.bound) + 1)


def _invalid(keys: Sequence[SecretArray]) -> list[_Key]:
    """A key that brings the rows with an invalid key to the end; none if all keys are valid."""
    valid = _joint(keys)
    return [] if valid is None else [_key(~valid, descending=False)]


def _joint(xs: Sequence[SecretArray]) -> SecretArray | None:
    """Bits of the rows that are valid in all arrays; None: all rows are."""
    valid: SecretArray | None = None
    for x in xs:
        if x.valid is None or x.valid.shape == ():
            continue
        if valid is None:
            valid = x.valid.bare()
        elif x.valid.handle is not valid.handle:
            valid = valid & x.valid.bare()
    return valid


def _after(order: Ordering | None, key: _Key, first: int | None = None) -> Ordering:
    """The order by `key`; rows with equal keys keep their places in `order`. first: of so many rows alone."""
    run = key.raw.run
    raw = key.raw if order is None else order.apply(key.raw)
    if first:
        handle = run.schedule("rank_order", raw.handle, ranks=tuple(range(first)), width=key.width)
    else:
        handle = run.schedule("sort_order", raw.handle, width=key.width)
    by_key = Ordering(run, handle)
    return by_key if order is None else order.then(by_key)


def sort(x: SecretArray, *, descending: bool = False) -> SecretArray:
    """A vector sorted, invalid elements last. Rounds: those of `order_by`, and 2. Raises RangeError as `order_by`."""
    _vector("sort", x)
    ordered("sort", x)
    return _sorted(x, descending)


def _sorted(x: SecretArray, descending: bool = False) -> SecretArray:
    return _order([x], descending).apply(x)


def sort_by(columns: Sequence[SecretArray], *keys: SecretArray, descending: bool = False) -> list[SecretArray]:
    """Columns of one length in the order of the keys. Raises RangeError as `order_by`."""
    order = order_by(*keys, descending=descending)
    return [order.apply(column) for column in columns]


def top_k(x: SecretArray, k: int) -> SecretArray:
    """The k largest elements, the largest first. If fewer than k elements are valid, the last ones are invalid."""
    _vector("top_k", x)
    if not 0 <= k <= len(x):
        raise ShapeError(f"top_k: {k} of {len(x)} elements")
    ordered("top_k", x)
    return _ranked(x, range(k), descending=True)


def ranked(x: SecretArray, ranks: Sequence[int], *, descending: bool = False) -> SecretArray:
    """The elements of public ranks, distinct and ascending: those that `sort` brings to these places.

    Rounds and bytes: those of a sort, and a fraction of them for few ranks of many rows. Raises RangeError as
    `order_by`.
    """
    _vector("ranked", x)
    ordered("ranked", x)
    return _ranked(x, ranks, descending)


def _ranked(x: SecretArray, ranks: Sequence[int], descending: bool = False) -> SecretArray:
    places = tuple(int(rank) for rank in ranks)
    if list(places) != sorted(set(places)) or (places and not 0 <= places[0] <= places[-1] < len(x)):
        raise ShapeError(f"ranked: ranks {places[:5]} of {len(x)} elements; expected distinct ranks, the lowest first")
    if not places:
        return x[:0]
    key = _key(x, descending)
    for first in _invalid([x]):
        if first.width + key.width > _KEY_BITS:
            return _sorted(x, descending).view(lambda values: values[list(places)])
        key = first.before(key)
    order = Ordering(x.run, x.run.schedule("rank_order", key.raw.handle, ranks=places, width=key.width))
    return order.apply(x)[: len(places)]


def compact(columns: Sequence[SecretArray], size: int) -> list[SecretArray]:
    """The valid rows of vectors, in their order, in `size` places; the places after them are invalid.

    A row is valid if it is valid in all columns. `size` is public; the number of valid rows is not disclosed. That
    it is at most `size` is a checked assumption, as those of `within`. About 10 rounds.
    """
    for column in columns:
        if column.ndim != 1 or len(column) != len(columns[0]) or not 0 <= size <= len(column):
            raise ShapeError(
                f"compact: {size} rows of a column of shape {column.shape}; expected vectors of one length"
            )
    valid = _joint(columns)
    if valid is None:
        if columns and size < len(columns[0]):
            raise RangeError(f"compact: {len(columns[0])} rows are valid, and size is {size}")
        return list(columns)
    fits = Assumption(valid.run, valid.sum() <= size)
    order = _after(None, _key(~valid, descending=False))
    # The mask rests on the assumption, too: if it fails, the mask does not count the valid rows.
    kept = assuming(order.apply(valid)[:size], fits)
    first = [order.apply(c.without_mask())[:size].masked(kept, c.why or "no such row") for c in columns]
    return [assuming(c, fits) for c in first]


def median(x: SecretArray) -> SecretArray:
    """The middle valid element, or the mean of the two middle elements."""
    return quantile(x, 0.5)


def quantile(x: SecretArray, q: float | Sequence[float]) -> SecretArray:
    """The q-quantiles of the valid elements, like `numpy.quantile`: an element, or linear between two elements.

    q is public: a number or several, each taken as the nearest fraction with a denominator up to 1000. The number of
    valid elements of a vector with a mask stays secret.

    Error      none for an element, a few last places between two; shared rows are exact to half a unit of their
               resolution, which is 2^-28 of a Real's largest magnitude
    Undefined  without a valid element
    Protection at least the minimum number of rows must be on each side of the quantile
    Rounds     those of `ranked`, and 2; with a mask also those of a sort by one bit and of an exact division, and 8
    """
    _vector("quantile", x)
    wanted = np.atleast_1d(np.asarray(q, np.float64))
    if wanted.ndim != 1 or not len(x) or not len(wanted):
        raise ShapeError(f"quantile: {wanted.shape} quantiles of {len(x)} elements")
    fractions = [fraction_of(number) for number in wanted]
    if x.valid is None or x.valid.shape == ():
        values = _of_all(x, fractions)
    else:
        with x.run.scope.sequence():
            values = _of_valid(x, x.valid.bare(), fractions)
    values = [value.with_basis(sides(x, f, fractions)) for value, f in zip(values, fractions, strict=True)]
    result = concatenate([value.reshape(1) for value in values])
    return result if np.ndim(q) else result[0]


def _of_all(x: SecretArray, fractions: Sequence[Fraction]) -> list[SecretArray]:
    """Quantiles of all elements, at public places."""
    spots = [fraction * (len(x) - 1) for fraction in fractions]
    ranks = sorted({rank for spot in spots for rank in (math.floor(spot), math.ceil(spot))})
    neighbours = _ranked(x, ranks)
    return [_between(neighbours, ranks, spot) for spot in spots]


def _between(ordered: SecretArray, ranks: Sequence[int], place: Fraction) -> SecretArray:
    """The value at a public place, linear between two elements: `ordered` has the elements of `ranks`."""
    low = ranks.index(math.floor(place))
    if ranks[low] == place:
        return ordered[low].numeric()
    part = float(place - ranks[low])
    lower, upper = ordered[low].numeric(), ordered[low + 1].numeric()
    return inside(lower * (1 - part) + upper * part, ordered)


def _of_valid(x: SecretArray, valid: SecretArray, fractions: Sequence[Fraction]) -> list[SecretArray]:
    """Quantiles of the valid elements: the others get the smallest and the largest number in a public proportion, so
    that the quantile has one of two public places among all."""
    bare, n = x.bare().numeric(), len(x)
    in_front = order_by(~valid)
    used, there = in_front.apply(valid * bare), in_front.apply(valid)
    filled = 1 - there.numeric()
    nonempty = (n - filled.sum()) > 0
    count = where(nonempty, n - filled.sum(), 1).bounded(n)
    values = []
    for fraction in fractions:
        by = padding(n, fraction) * bare.bound
        fill = filled.invoke("scale", by=by, result=Stated(bound=bare.bound, frac=bare.frac, type=bare.type))
        value = _padded((used + fill).bounded(bare.bound), count, fraction)  # one of both is 0
        values.append(value.masked(nonempty, "no valid element"))
    return values


def _padded(padded: SecretArray, count: SecretArray, fraction: Fraction) -> SecretArray:
    """The quantile of `count` values that were padded."""
    n = len(padded)
    low = math.floor(fraction * (n - 1))
    if fraction.denominator == 1 or n == 1:
        return _ranked(padded, [low])[0]
    ranks = range(max(low - 1, 0), low + 2)
    near = _ranked(padded, ranks)
    steps, rest = place_of(count, fraction)
    if low == 0:  # no place is before it
        return between(near[0], near[1], rest, fraction.denominator)
    before, _ = place_of(n + 1 - count, fraction)  # floor((n - count) fraction)
    exact = (steps + before - (low - 1)).bounded(1) > 0
    lower, upper = where(exact, near[1], near[0]), where(exact, near[2], near[1])
    return between(lower, upper, rest, fraction.denominator)


def _vector(what: str, x: SecretArray) -> None:
    if x.ndim != 1:
        raise ShapeError(f"{what}: expected a vector, got shape {x.shape}")
