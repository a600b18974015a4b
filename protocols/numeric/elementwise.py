"""Signs, limits, whole numbers, and largest values along an axis: exact."""

from __future__ import annotations

import numpy as np

from mpc.errors import RangeError, ShapeError
from mpc.values.fixed import encode
from mpc.values.inherited import kept
from mpc.values.secret import SecretArray, concatenate, constant, stack, where
from mpc.values.stated import Stated


def relu(x: SecretArray) -> SecretArray:
    """x where it is positive, else 0. Rounds: a comparison and an injection."""
    x = x.numeric()
    return ~(x < 0) * x


def sign(x: SecretArray) -> SecretArray:
    """1, 0 or -1, as an integer. Rounds: a comparison and a bit's conversion."""
    x = x.numeric()
    positive, negative = (stack([-x.bare(), x.bare()]) < 0).numeric()
    return kept((positive - negative).bounded(1), x)


def clip(x: SecretArray, low: float, high: float) -> SecretArray:
    """The nearest value in [low, high]. Its bound follows from the limits. Rounds: a comparison and an injection.

    Raises RangeError for a value of more than 61 bits, which leaves no room to compare it.
    """
    x = x.numeric()
    return kept(confine(x.bare(), low, high)[0], x)


def confine(x: SecretArray, low: float, high: float) -> tuple[SecretArray, SecretArray | None]:
    """`clip`, and whether the value was above `high` (None: the bound excludes that). Both limits take one comparison,
    or none where the bound of x is within them."""
    if not low <= high:
        raise RangeError(f"limits from {low:g} to {high:g}: expected the lower limit first")
    lower, upper = -x.limit < low, x.limit > high
    changes = ([low - x] if lower else []) + ([high - x] if upper else [])
    if not changes:
        return x, None
    change = stack(changes)
    # Below the low limit the change is positive, above the high one it is negative.
    each = [1] * x.ndim
    if change.frac == x.frac:
        edges = encode(np.asarray([low] * lower + [high] * upper), x.frac) + np.asarray([0] * lower + [1] * upper)
        out = x.below_each(edges.reshape(-1, *each)) ^ np.asarray([False] * lower + [True] * upper).reshape(-1, *each)
    else:  # the limits are on another scale
        out = change * np.asarray([1] * lower + [-1] * upper).reshape(-1, *each) > 0
    # A value is below the low limit or above the high one, so at most one change is not 0.
    total = (out * change).invoke("sum", axis=0, result=Stated(bound=change.bound))
    slack = 2 if total.frac < x.frac else 0  # a value of 62 bits meets its limits on a coarser scale
    x = x.cut(total.frac)
    limits = [abs(low)] * lower + [abs(high)] * upper
    bound = max(int(np.ceil(np.ldexp(max(limits), x.frac))), x.bound if len(limits) < 2 else 1) + slack
    result = x.invoke("add", total, result=Stated(bound=bound, type=total.type))
    return result, out[-1] if upper else None


def floor(x: SecretArray) -> SecretArray:
    """The largest integer that is not above x. Rounds: a comparison of the fraction bits, and a bit's conversion."""
    x = x.numeric()
    if x.frac <= 0:
        return x
    raw, bound = x.bare(), (x.bound >> x.frac) + 1
    if x.frac > x.run.engine.capacity:  # nothing is left but the sign
        whole = -(raw < 0).numeric()
    else:
        integer = Stated(bound=bound, frac=0, type="int")
        whole = raw.invoke("truncate_exact", bits=x.frac, rounding="floor", result=integer)
    return kept(whole.bounded(bound), x)


def round_half_up(x: SecretArray) -> SecretArray:
    """The nearest integer; halves go up. Rounds as `floor`."""
    return floor(x.numeric() + 0.5) if x.numeric().frac > 0 else x.numeric()


def largest(x: SecretArray, axis: int = -1) -> SecretArray:
    """The largest valid element along an axis; undefined where there is none.

    Rounds    a comparison and an injection for each of log2(elements) levels
    """
    return _best(x, axis, False)[0]


def smallest(x: SecretArray, axis: int = -1) -> SecretArray:
    """The smallest valid element along an axis: see `largest`."""
    return -_best(-x, axis, False)[0]


def argmax(x: SecretArray, axis: int = -1) -> SecretArray:
    """The place of the largest valid element along an axis, the first of equal elements; see `largest`."""
    return _best(x, axis, True)[1]


def argmin(x: SecretArray, axis: int = -1) -> SecretArray:
    """The place of the smallest valid element along an axis, the first of equal elements; see `largest`."""
    return _best(-x, axis, True)[1]


def _best(x: SecretArray, axis: int, places: bool) -> tuple[SecretArray, SecretArray]:
    x = x.numeric()
    if not -x.ndim <= axis < x.ndim or not x.shape[axis]:
        raise ShapeError(f"no largest element along axis {axis} of shape {x.shape}")
    given = x
    values = x.bare()
    if x.valid is not None and x.valid.shape != ():
        values = where(x.valid.bare(), values, values * 0 - x.limit).bounded(x.bound)  # no valid element is smaller
    values = values.view(lambda a: np.moveaxis(a, axis, 0))
    places_of = constant(x.run, np.arange(len(values))).reshape(-1, *[1] * (x.ndim - 1)).broadcast_to(values.shape)
    while len(values) > 1:
        half = len(values) // 2 * 2
        later = values[:half:2] < values[1:half:2]
        parts = [values] + [places_of] * places
        values, *rest = [_joined(where(later, part[1:half:2], part[:half:2]), part[half:]) for part in parts]
        places_of = rest[0] if places else places_of
    basis = given.basis.picked(axis % given.ndim)
    value, place = values[0].with_basis(basis), places_of[0].with_basis(basis)
    if given.valid is not None:
        defined = given.valid if given.valid.shape == () else given.valid.bare().any(axis)
        value, place = value.masked(defined, given.why), place.masked(defined, given.why)
    return value, place


def _joined(a: SecretArray, rest: SecretArray) -> SecretArray:
    return concatenate([a, rest]) if len(rest) else a
