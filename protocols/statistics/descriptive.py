"""Counts, means and standard deviations of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.releases.disclosure import Opened, Result
from mpc.tables.aggregates import Count
from mpc.tables.counts import behind, complete, named, rows_where
from mpc.tables.local import share_parts
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.values.cohorts import Cohort
from mpc.values.fixed import width_of
from mpc.values.places import indicator
from mpc.values.secret import SecretArray, where
from mpc.values.wide_products import precise_product
from protocols.numeric.normalize import Exponent, F, leading_bit
from protocols.numeric.roots import even_exponent, inverse_root, roots
from protocols.statistics import given
from protocols.statistics.moments import FINE, WIDE, JointMoments, column_moments

#: Position of the lowest leading bit that a spread can have: 2^-50.
_LEAST = WIDE - 50
#: A spread below 2^-38 (a deviation below 2^-19 of half the range) has not the digits that are stated.
SPREAD_BITS = 38
#: Bits of shared rows that are centred; bits of a variance of them that are right.
_CENTRED, _DIGITS = 29, 12
_NO_ROWS = "no rows"
ONE_ROW = "fewer than two rows"
TOO_LITTLE = "varies too little for its declared range, or not at all"


@dataclass
class Scaled:
    """Square roots of spreads: spread_jj = mantissa * 4^-a with mantissa in [1/4, 1).

    mantissa  28 fraction bits (1 where the spread is 0);  inverse  1/sqrt(mantissa)
    up        2^a, an integer;  down  2^(28 - a);  shift  a;  positive  bit: the spread is not 0
    root      sqrt(mantissa);  leading, shifts  where the spread's leading bit stands, and a by its position
    """

    mantissa: SecretArray
    inverse: SecretArray
    up: SecretArray
    down: SecretArray
    shift: SecretArray
    positive: SecretArray
    root: SecretArray
    leading: Exponent
    shifts: list[int]


def scaled_roots(spread: SecretArray) -> Scaled:
    """Normalise diagonal spreads (56 fraction bits, in [0, 1]) by even powers of two, and take inverse roots.

    A spread below 2^-50, or below 0, is rounding of the means and counts as 0; so does one of 2 and more, which only an
    owner can bring about whose means do not belong to its sums.
    """
    width = WIDE + 1
    leading = leading_bit(spread, width, least=_LEAST, signed=True, beyond=3)
    shifts = even_exponent(WIDE)[0] + [0]
    up = leading.table([1 << a for a in shifts])
    square = leading.table([1 << (2 * a) for a in shifts])
    down = leading.table([1 << (WIDE // 2 - a) for a in shifts])
    mantissa = spread.times(square, bound=2 << WIDE)
    mantissa = mantissa.rescaled(WIDE).cut(F)
    mantissa = (mantissa + leading.is_zero()).bounded((2 << F) + (1 << 9))
    root, inverse = roots(mantissa)
    return Scaled(mantissa, inverse, up, down, leading.table(shifts), leading.nonzero, root, leading, shifts)


def means(columns: Sequence[PrivateArray]) -> list[SecretArray]:
    """Mean of each column over its valid rows; undefined without any.

    Error  2^-32 of the declared range over the number of rows, and 2^-36 of it (for a range farther from 0 than a
           million times its width: a unit of its limits' float64)
    """
    moments = column_moments(columns)
    values = moments.fine.masked(moments.some, _NO_ROWS)
    out = []
    for j in range(len(columns)):
        out.append(_of(columns[j], _in_range(moments, values[j], j), "mean", moments, j))
    return out


def _in_range(moments: JointMoments, mean: SecretArray, j: int) -> SecretArray:
    """Means in the units of column j as numbers of its range."""
    centre, exponent = moments.centre[j], moments.exponent[j]
    mean = mean.cut(min(FINE, 60 - int(np.frexp(abs(centre))[1]) + exponent))
    return mean.rescaled(mean.frac - exponent) + float(centre)


def of_parts(parts: Sequence[PrivateArray], statistic: str) -> SecretArray:
    """Means or standard deviations (`mean` or `std`) of one column in several selections of rows, as a vector that says
    nothing about the rows it stands on; as `means` and `deviations` give them, in one operation for all of them."""
    moments = column_moments(parts)
    if statistic == "mean":
        return _in_range(moments, moments.fine.masked(moments.some, _NO_ROWS), 0)
    sd = _deviations(moments, 1)
    return sd.rescaled(sd.frac - moments.exponent[0])


def _of(column: PrivateArray, value: SecretArray, name: str, moments: JointMoments, j: int) -> SecretArray:
    """A statistic of the valid rows of a column stands on these, and on both sides of the flags in it."""
    rows = moments.rows(complete([column]), j)
    return value.standing_on(*behind([column], rows), origin=(f"{name} of {named(column)}",))


def deviations(columns: Sequence[PrivateArray], ddof: int = 1) -> list[SecretArray]:
    """Standard deviation of each column over its valid rows.

    Undefined  with fewer than two rows (one, for ddof 0); below 2^-20 of the declared range, also where the column does
               not vary at all: from what owners share, 0 cannot be told from a rounding error
    Error      relative 2^-24, and 2^-55 of the square of the declared range's ratio to the deviation: 2e-5 at most
    """
    moments = column_moments(columns)
    key = ("deviations", id(moments), ddof)
    memo = moments.source.memo
    if key not in memo:
        memo[key] = _deviations(moments, ddof)
    values = memo[key]
    own = [values[j] for j in range(len(columns))]
    scaled = [sd.rescaled(sd.frac - e) for sd, e in zip(own, moments.exponent, strict=True)]
    name = "standard deviation"
    return [_of(column, sd, name, moments, j) for j, (column, sd) in enumerate(zip(columns, scaled, strict=True))]


def _deviations(moments: JointMoments, ddof: int) -> SecretArray:
    if ddof not in (0, 1):
        raise ValueError("ddof is 0 or 1")
    roots = scaled_roots(moments.spread)
    # q' = (n - ddof) v / 2^w in [1/4, 1) for n > ddof; the clamp keeps the root's domain for fewer rows.
    fraction = moments.fraction - moments.step if ddof else moments.fraction
    enough = moments.several if ddof else moments.some
    fraction = where(enough, fraction, 0.5).bounded(1 << F)
    # sd = sqrt(spread) / sqrt(q') = root * inverse * 2^-a
    ratio = roots.root.product(inverse_root(fraction), F, limit=2.05)
    sd = ratio.times(roots.down, bound=int(2.05 * 2**WIDE))
    sd = sd.rescaled(WIDE)
    sd = sd.masked(enough, ONE_ROW if ddof else _NO_ROWS)
    return sd.masked(roots.leading.reaches(WIDE - SPREAD_BITS), TOO_LITTLE)


def variances(columns: Sequence[PrivateArray], ddof: int = 1) -> list[SecretArray]:
    """Variance of each column: the square of its standard deviation, with its conditions and twice its errors."""
    return [precise_product(sd, sd) for sd in deviations(columns, ddof)]


def secret_variance(x: SecretArray, axis: int | None, ddof: int) -> SecretArray:
    """Variance of the elements of a secret array about their own mean; of the valid ones, where it has a mask.

    Error      2^-12 of itself; of rows as `share` gives them also what their resolution leaves
    Undefined  with at most `ddof` valid elements; where its error could be larger than stated: for a deviation below
               about 2^-21 times the root of the number of elements, of x's bound (`within` makes that smaller)
    Rounds     those of a mean, and about 25; with a mask those of a division and 25
    """
    x = x.numeric()
    unit = width_of(x.bound) - x.frac  # |x| <= 2^unit, and is measured in it
    x = x.rescaled(x.frac + unit).cut(_CENTRED)
    mean = x.mean(axis)
    if axis is not None:
        mean = mean.reshape(*_kept(x.shape, axis))
    masked = x.valid is not None and x.valid.shape != ()
    # The mean is no larger than the elements, and undefined without any: then there is nothing to centre.
    mean = (mean.without_mask() if masked else mean).cut(x.frac)
    centred = x - mean.bounded(x.bound + 1)
    terms = x.size if axis is None else x.shape[axis]
    # Squares have 2 _CENTRED + 2 bits, and their sum is to have 61.
    frac = min(61 - 2 - max(terms - 1, 0).bit_length(), 2 * _CENTRED)
    squares = centred.product(centred, frac).sum(axis)
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
    # Each square is off by a last place and by its cut, the mean by two last places of x, the quotient by a few.
    off = np.ldexp(2.0 * x.run.engine.rounding, -frac) + np.ldexp(8.0, -2 * _CENTRED) + np.ldexp(4.0, -variance.frac)
    variance = variance.masked(variance.bare() >= off * 2.0**_DIGITS, TOO_LITTLE)
    return variance.rescaled(variance.frac - 2 * unit)


def _kept(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    axis %= len(shape)
    return (*shape[:axis], 1, *shape[axis + 1 :])


@dataclass
class Description:
    """What `describe` gives, by column name: releases in one form each."""

    mean: dict[str, Result]
    sd: dict[str, Result]
    missing: dict[str, Result]


def describe(table: PrivateTable) -> Description:
    """Mean, standard deviation and number of missing values of every numeric column, together.

    Protection: a mean or deviation over fewer valid rows than the minimum is suppressed, and that of a flag also where
    fewer rows have it, or have it not. A number of missing values is told as it is, however small (how complete the
    records are is no group of people), unless the valid rows it leaves are fewer than the minimum and not 0.
    """
    columns = [column for column in given.table("describe", table) if column.expression.type != "category"]
    out = Description({}, {}, _missing(table))
    if not columns:
        return out
    for column, m, s in zip(columns, means(columns), deviations(columns), strict=True):
        out.mean[column.name] = Result("number", {"value": m}, _cells)
        out.sd[column.name] = Result("number", {"value": s}, _cells)
    return out


def _cells(opened: Mapping[str, Opened]) -> Any:
    return opened["value"].cells()


def _whole(opened: Mapping[str, Opened]) -> Any:
    cell = opened["value"].cells()
    return int(cell) if isinstance(cell, float) else cell


@dataclass(frozen=True)
class Missing(Rule):
    """0 <= count <= at_most, and of each column 0 <= missing <= count."""

    at_most: int
    covers = frozenset({"count", "missing"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        count, missing = parts["count"], parts["missing"]
        return [count, self.at_most - count, missing, count.reshape(-1, 1) - missing]


def _missing(table: PrivateTable) -> dict[str, Result]:
    """How many values of each column are missing, where that leaves no valid rows or enough."""
    source = table.source
    columns = list(table)
    k = len(columns)
    local = source.local.ask(Count([column.expression for column in columns], table.where))
    parts = [Part("count", (), 0, source.at_most, "int"), Part("missing", (k,), 0, source.at_most, "int")]
    missing = share_parts(source, local, parts, Missing(source.at_most))["missing"]
    absent = missing.sum(0)
    whole = table.count()
    rows = whole.basis.cohorts[0].counts()
    assert rows.own is not None
    own = rows.own.reshape(len(source.owners), 1).broadcast_to((len(source.owners), k)) - missing.bare()
    present = Cohort.of((whole.bare() - absent).bounded(source.most_rows), own, what="", or_none=True)
    out = {}
    for j, column in enumerate(columns):
        left = present.at(j)
        left.what = f"{rows_where(source, table.where)} with {column.name}, or none"
        chosen = whole.basis.cohorts if table.where is not None else ()
        value = absent[j].standing_on(left, *chosen, origin=(f"missing values of {named(column)}",))
        out[column.name] = Result("number", {"value": value}, _whole)
    return out
