"""Counts, means and standard deviations of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.releases.disclosure import Opened, Result
from mpc.tables.aggregates import Count
from mpc.tables.counts import behind, complete, named, rows_where
from mpc.tables.local import share_parts
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, where
from mpc.values.wide_products import precise_product
from protocols.numeric.normalize import Exponent, F, leading_bit
from protocols.numeric.roots import even_exponent, inverse_root, roots
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics import arguments
from protocols.statistics.moments.moments import FINE, WIDE, JointMoments, column_moments

#: Lowest position of the leading bit of a spread: 2^-50.
LEAST = WIDE - 50
#: A spread below 2^-38 (a deviation below 2^-19 of half the range) lacks the stated digits.
SPREAD_BITS = 38
_NO_ROWS = "no rows"
ONE_ROW = "fewer than two rows"


@dataclass
class Scaled:
    """Square roots of spreads: spread_jj = mantissa * 4^-a with mantissa in [1/4, 1).

    mantissa  28 fraction bits; 1 for a spread of 0
    inverse   1/sqrt(mantissa);  root  sqrt(mantissa)
    up        2^a, an integer;  down  2^(28 - a);  shift  a
    positive  bit: the spread is not 0
    leading   the position of the spread's leading bit;  shifts  a by that position
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


def scaled_roots(spread: SecretArray, least: int = LEAST) -> Scaled:
    """Normalise diagonal spreads (56 fraction bits, in [0, 1]) by even powers of two, and compute inverse roots.

    A spread below 2^-50 (or 2^least last places), or a negative spread, is an error of rounded means and counts as 0.
    So does a spread of 2 or more: it can only come from an owner whose means contradict its sums.
    """
    width = WIDE + 1
    leading = leading_bit(spread, width, least=least, signed=True, beyond=3)
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
    """Mean of each column over its valid rows; undefined without a valid row.

    Error  2^-32 of the declared range divided by the number of rows, and 2^-36 of the range (for a range farther from 0
           than a million times its width: the float64 spacing at its limits)
    """
    moments = column_moments(columns)
    values = moments.fine.masked(moments.nonempty, _NO_ROWS)
    return [_of(column, _in_range(moments, values[j], j), "mean", moments, j) for j, column in enumerate(columns)]


def _in_range(moments: JointMoments, mean: SecretArray, j: int) -> SecretArray:
    """Means in units u of column j, as numbers of its range."""
    centre, exponent = moments.centre[j], moments.exponent[j]
    mean = mean.cut(min(FINE, 60 - int(np.frexp(abs(centre))[1]) + exponent))
    return mean.rescaled(mean.frac - exponent) + float(centre)


def of_parts(parts: Sequence[PrivateArray], statistic: str) -> SecretArray:
    """Means or standard deviations (`mean` or `std`) of one column in several selections of rows, as a vector.

    The numbers are those of `means` and `deviations`, in one operation. The rows behind the vector are not stated: the
    caller does that.
    """
    moments = column_moments(parts)
    if statistic == "mean":
        return _in_range(moments, moments.fine.masked(moments.nonempty, _NO_ROWS), 0)
    sd = deviations_of(moments, 1)
    return sd.rescaled(sd.frac - moments.exponent[0])


def _of(column: PrivateArray, value: SecretArray, name: str, moments: JointMoments, j: int) -> SecretArray:
    """A statistic of the valid rows of a column. Behind it are these rows, and both sides of the flags in the
    column."""
    rows = moments.rows(complete([column]), j)
    return value.standing_on(*behind([column], rows), origin=(f"{name} of {named(column)}",))


def deviations(columns: Sequence[PrivateArray], ddof: int = 1) -> list[SecretArray]:
    """Standard deviation of each column over its valid rows.

    Undefined  with fewer than two rows (one, for ddof 0); for a deviation below 2^-20 of the declared range, 0
               included: the shared numbers do not tell 0 from a rounding error
    Error      relative 2^-24, and 2^-55 times the square of (declared range / deviation): at most 2e-5
    """
    moments = column_moments(columns)
    key = ("deviations", id(moments), ddof)
    memo = moments.source.memo
    if key not in memo:
        memo[key] = deviations_of(moments, ddof)
    values = memo[key]
    out = []
    for j, (column, exponent) in enumerate(zip(columns, moments.exponent, strict=True)):
        sd = values[j].rescaled(values[j].frac - exponent)
        out.append(_of(column, sd, "standard deviation", moments, j))
    return out


def deviations_of(moments: JointMoments, ddof: int = 1) -> SecretArray:
    """In units of each column, from joint moments."""
    if ddof not in (0, 1):
        raise ValueError("ddof is 0 or 1")
    roots = scaled_roots(moments.spread)
    # q' = (n - ddof) v / 2^w in [1/4, 1) for n > ddof; for fewer rows 0.5 takes its place, in the domain of the root.
    fraction = moments.fraction - moments.step if ddof else moments.fraction
    enough = moments.several if ddof else moments.nonempty
    fraction = where(enough, fraction, 0.5).bounded(1 << F)
    # sd = sqrt(spread) / sqrt(q') = root * inverse * 2^-a
    ratio = roots.root.product(inverse_root(fraction), F, limit=2.05)
    sd = ratio.times(roots.down, bound=int(2.05 * 2**WIDE))
    sd = sd.rescaled(WIDE)
    sd = sd.masked(enough, ONE_ROW if ddof else _NO_ROWS)
    return sd.masked(roots.leading.reaches(WIDE - SPREAD_BITS), TOO_LITTLE)


def variances(columns: Sequence[PrivateArray], ddof: int = 1) -> list[SecretArray]:
    """Variance of each column: the square of its standard deviation, undefined as that is, with twice its error."""
    return [precise_product(sd, sd) for sd in deviations(columns, ddof)]


@dataclass
class Description:
    """Results of `describe`, by column name; each can be released by itself."""

    mean: dict[str, Result]
    sd: dict[str, Result]
    missing: dict[str, Result]


def describe(table: PrivateTable) -> Description:
    """Mean, standard deviation and number of missing values of every numeric column, together.

    Protection: a mean or deviation over fewer valid rows than the minimum is suppressed; that of a flag also if fewer
    rows have the flag, or lack it. A number of missing values comes out, however small: the completeness of records is
    not a group of people. It is suppressed only if the valid rows are fewer than the minimum, and not 0.
    """
    columns = [column for column in arguments.table("describe", table) if column.expression.type != "category"]
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
    """Number of missing values of each column, released if no valid rows are left, or enough."""
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
