"""Rows in secret orders: sorting, ranks, quantiles, the largest ones, the valid ones first.

    by_age = order_by(age)                     nothing about the order is disclosed
    age, income = by_age.apply(age), by_age.apply(income)
    rank = by_age.ranks()                      0 for the smallest
    middle = quantile(income, 0.5)

Rows whose valid bit is cleared come last, and where a mask is, the number of valid rows stays secret. Equal keys keep
the order they are in.
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
from mpc.values.basis import PUBLIC, Basis, union
from mpc.values.fixed import width_of
from mpc.values.places import indicator, need_same_people
from mpc.values.resolution import ordered
from mpc.values.secret import SecretArray, concatenate, constant

#: For scenarios. `random_order` is for library code.
__all__ = ["Ordering", "compact", "median", "order_by", "quantile", "ranked", "sort", "sort_by", "top_k"]

#: Keys of more bits together are sorted one after the other.
_KEY_BITS = 61


class Ordering:
    """A secret order of a public number of rows. One order serves any number of arrays, each at a shuffle.

    basis  what it follows from, element by element: the keys' rows
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
        """The rows of x in this order, whole records, with their mask."""
        return self._moved("shuffle", x)

    def undo(self, x: SecretArray) -> SecretArray:
        """Rows in this order, back where they were."""
        return self._moved("unshuffle", x)

    def sources(self) -> SecretArray:
        """For each place, the number of the row that this order brings there (as `numpy.argsort` gives it)."""
        return self.apply(constant(self.run, np.arange(len(self))))

    def ranks(self) -> SecretArray:
        """For each row, the place that this order brings it to."""
        return self.undo(constant(self.run, np.arange(len(self))))

    def then(self, other: Ordering) -> Ordering:
        """The order of both, one after the other. Rounds 7 among three parties."""
        if type(self) is not Ordering or type(other) is not Ordering or len(other) != len(self):
            raise ShapeError(f"then: {other!r} after an order of {len(self)} rows; another order of them is wanted")
        order = opening.order_of(self.run, self.undo(other.ranks()).handle)
        return Ordering(self.run, order, union(self.basis, other.basis))

    def inverse(self) -> Ordering:
        """The order that undoes this one. Free."""
        return Ordering(self.run, self.run.schedule("opposite", self.handle), self.basis)

    def _moved(self, primitive: str, x: SecretArray) -> SecretArray:
        if not x.shape or len(x) != len(self):
            raise ShapeError(f"an order of {len(self)} rows does not fit {x!r}")
        if primitive == "shuffle" and x.ndim == 1:
            need_same_people(self.basis.places, x.basis.places)

        def moved(part: SecretArray) -> SecretArray:
            """What there is one of for each element moves along; what is about the whole stays."""
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
        """Where rows stand tells about the keys: what has no rows of its own stands on theirs."""

        def move(part: SecretArray) -> SecretArray:
            return self._moved(primitive, part)

        own = x.basis.moved(move, valid, x.shape)
        if x.basis.places or self.basis.public:
            return own
        keys = self.basis if primitive == "unshuffle" else self.basis.moved(move, None, (len(self),))
        shape = x.shape
        spread = keys.view(lambda a: np.broadcast_to(a.reshape(-1, *[1] * (len(shape) - 1)), shape), (len(self),), {})
        return union(own, spread)


def random_order(run: Runtime, rows: int) -> Ordering:
    """A uniformly random order that nobody knows. Free among three parties, else a round."""
    return Ordering(run, run.schedule("permutation", size=rows))


def order_by(*keys: SecretArray, descending: bool = False) -> Ordering:
    """The order by the first key, rows with equal ones by the second, and so on; else as they are. Invalid rows last.

    Rounds and bytes follow the number of rows and the bits of the keys' bounds: about 40 comparisons and openings
    after each other for 10^5 rows. Keys that fit 61 bits together cost one sort. Nothing is disclosed.

    Raises RangeError for shared rows that were rounded to multiples of more than 1 (`mpc.values.resolution`).
    """
    ordered("order_by", *keys)
    return _order(keys, descending)


def _order(keys: Sequence[SecretArray], descending: bool = False) -> Ordering:
    if not keys:
        raise ShapeError("order_by: no key")
    for x in keys:
        if x.ndim != 1 or len(x) != len(keys[0]):
            raise ShapeError(f"order_by: a key of shape {x.shape}; vectors of one length are wanted")
    order: Ordering | None = None
    joined: _Key | None = None
    ranked = [*_invalid(keys), *(_key(x, descending) for x in keys)]
    for key in reversed(ranked):  # the last one first: each sort is stable
        if joined is not None and key.width + joined.width > _KEY_BITS:
            order = _after(order, joined)
            joined = key
        else:
            joined = key if joined is None else key.before(joined)
    assert joined is not None
    found = _after(order, joined)
    return Ordering(found.run, found.handle, union(*[key.basis.plain() for key in keys]))


