"""The most frequent levels of a category, against pandas: the same names and counts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import ROWS, Compare, part, same
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import PANDAS, need
from parties.accuracy.registry import case
from protocols import statistics as st


def top(joint: Joint, frame: Any, k: int, minimum: int = 1) -> Compare:
    rows = frame()
    found = joint.release(rows, lambda t: st.top(t.level, k), minimum=minimum)
    counts = rows.level.value_counts().sort_index()
    known = counts.sort_values(ascending=False, kind="stable").head(k)
    yield same("levels", part(found, "labels"), known.index.to_numpy(object))
    yield same("counts", part(found, "values"), known.to_numpy(object))


def public(name: str) -> Any:
    """A public data set with a category `level`: whole numbers, or groups."""
    if name in sets.BY_CATEGORY:
        return sets.by_category()[name]
    if name == "statsmodels anes96, years of age":
        return levels(sets.statsmodels("anes96").age)
    if name == "statsmodels fair, years married":
        return levels(sets.statsmodels("fair").yrs_married * 2)
    return levels(need("sklearn.datasets").load_wine(as_frame=True).data.magnesium)


def levels(column: Any) -> Any:
    return pd.DataFrame({"level": column.astype(int).map("{:03}".format)})


def ties() -> Any:
    """Forty levels, of which many have equally many rows."""
    return pd.DataFrame({"level": [f"L{i:02}" for i in range(40) for _ in range(10 + i % 3)]})


def many() -> Any:
    """Levels with a long tail."""
    made = np.random.default_rng(3)
    return levels(pd.Series((made.pareto(1.0, 2000) * 5).astype(int) % 150))


for _rows in ROWS:
    for _name in (
        "statsmodels anes96, years of age",
        "statsmodels fair, years married",
        "scikit-learn wine, magnesium",
    ):
        case("st.top", _name, rows=_rows, by=PANDAS)(partial(top, frame=partial(public, _name), k=5))
    for _name in ("scikit-learn iris", "statsmodels grunfeld", "lifelines larynx", "NIST SiRstv"):
        case("st.top", _name, rows=_rows, by=PANDAS)(partial(top, frame=partial(public, _name), k=3))
    case("st.top", "ties", rows=_rows, by=PANDAS, public=False)(partial(top, frame=ties, k=20, minimum=5))
    case("st.top", "a long tail", rows=_rows, by=PANDAS, public=False)(partial(top, frame=many, k=10, minimum=10))
