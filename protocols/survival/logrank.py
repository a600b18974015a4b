"""The log-rank test: whether groups have the same survival."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Json, JsonObject
from mpc.values.cohorts import Cohort
from mpc.values.fixed import width_of
from mpc.values.places import indicator
from mpc.values.secret import SecretArray, concatenate, where
from mpc.values.stated import Stated
from protocols.survival.arguments import names_of, need_private, need_shared
from protocols.survival.private import PrivateRows, at_least_one, share_of
from protocols.survival.shared import SharedRows
from protocols.tables.segments import Segments, neighbours_equal, nothing

#: Fraction bits of shares of rows at risk, and of their products.
_SHARE, _PRODUCT = 28, 26


def logrank(
    time: PrivateArray | SecretArray,
    event: PrivateArray | SecretArray,
    group: PrivateArray | SecretArray | SecretCategory,
    *,
    step: float | None = None,
) -> Result:
    """The log-rank test of two or more groups (Mantel-Haenszel, with the hypergeometric variance).

    time, event  as in `kaplan_meier`; group: a category or a flag
    step         of private times: events are counted in steps of this length (default: 1 for an `Integer`)

    Rows that miss a time, an event or a group are left out. Ties are exact. The test is that of
    `lifelines.statistics.multivariate_logrank_test`, `survdiff` of R and statsmodels; of private rows, for times that
    are rounded up to multiples of `step`.

    Gives       for each group rows, observed and expected events; chi-square, degrees of freedom and p
    Opens       the rows and observed events of each group, the expected events of all groups but the last, and the
                covariance of observed less expected events, from which chi-square follows (of two groups: its variance)
    Undefined   where no event happens with rows of two groups at risk
    Protection  fewer rows than the minimum with an event or without one, in any group, suppress the whole test
    Error       2^-26 sqrt(events) of expected events; of the variance 2^-20 relative, for tied events of n shared rows
                n 2^-34 for each
    Rounds      shared rows: a sort by time, an equality, a sort by one bit, and about 15. Private rows: two divisions
    Raises      ShapeError for other columns; ConfigError for a category with a single level
    Source      Mantel, Cancer Chemotherapy Reports 50 (1966); Peto and Peto, JRSS A 135 (1972)
    """
    names = names_of(group)
    if len(names) < 2:
        raise ConfigError(f"logrank: {group!r} has a single level; expected two or more groups")
    cohorts: list[Cohort]
    if isinstance(time, PrivateArray):
        need_private("logrank", time, event, group)
        assert isinstance(event, PrivateArray)
        assert isinstance(group, PrivateArray)
        counted = PrivateRows.of(time, event, group, None, step)
        cohorts, parts = counted.sides(), _of_counts(counted)
    else:
        need_shared("logrank", time, event, group)
        if step is not None:
            raise ShapeError("logrank: step= is for private columns; times of shared rows are exact")
        assert isinstance(event, SecretArray)
        assert not isinstance(group, PrivateArray)
        rows = SharedRows.of(time, event, group)
        cohorts, parts = rows.sides(), _of_rows(rows)
    if cohorts:
        parts = {name: part.standing_on(*cohorts) for name, part in parts.items()}

    def finish(opened: Mapping[str, Opened]) -> Any:
        for part in opened.values():
            if not part.ok:
                return part.first_problem()
        whole = {name: [int(n) for n in opened[name].whole_cells()] for name in ("rows", "observed")}
        return {
            "groups": names,
            **whole,
            **test(whole["observed"], opened["expected"].values, opened["variance"].values),
        }

    return Result("logrank", parts, finish, together=True)


def _of_rows(rows: SharedRows) -> dict[str, SecretArray]:
    """Rows, observed and expected events, and covariances of shared rows."""
    n, groups = rows.size, len(rows.groups)
    columns = concatenate([indicator(x).reshape(-1, 1) for x in (*rows.groups, *rows.events)], axis=1)
    sums = columns.sum(0).bounded(n)
    # In order, the last row of a run of equal times has all rows before it, and itself, at risk at that time.
    order = rows.order
    time, there, moved = order.apply(rows.time), order.apply(rows.valid), order.apply(columns)
    runs = Segments.between(there, neighbours_equal([time]) if n > 1 else None, n)
    at_risk = moved[:, : groups - 1].cumsum(0).bounded(n)
    place = np.arange(1, n + 1, dtype=np.float64).reshape(-1, 1)
    each = np.rint(np.ldexp(1 / place, 40)).astype(np.int64)
    # A group has at most as many rows at risk as there are in all.
    share = at_risk.invoke("scale", by=each, result=Stated(bound=(1 << 40) + n, frac=40, type="fixed")).cut(_SHARE)
    share = share.bounded((1 << _SHARE) + 2 * n)
    fine = min(40, 58 - width_of(n))
    others = np.concatenate([[0.0], 1 / np.arange(1, n)])  # 1/(n - 1)
    happened = moved[:, groups:].sum(1).cumsum(0).bounded(n)
    upto = runs.at_ends(happened)
    # A difference of running sums is a sum of at most n events.
    dead = upto.invoke("subtract", concatenate([nothing(upto, 1), upto[:-1]]), result=Stated(bound=n))
    dead = where(runs.exists, dead, 0).bounded(n)
    share, inverse = runs.at_ends(share), runs.at_ends(time.constant(others, like=_scale(fine, time)))
    expected = dead.reshape(1, n).dot(share, _PRODUCT, bound=n * ((1 << _SHARE) + 2 * n)).reshape(groups - 1)
    # d (n - d) / (n - 1) = d - d (d - 1) / (n - 1), and the last term is at most d, so at most n.
    pairs = dead.times(dead - 1).times(inverse, bound=(n << fine) + n * n)
    spread = (dead.shifted(fine) - pairs).bounded((n << fine) + n * n).cut(58 - _PRODUCT - width_of(n))
    variance = spread.reshape(1, n).dot(_products(share), 16, bound=n << (58 - width_of(n)))
    return _parts(sums[:groups], sums[groups:], expected, variance.reshape(-1))


def _scale(frac: int, like: SecretArray) -> SecretArray:
    """Zero with so many fraction bits."""
    return like.constant(np.zeros((), np.int64)).rescaled(frac)


def _of_counts(rows: PrivateRows) -> dict[str, SecretArray]:
    """Rows, observed and expected events, and covariances of rows counted in steps."""
    steps, groups = rows.shape
    most = rows.most
    by_group, dead = rows.at_risk, rows.events.sum(1).bounded(most)
    at_risk = by_group.sum(1).bounded(most)
    whole = at_risk.reshape(-1, 1).broadcast_to((steps, groups - 1))
    share = share_of(by_group[:, : groups - 1], whole).cut(_SHARE).bounded((1 << _SHARE) + 2)
    expected = dead.reshape(1, steps).dot(share, _SHARE, bound=most * ((1 << _SHARE) + 2)).reshape(groups - 1)
    # (n - d) / (n - 1) = 1 - (d - 1) / (n - 1). A single row at risk is of one group, whose variance is 0.
    tied = share_of(_one_less(dead), at_least_one(_one_less(at_risk)))
    spread = dead.reshape(-1, 1) * (1 - tied).bounded((1 << 40) + 4).reshape(-1, 1)
    terms = spread.broadcast_to((steps, groups * (groups - 1) // 2)) * _products(share)
    # The terms add up to at most a number of events.
    bound = (most << max(terms.frac, 0)) + steps
    variance = terms.invoke("sum", axis=0, result=Stated(bound=bound))
    return _parts(by_group[0], rows.events.sum(0).bounded(most), expected, variance)


def _one_less(x: SecretArray) -> SecretArray:
    """Integers from 0 up less 1, and 0 for 0."""
    return (x - 1 + (x < 1).numeric()).bounded(x.bound)


def _products(share: SecretArray) -> SecretArray:
    """p_g (1 - p_g) and -p_g p_h for the pairs g <= h, of shares (n, groups - 1): (n, pairs)."""
    first, second = np.triu_indices(share.shape[1])
    same = np.broadcast_to(first == second, (share.shape[0], len(first)))
    a, b = share.view(lambda x: x[:, first]), share.view(lambda x: x[:, second])
    return a.product((same.astype(np.float64) - b).cut(_SHARE), _PRODUCT)


def _parts(
    rows: SecretArray, observed: SecretArray, expected: SecretArray, variance: SecretArray
) -> dict[str, SecretArray]:
    return {"rows": rows, "observed": observed, "expected": expected, "variance": variance}


def test(observed: Json, expected: Json, variance: Json) -> JsonObject:
    """Chi-square, degrees of freedom and p, from opened numbers: expected events of all groups but the last, and the
    upper triangle of the covariance of these."""
    from scipy import special  # scipy.stats takes a second to import

    seen = np.asarray(observed, np.float64)
    first = np.asarray(expected, np.float64)
    wanted = np.append(first, seen.sum() - first.sum())
    size = len(first)
    covariance = np.zeros((size, size))
    covariance[np.triu_indices(size)] = variance
    covariance = covariance + np.triu(covariance, 1).T
    whole = np.zeros((size + 1, size + 1))  # the differences of all groups add up to 0
    whole[:size, :size] = covariance
    whole[size, :size] = whole[:size, size] = -covariance.sum(0)
    whole[size, size] = covariance.sum()
    kept = np.flatnonzero(np.diagonal(whole) > 2.0**-12)
    df = max(len(kept) - 1, 0)
    out: JsonObject = {"expected": [float(e) for e in wanted]}
    if not df:
        why = "undefined: no event with rows of two groups at risk"
        return {**out, "chi_square": why, "df": df, "p": why}
    some = kept[:-1]
    apart = (seen - wanted)[some]
    statistic = float(apart @ np.linalg.pinv(whole[np.ix_(some, some)], hermitian=True) @ apart)
    return {**out, "chi_square": statistic, "df": df, "p": float(special.chdtrc(df, statistic))}
