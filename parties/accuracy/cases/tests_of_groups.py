"""Tests of groups of rows: equivalence, spread, distributions, ranks, normality; and the area under the ROC curve."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.cases.association import line
from parties.accuracy.compared import Compare, estimate, measured, p_value, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st


def tested(found: Any, name: str, known: Any) -> Compare:
    """Statistic and p."""
    yield estimate("statistic", line(found, name, "statistic"), known.statistic)
    yield p_value("p", line(found, name, "p"), known.pvalue)


def bartlett(joint: Joint, name: str) -> Compare:
    rows = sets.by_category()[name]
    levels = sorted(rows.level.unique())

    def script(t: Any) -> Any:
        if joint.rows == "shared":
            return st.bartlett(*[t.filter(t.level == level).x for level in levels])
        return st.bartlett(*[t.x[t.level == level] for level in levels])

    found = joint.release(rows, script)
    yield from tested(
        found, "Bartlett's test", need("scipy.stats").bartlett(*(g.x.astype(float) for _, g in rows.groupby("level")))
    )


def levene(joint: Joint, name: str, center: Any) -> Compare:
    rows = sets.by_category()[name]
    levels = sorted(rows.level.unique())

    def script(t: Any) -> Any:
        return st.levene(*[t.filter(t.level == level).x for level in levels], center=center)

    found = joint.release(rows, script)
    known = need("scipy.stats").levene(*(group.x.astype(float) for _, group in rows.groupby("level")), center=center)
    yield from tested(found, {"median": "Brown-Forsythe test", "mean": "Levene's test"}[center], known)


def equivalent(joint: Joint, name: str) -> Compare:
    """Means of two groups within a deviation of each other."""
    rows, theirs = sets.by_flag()[name], need("statsmodels.stats.weightstats")
    inside, outside = sets.halves(rows, "x", "group")
    reach = float(np.std(rows.x))
    found = joint.release(rows, lambda t: st.tost_ind(t.x[t.group], t.x[~t.group], -reach, reach))
    known = theirs.ttost_ind(inside, outside, -reach, reach, usevar="unequal")
    yield p_value("p", line(found, "equivalence", "p"), known[0])


def paired(joint: Joint, name: str) -> Compare:
    """Two columns of the same rows, standardised, within half a deviation of each other."""
    frame = sets.numbers()[name].iloc[:, :2].astype(float)
    rows = ((frame - frame.mean()) / frame.std() * 8).round().set_axis(["a", "b"], axis=1).astype(int)
    rows["a"] += 1
    found = joint.release(rows, lambda t: st.tost_rel(t.a, t.b, -4, 4))
    known = need("statsmodels.stats.weightstats").ttost_paired(rows.a.to_numpy(), rows.b.to_numpy(), -4, 4)
    yield p_value("p", line(found, "equivalence", "p"), known[0])


def friedman(joint: Joint, name: str) -> Compare:
    """Three columns of each row, in fifths of each column, with many ties."""
    frame = sets.numbers()[name].astype(float)
    if frame.shape[1] == 2:
        frame = frame.assign(third=np.sin(frame.iloc[:, 0]))
    rows = frame.rank(pct=True).mul(5).apply(np.ceil).astype(int).set_axis(["a", "b", "c"], axis=1)
    rows["c"] = (rows.c + (rows.a > 2)).clip(1, 5)
    found = joint.release(rows, lambda t: st.friedmanchisquare(t.a, t.b, t.c))
    yield from tested(found, "Friedman's test", need("scipy.stats").friedmanchisquare(*rows.to_numpy().T))


def distributions(joint: Joint, name: str) -> Compare:
    rows = sets.by_flag()[name]
    found = joint.release(rows, lambda t: st.ks_2samp(t.x, t.group))
    known = need("scipy.stats").ks_2samp(*sets.halves(rows, "x", "group"), method="asymp")
    yield from tested(found, "Kolmogorov-Smirnov test", known)


def tau(joint: Joint, name: str) -> Compare:
    frame = sets.numbers()[name].iloc[:, :2].set_axis(["x", "y"], axis=1)
    found = joint.release(frame, lambda t: st.kendalltau(t.x, t.y))
    known = need("scipy.stats").kendalltau(frame.x, frame.y, method="asymptotic")
    yield estimate("tau-b", line(found, "tau-b", "estimate"), known.statistic, scale=1)
    yield p_value("p", line(found, "tau-b", "p"), known.pvalue)


def normal(joint: Joint, x: Any) -> Compare:
    """Both tests of normality of a column."""
    stats = need("scipy.stats")
    frame = pd.DataFrame({"x": x})
    found = joint.release(frame, lambda t: {"jb": st.jarque_bera(t.x), "k2": st.normaltest(t.x)})
    yield estimate("skewness", line(found["jb"], "skewness", "estimate"), stats.skew(frame.x), scale=1)
    yield estimate("kurtosis", line(found["jb"], "excess kurtosis", "estimate"), stats.kurtosis(frame.x), scale=1)
    yield p_value("Jarque-Bera", line(found["jb"], "Jarque-Bera test", "p"), stats.jarque_bera(frame.x).pvalue)
    name = "D'Agostino-Pearson test"
    yield p_value(name, line(found["k2"], name, "p"), stats.normaltest(frame.x).pvalue)


def first(joint: Joint, name: str) -> Compare:
    yield from normal(joint, sets.numbers()[name].iloc[:, 0])


def tail(joint: Joint) -> Compare:
    x = need("scipy.stats").t(8).rvs(5000, random_state=5)
    yield from normal(joint, (x / 30 + 90).clip(0, 100))


def roc(joint: Joint, name: str) -> Compare:
    """The area, and DeLong's standard error from all pairs."""
    rows = sets.by_flag()[name]
    found = joint.release(rows, lambda t: st.roc_auc(t.x, t.group))
    inside, outside = sets.halves(rows, "x", "group")
    pairs = np.sign(np.subtract.outer(inside, outside)) / 2 + 0.5
    error = np.sqrt(pairs.mean(1).var(ddof=1) / len(inside) + pairs.mean(0).var(ddof=1) / len(outside))
    area = need("sklearn.metrics").roc_auc_score(rows.group, rows.x)
    yield estimate("area", measured(found, "area under the ROC curve", "estimate"), area)
    yield standard_error("standard error", measured(found, "standard error", "estimate"), error)


