"""Sigmoid, hyperbolic tangent and softmax."""

from __future__ import annotations

import numpy as np

from mpc.errors import ShapeError
from mpc.fixed import width_of
from mpc.secret import SecretArray, where
from protocols.numeric.division import reciprocal
from protocols.numeric.elementwise import confine, largest
from protocols.numeric.exponential import exp_of_negative
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.polynomial import keeping, piecewise, roomy

#: Quadratic pieces for x >= 0 and a constant beyond, each within 2.53e-4 of the sigmoid (minimax, Remez exchange; the
#: knots are where that error is reached).
_KNOTS = (0.770747703, 2.244409561, 3.345313489, 4.820804872, 7.590262757)
_RIGHT = (
    (0.499747453, 0.256140205, -0.022273751),
    (0.490500739, 0.285892947, -0.045310694),
    (0.597268348, 0.191322803, -0.024269649),
    (0.775377100, 0.084611485, -0.008240948),
    (0.935863539, 0.017525496, -0.001208849),
    (0.999747453, 0.0, 0.0),
)
#: sigmoid(-x) = 1 - sigmoid(x)
_LEFT = tuple((1 - a, b, -c) for a, b, c in reversed(_RIGHT))


def sigmoid(x: SecretArray, *, exact: bool = False) -> SecretArray:
    """1 / (1 + e^-x), elementwise.

    Range     every x
    Error     2.6e-4, never beyond [0, 1]: twelve pieces, between 0.00025 and 0.99975. `exact`: 2^-22
    Rounds    10; 12 where the bound exceeds 15. `exact`: 41, and 48 where it exceeds 16
    """
    if not exact:
        given = x.numeric()
        knots = [-k for k in reversed(_KNOTS)] + [0.0, *_KNOTS]
        result = piecewise(given, knots, [*_LEFT, *_RIGHT])
        return result.bounded(1 << result.frac)
    given = x.numeric()
    bare = roomy(given.bare())
    if bare.limit > 2.0**30 and bare.frac >= 0:
        bare = confine(bare, -32, 32)[0]  # there is no room for a finer scale otherwise
    negative = bare < 0
    decay = exp_of_negative(where(negative, bare, -bare)).cut(F)
    # (1 + e^-|x|) / 2 in [1/2, 1], so that half of its reciprocal is the sigmoid of |x|.
    total = (decay + 1).bounded(2 << F)
    half = total._new(total.handle, frac=F + 1).cut(F, bound=1 << F)
    double = reciprocal(half)
    upper = double._new(double.handle, frac=double.frac + 1)
    return keeping(where(negative, 1 - upper, upper).bounded((1 << (F + 1)) + (1 << 5)), given)


def tanh(x: SecretArray, *, exact: bool = False) -> SecretArray:
    """Hyperbolic tangent, 2 sigmoid(2 x) - 1: errors are twice those of `sigmoid`, and rounds as many."""
    x = x.numeric()
    doubled = x._new(x.handle, frac=x.frac - 1, type="fixed")
    s = sigmoid(doubled, exact=exact)
    return s._new(s.handle, frac=s.frac - 1, type="fixed") - 1


def softmax(x: SecretArray, axis: int = -1) -> SecretArray:
    """e^x / sum of e^x along an axis.

    Range     every x; an invalid element along the axis makes all of them undefined
    Error     2^-20
    Rounds    those of `largest` along the axis, and about 50
    """
    given = x.numeric()
    if not given.ndim:
        raise ShapeError("softmax: a scalar has no axis")
    x = roomy(given.bare())._view(lambda a: np.moveaxis(a, axis, -1))
    below = x - largest(x).reshape(*x.shape[:-1], 1)
    powers = exp_of_negative(below).cut(F)
    width = width_of(x.shape[-1])
    # One of them is e^0, so the sum is 1 at least, but for an error below 2^-22.
    total = powers._op("sum", axis=x.ndim - 1, changes={"bound": powers.bound * x.shape[-1]})
    total = (total + 2.0**-22).bounded(1 << (F + width))
    exponent = leading_bit(total, F + width, least=F)
    back = exponent.table([0] * F + [1 << (width - 1 - j) for j in range(width)])
    mantissa = total.times(back, bound=1 << (F + width))
    mantissa = mantissa._new(mantissa.handle, frac=F + width, type="fixed").cut(F, bound=1 << F)
    inverse = reciprocal(mantissa).times(back, bound=int(1.01 * 2 ** (F + width)))  # 1 / total <= 1
    inverse = inverse._new(inverse.handle, frac=F + width, type="fixed").cut(F + 1)
    result = powers.product(inverse.reshape(*inverse.shape, 1), F, limit=1.01).bounded(1 << F)
    result = result._view(lambda a: np.moveaxis(a, -1, axis))
    for c in given.cohorts:
        result = result.about(c if c.shape == () else c.sum())
    if given.valid is not None:
        known = given.valid if given.valid.shape == () else _along(given.valid, axis)
        result = result.masked(known, given.why)
    return result


def _along(valid: SecretArray, axis: int) -> SecretArray:
    """Whether all elements along the axis are valid, for each of them."""
    joint = valid.all(axis)
    return joint._view(lambda a: np.broadcast_to(np.expand_dims(a, axis), valid.shape))
