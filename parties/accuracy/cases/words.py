"""Words in place of numbers: groups too small to show, and data of which a statistic says nothing.

The rule is in the docstring of each function: *suppressed* where fewer rows than the minimum are behind a number, and
*undefined* for a constant column, too few rows, or nothing but missing values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mpc import Category, Real
from parties.accuracy.compared import ROWS, Compare, Compared, Rows
from parties.accuracy.joint import Joint
from parties.accuracy.registry import case
from protocols import statistics as st
from protocols import survival

#: The minimum of these studies, and the words of it.
MINIMUM = 5
SUPPRESSED = f"suppressed (fewer than {MINIMUM})"
LEVELS = ("L0", "L1")
#: Function -> (how rows may be held, script).
FUNCTIONS: dict[str, tuple[tuple[Rows, ...], Callable[[Any], Any]]] = {
    "x.mean, x.std": (ROWS, lambda t: {"mean": t.x.mean(), "sd": t.x.std()}),
    "x.sum, x.var": (ROWS, lambda t: {"var": t.x.var()}),
    "x.quantile": (("shared",), lambda t: {"q": t.x.quantile(0.5)}),
    "groups.mean, groups.std": (("stay",), lambda t: {"mean": t.group_by("level").x.mean()}),
    "st.ttest_ind": (ROWS, lambda t: st.ttest_ind(t.filter(t.flag).x, t.filter(~t.flag).x, equal_var=True)),
    "st.ttest_ind, Welch": (ROWS, lambda t: st.ttest_ind(t.filter(t.flag).x, t.filter(~t.flag).x)),
    "st.ttest_1samp": (ROWS, lambda t: st.ttest_1samp(t.x, 5)),
    "st.ttest_rel": (ROWS, lambda t: st.ttest_rel(t.x, t.y)),
    "st.f_oneway": (ROWS, lambda t: st.f_oneway(*(t.filter(t.level == level).x for level in LEVELS))),
    "st.mannwhitneyu": (("shared",), lambda t: st.mannwhitneyu(t.x, t.flag)),
    "st.kruskal": (("shared",), lambda t: st.kruskal(t.x, t.level)),
    "st.wilcoxon": (("shared",), lambda t: st.wilcoxon(t.x - t.y)),
    "st.spearmanr": (("shared",), lambda t: st.spearmanr(t.x, t.y)),
    "st.correlation": (("stay",), lambda t: st.correlation(t[["x", "y"]])),
    "st.ols": (("stay",), lambda t: st.ols(t.y, t[["x", "flag"]])),
    "st.logit": (("shared",), lambda t: st.logit(t.flag, t[["x", "y"]])),
    "st.contingency": (("stay",), lambda t: st.contingency(t.level, t.flag)),
    "st.two_by_two": (ROWS, lambda t: st.two_by_two(t.flag, t.other)),
    "st.odds_ratio": (ROWS, lambda t: st.odds_ratio(t.flag, t.other)),
    "st.mcnemar": (ROWS, lambda t: st.mcnemar(t.flag, t.other)),
    "st.agreement": (ROWS, lambda t: st.agreement(t.flag, t.other)),
    "st.diagnostic": (ROWS, lambda t: st.diagnostic(t.flag, t.other)),
    "survival.logrank": (ROWS, lambda t: survival.logrank(t.time, t.flag, t.level)),
}
#: Those of `FUNCTIONS` that take no column of numbers.
OF_FLAGS = (
    "st.contingency",
    "st.two_by_two",
    "st.odds_ratio",
    "st.mcnemar",
    "st.agreement",
    "st.diagnostic",
    "survival.logrank",
)
COLUMNS = {"x": Real(0, 10), "y": Real(0, 10), "level": Category(*LEVELS)}


def frame(few: int) -> Any:
    """Sixty rows; few of them have the flag, the other flag and the second level."""
    made = np.random.default_rng(31)
    some = np.arange(60) < few
    table = pd.DataFrame({"x": made.uniform(0, 10, 60), "y": made.uniform(0, 10, 60), "time": np.arange(1, 61)})
    return table.assign(flag=some, other=some, level=np.where(some, "L1", "L0"))


def small(joint: Joint, script: Callable[[Any], Any]) -> Compare:
    """Four rows with a value: everything that stands on them is suppressed."""
    rows = frame(4)
    rows.loc[4:, "x"] = np.nan
    found = joint.release(rows, script, columns=COLUMNS, minimum=MINIMUM)
    yield from words(found, SUPPRESSED)


def missing(joint: Joint, script: Callable[[Any], Any]) -> Compare:
    """No value at all."""
    rows = frame(30).assign(x=np.nan)
    yield from words(joint.release(rows, script, columns=COLUMNS), "undefined: ")


def constant(joint: Joint, script: Callable[[Any], Any]) -> Compare:
    """One value in all rows."""
    rows = frame(30).assign(x=4.0, y=4.0)
    yield from words(joint.release(rows, script, columns=COLUMNS), "undefined: ")


def words(found: Any, start: str) -> Compare:
    """That a release has these words, and no p-value beside them."""
    leaves = flat(found)
    p = found.get("p", []) if isinstance(found, dict) else []
    right = any(isinstance(leaf, str) and leaf.startswith(start) for leaf in leaves)
    yield Compared("words", "same", float(not right or any(isinstance(one, float) for one in flat(p))))


def flat(found: Any) -> list[Any]:
    """The leaves of a release."""
    if isinstance(found, dict | list):
        return [leaf for part in (found.values() if isinstance(found, dict) else found) for leaf in flat(part)]
    return [found]


for _function, (_held, _script) in FUNCTIONS.items():
    for _rows in _held:
        for _data, _compare, _left_out in (
            ("four rows", small, ()),
            ("no values", missing, OF_FLAGS),
            ("one value alone", constant, (*OF_FLAGS, "x.quantile", "groups.mean, groups.std")),
        ):
            if _function not in _left_out:
                case(_function, _data, rows=_rows, by="the rule", public=False)(partial(_compare, script=_script))
