"""Missing values: patterns and filled values against pandas, imputations against the same ones in the clear."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mpc import Flag
from mpc.machine.digest import digest
from mpc.machine.simulation import simulated_keys
from mpc.tables.expressions import Expression
from mpc.tables.noise import DRAW, Noises
from parties.accuracy import sets
from parties.accuracy.cases.regression import MODELS, models
from parties.accuracy.compared import ROWS, Compare, estimate, p_values, part, same, standard_error
from parties.accuracy.joint import ORGANIZATIONS, Joint
from parties.accuracy.libraries import PANDAS, STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st

IMPUTATIONS = 4
#: Standard errors, and log odds at a deviation, of a last step.
CONVERGED = 1e-5


def patterns(joint: Joint, name: str) -> Compare:
    frame = sets.with_gaps(sets.numbers()[name])
    frame.iloc[::7, 1] = np.nan
    found = joint.release(frame, st.missing_patterns)
    values = np.asarray(part(found, "values"))
    known = frame.notna().astype(int).value_counts()
    shown = {tuple(line[:-1]): line[-1] for line in values[:-1].tolist()}
    yield same("patterns", sorted(shown), sorted(known.index))
    yield same("counts", [shown.get(pattern) for pattern in known.index], known.tolist())
    yield same("all rows", values[-1].tolist(), [*frame.count(), len(frame)])


def pairs(joint: Joint) -> Compare:
    frame = sets.with_gaps(sets.sklearn("diabetes").drop(columns="sex"))
    found = joint.release(frame, st.missing_patterns)
    there = np.column_stack([np.ones(len(frame)), frame.notna()]).astype(int)
    yield same("pairs", part(found, "values"), (there.T @ there).tolist())


def carried(joint: Joint, name: str) -> Compare:
    frame = sets.with_gaps(sets.numbers()[name])

    def script(t: Any) -> dict[str, Any]:
        columns = st.locf([t[c] for c in frame.columns])
        means = {f"mean {k}": column.mean() for k, column in enumerate(columns)}
        return {**means, **{f"rows {k}": column.count() for k, column in enumerate(columns)}}

    found, known = joint.release(frame, script), frame.ffill(axis=1)
    for k, c in enumerate(frame.columns):
        yield estimate(f"mean {c}", found[f"mean {k}"], known[c].mean(), scale=known[c].sem())
        yield same(f"rows {c}", found[f"rows {k}"], int(known[c].count()))


def filled(joint: Joint, name: str) -> Compare:
    frame = sets.with_gaps(sets.numbers()[name])
    first, second = frame.columns[:2]
    middle = float(frame[first].median())

    def script(t: Any) -> dict[str, Any]:
        numbers = {"sd": t[first].fillna(middle).std(), "mean": t[first].fillna(t[second]).mean()}
        return {**numbers, "indicator": st.ols(t[second], [t[first].fillna(middle), t[first].isna()])}

    found = joint.release(frame, script)
    yield estimate("sd with a constant", found["sd"], frame[first].fillna(middle).std())
    mean = frame[first].fillna(frame[second])
    yield estimate("mean with another column", found["mean"], mean.mean(), scale=mean.sem())
    sm, there = need("statsmodels.api"), frame[second].notna()
    design = np.column_stack([frame[first].fillna(middle), frame[first].isna()])[there].astype(float)
    fit = sm.OLS(frame[second][there], sm.add_constant(design)).fit()
    yield estimate("indicator, coefficients", part(found["indicator"], "coefficient"), fit.params, scale=fit.bse)
    yield standard_error("indicator, errors", part(found["indicator"], "standard_error"), fit.bse)


def incomplete(name: str) -> tuple[Any, str, list[str]]:
    """A table of `models`, whose response is missing where another column is large; and the predictors."""
    frame, response = models()[name]
    frame = frame.astype(float).reset_index(drop=True)
    others = [c for c in frame.columns if c != response]
    large = frame[others[0]].rank(pct=True) > np.random.default_rng(4).random(len(frame)) + 0.3
    return frame.assign(**{response: frame[response].mask(large)}), response, others


def fitted(frame: Any, response: str, predictors: list[str]) -> Any:
    sm = need("statsmodels.api")
    return sm.OLS(frame[response], sm.add_constant(frame[predictors])).fit()


def model(joint: Joint, name: str) -> Compare:
    frame, response, others = incomplete(name)
    found = joint.release(frame, lambda t: st.imputation_model(t[response], t[others]))
    known = frame.dropna()
    fit = fitted(known, response, others)
    yield estimate("coefficient", part(found, "coefficient"), fit.params, scale=fit.bse)
    yield standard_error("standard error", part(found, "standard_error"), fit.bse)
    yield standard_error("residual standard error", part(found, "residual_standard_error"), np.sqrt(fit.scale))
    yield estimate(
        "means", part(found, "means"), known[[*others, response]].mean(), scale=known[[*others, response]].std()
    )
    correlations = np.corrcoef(known[others].T).reshape(-1)
    yield estimate("correlations", np.ravel(part(found, "correlations")), correlations, scale=1.0)


def imputed(joint: Joint, name: str) -> Compare:
    """The model's first predictor, by all columns and the response; all columns of it completed, and pooled."""
    frame, response, others = incomplete(name)
    drawn = joint.release(frame, lambda t: st.imputation_model(t[response], t[others]))
    columns: list[Any] = []

    def script(t: Any) -> dict[str, Any]:
        columns[:] = st.multiple_imputation(t[response], t[others], drawn, imputations=IMPUTATIONS)
        target, rest = t[others[0]], [t[c] for c in others[1:]]
        return {f"fit {k}": st.ols(target, [column, *rest]) for k, column in enumerate(columns)}

    found = joint.release(frame, script)
    fits = []
    for k, column in enumerate(columns):
        whole = frame.assign(**{response: completed(column.expression, frame, ORGANIZATIONS[joint.engine])})
        fit = fitted(whole, others[0], [response, *others[1:]])
        fits.append(fit)
        yield estimate(f"coefficient {k}", part(found[f"fit {k}"], "coefficient"), fit.params, scale=fit.bse)
        yield standard_error(f"standard error {k}", part(found[f"fit {k}"], "standard_error"), fit.bse)
    pooled = st.pool_rubin([found[f"fit {k}"] for k in range(IMPUTATIONS)]).finish({})
    q, u = (np.asarray([np.asarray(getattr(fit, what)) for fit in fits]) for what in ("params", "bse"))
    total = (u**2).mean(0) + (1 + 1 / IMPUTATIONS) * q.var(0, ddof=1)
    yield estimate("pooled", part(pooled, "estimate"), q.mean(0), scale=np.sqrt(total))
    yield standard_error("pooled standard error", [line[0] for line in part(pooled, "table")["values"]], np.sqrt(total))
    share, df = (1 + 1 / IMPUTATIONS) * q.var(0, ddof=1) / total, fits[0].df_resid
    old, observed = (IMPUTATIONS - 1) / share**2, (df + 1) / (df + 3) * df * (1 - share)
    p = 2 * need("scipy.stats").t.sf(np.abs(q.mean(0)) / np.sqrt(total), old * observed / (old + observed))
    yield from p_values("p", part(pooled, "p"), p)


