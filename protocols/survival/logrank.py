"""The log-rank test: whether groups have the same survival."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

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
from mpc.values.wide_products import precise_product
from protocols.numeric.exponential import exp_of_negative
from protocols.numeric.shares import at_least_one, running_product, share_of
from protocols.survival.arguments import names_of, need_private, need_shared
from protocols.survival.in_order import LOG_BITS
from protocols.survival.private import PrivateRows
from protocols.survival.shared import SharedRows
from protocols.survival.strata import added, private_strata, shared_strata
from protocols.tables.segments import Segments, neighbours_equal, nothing

#: Fraction bits of shares of rows at risk, of their products, and of weights.
_SHARE, _PRODUCT, _WEIGHT = 28, 26, 28
Weights = Literal["wilcoxon", "tarone-ware", "fleming-harrington"]


def logrank(
    time: PrivateArray | SecretArray,
    event: PrivateArray | SecretArray,
    group: PrivateArray | SecretArray | SecretCategory,
    *,
    strata: PrivateArray | SecretArray | SecretCategory | None = None,
    weights: Weights | None = None,
    step: float | None = None,
) -> Result:
    """The log-rank test of two or more groups (Mantel-Haenszel, with the hypergeometric variance), or a weighted one.

    time, event  as in `kaplan_meier`; group: a category or a flag
    strata       a category or a flag: groups are compared within each stratum, and the differences added up
    weights      of the differences at each time of an event: None, all alike; "wilcoxon" (Gehan, Breslow), the rows at
                 risk; "tarone-ware", their square root; "fleming-harrington", the survival of all rows before (rho = 1)
    step         of private times: events are counted in steps of this length (default: 1 for an `Integer`)

    Rows that miss a time, an event, a group or a stratum are left out. Ties are exact. The test is that of
    `lifelines.statistics.multivariate_logrank_test`, `survdiff` of R and statsmodels (with its `strata`); of private
    rows, for times that are rounded up to multiples of `step`.

    Gives       for each group rows, observed and expected events; chi-square, degrees of freedom and p
    Opens       the rows and observed events of each group, the expected events of all groups but the last, and the
                covariance of observed less expected events, from which chi-square follows (of two groups: a variance);
                with weights also the weighted differences of these groups, and the covariance is that of them. With
                strata all of these are sums over the strata: nothing of a single stratum is opened
    Undefined   where no event happens with rows of two groups at risk
    Protection  fewer rows than the minimum with an event or without one, in any group, suppress the whole test
    Error       2^-26 sqrt(events) of expected events; of the variance 2^-20 relative, for tied events of n shared rows
                n 2^-34 for each. With weights 2^-22 of chi-square, for shared rows times places over rows
    Rounds      shared rows: a sort by time, an equality, a sort by one bit, and about 15. Private rows: two divisions.
                Strata cost as many tests, at the same time
    Raises      ShapeError for other columns; ConfigError for a category with a single level
    Source      Mantel, Cancer Chemotherapy Reports 50 (1966); Peto and Peto, JRSS A 135 (1972); Gehan, Biometrika 52
                (1965); Tarone and Ware, Biometrika 64 (1977); Harrington and Fleming, Biometrika 69 (1982)
    """
    if weights is not None and weights not in get_args(Weights):
        known = ", ".join(map(repr, get_args(Weights)))
        raise ConfigError(f"logrank: weights={weights!r}; expected {known}, or None")
    names = names_of(group)
    if len(names) < 2:
        raise ConfigError(f"logrank: {group!r} has a single level; expected two or more groups")
    cohorts: list[Cohort]
    if isinstance(time, PrivateArray):
        need_private("logrank", time, event, group)
        assert isinstance(event, PrivateArray)
        assert isinstance(group, PrivateArray)
        timed, *times = [time] if strata is None else private_strata("logrank", strata, time)
        counted = PrivateRows.of(timed, event, group, None, step)
        most = counted.at_risk[:1].sum(1).bounded(counted.most)
        of_each = [PrivateRows.of(one, event, group, None, step) for one in times] or [counted]
        cohorts, parts = counted.sides(), added([_of_counts(one, weights, most) for one in of_each])
    else:
        need_shared("logrank", time, event, group)
        if step is not None:
            raise ShapeError("logrank: step= is for private columns; times of shared rows are exact")
        assert isinstance(event, SecretArray)
        assert not isinstance(group, PrivateArray)
        bits = [] if strata is None else shared_strata("logrank", strata, time)
        rows = SharedRows.of(time, event, group, bits[0] | ~bits[0] if bits else None)
        among = [SharedRows.of(time, event, group, one) for one in bits] or [rows]
        cohorts, parts = rows.sides(), added([_of_rows(one, weights) for one in among])
    if cohorts:
        parts = {name: part.standing_on(*cohorts) for name, part in parts.items()}

    def finish(opened: Mapping[str, Opened]) -> Any:
        for part in opened.values():
            if not part.ok:
                return part.first_problem()
        whole = {name: [int(n) for n in opened[name].whole_cells()] for name in ("rows", "observed")}
        apart = opened["difference"].values if weights is not None else None
        found = chi_square(whole["observed"], opened["expected"].values, opened["variance"].values, apart)
        return {"groups": names, **whole, **found, **({} if weights is None else {"weights": weights})}

    return Result("logrank", parts, finish, together=True)


def _of_rows(rows: SharedRows, weights: Weights | None) -> dict[str, SecretArray]:
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
    happened = moved[:, groups:]
    dead = of_runs(runs, happened.sum(1), n)
    share, inverse = runs.at_ends(share), runs.at_ends(time.constant(others, like=_scale(fine, time)))
    expected = dead.reshape(1, n).dot(share, _PRODUCT, bound=n * ((1 << _SHARE) + 2 * n)).reshape(groups - 1)
    # d (n - d) / (n - 1) = d - d (d - 1) / (n - 1), and the last term is at most d, so at most n.
    pairs = dead.times(dead - 1).times(inverse, bound=(n << fine) + n * n)
    spread = (dead.shifted(fine) - pairs).bounded((n << fine) + n * n).cut(58 - _PRODUCT - width_of(n))
    parts = {"rows": sums[:groups], "observed": sums[groups:], "expected": expected}
    if weights is None:
        variance = spread.reshape(1, n).dot(_products(share), 16, bound=n << (58 - width_of(n)))
        return {**parts, "variance": variance.reshape(-1)}
    weight = _weight_of_rows(weights, happened.sum(1).bounded(1), runs)
    by_group = concatenate([of_runs(runs, happened[:, g], n).reshape(-1, 1) for g in range(groups - 1)], axis=1)
    return {**parts, **_weighted(weight, by_group, dead, share, spread, n)}


def _weight_of_rows(weights: Weights, happened: SecretArray, runs: Segments) -> SecretArray:
    """The weight of each run of equal times, as a part of that of all places at risk."""
    n = len(happened)
    at_risk = np.arange(1, n + 1, dtype=np.float64)
    if weights != "fleming-harrington":
        public = (at_risk / n) ** (1.0 if weights == "wilcoxon" else 0.5)
        return runs.at_ends(happened.constant(public, like=_scale(_WEIGHT, happened)))
    # What comes later in the order happened earlier; nothing comes later than an event of the last row at risk.
    logs = np.rint(np.ldexp(np.log((at_risk - 1).clip(1) / at_risk), LOG_BITS)).astype(np.int64)
    logs[0] = 0
    most = max(int(np.abs(logs).sum()), 1)
    each = happened.invoke("scale", by=logs, result=Stated(bound=max(int(np.abs(logs).max()), 1)))
    summed = each[::-1].invoke("cumulative_sum", axis=0, result=Stated(bound=most))[::-1]
    earlier = summed.invoke("subtract", each, result=Stated(bound=most, frac=LOG_BITS, type="fixed"))
    return exp_of_negative(runs.at_ends(earlier), _WEIGHT)


def of_runs(runs: Segments, events: SecretArray, n: int) -> SecretArray:
    """(n,) the number of events of each run; 0 where there is none."""
    upto = runs.at_ends(events.cumsum(0).bounded(n))
    # A difference of running sums is a sum of at most n events.
    dead = upto.invoke("subtract", concatenate([nothing(upto, 1), upto[:-1]]), result=Stated(bound=n))
    return where(runs.exists, dead, 0).bounded(n)


def _weighted(
    weight: SecretArray, by_group: SecretArray, dead: SecretArray, share: SecretArray, spread: SecretArray, most: int
) -> dict[str, SecretArray]:
    """Weighted differences of all groups but the last, and their covariances. Weights are from 0 to 1."""
    size, groups = share.shape
    expected = dead.reshape(-1, 1).broadcast_to(share.shape).times(share, bound=most * (share.bound + 1))
    apart = (by_group.shifted(_SHARE) - expected).bounded((2 * most + 1) << _SHARE)
    once = weight.reshape(-1, 1)
    differences = precise_product(once.broadcast_to(share.shape), apart)
    # All events together are at most the number of rows, and weights are at most 1.
    difference = differences.invoke("sum", axis=0, result=Stated(bound=(2 * most << max(differences.frac, 0)) + size))
    pairs = size, groups * (groups + 1) // 2
    twice = precise_product(precise_product(once, once).broadcast_to(pairs), _products(share))
    terms = precise_product(spread.reshape(-1, 1).broadcast_to(pairs), twice)
    variance = terms.invoke("sum", axis=0, result=Stated(bound=(most << max(terms.frac, 0)) + size))
    return {"difference": difference, "variance": variance}


def _scale(frac: int, like: SecretArray) -> SecretArray:
    """Zero with so many fraction bits."""
    return like.constant(np.zeros((), np.int64)).rescaled(frac)


def _of_counts(rows: PrivateRows, weights: Weights | None, whole: SecretArray) -> dict[str, SecretArray]:
    """Rows, observed and expected events, and covariances of rows counted in steps. whole: (1,) rows of all strata."""
    steps, groups = rows.shape
    most = rows.most
    by_group, dead = rows.at_risk, rows.events.sum(1).bounded(most)
    at_risk = by_group.sum(1).bounded(most)
    both = at_risk.reshape(-1, 1).broadcast_to((steps, groups - 1))
    share = share_of(by_group[:, : groups - 1], both).cut(_SHARE).bounded((1 << _SHARE) + 2)
    expected = dead.reshape(1, steps).dot(share, _SHARE, bound=most * ((1 << _SHARE) + 2)).reshape(groups - 1)
    # (n - d) / (n - 1) = 1 - (d - 1) / (n - 1). A single row at risk is of one group, whose variance is 0.
    tied = share_of(_one_less(dead), at_least_one(_one_less(at_risk)))
    spread = dead.reshape(-1, 1) * (1 - tied).bounded((1 << 40) + 4).reshape(-1, 1)
    parts = {"rows": by_group[0], "observed": rows.events.sum(0).bounded(most), "expected": expected}
    if weights is not None:
        weight = _weight_of_counts(weights, dead, at_risk, whole)
        return {**parts, **_weighted(weight, rows.events[:, : groups - 1], dead, share, spread.reshape(steps), most)}
    terms = precise_product(spread.broadcast_to((steps, groups * (groups - 1) // 2)), _products(share))
    # The terms add up to at most a number of events.
    bound = (most << max(terms.frac, 0)) + steps
    variance = terms.invoke("sum", axis=0, result=Stated(bound=bound))
    return {**parts, "variance": variance}


def _weight_of_counts(weights: Weights, dead: SecretArray, at_risk: SecretArray, whole: SecretArray) -> SecretArray:
    """The weight of each step, as a part of that of all rows of all strata at risk."""
    if weights == "fleming-harrington":
        after = running_product((1 - share_of(dead, at_risk)).bounded(1 << 40))
        first = after.constant(np.ones(1), like=after)
        return concatenate([first, after[:-1]]).cut(_WEIGHT)
    part = share_of(at_risk, whole.broadcast_to(at_risk.shape))
    return (part if weights == "wilcoxon" else part.sqrt().without_mask()).cut(_WEIGHT)


def _one_less(x: SecretArray) -> SecretArray:
    """Integers from 0 up less 1, and 0 for 0."""
    return (x - 1 + (x < 1).numeric()).bounded(x.bound)


def _products(share: SecretArray) -> SecretArray:
    """p_g (1 - p_g) and -p_g p_h for the pairs g <= h, of shares (n, groups - 1): (n, pairs)."""
    first, second = np.triu_indices(share.shape[1])
    same = np.broadcast_to(first == second, (share.shape[0], len(first)))
    a, b = share.view(lambda x: x[:, first]), share.view(lambda x: x[:, second])
    return a.product((same.astype(np.float64) - b).cut(_SHARE), _PRODUCT)


def chi_square(observed: Json, expected: Json, variance: Json, difference: Json | None = None) -> JsonObject:
    """Chi-square, degrees of freedom and p, from opened numbers: expected events of all groups but the last, and the
    upper triangle of the covariance of these. difference: weighted differences of these groups, and the covariance is
    that of them."""
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
    kept = np.flatnonzero(np.diagonal(whole) > (2.0**-12 if difference is None else 2.0**-24))
    df = max(len(kept) - 1, 0)
    out: JsonObject = {"expected": [float(e) for e in wanted]}
    if not df:
        why = "undefined: no event with rows of two groups at risk"
        return {**out, "chi_square": why, "df": df, "p": why}
    some = kept[:-1]
    gaps = seen - wanted
    if difference is not None:
        gaps = np.append(difference, -np.sum(difference))
    apart = gaps[some]
    statistic = float(apart @ np.linalg.pinv(whole[np.ix_(some, some)], hermitian=True) @ apart)
    return {**out, "chi_square": statistic, "df": df, "p": float(special.chdtrc(df, statistic))}
