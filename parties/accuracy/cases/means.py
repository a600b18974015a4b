"""Comparisons of means: t tests and analyses of variance, against SciPy and NIST's certified analyses of variance."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mpc import Real
from parties.accuracy import sets
from parties.accuracy.compared import ROWS, Compare, estimate, measured, p_value, part, same
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st

#: Why analyses of SmLs07 to SmLs09 have no more digits.
AT_1E12 = "as float64 the data themselves, tenths above 1e12, have three to four digits of what varies"
LITTLE = "undefined: varies too little for its declared range"


def two_groups(joint: Joint, name: str, equal_var: bool, frame: Any = None, **declared: Any) -> Compare:
    rows = sets.by_flag()[name] if frame is None else frame
    found = joint.release(
        rows,
        lambda t: st.ttest_ind(*(g.x for g in sides(t, "group")), equal_var=equal_var),
        **declared,
    )
    inside, outside = sets.halves(rows, "x", "group")
    known = need("scipy.stats").ttest_ind(inside, outside, equal_var=equal_var)
    low, high = known.confidence_interval()
    yield estimate("t", part(found, "statistic"), known.statistic, scale=1)
    yield estimate("df", part(found, "df"), known.df)
    error = abs(inside.mean() - outside.mean()) / max(abs(known.statistic), 1e-9)
    yield estimate("interval", [part(found, "ci_low"), part(found, "ci_high")], [low, high], scale=error)
    yield p_value("p", part(found, "p"), known.pvalue)


def sides(table: Any, flag: str) -> list[Any]:
    """The rows with a flag, and those without it."""
    return [table.filter(table[flag]), table.filter(~table[flag])]


def one_sample(joint: Joint, name: str) -> Compare:
    frame = sets.numbers()[name].astype(float)
    against = {c: float(f"{frame[c].mean() + 1.5 * frame[c].sem():.3g}") for c in frame.columns}
    found = joint.release(frame, lambda t: {c: st.ttest_1samp(t[c], m) for c, m in against.items()})
    for c, m in against.items():
        known = need("scipy.stats").ttest_1samp(frame[c], m)
        yield from one_mean(found[c], "mean", known, float(frame[c].mean()), float(frame[c].sem()))


def one_mean(found: Any, name: str, known: Any, mean: Any, error: Any) -> Compare:
    """Of `ttest_1samp` and `ttest_rel`: the mean and its interval relative to the larger of it and its error."""
    low, high = known.confidence_interval()
    ours = [measured(found, name, key) for key in ("estimate", "ci_low", "ci_high")]
    yield estimate("mean and interval", ours, [mean, low, high], scale=error)
    yield estimate("t", measured(found, name, "statistic"), known.statistic, scale=1)
    yield p_value("p", measured(found, name, "p"), known.pvalue)


def paired(joint: Joint, name: str) -> Compare:
    """Two columns of a data set, brought to the same scale."""
    frame = sets.numbers()[name].astype(float)
    first, second = frame.columns[:2]
    both = pd.DataFrame({"a": frame[first] / frame[first].std(), "b": frame[second] / frame[second].std()})
    both["b"] += (both.a - both.b).mean() - 0.1
    found = joint.release(both, lambda t: st.ttest_rel(t.a, t.b))
    difference = both.a - both.b
    known = need("scipy.stats").ttest_rel(both.a, both.b)
    yield from one_mean(found, "mean difference", known, difference.mean(), difference.sem())


def analysis(joint: Joint, name: str, equal_var: bool, frame: Any = None) -> Compare:
    rows = sets.by_category()[name] if frame is None else frame
    found, groups = variance(joint, rows, equal_var)
    if equal_var:
        known = need("scipy.stats").f_oneway(*groups)
        statistic, p = known.statistic, known.pvalue
    else:
        oneway = need("statsmodels.stats.oneway").anova_oneway(groups, use_var="unequal", welch_correction=True)
        statistic, p = oneway.statistic, oneway.pvalue
    yield from f_test(found, equal_var, statistic, p)


def variance(joint: Joint, rows: Any, equal_var: bool, **declared: Any) -> tuple[Any, list[Any]]:
    """The analysis of `x` by `level`, and the values of each group."""
    levels = sorted(rows.level.unique())
    found = joint.release(
        rows,
        lambda t: st.f_oneway(*(t.filter(t.level == level).x for level in levels), equal_var=equal_var, names=levels),
        **declared,
    )
    return found, [rows.x[rows.level == level].to_numpy() for level in levels]


def f_test(found: Any, equal_var: bool, statistic: float, p: float) -> Compare:
    name = "F test" if equal_var else "F test, Welch"
    yield estimate("F", measured(found, name, "statistic"), statistic, scale=1)
    yield p_value("p", measured(found, name, "p"), p)


def simon_lesage(joint: Joint, rows: int, about: float) -> Compare:
    """NIST's SmLs01 to SmLs09: nine treatments by turns at 1.4, 1.3, 1.5, above a constant of many digits."""
    frame = sets.simon_lesage(rows, about)
    low = np.floor(frame.x.min())
    found, groups = variance(joint, frame, True, columns={"x": Real(low, low + 2)})
    f = {21: 21.0, 201: 201.0, 2001: 2001.0}[rows]
    p = need("scipy.special").fdtrc(8, 9 * (rows - 1), f)
    yield from f_test(found, True, f, p)
    yield same("rows", [len(group) for group in groups], [rows] * 9)


