"""Analyses of several imputations as one: Rubin's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mpc.errors import ConfigError
from mpc.releases.disclosure import Result
from mpc.untyped import Anything, Json
from protocols.statistics.measures import Cell, Measure, document
from protocols.statistics.missing import secret_pooling

#: What the table below the measures has: lambda is the share of the variance that is due to missing values, fmi the
#: fraction of missing information.
_COLUMNS = ["standard error", "within", "between", "lambda", "fmi"]


class _Pooled(NamedTuple):
    """Of one estimate: its mean, standard error and degrees of freedom, the variances within and between imputations,
    the share of the variance that comes from missing values, and the fraction of missing information."""

    estimate: float
    error: float
    df: float
    within: float
    between: float
    share: float
    lost: float


def pool_rubin(fits: Sequence[Anything], *, df: float | None = None) -> Result:
    """Estimates of several imputations, pooled by Rubin's rules: of released analyses; or the mean of a completed
    column, in secret.

    fits  the awaited releases of the same analysis of each completed column: models (`ols`, `logit`: a line for each
          term), or documents with a list of estimates and one of standard errors, such as {"estimate": [1.2],
          "standard_error": [0.3]}. Or the columns of `multiple_imputation` themselves: then their means are pooled, and
          the mean of no imputation is opened
    df    degrees of freedom that the analysis would have without missing values (default: the models' `residual_df`;
          infinitely many where these have none; of columns, the rows less one)

    Opens       nothing: all follows from released numbers. Of columns the number of rows, the mean of the means and of
                the variances, and the variance between imputations. The mean of the estimates with its 95 % interval,
                t, degrees of freedom (Barnard and Rubin's) and p; and a table of the standard error, the variances
                within and between imputations, the share of the variance that is due to missing values (lambda) and
                the fraction of missing information
    Undefined   without two fits; a term that is words in one of the fits, or whose standard errors are all 0. Words in
                place of a whole fit are words in place of the result
    Error       none; of columns that of `x.mean()` and `x.var()`
    Protection  of columns that of `x.std()`, of all imputations together
    Raises      ConfigError for fits that were not awaited, of different terms, or without standard errors
    Equals      R's `mice::pool`; the estimates and standard errors of statsmodels' `MICEResults`
    Source      Rubin, Multiple Imputation for Nonresponse in Surveys (1987), chapter 3; Barnard and Rubin, Biometrika
                86 (1999); van Buuren, Flexible Imputation of Missing Data (2nd ed., 2018), 2.3
    """
    listed = list(fits)
    if len(listed) > 1 and secret_pooling.of_columns(listed):
        name = str(getattr(listed[0], "name", ""))
        return secret_pooling.pooled_mean(
            listed, lambda three, n: _of_moments([name], [three], len(listed), max(n - 1.0, 1.0) if df is None else df)
        )
    value = _document(listed, df)
    return Result("measures", {}, lambda _: value)


def _document(fits: list[Anything], df: float | None) -> Json:
    if words := next((fit for fit in fits if isinstance(fit, str)), None):
        return str(words)
    if len(fits) < 2:
        return "undefined: fewer than two imputations"
    names, estimates, errors = _read(fits)
    if df is None:  # a model has at least one; a number that stands in while a script is planned may have none
        df = max(1.0, min((float(fit["residual_df"]) for fit in fits if _has_df(fit)), default=np.inf))
    moments: list[Anything] = []
    for j in range(len(names)):
        cells = [column[j] for column in (*estimates, *errors)]
        words = next((cell for cell in cells if isinstance(cell, str)), None)
        moments.append(words or _moments([e[j] for e in estimates], [e[j] for e in errors]))
    return _of_moments(names, moments, len(fits), df)


def _of_moments(names: Sequence[str], moments: Sequence[Anything], m: int, df: float) -> Json:
    """From the mean, and the variances within and between imputations, of each estimate; or words."""
    if not df > 0:
        raise ConfigError(f"pool_rubin: df={df!r}; expected a number above 0")
    measures: list[Measure] = []
    rows: list[list[Cell]] = []
    for name, three in zip(names, moments, strict=True):
        found = None if isinstance(three, str) else _pooled(three, m, df)
        if found is None:
            words = three if isinstance(three, str) else "undefined: standard errors of 0"
            measures.append(Measure(name, words))
            rows.append([words] * len(_COLUMNS))
            continue
        measures.append(_measure(name, found))
        rows.append([found.error, found.within, found.between, found.share, found.lost])
    return document(measures, {"rows": names, "columns": _COLUMNS, "values": rows})


def _moments(estimates: Sequence[Any], errors: Sequence[Any]) -> tuple[float, float, float]:
    q, u = np.asarray(estimates, np.float64), np.asarray(errors, np.float64) ** 2
    return float(q.mean()), float(u.mean()), float(q.var(ddof=1))


def _has_df(fit: Anything) -> bool:
    """Whether a fit has one number of residual degrees of freedom."""
    return isinstance(fit, Mapping) and isinstance(fit.get("residual_df"), int | float)


def _read(fits: Sequence[Anything]) -> tuple[list[str], list[list[Cell]], list[list[Cell]]]:
    """The names of the estimates, and of each fit the estimates and their standard errors."""
    read = []
    for fit in fits:
        if not isinstance(fit, Mapping):
            raise ConfigError(
                f"pool_rubin: a {type(fit).__name__}; fits are awaited releases, as in fit = await study.release(…)"
            )
        estimates, errors = fit.get("coefficient", fit.get("estimate")), fit.get("standard_error")
        if not isinstance(estimates, list | tuple) or not isinstance(errors, list | tuple):
            raise ConfigError("pool_rubin: a fit has no list of coefficients or estimates, or none of standard errors")
        names = fit.get("terms", fit.get("measures", [f"estimate {k + 1}" for k in range(len(estimates))]))
        if not len(names) == len(estimates) == len(errors):
            raise ConfigError(f"pool_rubin: {len(names)} names, {len(estimates)} estimates, {len(errors)} errors")
        read.append((list(names), list(estimates), list(errors)))
    if any(names != read[0][0] for names, _, _ in read):
        raise ConfigError("pool_rubin: the fits have different terms; pool analyses by the same formula")
    return [str(name) for name in read[0][0]], [e for _, e, _ in read], [e for _, _, e in read]


def _pooled(moments: tuple[float, float, float], m: int, df: float) -> _Pooled | None:
    """Rubin's rules, and the degrees of freedom of Barnard and Rubin; None where all variances are 0."""
    mean, within, between = moments
    more = (1 + 1 / m) * between
    total = within + more
    if not total > 0:
        return None
    share = more / total
    known = 1.0 if np.isinf(df) else (df + 1) / (df + 3)
    observed = df * known * (1 - share) if share < 1 else 0.0
    # Of imputations that all agree, the degrees of freedom are those of the observed values.
    old = (m - 1) / share**2 if share > 0 else np.inf
    finite = np.isfinite(old) and np.isfinite(observed)
    free = old * observed / (old + observed) if finite else min(old, observed)
    ratio = more / within if within > 0 else np.inf
    lost = (ratio + 2 / (free + 3)) / (ratio + 1) if np.isfinite(ratio) else 1.0
    return _Pooled(mean, float(np.sqrt(total)), float(free), within, between, share, float(lost))


def _measure(name: str, found: _Pooled) -> Measure:
    from scipy import special  # scipy.stats takes a second to import

    if not found.df > 0:
        why = "undefined: the estimates have no variance within imputations"
        return Measure(name, found.estimate, why, why, why, p=why)
    t = found.estimate / found.error
    if np.isinf(found.df):
        reach, p = float(special.ndtri(0.975)), float(2 * special.ndtr(-abs(t)))
        return Measure(name, found.estimate, *_around(found, reach), statistic=t, p=p)
    reach, p = float(special.stdtrit(found.df, 0.975)), float(2 * special.stdtr(found.df, -abs(t)))
    return Measure(name, found.estimate, *_around(found, reach), statistic=t, residual_df=found.df, p=p)


def _around(found: _Pooled, reach: float) -> tuple[float, float]:
    return found.estimate - reach * found.error, found.estimate + reach * found.error
