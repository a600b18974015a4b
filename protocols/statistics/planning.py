"""Plain arithmetic on public or released numbers: sample sizes, power, and p-values of several tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import asin, isfinite, sqrt
from typing import Literal

import numpy as np

from mpc.errors import ConfigError

Adjustment = Literal["bonferroni", "holm", "fdr_bh", "fdr_by"]


def power_means(
    effect: float, *, n: float | None = None, power: float | None = None, ratio: float = 1.0, alpha: float = 0.05
) -> float:
    """The power of a two-sided t-test of two means with n rows in the first group, or the n that a power takes.

    effect  public: the difference of the means, in standard deviations
    n       rows of the first group: gives the power;  power  gives n, not rounded (say either)
    ratio   rows of the second group for each row of the first

    Opens   nothing: all numbers are public
    Raises  ConfigError for other numbers
    Equals  statsmodels' `TTestIndPower().power` and `.solve_power`
    Source  Cohen, Statistical Power Analysis for the Behavioral Sciences (2nd ed., 1988), chapter 2
    """

    def of(rows: float) -> float:
        from scipy import special  # scipy.stats takes a second to import

        df = rows * (1 + ratio) - 2
        away = abs(effect) * sqrt(rows * ratio / (1 + ratio))
        critical = float(special.stdtrit(df, 1 - alpha / 2))
        within, below = (float(special.nctdtr(df, away, t)) for t in (critical, -critical))
        # Far from 0 these chances underflow, to nan at last.
        return 1 - (within if isfinite(within) else 0.0) + (below if isfinite(below) else 0.0)

    if not isfinite(effect):
        raise ConfigError(f"power_means: effect={effect!r}; expected a number")
    # Both groups have at least one row, and together more than two.
    return _either("power_means", of, n, power, ratio, alpha, least=2.0 / min(1.0, max(ratio, 1e-9)), none=not effect)


def power_proportions(
    first: float,
    second: float,
    *,
    n: float | None = None,
    power: float | None = None,
    ratio: float = 1.0,
    alpha: float = 0.05,
) -> float:
    """The power of a two-sided test of two proportions (by arcsines) with n rows in the first group, or the n that a
    power takes.

    first, second  public proportions;  n, power, ratio, Opens, Raises  as `power_means`

    Equals  statsmodels' `NormalIndPower().power` and `.solve_power`, with `proportion_effectsize(first, second)`
    Source  Cohen, Statistical Power Analysis for the Behavioral Sciences (2nd ed., 1988), chapter 6
    """
    for share in (first, second):
        if not 0 <= share <= 1:
            raise ConfigError(f"power_proportions: {share!r}; proportions are from 0 to 1")
    effect = abs(2 * (asin(sqrt(first)) - asin(sqrt(second))))

    def of(rows: float) -> float:
        from scipy import special

        away, critical = effect * sqrt(rows * ratio / (1 + ratio)), -float(special.ndtri(alpha / 2))
        return float(special.ndtr(away - critical) + special.ndtr(-critical - away))

    return _either("power_proportions", of, n, power, ratio, alpha, least=1e-6, none=not effect)


def _either(
    what: str,
    of: Callable[[float], float],
    n: float | None,
    power: float | None,
    ratio: float,
    alpha: float,
    *,
    least: float,
    none: bool,
) -> float:
    """The power of n rows, or the n of a power, which `of` gives the power of."""
    if (n is None) == (power is None):
        raise ConfigError(f"{what}: say either n= or power=")
    if not 0 < alpha < 1 or not 0 < ratio < 1e6:
        raise ConfigError(f"{what}: alpha={alpha!r}, ratio={ratio!r}; expected a share and a number above 0")
    if n is not None:
        if not least <= n < 1e12:
            raise ConfigError(f"{what}: n={n!r}; expected at least {least:g} rows")
        return of(n)
    assert power is not None
    if not alpha < power < 1 or none:
        raise ConfigError(f"{what}: power={power!r}; expected an effect, and a power between alpha={alpha:g} and 1")
    from scipy.optimize import brentq

    high = max(4.0, 2 * least)
    if of(least) >= power:
        return least
    while of(high) < power:
        high *= 2
        if high > 1e12:
            raise ConfigError(f"{what}: more than 1e12 rows would be needed; expected a larger effect")
    return float(brentq(lambda rows: of(rows) - power, least, high, xtol=1e-9, rtol=1e-12))


def adjust_p(values: Sequence[float | str], method: Adjustment) -> list[float | str]:
    """P-values of several tests, adjusted so that they hold together: of released or public values.

    values  p-values; words in place of a number (suppressed, undefined) stay, and are no test
    method  "bonferroni" or "holm": the chance of any false finding; "fdr_bh" (Benjamini and Hochberg) or "fdr_by"
            (Benjamini and Yekutieli, for any dependence): the expected share of false ones among the findings

    Opens   nothing. As in `first = await study.release("first", st.ttest_ind(a, b))`, for each test, and then
            `study.release("adjusted", st.adjust_p([first["p"], …], "holm"))`
    Raises  ConfigError for another method, or what is no p-value
    Equals  statsmodels' `multipletests(method=method)[1]`; R's `p.adjust`
    Source  Holm, Scandinavian Journal of Statistics 6 (1979); Benjamini and Hochberg, JRSS B 57 (1995); Benjamini and
            Yekutieli, Annals of Statistics 29 (2001)
    """
    if method not in ("bonferroni", "holm", "fdr_bh", "fdr_by"):
        raise ConfigError(f"adjust_p: method={method!r}; expected 'bonferroni', 'holm', 'fdr_bh' or 'fdr_by'")
    for value in values:
        if not isinstance(value, str) and not 0 <= value <= 1:
            raise ConfigError(f"adjust_p: {value!r} is no p-value")
    places = [k for k, value in enumerate(values) if not isinstance(value, str)]
    p = np.asarray([values[k] for k in places], np.float64)
    tests, order = len(p), np.argsort(p, kind="stable")
    rank = np.arange(1, tests + 1)
    if method == "bonferroni":
        found = p[order] * tests
    elif method == "holm":
        found = np.maximum.accumulate(p[order] * (tests + 1 - rank))
    else:
        more = float((1 / rank).sum()) if method == "fdr_by" else 1.0
        found = np.minimum.accumulate((p[order] * tests * more / rank)[::-1])[::-1]
    out: list[float | str] = list(values)
    for place, value in zip(order, found, strict=True):
        out[places[place]] = float(min(1.0, value))
    return out
