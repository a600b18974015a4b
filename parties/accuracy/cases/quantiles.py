"""Quantiles by group of shared rows, against pandas."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, part, same
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import PANDAS
from parties.accuracy.registry import case
from protocols import statistics as st

SHARES = [0.05, 0.25, 0.5, 0.75, 0.9]


def by_group(joint: Joint, name: str, frame: Any = None) -> Compare:
    rows = sets.by_category()[name] if frame is None else frame
    found = joint.release(rows, lambda t: st.quantiles(t.x, SHARES, by=t.level))
    groups = rows.dropna().groupby("level").x
    values = np.array(part(found, "values"), object)
    yield same("levels", part(found, "rows"), list(groups.groups))
    yield same("rows", values[:, 0], groups.count())
    known = groups.quantile(SHARES).unstack()
    yield estimate("quantiles", values[:, 1:], known, scale=np.repeat(groups.std().fillna(1), len(SHARES)))


def gaps() -> Any:
    """Groups of one to forty rows, ties, and missing values of both columns."""
    made = np.random.default_rng(5)
    sizes = [1, 2, 3, 4, 9, 40]
    level = np.repeat([f"L{i}" for i in range(len(sizes))], sizes).astype(object)
    rows = pd.DataFrame({"x": made.integers(-20, 20, level.size).astype(float), "level": level})
    rows.loc[[30, 40, 50], "x"] = np.nan
    rows.loc[[31, 41], "level"] = None
    return rows


def far() -> Any:
    """Values a million deviations from 0."""
    made = np.random.default_rng(6)
    return pd.DataFrame({"x": 1e6 + made.normal(0, 1, 200), "level": made.choice(["L0", "L1", "L2"], 200)})


for _name in sets.BY_CATEGORY:
    case("st.quantiles", _name, rows="shared", by=PANDAS)(partial(by_group, name=_name))
case("st.quantiles", "small groups, ties, gaps", rows="shared", by=PANDAS, public=False)(
    lambda joint: by_group(joint, "", gaps())
)
case("st.quantiles", "values about 1e6", rows="shared", by=PANDAS, public=False)(
    lambda joint: by_group(joint, "", far())
)