def certified(joint: Joint, name: str, value: str, f: float, declared: Any) -> Compare:
    frame = sets.shipped(name).rename(columns={"instrument": "level", value: "x"})
    frame["level"] = frame.level.map("L{}".format)
    found, groups = variance(joint, frame, True, columns={"x": declared})
    p = need("scipy.special").fdtrc(len(groups) - 1, len(frame) - len(groups), f)
    yield from f_test(found, True, f, p)


def large_effect(joint: Joint) -> Compare:
    """Groups far apart: p near 1e-100."""
    made = np.random.default_rng(3)
    group = made.random(600) < 0.3
    frame = pd.DataFrame({"x": made.normal(0, 1, 600) + 2.5 * group, "group": group})
    yield from two_groups(joint, "", True, frame)


def uneven(joint: Joint) -> Compare:
    """A group of three rows beside one of 900, whose deviations differ a hundred times."""
    made = np.random.default_rng(4)
    group = np.arange(903) % 301 == 0
    frame = pd.DataFrame({"x": np.where(group, made.normal(50, 10, 903), made.normal(40, 0.1, 903)), "group": group})
    yield from two_groups(joint, "", False, frame)


#: Generated groups.
GROUPS = {
    "groups of 200 rows, a mean of 1e4": sets.groups(8, 200, 200, 200),
    "5, 60 and 900 rows, a mean of 1e4": sets.groups(9, 5, 60, 900, spread=4),
}

for _rows in ROWS:
    for _name in sets.BY_FLAG:
        case("st.ttest_ind", _name, rows=_rows, by=SCIPY)(partial(two_groups, name=_name, equal_var=True))
        case("st.ttest_ind, Welch", _name, rows=_rows, by=SCIPY)(partial(two_groups, name=_name, equal_var=False))
    case("st.ttest_ind", "p near 1e-100", rows=_rows, by=SCIPY, public=False)(large_effect)
    case("st.ttest_ind, Welch", "3 and 900 rows", rows=_rows, by=SCIPY, public=False)(uneven)
    for _name in sets.NUMBERS:
        case("st.ttest_1samp", _name, rows=_rows, by=SCIPY)(partial(one_sample, name=_name))
        case("st.ttest_rel", _name, rows=_rows, by=SCIPY)(partial(paired, name=_name))
    for _name in sets.BY_CATEGORY:
        case("st.f_oneway", _name, rows=_rows, by=SCIPY)(partial(analysis, name=_name, equal_var=True))
        case("st.f_oneway, Welch", _name, rows=_rows, by=STATSMODELS)(partial(analysis, name=_name, equal_var=False))
    case("st.f_oneway", "NIST AtmWtAg", rows=_rows, by="NIST certified", may_be=LITTLE if _rows == "shared" else "")(
        partial(certified, name="atmwtag", value="weight", f=15.9467335677930, declared=Real(107.8, 107.9))
    )
    case("st.f_oneway", "NIST SiRstv, certified", rows=_rows, by="NIST certified")(
        partial(certified, name="sirstv", value="resistance", f=1.18046237440255, declared=Real(190, 200))
    )
    for _data, _frame in GROUPS.items():
        for _function, _equal in (("st.f_oneway", True), ("st.f_oneway, Welch", False)):
            case(_function, _data, rows=_rows, by=SCIPY if _equal else STATSMODELS, public=False)(
                partial(analysis, name="", equal_var=_equal, frame=_frame)
            )
for _k, _size in enumerate((21, 201, 2001)):
    for _j, _about in enumerate((0.0, 1e6, 1e12)):
        _known: Any = {"shortfall": AT_1E12, "within": {"estimate": 1e-2, "small p": 1.0}} if _about == 1e12 else {}
        case("st.f_oneway", f"NIST SmLs0{1 + _k + 3 * _j}", rows="stay", by="NIST certified", **_known)(
            partial(simon_lesage, rows=_size, about=_about)
        )
