"""Sigmoid, hyperbolic tangent and softmax."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from mpc.errors import ShapeError
from mpc.values.basis import union
from mpc.values.fixed import width_of
from mpc.values.inherited import kept
from mpc.values.secret import SecretArray
from mpc.values.stated import Stated
from protocols.numeric.division import reciprocal
from protocols.numeric.elementwise import confine, largest
from protocols.numeric.exponential import exp_of_negative
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.polynomial import roomy
from protocols.numeric.tables import Function, Pieces, tabulated

#: For |x| above this, the sigmoid counts as 0 or 1.
_FAR = 15


def _within(margin: int) -> Function:
    """The sigmoid, kept 2^-margin away from 0 and 1 so that rounding cannot leave [0, 1]."""

    def function(x: Decimal) -> Decimal:
        gap = Decimal(1) / (1 << margin)
        return gap + (1 - 2 * gap) / (1 + (-x).exp())

    return function


_COARSE = Pieces(_within(20), Decimal(-_FAR), Decimal(_FAR), 1)
#: For larger arguments, at most _FEW of them: a longer table then costs less than a comparison.
_WIDE = tuple(Pieces(_within(20), Decimal(-far), Decimal(far), 1) for far in (31, 63, 127))
_FEW = 1 << 12
_FINE = Pieces(_within(25), Decimal(-_FAR) - Decimal("0.5"), Decimal(_FAR) + Decimal("0.5"), 3)
#: `precise_sigmoid` is kept 2^-GAP_BITS away from 0 and 1.
GAP_BITS = 26
_FINEST = _FINE._replace(function=_within(GAP_BITS), fine=4)
#: log(1 + e^-x): the part of log(1 + e^x) that is not x.
_REST = Pieces(lambda x: (1 + (-x).exp()).ln(), Decimal(0), Decimal(_FAR) + Decimal("0.5"), 4)


def sigmoid(x: SecretArray, *, exact: bool = False) -> SecretArray:
    """1 / (1 + e^-x), elementwise.

    Range     all x
    Error     4.2e-5, within [0, 1]. `exact`: 2^-22
    Rounds    3; where the bound exceeds 15 (127, for up to 4096 elements), those of a comparison (at least 3), and 2
    """
    x = x.numeric()
    pieces = _FINE if exact else _COARSE
    if not exact and x.size <= _FEW:
        pieces = next((wide for wide in (_COARSE, *_WIDE) if x.limit <= float(wide.high)), _COARSE)
    return _saturating(x, pieces)


def precise_sigmoid(x: SecretArray) -> SecretArray:
    """1 / (1 + e^-x), elementwise, for statistics whose estimates depend on the mean of many of them.

    Range     all x
    Error     2^-25 (shamir: t/2 + 1 times that), and above 15.5 in magnitude 2^-22; at least 2^-27 away from 0 and 1 up
              to a magnitude of 15.5
    Rounds    those of `sigmoid`, from a table twice as long as with `exact`
    """
    return _saturating(x.numeric(), _FINEST)


def _saturating(given: SecretArray, pieces: Pieces) -> SecretArray:
    """The function inside of the table, 0 below and 1 above."""
    far = float(pieces.high)
    bare = roomy(given.bare())
    inner = bare
    if width_of(bare.bound) + pieces.fine - bare.frac > bare.run.engine.capacity:
        inner = confine(bare, -4 * far, 4 * far)[0]  # else the ring has no room for the finer scale
    inner = inner.cut(min(max(inner.frac, pieces.fine), F))
    y = tabulated(inner, pieces, frac=F, bound=1 << F)
    if bare.limit > far:
        # Beyond the ends of the table its result is arbitrary; it is multiplied by 0 there.
        ends = np.ldexp(np.ceil(np.ldexp([-far, far], bare.frac)), -bare.frac)
        past = bare.reshape(1, *bare.shape) >= ends.reshape(-1, *[1] * bare.ndim)
        inside = (past[0] ^ past[1]) * y
        y = inside.invoke("add", past[1].numeric().shifted(F), result=Stated(bound=1 << F))
    return kept(y, given)


def log1p_exp_of_negative(x: SecretArray) -> SecretArray:
    """log(1 + e^-x) for x >= 0, without a check, with F fraction bits.

    Error     2^-26 (shamir: t/2 + 1 times that); above 15.5, 2^-22
    Rounds    3; where the bound exceeds 15.5, those of a comparison, and 2
    """
    far, bare = float(_REST.high), roomy(x.bare())
    inner = bare
    if width_of(bare.bound) + _REST.fine - bare.frac > bare.run.engine.capacity:
        inner = confine(bare, 0, 4 * far)[0]
    y = tabulated(inner.cut(min(max(inner.frac, _REST.fine), F)), _REST, frac=F, bound=1 << F)
    return kept((bare < far) * y if bare.limit > far else y, x)


def tanh(x: SecretArray, *, exact: bool = False) -> SecretArray:
    """Hyperbolic tangent, 2 sigmoid(2 x) - 1: twice the error of `sigmoid`, and the same rounds."""
    x = x.numeric()
    doubled = x.rescaled(x.frac - 1)
    s = sigmoid(doubled, exact=exact)
    return s.rescaled(s.frac - 1) - 1


def softmax(x: SecretArray, axis: int = -1) -> SecretArray:
    """e^x / sum of e^x along an axis.

    Range     all x; an undefined element makes all elements along the axis undefined
    Error     2^-20
    Rounds    those of `largest` along the axis, and about 30
    """
    given = x.numeric()
    if not given.ndim:
        raise ShapeError("softmax: a scalar has no axis")
    x = roomy(given.bare()).view(lambda a: np.moveaxis(a, axis, -1))
    below = x - largest(x).reshape(*x.shape[:-1], 1)
    powers = exp_of_negative(below, F)
    width = width_of(x.shape[-1])
    # The largest element gives e^0, so the sum is at least 1, up to an error of 2^-22.
    total = powers.invoke("sum", axis=x.ndim - 1, result=Stated(bound=powers.bound * x.shape[-1]))
    total = (total + 2.0**-22).bounded(1 << (F + width))
    exponent = leading_bit(total, F + width, least=F)
    back = exponent.table([0] * F + [1 << (width - 1 - j) for j in range(width)])
    mantissa = total.times(back, bound=1 << (F + width))
    mantissa = mantissa.rescaled(F + width).cut(F, bound=1 << F)
    inverse = reciprocal(mantissa).times(back, bound=int(1.01 * 2 ** (F + width)))  # 1 / total <= 1
    inverse = inverse.rescaled(F + width).cut(F + 1)
    result = powers.product(inverse.reshape(*inverse.shape, 1), F, limit=1.01).bounded(1 << F)
    result = result.view(lambda a: np.moveaxis(a, -1, axis))
    whole = np.empty(result.shape, np.bool_).take([0], axis).squeeze(axis).shape
    basis = given.basis.reduced(axis % given.ndim)
    along = basis.view(lambda a: np.broadcast_to(np.expand_dims(a, axis), given.shape), whole, {})
    result = result.with_basis(union(given.basis, along))
    if given.valid is not None:
        defined = given.valid if given.valid.shape == () else _along(given.valid, axis)
        result = result.masked(defined, given.why)
    return result


def _along(valid: SecretArray, axis: int) -> SecretArray:
    """Whether all elements along the axis are valid, repeated for each element."""
    joint, shape = valid.all(axis), valid.shape
    return joint.view(lambda a: np.broadcast_to(np.expand_dims(a, axis), shape))