class _Key(NamedTuple):
    """Integers from -2^(width-1) on and below 2^(width-1), without mask."""

    raw: SecretArray
    width: int

    def before(self, other: _Key) -> _Key:
        """One key that sorts by this one and then by the other."""
        raised = other.raw + (1 << (other.width - 1))  # from 0 on
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
    """A key that brings rows to the end of which some key is invalid, if any can be."""
    valid = _joint(keys)
    return [] if valid is None else [_key(~valid, descending=False)]


def _joint(xs: Sequence[SecretArray]) -> SecretArray | None:
    """Which rows are valid in all arrays, or None where all are."""
    valid: SecretArray | None = None
    for x in xs:
        if x.valid is None or x.valid.shape == ():
            continue
        if valid is None:
            valid = x.valid.bare()
        elif x.valid.handle is not valid.handle:
            valid = valid & x.valid.bare()
    return valid


def _after(order: Ordering | None, key: _Key) -> Ordering:
    """The order by `key`, and of rows with equal keys the order before."""
    run = key.raw.run
    raw = key.raw if order is None else order.apply(key.raw)
    found = Ordering(run, run.schedule("sort_order", raw.handle, width=key.width))
    return found if order is None else order.then(found)


def sort(x: SecretArray, *, descending: bool = False) -> SecretArray:
    """A vector sorted, invalid elements last. Rounds: `order_by`, and 2; refused as there."""
    _vector("sort", x)
    ordered("sort", x)
    return _sorted(x, descending)


def _sorted(x: SecretArray, descending: bool = False) -> SecretArray:
    return _order([x], descending).apply(x)


def sort_by(columns: Sequence[SecretArray], *keys: SecretArray, descending: bool = False) -> list[SecretArray]:
    """Columns of one length in the order of the keys. Refused as `order_by` is."""
    order = order_by(*keys, descending=descending)
    return [order.apply(column) for column in columns]


def top_k(x: SecretArray, k: int) -> SecretArray:
    """The k largest elements, the largest first; invalid where there are fewer valid ones."""
    _vector("top_k", x)
    if not 0 <= k <= len(x):
        raise ShapeError(f"top_k: {k} of {len(x)} elements")
    ordered("top_k", x)
    return _ranked(x, range(k), descending=True)


def ranked(x: SecretArray, ranks: Sequence[int], *, descending: bool = False) -> SecretArray:
    """The elements of public ranks, distinct and ascending, as `sort` would give them at these places.

    Rounds and bytes: for few ranks of many rows a fraction of a sort's; else those of a sort. Refused as `order_by` is.
    """
    _vector("ranked", x)
    ordered("ranked", x)
    return _ranked(x, ranks, descending)


def _ranked(x: SecretArray, ranks: Sequence[int], descending: bool = False) -> SecretArray:
    places = tuple(int(rank) for rank in ranks)
    if list(places) != sorted(set(places)) or (places and not 0 <= places[0] <= places[-1] < len(x)):
        raise ShapeError(f"ranked: ranks {places[:5]} of {len(x)} elements; distinct ones from 0 up, in their order")
    if not places:
        return x[:0]
    key = _key(x, descending)
    for first in _invalid([x]):
        if first.width + key.width > _KEY_BITS:
            return _sorted(x, descending)._view(lambda values: values[list(places)])
        key = first.before(key)
    order = Ordering(x.run, x.run.schedule("rank_order", key.raw.handle, ranks=places, width=key.width))
    return order.apply(x)[: len(places)]


def compact(columns: Sequence[SecretArray], size: int) -> list[SecretArray]:
    """The valid rows of vectors, in their order, in `size` places; places that are left over are invalid.

    A row is valid where all columns are. `size` is public, and how many rows are valid is not disclosed: that they are
    no more than `size` is a checked assumption, as `within` makes them. About 10 rounds.
    """
    for column in columns:
        if column.ndim != 1 or len(column) != len(columns[0]) or not 0 <= size <= len(column):
            raise ShapeError(f"compact: {size} rows of a column of shape {column.shape}")
    valid = _joint(columns)
    if valid is None:
        if columns and size < len(columns[0]):
            raise RangeError(f"compact: {len(columns[0])} rows are valid, and there is room for {size}")
        return list(columns)
    fits = Assumption(valid.run, valid.sum() <= size)
    order = _after(None, _key(~valid, descending=False))
    # The mask rests on it as the values do: the number of rows that are kept is not that of valid ones otherwise.
    kept = assuming(order.apply(valid)[:size], fits)
    found = [order.apply(c.without_mask())[:size].masked(kept, c.why or "no such row") for c in columns]
    return [assuming(c, fits) for c in found]


def median(x: SecretArray) -> SecretArray:
    """The middle one of the valid elements, or the mean of the two middle ones."""
    return quantile(x, 0.5)


