"""Rank tests of shared rows, against SciPy: as exact as whole numbers are."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import Compare, Compared, estimate, measured, p_value
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, need
from parties.accuracy.registry import case
from protocols import statistics as st


def mann_whitney(joint: Joint, name: str, frame: Any = None) -> Compare:
    rows = sets.by_flag()[name] if frame is None else frame
    found = joint.release(rows, lambda t: st.mannwhitneyu(t.x, t.group))
    inside, outside = sets.halves(rows.dropna(), "x", "group")
    known = need("scipy.stats").mannwhitneyu(inside, outside, method="asymptotic")
    chance = known.statistic / len(inside) / len(outside)
    yield estimate("U", measured(found, "U, with", "estimate"), known.statistic)
    yield estimate("chance", measured(found, "chance that with is larger", "estimate"), chance)
    yield p_value("p", measured(found, "Mann-Whitney test", "p"), known.pvalue)


def kruskal(joint: Joint, name: str, frame: Any = None) -> Compare:
    rows = sets.by_category()[name] if frame is None else frame
    found = joint.release(rows, lambda t: st.kruskal(t.x, t.level))
    known = need("scipy.stats").kruskal(*(group.x.dropna() for _, group in rows.groupby("level")))
    yield estimate("H", measured(found, "Kruskal-Wallis test", "statistic"), known.statistic)
    yield p_value("p", measured(found, "Kruskal-Wallis test", "p"), known.pvalue)


def wilcoxon(joint: Joint, name: str, frame: Any = None) -> Compare:
    rows = two_columns(name) if frame is None else frame
    found = joint.release(rows, lambda t: st.wilcoxon(t.a - t.b))
    # One-sided it gives the rank sum of positive differences; two-sided the smaller of both sums.
    known = need("scipy.stats").wilcoxon((rows.a - rows.b).dropna(), alternative="greater", method="asymptotic")
    two_sided = need("scipy.stats").wilcoxon((rows.a - rows.b).dropna(), method="asymptotic")
    yield estimate("rank sum", measured(found, "rank sum above 0", "estimate"), known.statistic)
    yield p_value("p", measured(found, "signed-rank test", "p"), two_sided.pvalue)


def two_columns(name: str) -> Any:
    """Two columns of a data set as whole numbers of the same scale."""
    frame = sets.numbers()[name].astype(float)
    a, b = (((frame[c] - frame[c].mean()) / frame[c].std() * 20).round().astype(int) for c in frame.columns[:2])
    return pd.DataFrame({"a": a + 3, "b": b})


def spearman(joint: Joint, name: str, frame: Any = None) -> Compare:
    rows = sets.with_gaps(sets.numbers()[name]).iloc[:, :2].set_axis(["a", "b"], axis=1) if frame is None else frame
    found = joint.release(rows, lambda t: st.spearmanr(t.a, t.b))
    known = need("scipy.stats").spearmanr(*rows.dropna().to_numpy().T)
    yield estimate("rank correlation", measured(found, "rank correlation", "estimate"), known.statistic, scale=1)
    yield p_value("p", measured(found, "rank correlation", "p"), known.pvalue)


def ties(seed: int, rows: int, levels: int, shift: float) -> Any:
    """Whole numbers of few values, a flag and a category, a second column, and missing values."""
    made = np.random.default_rng(seed)
    group = made.random(rows) < 0.3
    x = np.floor(made.uniform(0, levels, rows) + shift * group)
    x[::13] = np.nan
    b = np.floor(made.uniform(0, levels, rows))
    level = made.choice(["L0", "L1", "L2"], rows)
    return pd.DataFrame({"x": x, "group": group, "level": level, "a": x, "b": b})


def hidden(joint: Joint) -> Compare:
    """All values but two are the same: ties would tell how many, so all is suppressed."""
    frame = pd.DataFrame({"x": [1] * 58 + [2, 3], "group": np.arange(60) % 3 == 0})
    found = joint.release(frame, lambda t: st.mannwhitneyu(t.x, t.group), minimum=5)
    yield Compared("suppression", "same", float(found != "suppressed (fewer than 5)"))


for _name in sets.BY_FLAG:
    case("st.mannwhitneyu", _name, rows="shared", by=SCIPY)(partial(mann_whitney, name=_name))
for _name in sets.BY_CATEGORY:
    case("st.kruskal", _name, rows="shared", by=SCIPY)(partial(kruskal, name=_name))
for _name in sets.NUMBERS:
    case("st.wilcoxon", _name, rows="shared", by=SCIPY)(partial(wilcoxon, name=_name))
    case("st.spearmanr", _name, rows="shared", by=SCIPY)(partial(spearman, name=_name))
for _function, _test, _columns in (
    ("st.mannwhitneyu", mann_whitney, ["x", "group"]),
    ("st.kruskal", kruskal, ["x", "level"]),
    ("st.wilcoxon", wilcoxon, ["a", "b"]),
    ("st.spearmanr", spearman, ["a", "b"]),
):
    for _data, _frame in (
        ("three values", ties(1, 300, 3, 0.0)),
        ("p far below 1e-6", ties(2, 900, 40, 20.0).assign(b=lambda t: t.a.fillna(9) // 3)),
    ):
        case(_function, _data, rows="shared", by=SCIPY, public=False)(partial(_test, name="", frame=_frame[_columns]))
case("st.mannwhitneyu", "two values unlike all others", rows="shared", by="the rule", public=False)(hidden)
