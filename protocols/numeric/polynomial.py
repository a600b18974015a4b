"""Polynomials with public coefficients, whole and by pieces.

An argument is measured in a power of two that is at least its bound, so that its powers are at most 1 and keep F
fraction bits. Public combinations of the powers are exact, and are cut once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpc.errors import RangeError, ShapeError
from mpc.values.fixed import encode, frac_for, magnitude
from mpc.values.inherited import kept
from mpc.values.secret import SecretArray, constant, stack
from mpc.values.stated import Stated
from protocols.numeric.normalize import F

#: Bits of the exact combination before it is cut.
_WIDE = 60


def polynomial(x: SecretArray, coefficients: Sequence[float], *, frac: int | None = None) -> SecretArray:
    """c[0] + c[1] x + c[2] x^2 + ..., elementwise.

    Range     all x within its bound
    Error     degree * 2^-26 * S, with S = sum of |c[j]| L^j and L the bound, rounded up to a power of two
    Bound     the sum of |c[j]| times the bound's powers
    Rounds    2 * ceil(log2(degree)) + 1, and those of a cut
    `frac`    fraction bits of the result (default: as many as give it 29 bits)
    """
    c = _coefficients([coefficients])[0]
    x = x.numeric()
    if len(c) == 1:
        return kept(constant(x.run, np.full(x.shape, c[0]), frac=frac), x)
    unit, t = _in_units(x.bare(), x.limit)
    most = _largest_powers(t, np.asarray(t.limit), len(c))
    c = np.ldexp(c, unit * np.arange(len(c)))
    size = float((np.abs(c) * most).sum())
    scale = min(_scale(size), _WIDE - int(np.frexp(max(float(np.abs(c).max()), 2.0**-20))[1]))
    raw = encode(c, scale)
    powers = _powers(t, len(c) - 1)
    bound = int(np.ldexp(1.01 * size, scale + F) + np.ldexp(16.0, max(scale, 0)))
    terms = powers.invoke(
        "scale", by=raw[1:].reshape(-1, *[1] * t.ndim), result=Stated(bound=bound, frac=F + scale, type="fixed")
    )
    # Each term and their sum are at most the sum of the terms' magnitudes.
    total = (terms.invoke("sum", axis=0, result=Stated(bound=bound)) + c[0]).bounded(bound)
    return kept(total.cut(frac_for(size) if frac is None else frac), x)


def roomy(x: SecretArray) -> SecretArray:
    """x cut to 60 bits at most, so that there is room for differences."""
    return x.cut(x.frac - max(int(x.bound).bit_length() - 60, 0))


def piecewise(x: SecretArray, knots: Sequence[float], coefficients: ArrayLike) -> SecretArray:
    """The polynomial coefficients[k] at x, where knots[k - 1] <= x < knots[k]; knots ascend.

    Range     all x within its bound L, rounded up to a power of two. Where both outer pieces are constant and the bound
              is more than twice the largest knot, L is the knot: arguments outside of the knots are set to 0 before
              powers are taken. An argument is first cut to 60 bits
    Error     degree * 2^-25 * S (2^-24 with more than 16 parties), with S the largest of the pieces' sums of |c[j]| L^j
    Rounds    a comparison, which is one operation for all knots, a bit's conversion, a product and a cut; 4 more where
              an argument may lie far outside of the knots
    """
    given = x.numeric()
    x = roomy(given.bare())
    c = _coefficients(coefficients)
    ends = np.asarray(knots, np.float64)
    if len(c) != len(ends) + 1 or not bool(np.all(np.diff(ends) > 0)):
        raise ShapeError(f"{len(ends)} knots, which ascend, separate {len(ends) + 1} pieces; there are {len(c)}")
    inner = [i for i, knot in enumerate(ends) if abs(knot) < x.limit]  # x cannot pass the other knots
    first = int(np.count_nonzero(ends <= -x.limit))
    ends, c = ends[inner], c[first : first + len(inner) + 1]
    if not len(ends):
        return polynomial(given, list(c[0]))
    reached = _reached(x, ends)
    limit, value = x.limit, x
    far = 2 * float(np.abs(ends).max())
    if limit > far and not c[[0, -1], 1:].any():
        limit = far / 2
        value = (reached[0] ^ reached[-1] if len(ends) > 1 else reached[0] ^ reached[0]) * x
        value = value.bounded(int(np.ceil(np.ldexp(limit, x.frac))) + 1)
        limit = value.limit
    unit, t = _in_units(value, limit)
    pieces = _pieces(t, reached.numeric(), np.ldexp(c, unit * np.arange(c.shape[1])), np.ldexp(ends, -unit))
    return kept(pieces, given)


def _pieces(t: SecretArray, reached: SecretArray, c: NDArray[Any], ends: NDArray[Any]) -> SecretArray:
    """The pieces at |t| <= 1: coefficients are public combinations of the bits `reached`."""
    # The largest |t| in each piece (t is 0 where it does not count).
    most = np.maximum(np.abs(np.append(-1.0, ends)), np.abs(np.append(ends, 1.0))) * (1 + 2.0**-20)
    terms = np.abs(c) * _largest_powers(t, most, c.shape[1])
    size = max(float(terms.sum(1).max()), 2.0**-20)
    scale = min(_scale(size), _WIDE - int(np.frexp(max(float(np.abs(c).max()), 2.0**-20))[1]))
    raw = encode(c, scale)
    total = _chosen(reached, encode(c[:, 0], scale + F), scale + F)
    if c.shape[1] > 1:
        powers = _powers(t, c.shape[1] - 1)
        chosen = stack([_chosen(reached, raw[:, j], scale) for j in range(1, c.shape[1])])
        bound = int(np.ldexp(1.01 * size, scale + F) + np.ldexp(16.0, max(scale, 0)))
        varying = chosen.times(powers.cut(F), bound=bound)
        # A value is in a single piece, whose sum is at most the sum of its terms' magnitudes.
        total = (total + varying.invoke("sum", axis=0, result=Stated(bound=bound))).bounded(bound)
    return total.cut(frac_for(size))


def _chosen(reached: SecretArray, rows: NDArray[np.int64], frac: int) -> SecretArray:
    """rows[number of knots reached], from the bits of `_reached`. Local."""
    steps = np.diff(rows).reshape(-1, *[1] * (reached.ndim - 1))
    largest = max(magnitude(rows), 1)
    scaled = reached.invoke("scale", by=steps, result=Stated(bound=max(magnitude(steps), 1), frac=frac, type="fixed"))
    # The steps telescope to differences of rows.
    total = scaled.invoke("sum", axis=0, result=Stated(bound=max(int(np.abs(rows - rows[0]).max()), 1)))
    return total.invoke("add_public", values=np.asarray(rows[0]), result=Stated(bound=largest))


def _reached(x: SecretArray, knots: NDArray[Any]) -> SecretArray:
    """Bits (knots, ...): x >= knot, in one comparison."""
    least = np.ldexp(np.ceil(np.ldexp(knots, x.frac)), -x.frac)  # the smallest value of x's scale from the knot on
    bits: SecretArray = x.reshape(1, *x.shape) >= least.reshape(-1, *[1] * x.ndim)
    return bits


def _in_units(x: SecretArray, limit: float) -> tuple[int, SecretArray]:
    """A power of two that is at least `limit`, and x measured in it with at most F fraction bits."""
    unit = int(np.ceil(np.log2(limit) - 2.0**-20))  # a bound may be a last place above a power of two
    return unit, x.rescaled(x.frac + unit).cut(min(x.frac + unit, F))


def _powers(t: SecretArray, degree: int) -> SecretArray:
    """t, t^2, ..., t^degree for |t| <= 1, along a new first axis. Rounds 2 * ceil(log2(degree))."""
    powers = t.reshape(1, *t.shape).cut(max(t.frac, F))
    while len(powers) < degree:
        high = powers[len(powers) - 1]
        missing = min(len(powers), degree - len(powers))
        halves = [powers, powers[:missing].product(high.reshape(1, *t.shape), F)]
        powers = stack([half[i] for half in halves for i in range(len(half))])
    return powers


def _largest_powers(t: SecretArray, most: NDArray[np.float64], terms: int) -> NDArray[np.float64]:
    """The largest |t^j| that `_powers` gives for |t| <= `most`, along a new last axis of `terms` degrees from 0 up.

    Each of at most j products and the first cut are off by at most `rounding` last places, and factors are at most
    1: so t^j is off by less than 2 j times that. It is what counts where t is small and a coefficient large.
    """
    degrees = np.arange(terms)
    off = 2 * t.run.engine.rounding * 2.0**-F
    powers: NDArray[np.float64] = (most[..., None] + 2.0**-20) ** degrees + off * degrees
    return powers


def _scale(size: float) -> int:
    """Fraction bits of coefficients whose combination is at most `size`."""
    return _WIDE - F - int(np.frexp(max(size, 2.0**-20))[1])


def _coefficients(rows: ArrayLike) -> NDArray[np.float64]:
    c = np.asarray(rows, np.float64)
    if c.ndim != 2 or not c.size:
        raise ShapeError(f"coefficients of shape {c.shape}: one row for each piece, the constant first")
    if not bool(np.all(np.isfinite(c))):
        raise RangeError("a coefficient is infinite or NaN")
    return c
