"""Variances of secret values about their mean."""

from __future__ import annotations

import numpy as np

from mpc.errors import ShapeError
from mpc.values.fixed import width_of
from mpc.values.places import indicator
from mpc.values.secret import SecretArray, where

TOO_LITTLE = "varies too little for its declared range, or not at all"
#: Bits of a centred value, and right bits of the variance.
_CENTRED, _DIGITS = 29, 12


def variance_of(x: SecretArray, axis: int | None, ddof: int) -> SecretArray:
    """Variance of the valid elements of a secret array about their mean.

    Error      relative 2^-12; for rows of `share` also what their resolution leaves
    Undefined  with at most `ddof` valid elements; where the error could be larger than stated, that is for a deviation
               below about 2^-21 sqrt(number of elements) times the bound of x (`within` makes the bound smaller)
    Rounds     those of a mean, and about 25; with a mask those of a division, and 25
    """
    x, unit = in_units(x)
    mean = x.mean(axis)
    if axis is not None:
        mean = mean.reshape(*_kept(x.shape, axis))
    masked = x.valid is not None and x.valid.shape != ()
    # The mean is no larger than the elements. Without a valid element it is undefined, and there is nothing to centre.
    mean = (mean.without_mask() if masked else mean).cut(x.frac)
    centred = x - mean.bounded(x.bound + 1)
    terms = x.size if axis is None else x.shape[axis]
    squares = squared(centred, terms).sum(axis)
    if not masked:
        if terms <= ddof:
            raise ShapeError(f"the variance of {terms} elements with ddof {ddof}")
        variance = squares / (terms - ddof)
    else:
        assert x.valid is not None
        count = indicator(x.valid).sum(axis)
        several = count > ddof
        variance = squares / where(several, count - ddof, 1)
        variance = variance.masked(several, f"at most {ddof} values").like(squares)
    return accurate(variance, squares.frac, unit)


def in_units(x: SecretArray) -> tuple[SecretArray, int]:
    """x in units of 2^unit, for a variance: |x| <= 2^unit."""
    x = x.numeric()
    unit = width_of(x.bound) - x.frac
    return x.rescaled(x.frac + unit).cut(_CENTRED), unit


def squared(centred: SecretArray, terms: int) -> SecretArray:
    """Squares of centred values in units, of which so many are summed."""
    # Squares have 2 _CENTRED + 2 bits, and their sum is to have 61.
    return centred.product(centred, min(61 - 2 - max(terms - 1, 0).bit_length(), 2 * _CENTRED))


def accurate(variance: SecretArray, frac: int, unit: int) -> SecretArray:
    """A variance in units as a number, undefined where its error could be large. frac: fraction bits of the squares."""
    # Errors: of a square a last place and its cut, of the mean two last places of x, of the quotient a few.
    rounding = variance.run.engine.rounding
    off = np.ldexp(2.0 * rounding, -frac) + np.ldexp(8.0, -2 * _CENTRED) + np.ldexp(4.0, -variance.frac)
    variance = variance.masked(variance.bare() >= off * 2.0**_DIGITS, TOO_LITTLE)
    return variance.rescaled(variance.frac - 2 * unit)


def _kept(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    axis %= len(shape)
    return (*shape[:axis], 1, *shape[axis + 1 :])
