"""Joint counts, means and centred moments of columns whose rows are split between owners.

Each owner computes (n_i, mean m_i, centred products M_i) of its rows in float64. The parties combine them in secret:
    M = sum M_i + sum n_i (m_i - m)(m_i - m)^T
(Chan, Golub and LeVeque, 1983), which loses no digits to a large mean. The partial results are shared with all bits
that the ring has room for. Before anything is cut, they are multiplied, exactly, by the secret power of two v that
brings the number of rows into the top binade of its bound. So sixty rows keep as many digits as sixty million.

Columns are in units of their declared range: u = (x - centre) / 2^exponent with |u| <= 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.errors import ConfigError, RangeError, ShapeError
from mpc.machine.outside import Part
from mpc.tables.aggregates import Aggregate
from mpc.tables.expressions import Expression, Floats, same
from mpc.tables.kinds import need_number
from mpc.tables.local import share_parts
from mpc.tables.moments import CrossMoments, WeightedMoments
from mpc.tables.moments import Moments as ColumnMoments
from mpc.tables.private import PrivateArray, Source, unit_exponent
from mpc.tables.selections import Selection
from mpc.untyped import JsonObject
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray
from protocols.numeric.division import reciprocal
from protocols.numeric.normalize import F, leading_bit
from protocols.statistics.moments.moment_rules import Centred, Weighted

#: Fraction bits of spreads: q * (population covariance), |.| <= 1.
WIDE = 56
#: Fraction bits of fine means.
FINE = 40
#: Fraction bits of the factor 1 or 2 in `JointMoments.unit`.
_ODD = 26
#: Bits of an owner's spread beyond those that fit beside the number of rows; fraction bits of a leading half.
_REST = 26
_HALF = 18
#: Most bits of a number of rows.
_WHOLE = 30
#: Most fraction bits of an owner's part of the rows: enough for any number of rows, and of their weights; at least F.
_SHARE = 36
#: All weights together are at least 2^-LIGHT of the largest one that is possible.
LIGHT = 6


@dataclass
class JointMoments:
    """Moments of all owners' rows together, in units u; k columns.

    count     number of rows: shape (k,), or () if all columns share their rows
    fraction  q = count * v / 2^w in [1/2, 1), 28 fraction bits (1/2 for no rows)
    step      v / 2^w: the part of q that a single row adds
    inverse   1/q, 28 fraction bits
    mean      (k,), 28 fraction bits;  fine  the same with 40
    spread    q * population variance (k,) or covariance (k, k), 56 fraction bits
    nonempty  bit: there is at least one row;  several  bit: there are at least two
    by_owner  number of rows of each owner: (owners, *shape of count)
    wheres    the selection of each column's rows;  columns  their expressions
    unit      what 2^w / v is a product of: an even power of two 4^half, and the odd factor 1 or 2 (26 fraction bits)
    power     v;  width  w
    total     the number of rows, or the sum of their weights in units of 2^weight_exponent, which takes its place in q
    """

    source: Source
    centre: Floats
    exponent: list[int]
    count: SecretArray
    fraction: SecretArray
    step: SecretArray
    inverse: SecretArray
    mean: SecretArray
    fine: SecretArray
    spread: SecretArray
    nonempty: SecretArray
    several: SecretArray
    by_owner: SecretArray
    wheres: tuple[Expression | None, ...]
    columns: tuple[Expression, ...]
    unit: tuple[SecretArray, SecretArray]
    power: SecretArray
    width: int
    total: SecretArray
    weight_exponent: int = 0

    def rows(self, what: str, j: int | None = None) -> Cohort:
        """The rows behind column j, or behind all columns together."""
        memo = self.source.memo
        whole, key = ("rows", id(self)), ("rows", id(self), j)
        if whole not in memo:
            memo[whole] = Cohort.of(self.count, self.by_owner, what=what)
        if key not in memo:
            cohort = memo[whole] if j is None else memo[whole].at(j)
            valid = self.columns if j is None else (self.columns[j],)
            memo[key] = cohort.named(what, Selection(self.source, self.wheres[j or 0], (), valid))
        rows: Cohort = memo[key]
        return rows


def column_moments(columns: Sequence[PrivateArray]) -> JointMoments:
    """Moments of each column over its valid rows; computed once in a run for the same columns."""
    return _joint(columns, "columns", _columns, cross=False)


def cross_moments(columns: Sequence[PrivateArray]) -> JointMoments:
    """Moments of all columns over their complete rows; computed once in a run for the same columns."""
    return _joint(columns, "cross", _cross, cross=True)


def weighted_moments(columns: Sequence[PrivateArray], weight: PrivateArray) -> JointMoments:
    """Moments of all columns over their complete rows, each counted with its weight.

    Where all weights together are less than 2^(e - LIGHT), for weights declared up to 2^e, there are counted to be no
    rows (2^e for tables of 2^30 rows).
    """
    need_number(weight.name, weight.expression.type, "weights")
    if weight.expression.low < 0 or not weight.expression.high > 0:
        raise RangeError(f"weights: {weight.name} ranges from {weight.expression.low}; declare weights from 0 on")

    def aggregate(columns: Sequence[PrivateArray], centre: Floats, unit: Floats, frac: int) -> Aggregate:
        where = _one_selection([*columns, weight])
        most = float(np.ldexp(1.0, _weight_exponent(weight)))
        expressions = [c.expression for c in columns]
        local = _Weighted(expressions, weight.expression, centre, unit, most, where)
        local.frac = frac
        return local

    return _joint(columns, "weighted", aggregate, cross=True, weight=weight)


def _weight_exponent(weight: PrivateArray) -> int:
    return int(np.frexp(float(weight.expression.high))[1])


class _Columns(ColumnMoments):
    """The moments, and the rest of the sums of squares after `frac` fraction bits."""

    frac = 0

    def finished(self, collected: JsonObject) -> JsonObject:
        return {**collected, "rest": _rest(collected["squares"], self.frac)}


class _Cross(CrossMoments):
    """The moments, with the products of each pair of columns once, and their rest after `frac` fraction bits."""

    frac = 0

    def finished(self, collected: JsonObject) -> JsonObject:
        products = collected["products"][np.triu_indices(len(collected["mean"]))]
        return {**collected, "products": products, "rest": _rest(products, self.frac)}


class _Weighted(WeightedMoments):
    """As `_Cross`."""

    frac = 0

    def finished(self, collected: JsonObject) -> JsonObject:
        products = collected["products"][np.triu_indices(len(collected["mean"]))]
        return {**collected, "products": products, "rest": _rest(products, self.frac)}


def _rest(x: Floats, frac: int) -> Floats:
    """x less its nearest number with `frac` fraction bits."""
    return np.asarray(x - np.ldexp(np.rint(np.ldexp(x, frac)), -frac), np.float64)


def _columns(columns: Sequence[PrivateArray], centre: Floats, unit: Floats, frac: int) -> Aggregate:
    local = _Columns([c.expression for c in columns], centre, unit, [c.where for c in columns])
    local.frac = frac
    return local


def _cross(columns: Sequence[PrivateArray], centre: Floats, unit: Floats, frac: int) -> Aggregate:
    local = _Cross([c.expression for c in columns], centre, unit, _one_selection(columns))
    local.frac = frac
    return local


def _one_selection(columns: Sequence[PrivateArray]) -> Expression | None:
    """The condition on rows that all columns have. Raises ShapeError where they differ."""
    for column in columns:
        if not same(column.where, columns[0].where):
            raise ShapeError(
                f"{columns[0].name} and {column.name} are of different selections of rows: select rows of the table, "
                "and take both columns from that"
            )
    return columns[0].where


def _joint(
    columns: Sequence[PrivateArray],
    kind: str,
    aggregate: Callable[[Sequence[PrivateArray], Floats, Floats, int], Aggregate],
    *,
    cross: bool,
    weight: PrivateArray | None = None,
) -> JointMoments:
    if not columns:
        raise ShapeError("a statistic of columns has no column: expected at least one")
    source = columns[0].source
    every = columns if weight is None else [*columns, weight]
    for column in every:
        if column.source is not source:
            raise ShapeError(
                f"{columns[0].name} and {column.name} are columns of different tables: take both from one table"
            )
        need_number(column.name, column.expression.type, "mean")
    key = (kind, tuple((id(c.expression), id(c.where)) for c in every))
    entry = source.memo.get(key)
    if entry is None:
        # The columns are kept, so that no other object takes their ids.
        entry = source.memo[key] = (_combine(source, columns, aggregate, cross, weight), tuple(every))
    return entry[0]


def _combine(
    source: Source,
    columns: Sequence[PrivateArray],
    aggregate: Callable[[Sequence[PrivateArray], Floats, Floats, int], Aggregate],
    cross: bool,
    weight: PrivateArray | None,
) -> JointMoments:
    if not source.owners:
        raise ConfigError(f"table {source.name}: no organization brings rows")
    units = [unit_exponent(column) for column in columns]
    centre = np.asarray([c for c, _ in units])
    exponent = [b for _, b in units]
    k = len(columns)
    count_shape = () if cross else (k,)
    spread_name = "products" if cross else "squares"
    most = source.at_most * max(len(source.owners), 2)  # twice an owner's products fit beside each other
    width = int(most).bit_length()
    if width > _WHOLE:
        raise RangeError(
            f"table {source.name}: fewer than 2^30 rows in all can be summed up, and {len(source.owners)} owners with "
            f"at most {source.at_most:,} rows each have more; declare fewer in the scenario, with rows(at_most=…)"
        )
    wide = 61 - width
    local = source.local.ask(aggregate(columns, centre, np.ldexp(1.0, exponent), wide))
    rows_bound = source.at_most << wide
    whole = 1 << 61

    size = k * (k + 1) // 2 if cross else k
    shared = share_parts(
        source,
        local,
        [
            Part("n", count_shape, 0, source.at_most, "int"),
            *([] if weight is None else [Part("weight", (), wide, rows_bound)]),
            Part("sum", (k,), wide, rows_bound),
            Part("mean", (k,), FINE, 1 << FINE),
            Part(spread_name, (size,), wide, rows_bound),
            Part("rest", (size,), wide + _REST, 1 << (_REST - 1)),
        ],
        (Centred if weight is None else Weighted)(source.at_most, wide, k if cross else 0),
        together=True,
    )
    counts, means = shared["n"], shared["mean"]
    count = counts.sum(0).bounded(most)
    exact_sum = shared["sum"].sum(0).bounded(whole)  # |sum u| <= N < 2^width
    exact_spread = _square(shared[spread_name].sum(0), k, cross).bounded(whole)  # |centred products| <= N, see Centred
    rests = _square(shared["rest"].sum(0), k, cross)
    # The leading bit is taken of the number as it was shared, beside the comparison of relations. If a relation fails,
    # the number may be anything: still, power is an entry of the table, and all other numbers are 0 then.
    below = 0 if weight is None else wide  # bits of weights after the point
    sized = "n" if weight is None else "weight"
    given = shared.given[sized].sum(0).bounded(most << below)
    # The rest times the power must fit, too.
    light = 0 if weight is None else max(0, min(LIGHT, 36 - width - len(source.owners).bit_length()))
    none = [0] * (below - light)
    places = range(-light, width)
    leading = leading_bit(given, width + below, least=below - light)
    power = leading.table([*none, *(1 << (width - 1 - j) for j in places)])
    empty = shared.kept(leading.is_zero() - 1) + 1

    # count * power < 2^width, and |sum|, |spread| <= count: so the exact products stay below 2^61.
    sizes = shared[sized]
    exact = sizes.sum(0).bounded(most << below).times(power, bound=1 << (width + below))
    fraction = _fraction(exact, width).cut(F) + empty * 0.5
    step = _fraction(power, width)
    inverse = reciprocal(fraction.bounded(1 << F))
    exact_mean = _fraction(exact_sum.times(power, bound=whole), width)
    mean = exact_mean.cut(F, bound=1 << F).product(inverse, F, limit=2.0).bounded(1 << F)
    fine = _refined(mean, exact_mean, exact.rescaled(exact.frac + width), inverse)
    rest = _fraction(rests.times(power), width).cut(61)
    within = (_fraction(exact_spread.times(power, bound=whole), width) + rest).cut(WIDE, bound=(1 << WIDE) + (1 << 10))
    share = _fraction(sizes.times(power, bound=1 << (width + below)), width, _SHARE)
    spread = within + _between(share, means - fine, cross=cross)
    # q * (population covariance) with |u| <= 1 is at most 1. But no relation compares an owner's mean with its sum, so
    # the part between owners is only known to be at most 4.
    spread = spread.bounded(5 << WIDE)
    nonempty = shared.kept(leading.nonzero)
    several = count >= 2
    return JointMoments(
        source,
        centre,
        exponent,
        count,
        fraction,
        step,
        inverse,
        mean,
        fine,
        spread,
        nonempty,
        several,
        counts,
        tuple(c.where for c in columns),
        tuple(c.expression for c in columns),
        (
            leading.table([*none, *((1 + (j + 1) % 2) << _ODD for j in places)]).rescaled(_ODD),
            leading.table([*none, *((j + 1) // 2 for j in places)]),
        ),
        power,
        width,
        sizes.sum(0).bounded(most << below),
        0 if weight is None else _weight_exponent(weight),
    )


def _square(x: SecretArray, k: int, cross: bool) -> SecretArray:
    """With `cross`, the symmetric matrix of an upper triangle; else x."""
    if not cross:
        return x
    index = np.zeros((k, k), np.int64)
    index[np.triu_indices(k)] = np.arange(k * (k + 1) // 2)
    return x[np.maximum(index, index.T)]


def _refined(mean: SecretArray, total: SecretArray, fraction: SecretArray, inverse: SecretArray) -> SecretArray:
    """The mean with 40 fraction bits: a Newton step from 28, on the exact remainder total - mean * fraction.

    Error  2^-38
    """
    if fraction.frac <= _WHOLE:
        exact = mean.times(fraction)
    else:  # weights
        high = fraction.cut(_WHOLE)
        low = (fraction - high).bounded(mean.run.engine.rounding << (fraction.frac - _WHOLE))
        exact = mean.times(high) + mean.product(low, F + _WHOLE)
    # The mean is within 2^-25: the errors of its factors, and the last place of their product.
    remainder = (total.cut(exact.frac) - exact).bounded(1 << (exact.frac - 24))
    correction = remainder.cut(52, bound=1 << 28).product(inverse, FINE, limit=2.0**-22)
    return (mean.shifted(FINE) + correction).bounded(1 << FINE)


def _between(share: SecretArray, offset: SecretArray, *, cross: bool) -> SecretArray:
    """sum share_i offset_i offset_i^T over the owners i (or its diagonal), 56 fraction bits; offsets have 40.

    The means of owners often differ little, compared with the declared range. A product that keeps the leading bits of
    its bound would then lose the difference. So factors are split in two halves, whose products are exact or cut at the
    end.

    Error  2^-53
    """
    high = offset.cut(_HALF)
    low = (offset - high).bounded(1 << (FINE - _HALF))
    share = share.reshape(-1, 1) if cross else share
    frac = share.frac
    weight = share.times(high, bound=(2 << (frac + _HALF)) + (1 << frac)) + share.product(low, frac + _HALF)
    weight_high = weight.cut(_HALF)
    weight_low = (weight - weight_high).bounded(share.run.engine.rounding << frac)
    if cross:
        owners, k = offset.shape
        weight_high, weight_low = (w.reshape(owners, k, 1) for w in (weight_high, weight_low))
        high, low = (d.reshape(owners, 1, k) for d in (high, low))
    # The parts `share` add up to at most 1 and offsets are at most 2, so each sum is at most 4, and a little for cuts.
    leading = weight_high.times(high).sum(0).bounded(5 << (2 * _HALF)).cut(WIDE)
    rest = weight_high.product(low, WIDE) + weight_low.product(high, WIDE) + weight_low.product(low, WIDE)
    return (leading + rest.sum(0)).bounded(5 << WIDE)


def _fraction(x: SecretArray, width: int, most: int = 0) -> SecretArray:
    """x / 2^width: with F fraction bits if x is an integer, else all; where `most` is given, with as many as x has, but
    at least F and no more than `most`."""
    scaled = x.rescaled(x.frac + width)
    if most:
        return scaled.cut(max(F, min(most, scaled.frac)))
    return scaled.cut(F) if x.type == "int" else scaled
