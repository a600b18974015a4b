"""Counts, means and standard deviations of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpc.disclosure import Opened, Result
from mpc.private import PrivateArray, PrivateTable
from mpc.secret import SecretArray, where
from protocols.numeric.normalize import F, leading_bit
from protocols.numeric.roots import even_exponent, inverse_root
from protocols.statistics.moments import WIDE, JointMoments, column_moments

#: Fraction bits of standard deviations in units of their range.
_NO_ROWS = "no rows"
_ONE_ROW = "fewer than two rows"


@dataclass
class Scaled:
    """Square roots of spreads: spread_jj = mantissa * 4^-a with mantissa in [1/4, 1).

    mantissa  28 fraction bits (1 where the spread is 0);  inverse  1/sqrt(mantissa)
    up        2^a, an integer;  down  2^(28 - a);  shift  a;  positive  bit: the spread is not 0
    """

    mantissa: SecretArray
    inverse: SecretArray
    up: SecretArray
    down: SecretArray
    shift: SecretArray
    positive: SecretArray
    root: SecretArray


def scaled_roots(spread: SecretArray) -> Scaled:
    """Normalise diagonal spreads (56 fraction bits, in [0, 1]) by even powers of two, and take inverse roots.

    A spread below 2^-54 counts as 0.
    """
    width = WIDE + 1
    leading = leading_bit(spread, width)
    shifts = [min(a, WIDE // 2 - 1) for a in even_exponent(WIDE)[0]] + [0]
    up = leading.table([1 << a for a in shifts])
    square = leading.table([1 << (2 * a) for a in shifts])
    down = leading.table([1 << (WIDE // 2 - a) for a in shifts])
    mantissa = spread.times(square, bound=(1 << WIDE) + (1 << (WIDE - 20)))
    mantissa = mantissa._new(mantissa.handle, frac=WIDE).cut(F).bounded((1 << F) + (1 << 9))
    mantissa = mantissa + leading.is_zero()
    inverse = inverse_root(mantissa.bounded((1 << F) + (1 << 9)))
    root = mantissa.product(inverse, F, limit=1.01) * 1
    return Scaled(mantissa, inverse, up, down, leading.table(shifts), leading.nonzero, root)


def _in_units(u: SecretArray, moments: JointMoments, j: int, *, centred: bool = False) -> SecretArray:
    """Element j of a vector in units u, in the column's own units: exact."""
    x = u[j]
    x = x._new(x.handle, frac=x.frac - moments.exponent[j], type="fixed")
    return x if centred else x + moments.centre[j]


def means(columns: Sequence[PrivateArray]) -> list[SecretArray]:
    """Mean of each column over its valid rows; undefined without any.

    Error  2^-26 of the declared range
    """
    moments = column_moments(columns)
    values = moments.mean.masked(moments.some, _NO_ROWS).about(moments.count)
    return [_in_units(values, moments, j) for j in range(len(columns))]


def deviations(columns: Sequence[PrivateArray], ddof: int = 1) -> list[SecretArray]:
    """Standard deviation of each column over its valid rows; undefined with fewer than two (one, for ddof 0).

    Error  relative 2^-24, and 2^-28 of the declared range for columns that hardly vary
    """
    moments = column_moments(columns)
    key = ("deviations", id(moments), ddof)
    memo = moments.source.memo
    if key not in memo:
        memo[key] = _deviations(moments, ddof)
    values = memo[key]
    return [_in_units(values, moments, j, centred=True) for j in range(len(columns))]


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
    # A spread of 0 has the table entry 0, hence a standard deviation of 0.
    sd = ratio.times(roots.down, bound=int(2.05 * 2**WIDE))
    sd = sd._new(sd.handle, frac=WIDE, type="fixed")
    return sd.masked(enough, _ONE_ROW if ddof else _NO_ROWS).about(moments.count)


def variances(columns: Sequence[PrivateArray], ddof: int = 1) -> list[SecretArray]:
    """Variance of each column: the square of its standard deviation."""
    return [sd * sd for sd in deviations(columns, ddof)]


def secret_variance(x: SecretArray, axis: int | None, ddof: int) -> SecretArray:
    """Variance of the elements of a secret array without a mask, about their own mean."""
    terms = x.size if axis is None else x.shape[axis]
    mean = x.mean(axis)
    centred = x - (mean if axis is None else mean.reshape(*_kept(x.shape, axis)))
    return (centred * centred).sum(axis) / (terms - ddof)


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

    Protection: a mean or deviation over fewer valid rows than the minimum is suppressed; a number of missing values
    is suppressed when it, or what it leaves, is smaller than the minimum and not 0.
    """
    columns = [column for column in table if column.expression.type != "category"]
    mean = means(columns)
    sd = deviations(columns)
    out = Description({}, {}, {})
    for column, m, s in zip(columns, mean, sd, strict=True):
        out.mean[column.name] = _number(m, column.unit)
        out.sd[column.name] = _number(s, column.unit)
    for column in table:
        out.missing[column.name] = missing(column)
    return out


def _number(value: SecretArray, unit: str) -> Result:
    def finish(opened: Mapping[str, Opened]) -> Any:
        return opened["value"].cells()

    return Result("number", {"value": value}, finish)


def missing(column: PrivateArray) -> Result:
    """How many values of a column are missing: 0, or a number that is large enough and leaves enough."""
    absent = column.missing()
    present = column.count()

    def guard(minimum: int) -> dict[str, SecretArray]:
        bits = None
        for count in (absent, present):
            bit = (count < 1) | (count >= minimum)
            bits = bit if bits is None else bits & bit
        assert bits is not None
        return {"value": bits}

    def finish(opened: Mapping[str, Opened]) -> Any:
        cell = opened["value"].cells()
        return int(cell) if isinstance(cell, float) else cell

    return Result("number", {"value": absent}, finish, guard)