for _name in sets.BY_CATEGORY:
    case("st.bartlett", _name, rows="stay", by=SCIPY)(partial(bartlett, name=_name))
    case("st.bartlett", _name, rows="shared", by=SCIPY)(partial(bartlett, name=_name))
    case("st.levene", _name, rows="shared", by=SCIPY)(partial(levene, name=_name, center="median"))
    case("st.levene, means", _name, rows="shared", by=SCIPY)(partial(levene, name=_name, center="mean"))
for _name in sets.BY_FLAG:
    case("st.tost_ind", _name, rows="stay", by=STATSMODELS)(partial(equivalent, name=_name))
    case("st.ks_2samp", _name, rows="shared", by=SCIPY)(partial(distributions, name=_name))
    case("st.roc_auc", _name, rows="shared", by="scikit-learn; DeLong's definition")(partial(roc, name=_name))
for _name in sets.NUMBERS:
    case("st.tost_rel", _name, rows="stay", by=STATSMODELS)(partial(paired, name=_name))
    case("st.friedmanchisquare", _name, rows="shared", by=SCIPY)(partial(friedman, name=_name))
    case("st.kendalltau", _name, rows="shared", by=SCIPY)(partial(tau, name=_name))
    case("st.jarque_bera", _name, rows="shared", by=SCIPY)(partial(first, name=_name))
    case("st.normaltest", _name, rows="shared", by=SCIPY)(partial(first, name=_name))
case("st.jarque_bera", "5,000 rows with a tail", rows="shared", by=SCIPY, public=False)(tail)
