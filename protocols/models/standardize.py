"""Standardise columns by their joint mean and their joint standard deviation; neither is opened.

The number of rows that count is secret if rows are padded. It is normalised by a secret power of two v, so that
q = rows * v / 2^width lies in [1/2, 1); the variance of a column is normalised by an even power of two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpc.machine.runtime import Runtime
from mpc.values.fixed import WIDTH, width_of
from mpc.values.secret import SecretArray, constant, where
from mpc.values.stated import Stated
from protocols import numeric
from protocols.numeric.division import reciprocal
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.roots import roots

#: Standardised values are clipped to [-LIMIT, LIMIT], and have FRAC fraction bits.
LIMIT = 8
FRAC = 16
#: Bits of columns that are not standardised.
RAW_WIDTH = 20
#: At least one in MOST_PADDING places must hold a row that counts.
MOST_PADDING = 16
#: Fraction bits of spreads; a variance below 2^(_LEAST - _SPREAD) counts as 0.
_SPREAD = 40
_LEAST = 7
_FACTOR = 18


class Count:
    """The number of rows that count: public, or secret and at least 1/16 of all places (else `enough` is not set);
    1 / most_padding, where that is given.

    rows     the number as a secret integer
    weights  (rows, 1) integers: 1 for a row that counts, else 0; None: all rows count
    enough   bit: so many places hold a row that counts; None: it is public that they do
    root     sqrt(q)
    """

    def __init__(self, run: Runtime, places: int, valid: SecretArray | None, most_padding: int = MOST_PADDING) -> None:
        self.width = places.bit_length()
        self.weights: SecretArray | None = None
        self.enough: SecretArray | None = None
        self._power: SecretArray | None = None
        self._inverse: SecretArray | None = None
        self._most_padding = most_padding
        self.places = places
        if valid is None:
            self.rows = constant(run, places)
            self.root: SecretArray | float = float(np.sqrt(places / 2.0**self.width))
            return
        self.weights = valid.bare().numeric().reshape(places, 1)
        self.rows = self.weights.reshape(places).sum()
        least = -(-places // most_padding)
        self.enough = self.rows >= least
        rows = where(self.enough, self.rows, least).bounded(places)
        leading = leading_bit(rows, self.width, least=max(self.width - 1 - most_padding.bit_length(), 0))
        self._power = leading.table([1 << (self.width - 1 - j) for j in range(self.width)])
        fraction = rows.times(self._power, bound=1 << self.width)
        fraction = fraction.rescaled(self.width).cut(F).bounded(1 << F)
        self._inverse = reciprocal(fraction)
        self.root = roots(fraction).root

    def scaled(self, total: SecretArray) -> SecretArray:
        """total * v / 2^width, for |total| at most the number of rows, and four last places a row."""
        if self._power is not None:
            bound = ((1 << total.frac) + 4) << self.width
            total = total.times(self._power.broadcast_to(total.shape), bound=bound)
        return total.rescaled(total.frac + self.width)

    def mean(self, total: SecretArray) -> SecretArray:
        """total / rows with F fraction bits, for |total| at most the number of rows. Error 2^-25."""
        part = self.scaled(total).cut(F, bound=(1 << F) + 1)
        if self._inverse is None:
            return (part * (2.0**self.width / self.places)).cut(F).bounded(1 << F)
        return part.product(self._inverse.broadcast_to(part.shape), F, limit=2.01).bounded(1 << F)

    def per_row(self, amount: float) -> SecretArray | float:
        """amount / rows: public, or a secret scalar of 29 bits."""
        if self._inverse is None or self._power is None:
            return amount / self.places
        # 1 / rows = v / (q 2^width), at most 1 / least.
        share = self._inverse.times(self._power)
        most = int(np.ldexp(1.001 * self._most_padding / self.places, F + self.width)) + 1
        each = share.rescaled(F + self.width).bounded(most) * amount
        return each.cut(each.frac - max(width_of(each.bound) - WIDTH, 0))


def weights_of(valid: SecretArray | None) -> SecretArray | None:
    """Bits (rows,) as integers (rows, 1)."""
    return None if valid is None else valid.bare().numeric().reshape(len(valid), 1)


def counting(values: SecretArray, weights: SecretArray | None) -> SecretArray:
    """Values (rows, columns), with 0 in the rows that do not count. Rounds 1."""
    return values if weights is None else values.times(weights)


@dataclass
class Scaler:
    """The standardisation of columns: u -> (u - mean) * up * factor, clipped to [-8, 8].

    mean    (1, columns), F fraction bits
    up      2^a, an integer up to 2^16; 0 for a column that does not vary
    factor  1 / (2^a deviation), in [0.7, 2.1], with 18 fraction bits
    shift   a;  varies  bit: the column varies. Both (columns,)
    """

    mean: SecretArray
    up: SecretArray
    factor: SecretArray
    shift: SecretArray
    varies: SecretArray

    def transform(self, values: SecretArray, weights: SecretArray | None) -> SecretArray:
        """Standardised values with 16 fraction bits, 0 in rows that do not count.

        Error   2^-16 for values within the limits, and relative 2^-17
        Rounds  1 + 1 + 2 + 2, a comparison and an injection
        """
        about = counting(values - self.mean, weights)
        shape = about.shape
        far = about.times(self.up.broadcast_to(shape)).cut(22)
        return numeric.clip(far.product(self.factor.broadcast_to(shape), FRAC), -LIMIT, LIMIT)


def scaler(values: SecretArray, count: Count) -> Scaler:
    """Mean and deviation (with the divisor rows) of each column over the rows that count; values in units, |u| <= 1.

    Range      a column with a deviation below 2^-16 of its bound is standardised to 0
    Error      means 2^-24 of the bound; deviations relative 2^-17, and 2^-38 times bound^2 / deviation
    Rounds     about 80, whatever the number of rows and columns
    """
    places, columns = values.shape
    if count.weights is None:
        total = values.sum(0).reshape(1, columns)
    else:
        weights = count.weights.reshape(1, places)
        # At most `places` terms, each at most 1.
        total = weights.invoke("matmul", values, result=Stated(bound=places << F, frac=F, type="fixed"))
    mean = count.mean(total)
    about = counting(values - mean, count.weights)
    frac = min(_SPREAD, 60 - count.width)
    squares = about.product(about, frac)
    # The sum of squares about the mean is at most the number of rows, and a little for the cut of each square.
    total = squares.sum(0).reshape(1, columns).bounded(places * ((1 << frac) + 4))
    spread = count.scaled(total).cut(_SPREAD, bound=(1 << _SPREAD) + (1 << 8)).bounded((1 << (_SPREAD + 1)) - 1)
    leading = leading_bit(spread, _SPREAD + 1, least=_LEAST)
    # spread * 4^a lies in [1/4, 1) below 1, and a = 0 from there on.
    shifts = [max((_SPREAD - 1 - j) // 2, 0) for j in range(_SPREAD + 1)]
    up = leading.table([1 << a for a in shifts])
    mantissa = spread.times(leading.table([1 << (2 * a) for a in shifts]), bound=(1 << _SPREAD) + (1 << 8))
    mantissa = mantissa.cut(F) + leading.is_zero()
    inverse = roots(mantissa.bounded((1 << F) + (1 << 4))).inverse
    if isinstance(count.root, float):
        factor = inverse * count.root
    else:
        factor = inverse.product(count.root.broadcast_to(inverse.shape), F, limit=2.1)
    shift, varies = leading.table(shifts).reshape(columns), leading.nonzero.reshape(columns)
    return Scaler(mean, up, factor.cut(_FACTOR), shift, varies)
