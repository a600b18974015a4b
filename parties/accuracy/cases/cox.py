"""Cox regression of shared rows, with Breslow's and Efron's ties, against statsmodels' PHReg."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.cases.survival import NAMES, declared, patients
from parties.accuracy.compared import Compare, estimate, p_values, part, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import STATSMODELS, need
from parties.accuracy.registry import case
from protocols import survival

#: Predictors of further models.
MODELS = {
    "rossi": ["fin", "age", "race", "wexp", "mar", "paro", "prio"],
    "lung": ["age", "sex", "ph.ecog"],
    "gbsg2": ["age", "tsize", "pnodes", "progrec"],
}


#: Strata and predictors.
STRATA = (
    ("rossi", "race", ["age", "prio"]),
    ("lung", "sex", ["age", "ph.ecog"]),
    ("gbsg2", "menostat", ["age", "pnodes"]),
    ("gbsg2", "tgrade", ["tsize", "progrec"]),
    ("larynx", "stage", ["age"]),
    ("leukemia", "sex", ["logWBC", "Rx"]),
)


def fitted(joint: Joint, rows: Any, ties: Any, columns: Any = None) -> Compare:
    """Of a frame with time, event and predictors, and perhaps strata."""
    names = [name for name in rows if name not in ("time", "event", "stratum")]

    def script(t: Any) -> Any:
        strata = t.stratum if "stratum" in rows else None
        return survival.cox(t.time, t.event, {name: t[name] for name in names}, ties=ties, strata=strata)

    yield from against(joint.release(rows, script, columns=columns), rows.dropna(), names, ties)


def against(found: Any, known: Any, names: list[str], ties: str) -> Compare:
    hazards = need("statsmodels.duration.hazard_regression").PHReg
    strata = pd.Categorical(known.stratum).codes if "stratum" in known else None
    model = hazards(
        known.time.astype(float), known[names].astype(float), status=known.event.astype(int), ties=ties, strata=strata
    )
    fit = model.fit()
    yield estimate("coefficients", part(found, "coefficient"), fit.params, scale=fit.bse)
    yield standard_error("standard errors", part(found, "standard_error"), fit.bse)
    yield from p_values("p", part(found, "p"), fit.pvalues)
    yield estimate("log-likelihood", part(found, "log_likelihood"), fit.llf)
    yield estimate("null log-likelihood", part(found, "null_log_likelihood"), model.loglike(np.zeros(len(names))))


def by_group(joint: Joint, name: str, ties: str) -> Compare:
    """A flag for each group but the first."""
    rows = patients(name)
    flags = {f"is_{group}": rows.group == group for group in sorted(rows.group.unique())[1:]}
    yield from fitted(joint, rows[["time", "event"]].assign(**flags), ties, declared(name))


def adjusted(joint: Joint, name: str, ties: str) -> Compare:
    rows = patients(name)[["time", "event"]]
    more = sets.shipped(name)[MODELS[name]].rename(columns=lambda c: c.replace(".", "_")).astype(float)
    yield from fitted(joint, rows.assign(**more), ties)


def stratified(joint: Joint, name: str, by: str, names: list[str]) -> Compare:
    whole, rows = sets.shipped(name), patients(name)[["time", "event"]]
    more = {column.replace(".", "_"): whole[column].astype(float) for column in names}
    yield from fitted(joint, rows.assign(stratum=pd.Categorical(whole[by]).codes, **more), "efron")


def matched(joint: Joint, name: str) -> Compare:
    """Sets of four rows, of which one is the case: that with the largest outcome, and noise."""
    library, _, data = name.partition(" ")
    frame = (sets.sklearn if library == "scikit-learn" else sets.statsmodels)(data)
    frame = frame.select_dtypes("number").dropna().astype(float).head(1200)
    y, *others = [column for column in frame if frame[column].nunique() > 2][:: -1 if "target" in frame else 1][:3]
    noise = np.random.default_rng(4).normal(0, 2 * frame[y].std(), len(frame))
    rows = pd.DataFrame({f"x{k}": frame[column].to_numpy() for k, column in enumerate(others)})
    rows["stratum"] = np.arange(len(rows)) // 4
    outcome = pd.Series(frame[y].to_numpy() + noise)
    rows["event"] = outcome.groupby(rows.stratum).rank(method="first", ascending=False) == 1
    names = [f"x{k}" for k in range(len(others))]
    found = joint.release(rows, lambda t: survival.clogit(t.event, {name: t[name] for name in names}, t.stratum))
    yield from against(found, rows.assign(time=1.0), names, "breslow")


def hidden(joint: Joint, rows: int, ties: str) -> Compare:
    """Few rows for many ties, with hazards that differ by a factor of a thousand."""
    made = np.random.default_rng(3)
    x = made.normal(0, 1, (rows, 2))
    time = np.ceil(30 * made.exponential(1, rows) / np.exp(x @ [1.2, -0.8])).clip(1, 365).astype(int)
    yield from fitted(joint, pd.DataFrame({"time": time, "event": time < 365, "a": x[:, 0], "b": x[:, 1]}), ties)


for _ties, _function in (("breslow", "survival.cox"), ("efron", 'survival.cox, ties="efron"')):
    for _name in NAMES:
        _of = partial(by_group, name=_name, ties=_ties)
        case(_function, f"lifelines {_name}: groups", rows="shared", by=STATSMODELS)(_of)
    for _name in MODELS:
        _of = partial(adjusted, name=_name, ties=_ties)
        case(_function, f"lifelines {_name}: adjusted", rows="shared", by=STATSMODELS)(_of)
    _of = partial(hidden, rows=300, ties=_ties)
    case(_function, "steep hazards and ties", rows="shared", by=STATSMODELS, public=False)(_of)
for _name, _by, _names in STRATA:
    _of = partial(stratified, name=_name, by=_by, names=_names)
    case("survival.cox, strata", f"lifelines {_name} by {_by}", rows="shared", by=STATSMODELS)(_of)
for _name in (
    "scikit-learn wine", "scikit-learn diabetes", "scikit-learn breast_cancer", "statsmodels anes96",
    "statsmodels fair", "statsmodels ccard",
):  # fmt: skip
    case("survival.clogit", f"{_name}, in sets", rows="shared", by=STATSMODELS)(partial(matched, name=_name))