def quantile(x: SecretArray, q: float | Sequence[float]) -> SecretArray:
    """The q-quantiles of the valid elements, as `numpy.quantile` has them: exact elements, linear between two. Shared
    rows are exact to half a unit of their resolution, which is 2^-28 of a Real's largest magnitude.

    q is public, one number or several, and taken as the nearest fraction with a denominator up to 1000. Of a vector
    with a mask the number of valid elements stays secret; the result is undefined where there is none, and that
    number stands behind it: as many rows as the minimum must be on each side of it. Rounds: those of `ranked`, and 2;
    with a mask a sort, a comparison and 6 more.
    """
    _vector("quantile", x)
    several = np.atleast_1d(np.asarray(q, np.float64))
    if several.ndim != 1 or not len(x) or not len(several):
        raise ShapeError(f"quantile: {several.shape} quantiles of {len(x)} elements")
    if not bool(np.all((several >= 0) & (several <= 1))):
        raise RangeError(f"quantile: {q}; fractions from 0 to 1 are wanted")
    fractions = [Fraction(float(one)).limit_denominator(1000) for one in several]
    if x.valid is None or x.valid.shape == ():
        spots = [fraction * (len(x) - 1) for fraction in fractions]
        ranks = sorted({rank for spot in spots for rank in (math.floor(spot), math.ceil(spot))})
        some_of = _ranked(x, ranks)
        found = [_between(some_of, ranks, spot) for spot in spots]
    else:
        bare = SecretArray(x.run, _sorted(x).handle, type=x.type, frac=x.frac, bound=x.bound).numeric()
        count = indicator(x.valid).sum()
        some = count > 0
        found = [_among(bare, count, some, fraction).masked(some, "no valid element") for fraction in fractions]
    found = [value.with_basis(_sides(x, f, fractions)) for value, f in zip(found, fractions, strict=True)]
    result = concatenate([one.reshape(1) for one in found])
    return result if np.ndim(q) else result[0]


def _sides(x: SecretArray, fraction: Fraction, others: Sequence[Fraction]) -> Basis:
    """What a quantile stands on: the rows on its smaller side, and those up to the next one that is asked for. The
    smallest and the largest element are single rows."""
    side = min(fraction, 1 - fraction, *(abs(fraction - other) for other in others if other != fraction))
    name = "median" if fraction == Fraction(1, 2) else f"quantile {float(fraction):g}"
    basis = x.basis.reduced(0, x.valid if x.valid is not None and x.valid.shape else None, share=side or Fraction(1))
    basis = basis._replace(origin=tuple(f"{name} of {o}" for o in basis.origin))
    return basis if side or not x.basis.places else basis._replace(loose=True)


def _between(ordered: SecretArray, ranks: Sequence[int], place: Fraction) -> SecretArray:
    """The element at a public place, or linear between two, of elements of known ranks."""
    low = ranks.index(math.floor(place))
    if ranks[low] == place:
        return ordered[low].numeric()
    part = float(place - ranks[low])
    lower, upper = ordered[low].numeric(), ordered[low + 1].numeric()
    return _inside(lower * (1 - part) + upper * part, ordered)


def _among(ordered: SecretArray, count: SecretArray, some: SecretArray, fraction: Fraction) -> SecretArray:
    """The quantile of the first `count` elements of sorted ones, `count` secret."""
    n = len(ordered)
    # The place is fraction * (count - 1) = spot / parts: low whole steps and part / parts of the next one.
    spot, parts = (count - 1) * fraction.numerator, fraction.denominator
    if n == 1 or not fraction:
        return ordered[0]
    reached = spot >= parts * np.arange(1, n)
    # The steps to an element sum to a difference of two elements, within twice their bound.
    lower = (ordered[0] + _total(reached * (ordered[1:] - ordered[:-1]), 2 * ordered.bound)).bounded(ordered.bound)
    if parts == 1:
        return lower
    behind = concatenate([ordered[2:] - ordered[1:-1], ordered[-1:] - ordered[-1:]])
    upper = (ordered[1] + _total(reached * behind, 2 * ordered.bound)).bounded(ordered.bound)
    rest = (some * (spot - parts * reached.sum())).bounded(parts)
    return _inside(lower + (upper - lower).times(rest) / parts, ordered)


def _total(x: SecretArray, bound: int) -> SecretArray:
    """The sum, whose bound the caller knows."""
    return x._op("sum", axis=0, changes={"bound": bound})


def _inside(value: SecretArray, of: SecretArray) -> SecretArray:
    """A mean of two elements has their bound, but for a unit of each rounding on the way."""
    up = value.frac - of.frac
    limit = of.bound << up if up >= 0 else of.bound >> -up
    return value.bounded(limit + 8)


def _vector(what: str, x: SecretArray) -> None:
    if x.ndim != 1:
        raise ShapeError(f"{what}: a vector is wanted; got shape {x.shape}")