def completed(expression: Expression, frame: Any, owners: int) -> Any:
    """The values of a column at all owners of a simulated run, with the residuals that each of them draws."""
    values = np.empty(len(frame))
    for owner in range(owners):
        key = np.empty(16, np.uint8)
        simulated_keys(owner, owners, 1).private.fill(key, digest(("noise of rows", "rows")), b"key")
        own = frame.iloc[owner::owners]
        draw = partial(Noises(key.tobytes()).draw, start=0, rows=len(own))
        values[owner::owners] = expression.evaluate({**{c: own[c].to_numpy() for c in own}, DRAW: draw}, {})
    return pd.Series(values, frame.index)


def of_flag(joint: Joint, name: str) -> Compare:
    """A flag, missing in every fifth row, by a number: steps of Newton's method until they converge."""
    frame = sets.by_flag()[name].astype({"x": float}).reset_index(drop=True)
    known = frame[frame.index % 5 > 0]
    incomplete = frame.assign(group=frame.group.astype(object).where(frame.index % 5 > 0))
    found: Any = None
    while found is None or found["last_step"] > CONVERGED:
        found = joint.release(incomplete, partial(_step, previous=found), columns={"group": Flag()})
        if isinstance(found, str):
            break
    sm = need("statsmodels.api")
    fit = sm.Logit(known.group.astype(float), sm.add_constant(known.x)).fit(disp=0, tol=1e-12, maxiter=100)
    yield estimate("coefficient", part(found, "estimate"), fit.params, scale=fit.bse)
    yield standard_error("standard error", part(found, "standard_error"), fit.bse)
    yield from p_values("p", part(found, "p"), fit.pvalues)


def _step(t: Any, previous: Any) -> Any:
    return st.imputation_model(t.group, [t.x], previous)


for _name in sets.NUMBERS:
    for _rows in ROWS:
        case("st.missing_patterns", _name, rows=_rows, by=PANDAS)(partial(patterns, name=_name))
    case("st.locf", _name, rows="stay", by=PANDAS)(partial(carried, name=_name))
    case("x.fillna, x.isna", _name, rows="stay", by=f"{PANDAS}, {STATSMODELS}")(partial(filled, name=_name))
case("st.missing_patterns", "scikit-learn diabetes, pairs", rows="stay", by=PANDAS)(pairs)
for _name in MODELS:
    case("st.imputation_model", _name, rows="stay", by=STATSMODELS)(partial(model, name=_name))
    case("st.multiple_imputation, st.pool_rubin", _name, rows="stay", by=STATSMODELS)(partial(imputed, name=_name))
for _name in sets.BY_FLAG:
    case("st.imputation_model of a flag", _name, rows="stay", by=STATSMODELS)(partial(of_flag, name=_name))
